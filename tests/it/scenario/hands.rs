//! Who does the work does not show: the same bytes from one thread and from many, in whatever way a file was split.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use strandline::config::Key;
use strandline::engine::Pipeline;

/// Returns every file below `directory` but for the state, by its path.
pub(super) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("_strandline") {
                continue;
            }
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap();
                found.insert(name.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Large enough for several blocks, with quoted line ends all over.
fn csv(rows: u64) -> String {
    let mut text = String::from("id,day,note,amount\n");
    for id in 0..rows {
        let noise = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let note = match noise >> 61 {
            0 => format!("\"two\r\nlines, {noise}\""),
            1 => format!("\"a \"\"word\"\"\n{noise}\""),
            _ => format!("note {noise}"),
        };
        writeln!(text, "{id},{},{note},{}.5", noise % 7, noise >> 40).unwrap();
    }
    text
}

fn ndjson(rows: u64) -> String {
    let mut text = String::new();
    for id in 0..rows {
        let noise = id.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        // A column that comes up late, and a wider type in the middle.
        let late = if id > rows / 2 { ",\"late\":1.5" } else { "" };
        writeln!(
            text,
            "{{\"id\":{id},\"day\":{},\"note\":\"n\\u00e9 {noise}\"{late}}}",
            noise % 5
        )
        .unwrap();
    }
    text
}

#[test]
fn the_outputs_do_not_depend_on_the_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("in");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("large.csv"), csv(60_000)).unwrap();
    fs::write(source.join("lines.ndjson"), ndjson(50_000)).unwrap();
    fs::write(source.join("small.csv"), "id,day\n1,9\n2,\n").unwrap();
    let ways: [&[(Key, &str)]; 5] = [
        &[(Key::TargetFileSize, "200KiB")],
        // More files than are kept open.
        &[(Key::TargetFileSize, "1KiB"), (Key::RowGroupRows, "2048")],
        // The same, where the last of them wait for the crew until all rows have come.
        &[
            (Key::TargetFileSize, "64KiB"),
            (Key::RowGroupRows, "1024"),
            (Key::Compression, "none"),
        ],
        &[(Key::PartitionBy, "day"), (Key::TargetFileSize, "64KiB")],
        &[
            (Key::SortBy, "day DESC,note"),
            (Key::TargetFileSize, "200KiB"),
        ],
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let outputs = ["1", "4"].map(|threads| {
            let target = home.path().join(format!("out-{number}-{threads}"));
            let mut builder = Pipeline::builder(&source, &target)
                .set(Key::Settle, "0s")
                .set(Key::Threads, threads);
            for (key, value) in way {
                builder = builder.set(*key, value);
            }
            let report = builder.build().unwrap().run().unwrap();
            assert_eq!(report.rows.written, 110_002);
            files(&target)
        });
        assert!(outputs[0].len() > 1, "{way:?}");
        let names = outputs
            .each_ref()
            .map(|files| files.keys().cloned().collect::<Vec<_>>());
        assert_eq!(names[0], names[1], "{way:?}");
        for (name, bytes) in &outputs[0] {
            assert!(*bytes == outputs[1][name], "{way:?}: {name} differs");
        }
    }
}

#[test]
fn partitions_do_not_depend_on_how_much_memory_their_rows_may_take() {
    let home = tempfile::tempdir().unwrap();
    let source = home.path().join("in");
    fs::create_dir(&source).unwrap();
    // Few partitions at first, and then many; one of them has a row now and then.
    let mut text = String::from("id,part,note\n");
    for id in 0..60_000_u64 {
        let noise = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let part = match id {
            _ if id % 5000 == 0 => "rare".to_owned(),
            ..30_000 => format!("p{}", noise % 3),
            _ => format!("p{}", noise % 90),
        };
        writeln!(text, "{id},{part},note {noise}").unwrap();
    }
    fs::write(source.join("large.csv"), text).unwrap();
    for file_size in ["256MiB", "16KiB"] {
        let mut outputs = Vec::new();
        for (threads, memory) in [
            ("1", "512MiB"),
            ("4", "512MiB"),
            ("1", "64KiB"),
            ("4", "16MiB"),
            // So that row groups are encoded before all rows are there.
            ("1", "1MiB"),
            ("4", "1MiB"),
        ] {
            let name = format!("out-{file_size}-{threads}-{memory}");
            let target = home.path().join(name);
            let pipeline = Pipeline::builder(&source, &target)
                .set(Key::Settle, "0s")
                .set(Key::Threads, threads)
                .set(Key::Memory, memory)
                .set(Key::TargetFileSize, file_size)
                .set(Key::RowGroupRows, "2048")
                .partition_by(["part"]);
            let report = pipeline.build().unwrap().run().unwrap();
            assert_eq!(report.rows.written, 60_000);
            outputs.push(files(&target));
        }
        assert!(outputs[0].len() >= 91, "{}", outputs[0].len());
        assert!(
            outputs.iter().all(|files| *files == outputs[0]),
            "{file_size}"
        );
    }
}

#[test]
fn a_value_that_cannot_name_a_directory_sets_its_own_file_aside_and_no_other() {
    for place in ["a", "m", "z"] {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("in");
        fs::create_dir(&source).unwrap();
        for name in ["b", "c", "n", "y"] {
            fs::write(source.join(format!("{name}.csv")), "k,v\nx,1\ny,2\n").unwrap();
        }
        let bad = format!("k,v\n{},1\n", "long".repeat(100));
        fs::write(source.join(format!("{place}.csv")), bad).unwrap();
        let pipeline = Pipeline::builder(&source, home.path().join("out"))
            .partition_by(["k"])
            .set(Key::Settle, "0s")
            .set(Key::Threads, "4")
            .build()
            .unwrap();
        let report = pipeline.run().unwrap();
        assert_eq!((report.files.quarantined, report.rows.written), (1, 8));
        assert_eq!(report.errors[0].path, format!("{place}.csv"));
    }
}
