//! What `ingest` measures, and what it is asked for on the command line.

#![expect(clippy::unwrap_used, reason = "a bench stops where it cannot go on")]

use crate::inputs::Format;
use crate::peers::Peer;
use crate::support::{Scale, scale};

/// How the outputs lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In one directory.
    Flat,
    /// In a directory for each day.
    ByDay,
}

/// One kind of input, brought into one layout.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) format: Format,
    /// How many files the rows lie in.
    pub(crate) files: u64,
    pub(crate) layout: Layout,
}

/// All cases.
pub(crate) const CASES: [Case; 10] = [
    case(Format::Csv, 200, Layout::Flat),
    case(Format::Csv, 200, Layout::ByDay),
    case(Format::Csv, 1, Layout::Flat),
    case(Format::Csv, 1, Layout::ByDay),
    case(Format::Ndjson, 200, Layout::Flat),
    case(Format::Ndjson, 200, Layout::ByDay),
    case(Format::Ndjson, 1, Layout::Flat),
    case(Format::CsvGzip, 200, Layout::Flat),
    case(Format::Parquet, 200, Layout::Flat),
    case(Format::Parquet, 200, Layout::ByDay),
];

const fn case(format: Format, files: u64, layout: Layout) -> Case {
    Case {
        format,
        files,
        layout,
    }
}

impl Case {
    /// By which it is picked: `csv-200-by-day`.
    pub(crate) fn name(self) -> String {
        let layout = match self.layout {
            Layout::Flat => "flat",
            Layout::ByDay => "by-day",
        };
        format!("{}-{}-{layout}", self.format.name(), self.files)
    }
}

/// What whoever started the bench wants.
pub(crate) struct Asked {
    /// About how much text is brought in; more than one size where the smaller one shows how cost grows.
    pub(crate) sizes: Vec<u64>,
    pub(crate) rounds: usize,
    /// Others, which run in turn with strandline at the largest size.
    pub(crate) peers: Vec<Peer>,
    picked: Option<String>,
}

impl Asked {
    /// Reads the command line.
    pub(crate) fn read() -> Self {
        let (mut rounds, mut megabytes, mut picked) = (None, None, None);
        let mut peers = Vec::new();
        let mut arguments = std::env::args().skip(1);
        let number = |text: Option<String>| text.unwrap().parse::<u64>().unwrap();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--rounds" => rounds = Some(number(arguments.next())),
                "--megabytes" => megabytes = Some(number(arguments.next())),
                "--peers" => peers.extend(Peer::ALL),
                "--peer" => peers.push(Peer::named(&arguments.next().unwrap())),
                // What cargo adds, and what other benches know.
                flag if flag.starts_with("--") => {}
                _ => picked = Some(argument),
            }
        }
        let (sizes, usual_rounds) = match (megabytes, scale()) {
            (Some(megabytes), _) => (vec![megabytes * 1_000_000], 5),
            (None, Scale::Quick) => (vec![2_000_000], 1),
            (None, Scale::Normal | Scale::Full) => (vec![20_000_000, 2_000_000_000], 5),
        };
        Self {
            sizes,
            rounds: usize::try_from(rounds.unwrap_or(usual_rounds))
                .unwrap()
                .max(1),
            peers,
            picked,
        }
    }

    /// The cases that are asked for.
    pub(crate) fn cases(&self) -> impl Iterator<Item = Case> {
        let is_picked = |name: &str| self.picked.as_ref().is_none_or(|part| name.contains(part));
        CASES
            .into_iter()
            .filter(move |case| is_picked(&case.name()))
    }
}
