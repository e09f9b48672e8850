//! What the double holds, and what it answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

use super::http::{Answer, Request};

/// Most objects on a page.
const PAGE_OBJECTS: usize = 1000;

struct Object {
    bytes: Vec<u8>,
    generation: u64,
    written_at: DateTime<Utc>,
}

impl Object {
    /// Depends on the bytes and on nothing else.
    fn tag(&self) -> String {
        format!("\"{}\"", &blake3::hash(&self.bytes).to_hex()[..32])
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let date = self.written_at.format("%a, %d %b %Y %H:%M:%S GMT");
        vec![
            ("ETag", self.tag()),
            ("Last-Modified", date.to_string()),
            ("x-goog-generation", self.generation.to_string()),
        ]
    }
}

#[derive(Default)]
pub(super) struct Bucket {
    pub(super) ignores_conditions: bool,
    pub(super) denies_writes: bool,
    objects: BTreeMap<String, Object>,
    /// Parts by their numbers.
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    last: u64,
}

impl Bucket {
    pub(super) fn keys(&self) -> Vec<String> {
        self.objects.keys().cloned().collect()
    }

    pub(super) fn answer(&mut self, request: &Request, name: &str) -> Answer {
        let path = request.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket != name {
            return error(404, "NoSuchBucket");
        }
        let is_read = matches!(&*request.method, "GET" | "HEAD");
        if self.denies_writes && !is_read {
            return error(403, "AccessDenied");
        }
        let upload = request.query("uploadId");
        match (&*request.method, key) {
            ("GET", "") => self.list(request),
            ("GET", key) => self.get(key, request),
            ("HEAD", key) => self.head(key, request),
            ("PUT", _) if upload.is_some() => self.put_part(request),
            ("PUT", key) => self.put(key, request),
            ("DELETE", _) if upload.is_some() => self.abort(request),
            ("DELETE", key) => self.delete(key),
            ("POST", _) if request.query("uploads").is_some() => self.begin(),
            ("POST", key) => self.complete(key, request),
            _ => error(405, "MethodNotAllowed"),
        }
    }

    fn store(&mut self, key: &str, bytes: Vec<u8>) -> Vec<(&'static str, String)> {
        self.last += 1;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let millis = i64::try_from(since.as_millis()).unwrap();
        let object = Object {
            bytes,
            generation: self.last,
            written_at: DateTime::from_timestamp_millis(millis).unwrap(),
        };
        let headers = object.headers();
        self.objects.insert(key.to_owned(), object);
        headers
    }

    fn put(&mut self, key: &str, request: &Request) -> Answer {
        let wanted = request.header("x-goog-if-generation-match");
        let found = self.objects.get(key).map_or(0, |object| object.generation);
        let is_met = wanted.is_none_or(|wanted| wanted == found.to_string());
        if !is_met && !self.ignores_conditions {
            return error(412, "PreconditionFailed");
        }
        Answer {
            status: 200,
            headers: self.store(key, request.body.clone()),
            body: Vec::new(),
        }
    }

    fn get(&self, key: &str, request: &Request) -> Answer {
        let Some(object) = self.objects.get(key) else {
            return error(404, "NoSuchKey");
        };
        if request
            .header("if-match")
            .is_some_and(|tag| tag != object.tag())
        {
            return error(412, "PreconditionFailed");
        }
        let mut headers = object.headers();
        let size = object.bytes.len();
        let Some(range) = request.header("range") else {
            let (status, body) = (200, object.bytes.clone());
            return Answer {
                status,
                headers,
                body,
            };
        };
        let Range { start, end } = range_of(range, size);
        if start >= size {
            return error(416, "InvalidRange");
        }
        let shown = format!("bytes {start}-{}/{size}", end - 1);
        headers.push(("Content-Range", shown));
        Answer {
            status: 206,
            headers,
            body: object.bytes[start..end].to_vec(),
        }
    }

    fn head(&self, key: &str, request: &Request) -> Answer {
        let mut answer = self.get(key, request);
        let length = answer.body.len().to_string();
        answer.headers.push(("Content-Length", length));
        answer
    }

    fn delete(&mut self, key: &str) -> Answer {
        match self.objects.remove(key) {
            Some(_) => status(204),
            None => error(404, "NoSuchKey"),
        }
    }

    fn begin(&mut self) -> Answer {
        self.last += 1;
        let id = format!("upload {}", self.last);
        let text = format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        );
        self.uploads.insert(id, BTreeMap::new());
        page(text)
    }

    fn put_part(&mut self, request: &Request) -> Answer {
        let upload = request.query("uploadId").unwrap();
        let Some(parts) = self.uploads.get_mut(upload) else {
            return error(404, "NoSuchUpload");
        };
        let number = request.query("partNumber").unwrap().parse().unwrap();
        parts.insert(number, request.body.clone());
        Answer {
            headers: vec![("ETag", format!("\"part {number}\""))],
            ..status(200)
        }
    }

    fn complete(&mut self, key: &str, request: &Request) -> Answer {
        let upload = request.query("uploadId").unwrap_or_default();
        let Some(parts) = self.uploads.remove(upload) else {
            return error(404, "NoSuchUpload");
        };
        let headers = self.store(key, parts.into_values().flatten().collect());
        let tag = &headers[0].1;
        let text = format!(
            "<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        );
        Answer {
            headers,
            ..page(text)
        }
    }

    fn abort(&mut self, request: &Request) -> Answer {
        match self.uploads.remove(request.query("uploadId").unwrap()) {
            Some(_) => status(204),
            None => error(404, "NoSuchUpload"),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query("prefix").unwrap_or_default();
        let delimiter = request.query("delimiter").filter(|it| !it.is_empty());
        let after = request.query("continuation-token");
        let after = after
            .or_else(|| request.query("start-after"))
            .unwrap_or_default();
        let most = request.query("max-keys").map(|most| most.parse().unwrap());
        let most = most.unwrap_or(PAGE_OBJECTS).min(PAGE_OBJECTS);
        let below = self
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix));
        let mut entries: Vec<(&str, Option<&Object>)> = below
            .map(|(key, object)| {
                let rest = &key[prefix.len()..];
                match delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
                {
                    Some(end) => (&key[..prefix.len() + end], None),
                    None => (key.as_str(), Some(object)),
                }
            })
            .filter(|(entry, _)| *entry > after)
            .collect();
        entries.dedup_by_key(|(entry, _)| *entry);
        let is_truncated = entries.len() > most;
        entries.truncate(most);
        let mut text = format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>");
        if is_truncated {
            let last = escaped(entries.last().unwrap().0);
            let _ = write!(
                text,
                "<NextContinuationToken>{last}</NextContinuationToken>"
            );
        }
        for (entry, object) in entries {
            write_entry(&mut text, entry, object);
        }
        text.push_str("</ListBucketResult>");
        page(text)
    }
}

fn write_entry(text: &mut String, entry: &str, object: Option<&Object>) {
    let entry = escaped(entry);
    let _ = match object {
        Some(object) => write!(
            text,
            "<Contents><Key>{entry}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            object.written_at.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
            object.tag(),
            object.bytes.len()
        ),
        None => write!(
            text,
            "<CommonPrefixes><Prefix>{entry}</Prefix></CommonPrefixes>"
        ),
    };
}

/// Returns the range of `bytes=a-b`, `bytes=a-` or `bytes=-n`.
fn range_of(text: &str, size: usize) -> Range<usize> {
    let (start, end) = text
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    match (start.parse::<usize>(), end.parse::<usize>()) {
        (Ok(start), Ok(last)) => start..(last + 1).min(size),
        (Ok(start), Err(_)) => start..size,
        (Err(_), Ok(count)) => size.saturating_sub(count)..size,
        (Err(_), Err(_)) => panic!("{text} is no range"),
    }
}

fn status(status: u16) -> Answer {
    Answer {
        status,
        ..Answer::default()
    }
}

fn page(text: String) -> Answer {
    Answer {
        headers: vec![("Content-Type", "application/xml".to_owned())],
        body: text.into_bytes(),
        ..status(200)
    }
}

fn error(status: u16, code: &str) -> Answer {
    Answer {
        status,
        ..page(format!(
            "<Error><Code>{code}</Code><Message>No.</Message></Error>"
        ))
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}
