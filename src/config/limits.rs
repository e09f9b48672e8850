//! How much a run may use: settings to [`Limits`].

use std::time::Duration;

use crate::model::ByteSize;

use super::duration::parse_duration;
use super::key::Key;
use super::settings::{BadValue, Reading, SettingError, count};

/// Whether a run goes on where a limit has left something for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// The rest is left for the next run.
    #[default]
    Never,
    /// One pass after the other is made, until nothing is left.
    UntilComplete,
}

/// How fast an object store may be spoken with; as fast as it goes where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreLimits {
    /// Requests in a second.
    pub requests_per_second: Option<u64>,
    /// Bytes in a second, of both directions.
    pub bytes_per_second: Option<ByteSize>,
    /// Requests that are under way at once.
    pub concurrency: Option<usize>,
}

/// How much a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Workers.
    pub threads: usize,
    /// Bytes of rows in flight, over all workers.
    pub memory: ByteSize,
    /// New and changed files taken in one run; the rest is left for the next.
    pub max_files: Option<u64>,
    /// Bytes of new and changed files taken in one run; the rest is left for the next.
    pub max_bytes: Option<ByteSize>,
    /// Requests to object stores after which no more work is taken.
    pub max_requests: Option<u64>,
    /// The time after which no more work is taken.
    pub max_duration: Option<Duration>,
    /// How long after a listing hints are enough.
    pub listing_every: Duration,
    /// How fast each object store may be spoken with.
    pub store: StoreLimits,
    /// Whether another pass follows where a limit has left something.
    pub repeat: Repeat,
    /// Bytes of source files that a unit may grow to.
    pub unit_size: ByteSize,
    /// Source files that a unit may grow to.
    pub unit_files: usize,
    /// New files that are taken up at once; where there are more, the run goes through them in portions.
    pub portion_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 1,
            memory: MEMORY,
            max_files: None,
            max_bytes: None,
            max_requests: None,
            max_duration: None,
            listing_every: LISTING_EVERY,
            store: StoreLimits::default(),
            repeat: Repeat::default(),
            unit_size: ByteSize(128 << 20),
            unit_files: 1000,
            portion_files: Self::portion_within(MEMORY),
        }
    }
}

impl Limits {
    /// Returns how many new files fit into `memory` at once.
    #[must_use]
    pub fn portion_within(memory: ByteSize) -> usize {
        let files = usize::try_from(memory.0 / NEW_FILE_BYTES).unwrap_or(usize::MAX);
        files.max(LEAST_PORTION)
    }
}

/// What workers may hold where nobody says otherwise.
const MEMORY: ByteSize = ByteSize(512 << 20);

/// How long hints are enough where nobody says otherwise.
const LISTING_EVERY: Duration = Duration::from_hours(6);

/// What a new file costs, generously, from the moment it is found until it is planned and recorded.
const NEW_FILE_BYTES: u64 = 4096;

/// Below this a run would rather list the source over and over than work.
const LEAST_PORTION: usize = 8192;

/// Threads and requests beyond this only cost: starting very many takes for ever, and nothing can interrupt that.
pub(super) const MOST_AT_ONCE: usize = 1024;

/// A request is for megabytes: below this rate whoever comes behind it waits for minutes, and some of it
/// [after it was signed](crate::store::Traffic).
pub(super) const LEAST_RATE: ByteSize = ByteSize(64 << 10);

impl Reading<'_> {
    /// Reads how much a run may use on a machine with `processors`.
    pub(super) fn limits(&self, processors: usize) -> Result<Limits, SettingError> {
        let default = Limits::default();
        let threads = self.one(Key::Threads, at_once)?;
        let memory = self.size(Key::Memory)?.unwrap_or(default.memory);
        Ok(Limits {
            threads: threads.unwrap_or(processors.max(1)),
            portion_files: Limits::portion_within(memory),
            memory,
            max_files: self.count(Key::MaxFiles)?,
            max_bytes: self.size(Key::MaxBytes)?,
            max_requests: self.count(Key::MaxRequests)?,
            max_duration: self.one(Key::MaxDuration, some_time)?,
            listing_every: self
                .one(Key::ListingEvery, some_time)?
                .unwrap_or(default.listing_every),
            store: StoreLimits {
                requests_per_second: self.count(Key::RequestsPerSecond)?,
                bytes_per_second: self.one(Key::BytesPerSecond, rate)?,
                concurrency: self.one(Key::StoreConcurrency, at_once)?,
            },
            repeat: self.switch(Key::UntilComplete, Repeat::Never, Repeat::UntilComplete)?,
            ..default
        })
    }
}

fn at_once(text: &str) -> Result<usize, BadValue> {
    let count = usize::try_from(count(text)?).ok();
    count
        .filter(|count| *count <= MOST_AT_ONCE)
        .ok_or(BadValue::AtOnce)
}

/// Without any time nothing would ever be done.
pub(super) fn some_time(text: &str) -> Result<Duration, BadValue> {
    let time = parse_duration(text)?;
    (!time.is_zero()).then_some(time).ok_or(BadValue::NoTime)
}

fn rate(text: &str) -> Result<ByteSize, BadValue> {
    let rate: ByteSize = text.replace('_', "").parse()?;
    (rate >= LEAST_RATE).then_some(rate).ok_or(BadValue::Rate)
}
