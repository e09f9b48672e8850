//! What stands in a target: rows by source file, and whether target and ledger agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use strandline::durable::{Disk, MemoryDisk};
use strandline::encode::read_order;
use strandline::ledger;
use strandline::model::{OutputPath, OutputRecord};
use strandline::sink::{DiskSink, Sink};

use super::rows::{Row, Rows, normal, partitions};
use super::world::{STATE, TARGET};

/// What stands in a target.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Rows by the source file that the ledger says they are of.
    pub(crate) by_file: BTreeMap<String, Rows>,
    /// Rows that are set aside, by the source file that the ledger says they are of.
    pub(crate) aside: BTreeMap<String, Rows>,
    /// Types of the columns that are stored in the files; two types would be one too many.
    pub(crate) types: BTreeMap<String, BTreeSet<String>>,
}

impl Contents {
    /// All rows, in order.
    pub(crate) fn rows(&self) -> Rows {
        let mut rows: Rows = self.by_file.values().flatten().cloned().collect();
        rows.sort();
        rows
    }
}

/// Reads everything back, checking that outputs and ledger say the same, and that nothing is left in staging.
pub(crate) fn read_back(disk: &MemoryDisk) -> Contents {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let sink = DiskSink::new(Arc::clone(&shared), TARGET.into());
    let contents = read_target(shared, Path::new(STATE), &sink);
    let staging = format!("{TARGET}/_strandline/staging");
    assert_eq!(
        disk.list(Path::new(&staging)).unwrap(),
        [],
        "left in staging"
    );
    contents
}

/// Reads everything back, checking that outputs and ledger say the same.
pub(crate) fn read_target(disk: Arc<dyn Disk>, state: &Path, sink: &dyn Sink) -> Contents {
    let view = ledger::snapshot(disk, state).expect("the ledger opens");
    let mut contents = Contents::default();
    let mut owned = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for unit in view.units().unwrap() {
        let (id, unit) = unit.unwrap();
        for member in &unit.members {
            let path = member.path.to_string();
            assert!(seen.insert(path.clone()), "{path} is in two units");
            let record = view.file(&path).unwrap();
            let record = record.unwrap_or_else(|| panic!("{path} is in unit {id}, without record"));
            assert_eq!(record.unit, Some(id), "{path}: {record:?}");
        }
        for output in &unit.outputs {
            assert!(
                owned.insert(output.path.clone()),
                "{} is owned twice",
                output.path
            );
            let (mut aside, is_aside) = (BTreeMap::new(), output.path.is_aside());
            let types = if is_aside {
                &mut aside
            } else {
                &mut contents.types
            };
            let mut rows = read_output(sink, &output.path, types).into_iter();
            let by_file = if is_aside {
                &mut contents.aside
            } else {
                &mut contents.by_file
            };
            let mut counts = vec![0; unit.members.len()];
            for (member, count) in runs(sink, output) {
                if is_aside && count == 0 {
                    continue;
                }
                counts[member] += count;
                let path = unit.members[member].path.to_string();
                let own = by_file.entry(path).or_default();
                own.extend(rows.by_ref().take(usize::try_from(count).unwrap()));
            }
            assert_eq!(counts, output.member_rows, "{}", output.path);
            assert_eq!(rows.count(), 0, "{} holds rows of nobody", output.path);
        }
    }
    let standing: BTreeSet<OutputPath> = sink.outputs().unwrap().into_iter().collect();
    assert_eq!(
        standing, owned,
        "outputs in the target, and outputs of units"
    );
    contents.by_file.values_mut().for_each(|rows| rows.sort());
    contents
}

/// Whose the rows of an output are, one after the other: members by their place, with numbers of rows.
fn runs(sink: &dyn Sink, output: &OutputRecord) -> Vec<(usize, u64)> {
    let file = sink.open(&output.path).expect("an output stands");
    match read_order(&*file).unwrap() {
        None => output.member_rows.iter().copied().enumerate().collect(),
        Some(order) => {
            let mut runs = order.runs().unwrap();
            std::iter::from_fn(|| runs.next_run().unwrap()).collect()
        }
    }
}

fn read_output(
    sink: &dyn Sink,
    output: &OutputPath,
    types: &mut BTreeMap<String, BTreeSet<String>>,
) -> Rows {
    let file = sink.open(output).expect("an output of the ledger stands");
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        for field in batch.schema().fields() {
            let name = match field.data_type() {
                DataType::Timestamp(..) => "Timestamp".to_owned(),
                other => other.to_string(),
            };
            types.entry(field.name().clone()).or_default().insert(name);
        }
        rows.extend((0..batch.num_rows()).map(|index| row(&batch, index, output)));
    }
    rows
}

fn row(batch: &RecordBatch, index: usize, output: &OutputPath) -> Row {
    let schema = batch.schema();
    let cells = schema.fields().iter().zip(batch.columns());
    let mut row: Row = cells
        .filter(|(_, column)| column.is_valid(index))
        .map(|(field, column)| {
            let text = array_value_to_string(column, index).unwrap();
            (field.name().clone(), normal(&text))
        })
        .collect();
    row.extend(partitions(output));
    row
}

/// Every column has one type in all outputs.
pub(crate) fn check_types_agree(contents: &Contents) {
    for (column, types) in &contents.types {
        assert_eq!(types.len(), 1, "types of {column}: {types:?}");
    }
}

/// Types of a fresh run are those of this one, unless they were wider once.
pub(crate) fn check_types(fresh: &Contents, own: &Contents) {
    for (column, types) in &fresh.types {
        let wider = ["Int64 Float64", "Date32 Timestamp"];
        for (now, was) in types
            .iter()
            .zip(own.types.get(column).into_iter().flatten())
        {
            let may_be = now == was
                || was == "Utf8"
                || now == "Utf8" // a column that never held a value is written as text
                || wider.contains(&format!("{now} {was}").as_str());
            assert!(
                may_be,
                "{column} is {was}, where a fresh run makes it {now}"
            );
        }
    }
}
