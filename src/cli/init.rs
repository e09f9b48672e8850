//! `strandline init`: a commented settings file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::config::template;

use super::Session;
use super::args::InitArgs;
use super::exit::Ending;
use super::settings::DEFAULT_FILE;
use super::usage::UsageError;

/// Writes a settings file where there is none.
pub(super) fn init(args: &InitArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let path = session
        .global
        .config
        .as_deref()
        .unwrap_or(Path::new(DEFAULT_FILE));
    let text = template(args.source.as_deref(), args.target.as_deref());
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => UsageError::Exists {
                path: path.to_owned(),
            },
            _ => UsageError::Write {
                path: path.to_owned(),
                source,
            },
        })?;
    let document = serde_json::json!({ "version": 1, "file": path });
    session
        .talk
        .result(&document, || format!("{} is written\n", path.display()))?;
    Ok(Ending::Done)
}
