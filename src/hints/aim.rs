//! From the objects that a notice tells of to the files of one source.

use crate::config::StoreUrl;
use crate::model::{Gaps, SourcePath};

use super::notice::{Notice, Told};
use super::{MOST, Taken};

/// Whose a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// It is about this place.
    Ours,
    /// Part of it nobody understands, and the rest is about others.
    Unknown,
    /// It is about others, or a greeting.
    Foreign,
}

/// The place that hints are wanted of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    bucket: String,
    /// What every key begins with: empty, or with a `/` at its end.
    prefix: String,
}

impl Aim {
    /// Aims at the objects below `source`.
    #[must_use]
    pub fn at(source: &StoreUrl) -> Self {
        let store = source.store();
        let authority = store.split_once("://").map_or("", |(_, rest)| rest);
        // The name of a container of Azure, which may come with that of an account.
        let bucket = authority.split('@').next().unwrap_or_default();
        let prefix = source.prefix();
        Self {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        }
    }

    /// Adds to `taken` what is to be looked at because of `notice`. Tells whether it is about this place.
    pub(super) fn take(&self, notice: Notice, taken: &mut Taken) -> Concern {
        let mut concerns = false;
        if notice.is_partial {
            taken.hints.gaps = Gaps::Some;
        }
        let tells = !notice.told.is_empty();
        for told in notice.told {
            match told {
                Told::Object { bucket, keys } if bucket == self.bucket => {
                    for key in &keys {
                        if let Some(path) = key.strip_prefix(&self.prefix) {
                            concerns = true;
                            add(path, taken);
                        }
                    }
                }
                Told::Directory { bucket, key } if bucket == self.bucket => {
                    let directory = match key.trim_end_matches('/') {
                        "" => String::new(),
                        key => format!("{key}/"),
                    };
                    if directory.starts_with(&self.prefix) || self.prefix.starts_with(&directory) {
                        concerns = true;
                        taken.hints.gaps = Gaps::Some;
                    }
                }
                Told::Object { .. } | Told::Directory { .. } => {}
            }
        }
        taken.words.extend(notice.word);
        match (concerns, notice.is_partial) {
            (true, _) => Concern::Ours,
            (false, true) => Concern::Unknown,
            (false, false) => {
                taken.foreign += u64::from(tells);
                Concern::Foreign
            }
        }
    }
}

fn add(path: &str, taken: &mut Taken) {
    // Consoles put objects where directories should be.
    if path.is_empty() || path.ends_with('/') {
        return;
    }
    let paths = &mut taken.hints.paths;
    if paths.len() < MOST {
        paths.insert(SourcePath::from(path));
    } else if !paths.contains(path) {
        taken.hints.gaps = Gaps::Some;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, keys: &[&str]) -> Told {
        Told::Object {
            bucket: bucket.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn directory(bucket: &str, key: &str) -> Told {
        Told::Directory {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }

    fn taken(source: &str, told: Vec<Told>) -> Taken {
        let aim = Aim::at(&StoreUrl::parse(source).unwrap());
        let mut taken = Taken::default();
        let notice = Notice {
            told,
            ..Notice::default()
        };
        aim.take(notice, &mut taken);
        taken
    }

    #[test]
    fn objects_below_the_prefix_are_paths_and_others_are_not() {
        for (source, bucket, key, path) in [
            ("s3://bucket/raw", "bucket", "raw/a.csv", Some("a.csv")),
            (
                "s3://bucket/raw",
                "bucket",
                "raw/a b/c.csv",
                Some("a b/c.csv"),
            ),
            ("s3://bucket", "bucket", "raw/a.csv", Some("raw/a.csv")),
            ("s3a://bucket/raw", "bucket", "raw/a.csv", Some("a.csv")),
            ("gs://bucket/raw", "bucket", "raw/a.csv", Some("a.csv")),
            ("az://box/raw", "box", "raw/a.csv", Some("a.csv")),
            (
                "abfss://box@account.dfs.core.windows.net/raw",
                "box",
                "raw/a.csv",
                Some("a.csv"),
            ),
            ("s3://bucket/raw", "other", "raw/a.csv", None),
            ("s3://bucket/raw", "bucket", "rawer/a.csv", None),
            ("s3://bucket/raw", "bucket", "lake/raw/a.csv", None),
        ] {
            let taken = taken(source, vec![object(bucket, &[key])]);
            let paths: Vec<&str> = taken.hints.paths.iter().map(|path| &**path).collect();
            assert_eq!(
                paths,
                path.into_iter().collect::<Vec<_>>(),
                "{source} {key}"
            );
            assert_eq!(taken.foreign, u64::from(path.is_none()), "{source} {key}");
            assert_eq!(taken.hints.gaps, Gaps::NoneKnown);
        }
    }

    #[test]
    fn what_stands_for_a_directory_is_no_file() {
        for key in ["raw/", "raw/day/"] {
            let taken = taken("s3://bucket/raw", vec![object("bucket", &[key])]);
            assert_eq!((taken.hints.is_empty(), taken.foreign), (true, 0), "{key}");
        }
    }

    #[test]
    fn a_directory_that_went_or_moved_leaves_everything_to_a_listing_where_it_concerns_the_source()
    {
        for (key, concerns) in [
            ("raw/day", true),
            ("raw", true),
            ("raw/", true),
            ("", true),
            ("lake", false),
            ("rawer", false),
        ] {
            let taken = taken("az://box/raw", vec![directory("box", key)]);
            assert_eq!(taken.hints.gaps == Gaps::Some, concerns, "{key:?}");
        }
        let other = taken("az://box/raw", vec![directory("other", "raw")]);
        assert_eq!(other.hints.gaps, Gaps::NoneKnown);
    }

    #[test]
    fn more_hints_than_are_held_leave_everything_to_a_listing() {
        let keys: Vec<String> = (0..=MOST)
            .map(|number| format!("raw/{number}.csv"))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let fits = taken("s3://bucket/raw", vec![object("bucket", &keys[1..])]);
        assert_eq!(
            (fits.hints.paths.len(), fits.hints.gaps),
            (MOST, Gaps::NoneKnown)
        );
        let more = taken("s3://bucket/raw", vec![object("bucket", &keys)]);
        assert_eq!(
            (more.hints.paths.len(), more.hints.gaps),
            (MOST, Gaps::Some)
        );
    }
}
