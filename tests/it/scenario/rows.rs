//! A reader of source files that shares nothing with the program's own: what a file's rows are, as text.

use std::collections::BTreeMap;

use super::packing::{extension_of, unpack};

/// A row: the columns that are not null, as normalised text.
pub(crate) type Row = BTreeMap<String, String>;

/// Rows in any order, sorted so that two bags compare.
pub(crate) type Rows = Vec<Row>;

/// Returns the rows of the file's bytes, `None` where they are bad.
pub(crate) fn rows_of(path: &str, bytes: &[u8], captures: bool) -> Option<Rows> {
    let text = unpack(path, bytes)?;
    let mut rows = match extension_of(path) {
        "ndjson" => ndjson(&text)?,
        _ => csv(&text)?,
    };
    for row in &mut rows {
        for (column, value) in partitions(path).into_iter().chain(captured(path, captures)) {
            row.insert(column, value);
        }
    }
    rows.sort();
    Some(rows)
}

fn csv(text: &str) -> Option<Rows> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let pairs = header.iter().zip(&cells);
            (cells.len() == header.len()).then(|| {
                pairs
                    .filter(|(_, cell)| !cell.is_empty())
                    .map(|(name, cell)| ((*name).to_owned(), normal(cell)))
                    .collect()
            })
        })
        .collect()
}

fn ndjson(text: &str) -> Option<Rows> {
    text.lines()
        .map(|line| {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(line).ok()?;
            let cell = |value: &serde_json::Value| match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(normal(text)),
                other => Some(normal(&other.to_string())),
            };
            let cells = object.iter();
            Some(
                cells
                    .filter_map(|(name, value)| Some((name.clone(), cell(value)?)))
                    .collect(),
            )
        })
        .collect()
}

/// The pattern whose `sub` a path may be captured by.
pub(crate) const CAPTURES: &str = "dt={dt}/{sub}/*";

fn captured(path: &str, captures: bool) -> Option<(String, String)> {
    let rest = path.strip_prefix("dt=3/").filter(|_| captures)?;
    let (sub, _) = rest.split_once('/')?;
    Some(("sub".to_owned(), normal(sub)))
}

/// The `key=value` directories of a path.
pub(crate) fn partitions(path: &str) -> Vec<(String, String)> {
    let dirs = path.rsplit_once('/').map_or("", |(dirs, _)| dirs);
    dirs.split('/')
        .filter_map(|dir| dir.split_once('='))
        .filter(|(_, value)| *value != "__HIVE_DEFAULT_PARTITION__")
        .map(|(column, value)| (column.to_owned(), normal(value)))
        .collect()
}

/// One text for a value, whatever type the column has become.
pub(crate) fn normal(value: &str) -> String {
    let value = value.trim_end_matches('Z');
    let value = value.strip_suffix("T00:00:00").unwrap_or(value);
    value.strip_suffix(".0").unwrap_or(value).to_owned()
}
