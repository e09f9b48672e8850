//! What a profile adds to the variables of the environment: the order in which the AWS CLI looks.
//!
//! Keys in the environment win, whatever profile is named; then a role that the profile assumes, web identity (of the
//! environment before that of the profile), single sign-on, keys in `credentials`, a login, a program, keys in `config`. What
//! a profile gives is taken whole, and a stray half of another place is dropped. A region and an address of the environment
//! win one by one.

use super::sections::Keys;
use super::words::words;
use super::{Profile, ProfileError, value};
use crate::config::Access;
use crate::config::access::{CredentialProcess, is_true};

const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const TOKENS: [&str; 2] = ["AWS_SESSION_TOKEN", "AWS_TOKEN"];
const IDENTITY: [&str; 3] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
];
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const ADDRESSES: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
const NO_ADDRESSES: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

impl Access {
    /// Adds what `profile` gives and the environment does not.
    ///
    /// # Errors
    /// [`ProfileError`] where the keys are to come from the profile, and it has half of them, or wants what is not supported.
    pub fn with_profile(mut self, profile: &Profile) -> Result<Self, ProfileError> {
        if !self.has(&KEYS) && !self.is_true("AWS_SKIP_SIGNATURE") {
            self.take_keys(profile)?;
        }
        if !self.has(&REGIONS) {
            self.take(profile, "AWS_REGION", "region");
        }
        if !self.has(&["AWS_CA_BUNDLE"]) {
            self.take(profile, "AWS_CA_BUNDLE", "ca_bundle");
        }
        let ignores = profile.get("ignore_configured_endpoint_urls");
        if !self.is_true(NO_ADDRESSES) && !ignores.is_some_and(is_true) {
            self.take_addresses(profile);
        }
        Ok(self)
    }

    fn take(&mut self, profile: &Profile, variable: &str, key: &str) {
        if let Some(value) = profile.get(key) {
            self.insert(variable, value, profile.place(key));
        }
    }

    fn take_addresses(&mut self, profile: &Profile) {
        let of_service =
            |service: &str| value(&profile.services, &format!("{service}.endpoint_url"));
        if !self.has(&ADDRESSES) {
            match of_service("s3") {
                Some(address) => {
                    let place = profile.place("the endpoint_url of s3 in services");
                    self.insert("AWS_ENDPOINT_URL_S3", address, place);
                }
                None => self.take(profile, "AWS_ENDPOINT_URL", "endpoint_url"),
            }
        }
        if let Some(address) = of_service("sts").filter(|_| !self.has(&["AWS_ENDPOINT_URL_STS"])) {
            let place = profile.place("the endpoint_url of sts in services");
            self.insert("AWS_ENDPOINT_URL_STS", address, place);
        }
    }

    fn take_keys(&mut self, profile: &Profile) -> Result<(), ProfileError> {
        let token_file = profile.get("web_identity_token_file");
        if let (Some(_), None) = (profile.get("role_arn"), token_file) {
            let key = ["source_profile", "credential_source"];
            let key = key.into_iter().find(|key| profile.get(key).is_some());
            return Err(match key {
                Some(key) => profile.unsupported(key),
                None => profile.half("role_arn", "web_identity_token_file or source_profile"),
            });
        }
        match (self.has(&IDENTITY[..1]), self.has(&IDENTITY[1..2])) {
            (true, true) => return Ok(()),
            // Half of it would leave the client to whatever the machine may do.
            (true, false) => return Err(ProfileError::HalfIdentity),
            (false, _) => {}
        }
        if token_file.is_some() {
            return self.take_identity(profile);
        }
        if let Some(key) = profile.first(&["sso_account_id", "sso_role_name"]) {
            return Err(profile.unsupported(key));
        }
        if self.take_static(profile, &profile.credentials)? {
            return Ok(());
        }
        if let Some(key) = profile.first(&["login_session"]) {
            return Err(profile.unsupported(key));
        }
        if let Some(line) = profile.get("credential_process") {
            let words = words(line).filter(|words| !words.is_empty());
            let profile = profile.name.clone();
            return match words {
                Some(words) => {
                    self.ask(CredentialProcess { profile, words });
                    Ok(())
                }
                None => Err(ProfileError::Process { profile }),
            };
        }
        self.take_static(profile, &profile.config).map(drop)
    }

    fn take_identity(&mut self, profile: &Profile) -> Result<(), ProfileError> {
        if profile.get("role_arn").is_none() {
            return Err(profile.half("web_identity_token_file", "role_arn"));
        }
        self.remove(&IDENTITY);
        self.remove(&TOKENS);
        let [file, role, session] = IDENTITY;
        self.take(profile, file, "web_identity_token_file");
        self.take(profile, role, "role_arn");
        self.take(profile, session, "role_session_name");
        Ok(())
    }

    /// Takes the keys of one file of a profile, and tells whether there are any.
    fn take_static(&mut self, profile: &Profile, file: &Keys) -> Result<bool, ProfileError> {
        let (id, secret) = ("aws_access_key_id", "aws_secret_access_key");
        match (value(file, id), value(file, secret)) {
            (None, None) => return Ok(false),
            (Some(_), None) => return Err(profile.half(id, secret)),
            (None, Some(_)) => return Err(profile.half(secret, id)),
            (Some(own_id), Some(own_secret)) => {
                self.remove(&TOKENS);
                self.insert(KEYS[0], own_id, profile.place(id));
                self.insert(KEYS[1], own_secret, profile.place(secret));
            }
        }
        let mut tokens = ["aws_session_token", "aws_security_token"].into_iter();
        if let Some((key, token)) = tokens.find_map(|key| Some((key, value(file, key)?))) {
            self.insert(TOKENS[0], token, profile.place(key));
        }
        Ok(true)
    }
}

impl Profile {
    fn first(&self, keys: &[&'static str]) -> Option<&'static str> {
        keys.iter().copied().find(|key| self.get(key).is_some())
    }

    fn place(&self, key: &str) -> String {
        format!("{key} of the profile {}", self.name)
    }

    fn half(&self, has: &'static str, lacks: &'static str) -> ProfileError {
        let profile = self.name.clone();
        ProfileError::Half {
            profile,
            has,
            lacks,
        }
    }

    fn unsupported(&self, key: &'static str) -> ProfileError {
        let profile = self.name.clone();
        ProfileError::Unsupported { profile, key }
    }
}
