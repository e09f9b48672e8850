//! Arguments, environment and file to one set of settings, resolved once.

use std::env;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use crate::config::{EventsToken, Key, Layer, Layers, Settings, parse_file};

use super::access::access;
use super::args::Global;
use super::usage::UsageError;

/// The file that is read where nobody names another.
pub(super) const DEFAULT_FILE: &str = "strandline.toml";

/// Stacks the flags on the environment, the settings file and the defaults.
///
/// Without `-c`, `./strandline.toml` is read if it is there and the command line names no pipeline of its own.
///
/// # Errors
/// Where the file cannot be read or understood.
pub(super) fn layers(mut flags: Layer, global: &Global) -> anyhow::Result<Layers> {
    let own = flags.values.contains_key(&Key::Source) || flags.values.contains_key(&Key::Target);
    let file = read_file(global.config.as_deref(), own)?;
    global.fill(&mut flags);
    let mut layers = vec![flags, Layer::environment(|name| env::var(name).ok())];
    layers.extend(file);
    layers.push(Layer::defaults());
    Ok(Layers(layers))
}

/// Resolves layers for this machine.
///
/// # Errors
/// Where a value means nothing, or a profile cannot be used.
pub(super) fn resolve(layers: &Layers) -> anyhow::Result<Settings> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let settings = Settings::resolve(layers, processors)?;
    let access = access(settings.speaks_s3())?;
    let token = env::var("STRANDLINE_EVENTS_TOKEN").ok();
    Ok(Settings {
        events_token: token.and_then(EventsToken::new),
        ..settings.with_access(access)
    })
}

fn read_file(file: Option<&Path>, own: bool) -> Result<Option<Layer>, anyhow::Error> {
    let (path, asked_for) = match file {
        Some(path) => (path.to_owned(), true),
        None if own => return Ok(None),
        None => (PathBuf::from(DEFAULT_FILE), false),
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(parse_file(&path, &text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !asked_for => Ok(None),
        Err(source) => Err(UsageError::SettingsFile { path, source }.into()),
    }
}
