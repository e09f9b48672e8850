//! Ledgers that are missing, damaged, too new, somebody else's or in use.

use std::fs::{self, File};

use super::{loaded, sandbox, say};

#[test]
fn a_missing_ledger_is_never_silent_and_recover_rebuilds_it() {
    let sandbox = loaded();
    fs::remove_dir_all(sandbox.path("out/_strandline")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"");
}

#[test]
fn a_damaged_ledger_is_told_and_recover_rebuilds_it() {
    let sandbox = loaded();
    fs::write(sandbox.path("out/_strandline/ledger.redb"), vec![7; 65_536]).unwrap();
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "recover out"), @"");
    insta::assert_snapshot!(say(&sandbox, "verify out --deep --source in"), @"");
}

#[test]
fn a_ledger_of_a_later_version_is_left_alone() {
    let sandbox = loaded();
    let path = sandbox.path("out/_strandline/ledger.redb");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let mut table = transaction.open_table(meta).unwrap();
        table.insert("format", b"99".as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    assert_eq!(fs::read(&path).unwrap(), before);
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
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
}

#[test]
fn a_target_that_has_lost_everything_is_told() {
    let sandbox = sandbox();
    sandbox.succeed(&["run", "in", "out", "--state", "state"]);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out --state state"), @"");
}

#[test]
fn a_second_run_is_refused_at_once_and_questions_are_answered() {
    let sandbox = loaded();
    let lock = File::open(sandbox.path("out/_strandline/lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(say(&sandbox, "run in out"), @"");
    insta::assert_snapshot!(say(&sandbox, "reset out --all"), @"");
    insta::assert_snapshot!(say(&sandbox, "status out"), @"");
    insta::assert_snapshot!(say(&sandbox, "plan in out"), @"");
}
