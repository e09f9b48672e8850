//! Which files are ours, by their names.

use std::fmt;

use crate::config::Format;

/// How a file's bytes are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recognised {
    /// The format within.
    pub kind: Kind,
    /// What is around it.
    pub compression: Compression,
}

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Comma-separated.
    Csv,
    /// Tab-separated.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// Parquet.
    Parquet,
}

/// What a file is compressed with as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Nothing.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

const COMPRESSIONS: [(&str, Compression); 4] = [
    ("gz", Compression::Gzip),
    ("gzip", Compression::Gzip),
    ("zst", Compression::Zstd),
    ("zstd", Compression::Zstd),
];

const KINDS: [(&str, Kind); 8] = [
    ("csv", Kind::Csv),
    ("tsv", Kind::Tsv),
    ("tab", Kind::Tsv),
    ("ndjson", Kind::Ndjson),
    ("jsonl", Kind::Ndjson),
    ("jsonlines", Kind::Ndjson),
    ("parquet", Kind::Parquet),
    ("pq", Kind::Parquet),
];

/// Recognises a file by its name; `None` where it is not ours.
///
/// [`Format::Auto`] goes by the extension (in any case); any other format takes every name, and only the
/// compression is told by the extension.
#[must_use]
pub fn recognise(path: &str, format: Format) -> Option<Recognised> {
    let slash = path.bytes().rposition(|byte| byte == b'/');
    let name = &path[slash.map_or(0, |slash| slash + 1)..];
    let (name, compression) = known(name, &COMPRESSIONS).unwrap_or((name, Compression::None));
    let kind = match format {
        Format::Csv => Kind::Csv,
        Format::Tsv => Kind::Tsv,
        Format::Ndjson => Kind::Ndjson,
        Format::Parquet => Kind::Parquet,
        Format::Auto => known(name, &KINDS)?.1,
    };
    Some(Recognised { kind, compression })
}

/// Returns the name without its extension and what the extension means, in any case; asked for every listed file.
fn known<'a, T: Copy>(name: &'a str, meanings: &[(&str, T)]) -> Option<(&'a str, T)> {
    let dot = name.bytes().rposition(|byte| byte == b'.')?;
    let extension = &name[dot + 1..];
    let (_, meaning) = meanings
        .iter()
        .find(|(known, _)| extension.eq_ignore_ascii_case(known))?;
    Some((&name[..dot], *meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_format_and_compression() {
        for (path, kind, compression) in [
            ("a.csv", Kind::Csv, Compression::None),
            ("x.y/B.CSV.GZ", Kind::Csv, Compression::Gzip),
            ("a.tsv.zst", Kind::Tsv, Compression::Zstd),
            ("a.ndjson", Kind::Ndjson, Compression::None),
            ("a.jsonl.gz", Kind::Ndjson, Compression::Gzip),
            ("a.parquet", Kind::Parquet, Compression::None),
            ("a.pq.gz", Kind::Parquet, Compression::Gzip),
        ] {
            let expected = Some(Recognised { kind, compression });
            assert_eq!(recognise(path, Format::Auto), expected, "{path}");
        }
        for foreign in ["a", "a.txt", "a.gz", "a.csv/readme", "a.csv.bz2", "", "csv"] {
            assert_eq!(recognise(foreign, Format::Auto), None, "{foreign}");
        }
    }

    #[test]
    fn a_given_format_takes_every_name() {
        let plain = recognise("dump", Format::Csv).map(|r| (r.kind, r.compression));
        assert_eq!(plain, Some((Kind::Csv, Compression::None)));
        let packed = recognise("dump.log.gz", Format::Ndjson).map(|r| (r.kind, r.compression));
        assert_eq!(packed, Some((Kind::Ndjson, Compression::Gzip)));
    }
}
