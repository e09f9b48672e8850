//! `--max-files` and `--max-bytes`: how much one run takes on.

/// How much one run may take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// New and changed files.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// Something has been taken already, so nothing is taken regardless of its size any more.
    pub is_begun: bool,
}

impl Budget {
    /// Returns what is left where no more than `most` files may be taken.
    #[must_use]
    pub fn at_most(self, most: Option<u64>) -> Self {
        let both = self.files.zip(most).map(|(files, most)| files.min(most));
        Self {
            files: both.or(self.files).or(most),
            ..self
        }
    }
}

/// What a run takes on, and what it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<T> {
    /// What is taken, in the order given.
    pub taken: Vec<T>,
    /// What is left for the next run.
    pub deferred: Vec<T>,
    /// What is left of the budget: nothing once something was deferred.
    pub left: Budget,
}

/// Takes from the front while the budget lasts. The first item is always taken, so that a run makes progress even
/// where a single file exceeds the budget; what follows the first refusal is refused as well, so that the order
/// of work is the order given.
#[must_use]
pub fn take_within<T>(items: Vec<T>, size: impl Fn(&T) -> u64, budget: Budget) -> Taken<T> {
    let mut left = budget;
    let mut count = 0;
    for item in &items {
        let size = size(item);
        let over_files = left.files == Some(0);
        let over_bytes = left.bytes.is_some_and(|left| size > left) && left.is_begun;
        if over_files || over_bytes {
            left.files = Some(0);
            break;
        }
        left.files = left.files.map(|files| files - 1);
        left.bytes = left.bytes.map(|bytes| bytes.saturating_sub(size));
        left.is_begun = true;
        count += 1;
    }
    let mut taken = items;
    let deferred = taken.split_off(count);
    Taken {
        taken,
        deferred,
        left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_two_limits_counts() {
        for (files, most, left) in [
            (None, None, None),
            (Some(3), None, Some(3)),
            (None, Some(3), Some(3)),
            (Some(3), Some(2), Some(2)),
            (Some(3), Some(4), Some(3)),
        ] {
            let budget = Budget {
                files,
                ..Budget::default()
            };
            assert_eq!(budget.at_most(most).files, left, "{files:?} {most:?}");
        }
    }

    #[test]
    fn a_budget_takes_from_the_front_and_counts_the_rest() {
        let sizes = vec![10u64, 20, 5, 1];
        for (files, bytes, taken) in [
            (None, None, 4),
            (Some(2), None, 2),
            (Some(0), None, 0),
            (None, Some(30), 2),
            (None, Some(1), 1),
            (Some(3), Some(31), 2),
        ] {
            let is_begun = false;
            let budget = Budget {
                files,
                bytes,
                is_begun,
            };
            let result = take_within(sizes.clone(), |size| *size, budget);
            assert_eq!(result.taken, sizes[..taken]);
            assert_eq!(result.deferred, sizes[taken..]);
            for cut in 0..=4 {
                let first = take_within(sizes[..cut].to_vec(), |size| *size, budget);
                let second = take_within(sizes[cut..].to_vec(), |size| *size, first.left);
                assert_eq!(
                    [first.taken, second.taken].concat(),
                    result.taken,
                    "cut at {cut}"
                );
                let deferred = [first.deferred, second.deferred].concat();
                assert_eq!(deferred, result.deferred, "cut at {cut}");
            }
        }
    }
}
