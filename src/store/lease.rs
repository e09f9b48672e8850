//! The lock of a ledger that lies in a store: an object that says who holds it, and that he is still there.
//!
//! A store has no locks that end with their holder. So whoever takes the lease has to renew it again and again
//! (the heartbeat), and who does not for as long as the lease lasts has lost it: somebody else may take it over. Each
//! holder has a number of his own, one more than the one before him: the fencing token.
//!
//! # Whose clock
//! Clocks of two machines differ, so no two are compared. How long a lease has not been renewed is the time between two
//! instants of the *store's* clock: the object's, and that of a probe which is written to ask. The holder measures by
//! his own clock how long ago he *began* to renew, which is never less; so he gives up before anybody else may begin.
//! He asks two clocks, since one stops while the machine sleeps and the other can be set.
//!
//! # Invariants
//! - The object is written by compare-and-swap only: of two that want it at once, one has it.
//! - A holder that was stopped and wakes finds `Fence::is_open` false before he does anything else.
//! - Where a store ignores conditions, two that ask within the same moment may both believe that
//!   they hold it. That is noticed at the start, and told.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::directory::{Condition, Directory, Seen, Version};
use crate::clock::Clock;
use crate::durable::HeldLock;
use crate::model::{ContentHash, Timestamp};

/// What is written to ask the store what time it is.
const PROBE: &str = "clock";

/// Of the names that tell one write from all others.
pub(super) const NONCE_DIGITS: usize = 24;

/// Instants of a store may be cut to whole seconds.
const GRANULARITY: Duration = Duration::from_secs(1);

/// How long whoever leaves tries to say so.
const FAREWELL: Duration = Duration::from_secs(10);

/// Renewals that can fail before the lease is lost.
const RENEWALS: u32 = 4;

/// What stands in the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    format: u32,
    /// Counts holders.
    fence: u64,
    holder: String,
    is_held: bool,
    /// How long the holder may go without renewing it.
    seconds: u64,
    /// Tells this holder from any other, and this renewal from the one before.
    nonce: String,
    renewals: u64,
}

impl Note {
    /// Returns how old it may grow while somebody holds it.
    fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds).saturating_add(GRANULARITY)
    }

    fn bytes(&self) -> io::Result<Bytes> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        Ok(Bytes::from(text + "\n"))
    }

    /// Reads what stands there. What makes no sense is held by somebody unknown until it is as old as a lease.
    fn read(bytes: &[u8], lasts: Duration) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| Self {
            format: 1,
            fence: 0,
            holder: "somebody unknown".to_owned(),
            is_held: true,
            seconds: lasts.as_secs(),
            nonce: String::new(),
            renewals: 0,
        })
    }
}

/// Whether a store asks for the condition of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Nobody has tried.
    Unknown,
    /// A write whose condition does not hold is refused.
    Kept,
    /// It is done all the same: what is written is protected by the lease alone.
    Ignored,
}

/// What a lease allows those who write on its behalf, wherever they write.
pub struct Fence {
    state: Mutex<State>,
    is_lost: AtomicBool,
    is_in_doubt: AtomicBool,
    conditions: AtomicU8,
    names: AtomicU64,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// By the clock that stops while the machine sleeps, and by the one that can be set.
    until: Option<(Duration, Timestamp)>,
    token: u64,
}

impl Fence {
    /// Makes one that is closed until a lease is taken.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            is_lost: AtomicBool::new(false),
            is_in_doubt: AtomicBool::new(false),
            conditions: AtomicU8::new(0),
            names: AtomicU64::new(0),
            clock,
        })
    }

    /// Tells whether the lease is still ours.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let until = self.state().until;
        let is_before = |(steady, wall): (Duration, Timestamp)| {
            self.clock.monotonic() < steady && self.clock.now() < wall
        };
        !self.is_lost.load(Ordering::Acquire) && until.is_some_and(is_before)
    }

    /// Makes sure that no lease was lost. Who never had one is let through: he says that he knows what he does.
    ///
    /// # Errors
    /// Where one was.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_open() || self.state().until.is_none() {
            return Ok(());
        }
        Err(io::Error::other(
            "the lease was lost: another run may be writing",
        ))
    }

    /// Returns the number of the holder.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.state().token
    }

    /// Tells what is known of the store that the lease lies in.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        match self.conditions.load(Ordering::Relaxed) {
            1 => Conditions::Kept,
            2 => Conditions::Ignored,
            _ => Conditions::Unknown,
        }
    }

    /// Returns a name that no other write by anybody has. It need not be secret.
    pub(super) fn nonce(&self, what: &str) -> String {
        let count = self.names.fetch_add(1, Ordering::Relaxed);
        let (steady, wall) = self.moment();
        let seed = format!("{what} {count} {} {wall} {steady:?}", std::process::id());
        let mut nonce = ContentHash::of(seed.as_bytes()).to_string();
        nonce.truncate(NONCE_DIGITS);
        nonce
    }

    /// Takes note that something was sent of which nobody knows what became: it may still arrive.
    pub(super) fn doubts(&self) {
        self.is_in_doubt.store(true, Ordering::Release);
    }

    fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::Acquire)
    }

    /// Closes it for good: somebody else has written what only the holder may.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> (Duration, Timestamp) {
        (self.clock.monotonic(), self.clock.now())
    }

    fn opens(&self, token: u64, (steady, wall): (Duration, Timestamp), lasts: Duration) {
        *self.state() = State {
            until: Some((steady + lasts, wall.plus(lasts))),
            token,
        };
        self.is_in_doubt.store(false, Ordering::Release);
        self.is_lost.store(false, Ordering::Release);
    }

    fn goes_on(&self, (steady, wall): (Duration, Timestamp), lasts: Duration) {
        self.state().until = Some((steady + lasts, wall.plus(lasts)));
    }

    fn found(&self, conditions: Conditions) {
        let known = match conditions {
            Conditions::Unknown => 0,
            Conditions::Kept => 1,
            Conditions::Ignored => 2,
        };
        self.conditions.store(known, Ordering::Relaxed);
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fence({:?})", self.state())
    }
}

/// Where a lease lies, and how long it lasts.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) directory: Directory,
    pub(super) path: String,
    pub(super) lasts: Duration,
    pub(super) fence: Arc<Fence>,
}

impl Place {
    /// Takes the lease, if nobody holds it.
    pub(super) fn take(&self, holder: &str) -> io::Result<Option<Lease>> {
        let began = self.fence.moment();
        let (condition, fence) = match self.read()? {
            None => (None, 1),
            Some((note, seen)) => {
                if note.is_held && !self.is_over(&note, &seen)? {
                    return Ok(None);
                }
                (Some(seen.version), note.fence.saturating_add(1))
            }
        };
        let note = Note {
            format: 1,
            fence,
            holder: holder.to_owned(),
            is_held: true,
            seconds: self.lasts.as_secs(),
            nonce: self.fence.nonce(holder),
            renewals: 0,
        };
        let bytes = note.bytes()?;
        let condition = Condition::replacing(condition.as_ref());
        let version = match self.directory.put(&self.path, &bytes, condition) {
            Ok(version) => version,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = match self.try_conditions(&bytes, version.clone()) {
            Ok(version) => version,
            Err(error) => {
                // Nobody should have to wait for who never began.
                let _ = self
                    .directory
                    .runtime()
                    .block_on(self.let_go(&note, &version));
                return Err(error);
            }
        };
        self.fence.opens(fence, began, self.lasts);
        Ok(Some(Lease::beginning(self.clone(), note, version)))
    }

    /// Returns what the holder says of himself, if anybody holds the lease by what a look at it tells.
    pub(super) fn holder(&self) -> io::Result<Option<String>> {
        let Some((note, seen)) = self.read()? else {
            return Ok(None);
        };
        let age = self.fence.clock.now().since(seen.modified_at);
        let is_over = age > note.lasts();
        let Note {
            holder, seconds, ..
        } = note;
        let age = age.as_secs();
        Ok((note.is_held && !is_over)
            .then(|| format!("{holder}, with a lease of {seconds} s that was renewed {age} s ago")))
    }

    fn read(&self) -> io::Result<Option<(Note, Seen)>> {
        match self.directory.get(&self.path) {
            Ok((bytes, seen)) => Ok(Some((Note::read(&bytes, self.lasts), seen))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks the store how old the note is.
    fn is_over(&self, note: &Note, seen: &Seen) -> io::Result<bool> {
        let asked = Bytes::from(self.fence.nonce("probe"));
        self.directory.put(PROBE, &asked, Condition::Any)?;
        let Some(probe) = self.directory.look(PROBE)? else {
            // Somebody else has asked and tidied up: he is about to take it.
            return Ok(false);
        };
        self.directory.remove([PROBE])?;
        let age = probe.modified_at.since(seen.modified_at);
        Ok(age > note.lasts())
    }

    /// Finds out whether the store asks for conditions, by a write whose condition cannot hold and that changes nothing.
    fn try_conditions(&self, bytes: &Bytes, version: Version) -> io::Result<Version> {
        let tried = self.directory.put_wrongly(&self.path, bytes);
        let (conditions, version) = match tried? {
            None => (Conditions::Kept, version),
            Some(written) => (Conditions::Ignored, written),
        };
        self.fence.found(conditions);
        Ok(version)
    }

    /// Writes that nobody holds it any more. A renewal that was cut off may have been written all the same.
    async fn let_go(&self, note: &Note, version: &Version) -> io::Result<()> {
        let free = Note {
            is_held: false,
            ..note.clone()
        };
        let bytes = free.bytes()?;
        let condition = Condition::Same(version);
        match self.directory.put_soon(&self.path, &bytes, condition).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            written => return written.map(|_| ()),
        }
        let (found, seen) = self.directory.get_soon(&self.path).await?;
        if Note::read(&found, self.lasts).nonce != note.nonce {
            return Ok(());
        }
        let condition = Condition::Same(&seen.version);
        let written = self.directory.put_soon(&self.path, &bytes, condition);
        written.await.map(|_| ())
    }
}

/// A lease that is held, and renewed until it is dropped.
pub(super) struct Lease {
    place: Place,
    held: Arc<Mutex<Held>>,
    token: u64,
    heartbeat: JoinHandle<()>,
}

/// What the next renewal has to know of the last.
#[derive(Clone)]
struct Held {
    note: Note,
    version: Version,
}

impl Lease {
    fn beginning(place: Place, note: Note, version: Version) -> Self {
        let token = note.fence;
        let held = Arc::new(Mutex::new(Held { note, version }));
        let beats = beat(place.clone(), Arc::clone(&held));
        Self {
            heartbeat: place.directory.runtime().spawn(beats),
            place,
            held,
            token,
        }
    }
}

/// Renews the lease for as long as it is ours.
async fn beat(place: Place, held: Arc<Mutex<Held>>) {
    let pause = place.lasts / RENEWALS;
    loop {
        tokio::time::sleep(pause).await;
        if !place.fence.is_open() {
            return place.fence.lose();
        }
        let (note, version) = {
            let held = held.lock().unwrap_or_else(PoisonError::into_inner);
            (held.note.clone(), held.version.clone())
        };
        let note = Note {
            renewals: note.renewals + 1,
            ..note
        };
        let began = place.fence.moment();
        let Ok(bytes) = note.bytes() else { return };
        let renewed = place
            .directory
            .put_soon(&place.path, &bytes, Condition::Same(&version));
        // The client tries for minutes, which the lease does not last. Whatever was written meanwhile is known by its bytes.
        let Ok(renewed) = tokio::time::timeout(pause, renewed).await else {
            continue;
        };
        match renewed {
            Ok(version) => {
                *held.lock().unwrap_or_else(PoisonError::into_inner) = Held { note, version };
                place.fence.goes_on(began, place.lasts);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return place.fence.lose();
            }
            // Whatever it was, there is time for another try, or there is not.
            Err(_) => {}
        }
    }
}

impl HeldLock for Lease {
    fn is_held(&self) -> bool {
        // Another run of this process may have taken it since.
        self.place.fence.token() == self.token && self.place.fence.is_open()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:?}, {})", self.place.directory, self.place.path)
    }
}

impl Drop for Lease {
    /// Lets go of the lease, so that nobody has to wait until it is over.
    fn drop(&mut self) {
        let runtime = self.place.directory.runtime();
        self.heartbeat.abort();
        // A renewal that is under way would change the version that is about to be replaced.
        let _ = runtime.block_on(&mut self.heartbeat);
        if !self.is_held() {
            return;
        }
        let Held { note, version } = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.clone()
        };
        // If it cannot be said, the lease ends by itself. So it has to where a write may still be on its way.
        if !self.place.fence.is_in_doubt() {
            let let_go = self.place.let_go(&note, &version);
            let _ = runtime.block_on(async { tokio::time::timeout(FAREWELL, let_go).await });
        }
        self.place.fence.lose();
    }
}
