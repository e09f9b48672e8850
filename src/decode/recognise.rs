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
    /// What the first bytes have to say about that.
    pub magic: Magic,
}

/// Whether a file's first bytes may tell another compression than its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// They may.
    Heeded,
    /// They are data like all others.
    Ignored,
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
    /// One JSON object, several, or an array of them.
    Json,
    /// Parquet.
    Parquet,
    /// The file or the stream format of Arrow.
    Arrow,
    /// An object container of Avro.
    Avro,
    /// Lines of text.
    Text,
    /// Lines that are cut by a pattern.
    Regex,
    /// Lines that are cut by widths.
    Fixed,
    /// A workbook of Excel.
    Excel,
    /// A tar archive of files.
    Tar,
    /// A zip archive of files.
    Zip,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Ndjson => "NDJSON",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
            Self::Avro => "Avro",
            Self::Text | Self::Regex | Self::Fixed => "text",
            Self::Excel => "Excel",
            Self::Tar => "tar",
            Self::Zip => "zip",
        })
    }
}

/// What a file is compressed with as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// The frame format of LZ4.
    Lz4,
    /// The framing format of Snappy.
    Snappy,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
        })
    }
}

/// What an extension says.
#[derive(Clone, Copy)]
enum Meaning {
    Holds(Kind),
    Compressed(Compression),
    /// A tar archive that is compressed as a whole.
    TarIn(Compression),
}

/// Returns what an extension says, in any case; asked for every listed file.
fn meaning(extension: &str) -> Option<Meaning> {
    use Meaning::{Compressed, Holds, TarIn};
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"csv" => Holds(Kind::Csv),
        b"tsv" | b"tab" => Holds(Kind::Tsv),
        b"ndjson" | b"jsonl" | b"jsonlines" => Holds(Kind::Ndjson),
        b"json" => Holds(Kind::Json),
        b"parquet" | b"pq" => Holds(Kind::Parquet),
        b"arrow" | b"feather" | b"arrows" | b"ipc" => Holds(Kind::Arrow),
        b"avro" => Holds(Kind::Avro),
        b"xlsx" | b"xlsm" => Holds(Kind::Excel),
        b"tar" => Holds(Kind::Tar),
        b"zip" => Holds(Kind::Zip),
        b"gz" | b"gzip" => Compressed(Compression::Gzip),
        b"zst" | b"zstd" => Compressed(Compression::Zstd),
        b"bz2" => Compressed(Compression::Bzip2),
        b"xz" => Compressed(Compression::Xz),
        b"lz4" => Compressed(Compression::Lz4),
        b"sz" | b"snappy" => Compressed(Compression::Snappy),
        b"tgz" => TarIn(Compression::Gzip),
        b"tbz" | b"tbz2" => TarIn(Compression::Bzip2),
        b"txz" => TarIn(Compression::Xz),
        b"tzst" => TarIn(Compression::Zstd),
        b"tlz4" => TarIn(Compression::Lz4),
        _ => return None,
    })
}

/// The length of the longest extension that says something.
const LONGEST: usize = "jsonlines".len();

/// Recognises a file by its name; `None` where it is not ours.
///
/// [`Format::Auto`] goes by the extension (in any case), and heeds the first bytes of a file that is compressed
/// otherwise than its name says; any other format takes every name, and only the compression, and that it is an
/// archive, is told by the extension.
#[must_use]
pub fn recognise(path: &str, format: Format) -> Option<Recognised> {
    let (before, last) = extension(path);
    let (said, compression) = match last {
        Some(Meaning::Compressed(compression)) => (extension(before).1, compression),
        Some(Meaning::TarIn(compression)) => (Some(Meaning::Holds(Kind::Tar)), compression),
        said => (said, Compression::None),
    };
    let said = match said {
        Some(Meaning::Holds(kind)) => Some(kind),
        // One within the other is none that is known.
        Some(Meaning::Compressed(_) | Meaning::TarIn(_)) | None => None,
    };
    let kind = match (format, said) {
        (_, Some(archive @ (Kind::Tar | Kind::Zip))) => archive,
        (Format::Csv, _) => Kind::Csv,
        (Format::Tsv, _) => Kind::Tsv,
        (Format::Ndjson, _) => Kind::Ndjson,
        (Format::Json, _) => Kind::Json,
        (Format::Parquet, _) => Kind::Parquet,
        (Format::Arrow, _) => Kind::Arrow,
        (Format::Avro, _) => Kind::Avro,
        (Format::Text, _) => Kind::Text,
        (Format::Regex, _) => Kind::Regex,
        (Format::Fixed, _) => Kind::Fixed,
        (Format::Excel, _) => Kind::Excel,
        (Format::Auto, said) => said?,
    };
    let magic = match format {
        Format::Auto => Magic::Heeded,
        _ => Magic::Ignored,
    };
    Some(Recognised {
        kind,
        compression,
        magic,
    })
}

/// Returns the path without its extension, and what that says.
fn extension(path: &str) -> (&str, Option<Meaning>) {
    // What lies further back begins no extension that says something.
    let bytes = path.as_bytes();
    let last = bytes.len().saturating_sub(LONGEST + 1);
    match bytes[last..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) => (&path[..last + dot], meaning(&path[last + dot + 1..])),
        None => (path, None),
    }
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
            ("a.json", Kind::Json, Compression::None),
            ("a.parquet", Kind::Parquet, Compression::None),
            ("a.pq.gz", Kind::Parquet, Compression::Gzip),
            ("a.feather", Kind::Arrow, Compression::None),
            ("a.avro", Kind::Avro, Compression::None),
            ("a.csv.bz2", Kind::Csv, Compression::Bzip2),
            ("a.csv.xz", Kind::Csv, Compression::Xz),
            ("a.csv.lz4", Kind::Csv, Compression::Lz4),
            ("a.csv.sz", Kind::Csv, Compression::Snappy),
            ("a.csv.snappy", Kind::Csv, Compression::Snappy),
            ("a.xlsx", Kind::Excel, Compression::None),
            ("a.zip", Kind::Zip, Compression::None),
            ("a.tar", Kind::Tar, Compression::None),
            ("a.tar.gz", Kind::Tar, Compression::Gzip),
            ("a.TGZ", Kind::Tar, Compression::Gzip),
            ("a.tar.zst", Kind::Tar, Compression::Zstd),
            ("a.tar.bz2", Kind::Tar, Compression::Bzip2),
            ("a.tar.xz", Kind::Tar, Compression::Xz),
        ] {
            let magic = Magic::Heeded;
            let expected = Some(Recognised {
                kind,
                compression,
                magic,
            });
            assert_eq!(recognise(path, Format::Auto), expected, "{path}");
        }
        for foreign in [
            "a",
            "a.txt",
            "a.gz",
            "a.csv/readme",
            "a.csv.Z",
            "",
            "csv",
            "é.jsonlinés",
        ] {
            assert_eq!(recognise(foreign, Format::Auto), None, "{foreign}");
        }
    }

    #[test]
    fn a_given_format_takes_every_name() {
        let plain = recognise("dump", Format::Csv).map(|r| (r.kind, r.compression));
        assert_eq!(plain, Some((Kind::Csv, Compression::None)));
        let packed = recognise("dump.log.gz", Format::Ndjson).map(|r| (r.kind, r.compression));
        assert_eq!(packed, Some((Kind::Ndjson, Compression::Gzip)));
        let archive = recognise("logs.tar.gz", Format::Csv).map(|r| (r.kind, r.compression));
        assert_eq!(archive, Some((Kind::Tar, Compression::Gzip)));
    }
}
