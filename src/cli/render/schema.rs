//! A pipeline's columns as people read them.

use std::fmt::Write as _;

use super::super::schema::{Diff, Shown, ShownColumn, Version};
use super::super::talk::Detail;
use super::{count, list, number, safe};
use crate::engine::{FileCheck, Forecast, Stale};
use crate::model::ByteSize;
use crate::schema::{Change, RESCUED, SchemaPolicy, declarable};

/// Returns the columns, one a line.
pub(in crate::cli) fn schema(shown: &Shown) -> String {
    if shown.schema == 0 {
        return "there are no columns yet\n".to_owned();
    }
    let mut text = format!("schema {}", shown.schema);
    if let (Some(run), Some(cause)) = (shown.run, &shown.cause) {
        let _ = write!(text, ", by {run}: {}", safe(cause));
    }
    text.push('\n');
    let width = shown
        .columns
        .iter()
        .map(|column| safe(&column.name).chars().count());
    let width = width.max().unwrap_or_default().max("column".len());
    let _ = writeln!(text, "{:<width$} {:<18} since", "column", "type");
    for column in &shown.columns {
        let declared = match &column.declared {
            Some(declared) if declared.nullable => ", declared",
            Some(_) => ", declared not null",
            None => "",
        };
        let _ = writeln!(
            text,
            "{:<width$} {:<18} {}{declared}",
            safe(&column.name),
            safe(&column.type_text),
            column.since
        );
    }
    text
}

/// Returns the columns as a table of `strandline.toml`.
pub(in crate::cli) fn schema_toml(shown: &Shown) -> String {
    let mut text = "[schema.columns]\n".to_owned();
    let is_rescued =
        |column: &ShownColumn| shown.policy == SchemaPolicy::Rescue && column.name == RESCUED;
    for column in shown.columns.iter().filter(|column| !is_rescued(column)) {
        let _ = write!(text, "{} = ", key(&column.name));
        match (&column.declared, declarable(&column.data_type)) {
            (Some(declared), _) => {
                let attributes = attributes(declared);
                match attributes.as_slice() {
                    [] => text.push_str(&quoted(&declared.type_text())),
                    some => {
                        let data_type = quoted(&declared.type_text());
                        let _ = write!(text, "{{ type = {data_type}, {} }}", some.join(", "));
                    }
                }
                text.push('\n');
            }
            (None, Some(word)) => {
                let _ = writeln!(text, "\"{word}\"");
            }
            (None, None) => {
                let _ = writeln!(
                    text,
                    "\"utf8\" # {} cannot be declared; as text, a nested value is JSON",
                    safe(&column.type_text)
                );
            }
        }
    }
    text
}

fn attributes(declared: &crate::schema::Declared) -> Vec<String> {
    let mut all = Vec::new();
    if !declared.nullable {
        all.push("nullable = false".to_owned());
    }
    for (name, value) in [
        ("default", &declared.default),
        ("format", &declared.format),
        ("time_zone", &declared.time_zone),
    ] {
        all.extend(
            value
                .iter()
                .map(|value| format!("{name} = {}", quoted(value))),
        );
    }
    all
}

fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        // A JSON string is a basic string of TOML.
        serde_json::Value::from(name).to_string()
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Returns the versions, one a line.
pub(in crate::cli) fn schema_history(versions: &[Version]) -> String {
    if versions.is_empty() {
        return "there are no columns yet\n".to_owned();
    }
    let mut text = format!(
        "{:>7} {:<8} {:<20} {:>7} cause\n",
        "version", "run", "at", "columns"
    );
    for version in versions {
        let at = version.at.map_or_else(|| "-".to_owned(), started);
        let _ = writeln!(
            text,
            "{:>7} {:<8} {at:<20} {:>7} {}",
            version.schema,
            version.run.to_string(),
            version.columns,
            safe(&version.cause)
        );
    }
    text
}

/// Returns the differences, one a line.
pub(in crate::cli) fn schema_diff(diff: &Diff) -> String {
    let mut text = format!("schema {} to {}\n", diff.from, diff.to);
    if diff.changes.is_empty() {
        text.push_str("  no difference\n");
    }
    differences(&mut text, &diff.changes);
    text
}

fn differences(text: &mut String, changes: &[Change]) {
    for change in changes {
        let _ = writeln!(text, "  {}", difference(change));
    }
}

fn difference(change: &Change) -> String {
    match change {
        Change::Added { column, new } => format!("+ {} {}", safe(column), safe(new)),
        Change::Removed { column, old } => format!("- {} {}", safe(column), safe(old)),
        Change::Retyped { column, old, new } => {
            format!("~ {} {} -> {}", safe(column), safe(old), safe(new))
        }
    }
}

/// Says what would become of a file.
pub(in crate::cli) fn schema_check(check: &FileCheck) -> String {
    let path = safe(&check.path);
    if let Some(reason) = &check.reason {
        return format!("{path} does not fit: {}\n", safe(reason));
    }
    let rows = count(check.rows.unwrap_or_default(), "row");
    let mut text = format!("{path} fits ({rows})");
    if check.changes.is_empty() {
        text.push_str(" and changes no column\n");
        return text;
    }
    text.push_str(" and changes columns:\n");
    differences(&mut text, &check.changes);
    cost(&mut text, &check.stale);
    text
}

/// Says what the columns become, as far as `plan` can know; nothing where nothing is known to change.
pub(super) fn forecast(text: &mut String, forecast: &Forecast, detail: Detail) {
    if forecast.changes.is_empty() {
        return;
    }
    let all = forecast.looked_at + forecast.not_looked_at;
    let _ = match (forecast.looked_at, forecast.not_looked_at) {
        (0, _) => writeln!(text, "columns:"),
        (looked_at, 0) => {
            let files = count(looked_at, "file");
            writeln!(text, "columns, by the beginnings of {files}:")
        }
        (looked_at, _) => {
            let (some, all) = (number(looked_at), count(all, "file"));
            writeln!(text, "columns, by the beginnings of {some} of {all}:")
        }
    };
    list(text, &forecast.changes, 0, detail, difference);
    cost(text, &forecast.stale);
}

fn cost(text: &mut String, stale: &Stale) {
    if stale.stale_units > 0 {
        let _ = writeln!(
            text,
            "  {} would be built again: {}, {}",
            count(stale.stale_units, "unit"),
            count(stale.stale_files, "file"),
            ByteSize(stale.stale_bytes)
        );
    }
}

fn started(at: crate::model::Timestamp) -> String {
    let whole: String = at.to_string().chars().take(19).collect();
    whole + "Z"
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_forecast_says_how_much_it_has_seen() {
        let added = |column: usize| Change::Added {
            column: format!("c{column}"),
            new: "int64".to_owned(),
        };
        let shown = |looked_at, not_looked_at, columns| {
            let mut text = String::new();
            let seen = Forecast {
                looked_at,
                not_looked_at,
                changes: (0..columns).map(added).collect(),
                stale: Stale::default(),
            };
            forecast(&mut text, &seen, Detail::Bounded);
            text
        };
        assert_eq!(shown(2, 0, 0), "");
        assert_eq!(shown(0, 0, 1), "columns:\n  + c0 int64\n");
        assert!(shown(1, 0, 1).starts_with("columns, by the beginnings of 1 file:\n"));
        let long = shown(100, 1900, 30);
        assert!(long.starts_with("columns, by the beginnings of 100 of 2,000 files:\n"));
        assert!(long.ends_with("… and 20 more (-v shows them)\n"), "{long}");
    }

    #[test]
    fn a_name_of_any_kind_is_a_key() {
        for (name, written) in [
            ("a-b_1", "a-b_1"),
            ("a b", "\"a b\""),
            ("a\"=\n", "\"a\\\"=\\n\""),
            ("", "\"\""),
            ("é", "\"é\""),
        ] {
            assert_eq!(key(name), written);
            let table: toml::Table = format!("{} = 1", key(name)).parse().unwrap();
            assert!(table.contains_key(name));
        }
    }
}
