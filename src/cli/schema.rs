//! `strandline schema`: a pipeline's columns, how they came, and whether a file fits them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;

use super::Session;
use super::answer::VERSION;
use super::args::{SchemaCheckArgs, SchemaDiffArgs, SchemaShowArgs, TargetArgs};
use super::exit::Ending;
use super::render;
use super::target::{Opened, open, settings};
use super::usage::UsageError;
use crate::config::{Definition, Hidden, Links, Place, Selection, parse_place};
use crate::engine;
use crate::ledger::{SchemaVersion, View};
use crate::model::{RunId, SourcePath, Timestamp};
use crate::schema::{Change, Declared, changes, column_text};
use crate::source::LocalSource;

/// A pipeline's columns.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) version: u32,
    /// The version of the columns; 0 before the first.
    pub(super) schema: u32,
    pub(super) run: Option<RunId>,
    pub(super) cause: Option<String>,
    pub(super) policy: crate::schema::SchemaPolicy,
    pub(super) columns: Vec<ShownColumn>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(super) struct ShownColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) type_text: String,
    /// The version since which it has this type.
    pub(super) since: u32,
    pub(super) declared: Option<Declared>,
    #[serde(skip)]
    pub(super) data_type: arrow_schema::DataType,
}

/// One version of the columns.
#[derive(Debug, Serialize)]
pub(super) struct Version {
    pub(super) schema: u32,
    pub(super) run: RunId,
    /// When the run began; not there where the history has forgotten it.
    pub(super) at: Option<Timestamp>,
    pub(super) columns: usize,
    pub(super) cause: String,
}

/// What is different between two versions.
#[derive(Debug, Serialize)]
pub(super) struct Diff {
    pub(super) version: u32,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) changes: Vec<Change>,
}

/// Shows the columns.
pub(super) fn show(args: &SchemaShowArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.target.layer(), session.global)?;
    let shown = shown(&opened.view)?;
    session.talk.result(&shown, || {
        if args.toml {
            render::schema_toml(&shown)
        } else {
            render::schema(&shown)
        }
    })?;
    Ok(Ending::Done)
}

fn shown(view: &View) -> anyhow::Result<Shown> {
    let versions = view.schemas()?;
    let rules = recorded(view)?.unwrap_or_default().schema;
    let latest = versions.last();
    let columns = latest.map(|latest| latest.shape.columns.as_slice());
    let columns = columns.unwrap_or_default().iter().map(|column| {
        let mut declared = rules.columns.iter();
        let declared = declared.find(|declared| declared.name == column.name);
        ShownColumn {
            name: column.name.clone(),
            type_text: column_text(column),
            since: since(&versions, &column.name),
            declared: declared.cloned(),
            data_type: column.data_type.clone(),
        }
    });
    Ok(Shown {
        version: VERSION,
        schema: latest.map_or(0, |latest| latest.version),
        run: latest.map(|latest| latest.run),
        cause: latest.map(|latest| latest.cause.clone()),
        policy: rules.policy,
        columns: columns.collect(),
    })
}

/// Returns the version since which the column has the type that it has.
fn since(versions: &[SchemaVersion], column: &str) -> u32 {
    let now = versions
        .last()
        .and_then(|latest| latest.shape.column(column));
    let same = versions.iter().rev();
    let same = same.take_while(|version| version.shape.column(column) == now);
    same.last().map_or(0, |version| version.version)
}

/// Returns the definition that the pipeline was last run under.
fn recorded(view: &View) -> anyhow::Result<Option<Definition>> {
    let Some(fingerprint) = view.meta()?.definition else {
        return Ok(None);
    };
    let text = view.definition(&fingerprint)?;
    let definition = text.map(|text| serde_json::from_str(&text)).transpose();
    definition.context("cannot read the definition that the ledger holds")
}

/// Lists the versions, the latest first.
pub(super) fn history(args: &TargetArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let view = open(args.layer(), session.global)?.view;
    let mut versions = Vec::new();
    for version in view.schemas()?.into_iter().rev() {
        versions.push(Version {
            schema: version.version,
            run: version.run,
            at: view.run(version.run)?.map(|report| report.started_at),
            columns: version.shape.columns.len(),
            cause: version.cause,
        });
    }
    let document = serde_json::json!({ "version": VERSION, "schemas": versions });
    session
        .talk
        .result(&document, || render::schema_history(&versions))?;
    Ok(Ending::Done)
}

/// Shows what is different between two versions.
pub(super) fn diff(args: &SchemaDiffArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let versions = open(args.target.layer(), session.global)?.view.schemas()?;
    let latest = versions.last().map_or(0, |version| version.version);
    let to = args.to.unwrap_or(latest);
    let from = args.from.unwrap_or(to.saturating_sub(1));
    let shape = |wanted: u32| match versions.iter().find(|known| known.version == wanted) {
        Some(known) => Ok(known.shape.clone()),
        None if wanted == 0 => Ok(crate::model::Shape::default()),
        None => Err(UsageError::UnknownSchema { wanted, latest }),
    };
    let newer = shape(to)?;
    let diff = Diff {
        version: VERSION,
        changes: changes(&shape(from)?, &newer),
        from,
        to,
    };
    session.talk.result(&diff, || render::schema_diff(&diff))?;
    Ok(Ending::Done)
}

/// Tells whether a file would fit, and what it would change.
pub(super) fn check(args: &SchemaCheckArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    std::fs::metadata(&args.file).map_err(|source| UsageError::File {
        path: args.file.clone(),
        source,
    })?;
    let flags = args.target.layer();
    let settings = settings(flags.clone(), session.global)?;
    let is_from_settings = session.global.config.is_some() || args.target.target.is_none();
    let opened: Option<Opened> = match open(flags, session.global) {
        Ok(opened) => Some(opened),
        // Before the first run, the settings are all there is.
        Err(error) if is_from_settings && is_missing(&error) => None,
        Err(error) => return Err(error),
    };
    let view = opened.as_ref().map(|opened| &opened.view);
    let definition = match view {
        Some(view) if !is_from_settings => recorded(view)?.unwrap_or_default(),
        _ => settings.definition,
    };
    let recorded_source = match view {
        Some(view) => view.meta()?.source.and_then(|text| parse_place(&text).ok()),
        None => None,
    };
    // FILE is on this machine, so it cannot lie in a source that is not.
    let directory = match settings.source.or(recorded_source) {
        Some(Place::Directory(path)) => Some(path),
        Some(Place::Store(_)) | None => None,
    };
    let (root, path) = placed(&args.file, directory.as_deref());
    let selection = Selection::new(&[], &[], Hidden::Taken, None)?;
    let source = LocalSource::new(&root, Arc::new(selection), Links::Followed)?;
    let check = engine::check_file(view, &definition, &source, &path)?;
    let ending = if check.fits {
        Ending::Done
    } else {
        Ending::Quarantined
    };
    session
        .talk
        .result(&check, || render::schema_check(&check))?;
    Ok(ending)
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(crate::ledger::OpenError::Missing)
        )
    })
}

/// Returns the directory to look from and the path from there: the source where the file lies in it, since directories
/// may name partitions.
fn placed(file: &Path, source: Option<&Path>) -> (PathBuf, SourcePath) {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(source) = source
        && let Ok(inside) = real(file).strip_prefix(real(source))
        && let Some(inside) = inside.to_str()
    {
        return (source.to_owned(), SourcePath::new(inside));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    (
        parent.unwrap_or(Path::new(".")).to_owned(),
        SourcePath::new(&*name),
    )
}
