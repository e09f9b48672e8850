//! Where source, target and state are, and that they keep apart.
//!
//! A target inside its source would be loaded into itself; a ledger inside the source would change the listing that
//! it describes. Both are refused, by the places that symbolic links lead to and not only by their names.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config::{Place, Settings};

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
    #[error("the {inner} {} {} the {outer} {}", inner_path.display(), lies(inner_path, outer_path), outer_path.display())]
    Overlap {
        /// What lies inside.
        inner: &'static str,
        /// Where it is.
        inner_path: PathBuf,
        /// What lies outside.
        outer: &'static str,
        /// Where it is.
        outer_path: PathBuf,
    },
}

/// Returns how one place lies to another that it is in.
fn lies(inner: &Path, outer: &Path) -> &'static str {
    if inner == outer { "is also" } else { "lies in" }
}

/// The directory in a target that holds state.
const STATE_DIR: &str = "_strandline";

/// Where a target and its state are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPlaces {
    /// The outputs.
    pub target: PathBuf,
    /// Ledger and lock.
    pub state: PathBuf,
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
    let source = settings.source.clone().ok_or(PlacesError::NoSource)?;
    match &source {
        Place::Directory(path) => keep_apart(path, places)?,
        // Nothing that is on this machine lies in an object store.
        Place::Store(_) => {}
    }
    let (target, state) = named(places);
    if !state.2.starts_with(target.2.join(STATE_DIR)) {
        keep_out(&state, &target)?;
    }
    Ok(source)
}

fn keep_apart(source: &PathBuf, places: &TargetPlaces) -> Result<(), PlacesError> {
    let in_source = |error| PlacesError::Source {
        path: source.clone(),
        source: error,
    };
    let real = fs::canonicalize(source).map_err(in_source)?;
    if !fs::metadata(&real).map_err(in_source)?.is_dir() {
        return Err(in_source(io::ErrorKind::NotADirectory.into()));
    }
    let source = ("source", source, real);
    let (target, state) = named(places);
    for (one, other) in [
        (&target, &source),
        (&state, &source),
        (&source, &target),
        (&source, &state),
    ] {
        keep_out(one, other)?;
    }
    Ok(())
}

/// What a place is, how it is written and where it really is.
type Named<'a> = (&'static str, &'a PathBuf, PathBuf);

/// Returns the target and its state.
fn named(places: &TargetPlaces) -> (Named<'_>, Named<'_>) {
    let TargetPlaces { target, state } = places;
    (
        ("target", target, real_path(target)),
        ("state directory", state, real_path(state)),
    )
}

fn keep_out(inner: &Named<'_>, outer: &Named<'_>) -> Result<(), PlacesError> {
    if inner.2.starts_with(&outer.2) {
        return Err(PlacesError::Overlap {
            inner: inner.0,
            inner_path: inner.1.clone(),
            outer: outer.0,
            outer_path: outer.1.clone(),
        });
    }
    Ok(())
}

fn directory_or_nothing(role: &'static str, path: &Path) -> Result<(), PlacesError> {
    let error = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => error,
    };
    Err(PlacesError::Place {
        role,
        path: path.to_owned(),
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
        settings.target = Some(root.join(target));
        settings.state = state.map(|state| root.join(state));
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
