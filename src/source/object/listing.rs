//! Objects of a listing, as entries.

use std::io;
use std::sync::Arc;

use object_store::ObjectMeta;

use crate::model::{ErrorKind, KeyRange};
use crate::store::{ListedKey, io_error};

use super::super::{Entries, Entry, Unknown};
use super::chain::{Place, Walk};
use super::feed::{Feed, Object};
use super::{Bucket, fingerprint, is_path};

/// Walks through objects below a prefix: all of them, or those of one range.
pub(super) struct ObjectEntries {
    bucket: Arc<Bucket>,
    range: KeyRange,
    feed: Feed,
    /// How the range fits with others.
    walk: Option<Walk>,
    path: String,
}

impl ObjectEntries {
    /// Takes all that `feed` tells.
    pub(super) fn all(bucket: &Arc<Bucket>, feed: Feed) -> Self {
        Self {
            bucket: Arc::clone(bucket),
            range: KeyRange::all(),
            feed,
            walk: None,
            path: String::new(),
        }
    }

    /// Takes what `feed` tells for `range`, which `walk` is of.
    pub(super) fn of_range(bucket: &Arc<Bucket>, feed: Feed, range: &KeyRange, walk: Walk) -> Self {
        Self {
            range: range.clone(),
            walk: Some(walk),
            ..Self::all(bucket, feed)
        }
    }

    fn judge(&mut self, object: Object) -> Option<Entry> {
        let Some(listed) = object.key else {
            // Whatever else is listed is not what it seems to be either.
            return Some(self.give_up(unlike_a_key()));
        };
        let entry = self.entry(&listed, &object.meta);
        match self.walk.as_mut().map(|walk| walk.meet(listed.key)) {
            None | Some(Place::Here) => Some(entry),
            Some(Place::Beyond) => {
                self.feed.close();
                None
            }
            Some(Place::Astray) => Some(self.give_up(astray())),
        }
    }

    fn entry(&mut self, listed: &ListedKey, object: &ObjectMeta) -> Entry {
        let bucket = &self.bucket;
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

    /// Hides everything that it is for: what was not listed may well be there.
    fn give_up(&mut self, error: io::Error) -> Entry {
        self.feed.close();
        if let Some(walk) = self.walk.take() {
            walk.fail();
        }
        Entry::Unknown(unknown(&self.bucket.name, &self.range, error))
    }
}

impl Entries for ObjectEntries {
    fn next(&mut self) -> Option<Entry> {
        let entry = match self.feed.next() {
            Some(Ok(object)) => self.judge(object),
            Some(Err(error)) => Some(self.give_up(io_error(error))),
            None => {
                if let Some(walk) = &mut self.walk {
                    walk.end();
                }
                None
            }
        };
        if self.walk.as_ref().is_some_and(Walk::is_in_vain) {
            return Some(self.give_up(astray()));
        }
        entry
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

/// Ranges do not fit together: nothing in them counts, and everything is listed again.
fn astray() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the store lists keys in another order than that of their bytes",
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
