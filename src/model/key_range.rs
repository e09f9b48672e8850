//! A stretch of the key space.

/// The paths from `start` (included) up to `end` (excluded), in byte order; no `end` means "to the last key".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub start: Box<str>,
    /// First key behind the range.
    pub end: Option<Box<str>>,
}

impl KeyRange {
    /// Returns the range of all keys.
    #[must_use]
    pub fn all() -> Self {
        Self {
            start: "".into(),
            end: None,
        }
    }

    /// Returns the range from `start` up to `end`.
    #[must_use]
    pub fn new(start: impl Into<Box<str>>, end: Option<impl Into<Box<str>>>) -> Self {
        Self {
            start: start.into(),
            end: end.map(Into::into),
        }
    }

    /// Returns the range that holds `path` and nothing else.
    #[must_use]
    pub fn only(path: &str) -> Self {
        Self {
            start: path.into(),
            end: Some(format!("{path}\0").into()),
        }
    }

    /// Returns the range of everything below the directory `prefix`, which ends in `/` or is empty.
    #[must_use]
    pub fn below(prefix: &str) -> Self {
        match prefix.strip_suffix('/') {
            None => Self::all(),
            // '0' is the byte behind '/', so no key below the directory can reach it.
            Some(name) => Self {
                start: prefix.into(),
                end: Some(format!("{name}0").into()),
            },
        }
    }

    /// Returns the keys that lie in both ranges, `None` where there can be none.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        let start = (&self.start).max(&other.start).clone();
        let end = match (&self.end, &other.end) {
            (Some(a), Some(b)) => Some(a.min(b).clone()),
            (a, b) => a.as_ref().or(b.as_ref()).cloned(),
        };
        let holds_any = end.as_ref().is_none_or(|end| start < *end);
        holds_any.then_some(Self { start, end })
    }

    /// Tells whether `path` lies in the range.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        *self.start <= *path && self.end.as_deref().is_none_or(|end| path < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_range_holds_its_subtree_and_not_its_neighbours() {
        let range = KeyRange::below("a/");
        assert!(range.contains("a/"));
        assert!(range.contains("a/\u{10FFFF}"));
        for outside in ["a", "a-b.csv", "a.csv", "a0", "b/a"] {
            assert!(!range.contains(outside), "{outside}");
        }
    }

    #[test]
    fn ranges_overlap_in_the_keys_that_both_hold() {
        let range = |start: &str, end: Option<&str>| KeyRange::new(start, end);
        for (a, b, both) in [
            (
                range("a", Some("c")),
                range("b", None),
                Some(range("b", Some("c"))),
            ),
            (range("a", None), range("b", None), Some(range("b", None))),
            (range("a", Some("b")), range("b", Some("c")), None),
            (
                KeyRange::all(),
                KeyRange::only("x"),
                Some(KeyRange::only("x")),
            ),
        ] {
            assert_eq!(a.overlap(&b), both);
            assert_eq!(b.overlap(&a), both);
        }
    }

    #[test]
    fn a_single_key_range_holds_only_that_key() {
        let range = KeyRange::only("a/b");
        assert!(range.contains("a/b"));
        assert!(!range.contains("a/b\0"));
        assert!(!range.contains("a/a"));
    }
}
