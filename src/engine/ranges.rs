//! How a source whose listing is slow is parted into ranges, and that they are listed side by side.
//!
//! The ledger knows how the keys lie: its quantiles part the listing into pieces of about the same size, also where all lie
//! in one directory. Of a first listing nobody knows, nor of one in which there is much that nobody wants; then the source
//! may look for itself. Where a first load comes in portions, each knows from the listing before it how the paths lie.
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
    let ranges = whole_rounds(known / range_files.max(1));
    let points = match (portion.is_first(), ranges) {
        (true, 0 | 1) => Vec::new(),
        (true, _) => view.points(ranges)?,
        (false, _) => portion.points().to_vec(),
    };
    Ok(source.divided(&points, known))
}

/// Returns how many ranges to take where there could be so many: of more than are listed at the same time, none should be
/// left for a round of its own.
fn whole_rounds(ranges: u64) -> u64 {
    let round = AT_ONCE as u64;
    match ranges.min(MOST_RANGES) {
        few if few < round => few,
        many => many - many % round,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_fill_their_rounds() {
        for (possible, taken) in [
            (0, 0),
            (1, 1),
            (15, 15),
            (16, 16),
            (31, 16),
            (32, 32),
            (2000, 32),
        ] {
            assert_eq!(whole_rounds(possible), taken, "{possible}");
        }
    }

    #[test]
    fn samples_from_all_over_are_points_and_not_too_many() {
        for count in [0, 1, 31, 32, 33, 100, 1000] {
            let samples = (0..count).map(|number| SourcePath::from(&*format!("{number:04}")));
            let points = points(samples.collect());
            let least = count.min(MOST_RANGES / 2);
            assert!(
                (least..=MOST_RANGES).contains(&(points.len() as u64)),
                "{count}"
            );
            assert!(points.is_sorted_by(|a, b| a < b));
        }
    }
}
