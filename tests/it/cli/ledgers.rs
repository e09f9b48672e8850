//! Ledgers that are missing, damaged, too new, somebody else's or in use.

use std::fs::{self, File};
use std::path::Path;

use redb::{ReadableDatabase, ReadableTable};

use super::{loaded, sandbox, say};

#[test]
fn a_missing_ledger_is_never_silent_and_recover_rebuilds_it() {
    let sandbox = loaded();
    fs::remove_dir_all(sandbox.path("out/_strandline")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 1
    -- stderr
    error: the target out holds 2 outputs, but there is no ledger for them
      hint: `strandline recover TARGET` rebuilds the ledger from the outputs; where it is kept elsewhere, name the place with --state; to start afresh, name an empty TARGET
    ");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 1
    -- stderr
    error: the target out holds 2 outputs, but there is no ledger for them
      hint: `strandline recover TARGET` rebuilds the ledger from the outputs; where it is kept elsewhere, name the place with --state; to start afresh, name an empty TARGET
    ");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of out
      caused by: there is no ledger
      hint: `strandline run SOURCE TARGET` begins one; where TARGET has outputs already, `strandline recover TARGET` rebuilds it; where it is kept elsewhere, name the place with --state
    ");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"
    exit code 0
    -- stdout
    ledger rebuilt from 2 outputs: 2 units, 3 source files
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    nothing to do: 3 files, 3 touched ([TIME])
    ");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"
    exit code 1
    -- stderr
    error: the ledger is there and whole, so there is nothing to recover
      hint: `strandline verify TARGET` checks it; `strandline reset TARGET --all` builds everything again
    ");
}

#[test]
fn recovering_a_target_that_is_not_there_makes_none() {
    let sandbox = sandbox();
    insta::assert_snapshot!(say(&sandbox, "recover uot"), @"
    exit code 2
    -- stderr
    error: cannot recover uot
      caused by: No such file or directory (os error 2)
      hint: TARGET must be the directory that holds the outputs
    ");
    assert!(!sandbox.path("uot").exists());
}

#[test]
fn a_damaged_ledger_is_told_and_recover_rebuilds_it() {
    let sandbox = loaded();
    fs::write(sandbox.path("out/_strandline/ledger.redb"), vec![7; 65_536]).unwrap();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of out
      caused by: cannot read the ledger out/_strandline/ledger.redb
      caused by: I/O error: Not a redb database: magic number mismatch
      hint: `strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 1
    -- stderr
    error: cannot open the ledger
      caused by: cannot read the ledger out/_strandline/ledger.redb
      caused by: I/O error: Not a redb database: magic number mismatch
      hint: `strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs
    ");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"
    exit code 0
    -- stdout
    ledger rebuilt from 2 outputs: 2 units, 3 source files
    ");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep --source in"), @"
    exit code 0
    -- stdout
    nothing wrong: 2 outputs and 3 source files read
    ");
}

#[test]
fn a_ledger_with_one_bent_row_is_told_and_recover_rebuilds_it() {
    let sandbox = loaded();
    bend_last_row::<&[u8]>(&sandbox.path("out/_strandline/ledger.redb"), "files");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 1
    -- stderr
    error: cannot read or write the ledger
      caused by: cannot read the ledger out/_strandline/ledger.redb
      caused by: malformed value: its checksum does not match
      hint: `strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs
    ");
    insta::assert_snapshot!(say(&sandbox, "files out"), @"
    exit code 1
    -- stdout
    standing         size         rows unit     path
    -- stderr
    error: cannot read the ledger out/_strandline/ledger.redb
      caused by: malformed value: its checksum does not match
      hint: `strandline recover TARGET` sets the damaged ledger aside and rebuilds it from the outputs
    ");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"
    exit code 0
    -- stdout
    ledger rebuilt from 2 outputs: 2 units, 3 source files
    ");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 0
    -- stderr
    nothing to do: 3 files, 3 touched ([TIME])
    ");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep --source in"), @"
    exit code 0
    -- stdout
    nothing wrong: 2 outputs and 3 source files read
    ");
}

#[test]
fn a_ledger_whose_own_row_is_bent_is_rebuilt_as_well() {
    let sandbox = loaded();
    bend_last_row::<&str>(&sandbox.path("out/_strandline/ledger.redb"), "meta");
    assert!(say(&sandbox, "run in out").contains("`strandline recover TARGET` sets the damaged"));
    sandbox.succeed(&["recover", "out"]);
    sandbox.succeed(&["run", "in", "out"]);
    sandbox.succeed(&["verify", "out", "--deep", "--source", "in"]);
}

/// Bends one byte of the last row of a table, wherever a copy of it lies in the file.
fn bend_last_row<K: redb::Key + 'static>(path: &Path, table: &str) {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_read().unwrap();
    let definition = redb::TableDefinition::<K, &[u8]>::new(table);
    let table = transaction.open_table(definition).unwrap();
    let row = table.last().unwrap().unwrap().1.value().to_vec();
    drop((table, transaction, database));
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> = (0..bytes.len() - row.len())
        .filter(|at| bytes[*at..].starts_with(&row))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + row.len() / 2] ^= 1;
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let sandbox = loaded();
    let path = sandbox.path("out/_strandline/ledger.redb");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let mut table = transaction.open_table(meta).unwrap();
        let sealed = sealed(table.get("format").unwrap().unwrap().value());
        table.insert("format", sealed.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 1
    -- stderr
    error: cannot open the ledger
      caused by: its format 99 is newer than 1, the newest known here
      hint: use the version of strandline that wrote it, or a later one
    ");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 1
    -- stderr
    error: cannot ask the ledger of out
      caused by: its format 99 is newer than 1, the newest known here
      hint: use the version of strandline that wrote it, or a later one
    ");
}

/// Returns the row that says version 99, sealed as the row `now` is that says the present version.
fn sealed(now: &[u8]) -> Vec<u8> {
    let checksum = |body: &[u8]| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(body).update(b"format");
        hasher.update(&6_u64.to_le_bytes());
        hasher.finalize().as_bytes()[..8].to_vec()
    };
    assert_eq!(now[..8], checksum(&now[8..]));
    [checksum(b"99"), b"99".to_vec()].concat()
}

#[test]
fn a_target_and_a_ledger_that_do_not_belong_together_are_told() {
    let sandbox = loaded();
    sandbox.succeed(&["run", "in", "other"]);
    let name = "_strandline/ledger.redb";
    fs::copy(
        sandbox.path("other").join(name),
        sandbox.path("out").join(name),
    )
    .unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 1
    -- stderr
    error: the target out belongs to ledger [HASH], not to [HASH]
      hint: name the ledger of this target with --state, or rebuild it with `strandline recover TARGET`
    ");
}

#[test]
fn a_target_that_has_lost_everything_is_told() {
    let sandbox = sandbox();
    sandbox.succeed(&["run", "in", "out", "--state", "state"]);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out --state state"), @"
    exit code 1
    -- stderr
    error: the target out has lost its mark; the ledger knows of 2 units there
      hint: look whether TARGET is whole (a missing mount?); to build it afresh, `strandline reset TARGET --all` and run again
    ");
}

#[test]
fn a_second_run_is_refused_at_once_and_questions_are_answered() {
    let sandbox = loaded();
    let lock = File::open(sandbox.path("out/_strandline/lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"
    exit code 4
    -- stderr
    error: another run holds the pipeline (process [N] on [HOST])
      hint: wait until that run has ended; `strandline status TARGET` shows how things stand
    ");
    insta::assert_snapshot!(say(&sandbox, "reset out --all"), @"
    exit code 4
    -- stderr
    error: another run holds the pipeline (process [N] on [HOST])
      hint: wait until that run has ended; `strandline status TARGET` shows how things stand
    ");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"
    exit code 0
    -- stdout
    pipeline   in -> out
    running    now, by process [N] on [HOST]
    last run   r000000 done at [INSTANT], took [TIME]
    files      3 live, all loaded
    outputs    2 outputs, 2 units, 4 rows, 2.4KiB
    watermark [INSTANT] ([TIME] behind now)
    ledger [SIZE] in out/_strandline
    ");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"
    exit code 0
    -- stdout
    nothing to build: 3 files listed, 3 unchanged
    ");
}
