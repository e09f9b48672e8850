//! What can happen between two runs, and how often.

use std::fmt::Write as _;

use proptest::prelude::*;

/// A file by its place among those that there are.
pub(crate) type Which = u8;

/// A path by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(pub(crate) u8);

impl Place {
    pub(crate) const DIRS: [&'static str; 4] = ["", "dt=1/", "dt=2/", "dt=3/x/"];

    /// The path, with the extension of what is put there.
    pub(crate) fn path(self, extension: &str) -> String {
        // One directory has more files than the others, so that units join there.
        let dir = Self::DIRS[[0, 1, 1, 1, 1, 2, 3][usize::from(self.0) % 7]];
        let name = ["a", "b", "c", "d", "e", "f"][usize::from(self.0) / 7 % 6];
        format!("{dir}{name}.{extension}")
    }

    pub(crate) fn extension(self) -> &'static str {
        match (self.0 / 42, self.0 % 3) {
            (0, 0) => "ndjson",
            (0, _) => "csv",
            (_, 0) => "csv.gz",
            (_, 1) => "csv.zst",
            (_, _) => "parquet",
        }
    }
}

/// What to write into a file: how many rows, with which columns and types.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    pub(crate) rows: u8,
    pub(crate) flavour: u8,
}

impl Recipe {
    /// Returns the text of the content; `next_id` makes every row unlike any other.
    pub(crate) fn content(self, extension: &str, next_id: &mut u64) -> String {
        let mut text = String::new();
        if extension != "ndjson" {
            let names: Vec<&str> = self.cells(0).into_iter().map(|(name, _)| name).collect();
            writeln!(text, "{}", names.join(",")).unwrap();
        }
        for _ in 0..self.rows {
            *next_id += 1;
            self.row(extension, *next_id, &mut text);
        }
        text
    }

    /// Adds one row.
    pub(crate) fn row(self, extension: &str, id: u64, text: &mut String) {
        let cells = self.cells(id);
        if extension != "ndjson" {
            let values: Vec<String> = cells.into_iter().map(|(_, value)| value).collect();
            writeln!(text, "{}", values.join(",")).unwrap();
            return;
        }
        let mut object = serde_json::Map::new();
        for (name, value) in cells.into_iter().filter(|(_, value)| !value.is_empty()) {
            let value = serde_json::from_str(&value).unwrap_or(serde_json::Value::String(value));
            object.insert(name.to_owned(), value);
        }
        writeln!(text, "{}", serde_json::Value::Object(object)).unwrap();
    }

    fn cells(self, id: u64) -> Vec<(&'static str, String)> {
        let day = id % 9 + 1;
        let number = match self.flavour % 8 {
            0..=4 => id.to_string(),
            5 | 6 => format!("{id}.5"),
            _ => format!("x{id}"),
        };
        let instant = match self.flavour / 8 % 4 {
            0..=2 => format!("2024-01-0{day}"),
            _ => format!("2024-01-0{day}T10:00:0{day}"),
        };
        let key = match id % 4 {
            0 => String::new(),
            other => other.to_string(),
        };
        let mut cells = vec![
            ("id", format!("{id:06}")),
            ("k", key),
            ("n", number),
            ("d", instant),
        ];
        if self.flavour & 32 != 0 {
            cells.push(("more", id.to_string()));
        }
        if self.flavour & 64 != 0 {
            cells.insert(1, ("front", "f".to_owned()));
        }
        cells
    }
}

/// What survives a crash.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Survive {
    All,
    Synced,
    Some(u64),
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Add(Place, Recipe),
    Edit(Which, Recipe),
    SameSizeEdit(Which),
    Append(Which, Recipe),
    Truncate(Which),
    Empty(Which),
    Touch(Which),
    SetBack(Which),
    SetAhead(Which),
    Rename(Which, Place),
    /// A CSV file is called NDJSON, which it is not.
    Disguise(Which),
    Swap(Which, Which),
    Copy(Which, Place),
    Delete(Which),
    SwapDirs(u8, u8),
    Spoil(Which),
    ChangeWhileRead(Which, Recipe),
    FailRead(Which),
    HideListing(u8),
    PartitionBy(bool),
    FileSize(bool),
    /// A directory below `dt=3/` names a partition, or no longer.
    Captures(bool),
    /// Rows of vanished files stay, or no longer.
    Retain(bool),
    /// Changes of files are ignored, or no longer.
    Ignore(bool),
    Run,
    /// A run whose time is over after so many looks at the clock.
    HurriedRun(u16),
    CrashRun(u16, Survive),
    Crash(Survive),
    LoseLedger,
    LoseOutput(Which),
    DamageOutput(Which),
    Advance(u8),
    Idle,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    (0u8..7, any::<u8>()).prop_map(|(rows, flavour)| Recipe { rows, flavour })
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![3 => 0u8..42, 1 => 42u8..84].prop_map(Place)
}

fn survive() -> impl Strategy<Value = Survive> {
    prop_oneof![
        Just(Survive::All),
        Just(Survive::Synced),
        any::<u64>().prop_map(Survive::Some)
    ]
}

/// Any operation.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let which = any::<u8>;
    let files = prop_oneof![
        8 => (place(), recipe()).prop_map(|(p, r)| O::Add(p, r)),
        4 => (which(), recipe()).prop_map(|(w, r)| O::Edit(w, r)),
        3 => which().prop_map(O::SameSizeEdit),
        2 => (which(), recipe()).prop_map(|(w, r)| O::Append(w, r)),
        2 => which().prop_map(O::Truncate),
        1 => which().prop_map(O::Empty),
        1 => which().prop_map(O::Touch),
        1 => which().prop_map(O::SetBack),
        1 => which().prop_map(O::SetAhead),
        3 => (which(), place()).prop_map(|(w, p)| O::Rename(w, p)),
        1 => which().prop_map(O::Disguise),
        2 => (which(), which()).prop_map(|(a, b)| O::Swap(a, b)),
        2 => (which(), place()).prop_map(|(w, p)| O::Copy(w, p)),
        4 => which().prop_map(O::Delete),
        1 => (0u8..4, 0u8..4).prop_map(|(a, b)| O::SwapDirs(a, b)),
        2 => which().prop_map(O::Spoil),
    ];
    let trouble = prop_oneof![
        2 => (which(), recipe()).prop_map(|(w, r)| O::ChangeWhileRead(w, r)),
        2 => which().prop_map(O::FailRead),
        1 => (0u8..4).prop_map(O::HideListing),
        1 => any::<bool>().prop_map(O::PartitionBy),
        1 => any::<bool>().prop_map(O::FileSize),
        1 => any::<bool>().prop_map(O::Captures),
        1 => any::<bool>().prop_map(O::Retain),
        1 => any::<bool>().prop_map(O::Ignore),
        6 => (0u16..400, survive()).prop_map(|(n, s)| O::CrashRun(n, s)),
        3 => (1u16..60).prop_map(O::HurriedRun),
        1 => survive().prop_map(O::Crash),
        1 => Just(O::LoseLedger),
        1 => which().prop_map(O::LoseOutput),
        1 => which().prop_map(O::DamageOutput),
        4 => any::<u8>().prop_map(O::Advance),
        1 => Just(O::Idle),
    ];
    prop_oneof![10 => files, 4 => trouble, 5 => Just(O::Run)]
}
