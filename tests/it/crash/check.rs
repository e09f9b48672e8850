//! What must hold, as functions that return complaints: the suites demand that there are none, the planted faults
//! that there are some.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use strandline::durable::MemoryDisk;
use strandline::ledger::{self, OpenError, View};
use strandline::model::{
    ContentHash, DirtyReason, FileRecord, KeyRange, RunId, Shape, SourcePath, UnitId, UnitRecord,
};

use super::world::{STATE, TARGET, as_disk};

/// Everything that two ways to the same end must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Every file in the target but the ledger's own, with its bytes.
    pub(crate) target: BTreeMap<String, Vec<u8>>,
    pub(crate) files: BTreeMap<SourcePath, FileRecord>,
    pub(crate) units: BTreeMap<UnitId, UnitRecord>,
    pub(crate) quarantine: BTreeMap<SourcePath, (ContentHash, String)>,
    pub(crate) dirty: Vec<(UnitId, DirtyReason)>,
    pub(crate) shape: Option<Shape>,
    pub(crate) next_unit: u64,
    /// Open intents and garbage: leftovers in the ledger.
    pub(crate) leftovers: Vec<String>,
}

impl Ending {
    /// Reads the end from a disk.
    pub(crate) fn of(disk: &MemoryDisk) -> Self {
        let view = view(disk).unwrap().expect("there is a ledger");
        let mut leftovers: Vec<String> = view
            .garbage()
            .unwrap()
            .iter()
            .map(|output| format!("garbage {output}"))
            .collect();
        let intents = view.intents().unwrap();
        leftovers.extend(intents.iter().map(|intent| format!("intent {}", intent.id)));
        let quarantine = view.quarantine().unwrap().into_iter();
        Self {
            target: target_files(disk),
            files: file_records(&view),
            units: view.units().unwrap().map(Result::unwrap).collect(),
            quarantine: quarantine
                .map(|(path, record)| (path, (record.hash, record.reason)))
                .collect(),
            dirty: view.dirty().unwrap(),
            shape: view.schema().unwrap().map(|schema| schema.shape),
            next_unit: view.meta().unwrap().next_unit,
            leftovers,
        }
    }

    /// Returns every difference from `expected`, in words.
    pub(crate) fn complaints(&self, expected: &Self) -> Vec<String> {
        let mut out = self.own_complaints();
        compare("file", &self.target, &expected.target, &mut out);
        compare("record of", &self.files, &expected.files, &mut out);
        compare("unit", &self.units, &expected.units, &mut out);
        compare(
            "quarantine of",
            &self.quarantine,
            &expected.quarantine,
            &mut out,
        );
        if self.shape != expected.shape {
            out.push(format!("schema {:?}, not {:?}", self.shape, expected.shape));
        }
        if self.next_unit != expected.next_unit {
            let (ours, theirs) = (self.next_unit, expected.next_unit);
            out.push(format!("the next unit is {ours}, not {theirs}"));
        }
        out
    }

    /// Returns what is wrong with this end whatever the expected one is.
    pub(crate) fn own_complaints(&self) -> Vec<String> {
        let mut out = self.leftovers.clone();
        out.extend(
            self.dirty
                .iter()
                .map(|(id, why)| format!("{id} is dirty: {why}")),
        );
        for name in self.target.keys() {
            if name.starts_with("_strandline/staging/") || has_extension(name, "new") {
                out.push(format!("{name} is left over"));
            }
        }
        let mut owned = BTreeSet::new();
        for (id, unit) in &self.units {
            for output in &unit.outputs {
                owned.insert(output.path.to_string());
                match self.target.get(output.path.as_str()) {
                    None => out.push(format!("{id} has lost its output {}", output.path)),
                    Some(bytes) if ContentHash::of(bytes) != output.hash => {
                        out.push(format!("{} is not what {id} records", output.path));
                    }
                    Some(_) => {}
                }
            }
        }
        for name in self.target.keys().filter(|name| is_output(name)) {
            if !owned.contains(name) {
                out.push(format!("nobody owns {name}"));
            }
        }
        out
    }

    /// Returns the rows of all outputs, with their partition, as a sorted list.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for (name, bytes) in self.target.iter().filter(|(name, _)| is_output(name)) {
            let partition = Path::new(name).parent().unwrap().to_string_lossy();
            rows.extend(parquet_rows(bytes, &partition).unwrap());
        }
        rows.sort();
        rows
    }
}

/// Returns what is wrong with a disk at any moment, however the power went: a torn output, a record without its
/// output, outputs without a ledger.
pub(crate) fn between(disk: &MemoryDisk) -> Vec<String> {
    let mut out = Vec::new();
    let target = target_files(disk);
    for (name, bytes) in target.iter().filter(|(name, _)| is_output(name)) {
        if let Err(error) = parquet_rows(bytes, "") {
            out.push(format!("{name} is torn: {error}"));
        }
    }
    match view(disk) {
        Err(error) => out.push(format!("the ledger does not open: {error}")),
        Ok(None) => {
            let outputs = target.keys().filter(|name| is_output(name));
            out.extend(outputs.map(|name| format!("{name} stands there without a ledger")));
        }
        Ok(Some(view)) => out.extend(records_without_output(&view, &target)),
    }
    out
}

/// A recorded output stands as recorded, or as an open intent is about to record it.
pub(crate) fn records_without_output(
    view: &View,
    target: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let intents = view.intents().unwrap();
    let planned: BTreeSet<(String, ContentHash)> = intents
        .iter()
        .flat_map(|intent| &intent.moves)
        .map(|planned| (planned.output.to_string(), planned.hash))
        .collect();
    let mut out = Vec::new();
    for unit in view.units().unwrap() {
        let (id, unit) = unit.unwrap();
        for output in unit.outputs {
            let name = output.path.to_string();
            let Some(bytes) = target.get(&name) else {
                out.push(format!(
                    "{id} is recorded, and its output {name} is missing"
                ));
                continue;
            };
            let hash = ContentHash::of(bytes);
            if hash != output.hash && !planned.contains(&(name.clone(), hash)) {
                out.push(format!(
                    "{id} is recorded, and its output {name} is another"
                ));
            }
        }
    }
    out
}

/// Returns how two sorted lists of rows differ, if they do.
pub(crate) fn row_complaints(ours: &[String], theirs: &[String]) -> Vec<String> {
    if ours == theirs {
        return Vec::new();
    }
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        let mut rest = those.to_vec();
        let mut only = Vec::new();
        for row in these {
            match rest.iter().position(|other| other == row) {
                Some(at) => drop(rest.swap_remove(at)),
                None => only.push(row.clone()),
            }
        }
        only
    };
    let (many, few) = (only(ours, theirs), only(theirs, ours));
    vec![format!("rows too many: {many:#?}, rows missing: {few:#?}")]
}

/// Opens what is committed, if there is a ledger.
pub(crate) fn view(disk: &MemoryDisk) -> Result<Option<View>, OpenError> {
    match ledger::snapshot(as_disk(disk), Path::new(STATE)) {
        Err(OpenError::Missing) => Ok(None),
        other => other.map(Some),
    }
}

/// Returns the files in the target with their bytes, but for the ledger and its locks, whose bytes may differ.
fn target_files(disk: &MemoryDisk) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (path, bytes) in disk.files() {
        let name = path.strip_prefix(TARGET).expect("all is in the target");
        let name = name.to_string_lossy().into_owned();
        let own = ["ledger.redb", "lock", "gate", "mark"];
        let is_own = name
            .strip_prefix("_strandline/")
            .is_some_and(|name| own.contains(&name));
        files.insert(name, if is_own { Vec::new() } else { bytes });
    }
    files
}

fn is_output(name: &str) -> bool {
    has_extension(name, "parquet") && !name.starts_with("_strandline")
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension() == Some(extension.as_ref())
}

/// Returns the records without the run that wrote them, which an interruption changes.
fn file_records(view: &View) -> BTreeMap<SourcePath, FileRecord> {
    let mut records = BTreeMap::new();
    let mut cursor = view.files(&KeyRange::all()).unwrap();
    while let Some(row) = cursor.next().unwrap() {
        let record = FileRecord {
            run: RunId(0),
            ..row.record()
        };
        records.insert(SourcePath::new(row.path), record);
    }
    records
}

/// Reads a whole Parquet file, and returns each row as text behind its partition.
pub(crate) fn parquet_rows(bytes: &[u8], partition: &str) -> Result<Vec<String>, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| words(&error))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| words(&error))?;
        let schema = batch.schema();
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let mut text: Vec<String> = schema
                .fields()
                .iter()
                .zip(&columns)
                .map(|(field, column)| {
                    let (name, kind) = (field.name(), field.data_type());
                    format!("{name}:{kind}={}", column.value(row))
                })
                // A unit lacks the columns that none of its members has.
                .filter(|cell| !cell.ends_with("=NULL"))
                .collect();
            text.sort();
            rows.push(format!("{partition}: {}", text.join(", ")));
        }
    }
    Ok(rows)
}

fn compare<K, V>(what: &str, ours: &BTreeMap<K, V>, theirs: &BTreeMap<K, V>, out: &mut Vec<String>)
where
    K: Ord + std::fmt::Display,
    V: PartialEq + std::fmt::Debug,
{
    let shown = |value: &V| {
        let mut text = format!("{value:?}");
        text.truncate(1200);
        text
    };
    for key in ours.keys().filter(|key| !theirs.contains_key(key)) {
        out.push(format!("there is a {what} {key} too many"));
    }
    for (key, theirs) in theirs {
        match ours.get(key) {
            None => out.push(format!("the {what} {key} is missing")),
            Some(ours) if ours != theirs => out.push(format!(
                "the {what} {key} differs:\n  {}\n  {}",
                shown(ours),
                shown(theirs)
            )),
            Some(_) => {}
        }
    }
}

/// Returns the disk as a whole: names of directories as well, which a crash may leave empty.
pub(crate) fn empty_directories(disk: &MemoryDisk) -> Vec<String> {
    let disk: Arc<dyn strandline::durable::Disk> = as_disk(disk);
    let mut out = Vec::new();
    let mut todo = vec![Path::new(TARGET).to_owned()];
    while let Some(directory) = todo.pop() {
        let entries = disk.list(&directory).unwrap();
        let below = entries
            .iter()
            .filter(|entry| entry.kind == strandline::durable::Kind::Directory)
            .map(|entry| directory.join(&entry.name));
        todo.extend(below);
        if entries.is_empty() && !directory.starts_with(STATE) {
            out.push(format!("{} is an empty directory", directory.display()));
        }
    }
    out
}
