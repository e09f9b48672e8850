//! The corpus csv-spectrum, value by value against the JSON that it brings.

use std::fs;
use std::path::Path;

use arrow::datatypes::DataType;

use crate::config::Dialect;
use crate::decode::Kind;
use crate::decode::testing::{cells, observe, plain, run_in};

/// The one value in which a table and its JSON are not about the same thing: what the table says, and the JSON.
const OWN_FAULT: (&str, &str) = ("2095257564", "1234567890");

#[test]
fn every_table_of_csv_spectrum_holds_the_values_of_its_json() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/csv-spectrum");
    let mut tables = 0;
    for entry in fs::read_dir(corpus.join("csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let bytes = fs::read(&path).unwrap();
        let mut texts = observe(&bytes, plain(Kind::Csv)).unwrap();
        for column in &mut texts.columns {
            column.data_type = DataType::Utf8;
        }
        let (result, batches) = run_in(&bytes, plain(Kind::Csv), &Dialect::default(), &texts);
        result.unwrap();
        let json = fs::read(corpus.join(format!("json/{name}.json"))).unwrap();
        // One file holds its only row without brackets.
        let expected = match serde_json::from_slice(&json).unwrap() {
            serde_json::Value::Array(rows) => rows,
            row => vec![row],
        };
        let found = cells(&batches);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            let expected = expected.as_object().unwrap();
            assert_eq!(texts.columns.len(), expected.len(), "{name}");
            for (column, found) in texts.columns.iter().zip(found) {
                // What is empty there is null here.
                let value = expected[&column.name].as_str().unwrap();
                let found = found.as_deref().unwrap_or_default();
                if (found, value) != OWN_FAULT {
                    assert_eq!(found, value, "{name}");
                }
            }
        }
        tables += 1;
    }
    assert_eq!(tables, 12);
}
