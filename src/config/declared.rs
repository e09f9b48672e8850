//! `[schema.columns]`: what is written of a column to a declaration.
//!
//! A layer carries each column as one text, `name=type` or `name={ type = "…", nullable = false }`, so that a flag, a
//! variable and the file say the same in the same way.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arrow_schema::DataType;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::key::{COMPATIBILITIES, Key, SCHEMA_POLICIES};
use super::layer::Value as Layered;
use super::settings::{BadValue, Reading, SettingError, columns_are_named};
use crate::schema::{
    Compatibility, DeclareError, Declared, RESCUED, SchemaPolicy, SchemaRules, parse_type,
};

/// What can be said of a column, in the order in which it is written.
pub(super) const ATTRIBUTES: [&str; 5] = ["type", "nullable", "default", "format", "time_zone"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    data_type: String,
    #[serde(default = "yes")]
    nullable: bool,
    default: Option<Value>,
    format: Option<String>,
    time_zone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct One {
    column: Written,
}

impl Reading<'_> {
    /// What is not declared has no order in which it came, so only declared columns can be insisted on.
    pub(super) fn schema(&self) -> Result<SchemaRules, SettingError> {
        let policies = [
            SchemaPolicy::Evolve,
            SchemaPolicy::Strict,
            SchemaPolicy::Rescue,
        ];
        let policy = self.choice(Key::SchemaPolicy, SCHEMA_POLICIES, &policies)?;
        let columns = self.declared()?;
        if columns.is_empty() && policy != SchemaPolicy::Evolve {
            return Err(self.refused(Key::SchemaPolicy, BadValue::NothingDeclared));
        }
        let is_declared = |name: &str| columns.iter().any(|column| column.name == name);
        if policy == SchemaPolicy::Rescue && is_declared(RESCUED) {
            return Err(self.refused(Key::SchemaColumn, BadValue::RescuedTaken));
        }
        let rules = SchemaRules { policy, columns };
        // What is selected may be made of others, and whether it is there shows once the SQL is read.
        if self.layers.find(Key::Select).is_none() {
            let routed = self.list(Key::PartitionBy, columns_are_named)?;
            partitioned(&rules, routed).map_err(|source| self.refused(Key::PartitionBy, source))?;
        }
        Ok(rules)
    }

    fn declared(&self) -> Result<Vec<Declared>, SettingError> {
        match self.layers.find(Key::SchemaColumn) {
            Some((Layered::Many(items), _)) => {
                columns(items).map_err(|source| self.refused(Key::SchemaColumn, source))
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn compatibility(&self) -> Result<Compatibility, SettingError> {
        let rules = [
            Compatibility::None,
            Compatibility::Backward,
            Compatibility::Forward,
            Compatibility::Full,
        ];
        let rule = self.choice(Key::SchemaCompatibility, COMPATIBILITIES, &rules)?;
        if rule != Compatibility::None && self.declared()?.is_empty() {
            return Err(self.refused(Key::SchemaCompatibility, BadValue::NothingDeclared));
        }
        Ok(rule)
    }
}

/// Refuses partition columns by which no file that fits the declared columns could be written.
fn partitioned(rules: &SchemaRules, routed: Vec<String>) -> Result<(), BadValue> {
    let is_routed = |column: &Declared| routed.contains(&column.name);
    let mut columns = rules.columns.iter();
    if rules.policy == SchemaPolicy::Strict && columns.all(is_routed) {
        return Err(BadValue::NothingBeside);
    }
    for name in routed {
        let mut columns = rules.columns.iter();
        match columns.find(|column| column.name == name) {
            Some(column) if column.data_type == DataType::Binary => {
                return Err(BadValue::NoDirectory { column: name });
            }
            None if rules.policy != SchemaPolicy::Evolve => {
                return Err(BadValue::Undeclared { column: name });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads the columns of a layer.
fn columns(items: &[String]) -> Result<Vec<Declared>, BadValue> {
    let columns = items.iter().map(|item| column(item));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    let distinct = columns
        .iter()
        .all(|column| !column.name.is_empty() && names.insert(&column.name));
    if distinct {
        Ok(columns)
    } else {
        Err(BadValue::Column)
    }
}

fn column(item: &str) -> Result<Declared, BadValue> {
    let unread = || BadValue::Declaration {
        text: item.to_owned(),
    };
    let (name, rest) = split_name(item).ok_or_else(unread)?;
    let rest = rest.trim();
    let written = if rest.starts_with('{') {
        let text = exact(rest).ok_or_else(unread)?;
        let one: One = toml::from_str(&format!("column = {text}")).map_err(|_| unread())?;
        one.column
    } else {
        Written {
            data_type: rest.to_owned(),
            nullable: true,
            default: None,
            format: None,
            time_zone: None,
        }
    };
    let refused = |source| BadValue::Declared {
        column: name.clone(),
        source: Box::new(source),
    };
    let text = written.data_type;
    let data_type = parse_type(&text).ok_or_else(|| refused(DeclareError::Type { text }))?;
    let column = Declared {
        data_type,
        nullable: written.nullable,
        default: written.default.map(|value| text_of(&value)),
        format: written.format,
        time_zone: written.time_zone,
        name: name.clone(),
    };
    column.check().map_err(refused)?;
    Ok(column)
}

/// Splits at the first `=` behind the name, which may be in double quotes.
fn split_name(item: &str) -> Option<(String, &str)> {
    if !item.starts_with('"') {
        let (name, rest) = item.split_once('=')?;
        return Some((name.trim().to_owned(), rest));
    }
    // The quotes end the name, whatever is in it.
    let ends = item.match_indices('=').map(|(at, _)| at);
    for end in ends {
        if let Ok(Value::String(name)) = format!("name = {}", &item[..end])
            .parse::<toml::Table>()
            .map(|mut table| table.remove("name").unwrap_or(Value::Boolean(false)))
        {
            return Some((name, &item[end + 1..]));
        }
    }
    None
}

/// Returns the columns of a table of a file, in its order, each as one text; `None` where one of them has no such form.
pub(super) fn items(table: &DeTable<'_>) -> Option<Vec<String>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let items = entries.into_iter().map(|(name, value)| {
        let name = written_name(name.get_ref());
        match value.get_ref() {
            DeValue::String(data_type) => Some(format!("{name}={data_type}")),
            DeValue::Table(attributes) => Some(format!("{name}={}", inline(attributes)?)),
            _ => None,
        }
    });
    items.collect()
}

/// Returns what is said of a column in the form of [`inline`].
fn exact(text: &str) -> Option<String> {
    let text = format!("column = {text}");
    let table = DeTable::parse(&text).ok()?;
    match table.get_ref().get("column")?.get_ref() {
        DeValue::Table(attributes) => inline(attributes),
        _ => None,
    }
}

fn inline(attributes: &DeTable<'_>) -> Option<String> {
    let data_type = attributes.get("type").map(Spanned::get_ref);
    let is_decimal =
        matches!(data_type, Some(DeValue::String(text)) if text.starts_with("decimal"));
    let mut text = "{ ".to_owned();
    let mut entries: Vec<_> = attributes.iter().collect();
    entries.sort_by_key(|(name, _)| {
        let known = ATTRIBUTES.iter();
        known.clone().position(|known| *known == name.get_ref())
    });
    for (count, (name, value)) in entries.into_iter().enumerate() {
        let gap = if count == 0 { "" } else { ", " };
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()).to_string(),
            DeValue::Boolean(value) => value.to_string(),
            // As a number it would lose digits that a decimal has.
            DeValue::Integer(number) if is_decimal && number.radix() == 10 => {
                Value::String(number.to_string()).to_string()
            }
            DeValue::Float(number) if is_decimal => Value::String(number.to_string()).to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => return None,
        };
        let _ = write!(text, "{gap}{} = {value}", name.get_ref());
    }
    text.push_str(" }");
    Some(text)
}

fn written_name(name: &str) -> String {
    let is_plain = !name.contains('=') && !name.starts_with('"') && name.trim() == name;
    if is_plain {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

/// Returns a default as a file would write it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn yes() -> bool {
    true
}
