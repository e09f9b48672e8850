//! strandline keeps a set of Parquet partitions equal to a full reload of a pile of files, while touching only what
//! changed since last time.
//!
//! It lists a source, works out exactly what is new, modified, renamed or gone, turns those files into Parquet, and
//! overwrites the partitions concerned, whole or not at all. What it knows it keeps in an embedded ledger beside the
//! outputs. The README tells how to use it; this page is the map for whoever reads or changes the code.
//!
//! # The life of one run
//!
//! [`engine::run`] goes through these stages; each has its file in [`engine`].
//!
//! 1. **Open.** The [`ledger`] takes the pipeline's lock: one writer. Target and ledger must carry the same name.
//!    What a killed run left is rolled forward or back.
//! 2. **Discover.** The [`source`] hands out its listing as a tree of spans in byte order of the paths. Each span is
//!    joined with the same stretch of the ledger, side by side, in constant memory. [`detect`] compares stamps.
//! 3. **Verify.** Where stamps do not decide, the file's BLAKE3 hash does. A vanished and a new file of the same
//!    content are a rename.
//! 4. **Plan.** [`plan`] groups what arrives into units and says which units have to be built again, and why.
//!    The plan is recorded before work begins, so that an interrupted run is taken up with the same units.
//! 5. **Work.** Workers build units side by side: [`decode`] turns bytes into batches under the types of [`schema`],
//!    [`transform`] takes rows through the SQL, routes them to their partitions and sorts them there, where they are to be sorted, [`encode`] writes Parquet to a staging place of the [`sink`].
//! 6. **Publish and record.** Groups of finished units are announced in the ledger, made visible by renaming, and
//!    recorded in one transaction; then obsolete outputs are removed. Every crash window is closed here or in step 1.
//!
//! A limit (`--max-duration`, `--max-requests`) is asked before a listing, a file to hash or a unit is begun; what is begun is
//! finished and recorded. [`store`] counts every request on its way to an object store and keeps the pace.
//!
//! Where more new files come than fit the memory budget, steps 2 to 6 take up one portion of them after the other, in
//! byte order of the paths.
//!
//! # Glossary
//!
//! - **pipeline**: a source, a transform and a target, with one ledger. Its *definition* ([`config::Definition`]) has a
//!   fingerprint; work done under an older one is stale and is redone.
//! - **source file**: identified by its path relative to the source root ([`model::SourcePath`]).
//! - **fingerprint**: what a listing tells for free ([`model::Fingerprint`]). Cheap, and only a hint.
//! - **content hash**: BLAKE3 of the bytes ([`model::ContentHash`]). The truth.
//! - **ledger**: the embedded database with what has been done ([`ledger::Ledger`]).
//! - **change**: added, modified, touched, renamed, removed, unsettled or unchanged ([`detect::Change`]); a
//!   [`detect::Verdict`] carries its [`detect::Reason`].
//! - **unit**: the atom of work: a bounded group of source files in one path partition, whose outputs are rebuilt as
//!   a whole ([`model::UnitRecord`]).
//! - **member**: a source file's part in a unit ([`model::Member`]).
//! - **output**: one Parquet file that a unit owns ([`model::OutputRecord`]).
//! - **declared column**: one whose type is said and not inferred ([`schema::Declared`]); a
//!   [`schema::Contract`] is what the declared columns ask of one file.
//! - **standing**: how a source file stands with the outputs ([`model::Standing`]).
//! - **portion**: the new files that a run takes up at once; mostly all of them.
//! - **run**: one pass, with a report ([`model::RunReport`]) and a row in the history.
//! - **checkpoint**: the last run in which everything discovered was committed or quarantined. **Watermark**: the
//!   highest source mtime that is fully behind us. Neither moves on failure, and nothing is detected by them.
//!
//! # The rooms
//!
//! ```text
//! main -> cli -> engine -> source  sink  ledger  decode  transform  encode      adapters: do I/O, never decide
//!                  |          \      \      |       /        |        /
//!                  v           v      v     v      v         v       v
//!          detect, plan, schema, config  -------------->  model                 pure: decide, never do I/O
//!                                                          (clock, crew, durable, store beside them: ports)
//! ```
//!
//! Imports go down, never up, and never sideways between adapters. Only [`ledger`] names redb, only [`engine`] names
//! rayon, only [`durable`] renames, syncs and removes, only [`store`], [`source`] and [`sink`] name object stores, only [`clock`] reads time, only [`cli`] prints and reads the
//! environment. A test scans the sources for breaches.
//!
//! # Where to look
//!
//! | question | room |
//! |---|---|
//! | Is this file changed, and why do we think so? | [`detect`] |
//! | Which files are built together? What is rewritten when one changes? | [`plan`] |
//! | Which type does this text become? | [`schema`], with the table in [`decode`] |
//! | What becomes of a value that is not as declared? | `decode::declare`, [`schema::SchemaRules`] |
//! | What is on the disk after a crash at this line? | `engine::commit`, `engine::recover`, [`durable`] |
//! | What does the ledger hold, to the byte? | [`ledger`] |
//! | What does an output hold beside its rows? | [`encode`] |
//! | What does this store do, and which promises lean on it? | [`store::doctor`] |
//! | What does this flag do? | [`cli`], [`config`] |

pub mod cli;
pub mod clock;
pub mod config;
pub mod crew;
pub mod daemon;
pub mod decode;
pub mod detect;
pub mod durable;
pub mod encode;
pub mod engine;
pub mod hints;
pub mod ledger;
pub mod model;
pub mod plan;
pub mod schema;
pub mod sink;
pub mod source;
pub mod store;
pub mod transform;

/// The Rust of the README, so that it is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
