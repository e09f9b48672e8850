//! From older formats to the present one.
//!
//! A version is added here for good: with its migration, and with a ledger of the version before under `fixtures/`.

use redb::{Database, WriteTransaction};

use super::codec::Malformed;
use super::error::Fault;
use super::tables::{META, format, put_format};

/// The version of tables and encodings that this program writes.
pub(super) const FORMAT_VERSION: u32 = 1;

/// Turns the tables of one version into those of the next.
type Migration = fn(&WriteTransaction) -> Result<(), Fault>;

/// The migration at place `n` starts from version `n + 1`; there is one for each version but the present.
const MIGRATIONS: [Migration; FORMAT_VERSION as usize - 1] = [];

/// Brings `db` to [`FORMAT_VERSION`] in one transaction; refuses what is newer.
pub(super) fn migrate(db: &Database) -> Result<(), Fault> {
    let transaction = db.begin_write()?;
    let found = format(&transaction.open_table(META)?)?;
    if found == FORMAT_VERSION {
        transaction.abort()?;
        return Ok(());
    }
    if found == 0 {
        return Err(Malformed("format: versions count from one").into());
    }
    let newer = Fault::Newer {
        found,
        known: FORMAT_VERSION,
    };
    let done = usize::try_from(found - 1).unwrap_or(usize::MAX);
    let Some(left) = MIGRATIONS.get(done..).filter(|_| found < FORMAT_VERSION) else {
        return Err(newer);
    };
    for step in left {
        step(&transaction)?;
    }
    put_format(&mut transaction.open_table(META)?, FORMAT_VERSION)?;
    transaction.commit()?;
    Ok(())
}
