//! What the environment says about object stores, and the files that it names.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::config::{Access, Profile, ProfileFile};

use super::usage::UsageError;

/// Returns what gives access: the variables, and where S3 is spoken, what a profile of the AWS CLI adds to them.
///
/// # Errors
/// Where a profile is to be used and cannot be.
pub(super) fn access(speaks_s3: bool) -> Result<Access, UsageError> {
    let access = variables();
    if !speaks_s3 {
        return Ok(access);
    }
    let name = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];
    let name = name.iter().find_map(|name| access.value(name));
    let read = |file: &Known| read(file, &access, name.is_some());
    let (config, credentials) = (read(&CONFIG)?, read(&CREDENTIALS)?);
    let profile = Profile::find(name, &config, &credentials)?;
    Ok(access.with_profile(&profile)?)
}

/// A variable that is no text is none of theirs.
fn variables() -> Access {
    let variables = env::vars_os();
    let texts = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.collect()
}

/// A file of the AWS CLI: the variable that names it, and where it is otherwise.
struct Known {
    variable: &'static str,
    path: &'static str,
}

const CONFIG: Known = Known {
    variable: "AWS_CONFIG_FILE",
    path: "~/.aws/config",
};
const CREDENTIALS: Known = Known {
    variable: "AWS_SHARED_CREDENTIALS_FILE",
    path: "~/.aws/credentials",
};

/// Reads a file. One that cannot be read is not there, where nobody has named it or a profile: a home may be another's.
fn read(file: &Known, access: &Access, is_profile_named: bool) -> Result<ProfileFile, UsageError> {
    let named = access.value(file.variable);
    let path = at_home(named.unwrap_or(file.path));
    let text = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) if named.is_none() && !is_profile_named => None,
        Err(source) => return Err(UsageError::ProfileFile { path, source }),
    };
    Ok(ProfileFile { path, text })
}

/// Returns the path that `~/` at its beginning stands for.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(path),
    }
}
