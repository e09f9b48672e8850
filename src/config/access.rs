//! What gives access to an object store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Beginnings of the names that the tools of the clouds look for in the environment.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Names a file with the certificates that TLS trusts instead of those of the system, for every program.
pub(crate) const SYSTEM_CERTIFICATES: &str = "SSL_CERT_FILE";

/// Keys, endpoints and regions, by the names that they have in the environment. Its values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    variables: BTreeMap<String, Given>,
    process: Option<CredentialProcess>,
    ca_file: Option<PathBuf>,
}

/// A value, and where it stands if not in a variable of its name.
#[derive(Clone, PartialEq, Eq)]
struct Given {
    value: String,
    place: Option<String>,
}

/// A program that tells keys of S3 when it is asked, as a profile names it. Its arguments are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialProcess {
    pub(super) profile: String,
    pub(super) words: Vec<String>,
}

impl Access {
    /// Returns the variables, in order of their names.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, given)| (name.as_str(), given.value.as_str()))
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|given| given.value.as_str())
    }

    /// Says where the value of a variable stands, for an error about it.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        let place = self
            .variables
            .get(name)
            .and_then(|given| given.place.clone());
        place.unwrap_or_else(|| name.to_owned())
    }

    /// Tells whether a variable says yes, in any of the words that the clients take for that.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.value(name).is_some_and(is_true)
    }

    /// Returns the program that tells keys of S3, where it is to be asked.
    #[must_use]
    pub fn process(&self) -> Option<&CredentialProcess> {
        self.process.as_ref()
    }

    /// Has the certificates in a file trusted, for every store, beside those that are anyway.
    #[must_use]
    pub fn with_ca_file(mut self, file: Option<PathBuf>) -> Self {
        self.ca_file = file;
        self
    }

    /// Returns the file with the certificates that are trusted beside others.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Tells whether any of these is given.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.variables.contains_key(*name))
    }

    pub(super) fn insert(&mut self, name: &str, value: &str, place: String) {
        let given = Given {
            value: value.to_owned(),
            place: Some(place),
        };
        self.variables.insert(name.to_owned(), given);
    }

    pub(super) fn remove(&mut self, names: &[&str]) {
        for name in names {
            self.variables.remove(*name);
        }
    }

    pub(super) fn ask(&mut self, process: CredentialProcess) {
        self.process = Some(process);
    }
}

impl CredentialProcess {
    /// Returns the profile that names it.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Returns the program and its arguments; there is at least the program.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

/// Takes the variables that are about object stores, and not empty.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Access {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let is_about = |name: &String| {
            // The clients would know them in small letters as well, and none of the checks does.
            let is_own = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            is_own && !name.contains(char::is_lowercase) || name == SYSTEM_CERTIFICATES
        };
        let own = variables
            .filter(|(name, value): &(String, String)| is_about(name) && !value.is_empty());
        let own = own.map(|(name, value)| (name, Given { value, place: None }));
        Self {
            variables: own.collect(),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl fmt::Debug for CredentialProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CredentialProcess")
            .field(&self.profile)
            .finish()
    }
}

/// As the clients read it.
pub(super) fn is_true(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    matches!(&*value, "1" | "true" | "on" | "yes" | "y")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_a_store_is_taken_and_no_value_is_shown() {
        let access: Access = [
            ("AWS_SECRET_ACCESS_KEY", "pw"),
            ("AWS_REGION", ""),
            ("HOME", "pw"),
        ]
        .into_iter()
        .collect();
        assert_eq!(format!("{access:?}"), "{\"AWS_SECRET_ACCESS_KEY\"}");
        assert_eq!(
            access.variables().collect::<Vec<_>>(),
            [("AWS_SECRET_ACCESS_KEY", "pw")]
        );
    }
}
