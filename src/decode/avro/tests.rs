use std::io::Write as _;

use arrow::datatypes::DataType;

use super::*;
use crate::decode::MAX_COLUMNS;
use crate::decode::testing::{grid, guess, observe, plain, run};
use crate::model::Column;

const SYNC: &[u8; 16] = b"sixteen bytes ok";

/// Writes a number as Avro does.
fn long(value: i64) -> Vec<u8> {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [
        long(i64::try_from(text.len()).unwrap()),
        text.as_bytes().to_vec(),
    ]
    .concat()
}

/// Returns a container of these blocks: the number of rows that each claims, and its bytes.
fn container(schema: &str, codec: &str, blocks: &[(i64, Vec<u8>)]) -> Vec<u8> {
    container_with(&[("avro.schema", schema), ("avro.codec", codec)], blocks)
}

/// The same for a header with these entries.
fn container_with(header: &[(&str, &str)], blocks: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = block::MAGIC.to_vec();
    let entries = header.iter();
    let entries = entries.flat_map(|(key, value)| [text(key), text(value)]);
    let entries = entries.collect::<Vec<_>>().concat();
    let count = long(i64::try_from(header.len()).unwrap());
    bytes.extend([count, entries, long(0), SYNC.to_vec()].concat());
    for (rows, block) in blocks {
        let size = i64::try_from(block.len()).unwrap();
        bytes.extend([long(*rows), long(size), block.clone(), SYNC.to_vec()].concat());
    }
    bytes
}

/// A file with lists, maps, unions and records, in three blocks.
pub(in crate::decode) fn sample() -> Vec<u8> {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"a","type":["null","long"]},
        {"name":"b","type":{"type":"array","items":["string","boolean"]}},
        {"name":"c","type":{"type":"map","values":{"type":"record","name":"s","fields":[{"name":"d","type":"double"}]}}}]}"#;
    let row = [
        long(1),
        long(-7),
        long(2),
        long(0),
        text("x\u{e9}"),
        long(1),
        vec![1],
        long(0),
        long(-1),
        long(9),
        text("k"),
        1.5_f64.to_le_bytes().to_vec(),
        long(0),
    ]
    .concat();
    let empty = [long(0), long(0), long(0)].concat();
    container(
        schema,
        "null",
        &[
            (1, row.clone()),
            (2, [row, empty.clone()].concat()),
            (1, empty),
        ],
    )
}

/// A row of four columns.
type Line<'a> = (i64, Option<f64>, Option<&'a str>, Option<bool>);

/// A file with these rows, in blocks of two, deflated.
pub(in crate::decode) fn table_of(rows: &[Line<'_>]) -> Vec<u8> {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"x","type":["null","double"]},
        {"name":"s","type":["string","null"]},{"name":"b","type":["null","boolean"]}]}"#;
    let blocks = rows.chunks(2).map(|rows| {
        let mut block = Vec::new();
        for (id, x, s, b) in rows {
            block.extend(long(*id));
            block.extend(x.map_or(long(0), |x| [long(1), x.to_le_bytes().to_vec()].concat()));
            block.extend(s.map_or(long(1), |s| [long(0), text(s)].concat()));
            block.extend(b.map_or(long(0), |b| [long(1), vec![u8::from(b)]].concat()));
        }
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&block).unwrap();
        (
            i64::try_from(rows.len()).unwrap(),
            encoder.finish().unwrap(),
        )
    });
    container(schema, "deflate", &blocks.collect::<Vec<_>>())
}

fn malformed(bytes: &[u8]) -> String {
    match observe(bytes, plain(Kind::Avro)) {
        Err(DecodeError::Malformed(malformed)) => malformed.to_string(),
        other => panic!("{other:?}"),
    }
}

fn table(bytes: &[u8]) -> (Shape, Vec<Vec<String>>) {
    let how = plain(Kind::Avro);
    let shape = observe(bytes, how).unwrap();
    assert_eq!(guess(bytes, how).unwrap(), shape);
    let (result, batches) = run(bytes, how, &shape);
    assert_eq!(result.unwrap().observed, shape);
    (shape, grid(&batches))
}

#[test]
fn a_container_says_what_its_header_and_the_docs_of_its_schema_do() {
    let record = r#"{"type":"record","name":"r","doc":"Tides.","fields":[
        {"name":"a","type":"long","doc":"metres"},{"name":"b","doc":7,"type":
        {"type":"record","name":"s","doc":"inner","fields":[{"name":"c","type":"long","doc":"deep"}]}}]}"#;
    let wrapped = format!(r#"{{"type":{record}}}"#);
    for schema in [record, &wrapped] {
        let header = [
            ("owner", "sea"),
            ("avro.schema", schema),
            ("avro.codec", "null"),
        ];
        let bytes = container_with(&header, &[(1, [long(1), long(2)].concat())]);
        let shape = observe(&bytes, plain(Kind::Avro)).unwrap();
        let decoded = run(&bytes, plain(Kind::Avro), &shape).0.unwrap();
        assert_eq!(
            serde_json::to_string(&decoded.comments).unwrap(),
            r#"{"file":{"doc":"Tides.","owner":"sea"},"columns":{"a":{"doc":"metres"}}}"#
        );
    }
}

#[test]
fn lists_within_lists_and_maps_keep_their_own_counts() {
    let longs = |values: &[i64]| {
        values
            .iter()
            .flat_map(|value| long(*value))
            .collect::<Vec<u8>>()
    };
    let schema = r#"{"type":"record","name":"r","fields":[
        {"name":"a","type":{"type":"array","items":{"type":"array","items":"long"}}},
        {"name":"m","type":{"type":"map","values":{"type":"array","items":"long"}}}]}"#;
    let lists = longs(&[2, 3, 1, 2, 3, 0, 2, 4, 5, 0, 0]);
    let map = [long(1), text("k"), longs(&[2, 6, 7, 0]), long(0)].concat();
    let row = [lists, map].concat();
    let bytes = container(schema, "null", &[(2, [row.clone(), row].concat())]);
    let (_, rows) = table(&bytes);
    assert_eq!(rows, vec![vec!["[[1,2,3],[4,5]]", r#"{"k":[6,7]}"#]; 2]);
}

#[test]
fn a_stray_byte_does_not_make_rows_without_bytes_go_on_for_ever() {
    for schema in [
        r#""null""#,
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":"null"}]}"#,
    ] {
        let bytes = container(schema, "null", &[(i64::MAX, vec![0])]);
        assert!(
            malformed(&bytes).contains("values without bytes"),
            "{schema}"
        );
    }
}

#[test]
fn symbols_and_fixed_values_that_take_more_than_they_bring_are_refused() {
    let symbol = "s".repeat(1 << 20);
    let schema = format!(
        r#"{{"type":"array","items":{{"type":"enum","name":"e","symbols":["{symbol}"]}}}}"#
    );
    let row = [long(100), vec![0; 100], long(0)].concat();
    let schema =
        format!(r#"{{"type":"record","name":"r","fields":[{{"name":"a","type":{schema}}}]}}"#);
    assert!(malformed(&container(&schema, "null", &[(1, row)])).contains("row is too large"));
    let wide = r#"{"type":"record","name":"r","fields":[{"name":"a","type":["null",{"type":"fixed","name":"f","size":2147483647}]}]}"#;
    assert!(
        malformed(&container(wide, "null", &[(1, vec![0])]))
            .contains("fixed to more than 1024 bytes")
    );
}

#[test]
fn nested_values_and_unions_are_read() {
    let (shape, rows) = table(&sample());
    let list = DataType::List(Field::new_list_field(DataType::Utf8, true).into());
    assert_eq!(shape.type_of("a"), Some(&DataType::Int64));
    assert_eq!(shape.type_of("b"), Some(&list));
    let full = ["-7", r#"["xé","true"]"#, r#"{"k":{"d":1.5}}"#];
    let empty = ["-", "[]", "{}"];
    assert_eq!(rows, [full, full, empty, empty]);
}

#[test]
fn uuids_in_sixteen_bytes_are_known_and_others_are_what_holds_them() {
    let uuid = |name: &str| {
        format!(r#"{{"type":"fixed","name":"{name}","size":16,"logicalType":"uuid"}}"#)
    };
    let (one, two, list, map) = (uuid("one"), uuid("two"), uuid("list"), uuid("map"));
    let schema = format!(
        r#"{{"type":"record","name":"r","fields":[{{"name":"id","type":{one}}},
        {{"name":"maybe","type":["null",{two}]}},{{"name":"either","type":["one",{{"type":"fixed","name":"p","size":16}}]}},
        {{"name":"list","type":{{"type":"array","items":{list}}}}},{{"name":"map","type":{{"type":"map","values":{map}}}}},
        {{"name":"short","type":{{"type":"fixed","name":"s","size":8,"logicalType":"uuid"}}}},
        {{"name":"text","type":{{"type":"string","logicalType":"uuid"}}}}]}}"#
    );
    let id = vec![0xab_u8; 16];
    let row = [
        id.clone(),
        [long(1), id.clone()].concat(),
        [long(0), id.clone()].concat(),
        [long(1), id.clone(), long(0)].concat(),
        [long(1), text("k"), id, long(0)].concat(),
        vec![0xcd; 8],
        text("x"),
    ];
    let (shape, rows) = table(&container(&schema, "null", &[(1, row.concat())]));
    let types: Vec<String> = shape.columns.iter().map(Column::type_name).collect();
    let map =
        "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": uuid), unsorted)";
    assert_eq!(
        types,
        [
            "uuid",
            "uuid",
            "FixedSizeBinary(16)",
            "List(uuid)",
            map,
            "FixedSizeBinary(8)",
            "Utf8"
        ]
    );
    let hex = "ab".repeat(16);
    let (list, map) = (format!("[\"{hex}\"]"), format!("{{\"k\":\"{hex}\"}}"));
    assert_eq!(
        rows,
        [[&hex, &hex, &hex, &list, &map, &"cd".repeat(8), "x"]]
    );
}

#[test]
fn a_union_becomes_what_its_branches_join_to() {
    let record = |name: &str, field: &str, kind: &str| {
        format!(
            r#"{{"type":"record","name":"{name}","fields":[{{"name":"{field}","type":"{kind}"}}]}}"#
        )
    };
    let (one, two) = (record("one", "x", "int"), record("two", "y", "string"));
    for (schema, block, expected) in [
        (
            r#"["int","long"]"#.to_owned(),
            vec![long(0), long(5), long(1), long(6)],
            vec!["5", "6"],
        ),
        (
            r#"["int","double","null"]"#.to_owned(),
            vec![long(0), long(5), long(2)],
            vec!["5.0", "-"],
        ),
        (
            r#"["string","long"]"#.to_owned(),
            vec![long(0), text("a"), long(1), long(6)],
            vec!["a", "6"],
        ),
        (
            r#"["null"]"#.to_owned(),
            vec![long(0), long(0)],
            vec!["-", "-"],
        ),
        (
            format!("[{one},{two}]"),
            vec![long(0), long(5), long(1), text("z")],
            vec![r#"{"x":5,"y":null}"#, r#"{"x":null,"y":"z"}"#],
        ),
    ] {
        let (shape, rows) = table(&container(&schema, "null", &[(2, block.concat())]));
        assert_eq!(shape.columns[0].name, "value");
        assert_eq!(rows.concat(), expected, "{schema}");
    }
}

#[test]
fn schemas_that_no_table_can_hold_are_refused() {
    let nested = |levels: usize| {
        let (open, close) = (r#"{"type":"array","items":"#, "}");
        format!("{}\"int\"{}", open.repeat(levels), close.repeat(levels))
    };
    // Each record holds the one before it twice.
    let mut doubled =
        r#"{"type":"record","name":"r0","fields":[{"name":"a","type":"int"}]}"#.to_owned();
    for level in 1..20 {
        let before = level - 1;
        doubled = format!(
            r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":{doubled}}},{{"name":"b","type":"r{before}"}}]}}"#
        );
    }
    for (schema, expected) in [
        (
            r#"{"type":"record","name":"a.r","fields":[{"name":"x","type":["null",{"type":"array","items":"r"}]}]}"#.to_owned(),
            "the record a.r contains itself".to_owned(),
        ),
        (nested(41), "nested more than 40 levels deep".to_owned()),
        (doubled, format!("more than {MAX_COLUMNS} values")),
        (r#"{"type":"record","name":"r","fields":[{"name":"x","type":"int"},{"name":"x","type":"int"}]}"#.to_owned(),
            "two fields called \"x\"".to_owned()),
        (r#"{"type":"fixed","name":"f","size":0}"#.to_owned(), "fixed to a size".to_owned()),
        (r#"[["int"]]"#.to_owned(), "a union lies directly within a union".to_owned()),
        ("\"unheard\"".to_owned(), "unknown type \"unheard\"".to_owned()),
        ("{".to_owned(), "the schema is no JSON".to_owned()),
    ] {
        let told = malformed(&container(&schema, "null", &[]));
        assert!(told.contains(&expected), "{told}");
    }
    assert!(observe(&container(&nested(40), "null", &[]), plain(Kind::Avro)).is_ok());
}

#[test]
fn a_file_that_is_cut_anywhere_tells_the_block() {
    let bytes = sample();
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[..*at].ends_with(SYNC))
        .collect();
    for len in 0..bytes.len() {
        if starts.contains(&len) {
            // Between two blocks nothing tells that another should come.
            assert!(observe(&bytes[..len], plain(Kind::Avro)).is_ok());
            continue;
        }
        let block = starts.iter().filter(|start| **start < len).count();
        let expected = match block {
            0 => "within its header".to_owned(),
            block => format!("within block {block}"),
        };
        let told = malformed(&bytes[..len]);
        assert!(told.ends_with(&expected), "{len}: {told}");
    }
}

#[test]
fn blocks_that_claim_what_they_lack_are_refused() {
    let int = "\"int\"";
    let array = |items: &str| format!(r#"{{"type":"array","items":"{items}"}}"#);
    let wide = [0xff_u8; 10].to_vec();
    for (schema, rows, block, expected) in [
        (
            int,
            2,
            long(1),
            "block 1, row 2: the block ends within a value",
        ),
        (
            int,
            1,
            long(1).repeat(2),
            "block 1 has bytes behind its last row",
        ),
        (int, -1, long(1), "block 1 has fewer than no rows"),
        (
            int,
            1,
            long(1 << 40),
            "row 1: a number is outside the range",
        ),
        (int, 1, wide, "row 1: a number has more than 64 bits"),
        ("\"boolean\"", 1, vec![2], "a boolean is neither 0 nor 1"),
        ("\"string\"", 1, vec![2, 0xff], "a text is not UTF-8"),
        ("\"string\"", 1, long(-5), "a length is negative"),
        (
            "\"bytes\"",
            1,
            long(i64::MAX),
            "the block ends within a value",
        ),
        (r#"["int"]"#, 1, long(1), "a union has no such branch"),
        (
            r#"{"type":"enum","name":"e","symbols":["a"]}"#,
            1,
            long(1),
            "an enum has no such symbol",
        ),
        (
            r#"{"type":"int","logicalType":"time-millis"}"#,
            1,
            long(86_400_000),
            "outside the range",
        ),
        (
            r#"{"type":"long","logicalType":"timestamp-millis"}"#,
            1,
            long(i64::MAX),
            "outside the range",
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":2}"#,
            1,
            vec![2, 100],
            "outside the range",
        ),
        (
            "\"null\"",
            i64::MAX,
            Vec::new(),
            "too many values without bytes",
        ),
        (
            array("null").as_str(),
            1,
            long(i64::MAX),
            "too many values without bytes",
        ),
        (
            array("int").as_str(),
            1,
            [long(20 << 20), vec![0; 20 << 20]].concat(),
            "more than 16777216 elements",
        ),
    ] {
        let told = malformed(&container(schema, "null", &[(rows, block)]));
        assert!(told.contains(expected), "{schema}: {told}");
    }
}

#[test]
fn what_takes_more_memory_than_bytes_is_counted_by_what_it_takes() {
    let nulls: Vec<String> = (0..1000)
        .map(|at| format!(r#"{{"name":"n{at}","type":"null"}}"#))
        .collect();
    let wide = format!(
        r#"{{"type":"record","name":"r","fields":[{{"name":"b","type":"boolean"}},{}]}}"#,
        nulls.join(",")
    );
    let decimals = r#"{"type":"bytes","logicalType":"decimal","precision":70}"#;
    for (item, few, many) in [
        (wide.as_str(), 100, 20_000),
        (r#"["null","int"]"#, 100_000, 9 << 20),
        (decimals, 100_000, 5 << 20),
    ] {
        let schema = format!(r#"{{"type":"array","items":{item}}}"#);
        let row = |count: i64| {
            let elements = vec![0; usize::try_from(count).unwrap()];
            container(
                &schema,
                "null",
                &[(1, [long(count), elements, vec![0]].concat())],
            )
        };
        assert!(observe(&row(few), plain(Kind::Avro)).is_ok());
        let told = malformed(&row(many));
        assert!(told.contains("the row is too large"), "{told}");
    }
}

#[test]
fn rows_without_bytes_count_for_the_ceiling_of_their_file() {
    let bytes = container("\"null\"", "null", &[(5000, Vec::new())]);
    let decoded = |ceiling: &Ceiling| {
        let shape = Shape::of(&[("value", DataType::Null)]);
        super::decode(&mut bytes.as_slice(), ceiling, &shape, &mut |_| {
            ControlFlow::Continue(())
        })
    };
    assert_eq!(decoded(&Ceiling::default()).unwrap().rows, 5000);
    // Of a member, when those before it have taken all that is free.
    let late = Ceiling::of_size(1);
    late.give(64 << 20).unwrap();
    assert!(matches!(
        decoded(&late),
        Err(DecodeError::Malformed(Malformed::Expands { .. }))
    ));
}

#[test]
fn a_header_keeps_what_it_needs_and_ends_somewhere() {
    let entries = [b"Obj\x01".to_vec(), long(1 << 40), vec![0; 9 << 20]].concat();
    assert!(malformed(&entries).contains("the header is larger than 4MiB"));
}

#[test]
fn blocks_that_expand_without_measure_are_refused() {
    let zeros = vec![0_u8; 40 << 20];
    let small = zstd::encode_all(zeros.as_slice(), 1).unwrap();
    let rows = 40 << 20;
    // Elements cost memory, rows do not; each block alone is within the limits.
    let told = malformed(&container(
        "\"boolean\"",
        "zstandard",
        &[(rows, small.clone()), (rows, small)],
    ));
    assert!(told.contains("expands to more than 1000 times"), "{told}");
    let large = vec![0_u8; 65 << 20];
    for (codec, packed) in [
        ("zstandard", zstd::encode_all(large.as_slice(), 1).unwrap()),
        ("deflate", {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(&large).unwrap();
            encoder.finish().unwrap()
        }),
        (
            "snappy",
            [
                snap::raw::Encoder::new().compress_vec(&large).unwrap(),
                vec![0; 4],
            ]
            .concat(),
        ),
    ] {
        let told = malformed(&container("\"boolean\"", codec, &[(1, packed)]));
        assert!(
            told.contains("block 1 is larger than 64MiB"),
            "{codec}: {told}"
        );
    }
    let told = malformed(&container("\"int\"", "lzo", &[]));
    assert!(told.contains("by \"lzo\", which is unknown"), "{told}");
}

#[test]
fn marks_and_checksums_are_checked() {
    let packed = snap::raw::Encoder::new().compress_vec(&long(5)).unwrap();
    let bytes = container("\"int\"", "snappy", &[(1, [packed, vec![0; 4]].concat())]);
    assert!(malformed(&bytes).contains("block 1: the checksum is wrong"));
    let mut bytes = container("\"int\"", "null", &[(1, long(5)), (1, long(6))]);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(malformed(&bytes).contains("block 2 does not end in the mark of the file"));
    assert!(malformed(b"Obj\x02").contains("does not begin like"));
}
