//! Which files of a source are inputs, and which partition their paths put them in.

use memchr::memrchr;

use crate::model::{PartitionValues, Select, partition_values};

use super::aside::{Hidden, is_aside};
use super::pattern::{Pattern, PatternError};

/// Tells whether a file of this name holds a known format.
pub type Recognises = fn(&str) -> bool;

/// Which files of a source are inputs.
///
/// A name that is set aside (hidden, half written) is taken only where an include spells it out.
#[derive(Debug, Clone)]
pub struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    hidden: Hidden,
    recognises: Option<Recognises>,
    partitions: PathPartitions,
    identity: String,
}

impl Selection {
    /// Compiles the patterns. `recognises` is given where the format is told by the name: without an include,
    /// only what it recognises is taken.
    ///
    /// # Errors
    /// [`PatternError`] for the first pattern that means nothing.
    pub fn new(
        include: &[String],
        exclude: &[String],
        hidden: Hidden,
        recognises: Option<Recognises>,
    ) -> Result<Self, PatternError> {
        Ok(Self {
            partitions: PathPartitions::new(include)?,
            include: compile(include)?,
            exclude: compile(exclude)?,
            hidden,
            recognises,
            identity: format!(
                "{include:?} {exclude:?} {hidden:?} {:?}",
                recognises.is_some()
            ),
        })
    }

    /// Returns the partition that `path` lies in by its name.
    #[must_use]
    pub fn path_partition(&self, path: &str) -> PartitionValues {
        self.partitions.of(path)
    }

    /// Tells whether a path is taken where no include speaks of it.
    fn takes_by_name(&self, path: &str) -> bool {
        // Asked for every file that is listed.
        let (mut above, name) = match memrchr(b'/', path.as_bytes()) {
            Some(slash) => (&path.as_bytes()[..slash], &path[slash + 1..]),
            None => (&[][..], path),
        };
        while !above.is_empty() {
            let slash = memrchr(b'/', above);
            let directory = &above[slash.map_or(0, |slash| slash + 1)..];
            if is_aside(directory, self.hidden) {
                return false;
            }
            above = &above[..slash.unwrap_or_default()];
        }
        !is_aside(name.as_bytes(), self.hidden)
            && self.recognises.is_none_or(|recognises| recognises(name))
    }
}

impl Select for Selection {
    fn enters(&self, dir: &str) -> bool {
        if dir.is_empty() {
            return true;
        }
        let dir: Vec<&str> = dir.split('/').collect();
        if self.exclude.iter().any(|pattern| pattern.covers_dir(&dir)) {
            return false;
        }
        if self.include.is_empty() {
            return !dir
                .iter()
                .any(|name| is_aside(name.as_bytes(), self.hidden));
        }
        self.include
            .iter()
            .any(|pattern| pattern.takes_below(&dir, self.hidden))
    }

    fn admits(&self, path: &str) -> bool {
        if self.include.is_empty() && self.exclude.is_empty() {
            return self.takes_by_name(path);
        }
        let segments: Vec<&str> = path.split('/').collect();
        if self.exclude.iter().any(|pattern| pattern.covers(&segments)) {
            return false;
        }
        if self.include.is_empty() {
            return self.takes_by_name(path);
        }
        self.include
            .iter()
            .any(|pattern| pattern.takes(&segments, self.hidden))
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }
}

/// How paths become partition values: by the captures of patterns, else by `key=value` directories.
#[derive(Debug, Clone)]
pub struct PathPartitions {
    patterns: Vec<Pattern>,
}

impl PathPartitions {
    /// Compiles those of `patterns` that capture something.
    ///
    /// # Errors
    /// [`PatternError`] for the first pattern that means nothing.
    pub fn new(patterns: &[String]) -> Result<Self, PatternError> {
        let mut patterns = compile(patterns)?;
        patterns.retain(Pattern::captures);
        Ok(Self { patterns })
    }

    /// Returns the partition that `path` lies in: the captures of the first pattern that matches it, else its
    /// `key=value` directories. A capture right behind `=` is read as a `key=value` directory is.
    #[must_use]
    pub fn of(&self, path: &str) -> PartitionValues {
        let segments: Vec<&str> = path.split('/').collect();
        let Some(captured) = self
            .patterns
            .iter()
            .find_map(|pattern| pattern.capture(&segments))
        else {
            return partition_values(path);
        };
        captured
            .into_iter()
            .map(|capture| {
                let value = if capture.prefix.ends_with('=') {
                    partition_values(&format!("k={}/", capture.value))
                        .pop()
                        .and_then(|(_, value)| value)
                } else {
                    Some(capture.value.to_owned())
                };
                (capture.name.to_owned(), value)
            })
            .collect()
    }
}

/// Returns those of `patterns` that capture something: the part of a selection that outputs depend on.
///
/// # Errors
/// [`PatternError`] for the first pattern that means nothing.
pub(super) fn capturing(patterns: &[String]) -> Result<Vec<String>, PatternError> {
    let mut capturing = Vec::new();
    for text in patterns {
        if Pattern::new(text)?.captures() {
            capturing.push(text.clone());
        }
    }
    Ok(capturing)
}

fn compile(patterns: &[String]) -> Result<Vec<Pattern>, PatternError> {
    patterns.iter().map(|text| Pattern::new(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> bool {
        matches!(name.rsplit_once('.'), Some((_, "csv" | "parquet")))
    }

    fn texts(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|text| (*text).to_owned()).collect()
    }

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        Selection::new(&texts(include), &texts(exclude), Hidden::Aside, Some(known)).unwrap()
    }

    fn admits_all(selection: &Selection, paths: &[&str]) {
        for path in paths {
            assert!(selection.admits(path), "{path} is taken");
            for (at, _) in path.match_indices('/') {
                assert!(selection.enters(&path[..at]), "{} is entered", &path[..at]);
            }
        }
    }

    fn admits_none(selection: &Selection, paths: &[&str]) {
        for path in paths {
            assert!(!selection.admits(path), "{path} is not taken");
        }
    }

    #[test]
    fn without_patterns_known_names_that_are_not_set_aside_are_taken() {
        let selection = selection(&[], &[]);
        admits_all(&selection, &["a.csv", "a/b/c.parquet", "dt=1/x.csv"]);
        admits_none(
            &selection,
            &["a.txt", ".a.csv", "a/_b/c.csv", "x.tmp/a.csv", "a.csv.tmp"],
        );
        for dir in [".git", "a/_delta_log", "x.tmp"] {
            assert!(!selection.enters(dir), "{dir}");
        }
        assert!(selection.enters(""));
    }

    #[test]
    fn an_include_replaces_the_recognition_by_name() {
        admits_all(&selection(&["*.txt"], &[]), &["a.txt", "a/b.txt"]);
        admits_none(
            &selection(&["*.txt"], &[]),
            &["a.csv", ".h/a.txt", ".a.txt"],
        );
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_stars_do_not() {
        let one = selection(&["a/*/c.csv"], &[]);
        admits_all(&one, &["a/b/c.csv"]);
        admits_none(&one, &["a/c.csv", "a/b/b/c.csv", "x/a/b/c.csv"]);
        let deep = selection(&["a/**/c.csv"], &[]);
        admits_all(&deep, &["a/c.csv", "a/b/c.csv", "a/b/b/c.csv"]);
        admits_none(&deep, &["b/c.csv", "a/.b/c.csv"]);
        let all = selection(&["a/**"], &[]);
        admits_all(&all, &["a/x", "a/b/c"]);
        admits_none(&all, &["a", "b/a/x"]);
    }

    #[test]
    fn a_slash_anchors_a_pattern() {
        admits_all(&selection(&["/*.csv"], &[]), &["a.csv"]);
        admits_none(&selection(&["/*.csv"], &[]), &["b/a.csv"]);
        admits_all(&selection(&["./b/*.csv"], &[]), &["b/a.csv"]);
        admits_all(&selection(&["b/"], &[]), &["b/a.csv", "b/c/d", "x/b/y"]);
    }

    #[test]
    fn braces_with_a_comma_are_alternatives() {
        let selection = selection(&["{a,b/{c,d}}/*.{csv,txt}", "[{]x"], &[]);
        admits_all(&selection, &["a/1.csv", "b/c/1.txt", "b/d/1.csv", "{x"]);
        admits_none(&selection, &["b/1.csv", "c/1.csv", "a/1.parquet"]);
    }

    #[test]
    fn names_set_aside_are_taken_where_an_include_spells_them_out() {
        let selection = selection(&[".landing/*.csv", "*.tmp", "_x/_*"], &[]);
        admits_all(&selection, &[".landing/a.csv", "a.tmp", "b/a.tmp", "_x/_y"]);
        admits_none(&selection, &[".landing/.a.csv", "_x/y.csv", ".other/a.tmp"]);
        assert!(!selection.enters(".git"));
    }

    #[test]
    fn hidden_names_are_taken_on_request_and_half_written_ones_are_not() {
        let selection = Selection::new(&[], &[], Hidden::Taken, None).unwrap();
        admits_all(&selection, &[".a", "_b/.c/d"]);
        admits_none(&selection, &["a.tmp", "_strandline/ledger.redb"]);
        assert!(!selection.enters("_strandline"));
    }

    #[test]
    fn an_exclude_wins_and_prunes_directories() {
        let selection = selection(
            &["*.csv"],
            &["old", "/top/*", "deep/**", "gone/", "*-x.csv"],
        );
        admits_all(&selection, &["a.csv", "old.csv", "a/top/b.csv", "gone.csv"]);
        admits_none(
            &selection,
            &[
                "old/a.csv",
                "a/old/b/c.csv",
                "top/b.csv",
                "top/b/c.csv",
                "deep/a.csv",
                "gone/a/b.csv",
                "a/b-x.csv",
            ],
        );
        for dir in ["old", "a/old", "deep", "deep/a", "gone", "a/gone", "top/b"] {
            assert!(!selection.enters(dir), "{dir}");
        }
        for dir in ["top", "a", "a/deep"] {
            assert!(selection.enters(dir), "{dir}");
        }
    }

    #[test]
    fn directories_that_no_include_can_reach_are_not_entered() {
        let selection = selection(&["a/b/*.csv", "c/**/x.csv"], &[]);
        for dir in ["a", "a/b", "c", "c/d/e"] {
            assert!(selection.enters(dir), "{dir}");
        }
        for dir in ["b", "a/c", "a/b/c", "d"] {
            assert!(!selection.enters(dir), "{dir}");
        }
    }

    #[test]
    fn captures_of_the_first_matching_pattern_are_the_partition() {
        let selection = selection(
            &["day={dt}/{hour}/*.csv", "{country}-files/**", "*.csv"],
            &[],
        );
        for (path, values) in [
            (
                "day=2026%2D01/07/a.csv",
                vec![("dt", Some("2026-01")), ("hour", Some("07"))],
            ),
            (
                "day=__HIVE_DEFAULT_PARTITION__/7/a.csv",
                vec![("dt", None), ("hour", Some("7"))],
            ),
            ("de-files/x/y.csv", vec![("country", Some("de"))]),
            ("k=v/a.csv", vec![("k", Some("v"))]),
            ("a.csv", vec![]),
        ] {
            assert!(selection.admits(path), "{path}");
            let values: PartitionValues = values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                .collect();
            assert_eq!(selection.path_partition(path), values, "{path}");
        }
    }

    #[test]
    fn only_patterns_that_capture_are_part_of_the_definition() {
        let patterns = texts(&["*.csv", "{dt}/*.csv", "{a,b}/*"]);
        assert_eq!(capturing(&patterns).unwrap(), texts(&["{dt}/*.csv"]));
    }

    #[test]
    fn a_pattern_that_means_nothing_says_why() {
        for (pattern, words) in [
            ("", "empty"),
            ("/", "empty"),
            ("../a", "relative to the source"),
            ("{a", "without its partner"),
            ("a}", "without its partner"),
            ("{dt}*.csv", "beside something other"),
            ("{a}{b}", "beside something other"),
            ("{}/x", "a name of its own"),
            ("{a}/{a}", "a name of its own"),
            ("{a-b}/x", "a name of its own"),
            ("[a", "is not a glob"),
        ] {
            let error = Selection::new(&texts(&[pattern]), &[], Hidden::Aside, None).unwrap_err();
            assert!(error.to_string().contains(words), "{pattern}: {error}");
        }
        let many = "{a,b}".repeat(9);
        assert!(matches!(
            Pattern::new(&many),
            Err(PatternError::TooMany { .. })
        ));
    }
}
