//! What a pipeline computes: everything that an output depends on besides its inputs.

use serde::{Deserialize, Serialize};

use crate::model::{ByteSize, ContentHash};

/// What a pipeline computes. Two runs with equal definitions over equal inputs write equal bytes.
///
/// What selects inputs (`include`, `exclude`) or only steers the work (threads, memory) is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// How bytes become rows.
    pub format: Format,
    /// Path patterns with named captures, such as `{dt}/{hour}/*.csv`; their captures are path partitions.
    pub captures: Vec<String>,
    /// Columns whose values name the partitions, after those that come from the path.
    pub partition_by: Vec<String>,
    /// An output that grows beyond this is split.
    pub target_file_size: ByteSize,
}

/// How bytes become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Told by each file's extension.
    Auto,
    /// Comma-separated, with a header.
    Csv,
    /// Tab-separated, with a header.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// One JSON object, several, or an array of them.
    Json,
    /// Parquet.
    Parquet,
    /// The file or the stream format of Arrow.
    Arrow,
    /// Lines of text, each with its number.
    Text,
}

/// Version of the bytes that an equal definition produces: raised when encoding changes.
pub const FORMAT_VERSION: u32 = 1;

impl Definition {
    /// Returns the fingerprint: 32 hexadecimal digits that depend on every field and the format version.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = serde_json::json!({ "format_version": FORMAT_VERSION, "definition": self });
        let mut hex = ContentHash::of(text.to_string().as_bytes()).to_string();
        hex.truncate(32);
        hex
    }
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            captures: Vec::new(),
            partition_by: Vec::new(),
            target_file_size: ByteSize(256 << 20),
        }
    }
}
