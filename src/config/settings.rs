//! Layers of values to settings that the rest of the program takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{ByteSize, ParseSizeError};
use crate::schema::{DeclareError, RESCUED};

use super::access::Access;
use super::aside::Hidden;
use super::dialect::{Decimal, ENCODINGS, Encoding, Header, Mark, TrailingDelimiter};
use super::duration::{ParseDurationError, parse_duration};
use super::events::{EventsError, EventsPlace, EventsToken};
use super::key::{FORMATS, Key, ON_DELETE, ON_MODIFY, SAME_CONTENT};
use super::layer::{Layers, Origin, Value};
use super::limits::{LEAST_RATE, MOST_AT_ONCE, some_time};
use super::lines::LinePatternError;
use super::pattern::PatternError;
use super::place::{Place, PlaceError, StoreKind, parse_place, without_secrets};
use super::selection::{PathPartitions, Recognises, Selection, capturing};
use super::{
    Definition, Dialect, Format, Limits, Links, OnDelete, OnModify, Policies, Removals, RowSql,
    SameContent,
};

/// How long a lease outlasts the last sign of its holder, where nobody says otherwise.
const LEASE: Duration = Duration::from_mins(1);

/// A shorter one would be lost to a few slow answers.
const LEAST_LEASE: Duration = Duration::from_secs(3);

/// How long to wait between two listings, where nobody says otherwise.
const INTERVAL: Duration = Duration::from_mins(1);

/// Every setting, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the files come from.
    pub source: Option<Place>,
    /// What gives access to object stores; not there where nobody has looked.
    pub access: Access,
    /// Where the outputs go.
    pub target: Option<Place>,
    /// Where the ledger is, if not in the target.
    pub state: Option<Place>,
    /// A file with certificates that are trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long the lock of a ledger in an object store outlasts the last sign of its holder.
    pub lease: Duration,
    /// Where hints come from.
    pub events: Option<EventsPlace>,
    /// What whoever posts hints has to know; not there where nobody has looked.
    pub events_token: Option<EventsToken>,
    /// How long to wait from one listing to the next where nothing else tells of changes.
    pub interval: Duration,
    /// Patterns of what is taken; all that is recognised where there is none.
    pub include: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Whether hidden names are taken.
    pub hidden: Hidden,
    /// Whether symbolic links are followed.
    pub links: Links,
    /// What is computed.
    pub definition: Definition,
    /// How a run behaves.
    pub policies: Policies,
    /// How much it may use.
    pub limits: Limits,
}

/// A value that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} is {value:?}, which it cannot be")]
pub struct SettingError {
    /// Where it was written.
    pub place: String,
    /// What was written.
    pub value: String,
    /// Why it cannot be.
    #[source]
    pub source: BadValue,
}

/// Why a value means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum BadValue {
    /// It is no place that can be reached.
    Place(#[from] PlaceError),
    /// It is no place where hints come from.
    Events(#[from] EventsError),
    /// It is no size.
    Size(#[from] ParseSizeError),
    /// It is no duration.
    Duration(#[from] ParseDurationError),
    /// It is no pattern.
    Pattern(#[from] PatternError),
    /// It is none of the words.
    #[error("it must be one of {}", known.join(", "))]
    Choice {
        /// The words.
        known: &'static [&'static str],
    },
    /// It is no number above zero.
    #[error("it must be a whole number above zero")]
    Count,
    /// It is no switch.
    #[error("it must be true or false")]
    Switch,
    /// It is a size of nothing.
    #[error("it must be more than zero bytes")]
    Zero,
    /// It is no number.
    #[error("it must be a whole number")]
    Number,
    /// It is shorter than makes sense.
    #[error("it must be at least {0}")]
    AtLeast(&'static str),
    /// It is no character that could mark anything.
    #[error("it must be one ASCII character{}, and no line end", or(word))]
    Mark {
        /// The word that it may be instead.
        word: &'static str,
    },
    /// Another setting's character.
    #[error("the {other} is that already, and one character cannot mean both")]
    Clash {
        /// The other setting.
        other: &'static str,
    },
    /// Fields of TSV files are separated otherwise.
    #[error("TSV files are separated by tabs; with --format csv it may be anything")]
    NotTab,
    /// It is no pattern for lines.
    #[error("it is no pattern for lines")]
    Lines(#[from] LinePatternError),
    /// It says something about another format.
    #[error("it is about --format {format}, and means nothing for another")]
    OtherFormat {
        /// The format.
        format: &'static str,
    },
    /// The format needs to know more.
    #[error("it needs {argument}")]
    Needs {
        /// What it needs.
        argument: &'static str,
    },
    /// It is no width.
    #[error(
        "each must be a name and a number of characters, such as name:10; only the last may be name:*"
    )]
    Width,
    /// More at once than makes sense.
    #[error("it must be at most {MOST_AT_ONCE}")]
    AtOnce,
    /// It is no time at all.
    #[error("it must be more than no time")]
    NoTime,
    /// So slow that requests would be stale before they are sent.
    #[error("it must be at least {LEAST_RATE}")]
    Rate,
    /// It does not say a name and a type.
    #[error("{text:?} is not a column such as amount=decimal(10,2)")]
    Declaration {
        /// What was written.
        text: String,
    },
    /// A column cannot be declared like that.
    #[error("column {column} cannot be declared like that")]
    Declared {
        /// The column.
        column: String,
        /// Why not.
        #[source]
        source: Box<DeclareError>,
    },
    /// A rule about declared columns, of which there are none.
    #[error("it needs columns that are declared, in [schema.columns]")]
    NothingDeclared,
    /// The name of the column for what does not fit.
    #[error("{RESCUED} is the column for what does not fit, and can be nothing else")]
    RescuedTaken,
    /// A column that no row will have under the policy.
    #[error("{column} must be declared, or no row has it under this policy")]
    Undeclared {
        /// The column.
        column: String,
    },
    /// A column whose values no directory can be named after.
    #[error("{column} is declared binary, and no directory can be named after its values")]
    NoDirectory {
        /// The column.
        column: String,
    },
    /// Every column that a row may have names partitions.
    #[error(
        "there is no declared column beside these, and Parquet cannot hold rows without columns"
    )]
    NothingBeside,
    /// There is nothing in it.
    #[error("it must say something; leave it out to take everything")]
    NoSql,
    /// It is no codec.
    #[error("it must be zstd, zstd:LEVEL, snappy, lz4, gzip or none")]
    Compression,
    /// It is no level of Zstandard's.
    #[error("the level must be from 1 to {most}")]
    ZstdLevel {
        /// The highest level.
        most: u8,
    },
    /// It is too few or too many rows.
    #[error("it must be from {least} to {most}")]
    Rows {
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// It is too small or too large a size.
    #[error("it must be from {least} to {most}")]
    Bytes {
        /// The smallest.
        least: ByteSize,
        /// The largest.
        most: ByteSize,
    },
    /// A name is there twice, or empty.
    #[error("a column must have a name, and can be named once only")]
    Column,
}

impl Settings {
    /// Resolves `layers` (which end in the defaults) for a machine with `processors`.
    ///
    /// # Errors
    /// [`SettingError`] for the first value that means nothing.
    pub fn resolve(layers: &Layers, processors: usize) -> Result<Self, SettingError> {
        let read = Reading { layers };
        let include = read.list(Key::Include, patterns)?;
        let source = read.place(Key::Source)?;
        Ok(Self {
            target: read.place(Key::Target)?,
            state: read.place(Key::State)?,
            ca_file: read.file(Key::CaFile)?,
            lease: read.lease()?,
            events: read.one(Key::Events, events)?.flatten(),
            events_token: None,
            interval: read.one(Key::Interval, some_time)?.unwrap_or(INTERVAL),
            exclude: read.list(Key::Exclude, patterns)?,
            hidden: read.switch(Key::Hidden, Hidden::Aside, Hidden::Taken)?,
            links: read.switch(Key::FollowSymlinks, Links::Ignored, Links::Followed)?,
            definition: read.definition(&include)?,
            policies: read.policies(source.as_ref())?,
            limits: read.limits(processors)?,
            access: Access::default(),
            source,
            include,
        })
    }

    /// Returns the same settings with what gives access to object stores.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = match self.ca_file.clone() {
            None => access,
            file => access.with_ca_file(file),
        };
        self
    }

    /// Tells whether any of its places is in a store that speaks like S3.
    #[must_use]
    pub fn speaks_s3(&self) -> bool {
        let places = [&self.source, &self.target, &self.state].into_iter();
        let mut stores = places.flatten().filter_map(|place| match place {
            Place::Store(url) => Some(url.kind()),
            Place::Directory(_) => None,
        });
        let by_queue = matches!(self.events, Some(EventsPlace::Queue(_)));
        by_queue || stores.any(|kind| kind == StoreKind::S3)
    }

    /// Compiles what selects inputs. `recognises` tells by its name whether a file holds a known format; it is
    /// asked where the format is told by the extension.
    ///
    /// # Errors
    /// [`PatternError`]; none for settings that were resolved from layers.
    pub fn selection(&self, recognises: Recognises) -> Result<Selection, PatternError> {
        let by_name = self.definition.format == Format::Auto;
        Selection::new(
            &self.include,
            &self.exclude,
            self.hidden,
            by_name.then_some(recognises),
        )
    }
}

/// Reads one setting after the other.
pub(super) struct Reading<'a> {
    pub(super) layers: &'a Layers,
}

impl Reading<'_> {
    fn definition(&self, include: &[String]) -> Result<Definition, SettingError> {
        let formats = [
            Format::Auto,
            Format::Csv,
            Format::Tsv,
            Format::Ndjson,
            Format::Json,
            Format::Parquet,
            Format::Arrow,
            Format::Avro,
            Format::Text,
            Format::Regex,
            Format::Fixed,
            Format::Excel,
        ];
        let format = self.choice(Key::Format, FORMATS, &formats)?;
        Ok(Definition {
            format,
            captures: capturing(include).unwrap_or_default(),
            partition_by: self.list(Key::PartitionBy, columns_are_named)?,
            csv: self.dialect()?,
            lines: self.lines(format)?,
            sheet: self.sheet(format)?,
            schema: self.schema()?,
            sql: RowSql {
                select: self.one(Key::Select, sql)?,
                filter: self.one(Key::Where, sql)?,
                expect: self.layers.expectations().to_vec(),
            },
            target_file_size: self
                .size(Key::TargetFileSize)?
                .unwrap_or(Definition::default().target_file_size),
            writing: self.writing()?,
            step: None,
        })
    }

    fn dialect(&self) -> Result<Dialect, SettingError> {
        let default = Dialect::default();
        let dialect = Dialect {
            delimiter: self.mark(Key::Delimiter, "auto")?,
            quote: self.mark(Key::Quote, "none")?.or_else(|| {
                // Only the word takes the quote away, not its absence.
                default
                    .quote
                    .filter(|_| self.layers.find(Key::Quote).is_none())
            }),
            escape: self.mark(Key::Escape, "none")?,
            comment: self.mark(Key::Comment, "none")?,
            header: self.switch(Key::Header, Header::Absent, Header::Present)?,
            columns: self.list(Key::Columns, columns_are_named)?,
            skip_lines: self.one(Key::SkipLines, number)?.unwrap_or_default(),
            null: self.null()?,
            trailing_delimiter: self.switch(
                Key::TrailingDelimiter,
                TrailingDelimiter::Separates,
                TrailingDelimiter::Ends,
            )?,
            encoding: self.choice(
                Key::Encoding,
                ENCODINGS,
                &[
                    Encoding::Auto,
                    Encoding::Utf8,
                    Encoding::Utf16,
                    Encoding::Latin1,
                    Encoding::Windows1252,
                ],
            )?,
            decimal: self.switch(Key::DecimalComma, Decimal::Point, Decimal::Comma)?,
        };
        self.unambiguous(dialect)
    }

    /// Refuses two meanings of one character. That the quote is also the escape is what doubling it means.
    fn unambiguous(&self, mut dialect: Dialect) -> Result<Dialect, SettingError> {
        if dialect.escape == dialect.quote {
            dialect.escape = None;
        }
        if let Some((clashing, other)) = dialect.clash() {
            let key = match clashing {
                "quote" => Key::Quote,
                "escape" => Key::Escape,
                _ => Key::Comment,
            };
            return Err(self.refused(key, BadValue::Clash { other }));
        }
        let tsv =
            matches!(self.layers.find(Key::Format), Some((Value::One(word), _)) if word == "tsv");
        if tsv && dialect.delimiter.is_some_and(|mark| mark != Mark::TAB) {
            return Err(self.refused(Key::Delimiter, BadValue::NotTab));
        }
        Ok(dialect)
    }

    fn mark(&self, key: Key, word: &'static str) -> Result<Option<Mark>, SettingError> {
        let mark = self.one(key, |text| match Mark::parse(text) {
            _ if text == word => Ok(None),
            None => Err(BadValue::Mark { word }),
            some => Ok(some),
        })?;
        Ok(mark.flatten())
    }

    /// Their order and repetitions mean nothing, and the empty field is null anyway.
    fn null(&self) -> Result<Vec<String>, SettingError> {
        let mut tokens = self.list(Key::Null, |_| Ok(()))?;
        tokens.retain(|token| !token.is_empty());
        tokens.sort();
        tokens.dedup();
        Ok(tokens)
    }

    /// Returns the error that `key` is what it is.
    pub(super) fn refused(&self, key: Key, source: BadValue) -> SettingError {
        let (value, place) = match self.layers.find(key) {
            Some((Value::One(text), origin)) => (text.clone(), origin.place(key)),
            Some((Value::Many(items), origin)) => (items.join(","), origin.place(key)),
            None => (String::new(), Origin::Default.place(key)),
        };
        SettingError {
            place,
            value,
            source,
        }
    }

    fn policies(&self, source: Option<&Place>) -> Result<Policies, SettingError> {
        let default = Policies::default();
        Ok(Policies {
            on_delete: self.choice(
                Key::OnDelete,
                ON_DELETE,
                &[OnDelete::Remove, OnDelete::Retain],
            )?,
            on_modify: self.choice(
                Key::OnModify,
                ON_MODIFY,
                &[OnModify::Replace, OnModify::Ignore, OnModify::Fail],
            )?,
            same_content: self.choice(
                Key::SameContent,
                SAME_CONTENT,
                &[SameContent::Load, SameContent::Warn, SameContent::Skip],
            )?,
            removals: self.switch(Key::AllowRemovals, Removals::Braked, Removals::Allowed)?,
            settle: self.settle(source)?.unwrap_or(default.settle),
            compatibility: self.compatibility()?,
        })
    }

    /// Objects appear whole: nobody has to wait for one, unless somebody says so.
    fn settle(&self, source: Option<&Place>) -> Result<Option<Duration>, SettingError> {
        match (source, self.layers.find(Key::Settle)) {
            (Some(Place::Store(_)), Some((_, Origin::Default))) => Ok(Some(Duration::ZERO)),
            _ => self.duration(Key::Settle),
        }
    }

    fn lease(&self) -> Result<Duration, SettingError> {
        let least = |text: &str| match parse_duration(text)? {
            lasts if lasts < LEAST_LEASE => Err(BadValue::AtLeast("3s")),
            lasts => Ok(lasts),
        };
        Ok(self.one(Key::Lease, least)?.unwrap_or(LEASE))
    }

    fn place(&self, key: Key) -> Result<Option<Place>, SettingError> {
        let place = self.one(key, |text| Ok(parse_place(text)?))?;
        Ok(place.map(|place| match place {
            Place::Directory(path) => Place::Directory(self.beside_file(key, path)),
            Place::Store(url) => Place::Store(url),
        }))
    }

    fn file(&self, key: Key) -> Result<Option<PathBuf>, SettingError> {
        let path = self.one(key, |text| Ok(PathBuf::from(text)))?;
        Ok(path.map(|path| self.beside_file(key, path)))
    }

    /// What a settings file says is relative to it.
    fn beside_file(&self, key: Key, path: PathBuf) -> PathBuf {
        match self.layers.find(key) {
            Some((_, Origin::File(file))) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => path,
        }
    }

    pub(super) fn size(&self, key: Key) -> Result<Option<ByteSize>, SettingError> {
        self.one(key, |text| {
            let size: ByteSize = text.replace('_', "").parse()?;
            if size.0 == 0 {
                Err(BadValue::Zero)
            } else {
                Ok(size)
            }
        })
    }

    pub(super) fn count(&self, key: Key) -> Result<Option<u64>, SettingError> {
        self.one(key, count)
    }

    pub(super) fn duration(&self, key: Key) -> Result<Option<Duration>, SettingError> {
        self.one(key, |text| Ok(parse_duration(text)?))
    }

    pub(super) fn switch<T: Copy>(&self, key: Key, off: T, on: T) -> Result<T, SettingError> {
        let value = self.one(key, |text| match text {
            "true" | "1" | "yes" | "on" => Ok(on),
            "false" | "0" | "no" | "off" => Ok(off),
            _ => Err(BadValue::Switch),
        })?;
        Ok(value.unwrap_or(off))
    }

    /// Reads one of `known`, which stands for the one of `values` at its place; the first where nobody says.
    pub(super) fn choice<T: Copy, const N: usize>(
        &self,
        key: Key,
        known: &'static [&'static str],
        values: &[T; N],
    ) -> Result<T, SettingError> {
        let value = self.one(key, |text| {
            let at = known.iter().position(|word| *word == text);
            at.and_then(|at| values.get(at).copied())
                .ok_or(BadValue::Choice { known })
        })?;
        Ok(value.unwrap_or(values[0]))
    }

    pub(super) fn one<T>(
        &self,
        key: Key,
        read: impl FnOnce(&str) -> Result<T, BadValue>,
    ) -> Result<Option<T>, SettingError> {
        match self.layers.find(key) {
            Some((Value::One(text), origin)) => {
                read(text).map(Some).map_err(|source| SettingError {
                    place: origin.place(key),
                    value: without_secrets(text),
                    source,
                })
            }
            _ => Ok(None),
        }
    }

    pub(super) fn list(
        &self,
        key: Key,
        check: fn(&[String]) -> Result<(), BadValue>,
    ) -> Result<Vec<String>, SettingError> {
        let Some((Value::Many(items), origin)) = self.layers.find(key) else {
            return Ok(Vec::new());
        };
        check(items).map_err(|source| SettingError {
            place: origin.place(key),
            value: items.join(","),
            source,
        })?;
        Ok(items.clone())
    }
}

pub(super) fn count(text: &str) -> Result<u64, BadValue> {
    let count = text.replace('_', "").parse().ok();
    count.filter(|count| *count > 0).ok_or(BadValue::Count)
}

fn events(text: &str) -> Result<Option<EventsPlace>, BadValue> {
    Ok(EventsPlace::parse(text)?)
}

fn sql(text: &str) -> Result<String, BadValue> {
    match text.trim() {
        "" => Err(BadValue::NoSql),
        text => Ok(text.to_owned()),
    }
}

fn number(text: &str) -> Result<u64, BadValue> {
    text.replace('_', "").parse().map_err(|_| BadValue::Number)
}

fn or(word: &str) -> String {
    format!(" or the word {word}")
}

fn patterns(items: &[String]) -> Result<(), BadValue> {
    for item in items {
        PathPartitions::new(std::slice::from_ref(item))?;
    }
    Ok(())
}

pub(super) fn columns_are_named(items: &[String]) -> Result<(), BadValue> {
    let mut seen = std::collections::BTreeSet::new();
    let distinct = items
        .iter()
        .all(|item| !item.is_empty() && seen.insert(item));
    if distinct {
        Ok(())
    } else {
        Err(BadValue::Column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{COMPATIBILITIES, Layer, SCHEMA_POLICIES, parse_file};
    use crate::schema::{Compatibility, SchemaPolicy};

    fn file(text: &str) -> Layer {
        parse_file(Path::new("conf/strandline.toml"), text).unwrap()
    }

    fn layer(origin: Origin, values: &[(Key, &str)]) -> Layer {
        let mut layer = Layer::new(origin);
        for (key, text) in values {
            layer.set(*key, text);
        }
        layer
    }

    fn resolve(layers: Vec<Layer>) -> Result<Settings, SettingError> {
        let mut layers = layers;
        layers.push(Layer::defaults());
        Settings::resolve(&Layers(layers), 3)
    }

    #[test]
    fn without_a_word_the_defaults_are_those_of_the_types() {
        let settings = resolve(vec![]).unwrap();
        assert_eq!(settings.definition, Definition::default());
        assert_eq!(settings.policies, Policies::default());
        let limits = Limits {
            threads: 3,
            ..Limits::default()
        };
        assert_eq!(settings.limits, limits);
        assert_eq!((settings.source, settings.target), (None, None));
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let flag = layer(Origin::Flag, &[(Key::Settle, "1s")]);
        let variable = layer(
            Origin::Environment,
            &[(Key::Settle, "3s"), (Key::Threads, "5")],
        );
        let file = file("[source]\nsettle = '4s'\n[run]\nthreads = 6\nmax_files = 7\n");
        let settings = resolve(vec![flag, variable, file]).unwrap();
        assert_eq!(settings.policies.settle, Duration::from_secs(1));
        assert_eq!(settings.limits.threads, 5);
        assert_eq!(settings.limits.max_files, Some(7));
        assert_eq!(settings.limits.max_bytes, None);
    }

    #[test]
    fn a_relative_path_in_the_file_is_relative_to_the_file() {
        let text = "[source]\npath = 'in'\n[target]\npath = '/out'\n";
        let settings = resolve(vec![file(text)]).unwrap();
        assert_eq!(settings.source, Some(Place::from("conf/in")));
        assert_eq!(settings.target, Some(Place::from("/out")));
        let flag = layer(Origin::Flag, &[(Key::Source, "in")]);
        let settings = resolve(vec![flag, file(text)]).unwrap();
        assert_eq!(settings.source, Some(Place::from("in")));
    }

    #[test]
    fn every_choice_means_what_it_says() {
        let text = "[source]\nformat = 'ndjson'\nhidden = true\nfollow_symlinks = true\n\
            include = ['{dt}/*', '*.csv']\n[run]\non_delete = 'retain'\non_modify = 'fail'\n\
            same_content = 'skip'\nallow_removals = true\n[target]\npartition_by = ['a', 'b']\n";
        let settings = resolve(vec![file(text)]).unwrap();
        assert_eq!(settings.definition.format, Format::Ndjson);
        assert_eq!(settings.definition.captures, ["{dt}/*"]);
        assert_eq!(settings.definition.partition_by, ["a", "b"]);
        assert_eq!(settings.hidden, Hidden::Taken);
        assert_eq!(settings.links, Links::Followed);
        assert_eq!(settings.policies.on_delete, OnDelete::Retain);
        assert_eq!(settings.policies.on_modify, OnModify::Fail);
        assert_eq!(settings.policies.same_content, SameContent::Skip);
        assert_eq!(settings.policies.removals, Removals::Allowed);
    }

    #[test]
    fn the_words_of_a_choice_are_the_names_of_its_values() {
        for (key, known) in [
            (Key::Format, FORMATS),
            (Key::OnDelete, ON_DELETE),
            (Key::OnModify, ON_MODIFY),
            (Key::SameContent, SAME_CONTENT),
            (Key::Encoding, ENCODINGS),
            (Key::SchemaPolicy, SCHEMA_POLICIES),
            (Key::SchemaCompatibility, COMPATIBILITIES),
        ] {
            for word in known {
                let needed = match *word {
                    "regex" => (Key::Pattern, "common"),
                    "fixed" => (Key::Widths, "a:1"),
                    _ => (Key::Settle, "2s"),
                };
                let flags = [(key, *word), needed, (Key::SchemaColumn, "a=int8")];
                let settings = resolve(vec![layer(Origin::Flag, &flags)]).unwrap();
                let value = match key {
                    Key::Format => serde_json::to_value(settings.definition.format),
                    Key::Encoding => serde_json::to_value(settings.definition.csv.encoding),
                    Key::SchemaPolicy => serde_json::to_value(settings.definition.schema.policy),
                    Key::SchemaCompatibility => {
                        serde_json::to_value(settings.policies.compatibility)
                    }
                    Key::OnDelete => serde_json::to_value(settings.policies.on_delete),
                    Key::OnModify => serde_json::to_value(settings.policies.on_modify),
                    _ => serde_json::to_value(settings.policies.same_content),
                };
                assert_eq!(value.unwrap(), *word);
            }
        }
    }

    #[test]
    fn objects_settle_at_once_unless_somebody_says_otherwise() {
        for (source, told, settle) in [
            ("s3://b/k", None, 0),
            ("s3://b/k", Some("3s"), 3),
            ("in", None, 2),
        ] {
            let mut layer = layer(Origin::Flag, &[(Key::Source, source)]);
            if let Some(told) = told {
                layer.set(Key::Settle, told);
            }
            let settings = resolve(vec![layer]).unwrap();
            assert_eq!(settings.policies.settle, Duration::from_secs(settle));
        }
    }

    #[test]
    fn a_url_in_a_settings_file_is_not_relative_to_it() {
        let settings = resolve(vec![file("[source]\npath = 's3://b/k'")]).unwrap();
        assert_eq!(settings.source.unwrap().to_string(), "s3://b/k");
    }

    #[test]
    fn a_refused_url_is_shown_without_its_secrets() {
        let layer = layer(Origin::Flag, &[(Key::Target, "s3://me:pw@b/k?sig=pw")]);
        let error = resolve(vec![layer]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "TARGET is \"s3://b/k\", which it cannot be"
        );
        assert!(!format!("{error:?}").contains("pw"));
    }

    #[test]
    fn a_value_that_means_nothing_says_where_it_stands_and_why() {
        for (layer, message, why) in [
            (
                layer(Origin::Flag, &[(Key::Settle, "2")]),
                "--settle is \"2\", which it cannot be",
                "\"2\" is not a duration such as 500ms, 2s or 1m30s",
            ),
            (
                layer(Origin::Environment, &[(Key::Format, "xml")]),
                "STRANDLINE_FORMAT is \"xml\", which it cannot be",
                "it must be one of auto, csv, tsv, ndjson, json, parquet, arrow, avro, text, regex, fixed, excel",
            ),
            (
                file("[run]\nmemory = '1 parsec'"),
                "memory in [run] of conf/strandline.toml is \"1 parsec\", which it cannot be",
                "\"1 parsec\" is not a size such as 64MiB, 1.5GB or 4096",
            ),
            (
                layer(Origin::Flag, &[(Key::Threads, "0")]),
                "--threads is \"0\", which it cannot be",
                "it must be a whole number above zero",
            ),
            (
                layer(Origin::Flag, &[(Key::Lease, "2s")]),
                "--lease is \"2s\", which it cannot be",
                "it must be at least 3s",
            ),
            (
                layer(Origin::Flag, &[(Key::PartitionBy, "a,a")]),
                "--partition-by is \"a,a\", which it cannot be",
                "a column must have a name, and can be named once only",
            ),
            (
                layer(Origin::Flag, &[(Key::Threads, "100000")]),
                "--threads is \"100000\", which it cannot be",
                "it must be at most 1024",
            ),
        ] {
            let error = resolve(vec![layer]).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.source.to_string(), why);
        }
    }

    #[test]
    fn every_setting_of_a_dialect_means_what_it_says() {
        let text = "[csv]\ndelimiter = ';'\nquote = \"'\"\nescape = '\\'\ncomment = '#'\nheader = false\n\
            columns = ['a', 'b c']\nskip_lines = 2\nnull = ['NULL', '', 'NA', 'NULL']\ntrailing_delimiter = true\n\
            encoding = 'latin1'\ndecimal_comma = true\n";
        let settings = resolve(vec![file(text)]).unwrap();
        let expected = Dialect {
            delimiter: Mark::parse(";"),
            quote: Mark::parse("'"),
            escape: Mark::parse("\\"),
            comment: Mark::parse("#"),
            header: Header::Absent,
            columns: vec!["a".to_owned(), "b c".to_owned()],
            skip_lines: 2,
            null: vec!["NA".to_owned(), "NULL".to_owned()],
            trailing_delimiter: TrailingDelimiter::Ends,
            encoding: Encoding::Latin1,
            decimal: Decimal::Comma,
        };
        assert_eq!(settings.definition.csv, expected);
        let none = resolve(vec![file("[csv]\nquote = 'none'\ndelimiter = 'tab'\n")]).unwrap();
        assert_eq!(none.definition.csv.quote, None);
        assert_eq!(none.definition.csv.delimiter, Some(Mark::TAB));
        let doubled = resolve(vec![file("[csv]\nescape = '\"'\n")]).unwrap();
        assert_eq!(doubled.definition, Definition::default());
    }

    #[test]
    fn columns_are_declared_in_their_order_and_in_the_same_words_everywhere() {
        let written = file(
            "[schema]\npolicy = 'rescue'\ncompatibility = 'full'\n[schema.columns]\nz = 'int8'\n\
             'a = b' = { default = 0, type = 'decimal(10,2)', nullable = false }\n\
             [schema.columns.day]\ntype = 'date'\nformat = '%d.%m.%Y'\n",
        );
        let mut flags = layer(
            Origin::Flag,
            &[
                (Key::SchemaPolicy, "rescue"),
                (Key::SchemaCompatibility, "full"),
            ],
        );
        let columns = [
            "z=int8",
            "\"a = b\" = { type = 'decimal(10,2)', nullable = false, default = '0' }",
            "day={ type = 'date', format = '%d.%m.%Y' }",
        ];
        flags.values.insert(
            Key::SchemaColumn,
            Value::Many(columns.map(str::to_owned).to_vec()),
        );
        let settings = resolve(vec![written]).unwrap();
        assert_eq!(settings, resolve(vec![flags]).unwrap());
        assert_eq!(settings.policies.compatibility, Compatibility::Full);
        let schema = &settings.definition.schema;
        assert_eq!(schema.policy, SchemaPolicy::Rescue);
        let columns: Vec<String> = schema.columns.iter().map(ToString::to_string).collect();
        assert_eq!(
            columns,
            [
                "z int8",
                "a = b decimal(10,2) not null default \"0\"",
                "day date"
            ]
        );
        let variable = layer(
            Origin::Environment,
            &[(Key::SchemaColumn, "a=decimal(10,2),b=int8")],
        );
        assert_eq!(
            resolve(vec![variable])
                .unwrap()
                .definition
                .schema
                .columns
                .len(),
            2
        );
    }

    #[test]
    fn a_dialect_that_means_nothing_is_refused() {
        for (values, message, why) in [
            (
                &[(Key::Delimiter, "||")][..],
                "--delimiter is \"||\", which it cannot be",
                "it must be one ASCII character or the word auto, and no line end",
            ),
            (
                &[(Key::Comment, "§")],
                "--comment is \"§\", which it cannot be",
                "it must be one ASCII character or the word none, and no line end",
            ),
            (
                &[(Key::Delimiter, "\"")],
                "the default of quote is \"\\\"\", which it cannot be",
                "the delimiter is that already, and one character cannot mean both",
            ),
            (
                &[(Key::SkipLines, "-1")],
                "--skip-lines is \"-1\", which it cannot be",
                "it must be a whole number",
            ),
            (
                &[(Key::Format, "tsv"), (Key::Delimiter, ";")],
                "--delimiter is \";\", which it cannot be",
                "TSV files are separated by tabs; with --format csv it may be anything",
            ),
        ] {
            let error = resolve(vec![layer(Origin::Flag, values)]).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.source.to_string(), why);
        }
    }
}
