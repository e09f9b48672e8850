//! Hashes what stamps do not decide, and finds vanished files among the new ones.

use std::collections::HashSet;

use rayon::prelude::*;

use super::control::Control;
use super::discover::Found;
use super::member::{self, Trouble};
use super::portion::Later;
use crate::detect::{
    self, Candidate, Change, Glance, Reason, Verdict, pair_renames, sizes_in_common,
};
use crate::model::{ContentHash, FileRecord, Fingerprint, SourcePath, Standing};
use crate::source::Source;

/// A file with its verdict.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) path: SourcePath,
    pub(super) verdict: Verdict,
    /// How it looks now; `None` where it is gone.
    pub(super) seen: Option<Fingerprint>,
    /// Its content, where it had to be known.
    pub(super) hash: Option<ContentHash>,
    pub(super) record: Option<FileRecord>,
}

/// A rename: the record that moves, and where to.
#[derive(Debug, Clone)]
pub(super) struct Renamed {
    pub(super) from: Changed,
    pub(super) to: Changed,
}

/// What there is to do something about.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// In byte order of the paths, without renames.
    pub(super) files: Vec<Changed>,
    pub(super) renames: Vec<Renamed>,
    /// Files that could not be read for hashing.
    pub(super) unreadable: Vec<(SourcePath, Trouble)>,
    /// Bytes read for hashing.
    pub(super) bytes_read: u64,
    /// New files that are left to later portions.
    pub(super) later: Option<Later>,
    /// Files that nothing was decided about, since a limit was reached.
    pub(super) left: Vec<SourcePath>,
}

impl Changes {
    /// Returns every path that something was found out about.
    pub(super) fn paths(&self) -> impl Iterator<Item = &SourcePath> {
        let renames = self.renames.iter();
        let renamed = renames.flat_map(|renamed| [&renamed.from.path, &renamed.to.path]);
        let unreadable = self.unreadable.iter().map(|(path, _)| path);
        let files = self.files.iter().map(|file| &file.path);
        files.chain(renamed).chain(unreadable).chain(&self.left)
    }
}

/// Which new files to hash before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashAdded {
    /// Every one: `--same-content skip` has to know.
    All,
    /// Those that may be a vanished file under another name.
    RenameCandidates,
}

/// Decides about everything that was found. Call it inside the pool of workers.
pub(super) fn verify(
    source: &dyn Source,
    found: Vec<Found>,
    hash_added: HashAdded,
    interchangeable: &(dyn Fn(&str, &str) -> bool + Sync),
    control: &Control,
) -> Changes {
    let vanished_sizes = found.iter().filter_map(Found::vanished_size);
    let added_sizes = found
        .iter()
        .filter(|found| found.is_new())
        .filter_map(|found| found.seen.as_ref().map(|seen| seen.size));
    let common = sizes_in_common(added_sizes, vanished_sizes);
    let decided: Vec<Decided> = found
        .into_par_iter()
        .map(|found| {
            let worth_hashing = match hash_added {
                HashAdded::All => comes(&found.glance),
                HashAdded::RenameCandidates => {
                    let size = found.seen.as_ref().map(|seen| seen.size);
                    found.is_new() && size.is_some_and(|size| common.contains(&size))
                }
            };
            decide(source, found, worth_hashing, control)
        })
        .collect();
    let mut changes = Changes::default();
    let mut sizes_left = HashSet::new();
    for decided in decided {
        changes.bytes_read += decided.bytes_read;
        match decided.outcome {
            Outcome::Decided(changed) => changes.files.push(changed),
            Outcome::Unread(unread) => {
                changes.files.extend(unread.archived);
                changes.unreadable.push((unread.path, unread.trouble));
            }
            Outcome::Left(path, size) => {
                changes.left.push(path);
                sizes_left.extend(size);
            }
        }
    }
    let mut changes = pair(changes, interchangeable);
    if !sizes_left.is_empty() {
        leave_vanished(&mut changes, &sizes_left);
    }
    changes
}

/// Leaves vanished files alone that may be one of those that were left, under another name.
fn leave_vanished(changes: &mut Changes, sizes: &HashSet<u64>) {
    let may_be_back = |file: &mut Changed| {
        let size = file.record.as_ref().map(|record| record.seen.size);
        file.verdict.change == Change::Removed && size.is_some_and(|size| sizes.contains(&size))
    };
    let left = changes.files.extract_if(.., may_be_back);
    let left: Vec<SourcePath> = left.map(|file| file.path).collect();
    changes.left.extend(left);
}

struct Decided {
    outcome: Outcome,
    bytes_read: u64,
}

/// What came of a file.
enum Outcome {
    Decided(Changed),
    Unread(Unread),
    /// It had to be hashed, and a limit was reached. What is new has its size, as it may be a vanished file.
    Left(SourcePath, Option<u64>),
}

/// A file that could not be read for hashing.
struct Unread {
    path: SourcePath,
    trouble: Trouble,
    /// The file, where it is recorded and turned out to be archived.
    archived: Option<Changed>,
}

/// To be read whatever its bytes are: new, planned by a run that did not get to it, back, or no longer frozen.
fn comes(glance: &Glance) -> bool {
    matches!(glance, Glance::Decided(verdict) if matches!(verdict.change, Change::Added | Change::Modified))
}

fn decide(source: &dyn Source, found: Found, worth_hashing: bool, control: &Control) -> Decided {
    let Found {
        path,
        seen,
        record,
        glance,
    } = found;
    let must_hash = matches!(glance, Glance::HashNeeded(_)) || worth_hashing;
    if must_hash && seen.is_some() && !control.takes_more() && !control.is_interrupted() {
        let size = seen.filter(|_| record.is_none()).map(|seen| seen.size);
        return Decided {
            outcome: Outcome::Left(path, size),
            bytes_read: 0,
        };
    }
    let hashed = match &seen {
        Some(seen) if must_hash && !control.is_interrupted() => {
            Some(member::hash(source, &path, seen))
        }
        _ => None,
    };
    let bytes_read = match (&hashed, &seen) {
        (Some(Ok(_)), Some(seen)) => seen.size,
        _ => 0,
    };
    let in_archive = record.as_ref().map(|file| detect::archived(file.standing));
    let in_archive = in_archive.filter(|verdict| verdict.change != Change::Unchanged);
    let changed = |verdict, seen, hash| Changed {
        path: path.clone(),
        verdict,
        seen,
        hash,
        record,
    };
    let outcome = match (glance, hashed) {
        (Glance::Decided(verdict), None) => Outcome::Decided(changed(verdict, seen, None)),
        (Glance::Decided(verdict), Some(Ok(hash))) => {
            Outcome::Decided(changed(verdict, seen, Some(hash)))
        }
        (Glance::HashNeeded(doubt), Some(Ok(hash))) => {
            Outcome::Decided(changed(doubt.resolve(hash), seen, Some(hash)))
        }
        (Glance::HashNeeded(_), None)
        | (_, Some(Err(Trouble::Unsettled | Trouble::Vanished | Trouble::Bad { .. }))) => {
            Outcome::Decided(changed(
                Verdict::new(Change::Unsettled, Reason::ChangedWhileRead),
                seen,
                None,
            ))
        }
        (_, Some(Err(trouble @ Trouble::Unreadable(_)))) => Outcome::Unread(Unread {
            path: path.clone(),
            trouble,
            archived: None,
        }),
        (_, Some(Err(trouble @ Trouble::Archived))) => Outcome::Unread(Unread {
            path: path.clone(),
            trouble,
            archived: in_archive.map(|verdict| changed(verdict, seen, None)),
        }),
    };
    Decided {
        outcome,
        bytes_read,
    }
}

/// Takes the renames out of the added and removed files.
fn pair(mut changes: Changes, interchangeable: &(dyn Fn(&str, &str) -> bool + Sync)) -> Changes {
    let vanished: Vec<Candidate> = changes
        .files
        .iter()
        .filter(|file| file.verdict.change == Change::Removed)
        .filter_map(|file| {
            let record = file.record.as_ref()?;
            let movable = record.standing == Standing::Loaded && record.unit.is_some();
            let hash = record.hash.filter(|_| movable)?;
            Some(Candidate {
                path: file.path.clone(),
                hash,
            })
        })
        .collect();
    if vanished.is_empty() {
        return changes;
    }
    let added: Vec<Candidate> = changes
        .files
        .iter()
        .filter(|file| file.verdict.change == Change::Added && file.record.is_none())
        .filter_map(|file| {
            Some(Candidate {
                path: file.path.clone(),
                hash: file.hash?,
            })
        })
        .collect();
    let pairs = pair_renames(vanished, added, &|from, to| interchangeable(from, to));
    for (from, to) in pairs {
        let (Some(mut to), Some(from)) = (
            take(&mut changes.files, &to),
            take(&mut changes.files, &from),
        ) else {
            continue;
        };
        if let Some(hash) = to.hash {
            let reason = Reason::SameBytesAs {
                from: from.path.clone(),
                hash,
            };
            to.verdict = Verdict::new(Change::Renamed, reason);
        }
        changes.renames.push(Renamed { from, to });
    }
    changes
        .files
        .retain(|file| file.seen.is_some() || file.record.is_some());
    changes
}

/// Takes a file out, leaving an empty husk behind that is dropped afterwards: removing from the middle of the
/// list for every pair would be quadratic.
fn take(files: &mut [Changed], path: &SourcePath) -> Option<Changed> {
    let at = files.binary_search_by(|file| file.path.cmp(path)).ok()?;
    let husk = Changed {
        path: path.clone(),
        verdict: Verdict::new(Change::Unchanged, Reason::StampsEqual),
        seen: None,
        hash: None,
        record: None,
    };
    Some(std::mem::replace(&mut files[at], husk))
}
