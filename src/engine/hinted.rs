//! A pass that looks only at the files that hints name, as long as that can be trusted.
//!
//! # Invariants
//! - Nothing of a hint is believed: each file is looked at, and joined with what is recorded of it as if a listing of it alone
//!   had come.
//! - That files are gone is not believed of a source that shows no others: then everything is listed, with the rules that listings
//!   have.
//! - What was looked at because of hints moves neither the checkpoint nor the watermark, which stand for listings.
//! - After a pass that left anything, whatever it was, everything is listed. So who gave the hints may forget them once a pass
//!   has ended with a report.

use std::io;

use rayon::prelude::*;

use super::control::Control;
use super::error::RunError;
use super::pipeline::Pipeline;
use super::ranges;
use crate::detect::{Scope, ScopeFacts, scope};
use crate::ledger::{ListedChange, View};
use crate::model::{
    ContentHash, ErrorKind, HintCounts, Hints, KeyRange, Listed, SourcePath, Timestamp, WhyListed,
};
use crate::source::{Entry, Expansion, ReadError, ReadyEntries, Source, Span, Unknown};

/// What a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything, listed.
    Everything,
    /// These files, in byte order of their paths.
    Files(Vec<SourcePath>),
}

/// Whether a pass has left anything for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Something,
}

/// What a pass looks at, and what that leaves for the next one to trust.
#[derive(Debug, Clone)]
pub(super) struct Looking {
    pub(super) extent: Extent,
    pub(super) counts: Option<HintCounts>,
    at: Timestamp,
    of: String,
    /// Where hints are awaited from.
    from: Option<String>,
}

impl Looking {
    /// Decides what to look at.
    pub(super) fn decide(
        pipeline: &Pipeline,
        hints: Option<&Hints>,
        view: &View,
        now: Timestamp,
    ) -> Result<Self, RunError> {
        let meta = view.meta()?;
        let of = identity(pipeline);
        let last = meta.listed.as_ref().filter(|last| last.of == of);
        let Some(hints) = hints else {
            return Ok(Self {
                extent: Extent::Everything,
                counts: None,
                at: now,
                // Who waits for hints has waited on, and a later listing is as good.
                from: last.and_then(|last| last.from.clone()),
                of,
            });
        };
        let selection = pipeline.source.selection();
        let is_meant = |path: &&SourcePath| is_plain(path) && selection.admits(path);
        let hints = Hints {
            paths: hints.paths.iter().filter(is_meant).cloned().collect(),
            ..hints.clone()
        };
        let scope = scope(
            &hints,
            &ScopeFacts {
                now,
                every: pipeline.limits.listing_every,
                last: meta.listed.as_ref(),
                of: &of,
                known: meta.files,
            },
        );
        let paths = hints.paths.len() as u64;
        let (extent, listed, since) = match scope {
            Scope::Hinted => {
                let since = last.map(|last| last.at);
                (
                    Extent::Files(hints.paths.into_iter().collect()),
                    None,
                    since,
                )
            }
            Scope::Everything(why) => (Extent::Everything, Some(why), Some(now)),
        };
        Ok(Self {
            extent,
            counts: Some(HintCounts {
                paths,
                listed,
                since,
            }),
            at: now,
            of,
            from: Some(hints.from),
        })
    }

    /// Tells whether everything is listed.
    pub(super) fn is_whole(&self) -> bool {
        self.extent == Extent::Everything
    }

    /// Lists everything instead of looking at what is hinted at.
    pub(super) fn widen(&mut self, why: WhyListed) {
        self.extent = Extent::Everything;
        if let Some(counts) = &mut self.counts {
            counts.listed = Some(why);
            counts.since = Some(self.at);
        }
    }

    /// Returns what becomes of the listing that the next passes may trust.
    pub(super) fn leaves(&self, left: Left) -> ListedChange {
        match (left, self.is_whole()) {
            (Left::Something, _) => ListedChange::Never,
            (Left::Nothing, false) => ListedChange::Nothing,
            (Left::Nothing, true) => ListedChange::Now(Listed {
                at: self.at,
                of: self.of.clone(),
                from: self.from.clone(),
            }),
        }
    }
}

/// Tells whether a source shows anything at all. One whose store answers "not there" to whatever it is asked for, because a
/// bucket or a mount is not what it was, shows nothing, or cannot be listed.
pub(super) fn shows_anything(span: &dyn Span) -> bool {
    match span.expand() {
        Ok(Expansion::Spans(spans) | Expansion::Ranges(spans, _)) => {
            spans.iter().any(|span| shows_anything(&**span))
        }
        Ok(Expansion::Entries(mut entries)) => {
            matches!(
                entries.next(),
                Some(Entry::Found(_) | Entry::Archived | Entry::Skipped)
            )
        }
        Err(_) => false,
    }
}

/// Tells whether a path stays where it is and can be one of a file. Of a key that cannot, listings tell.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// Returns a hash that is another where other files are taken, or something else becomes of them.
fn identity(pipeline: &Pipeline) -> String {
    let text = format!(
        "{}\n{}\n{}\n{:?}",
        pipeline.source.describe(),
        pipeline.source.selection().identity(),
        pipeline.definition.fingerprint(),
        pipeline.policies,
    );
    ContentHash::of(text.as_bytes()).to_string()
}

/// A file that was looked at, as a listing of it alone would tell.
pub(super) struct LookedAt {
    pub(super) range: KeyRange,
    pub(super) entries: ReadyEntries,
}

/// Looks at `paths`, side by side; where somebody asks to stop, not at all of them.
pub(super) fn look(source: &dyn Source, paths: &[SourcePath], control: &Control) -> Vec<LookedAt> {
    let looks = || {
        let paths = paths.par_iter();
        let looked = paths.filter(|_| control.takes_more());
        looked.map(|path| look_at(source, path)).collect()
    };
    if source.is_far() {
        ranges::waiting(paths.len(), looks)
    } else {
        looks()
    }
}

fn look_at(source: &dyn Source, path: &SourcePath) -> LookedAt {
    let range = KeyRange::only(path);
    let name: Box<str> = (**path).into();
    let entries = match source.look(path) {
        Ok(Some(seen)) => vec![(name, Entry::Found(seen))],
        Ok(None) | Err(ReadError::Vanished { .. }) => Vec::new(),
        Err(ReadError::Archived { .. }) => vec![(name, Entry::Archived)],
        Err(ReadError::Failed { source, .. }) => {
            let unknown = Unknown {
                path: path.to_string(),
                hides: Some(range.clone()),
                kind: match source.kind() {
                    io::ErrorKind::InvalidInput => ErrorKind::BadName,
                    _ => ErrorKind::Unreadable,
                },
                source,
            };
            vec![(Box::default(), Entry::Unknown(unknown))]
        }
    };
    LookedAt {
        range,
        entries: entries.into(),
    }
}
