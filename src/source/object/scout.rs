//! Where to part a prefix of which nothing is known.
//!
//! It is listed as ever, and only where that turns out to be long, and to go through directories, are their names asked for,
//! level by level, while the listing goes on. If those come soon enough, whatever lies behind them is listed in ranges; if
//! there are none, or a level has more objects of its own than the listing has patience, nothing is lost but a few requests.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, join_all, select};
use futures::stream;
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;
use object_store::path::Path;

use super::feed::{PAGE_OBJECTS, Telling, Told};

/// Pages that are listed before anybody looks around, beside twice as many as are known: what is no longer than that costs
/// its pages and nothing more.
const PAGES_BEFORE: usize = 4;

/// Pages that may be listed meanwhile.
const PAGES_MEANWHILE: usize = 4;

/// Levels of directories that are asked for at most.
const LEVELS: usize = 4;

/// So many directories are enough to part what lies below them: to look into each may be to list all there is.
const ENOUGH: usize = 8;

/// Points that are handed out at most.
const MOST_POINTS: usize = 31;

/// A listing that has begun, and whole keys of directories behind what it has told so far, if there is reason to part it.
pub(super) struct Scouted {
    pub(super) telling: Telling,
    pub(super) points: Vec<String>,
}

/// Where to look.
pub(super) struct Surroundings {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The directory that is the prefix.
    pub(super) root: Path,
    /// How much of each key is the prefix.
    pub(super) prefix_bytes: usize,
}

/// Goes through the beginning of `telling`, a listing of all that lies there, and looks around if it is long for so many
/// known objects.
pub(super) async fn scout(around: Surroundings, known: u64, mut telling: Telling) -> Scouted {
    let mut ahead: Vec<Told> = Vec::new();
    for _ in 0..pages_before(known) {
        match page(&mut telling).await {
            Some(told) => ahead.extend(told),
            None => return Scouted::whole(ahead, telling),
        }
    }
    // The end is told at once, and another page is on its way in any case.
    match telling.next().now_or_never() {
        Some(None) => return Scouted::whole(ahead, telling),
        Some(Some(told)) => ahead.push(told),
        None => {}
    }
    if !goes_through_directories(&ahead, around.prefix_bytes) {
        return Scouted::whole(ahead, telling);
    }
    let seen = last_key(&ahead).unwrap_or_default();
    let points = directories(around.store, around.root, seen);
    let points = meanwhile(points, &mut ahead, &mut telling).await;
    Scouted {
        points: points.map(evenly).unwrap_or_default(),
        ..Scouted::whole(ahead, telling)
    }
}

fn pages_before(known: u64) -> usize {
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    known
        .saturating_mul(2)
        .div_ceil(PAGE_OBJECTS)
        .saturating_add(PAGES_BEFORE)
}

/// Waits for `points` while the listing goes on, but not for long; returns those that lie behind what it has told.
async fn meanwhile(
    points: impl Future<Output = Vec<String>>,
    ahead: &mut Vec<Told>,
    telling: &mut Telling,
) -> Option<Vec<String>> {
    let mut points = pin!(points);
    for _ in 0..PAGES_MEANWHILE {
        match select(points.as_mut(), pin!(page(telling))).await {
            Either::Left((mut points, _)) => {
                let seen = last_key(ahead)?;
                points.retain(|point| *point > seen);
                return Some(points);
            }
            Either::Right((told, _)) => ahead.extend(told?),
        }
    }
    None
}

impl Scouted {
    fn whole(ahead: Vec<Told>, telling: Telling) -> Self {
        Self {
            telling: stream::iter(ahead).chain(telling).boxed(),
            points: Vec::new(),
        }
    }
}

/// Returns what is told next, as far as it is there already.
async fn page(telling: &mut Telling) -> Option<Vec<Told>> {
    telling.ready_chunks(PAGE_OBJECTS).next().await
}

/// Tells whether any of the objects lies in a directory, and none is in the way of knowing.
fn goes_through_directories(told: &[Told], prefix_bytes: usize) -> bool {
    let below = |told: &Told| {
        let key = &told.as_ref().ok()?.key.as_ref()?.key;
        Some(key.get(prefix_bytes..)?.contains('/'))
    };
    let mut is_any_below = false;
    for told in told {
        match below(told) {
            Some(is_below) => is_any_below |= is_below,
            None => return false,
        }
    }
    is_any_below
}

fn last_key(told: &[Told]) -> Option<String> {
    let listed = told.last()?.as_ref().ok()?.key.as_ref()?;
    Some(listed.key.clone())
}

/// Returns directories that are not wholly before `seen`, from as many levels as it takes to have enough of them. One that
/// cannot be looked into has none.
async fn directories(store: Arc<dyn ObjectStore>, root: Path, seen: String) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut level = vec![root];
    for _ in 0..LEVELS {
        let answers = level
            .iter()
            .map(|directory| store.list_with_delimiter(Some(directory)));
        let answers = join_all(answers).await.into_iter().flatten();
        level = answers
            .flat_map(|answer| answer.common_prefixes)
            // '0' is the byte behind '/'.
            .filter(|directory| format!("{directory}0") > seen)
            .collect();
        found.extend(level.iter().map(ToString::to_string));
        if level.is_empty() || found.len() >= ENOUGH {
            break;
        }
    }
    found.into_iter().collect()
}

/// Returns not too many of the points, and as far from one another as can be.
fn evenly(points: Vec<String>) -> Vec<String> {
    let parts = points.len().min(MOST_POINTS + 1);
    let count = points.len();
    let is_first = |at: usize| at > 0 && at * parts / count != (at - 1) * parts / count;
    if count <= MOST_POINTS {
        return points;
    }
    let kept = points.into_iter().enumerate();
    let kept = kept.filter(|(at, _)| is_first(*at));
    kept.map(|(_, point)| point).collect()
}
