//! Whether columns may be declared anew, by the rules of schema registries.
//!
//! Only what is declared is judged, by what was declared before or, where nothing was, inferred. Inferred columns have no
//! order in which they came, so a rule that compares files with what was before would accept other files in a fresh run
//! than it accepted one by one.

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::declared::Declared;
use super::rules::{RESCUED, SchemaPolicy, SchemaRules};
use crate::model::Shape;

/// What a new declaration must keep working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compatibility {
    /// Nothing.
    #[default]
    None,
    /// Whoever reads by the new columns can read what was written by the old ones.
    Backward,
    /// Whoever reads by the old columns can read what is written by the new ones.
    Forward,
    /// Both.
    Full,
}

impl Compatibility {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "full",
        }
    }
}

/// Why a declaration is not compatible with the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A column that old data lack and new readers need.
    #[error("column {column} is new, must not be null and has no default")]
    Needed {
        /// The column.
        column: String,
    },
    /// A column that new data lack and old readers need.
    #[error("column {column} is gone, could not be null and had no default")]
    Missing {
        /// The column.
        column: String,
    },
    /// A type that does not hold all values of the other.
    #[error("column {column} goes from {old} to {new}, and {narrow} does not hold every {wide}")]
    Type {
        /// The column.
        column: String,
        /// The type so far.
        old: String,
        /// The new type.
        new: String,
        /// The type that is read by.
        narrow: String,
        /// The type that was written by.
        wide: String,
    },
    /// Nulls where a reader expects none.
    #[error("column {column} {change}, and whoever reads by the {reader} columns expects no null")]
    Null {
        /// The column.
        column: String,
        /// What changes.
        change: &'static str,
        /// Who is disappointed.
        reader: &'static str,
    },
}

/// Returns what is wrong with declaring `new` after `old`.
#[must_use]
pub fn breaches(old: &[Declared], new: &[Declared], rule: Compatibility) -> Vec<Breach> {
    let mut found = Vec::new();
    if matches!(rule, Compatibility::Backward | Compatibility::Full) {
        unreadable(old, new, "new", &mut found);
    }
    if matches!(rule, Compatibility::Forward | Compatibility::Full) {
        unreadable(new, old, "old", &mut found);
    }
    found
}

/// Finds what keeps whoever reads by `read` from what was written by `written`.
fn unreadable(
    written: &[Declared],
    read: &[Declared],
    reader: &'static str,
    found: &mut Vec<Breach>,
) {
    for expected in read {
        let column = expected.name.clone();
        let needs_value = !expected.nullable && expected.default.is_none();
        let Some(there) = written.iter().find(|other| other.name == expected.name) else {
            if needs_value {
                found.push(match reader {
                    "new" => Breach::Needed { column },
                    _ => Breach::Missing { column },
                });
            }
            continue;
        };
        if !holds(&expected.data_type, &there.data_type) {
            let (wide, narrow) = (there.type_text(), expected.type_text());
            let (old, new) = match reader {
                "new" => (wide.clone(), narrow.clone()),
                _ => (narrow.clone(), wide.clone()),
            };
            found.push(Breach::Type {
                column,
                old,
                new,
                narrow,
                wide,
            });
        } else if needs_value && there.nullable && there.default.is_none() {
            let change = match reader {
                "new" => "must not be null any more",
                _ => "may be null now",
            };
            found.push(Breach::Null {
                column,
                change,
                reader,
            });
        }
    }
}

/// Tells whether the type `wide` holds every value of the type `narrow`.
fn holds(wide: &DataType, narrow: &DataType) -> bool {
    use DataType::{Binary, Date32, Decimal128, Float32, Float64, Timestamp, Utf8};
    if wide == narrow {
        return true;
    }
    match (narrow, wide) {
        (Float32, Float64) | (Date32, Timestamp(_, None)) | (Utf8, Binary) => true,
        (Decimal128(p, s), Decimal128(wider_p, wider_s)) => {
            let (p, s) = (i16::from(*p), i16::from(*s));
            let (wider_p, wider_s) = (i16::from(*wider_p), i16::from(*wider_s));
            wider_s >= s && wider_p - wider_s >= p - s
        }
        _ => match (digits(narrow), wide) {
            (Some((bits, signed)), wide) if digits(wide).is_some() => {
                let (wider, wide_signed) = digits(wide).unwrap_or_default();
                wider >= bits && (wide_signed || !signed)
            }
            (Some((bits, _)), Float32) => bits <= 24,
            (Some((bits, _)), Float64) => bits <= 53,
            (Some((bits, _)), Decimal128(p, s)) => {
                let whole = i16::from(*p) - i16::from(*s);
                whole >= decimal_digits(bits)
            }
            _ => false,
        },
    }
}

/// Returns the bits of an integer's amount, and whether it has a sign.
fn digits(data_type: &DataType) -> Option<(u32, bool)> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    Some(match data_type {
        Int8 => (7, true),
        Int16 => (15, true),
        Int32 => (31, true),
        Int64 => (63, true),
        UInt8 => (8, false),
        UInt16 => (16, false),
        UInt32 => (32, false),
        UInt64 => (64, false),
        _ => return None,
    })
}

fn decimal_digits(bits: u32) -> i16 {
    match bits {
        0..=8 => 3,
        9..=16 => 5,
        17..=32 => 10,
        33..=63 => 19,
        _ => 20,
    }
}

/// Returns the columns of a pipeline as they are declared by `rules`, and those that were inferred beside them as somebody
/// would declare them who says nothing else; of one that never held a value, nobody can say what it is.
#[must_use]
pub fn as_declared(shape: &Shape, rules: &SchemaRules) -> Vec<Declared> {
    let is_declared = |name: &str| rules.columns.iter().any(|column| column.name == name);
    let is_ours = |name: &str| rules.policy == SchemaPolicy::Rescue && name == RESCUED;
    let columns = shape.columns.iter();
    let inferred = columns
        .filter(|column| column.data_type != DataType::Null)
        .filter(|column| !is_declared(&column.name) && !is_ours(&column.name))
        .map(|column| Declared::new(&column.name, column.data_type.clone()));
    rules.columns.iter().cloned().chain(inferred).collect()
}
