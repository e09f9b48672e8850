//! How a source whose listing is slow is parted into ranges, and that they are listed side by side.
//!
//! The ledger knows how the keys lie: its quantiles part the listing into pieces of about the same size, also where all lie
//! in one directory. Of a first listing nobody knows, and the source may look for itself. Where a first load comes in
//! portions, each knows from the listing before it how the paths lie.
//!
//! # Invariants
//! - All ranges are listed to their ends, also those before a portion: else they would prove nothing.
//! - That files are gone is not believed of ranges before some of them have been looked at. The proof takes for granted that
//!   a store, asked to begin behind a key, tells the rest of its listing; one that leaves out smaller keys wherever they
//!   stand could hide the same files from every range.

use std::sync::Arc;

use rayon::ThreadPoolBuilder;

use super::portion::Portion;
use crate::ledger::{LedgerError, View};
use crate::model::SourcePath;
use crate::source::{Source, Span};

/// Ranges at most.
const MOST_RANGES: u64 = 32;

/// Ranges that are listed at the same time. Their threads wait most of the time; each holds a few pages.
const AT_ONCE: usize = 16;

/// Files that are looked at one by one before it is believed that they are gone.
pub(super) const LOOKS: usize = 8;

/// Returns the span of everything, divided where that pays.
pub(super) fn root(
    source: &dyn Source,
    view: &View,
    portion: &Portion,
) -> Result<Box<dyn Span>, LedgerError> {
    let Some(range_files) = source.range_files() else {
        return Ok(source.root());
    };
    let known = view.meta()?.files;
    if known == 0 && portion.is_first() {
        return Ok(source.divided(&[]));
    }
    let ranges = (known / range_files.max(1)).min(MOST_RANGES);
    let points = if portion.is_first() && ranges > 1 {
        view.points(ranges)?
    } else {
        portion.points().to_vec()
    };
    Ok(if points.is_empty() {
        source.root()
    } else {
        source.divided(&points)
    })
}

/// Returns some of the samples, from all over, as points.
pub(super) fn points(samples: Vec<SourcePath>) -> Arc<[SourcePath]> {
    let most = usize::try_from(MOST_RANGES).unwrap_or(usize::MAX);
    let stride = samples.len().div_ceil(most).max(1);
    samples.into_iter().step_by(stride).collect()
}

/// Does `work` where as many ranges can be waited for at the same time as there may be.
pub(super) fn waiting<T: Send>(ranges: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = ThreadPoolBuilder::new()
        .num_threads(ranges.min(AT_ONCE))
        .build();
    match pool {
        Ok(pool) => pool.install(work),
        // Where the system has no threads left, the workers have to do.
        Err(_) => work(),
    }
}
