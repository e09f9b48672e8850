//! Whose rows a file holds: key-value metadata in the Parquet footer.

use std::sync::Arc;

use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FooterError;
use super::order::RowOrder;
use crate::model::{Comments, ContentHash, PartitionValues, ReadAt, Shape, SourcePath, UnitId};

const FORMAT: &str = "strandline.format";
const UNIT: &str = "strandline.unit";
const DEFINITION: &str = "strandline.definition";
const UNIT_PARTITION: &str = "strandline.unit_partition";
const PARTITION: &str = "strandline.partition";
const FILE: &str = "strandline.file";
const SHAPE: &str = "strandline.shape";
const INPUTS: &str = "strandline.inputs";
const SOURCE_SHAPE: &str = "strandline.source_shape";
const COMMENTS: &str = "strandline.comments";
const ORDER: &str = "strandline.order";

/// The last bytes of every Parquet file: the length of the metadata before them, and the mark.
const TAIL: usize = 8;
const MARK: &[u8] = b"PAR1";

/// What an output says of itself: enough to rebuild the ledger, and nothing that differs between two machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// The unit that owns the file.
    pub unit: UnitId,
    /// The fingerprint of the definition that it was made under.
    pub definition: String,
    /// The version of the format.
    pub format_version: u32,
    /// The partition values of its rows.
    pub partition: PartitionValues,
    /// The path partition that the unit lies in.
    pub unit_partition: String,
    /// The unit's columns and types, partition columns included.
    pub shape: Shape,
    /// The columns of the source that the rows depend on, where they went through SQL.
    pub source_shape: Option<Shape>,
    /// The unit's members, in the order of their rows, unless those are sorted.
    pub inputs: Vec<FooterInput>,
    /// What the inputs say about themselves and their columns, where that is kept: equal ones once, by number.
    pub comments: Vec<Comments>,
    /// Which file of the partition it is, from zero.
    pub file_number: usize,
}

/// One source file's part in a unit and in one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FooterInput {
    /// The source file.
    pub path: SourcePath,
    /// Its length.
    pub size: u64,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// The rows that it contributes to the whole unit; `None` where that was not known when this file was
    /// closed, since later files of the unit were still to be filled. A unit's outputs are all there when some
    /// footer knows the total and the rows of all of them add up to it, for every input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    /// The rows of it that this file holds.
    pub rows_here: u64,
    /// Which of the footer's comments are its own, where it says anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comments: Option<usize>,
}

impl Footer {
    /// Returns what the input with this number says about itself and its columns, as far as that is kept.
    #[must_use]
    pub fn comments_of(&self, input: usize) -> Option<&Comments> {
        let number = self.inputs.get(input)?.comments?;
        self.comments.get(number)
    }

    /// Returns the key-value metadata, in its fixed order; `order` says whose the rows are where they are not grouped
    /// by member.
    pub(super) fn to_metadata(
        &self,
        order: Option<String>,
    ) -> Result<Vec<KeyValue>, serde_json::Error> {
        let mut metadata = vec![
            entry(FORMAT, &self.format_version)?,
            entry(UNIT, &self.unit)?,
            entry(DEFINITION, &self.definition)?,
            entry(UNIT_PARTITION, &self.unit_partition)?,
            entry(PARTITION, &self.partition)?,
            entry(FILE, &self.file_number)?,
            entry(SHAPE, &self.shape)?,
            entry(INPUTS, &self.inputs)?,
        ];
        if let Some(shape) = &self.source_shape {
            metadata.push(entry(SOURCE_SHAPE, shape)?);
        }
        if !self.comments.is_empty() {
            metadata.push(entry(COMMENTS, &self.comments)?);
        }
        if let Some(order) = order {
            metadata.push(entry(ORDER, &order)?);
        }
        Ok(metadata)
    }

    /// Returns the footer that the metadata holds, `None` where nothing of it is ours.
    fn from_metadata(metadata: &[KeyValue]) -> Result<Option<Self>, FooterError> {
        if !metadata.iter().any(|entry| entry.key == FORMAT) {
            return Ok(None);
        }
        Ok(Some(Self {
            format_version: value(metadata, FORMAT)?,
            unit: value(metadata, UNIT)?,
            definition: value(metadata, DEFINITION)?,
            unit_partition: value(metadata, UNIT_PARTITION)?,
            partition: value(metadata, PARTITION)?,
            file_number: value(metadata, FILE)?,
            shape: value(metadata, SHAPE)?,
            source_shape: optional(metadata, SOURCE_SHAPE)?,
            inputs: value(metadata, INPUTS)?,
            comments: optional(metadata, COMMENTS)?.unwrap_or_default(),
        }))
    }
}

fn entry(key: &'static str, value: &impl Serialize) -> Result<KeyValue, serde_json::Error> {
    Ok(KeyValue::new(key.to_owned(), serde_json::to_string(value)?))
}

fn value<T: DeserializeOwned>(metadata: &[KeyValue], key: &'static str) -> Result<T, FooterError> {
    let text = metadata
        .iter()
        .find(|entry| entry.key == key)
        .and_then(|entry| entry.value.as_deref())
        .ok_or(FooterError::Missing { key })?;
    serde_json::from_str(text).map_err(|source| FooterError::Malformed { key, source })
}

fn optional<T: DeserializeOwned>(
    metadata: &[KeyValue],
    key: &'static str,
) -> Result<Option<T>, FooterError> {
    let mut entries = metadata.iter();
    let is_there = entries.any(|entry| entry.key == key);
    is_there.then(|| value(metadata, key)).transpose()
}

/// Reads the footer of a Parquet file, `None` where the file is not one of our outputs.
///
/// # Errors
/// [`FooterError`] where the bytes cannot be read, are no whole Parquet file, or hold metadata of ours that is
/// damaged.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what a sink opens is handed on whole, as everywhere"
)]
pub fn read_footer(file: Arc<dyn ReadAt>) -> Result<Option<Footer>, FooterError> {
    Footer::from_metadata(&read_metadata(&*file)?)
}

/// Reads whose the rows of one of our outputs are, `None` where they are grouped by member, in the order of the
/// members.
///
/// # Errors
/// [`FooterError`], as [`read_footer`].
pub fn read_order(file: &dyn ReadAt) -> Result<Option<RowOrder>, FooterError> {
    let text: Option<String> = optional(&read_metadata(file)?, ORDER)?;
    text.map(|text| RowOrder::parse(&text).ok_or(FooterError::Order))
        .transpose()
}

fn read_metadata(file: &dyn ReadAt) -> Result<Vec<KeyValue>, FooterError> {
    let mut tail = [0; TAIL];
    let end = file
        .len()
        .checked_sub(TAIL as u64)
        .ok_or(FooterError::NotParquet)?;
    file.read_exact_at(end, &mut tail)
        .map_err(FooterError::Read)?;
    let [a, b, c, d, mark @ ..] = tail;
    if mark != *MARK {
        return Err(FooterError::NotParquet);
    }
    let length = u32::from_le_bytes([a, b, c, d]);
    let start = end
        .checked_sub(u64::from(length))
        .ok_or(FooterError::NotParquet)?;
    let length = usize::try_from(length).map_err(|_| FooterError::NotParquet)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(start, &mut bytes)
        .map_err(FooterError::Read)?;
    let decoded = ParquetMetaDataReader::decode_metadata(&bytes).map_err(FooterError::Damaged)?;
    let metadata = decoded.file_metadata().key_value_metadata();
    Ok(metadata.cloned().unwrap_or_default())
}
