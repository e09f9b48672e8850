//! PURE. Which type holds what: the lattice of column types, and the type of one value that is written as text.
//!
//! The lattice makes a pipeline's schema independent of the order in which files come: a schema is the
//! [join](join_types) of everything that was seen, and whatever fits a type also fits every type above it.
//!
//! ```text
//!                                         Utf8
//!      ┌──────────┬───────────┬────────────┴────────┬──────────────────┬────────────┬──────────────┐
//!   Boolean    Float64   Timestamp(µs)   Timestamp(µs, UTC)     List(a) field    Struct field     any other
//!      │          │           └──────────┬──────────┘           by element       by field         type alone
//!      │        Int64             Date32 │                             │            │                │
//!      │          │                      │                             │            │                │
//!      └──────────┴──────────────────────┴────────── Null ─────────────┴────────────┴────────────────┘
//! ```
//!
//! Types that only typed sources bring: narrower integers join with others to `Int64`, and `Float16` and `Float32`
//! to `Float64`; `UInt64`, decimals, times, binary, nanosecond timestamps and maps join with nothing but
//! themselves, because every wider type except text would lose digits. UUIDs, alone or within other types, join with
//! plain binary of 16 bytes to that, and otherwise as that does.
//!
//! Columns can be declared ([`Declared`]): then their type is not inferred, and a text is read by what it has to be
//! ([`Reading`]). [`SchemaRules`] say what becomes of the rest, and a [`Contract`] what that makes of one file.
//!
//! # Invariants
//! - What the rules make of a file depends on that file and the rules alone, never on what came before it.
//! - [`join_types`] is associative, commutative and idempotent over [`canonical`] types, and total.
//! - The fields of a struct are sorted by name: their order must not depend on which file came first.
//! - Names, nullability and metadata never tell two types apart: everything may be null. What
//!   [`Logical`](crate::model::Logical) says of values is no metadata here.

mod changes;
mod compatibility;
mod declared;
mod lattice;
mod reading;
mod rules;
mod text;

pub use changes::{Change, changes};
pub use compatibility::{Breach, Compatibility, as_declared, breaches};
pub use declared::{
    DECLARABLE, DeclareError, Declared, column_text, declarable, parse_type, type_text,
};
pub use lattice::{
    canonical, canonical_column, column_fits, fits, join_columns, join_shapes, join_types,
    written_type,
};
pub use reading::{Reading, read_boolean, read_decimal, read_double, read_single, read_whole};
pub use rules::{Contract, RESCUED, SchemaPolicy, SchemaRules, typed};
pub use text::{
    TextType, classify, parse_boolean, parse_date, parse_float, parse_instant, parse_int,
};

#[cfg(test)]
mod tests;
