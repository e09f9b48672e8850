//! Pages of a listing, as entries.

use std::io;
use std::sync::Arc;

use futures::StreamExt;
use object_store::ObjectMeta;
use tokio::sync::mpsc;

use crate::model::{ErrorKind, KeyRange};
use crate::store::io_error;

use super::super::{Entries, Entry, Unknown};
use super::{Bucket, fingerprint, is_path};

/// Objects that are handed over at once: as many as a store puts on a page.
const PAGE_OBJECTS: usize = 1000;

/// Pages that wait to be looked at.
const PAGES_AHEAD: usize = 2;

type Listed = Result<ObjectMeta, object_store::Error>;

enum Page {
    Objects(Vec<Listed>),
    /// The store has said that there is no more.
    End,
}

/// Walks through the objects below a prefix while the next page is on its way.
pub(super) struct ObjectEntries {
    bucket: Arc<Bucket>,
    range: KeyRange,
    pages: mpsc::Receiver<Page>,
    page: std::vec::IntoIter<Listed>,
    path: String,
    is_over: bool,
}

impl ObjectEntries {
    /// Begins to list everything in `range`, which is everything there is.
    pub(super) fn list(bucket: &Arc<Bucket>, range: &KeyRange) -> Self {
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let listing = bucket.store.list(Some(&bucket.root));
        let mut listing = listing.ready_chunks(PAGE_OBJECTS);
        bucket.runtime.spawn(async move {
            while let Some(objects) = listing.next().await {
                let is_broken = objects.iter().any(Result::is_err);
                if sender.send(Page::Objects(objects)).await.is_err() || is_broken {
                    return;
                }
            }
            // Nobody listens where the pass was broken off.
            let _ = sender.send(Page::End).await;
        });
        Self {
            bucket: Arc::clone(bucket),
            range: range.clone(),
            pages,
            page: Vec::new().into_iter(),
            path: String::new(),
            is_over: false,
        }
    }

    /// Returns what is listed next, `None` behind the last. A listing that breaks off without a word has failed.
    fn pull(&mut self) -> Option<Listed> {
        while !self.is_over {
            if let Some(listed) = self.page.next() {
                self.is_over = listed.is_err();
                return Some(listed);
            }
            match self.pages.blocking_recv() {
                Some(Page::Objects(objects)) => self.page = objects.into_iter(),
                Some(Page::End) => self.is_over = true,
                None => {
                    self.is_over = true;
                    return Some(Err(object_store::Error::Generic {
                        store: "object store",
                        source: "the listing broke off".into(),
                    }));
                }
            }
        }
        None
    }

    fn judge(&mut self, object: &ObjectMeta) -> Entry {
        let bucket = &self.bucket;
        let Some(listed) = bucket.locations.read(&object.location) else {
            // Whatever else is listed is not what it seems to be either.
            self.is_over = true;
            return Entry::Unknown(unknown(&bucket.name, &self.range, unlike_a_key()));
        };
        // The marker of the prefix itself has no path below it.
        let Some(path) = listed.key.strip_prefix(&bucket.prefix) else {
            return Entry::Skipped;
        };
        let is_marker = object.size == 0 && path.ends_with('/');
        if path.is_empty() || is_marker || !bucket.selection.admits(path) {
            return Entry::Skipped;
        }
        if !is_path(path) {
            return Entry::Unknown(no_path(path));
        }
        self.path.clear();
        self.path.push_str(path);
        if listed.is_archived {
            Entry::Archived
        } else {
            Entry::Found(fingerprint(object))
        }
    }
}

impl Entries for ObjectEntries {
    fn next(&mut self) -> Option<Entry> {
        Some(match self.pull()? {
            Ok(object) => self.judge(&object),
            Err(error) => Entry::Unknown(unknown(&self.bucket.name, &self.range, io_error(error))),
        })
    }

    fn path(&self) -> &str {
        &self.path
    }
}

fn unknown(name: &str, range: &KeyRange, source: io::Error) -> Unknown {
    Unknown {
        path: name.to_owned(),
        hides: Some(range.clone()),
        kind: ErrorKind::Unreadable,
        source,
    }
}

/// A page is not written as it was taken to be, and its keys may be others than the client tells.
fn unlike_a_key() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the listing tells keys in a way that is not known",
    )
}

/// A key that the client cannot ask for: it keeps no empty segments, and no `/` at the end.
fn no_path(key: &str) -> Unknown {
    Unknown {
        path: key.to_owned(),
        // No record has such a path.
        hides: None,
        kind: ErrorKind::BadName,
        source: io::Error::new(
            io::ErrorKind::InvalidInput,
            "the key is no path, and the object cannot be asked for by it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::source;
    use crate::model::KeyRange;
    use crate::source::{Entry, Expansion, Source, collect};

    /// Lists what a page of the store `url` tells.
    fn listed(url: &str, page: &'static str) -> Vec<String> {
        let Ok(Expansion::Entries(entries)) = source(url, 200, page).root().expand() else {
            panic!("there is one span only");
        };
        let told = collect(entries)
            .into_iter()
            .map(|(path, entry)| match entry {
                Entry::Found(seen) => format!("{path} of {}", seen.size),
                Entry::Archived => format!("{path} archived"),
                Entry::Skipped => "skipped".to_owned(),
                Entry::Unknown(unknown) => {
                    let hidden = match &unknown.hides {
                        Some(range) if *range == KeyRange::all() => " of all",
                        Some(_) => " of some",
                        None => "",
                    };
                    format!("{} {:?}{hidden}", unknown.path, unknown.kind)
                }
            });
        told.collect()
    }

    const S3: &str = r#"<?xml version="1.0"?>
        <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
        <Name>bucket</Name><Prefix>raw/</Prefix><IsTruncated>false</IsTruncated>
        <Contents><Key>raw/</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"0"</ETag><Size>0</Size></Contents>
        <Contents><Key>raw/./a.csv</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"1"</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>
        <Contents><Key>raw//a.csv</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"2"</ETag><Size>2</Size></Contents>
        <Contents><Key>raw/a&amp;b 100%.csv</Key><LastModified>2026-01-02T03:04:05Z</LastModified>
            <ETag>"3"</ETag><Size>3</Size></Contents>
        <Contents><Key>raw/c.csv</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"4"</ETag><Size>4</Size><StorageClass>DEEP_ARCHIVE</StorageClass></Contents>
        <Contents><Key>raw/d</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"5"</ETag><Size>0</Size></Contents>
        <Contents><Key>raw/dir/</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"6"</ETag><Size>0</Size></Contents>
        <Contents><Key>raw/full/</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
            <ETag>"7"</ETag><Size>7</Size></Contents>
        </ListBucketResult>"#;

    #[test]
    fn one_key_that_is_no_path_is_told_and_all_others_are_listed() {
        for url in ["s3://bucket/raw", "gs://bucket/raw"] {
            assert_eq!(
                listed(url, S3),
                [
                    "skipped",
                    "./a.csv BadName",
                    "/a.csv BadName",
                    "a&b 100%.csv of 3",
                    "c.csv archived",
                    "d of 0",
                    "skipped",
                    "full/ BadName",
                ],
                "{url}"
            );
        }
    }

    const AZURE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
        <EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ContainerName="box"><Prefix>raw/</Prefix>
        <Blobs>
        <Blob><Name>raw//a.csv</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>
            <Etag>0x1</Etag><Content-Length>1</Content-Length><Content-Type>text/csv</Content-Type></Properties></Blob>
        <Blob><Name>raw/b.csv</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>
            <Etag>0x2</Etag><Content-Length>2</Content-Length><Content-Type>text/csv</Content-Type>
            <AccessTier>Archive</AccessTier></Properties></Blob>
        <Blob><Name>raw/c.csv</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>
            <Etag>0x3</Etag><Content-Length>3</Content-Length><Content-Type>text/csv</Content-Type>
            <AccessTier>Hot</AccessTier></Properties></Blob>
        <Blob><Name Encoded="true">raw%2Fd%25.csv</Name><Properties>
            <Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified>
            <Etag>0x4</Etag><Content-Length>4</Content-Length><Content-Type>text/csv</Content-Type></Properties></Blob>
        </Blobs><NextMarker /></EnumerationResults>"#;

    #[test]
    fn a_listing_of_azure_is_read_as_well() {
        assert_eq!(
            listed("az://box/raw", AZURE),
            [
                "/a.csv BadName",
                "b.csv archived",
                "c.csv of 3",
                "d%.csv of 4"
            ]
        );
    }

    #[test]
    fn an_answer_that_is_no_page_or_does_not_lead_on_hides_everything() {
        for (url, page) in [
            ("s3://bucket/raw", "<ListBucketResult"),
            ("s3://bucket/raw", "nonsense"),
            (
                "s3://bucket/raw",
                "<Error><Code>AccessDenied</Code></Error>",
            ),
            ("s3://bucket/raw", "<ListAllMyBucketsResult/>"),
            ("gs://bucket/raw", "<html></html>"),
            ("az://box/raw", "<Error/>"),
            (
                "s3://bucket/raw",
                "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            ),
            (
                "s3://bucket/raw",
                "<ListBucketResult><IsTruncated>true</IsTruncated>\
                 <NextContinuationToken>a</NextContinuationToken></ListBucketResult>",
            ),
            (
                "az://box/raw",
                "<EnumerationResults><Blobs/><NextMarker>a</NextMarker></EnumerationResults>",
            ),
        ] {
            assert_eq!(listed(url, page), [format!("{url} Unreadable of all")]);
        }
    }

    #[test]
    fn keys_that_are_written_in_another_way_hide_everything() {
        let page = "<ListBucketResult><IsTruncated>false</IsTruncated>\
            <Contents><Key>raw/a</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Contents>\
            <Contents ><Key>raw/b</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Contents>\
            <Contents ><Key>raw/c</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Contents>\
            </ListBucketResult>";
        assert_eq!(
            listed("s3://bucket/raw", page),
            ["a of 1", "s3://bucket/raw Unreadable of all"]
        );
    }

    #[test]
    fn a_page_with_an_empty_token_is_the_last() {
        let page = "<ListBucketResult><IsTruncated>false</IsTruncated>\
                    <NextContinuationToken></NextContinuationToken></ListBucketResult>";
        assert_eq!(listed("s3://bucket/raw", page), [""; 0]);
    }
}
