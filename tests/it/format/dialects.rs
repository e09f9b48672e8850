//! Dialects of CSV, from the command line to the rows.

use std::fs::File;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::program::Sandbox;

/// Names, types and number of rows of the only output.
fn output(sandbox: &Sandbox) -> (String, i64) {
    let file = File::open(sandbox.path("out/u000000.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let fields = reader.schema().fields().iter();
    let columns: Vec<String> = fields
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    let rows = reader.metadata().file_metadata().num_rows();
    (columns.join(", "), rows)
}

#[test]
fn files_of_several_dialects_make_one_table_without_a_word() {
    let sandbox = Sandbox::new();
    let utf16: Vec<u8> = "\u{feff}id;name\r\n3;ü\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    sandbox.write("in/comma.csv", "id,name\n1,\"a;b\"\n");
    sandbox.write("in/semicolon.csv", "id;name\n2;\"a,b\"\n");
    sandbox.write("in/utf16.csv", utf16);
    sandbox.write("in/old_mac.csv", "id|name\r4|x\r");
    sandbox.write("in/tabs.tsv", "id\tname\n5\ty\n");
    sandbox.succeed(&["run", "in", "out", "--settle", "0s"]);
    assert_eq!(output(&sandbox), ("id Int64, name Utf8".to_owned(), 5));
}

#[test]
fn a_changed_dialect_builds_everything_again_and_the_same_one_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.csv", "# from a till\n1,50;NA\n2,25;x\n");
    let plain = [
        "run",
        "in",
        "out",
        "--settle",
        "0s",
        "--header",
        "false",
        "--comment",
        "#",
    ];
    sandbox.succeed(&plain);
    assert_eq!(
        output(&sandbox),
        ("column_1 Int64, column_2 Utf8".to_owned(), 2)
    );
    let settings = "[source]\npath = 'in'\nsettle = '0s'\n[target]\npath = 'out'\n\
        [csv]\nheader = false\ncomment = '#'\ncolumns = ['amount', 'note']\nnull = ['NA']\n\
        decimal_comma = true\n";
    sandbox.write("strandline.toml", settings);
    sandbox.succeed(&["run"]);
    assert_eq!(
        output(&sandbox),
        ("amount Float64, note Utf8".to_owned(), 2)
    );
    let again = sandbox.call(&["run"]);
    let said = String::from_utf8([again.stderr, again.stdout].concat()).unwrap();
    assert!(said.contains("nothing to do"), "{said}");
}
