//! The column that takes what does not fit, as one JSON object a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, StringBuilder};
use serde_json::Value;

/// Values of one declared column that do not fit: rows in ascending order, each with its text or nothing where a null
/// is not wanted.
pub(super) type Misfits = Vec<(usize, Option<String>)>;

/// Gathers what does not fit in one batch.
pub(super) struct Rescue {
    rows: usize,
    /// By column, so that the keys of an object come in one order whatever the order of the columns.
    misfits: BTreeMap<String, Misfits>,
    others: BTreeMap<String, StringArray>,
    /// What was rescued when the rows were written, row by row; empty where nothing was.
    kept: Vec<BTreeMap<String, Value>>,
}

impl Rescue {
    pub(super) fn new(rows: usize, kept: Option<&StringArray>) -> Self {
        let object = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok());
        let kept = kept.into_iter().flatten();
        Self {
            kept: kept.map(|text| object(text).unwrap_or_default()).collect(),
            rows,
            misfits: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    /// Adds values of a declared column.
    pub(super) fn add_misfits(&mut self, column: &str, misfits: Misfits) {
        if !misfits.is_empty() {
            self.misfits.insert(column.to_owned(), misfits);
        }
    }

    /// Adds a column that nobody declared.
    pub(super) fn add_column(&mut self, column: &str, texts: StringArray) {
        self.others.insert(column.to_owned(), texts);
    }

    /// Tells whether the value of a column was rescued when the row was written.
    pub(super) fn has(&self, row: usize, column: &str) -> bool {
        self.kept
            .get(row)
            .is_some_and(|object| object.contains_key(column))
    }

    /// Returns the first value that does not fit: of the first row, the first of `columns`.
    pub(super) fn first<'a>(
        &'a self,
        columns: impl Iterator<Item = &'a String>,
    ) -> Option<(&'a str, usize, Option<&'a str>)> {
        let firsts = columns.filter_map(|column| {
            let (row, text) = self.misfits.get(column)?.first()?;
            Some((column.as_str(), *row, text.as_deref()))
        });
        firsts.min_by_key(|(_, row, _)| *row)
    }

    /// Returns the column; a row in which all fits is null.
    pub(super) fn finish(mut self) -> ArrayRef {
        let mut column = StringBuilder::new();
        let mut misfits: Vec<_> = std::mem::take(&mut self.misfits)
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().peekable()))
            .collect();
        for row in 0..self.rows {
            let mut object = self
                .kept
                .get_mut(row)
                .map(std::mem::take)
                .unwrap_or_default();
            for (name, texts) in &self.others {
                if texts.is_valid(row) {
                    object.insert(name.clone(), texts.value(row).into());
                }
            }
            for (name, values) in &mut misfits {
                if let Some((_, text)) = values.next_if(|(at, _)| *at == row) {
                    object.insert(name.clone(), text.map_or(Value::Null, Value::String));
                }
            }
            if object.is_empty() {
                column.append_null();
            } else {
                column.append_value(json(&object));
            }
        }
        Arc::new(column.finish())
    }
}

fn json(object: &BTreeMap<String, Value>) -> String {
    let members = object.iter();
    let members = members.map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
