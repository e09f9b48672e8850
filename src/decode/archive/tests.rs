use std::io::{self, Write as _};
use std::sync::Arc;

use arrow::datatypes::DataType;

use super::*;
use crate::decode::testing::{grid, plain, run_by, terms};
use crate::decode::{Ceiling, Compression, Recognised};
use crate::model::ReadAt;

fn octal(field: &mut [u8], value: u64) {
    let digits = format!("{value:0width$o}", width = field.len() - 1);
    field[..digits.len()].copy_from_slice(digits.as_bytes());
}

/// Returns a header and what follows it.
fn tar_entry(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut block[124..136], bytes.len() as u64);
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
    block.extend(bytes);
    block.resize(block.len().div_ceil(512) * 512, 0);
    block
}

fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let entries = entries
        .iter()
        .map(|(name, kind, bytes)| tar_entry(name, *kind, bytes));
    [entries.collect::<Vec<_>>().concat(), vec![0; 1024]].concat()
}

/// A member for a zip file: name, method, flags, bytes, packed bytes.
struct Zipped<'a>(&'a str, u16, u16, &'a [u8], Vec<u8>);

fn stored<'a>(name: &'a str, bytes: &'a [u8]) -> Zipped<'a> {
    Zipped(name, 0, 0, bytes, bytes.to_vec())
}

fn deflated<'a>(name: &'a str, bytes: &'a [u8]) -> Zipped<'a> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    Zipped(name, 8, 0, bytes, encoder.finish().unwrap())
}

fn zip(members: &[Zipped<'_>]) -> Vec<u8> {
    let small = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let tiny = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for Zipped(name, method, flags, bytes, packed) in members {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let about = [
            &flags.to_le_bytes()[..],
            &method.to_le_bytes(),
            &[0; 4],
            &crc.sum().to_le_bytes(),
            &small(packed.len()),
            &small(bytes.len()),
            &tiny(name.len()),
            &[0; 2],
        ]
        .concat();
        directory.extend(
            [
                &b"PK\x01\x02\x14\x03\x14\0"[..],
                &about,
                &[0; 10],
                &small(file.len()),
                name.as_bytes(),
            ]
            .concat(),
        );
        file.extend([&b"PK\x03\x04\x14\0"[..], &about, name.as_bytes(), packed].concat());
    }
    let count = tiny(members.len());
    let end = [
        &b"PK\x05\x06\0\0\0\0"[..],
        &count,
        &count,
        &small(directory.len()),
        &small(file.len()),
        &[0; 2],
    ];
    [file, directory, end.concat()].concat()
}

/// Returns an archive of these members.
pub(in crate::decode) fn archive_of(kind: Kind, members: &[(&str, &[u8])]) -> Vec<u8> {
    if kind == Kind::Zip {
        let members = members.iter().map(|(name, bytes)| deflated(name, bytes));
        return zip(&members.collect::<Vec<_>>());
    }
    let entries = members.iter().map(|(name, bytes)| (*name, b'0', *bytes));
    tar(&entries.collect::<Vec<_>>())
}

/// Returns a zip file whose only member shrinks very much.
pub(in crate::decode) fn bomb(name: &str, bytes: &[u8]) -> Vec<u8> {
    let packed = zstd::encode_all(bytes, 1).unwrap();
    zip(&[Zipped(name, 93, 0, bytes, packed)])
}

pub(in crate::decode) fn sample_tar() -> Vec<u8> {
    tar(&[
        ("b.csv", b'0', b"a\n1\n"),
        ("dir/a.ndjson", b'0', b"{\"a\":2,\"b\":\"x\"}\n"),
    ])
}

pub(in crate::decode) fn sample_zip() -> Vec<u8> {
    zip(&[
        deflated("b.csv", b"a\n1\n"),
        stored("dir/a.ndjson", b"{\"a\":2,\"b\":\"x\"}\n"),
    ])
}

/// A record that begins with its own length.
fn pax_record(text: &str) -> String {
    let mut length = text.len();
    loop {
        let record = format!("{length} {text}\n");
        if record.len() == length {
            return record;
        }
        length = record.len();
    }
}

fn observe_by(bytes: &[u8], how: Recognised) -> Result<Shape, DecodeError> {
    match run_by(bytes, how, &Definition::default(), &Shape::default()).0 {
        Err(DecodeError::Misfit { observed }) => Ok(observed),
        Ok(decoded) => Ok(decoded.observed),
        Err(error) => Err(error),
    }
}

fn malformed(bytes: &[u8], kind: Kind) -> String {
    match observe_by(bytes, plain(kind)) {
        Err(DecodeError::Malformed(malformed)) => malformed.to_string(),
        other => panic!("{other:?}"),
    }
}

fn rows(bytes: &[u8], kind: Kind, shape: &Shape) -> Vec<String> {
    let (result, batches) = run_by(bytes, plain(kind), &Definition::default(), shape);
    let rows = grid(&batches);
    assert_eq!(result.unwrap().rows, rows.len() as u64);
    rows.into_iter().map(|row| row.join("|")).collect()
}

#[test]
fn the_rows_of_all_members_have_one_shape() {
    for (bytes, kind, expected) in [
        (sample_tar(), Kind::Tar, ["1", "2|x"]),
        (sample_zip(), Kind::Zip, ["1", "2|x"]),
        (
            zip(&[stored("b.csv", b"a\n1\n"), stored("a.csv", b"a\n2.5\n")]),
            Kind::Zip,
            ["2.5", "1.0"],
        ),
        (
            tar(&[("b.csv", b'0', b"a\n1\n"), ("a.csv", b'0', b"a\n2.5\n")]),
            Kind::Tar,
            ["1.0", "2.5"],
        ),
    ] {
        let shape = observe_by(&bytes, plain(kind)).unwrap();
        assert_eq!(rows(&bytes, kind, &shape), expected);
        let guess = sniff(
            Bytes::Stream(&mut &*bytes),
            plain(kind),
            &Definition::default(),
        )
        .unwrap();
        assert_eq!(guess, shape);
    }
    let shape = observe_by(&sample_zip(), plain(Kind::Zip)).unwrap();
    assert_eq!(
        shape,
        Shape::of(&[("a", DataType::Int64), ("b", DataType::Utf8)])
    );
}

#[test]
fn what_is_no_data_is_left_out_and_no_name_does_harm() {
    let row = b"a\n1\n";
    let names = ["../../etc/a.csv", "/abs/b.csv", "./c.csv"];
    let others = ["notes.txt", ".hidden.csv", "__MACOSX/._a.csv", "dir/"];
    let all = || names.into_iter().chain(others);
    let entries: Vec<_> = all().map(|name| (name, b'0', &row[..])).collect();
    let zipped: Vec<_> = all().map(|name| stored(name, row)).collect();
    for (bytes, kind) in [(tar(&entries), Kind::Tar), (zip(&zipped), Kind::Zip)] {
        let shape = observe_by(&bytes, plain(kind)).unwrap();
        assert_eq!(rows(&bytes, kind, &shape), ["1", "1", "1"]);
    }
    let links = [
        ("a.csv", b'2', &b""[..]),
        ("b.csv", b'1', b""),
        ("c.csv", b'0', row),
    ];
    let bytes = tar(&links);
    let shape = observe_by(&bytes, plain(Kind::Tar)).unwrap();
    assert_eq!(rows(&bytes, Kind::Tar, &shape), ["1"]);
}

#[test]
fn long_names_and_sizes_are_told_by_members_of_their_own() {
    let long = format!("{}.csv", "x".repeat(300));
    let pax = pax_record(&format!("path={}.csv", "long".repeat(50)));
    let bytes = [
        tar_entry("././@LongLink", b'L', format!("{long}\0").as_bytes()),
        tar_entry("cut", b'0', b"a\n1\n"),
        tar_entry("pax", b'x', pax.as_bytes()),
        tar_entry("cut", b'0', b"a\n2\n"),
        vec![0; 1024],
    ]
    .concat();
    let shape = observe_by(&bytes, plain(Kind::Tar)).unwrap();
    assert_eq!(rows(&bytes, Kind::Tar, &shape), ["1", "2"]);
    let ill = [tar_entry("pax", b'x', b"7 size=\n"), vec![0; 1024]].concat();
    assert!(malformed(&ill, Kind::Tar).contains("not well formed"));
}

#[test]
fn an_archive_is_bad_as_a_whole_and_names_the_member() {
    let good = stored("a.csv", b"a\n1\n");
    let wrong = |flaw: fn(&mut Zipped<'_>)| {
        let mut member = deflated("b.csv", b"a\n1\n");
        flaw(&mut member);
        zip(&[stored("a.csv", b"a\n1\n"), member])
    };
    let bad_sum = {
        let mut bytes = zip(&[good]);
        let at = bytes.windows(4).position(|four| four == b"a\n1\n").unwrap();
        bytes[at + 2] = b'2';
        bytes
    };
    for (bytes, kind, expected) in [
        (
            zip(&[stored("a.csv", b"a,b\n1\n")]),
            Kind::Zip,
            "member \"a.csv\": line 2 has 1 fields",
        ),
        (
            tar(&[("d/a.csv", b'0', b"a,b\n1\n")]),
            Kind::Tar,
            "member \"d/a.csv\": line 2 has 1 fields",
        ),
        (
            bad_sum,
            Kind::Zip,
            "member \"a.csv\": the zip data is corrupt: its checksum is wrong",
        ),
        (
            wrong(|m| m.2 = 1),
            Kind::Zip,
            "member \"b.csv\": the zip data is corrupt: it is encrypted",
        ),
        (
            wrong(|m| m.1 = 97),
            Kind::Zip,
            "it is compressed by method 97",
        ),
        (
            wrong(|m| m.4.truncate(3)),
            Kind::Zip,
            "member \"b.csv\": the zip data is corrupt",
        ),
        (
            wrong(|m| m.3 = b"a\n"),
            Kind::Zip,
            "it holds more than the directory says",
        ),
        (wrong(|m| m.3 = b"a\n1\n2\n"), Kind::Zip, "it is cut off"),
        (
            tar(&[("a.csv", b'S', b"a\n1\n")]),
            Kind::Tar,
            "member \"a.csv\": the tar data is corrupt: it is sparse",
        ),
        (
            tar(&[("a.zip", b'0', b"")]),
            Kind::Tar,
            "member \"a.zip\": the tar data is corrupt: it is an archive within",
        ),
        (
            zip(&[stored("a.tar.gz", b"")]),
            Kind::Zip,
            "it is an archive within an archive",
        ),
        (
            zip(&[stored("a.csv", b"a\n"), stored("a.csv", b"a\n")]),
            Kind::Zip,
            "member \"a.csv\": the zip data is corrupt: it is there twice",
        ),
        (
            tar(&[("a.csv", b'0', b"a\n"), ("a.csv", b'0', b"a\n")]),
            Kind::Tar,
            "it is there twice",
        ),
        (
            tar(&[("a.txt", b'0', b"a\n")]),
            Kind::Tar,
            "it has no member of a known format",
        ),
        (zip(&[]), Kind::Zip, "it has no member of a known format"),
        (
            b"PK\x03\x04".to_vec(),
            Kind::Zip,
            "it has no directory at its end, or is cut off",
        ),
        (Vec::new(), Kind::Tar, "it is cut off"),
        (
            [sample_tar(), b"x".to_vec()].concat(),
            Kind::Tar,
            "something else follows its end",
        ),
    ] {
        let told = malformed(&bytes, kind);
        assert!(told.contains(expected), "{told} has no {expected}");
    }
}

#[test]
fn a_tar_file_that_is_cut_anywhere_is_malformed() {
    let bytes = sample_tar();
    for len in (0..bytes.len())
        .step_by(61)
        .chain([bytes.len() - 1, bytes.len() - 512])
    {
        assert!(
            malformed(&bytes[..len], Kind::Tar).contains("it is cut off"),
            "{len}"
        );
    }
    let bytes = sample_zip();
    for len in 0..bytes.len() {
        malformed(&bytes[..len], Kind::Zip);
    }
}

#[test]
fn a_member_that_expands_without_measure_is_refused() {
    let large = vec![b'\n'; 80 << 20];
    let told = malformed(&bomb("a.csv", &large), Kind::Zip);
    assert!(
        told.contains("member \"a.csv\": the file as a whole expands to more than 1000 times"),
        "{told}"
    );
    let how = Recognised {
        compression: Compression::Zstd,
        ..plain(Kind::Tar)
    };
    let packed = zstd::encode_all(tar(&[("a.csv", b'0', &large)]).as_slice(), 1).unwrap();
    match observe_by(&packed, how) {
        Err(DecodeError::Malformed(Malformed::Member { malformed, .. })) => {
            assert!(
                matches!(*malformed, Malformed::Expands { .. }),
                "{malformed:?}"
            );
        }
        Err(DecodeError::Malformed(Malformed::Expands { .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_ceiling_holds_for_all_members_of_a_file() {
    let lines = vec![b'\n'; 60_000];
    let packed = zstd::encode_all(lines.as_slice(), 1).unwrap();
    let zipped = zip(&["a.csv", "b.csv"].map(|name| Zipped(name, 93, 0, &lines, packed.clone())));
    let names = ["a.csv.zst", "b.csv.zst"];
    // What is stored as it is does not expand, and what is in it does.
    let stored = zip(&names.map(|name| stored(name, &packed)));
    let tarred = tar(&names.map(|name| (name, b'0', packed.as_slice())));
    let (definition, shape) = (Definition::default(), Shape::default());
    let told = |bytes: &[u8], kind, free| {
        let ceiling = Ceiling::of_size(1);
        ceiling.give((64_u64 << 20) - free).unwrap();
        let mut emit = |_| ControlFlow::Continue(());
        let mut members = Decoding::new(kind, terms(&definition, &shape), &mut emit);
        let read = if kind == Kind::Tar {
            read_tar(&mut &*bytes, &ceiling, &mut members)
        } else {
            let file: Arc<dyn ReadAt> = Arc::new(bytes.to_vec());
            read_zip(&file, &ceiling, &mut members)
        };
        read.map_err(|error| format!("{error:?}"))
    };
    for (bytes, kind) in [
        (zipped, Kind::Zip),
        (stored, Kind::Zip),
        (tarred, Kind::Tar),
    ] {
        assert_eq!(told(&bytes, kind, 120_000), Ok(()));
        // The first of them is within the bytes that are free.
        let told = told(&bytes, kind, 100_000).unwrap_err();
        assert!(
            told.contains("member: \"b.csv") && told.contains("Expands"),
            "{told}"
        );
    }
}

#[test]
fn what_is_compressed_twice_is_held_to_the_bytes_of_the_file() {
    let lines = zstd::encode_all(vec![b'\n'; 200 << 20].as_slice(), 1).unwrap();
    // By the bytes of the inner file alone, it would be within the ceiling.
    let padded = [
        lines,
        vec![0x50, 0x2a, 0x4d, 0x18, 0, 0, 4, 0],
        vec![0; 4 << 16],
    ]
    .concat();
    let file = zip(&[deflated("a.csv.zst", &padded)]);
    assert!(file.len() < (200 << 20) / 1000);
    let told = malformed(&file, Kind::Zip);
    assert!(told.contains("the file as a whole expands"), "{told}");
}

/// Puts bytes into names that no text can have.
fn renamed(mut bytes: Vec<u8>, names: [(&[u8], &[u8]); 2]) -> Vec<u8> {
    for (old, new) in names {
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(old.len()).position(|part| part == old) {
            at += found;
            bytes[at..at + new.len()].copy_from_slice(new);
        }
    }
    bytes
}

#[test]
fn names_that_are_not_utf8_are_different_names() {
    let members = [("@1.csv", &b"a\n1\n"[..]), ("@2.csv", b"a\n2\n")];
    let names: [(&[u8], &[u8]); 2] = [(b"@1.csv", b"\x94l.csv"), (b"@2.csv", b"\x99l.csv")];
    let bytes = renamed(archive_of(Kind::Zip, &members), names);
    let shape = observe_by(&bytes, plain(Kind::Zip)).unwrap();
    // In the order of their letters: Ö before ö.
    assert_eq!(rows(&bytes, Kind::Zip, &shape), ["2", "1"]);
    let bad = renamed(archive_of(Kind::Zip, &[("@1.csv", b"a,b\n1\n")]), names);
    assert!(malformed(&bad, Kind::Zip).contains("member \"öl.csv\""));

    let member = |name: &str, old: u8, new: u8, rows: &[u8]| {
        let mut entry = tar_entry(name, b'0', rows);
        let at = entry.iter().position(|byte| *byte == old).unwrap();
        entry[at] = new;
        let sum: u64 = entry[..512].iter().map(|byte| u64::from(*byte)).sum();
        let digits: u64 = entry[148..156].iter().map(|byte| u64::from(*byte)).sum();
        octal(&mut entry[148..155], sum - digits + 8 * u64::from(b' '));
        entry
    };
    let bytes = [
        member("@1.csv", b'@', 0xe9, b"a\n1\n"),
        member("@1.csv", b'@', 0xe8, b"a\n2\n"),
        vec![0; 1024],
    ]
    .concat();
    let shape = observe_by(&bytes, plain(Kind::Tar)).unwrap();
    assert_eq!(rows(&bytes, Kind::Tar, &shape), ["1", "2"]);
}

/// Returns a sparse member whose map goes on in two blocks behind its header.
fn sparse(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entry = tar_entry(name, b'S', bytes);
    entry[482] = 1;
    let sum: u64 = entry[..512].iter().map(|byte| u64::from(*byte)).sum();
    let digits: u64 = entry[148..156].iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut entry[148..155], sum - digits + 8 * u64::from(b' '));
    let mut map = vec![0; 1024];
    map[504] = 1;
    let bytes = entry.split_off(512);
    [entry, map, bytes].concat()
}

#[test]
fn sparse_members_are_left_out_or_refused_with_the_blocks_of_their_maps() {
    let bytes = [
        sparse("notes.txt", b"x"),
        tar_entry("a.csv", b'0', b"a\n1\n"),
        vec![0; 1024],
    ]
    .concat();
    let shape = observe_by(&bytes, plain(Kind::Tar)).unwrap();
    assert_eq!(rows(&bytes, Kind::Tar, &shape), ["1"]);
    let bytes = [sparse("a.csv", b"a\n1\n"), vec![0; 1024]].concat();
    assert!(
        malformed(&bytes, Kind::Tar)
            .contains("member \"a.csv\": the tar data is corrupt: it is sparse")
    );
}

/// A file that cannot be read from somewhere on.
struct Failing(Vec<u8>, u64);

impl ReadAt for Failing {
    fn len(&self) -> u64 {
        ReadAt::len(&self.0)
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset < self.1 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.0.read_exact_at(offset, buffer)
    }
}

#[test]
fn an_archive_that_cannot_be_read_is_not_corrupt() {
    let bytes = sample_zip();
    // The directory can be read, the members cannot; then nothing can.
    let directory = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap() as u64;
    for from in [1, 40, directory, u64::MAX] {
        let file: Arc<dyn ReadAt> = Arc::new(Failing(bytes.clone(), from));
        let definition = Definition::default();
        let mut emit = |_| ControlFlow::Continue(());
        let result = decode(
            Bytes::Random(file),
            plain(Kind::Zip),
            terms(&definition, &Shape::default()),
            &mut emit,
        );
        assert!(
            matches!(result, Err(DecodeError::Read(_))),
            "{from}: {result:?}"
        );
    }
}

#[test]
fn sizes_and_places_of_64_bits_are_read() {
    let (name, bytes) = (b"a.csv", b"a\n7\n");
    let long = |value: usize| u64::try_from(value).unwrap().to_le_bytes();
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let about = [&[0; 8][..], &crc.sum().to_le_bytes()].concat();
    let full = [0xff_u8; 4];
    let local = [
        &b"PK\x03\x04\x2d\0"[..],
        &about,
        &[4, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0],
        name,
        bytes,
    ]
    .concat();
    let extra = [&[1, 0, 24, 0][..], &long(4), &long(4), &long(0)].concat();
    let entry = [
        &b"PK\x01\x02\x2d\x03\x2d\0"[..],
        &about,
        &full,
        &full,
        &[5, 0, 28, 0],
        &[0; 10],
        &full,
        name,
        &extra,
    ]
    .concat();
    let end64 = [
        &b"PK\x06\x06"[..],
        &long(44),
        &[0; 12],
        &long(1),
        &long(1),
        &long(entry.len()),
        &long(local.len()),
    ]
    .concat();
    let at = long(local.len() + entry.len());
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &at, &[1, 0, 0, 0]].concat();
    let end = [&b"PK\x05\x06"[..], &[0xff; 16], &[0; 2]].concat();
    let file = [local, entry, end64, locator, end].concat();
    let shape = observe_by(&file, plain(Kind::Zip)).unwrap();
    assert_eq!(rows(&file, Kind::Zip, &shape), ["7"]);
}
