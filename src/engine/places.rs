//! Where source, target and state are, and that they keep apart.
//!
//! A target inside its source would be loaded into itself; a ledger inside the source would change the listing that
//! it describes. Both are refused, by the places that symbolic links lead to and not only by their names.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config::{Place, Settings};
use crate::store::OpenStoreError;

/// Places that a pipeline cannot have.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// No source is given anywhere.
    #[error("no SOURCE is given")]
    NoSource,
    /// No target is given anywhere.
    #[error("no TARGET is given")]
    NoTarget,
    /// The source is not there, or no directory.
    #[error("cannot use {} as a source", path.display())]
    Source {
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The target is there and no directory, or nothing can be there.
    #[error("cannot use {} as a {role}", path.display())]
    Place {
        /// Target or state directory.
        role: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// Two places that must be apart are not.
    #[error(
        "the {inner} {inner_place} {} the {outer} {outer_place}",
        lies(inner_place, outer_place)
    )]
    Overlap {
        /// What lies inside.
        inner: &'static str,
        /// Where it is.
        inner_place: Box<Place>,
        /// What lies outside.
        outer: &'static str,
        /// Where it is.
        outer_place: Box<Place>,
    },
    /// The object store that one of them is in cannot be used.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// There is no room for what goes to an object store.
    #[error("cannot stage outputs in {}", path.display())]
    Staging {
        /// The directory.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
}

/// Returns how one place lies to another that it is in.
fn lies(inner: &Place, outer: &Place) -> &'static str {
    if inner == outer { "is also" } else { "lies in" }
}

/// The directory in a target that holds state.
const STATE_DIR: &str = "_strandline";

/// Where a target and its state are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPlaces {
    /// The outputs.
    pub target: Place,
    /// Ledger and lock.
    pub state: Place,
}

/// Returns where the target and its state are.
///
/// # Errors
/// [`PlacesError`] where no target is given, or what is given is a file.
pub fn target_places(settings: &Settings) -> Result<TargetPlaces, PlacesError> {
    let target = settings.target.clone().ok_or(PlacesError::NoTarget)?;
    let state = settings
        .state
        .clone()
        .unwrap_or_else(|| target.join(STATE_DIR));
    directory_or_nothing("target", &target)?;
    directory_or_nothing("state directory", &state)?;
    Ok(TargetPlaces { target, state })
}

/// Returns the source, after checking that it keeps apart from the target and its state, and those from each other.
///
/// # Errors
/// [`PlacesError`] where there is no source, it is no directory, or the places overlap.
pub(super) fn source_place(
    settings: &Settings,
    places: &TargetPlaces,
) -> Result<Place, PlacesError> {
    let place = settings.source.as_ref().ok_or(PlacesError::NoSource)?;
    let source = match place {
        Place::Directory(path) => Named::existing("source", place, path)?,
        Place::Store(_) => Named::new("source", place),
    };
    let target = Named::new("target", &places.target);
    let state = Named::new("state directory", &places.state);
    for (one, other) in [
        (&target, &source),
        (&state, &source),
        (&source, &target),
        (&source, &state),
    ] {
        keep_out(one, other)?;
    }
    if !Named::new("", &places.target.join(STATE_DIR)).holds(&state) {
        keep_out(&state, &target)?;
    }
    Ok(place.clone())
}

/// A place, what it is for, and where it really is.
struct Named<'a> {
    role: &'static str,
    place: &'a Place,
    /// Of a directory, behind all links.
    real: PathBuf,
}

impl<'a> Named<'a> {
    fn new(role: &'static str, place: &'a Place) -> Self {
        let real = match place {
            Place::Directory(path) => real_path(path),
            Place::Store(_) => PathBuf::new(),
        };
        Self { role, place, real }
    }

    /// As [`Self::new`], for a directory that has to be there.
    fn existing(role: &'static str, place: &'a Place, path: &Path) -> Result<Self, PlacesError> {
        let failed = |error| PlacesError::Source {
            path: path.to_owned(),
            source: error,
        };
        let real = fs::canonicalize(path).map_err(failed)?;
        if !fs::metadata(&real).map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self { role, place, real })
    }

    /// Tells whether `other` is this place or lies in it. Nothing that is on this machine lies in an object store.
    fn holds(&self, other: &Self) -> bool {
        match (self.place, other.place) {
            (Place::Directory(_), Place::Directory(_)) => other.real.starts_with(&self.real),
            (Place::Store(outer), Place::Store(inner)) => outer.holds(inner),
            _ => false,
        }
    }
}

fn keep_out(inner: &Named<'_>, outer: &Named<'_>) -> Result<(), PlacesError> {
    if outer.holds(inner) {
        return Err(PlacesError::Overlap {
            inner: inner.role,
            inner_place: inner.place.clone().into(),
            outer: outer.role,
            outer_place: outer.place.clone().into(),
        });
    }
    Ok(())
}

fn directory_or_nothing(role: &'static str, place: &Place) -> Result<(), PlacesError> {
    let Place::Directory(path) = place else {
        return Ok(());
    };
    let error = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => error,
    };
    Err(PlacesError::Place {
        role,
        path: path.clone(),
        source: error,
    })
}

/// Returns where `path` really is: links are followed as far as there is something, and what is not there yet is
/// taken by its name.
fn real_path(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in whole.ancestors() {
        let (Ok(mut real), Ok(rest)) = (fs::canonicalize(above), whole.strip_prefix(above)) else {
            continue;
        };
        for component in rest.components() {
            if component == Component::ParentDir {
                real.pop();
            } else {
                real.push(component);
            }
        }
        return real;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layer, Layers, Origin, StoreUrl};

    fn check(root: &Path, source: &str, target: &str, state: Option<&str>) -> Result<(), String> {
        check_source(root, root.join(source).into(), target, state)
    }

    fn check_source(
        root: &Path,
        source: Place,
        target: &str,
        state: Option<&str>,
    ) -> Result<(), String> {
        let mut settings =
            Settings::resolve(&Layers(vec![Layer::new(Origin::Default)]), 1).unwrap();
        settings.source = Some(source);
        settings.target = Some(root.join(target).into());
        settings.state = state.map(|state| root.join(state).into());
        let places = target_places(&settings).map_err(|error| error.to_string())?;
        let checked = source_place(&settings, &places);
        let text = |error: PlacesError| error.to_string().replace(&root.display().to_string(), "");
        checked.map(|_| ()).map_err(text)
    }

    #[test]
    fn places_that_overlap_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("in/deep")).unwrap();
        fs::create_dir_all(root.join("out")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("in"), root.join("link")).unwrap();
        for (source, target, state, message) in [
            ("in", "in", None, "the target /in is also the source /in"),
            (
                "in",
                "in/deep",
                None,
                "the target /in/deep lies in the source /in",
            ),
            (
                "in",
                "link/new/er",
                None,
                "the target /link/new/er lies in the source /in",
            ),
            (
                "in",
                "new/../in/x",
                None,
                "the target /new/../in/x lies in the source /in",
            ),
            (
                "in/deep",
                "in",
                None,
                "the source /in/deep lies in the target /in",
            ),
            (
                "in",
                "out",
                Some("link/s"),
                "the state directory /link/s lies in the source /in",
            ),
            (
                "in/deep",
                "out",
                Some("in"),
                "the source /in/deep lies in the state directory /in",
            ),
            (
                "in",
                "out",
                Some("out"),
                "the state directory /out is also the target /out",
            ),
            ("gone", "out", None, "cannot use /gone as a source"),
            ("file", "out", None, "cannot use /file as a source"),
        ] {
            assert_eq!(check(root, source, target, state), Err(message.to_owned()));
        }
        assert!(check(root, "in", "file", None).is_err());
        for (target, state) in [
            ("out", None),
            ("new/er", Some("s")),
            ("in-2", None),
            ("out", Some("out/_strandline/x")),
        ] {
            assert_eq!(check(root, "in", target, state), Ok(()), "{target}");
        }
    }

    #[test]
    fn places_in_one_bucket_keep_apart_as_directories_do() {
        let check = |source: &str, target: &str, state: Option<&str>| {
            let place = |text: &str| Place::from(StoreUrl::parse(text).unwrap());
            let mut settings =
                Settings::resolve(&Layers(vec![Layer::new(Origin::Default)]), 1).unwrap();
            settings.source = Some(place(source));
            settings.target = Some(place(target));
            settings.state = state.map(place);
            let places = target_places(&settings).unwrap();
            let checked = source_place(&settings, &places);
            checked.map(|_| ()).map_err(|error| error.to_string())
        };
        for (source, target, state, message) in [
            (
                "s3://b/in",
                "s3://b/in",
                None,
                "the target s3://b/in is also the source s3://b/in",
            ),
            (
                "s3://b/in",
                "s3://b/in/lake",
                None,
                "the target s3://b/in/lake lies in the source s3://b/in",
            ),
            (
                "s3://b/in",
                "s3://b",
                None,
                "the source s3://b/in lies in the target s3://b/",
            ),
            (
                "s3://b/in",
                "s3://b/out",
                Some("s3://b/in/state"),
                "the state directory s3://b/in/state lies in the source s3://b/in",
            ),
            (
                "s3://b/in",
                "s3://b/out",
                Some("s3://b/out/state"),
                "the state directory s3://b/out/state lies in the target s3://b/out",
            ),
        ] {
            assert_eq!(check(source, target, state), Err(message.to_owned()));
        }
        for (target, state) in [
            ("s3://b/in2", None),
            ("s3://c/in", Some("s3://b/state")),
            ("gs://b/in", None),
            ("s3://b/out", Some("s3://b/out/_strandline/x")),
        ] {
            assert_eq!(check("s3://b/in", target, state), Ok(()), "{target}");
        }
    }

    #[test]
    fn state_among_the_outputs_is_refused_wherever_the_source_is() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("out")).unwrap();
        let check = |state| {
            let url = StoreUrl::parse("s3://bucket/raw").unwrap();
            check_source(root, url.into(), "out", state)
        };
        for (state, message) in [
            ("out", "the state directory /out is also the target /out"),
            (
                "out/s",
                "the state directory /out/s lies in the target /out",
            ),
        ] {
            assert_eq!(check(Some(state)), Err(message.to_owned()));
        }
        for state in [None, Some("s"), Some("out/_strandline/s")] {
            assert_eq!(check(state), Ok(()), "{state:?}");
        }
    }
}
