//! Profiles of the AWS CLI: what `~/.aws/config` and `~/.aws/credentials` say to whoever speaks with S3. Pure; `cli` brings
//! the texts.
//!
//! What a profile gives joins the variables of [`Access`] in the CLI's own order, by [`Access::with_profile`].
//!
//! # Invariants
//! - An error tells the file, the line, the profile or the key, and never a value.
//! - Keys come from one place, whole: from the environment, from one file, or from a program.

mod joined;
mod sections;
mod words;

use std::path::PathBuf;

use self::sections::{Keys, named, parse};

#[cfg(doc)]
use super::Access;

/// A file with profiles.
pub struct ProfileFile {
    /// Where it is looked for.
    pub path: PathBuf,
    /// What is in it; `None` where it is not there.
    pub text: Option<String>,
}

/// A profile.
#[derive(Clone, Default)]
pub struct Profile {
    name: String,
    /// What the file `config` says.
    config: Keys,
    /// What the file `credentials` says, which wins.
    credentials: Keys,
    /// Addresses of services, from a section of their own.
    services: Keys,
}

/// A profile that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A file cannot be understood.
    #[error("line {line} of {} is neither a section in brackets nor a key with its value", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// There is none of that name.
    #[error("there is no profile {name}, neither in {} nor in {}", config.display(), credentials.display())]
    Missing {
        /// The name.
        name: String,
        /// A file that was looked in.
        config: PathBuf,
        /// The other.
        credentials: PathBuf,
    },
    /// It names addresses that are not there.
    #[error("the profile {profile} has services = {services}, and {} has no such section", config.display())]
    Services {
        /// The profile.
        profile: String,
        /// What it names.
        services: String,
        /// The file that was looked in.
        config: PathBuf,
    },
    /// Half of what makes an identity.
    #[error("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not")]
    HalfIdentity,
    /// Half of what makes a key.
    #[error("the profile {profile} has {has}, and no {lacks} beside it")]
    Half {
        /// The profile.
        profile: String,
        /// What it has.
        has: &'static str,
        /// What it lacks.
        lacks: &'static str,
    },
    /// It wants keys in a way that only the CLI knows.
    #[error("the profile {profile} has {key}, which only the AWS CLI can follow")]
    Unsupported {
        /// The profile.
        profile: String,
        /// What says so.
        key: &'static str,
    },
    /// Its command is none.
    #[error(
        "credential_process of the profile {profile} is no command: it is empty, or a quote is not closed"
    )]
    Process {
        /// The profile.
        profile: String,
    },
}

impl Profile {
    /// Finds the profile `name`; without a name, the default one, which need not be there.
    ///
    /// # Errors
    /// [`ProfileError`] where a file cannot be understood, or there is no such profile.
    pub fn find(
        name: Option<&str>,
        config: &ProfileFile,
        credentials: &ProfileFile,
    ) -> Result<Self, ProfileError> {
        let wanted = name.unwrap_or("default");
        let mut of_config = config.sections()?;
        let mut of_credentials = credentials.sections()?;
        let spelled = of_config
            .keys()
            .find(|section| named(section, "profile") == Some(wanted));
        let plain = of_config
            .keys()
            .find(|section| *section == "default" && wanted == "default");
        let section = spelled.or(plain).cloned();
        let in_config = section.and_then(|section| of_config.remove(&section));
        let in_credentials = of_credentials.remove(wanted);
        if name.is_some() && in_config.is_none() && in_credentials.is_none() {
            return Err(ProfileError::Missing {
                name: wanted.to_owned(),
                config: config.path.clone(),
                credentials: credentials.path.clone(),
            });
        }
        let mut profile = Self {
            name: wanted.to_owned(),
            config: in_config.unwrap_or_default(),
            credentials: in_credentials.unwrap_or_default(),
            services: Keys::new(),
        };
        if let Some(services) = profile.get("services") {
            let found = of_config
                .iter()
                .find(|(section, _)| named(section, "services") == Some(services));
            let (_, services) = found.ok_or_else(|| ProfileError::Services {
                profile: wanted.to_owned(),
                services: services.to_owned(),
                config: config.path.clone(),
            })?;
            profile.services = services.clone();
        }
        Ok(profile)
    }

    /// Returns the value of a key, if it has one.
    fn get(&self, key: &str) -> Option<&str> {
        let mut files = [&self.credentials, &self.config].into_iter();
        files.find_map(|keys| value(keys, key))
    }
}

impl ProfileFile {
    fn sections(&self) -> Result<std::collections::BTreeMap<String, Keys>, ProfileError> {
        let text = self.text.as_deref().unwrap_or_default();
        parse(text).map_err(|line| ProfileError::Syntax {
            path: self.path.clone(),
            line,
        })
    }
}

fn value<'a>(keys: &'a Keys, key: &str) -> Option<&'a str> {
    keys.get(key)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
