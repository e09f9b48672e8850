//! `--max-files` and `--max-bytes`: how much one run takes on.

/// How much one run may take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// New and changed files.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
}

/// What a run takes on, and what it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<T> {
    /// What is taken, in the order given.
    pub taken: Vec<T>,
    /// What is left for the next run.
    pub deferred: Vec<T>,
}

/// Takes from the front while the budget lasts. The first item is always taken, so that a run makes progress even
/// where a single file exceeds the budget; what follows the first refusal is refused as well, so that the order
/// of work is the order given.
#[must_use]
pub fn take_within<T>(items: Vec<T>, size: impl Fn(&T) -> u64, budget: Budget) -> Taken<T> {
    let mut bytes = 0u64;
    let mut count = 0;
    for item in &items {
        bytes = bytes.saturating_add(size(item));
        let over_files = budget.files.is_some_and(|most| count as u64 >= most);
        let over_bytes = budget.bytes.is_some_and(|most| bytes > most) && count > 0;
        if over_files || over_bytes {
            break;
        }
        count += 1;
    }
    let mut taken = items;
    let deferred = taken.split_off(count);
    Taken { taken, deferred }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let result = take_within(sizes.clone(), |size| *size, Budget { files, bytes });
            assert_eq!(result.taken, sizes[..taken]);
            assert_eq!(result.deferred, sizes[taken..]);
        }
    }
}
