//! How fast the ledger takes in files, how fast it is walked through, and what a file costs on the disk.
//!
//! The shape: a million files in directories of a thousand, paths of 66 bytes, mtimes and inodes as a local disk
//! gives them, a hundred files to the unit. Written in order and in batches of ten thousand, as a first run does;
//! then walked through; then ten thousand files spread over the whole change, in one batch. `--quick` takes a
//! fiftieth of it. The figures are printed twice, for a hundredth of the files and for all of them: what grows
//! faster than the files shows.

#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use strandline::durable::{Disk, LocalDisk};
use strandline::ledger::{Batch, Ledger, snapshot};
use strandline::model::{
    ContentHash, FileRecord, Fingerprint, KeyRange, LedgerId, RunId, SourcePath, Standing,
    Timestamp, UnitId,
};

const BATCH: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let files = if quick { 20_000 } else { 1_000_000 };
    measure(files / 100)?;
    measure(files)
}

fn measure(files: u64) -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("strandline-bench-{}", std::process::id()));
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let new_id = || LedgerId("bench".to_owned());
    let ledger = Ledger::open(Arc::clone(&disk), &dir, &new_id, "bench")?;
    println!("{files} files");

    let prepared: Vec<Batch> = (0..files)
        .step_by(10_000)
        .map(|n| first_look(n, files))
        .collect();
    let start = Instant::now();
    for batch in &prepared {
        ledger.write(batch)?;
    }
    tell("recorded in order", files, start);

    let start = Instant::now();
    let found = walk(&ledger, &prepared)?;
    tell("compared with a listing", found, start);

    let step = usize::try_from((files / BATCH).max(1))?;
    let edits = Batch {
        files: (0..files)
            .step_by(step)
            .map(|n| (path(n), Some(record(n, 2))))
            .collect(),
        ..Batch::default()
    };
    let start = Instant::now();
    ledger.write(&edits)?;
    tell("changed all over", edits.files.len() as u64, start);

    let start = Instant::now();
    let view = ledger.view()?;
    for name in edits.files.keys() {
        view.file(name)?.ok_or("a file is missing")?;
    }
    tell("looked up", edits.files.len() as u64, start);

    let start = Instant::now();
    snapshot(disk, &dir)?.meta()?;
    println!(
        "  snapshot beside the writer: {:.3} s",
        start.elapsed().as_secs_f64()
    );
    sizes(&view.stats()?, files);
    drop(view);
    ledger.close()?;
    clean(&dir)
}

fn walk(ledger: &Ledger, prepared: &[Batch]) -> Result<u64, Box<dyn Error>> {
    let mut listed = prepared.iter().flat_map(|batch| &batch.files);
    let mut cursor = ledger.view()?.files(&KeyRange::all())?;
    let mut found = 0;
    while let Some(row) = cursor.next()? {
        let (path, now) = listed.next().ok_or("a file too many")?;
        let same = now.as_ref().is_some_and(|now| row.seen_equals(&now.seen));
        found += u64::from(row.path == &**path && same && !row.racy());
    }
    Ok(found)
}

fn first_look(from: u64, files: u64) -> Batch {
    let numbers = from..(from + BATCH).min(files);
    let files: BTreeMap<_, _> = numbers.map(|n| (path(n), Some(record(n, 1)))).collect();
    Batch {
        files,
        ..Batch::default()
    }
}

fn path(n: u64) -> SourcePath {
    let directory = n / 1_000;
    let scrambled = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let name =
        format!("landing/zone/sensor={directory:08}/readings-{n:012}-{scrambled:08x}.ndjson");
    SourcePath::from(name.as_str())
}

fn record(n: u64, run: u64) -> FileRecord {
    let noise = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let modified_at = 1_700_000_000_000_000_000 + n * 1_000_000 + noise % 1_000_000;
    FileRecord {
        seen: Fingerprint {
            size: 1_000 + noise % 1_000_000,
            modified_at: Timestamp(modified_at.cast_signed()),
            changed_at: Some(Timestamp((modified_at + noise % 50_000).cast_signed())),
            inode: Some(9_000_000 + n),
            validator: None,
        },
        racy: false,
        hash: Some(ContentHash::of(&(n + run).to_le_bytes())),
        standing: Standing::Loaded,
        unit: Some(UnitId(n / 100)),
        run: RunId(run),
    }
}

fn tell(what: &str, files: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = files as f64 / seconds;
    println!("  {what}: {files} in {seconds:.3} s, {rate:.0} files/s");
}

fn sizes(stats: &strandline::ledger::LedgerStats, files: u64) {
    println!(
        "  on the disk: {} bytes a file in the table, {} in a file of {} KiB",
        stats.files_bytes / files,
        stats.file_bytes / files,
        stats.file_bytes / 1024,
    );
}

fn clean(dir: &Path) -> Result<(), Box<dyn Error>> {
    Ok(std::fs::remove_dir_all(dir)?)
}
