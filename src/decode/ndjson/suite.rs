//! The parsing suite of the package json-test-suite, document by document.

use crate::decode::testing::{observe, plain};
use crate::decode::{DecodeError, Kind};

const SUITE: &str = include_str!("../../../fixtures/json-test-suite/parsing.ndjson");
/// Valid JSON by the suite, and refused here: which of the two values should count?
const DUPLICATES: [&str; 2] = [
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
];

#[derive(serde::Deserialize)]
struct Document {
    name: String,
    input: String,
}

fn documents() -> Vec<Document> {
    let lines = SUITE.lines().map(serde_json::from_str);
    let mut documents: Vec<Document> = lines.collect::<Result<_, _>>().unwrap();
    // Two that are too large to ship.
    for (name, piece, count) in [
        ("n_structure_100000_opening_arrays.json", "[", 100_000),
        ("n_structure_open_array_object.json", "[{\"\":", 50_000),
    ] {
        let (name, input) = (name.to_owned(), piece.repeat(count));
        documents.push(Document { name, input });
    }
    documents
}

fn is_accepted(text: &str) -> bool {
    match observe(text.as_bytes(), plain(Kind::Json)) {
        Ok(_) => true,
        Err(DecodeError::Malformed(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn every_document_is_accepted_or_refused_as_the_suite_says() {
    let documents = documents();
    assert_eq!(documents.len(), 318);
    for Document { name, input } in &documents {
        // A row is an object, so that any document can be a value in one.
        let within = is_accepted(&format!("{{\"a\":{input}}}"));
        let alone = is_accepted(input);
        match name.as_bytes()[0] {
            b'y' if DUPLICATES.contains(&name.as_str()) => assert!(!within && !alone, "{name}"),
            b'y' => {
                assert!(within, "{name}: {input}");
                assert!(alone || !input.trim_start().starts_with('{'), "{name}");
            }
            b'n' => assert!(!within, "{name}: {input}"),
            // What implementations may decide: only that none of them is more than refused.
            _ => {}
        }
    }
}
