//! Turns text into validated settings: which files of a source count ([`Selection`]), what is computed from them
//! ([`Definition`] and its fingerprint), how a run behaves ([`Policies`]) and how much it may use ([`Limits`]).
//!
//! Values come in layers (flags, environment, `strandline.toml`, defaults) that [`Settings::resolve`] merges.
//! Nothing here reads a file or the environment; `cli` brings the text.
//!
//! # Invariants
//! - Every setting is a row of [`SPECS`]; flags, variables and keys are named after it.
//! - What cannot be understood is an error that says where it was written.

mod access;
mod aside;
mod cutting;
mod declared;
mod definition;
mod dialect;
mod duration;
mod events;
mod file;
mod key;
mod layer;
mod limits;
mod lines;
mod pattern;
mod place;
mod policy;
mod profile;
mod selection;
mod settings;
mod template;
mod transform;
mod writing;

pub(crate) use access::SYSTEM_CERTIFICATES;
pub use access::{Access, CredentialProcess};
pub use aside::Hidden;
pub use definition::{Definition, FORMAT_VERSION, Format};
pub use dialect::ENCODINGS;
pub use dialect::{Decimal, Dialect, Encoding, Header, Mark, NoMark, TrailingDelimiter};
pub use duration::{ParseDurationError, format_duration, parse_duration};
pub use events::{EndpointUrl, EventsError, EventsPlace, EventsToken, QueueUrl};
pub use file::{ExpectError, FileError, nearest, parse_file};
pub use key::{
    COMPATIBILITIES, ENCODINGS_OF_OUTPUTS, FORMATS, Key, Kind, ON_DELETE, ON_MODIFY, SAME_CONTENT,
    SCHEMA_POLICIES, SPECS, Spec, TABLES,
};
pub use layer::{Layer, Layers, Origin, Value, split_list};
pub use limits::{Limits, Repeat, StoreLimits};
pub use lines::{
    LinePatternError, LinePatterns, Lines, UNMATCHED, Unmatched, Width, line_patterns,
};
pub use pattern::PatternError;
pub use place::{Place, PlaceError, StoreKind, StoreUrl, parse_place};
pub use policy::{Links, OnDelete, OnModify, Policies, Removals, SameContent};
pub use profile::{Profile, ProfileError, ProfileFile};
pub use selection::{PathPartitions, Recognises, Selection};
pub use settings::{BadValue, SettingError, Settings};
pub use template::template;
pub use transform::{Expectation, ON_FAIL, OnFail, RowSql};
pub use writing::{Compression, Direction, Encodings, SchemaMetadata, SortColumn, Writing};
