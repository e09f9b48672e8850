//! Others that bring files into Parquet: DuckDB and Polars, in an environment that is made where it is missing, with the
//! fastest of the settings that a user would think of.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cases::{Case, Layout};
use crate::inputs::{Format, Inputs};
use crate::support::{Measured, data, measure};

/// What pip installs.
const PACKAGES: [&str; 2] = ["duckdb==2.0.1", "polars==2.1.0"];

/// Who strandline is paired with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// DuckDB with `PARQUET_VERSION V2`.
    DuckDbV2,
    /// DuckDB with its defaults.
    DuckDb,
    /// Polars, streaming.
    Polars,
}

impl Peer {
    /// All of them, in the order in which they run.
    pub(crate) const ALL: [Self; 3] = [Self::DuckDbV2, Self::DuckDb, Self::Polars];

    /// Returns the one that is called so.
    pub(crate) fn named(name: &str) -> Self {
        let known = Self::ALL.map(Self::name).join(", ");
        let named = Self::ALL.into_iter().find(|peer| peer.name() == name);
        named.ok_or(format!("{name} is none of {known}")).unwrap()
    }

    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DuckDbV2 => "duckdb-v2",
            Self::DuckDb => "duckdb",
            Self::Polars => "polars",
        }
    }

    /// The programs, each with its setting, that do what `case` says; all of them give the same rows.
    pub(crate) fn ways(self, case: Case, inputs: &Inputs, target: &Path) -> Vec<Way> {
        let way = |setting, program| Way { setting, program };
        let duckdb =
            |setting, order, layout| way(setting, self.duckdb(inputs, target, order, layout));
        let polars =
            |setting, order, size| way(setting, polars(case.layout, inputs, target, order, size));
        match (self, case.layout) {
            (Self::Polars, Layout::Flat) => vec![
                polars("in order", "True", "'auto'"),
                polars("in any order", "False", "'auto'"),
            ],
            (Self::Polars, Layout::ByDay) => vec![
                polars("in order", "True", "'auto'"),
                polars("in any order", "False", "'auto'"),
                polars("files of any size", "False", "None"),
            ],
            (_, Layout::Flat) => vec![
                duckdb("in order", "true", ONE_FILE),
                duckdb("in any order", "false", ONE_FILE),
                duckdb("file per thread", "false", FILE_PER_THREAD),
            ],
            (_, Layout::ByDay) => vec![
                duckdb("in order", "true", BY_DAY),
                duckdb("in any order", "false", BY_DAY),
            ],
        }
    }

    fn duckdb(self, inputs: &Inputs, target: &Path, order: &str, layout: Shape) -> String {
        let version = match self {
            Self::DuckDbV2 => ", PARQUET_VERSION V2",
            _ => "",
        };
        let read = match inputs.format {
            Format::Csv | Format::CsvGzip => "read_csv",
            Format::Ndjson => "read_json",
            Format::Parquet => "read_parquet",
        };
        format!(
            "import duckdb\nduckdb.execute(\"SET preserve_insertion_order = {order}; \
             COPY (SELECT * FROM {read}('{}')) TO '{}{}' \
             (FORMAT parquet, COMPRESSION zstd{version}{})\")",
            pattern(inputs),
            target.display(),
            layout.place,
            layout.options,
        )
    }
}

/// Where DuckDB writes to, and what it is told about it.
#[derive(Clone, Copy)]
struct Shape {
    place: &'static str,
    options: &'static str,
}

const ONE_FILE: Shape = Shape {
    place: "/all.parquet",
    options: "",
};
const FILE_PER_THREAD: Shape = Shape {
    place: "",
    options: ", PER_THREAD_OUTPUT true, OVERWRITE_OR_IGNORE",
};
const BY_DAY: Shape = Shape {
    place: "",
    options: ", PARTITION_BY (day), OVERWRITE_OR_IGNORE",
};

fn polars(layout: Layout, inputs: &Inputs, target: &Path, order: &str, size: &str) -> String {
    let files = pattern(inputs);
    let scan = match inputs.format {
        Format::Csv | Format::CsvGzip => format!("scan_csv('{files}', try_parse_dates=True)"),
        Format::Ndjson => format!("scan_ndjson('{files}')"),
        Format::Parquet => format!("scan_parquet('{files}')"),
    };
    let target = target.display();
    let target = match layout {
        Layout::Flat => format!("'{target}/all.parquet'"),
        Layout::ByDay => {
            format!("pl.PartitionBy('{target}', key='day', approximate_bytes_per_file={size})")
        }
    };
    format!(
        "import polars as pl\npl.{scan}.sink_parquet({target}, compression='zstd', compression_level=3, \
         maintain_order={order}, mkdir=True, engine='streaming')"
    )
}

fn pattern(inputs: &Inputs) -> String {
    format!(
        "{}/*.{}",
        inputs.source.display(),
        inputs.format.extension()
    )
}

/// One way for a peer to do its work.
pub(crate) struct Way {
    /// What is particular about it.
    pub(crate) setting: &'static str,
    program: String,
}

/// The Python that has the peers.
pub(crate) struct Python(PathBuf);

impl Python {
    /// Returns the environment with the peers, which is made where there is none with these very versions.
    pub(crate) fn with_peers() -> Self {
        let home = data("ingest-peers");
        let (python, installed) = (home.join("bin/python"), home.join("installed"));
        let wanted = PACKAGES.join("\n");
        if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Self(python);
        }
        fs::remove_dir_all(&home).ok();
        measure(Command::new("python3").args(["-m", "venv"]).arg(&home));
        let pip = ["-m", "pip", "install", "--disable-pip-version-check"];
        let only_built = ["--only-binary", ":all:"];
        measure(
            Command::new(&python)
                .args(pip)
                .args(only_built)
                .args(PACKAGES),
        );
        fs::write(installed, wanted).unwrap();
        Self(python)
    }

    /// Lets a peer work in the given way.
    pub(crate) fn run(&self, way: &Way) -> Measured {
        measure(Command::new(&self.0).arg("-c").arg(&way.program))
    }

    /// What the rows below `target` add up to. Amounts are added as cents: sums of floats depend on their order.
    pub(crate) fn totals(&self, target: &Path) -> String {
        let program = format!(
            "import duckdb\nprint(duckdb.sql(\"SELECT count(*), sum(id), \
             sum(CAST(round(amount * 100) AS BIGINT)) FROM read_parquet('{}/**/*.parquet')\").fetchall())",
            target.display(),
        );
        measure(Command::new(&self.0).arg("-c").arg(program)).stdout
    }
}
