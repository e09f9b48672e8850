//! Drains a source's spans and checks the rules of the port on the way.

use strandline::model::{Fingerprint, KeyRange, SourcePath};
use strandline::source::{Entry, Expansion, Source, Span, Unknown, collect};

/// What a listing gave, in its own order.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) found: Vec<SourcePath>,
    pub(crate) fingerprints: Vec<Fingerprint>,
    pub(crate) skipped: usize,
    pub(crate) archived: Vec<SourcePath>,
    pub(crate) unknown: Vec<Unknown>,
    /// It came in ranges, and they add up.
    pub(crate) is_proven: bool,
}

impl Listing {
    pub(crate) fn paths(&self) -> Vec<&str> {
        self.found.iter().map(SourcePath::as_str).collect()
    }

    /// Tells whether nothing may be said about `path`.
    pub(crate) fn hides(&self, path: &str) -> bool {
        self.unknown
            .iter()
            .filter_map(|unknown| unknown.hides.as_ref())
            .any(|range| range.contains(path))
    }
}

/// Expands everything, checking that child spans partition their parent's range in order and that entries are
/// strictly ascending within theirs.
pub(crate) fn list(source: &dyn Source) -> Listing {
    let mut listing = Listing::default();
    let root = source.root();
    assert_eq!(*root.range(), KeyRange::all());
    drain(&*root, &mut listing);
    assert!(
        listing.found.is_sorted_by(|a, b| a < b),
        "out of order: {:?}",
        listing.paths()
    );
    listing
}

/// As [`list`], of a source that promises no order, and sorted.
pub(crate) fn sorted(source: &dyn Source) -> Listing {
    let mut listing = Listing::default();
    drain(&*source.root(), &mut listing);
    let mut found: Vec<_> = listing
        .found
        .into_iter()
        .zip(listing.fingerprints)
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    (listing.found, listing.fingerprints) = found.into_iter().unzip();
    listing
}

/// As [`list`], from `span` on.
pub(crate) fn drain(span: &dyn Span, listing: &mut Listing) {
    match span.expand() {
        Err(unknown) => {
            if let Some(hides) = &unknown.hides {
                assert!(hides.overlap(span.range()).is_some());
            }
            listing.unknown.push(unknown);
        }
        Ok(Expansion::Spans(spans)) => {
            assert_partition(span.range(), &spans);
            for child in &spans {
                drain(&**child, listing);
            }
        }
        Ok(Expansion::Ranges(spans, proof)) => {
            assert_partition(span.range(), &spans);
            for child in &spans {
                drain(&**child, listing);
            }
            listing.is_proven = proof.holds();
        }
        Ok(Expansion::Entries(entries)) => {
            for (path, entry) in collect(entries) {
                match entry {
                    Entry::Found(fingerprint) => {
                        assert!(span.range().contains(&path), "{path}");
                        listing.found.push((&*path).into());
                        listing.fingerprints.push(fingerprint);
                    }
                    Entry::Archived => listing.archived.push(SourcePath::from(&*path)),
                    Entry::Skipped => listing.skipped += 1,
                    Entry::Unknown(unknown) => listing.unknown.push(unknown),
                }
            }
        }
    }
}

fn assert_partition(range: &KeyRange, spans: &[Box<dyn Span>]) {
    let first = spans.first().expect("a span expands into some");
    let last = spans.last().expect("a span expands into some");
    assert_eq!(first.range().start, range.start);
    assert_eq!(last.range().end, range.end);
    for pair in spans.windows(2) {
        let end = pair[0].range().end.as_ref();
        assert_eq!(end, Some(&pair[1].range().start));
    }
    for span in spans {
        let range = span.range();
        assert!(
            range.end.as_ref().is_none_or(|end| range.start < *end),
            "{range:?}"
        );
    }
}
