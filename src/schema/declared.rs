//! Columns that are declared: their names, types, and what else is said of them.

use std::fmt;

use arrow_schema::{DataType, TimeUnit};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reading::Reading;
use super::text::TextType;
use crate::model::{Column, type_name};

/// The types that can be declared, as messages list them.
pub const DECLARABLE: &str = "int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, \
    decimal(p,s), bool, date, timestamp, timestamp_utc, utf8, binary";

/// The most digits that a decimal may have.
const DECIMAL_DIGITS: u8 = 38;

/// A column that is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its type, one that [`parse_type`] knows.
    #[serde(
        rename = "type",
        serialize_with = "write_type",
        deserialize_with = "read_type"
    )]
    pub data_type: DataType,
    /// Whether a row may have no value.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub nullable: bool,
    /// The value of rows that have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// How dates and times are written, in the notation of strftime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Where clocks show the times that say no zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclareError {
    /// The type is not one of those that can be.
    #[error("{text:?} is not a type that can be declared; it must be one of {DECLARABLE}")]
    Type {
        /// What was written.
        text: String,
    },
    /// A setting goes with other types only.
    #[error("{setting} says nothing about the type {data_type}; it goes with {with}")]
    Pointless {
        /// The setting.
        setting: &'static str,
        /// The type.
        data_type: String,
        /// The types with which it goes.
        with: &'static str,
    },
    /// The time zone is not in the database.
    #[error("{text:?} is not a time zone such as Europe/Berlin")]
    Zone {
        /// What was written.
        text: String,
    },
    /// The format is none.
    #[error("{text:?} is not a format such as %d.%m.%Y")]
    Format {
        /// What was written.
        text: String,
    },
    /// The default is not of the type.
    #[error("the default {text:?} does not fit {data_type}")]
    Default {
        /// What was written.
        text: String,
        /// The type.
        data_type: String,
    },
}

impl Declared {
    /// Declares a column of which nothing else is said.
    #[must_use]
    pub fn new(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            nullable: true,
            default: None,
            format: None,
            time_zone: None,
        }
    }

    /// Checks that what is said of the column goes together.
    ///
    /// # Errors
    /// [`DeclareError`] for the first thing that does not.
    pub fn check(&self) -> Result<(), DeclareError> {
        let pointless = |setting, with| DeclareError::Pointless {
            setting,
            data_type: self.type_text(),
            with,
        };
        let is_instant = matches!(self.data_type, DataType::Timestamp(..));
        if self.format.is_some() && !is_instant && self.data_type != DataType::Date32 {
            return Err(pointless("format", "date, timestamp and timestamp_utc"));
        }
        if let Some(text) = &self.time_zone {
            if !matches!(self.data_type, DataType::Timestamp(_, Some(_))) {
                return Err(pointless("time_zone", "timestamp_utc"));
            }
            if text.parse::<Tz>().is_err() {
                return Err(DeclareError::Zone { text: text.clone() });
            }
        }
        let reading = Reading::new(self);
        if let Some(text) = self.format.as_ref().filter(|_| !reading.is_possible()) {
            return Err(DeclareError::Format { text: text.clone() });
        }
        match &self.default {
            Some(text) if !reading.takes(text) => Err(DeclareError::Default {
                text: text.clone(),
                data_type: self.type_text(),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the column as outputs have it.
    #[must_use]
    pub fn column(&self) -> Column {
        Column::new(&self.name, self.data_type.clone())
    }

    /// Returns the type as it is written in a declaration.
    #[must_use]
    pub fn type_text(&self) -> String {
        type_text(&self.data_type)
    }
}

/// Reads a type as it is written in a declaration.
#[must_use]
pub fn parse_type(text: &str) -> Option<DataType> {
    use DataType::{
        Binary, Boolean, Date32, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16,
        UInt32, UInt64, Utf8,
    };
    Some(match text {
        "int8" => Int8,
        "int16" => Int16,
        "int32" => Int32,
        "int64" => Int64,
        "uint8" => UInt8,
        "uint16" => UInt16,
        "uint32" => UInt32,
        "uint64" => UInt64,
        "float32" => Float32,
        "float64" => Float64,
        "bool" => Boolean,
        "date" => Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamp_utc" => TextType::Utc.data_type(),
        "utf8" => Utf8,
        "binary" => Binary,
        _ => return parse_decimal(text),
    })
}

fn parse_decimal(text: &str) -> Option<DataType> {
    let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    let fits = (1..=DECIMAL_DIGITS).contains(&precision) && u8::try_from(scale).ok()? <= precision;
    fits.then_some(DataType::Decimal128(precision, scale))
}

/// Returns how the type is written in a declaration; `None` for one that cannot be declared.
#[must_use]
pub fn declarable(data_type: &DataType) -> Option<String> {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8,
    };
    let word = match data_type {
        Int8 => "int8",
        Int16 => "int16",
        Int32 => "int32",
        Int64 => "int64",
        UInt8 => "uint8",
        UInt16 => "uint16",
        UInt32 => "uint32",
        UInt64 => "uint64",
        Float32 => "float32",
        Float64 => "float64",
        Boolean => "bool",
        Date32 => "date",
        Timestamp(TimeUnit::Microsecond, None) => "timestamp",
        Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => "timestamp_utc",
        Utf8 => "utf8",
        Binary => "binary",
        Decimal128(precision, scale) if *scale >= 0 => {
            return Some(format!("decimal({precision},{scale})"));
        }
        _ => return None,
    };
    Some(word.to_owned())
}

/// Returns a type as people read it: as in a declaration where it can be declared.
#[must_use]
pub fn type_text(data_type: &DataType) -> String {
    declarable(data_type).unwrap_or_else(|| type_name(data_type))
}

/// Returns the type of a column as people read it, as [`type_text`] does.
#[must_use]
pub fn column_text(column: &Column) -> String {
    declarable(&column.data_type).unwrap_or_else(|| column.type_name())
}

fn yes() -> bool {
    true
}

fn write_type<S: Serializer>(data_type: &DataType, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&type_text(data_type))
}

fn read_type<'de, D: Deserializer<'de>>(from: D) -> Result<DataType, D::Error> {
    let text = String::deserialize(from)?;
    parse_type(&text).ok_or_else(|| serde::de::Error::custom(DeclareError::Type { text }))
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.type_text())?;
        if !self.nullable {
            f.write_str(" not null")?;
        }
        match &self.default {
            Some(text) => write!(f, " default {text:?}"),
            None => Ok(()),
        }
    }
}
