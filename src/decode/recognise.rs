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

const COMPRESSIONS: [(&str, Compression); 9] = [
    ("gz", Compression::Gzip),
    ("gzip", Compression::Gzip),
    ("zst", Compression::Zstd),
    ("zstd", Compression::Zstd),
    ("bz2", Compression::Bzip2),
    ("xz", Compression::Xz),
    ("lz4", Compression::Lz4),
    ("sz", Compression::Snappy),
    ("snappy", Compression::Snappy),
];

const KINDS: [(&str, Kind); 16] = [
    ("csv", Kind::Csv),
    ("tsv", Kind::Tsv),
    ("tab", Kind::Tsv),
    ("ndjson", Kind::Ndjson),
    ("jsonl", Kind::Ndjson),
    ("jsonlines", Kind::Ndjson),
    ("json", Kind::Json),
    ("parquet", Kind::Parquet),
    ("pq", Kind::Parquet),
    ("arrow", Kind::Arrow),
    ("feather", Kind::Arrow),
    ("arrows", Kind::Arrow),
    ("ipc", Kind::Arrow),
    ("avro", Kind::Avro),
    ("xlsx", Kind::Excel),
    ("xlsm", Kind::Excel),
];

const ARCHIVES: [(&str, Kind); 2] = [("tar", Kind::Tar), ("zip", Kind::Zip)];

/// Extensions of tar files that are compressed as a whole.
const TARS: [(&str, Compression); 6] = [
    ("tgz", Compression::Gzip),
    ("tbz", Compression::Bzip2),
    ("tbz2", Compression::Bzip2),
    ("txz", Compression::Xz),
    ("tzst", Compression::Zstd),
    ("tlz4", Compression::Lz4),
];

/// Recognises a file by its name; `None` where it is not ours.
///
/// [`Format::Auto`] goes by the extension (in any case), and heeds the first bytes of a file that is compressed
/// otherwise than its name says; any other format takes every name, and only the compression, and that it is an
/// archive, is told by the extension.
#[must_use]
pub fn recognise(path: &str, format: Format) -> Option<Recognised> {
    let slash = path.bytes().rposition(|byte| byte == b'/');
    let name = &path[slash.map_or(0, |slash| slash + 1)..];
    let (name, compression) = known(name, &COMPRESSIONS).unwrap_or((name, Compression::None));
    let magic = match format {
        Format::Auto => Magic::Heeded,
        _ => Magic::Ignored,
    };
    let archive = match known(name, &TARS) {
        Some((_, within)) if compression == Compression::None => Some((Kind::Tar, within)),
        _ => known(name, &ARCHIVES).map(|(_, kind)| (kind, compression)),
    };
    if let Some((kind, compression)) = archive {
        return Some(Recognised {
            kind,
            compression,
            magic,
        });
    }
    let kind = match format {
        Format::Csv => Kind::Csv,
        Format::Tsv => Kind::Tsv,
        Format::Ndjson => Kind::Ndjson,
        Format::Json => Kind::Json,
        Format::Parquet => Kind::Parquet,
        Format::Arrow => Kind::Arrow,
        Format::Avro => Kind::Avro,
        Format::Text => Kind::Text,
        Format::Regex => Kind::Regex,
        Format::Fixed => Kind::Fixed,
        Format::Excel => Kind::Excel,
        Format::Auto => known(name, &KINDS)?.1,
    };
    Some(Recognised {
        kind,
        compression,
        magic,
    })
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
        for foreign in ["a", "a.txt", "a.gz", "a.csv/readme", "a.csv.Z", "", "csv"] {
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
