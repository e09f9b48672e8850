//! What has been done, so that it need not be done again: the adapter over redb, and the only room that names it.
//!
//! [`Ledger`] is the one writer's handle: it takes a [`Batch`] at a time and makes it durable in one transaction.
//! [`View`] is one committed state, for as many readers as there are; [`snapshot`] gives one to whoever has no
//! handle, beside a running writer. The room records what it is told and decides nothing.
//!
//! # Invariants
//! - After [`Ledger::write`] has returned, the batch is on the disk; after it has failed, all of it or nothing is.
//! - Wherever the power goes, the ledger opens again, with every batch that was acknowledged.
//! - One writer: whoever holds `lock` may open. A writer whose lock file was removed or replaced writes nothing more,
//!   not even while closing; each single write to the file asks first.
//! - Fail stopped: after a failed write the handle refuses to write until it has been opened again.
//! - Whatever is in the file, the answer is a value that was once recorded, or an error that names the file; never
//!   a panic that leaves the room.
//!
//! # Files
//! In the state directory: `ledger.redb`, the database; `lock`, with a note on its holder; `gate`, a lock that the
//! writer holds for each transaction and a reader while it copies; `ledger.damaged`, `ledger.damaged-2` and so on, what
//! [`set_aside`] took out of the way; `ledger.new`, a ledger that is being created.
//! The last is filled, synced and closed under that name and then renamed, so a file under the ledger's own name has
//! always been a whole ledger: if it is empty or cut now, that is damage and not a beginning.
//!
//! # Readers beside the writer
//! redb itself locks out other processes, and its format has no stable way to follow a writer. So a snapshot is a copy
//! of the file in memory, opened there, and repaired there where the writer had it open. That the copy holds one
//! committed state rests on how redb writes: pages that the last commit can reach are never overwritten; a commit
//! makes new pages reachable by rewriting the header in the first page; only the transaction after it may reuse what
//! it freed. So if header and length are the same before and after the copy, the last commit but one at least is in it
//! whole, and redb's repair finds it (see `backend`); else the copy is made again. The gate only saves the second try: a reader that finds it shut for long, or may not
//! write to the directory, does without, and so does a writer when a reader hangs. The price is memory for the
//! file's length while the snapshot lives; for a million files, packed as below, that is about 130 MB.
//!
//! # Damage
//! redb checks its pages by checksum only when it repairs; when it opens a file that was closed properly it trusts
//! them. Every value therefore carries its own checksum, bound to its key (see `codec`), so a bent bit is noticed when
//! the row is read. Bent pointers and lengths within redb's pages can make it index out of bounds or hit an
//! assertion, and checking the whole file at each opening would cost more than most runs. So each call into
//! redb runs under `catch_unwind` at this room's edge and a panic becomes [`LedgerError::Corrupt`]. The process's
//! panic hook still runs; a program that wants silence installs its own.
//!
//! # Format, version 1
//! All values are sealed: eight bytes of BLAKE3 over body and key, then the body (see `codec`). Texts are UTF-8, keys sort by
//! bytes, numbers as keys sort as numbers. A key is sealed in as redb lays it out: a text or bytes as they are, a number
//! in eight bytes, low first; the pair of `partitions` as the length of the text, the text and the number. That length
//! is one byte below 254; else the byte 254 and two bytes, or 255 and four, low first.
//!
//! | table | key | body |
//! |---|---|---|
//! | `meta` | `format` | the version as decimal text |
//! | `meta` | `ledger` | JSON: id, source, target, definition, watermark, checkpoint, next unit, next run, counts of files and units; the last whole listing, where one counts |
//! | `files` | lower bound of the paths | a block of records, see `block` |
//! | `units` | unit | a unit, see `record`; its shape is the key into `shapes` |
//! | `partitions` | path partition, unit | varints: bytes, number of members |
//! | `shapes` | 16 bytes of BLAKE3 over the body | JSON of a shape |
//! | `dirty` | unit | JSON of the reason |
//! | `quarantine` | path | JSON of the record |
//! | `reasons` | path | the stored verdict as it was given |
//! | `intents` | intent | an intent, see `record` |
//! | `garbage` | output | empty |
//! | `runs` | run | JSON of the report; the newest thousand |
//! | `schemas` | version | a schema version, see `record` |
//! | `definitions` | fingerprint | the definition's JSON as it was given |
//!
//! The records of files are packed (see `block` and `files`) because rows that arrive in order leave redb's pages
//! half empty. A block is cut to fill a page of eight KiB, which is also what one changed file costs to rewrite; a
//! file with a path of 66 bytes then takes 67 bytes, the hash included (`benches/ledger.rs`). redb lets its file grow
//! by doubling, so the file may be twice as long. Shapes
//! are never collected: there are as many as there were different ones, which is few.
//!
//! A new version means: a number in `migrate`, a migration from the one before, and a ledger of the old version under
//! `fixtures/`. An older file is migrated when it is opened, in one transaction; a newer one is refused.
//!
//! # Growth
//! Space that is freed is used again, but the file does not shrink by itself: [`Ledger::compact_if_sparse`] rewrites
//! it once most of it is free. Only walking through everything tells how much is free, which would cost a run that
//! finds nothing to do as much as its work, so it looks only where the handle has removed rows or changed many:
//! nothing else frees much that the next transactions do not use again. There are no savepoints, which would pin old pages for good; a [`View`] pins them for
//! as long as it lives. What the storage keeps in memory is bounded.

mod apply;
mod backend;
mod batch;
mod block;
mod check;
mod codec;
mod error;
mod files;
mod lease;
mod migrate;
mod place;
mod record;
mod tables;
mod view;
mod writer;

pub use batch::{
    Batch, Compaction, Garbage, Intent, IntentId, LedgerStats, ListedChange, Meta, MetaChange,
    Planned, SchemaVersion, UnitSummary,
};
pub use block::FileRow;
pub use check::set_aside;
pub use error::{Damage, LedgerError, OpenError};
pub use lease::holder;
pub use view::{FileCursor, View};
pub use writer::{Ledger, snapshot};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod tests;
