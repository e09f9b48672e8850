//! Which files of a source are inputs.

/// Decides which files of a source are inputs, by their paths alone.
///
/// # Invariants
/// - What it admits lies in directories that it enters, so that a lister may leave out the others.
/// - The same path gets the same answer, always.
pub trait Select: Send + Sync {
    /// Tells whether there can be an input below the directory `dir` (relative, without a `/` at its end; the root
    /// is empty).
    fn enters(&self, dir: &str) -> bool;

    /// Tells whether the file `path` is an input.
    fn admits(&self, path: &str) -> bool;

    /// Returns a text that is another where other answers may be given.
    fn identity(&self) -> String;
}

/// Takes every file.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelectAll;

impl Select for SelectAll {
    fn enters(&self, _dir: &str) -> bool {
        true
    }

    fn admits(&self, _path: &str) -> bool {
        true
    }

    fn identity(&self) -> String {
        "all".to_owned()
    }
}
