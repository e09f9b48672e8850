//! How a source whose listing is slow is parted into ranges, and that they are listed side by side.
//!
//! The ledger knows how the keys lie: its quantiles part the listing into pieces of about the same size, also where all lie
//! in one directory. Of a first listing nobody knows, and the source may look for itself.

use rayon::ThreadPoolBuilder;

use super::portion::Portion;
use crate::ledger::{LedgerError, View};
use crate::source::{Source, Span};

/// Ranges at most.
const MOST_RANGES: u64 = 32;

/// Ranges that are listed at the same time. Their threads wait most of the time; each holds a few pages.
const AT_ONCE: usize = 16;

/// Returns the span of everything, divided where that pays. Later portions are listed in one: what is known by then lies
/// before them.
pub(super) fn root(
    source: &dyn Source,
    view: &View,
    portion: &Portion,
) -> Result<Box<dyn Span>, LedgerError> {
    let Some(range_files) = source.range_files().filter(|_| portion.is_first()) else {
        return Ok(source.root());
    };
    let known = view.meta()?.files;
    if known == 0 {
        return Ok(source.divided(&[]));
    }
    let points = match (known / range_files.max(1)).min(MOST_RANGES) {
        0 | 1 => Vec::new(),
        ranges => view.points(ranges)?,
    };
    Ok(if points.is_empty() {
        source.root()
    } else {
        source.divided(&points)
    })
}

/// Does `work` where as many ranges can be waited for at the same time as there may be.
pub(super) fn side_by_side<T: Send>(ranges: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = ThreadPoolBuilder::new()
        .num_threads(ranges.min(AT_ONCE))
        .build();
    match pool {
        Ok(pool) => pool.install(work),
        // Where the system has no threads left, the workers have to do.
        Err(_) => work(),
    }
}
