//! Where values come from: flags, environment, file and defaults, each a layer that hides those below it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::Expectation;
use super::key::{Key, Kind, SPECS};

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// One text; numbers and switches too.
    One(String),
    /// Any number of texts.
    Many(Vec<String>),
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In a variable.
    Environment,
    /// In the program that uses the library.
    Program,
    /// In a file.
    File(PathBuf),
    /// Nowhere.
    Default,
}

/// Values of one origin.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The origin.
    pub origin: Origin,
    /// The values.
    pub values: BTreeMap<Key, Value>,
    /// The expectations, which only a file can hold.
    pub expectations: Vec<Expectation>,
}

/// All layers, the one that wins first.
#[derive(Debug, Clone)]
pub struct Layers(pub Vec<Layer>);

impl Layer {
    /// Makes an empty layer.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            values: BTreeMap::new(),
            expectations: Vec::new(),
        }
    }

    /// Returns the layer of the defaults.
    #[must_use]
    pub fn defaults() -> Self {
        let mut layer = Self::new(Origin::Default);
        for spec in &SPECS {
            if let Some(default) = spec.default {
                layer.set(spec.key, default);
            }
        }
        layer
    }

    /// Returns the layer of environment variables, as `read` tells them. Lists are split at commas outside braces.
    #[must_use]
    pub fn environment(read: impl Fn(&str) -> Option<String>) -> Self {
        let mut layer = Self::new(Origin::Environment);
        for spec in &SPECS {
            if let Some(text) = read(&spec.key.variable()).filter(|text| !text.is_empty()) {
                layer.set(spec.key, &text);
            }
        }
        layer
    }

    /// Sets `key` from text; lists are split at commas outside braces.
    pub fn set(&mut self, key: Key, text: &str) {
        let value = match key.spec().kind {
            Kind::List | Kind::Columns => Value::Many(split_list(text)),
            _ => Value::One(text.to_owned()),
        };
        self.values.insert(key, value);
    }
}

impl Layers {
    /// Returns the value that wins, and where it was written.
    #[must_use]
    pub fn find(&self, key: Key) -> Option<(&Value, &Origin)> {
        self.0
            .iter()
            .find_map(|layer| layer.values.get(&key).map(|value| (value, &layer.origin)))
    }

    /// Returns the expectations, in order.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        let mut layers = self.0.iter().map(|layer| layer.expectations.as_slice());
        layers.find(|all| !all.is_empty()).unwrap_or_default()
    }
}

/// Splits at commas that stand in no braces and no parentheses; spaces around an item do not count.
#[must_use]
pub fn split_list(text: &str) -> Vec<String> {
    let mut depth = 0usize;
    text.split(|c| {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(|item| item.trim().to_owned())
    .filter(|item| !item.is_empty())
    .collect()
}

impl Origin {
    /// Says where `key` was written, for an error about it.
    #[must_use]
    pub fn place(&self, key: Key) -> String {
        let spec = key.spec();
        match self {
            Self::Flag => key.argument(),
            Self::Environment => key.variable(),
            Self::File(path) => {
                format!("{} in [{}] of {}", spec.name, spec.table, path.display())
            }
            Self::Program => spec.name.to_owned(),
            Self::Default => format!("the default of {}", spec.name),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => path.display().fmt(f),
            Self::Program => f.write_str("program"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_commas_outside_braces() {
        assert_eq!(split_list("a, {b,c}/*.csv ,,d"), ["a", "{b,c}/*.csv", "d"]);
        assert!(split_list("").is_empty());
    }

    #[test]
    fn variables_are_named_after_the_settings() {
        let layer = Layer::environment(|name| match name {
            "STRANDLINE_SOURCE" => Some("in".to_owned()),
            "STRANDLINE_PARTITION_BY" => Some("a,b".to_owned()),
            "STRANDLINE_FORMAT" => Some(String::new()),
            _ => None,
        });
        assert_eq!(layer.values.len(), 2);
        assert_eq!(
            layer.values[&Key::PartitionBy],
            Value::Many(vec!["a".to_owned(), "b".to_owned()])
        );
    }
}
