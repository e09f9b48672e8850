//! What stores say of their events, in all the ways that they have. PURE.
//!
//! | who | what comes | where the object is |
//! |---|---|---|
//! | S3, by SQS | `{"Records": [...]}` | `s3.bucket.name`, `s3.object.key`, the key as in a query |
//! | S3, by SNS | `{"Type": "Notification", "Message": "..."}` | in the message, which is text |
//! | S3, by `EventBridge` | `{"source": "aws.s3", "detail": ...}` | `bucket.name`, `object.key`, the key as it is |
//! | `MinIO` | as S3 | as S3 |
//! | Google, pushed by Pub/Sub | `{"message": {"attributes": ...}}` | `bucketId`, `objectId` |
//! | Google, pushed unwrapped | `{"kind": "storage#object"}` | `bucket`, `name` |
//! | Azure, by Event Grid | one or an array, in its own schema or as `CloudEvents` | `subject`; of what was renamed, two URLs |
//! | `SeaweedFS` | `{"event_type": ..., "key": ...}` | `key`, below `/buckets/`; of what was renamed, the new place as well |
//!
//! # Keys
//! S3 writes keys as in a query: `+` for a blank, `%2B` for a plus. Some of those who speak like S3 escape the `/` as well, some
//! nothing at all. Where a key reads differently as it is, both are looked at; one of them is not there, and that is all.

use serde_json::Value;

use crate::model::unescape;

/// What a message or a post says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// What it tells of; nothing where it is a greeting.
    pub told: Vec<Told>,
    /// What people have to know of it.
    pub word: Option<String>,
    /// Whether some of it was not understood.
    pub is_partial: bool,
}

/// What something may have happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An object.
    Object {
        /// Where it is.
        bucket: String,
        /// Keys, one of which is its own, or its old and its new one.
        keys: Vec<String>,
    },
    /// Everything below a directory, of which nothing is told one by one.
    Directory {
        /// Where it is.
        bucket: String,
        /// Its key.
        key: String,
    },
}

impl Notice {
    /// Reads what somebody says; `None` where nobody understands it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(text).ok()?, Nested::No)
    }

    /// Returns what Event Grid wants to hear before it sends anything: the code that it sends first.
    #[must_use]
    pub fn validation_code(text: &str) -> Option<String> {
        let value: Value = serde_json::from_str(text).ok()?;
        let event = value.get(0).unwrap_or(&value);
        let is_asked = event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent";
        let code = event["data"]["validationCode"].as_str();
        code.filter(|_| is_asked).map(str::to_owned)
    }

    fn of(value: &Value, nested: Nested) -> Option<Self> {
        if let Some(events) = value.as_array() {
            return azure(events);
        }
        if let Some(records) = value["Records"].as_array() {
            return s3(records);
        }
        if let Some(kind) = value["Type"].as_str() {
            return sns(value, kind, nested);
        }
        if value["source"] == "aws.s3" {
            let detail = &value["detail"];
            let key = text(&detail["object"]["key"])?;
            return object(text(&detail["bucket"]["name"])?, vec![key]);
        }
        if value["Event"] == "s3:TestEvent" {
            return Some(Self::default());
        }
        if let Some(attributes) = value["message"]["attributes"].as_object() {
            let attribute = |name: &str| text(attributes.get(name)?);
            return object(attribute("bucketId")?, vec![attribute("objectId")?]);
        }
        if value["kind"] == "storage#object" {
            return object(text(&value["bucket"])?, vec![text(&value["name"])?]);
        }
        if value["event_type"].is_string() && value["key"].is_string() {
            return seaweedfs(value);
        }
        azure(std::slice::from_ref(value))
    }
}

/// Whether a message came in another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
    No,
    Yes,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "everything that reads returns what it may not have found"
)]
fn object(bucket: String, keys: Vec<String>) -> Option<Notice> {
    Some(Notice {
        told: vec![Told::Object { bucket, keys }],
        ..Notice::default()
    })
}

fn s3(records: &[Value]) -> Option<Notice> {
    let told = records.iter().map(|record| {
        let s3 = &record["s3"];
        Some(Told::Object {
            bucket: text(&s3["bucket"]["name"])?,
            keys: meant(s3["object"]["key"].as_str()?),
        })
    });
    partly(told.collect())
}

/// Returns what could be read of something, if anything could.
fn partly(told: Vec<Option<Told>>) -> Option<Notice> {
    let count = told.len();
    let told: Vec<Told> = told.into_iter().flatten().collect();
    let is_partial = told.len() < count;
    (!told.is_empty() || count == 0).then(|| Notice {
        told,
        is_partial,
        ..Notice::default()
    })
}

/// Returns the keys that a text of S3 may mean.
fn meant(written: &str) -> Vec<String> {
    let is_escape = |at: usize| {
        let digits = written.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let mut marks = written.match_indices('%').map(|(at, _)| is_escape(at));
    // Whoever escapes anything escapes these.
    let is_plain = written.contains(|char: char| char == ' ' || !char.is_ascii());
    if is_plain || !marks.all(|is_escape| is_escape) {
        return vec![written.to_owned()];
    }
    let read = unescape(&written.replace('+', " "));
    if read == written {
        return vec![read];
    }
    vec![read, written.to_owned()]
}

fn sns(value: &Value, kind: &str, nested: Nested) -> Option<Notice> {
    match kind {
        "Notification" if nested == Nested::No => {
            let message = serde_json::from_str(value["Message"].as_str()?).ok()?;
            Notice::of(&message, Nested::Yes)
        }
        "SubscriptionConfirmation" => Some(Notice {
            word: confirmation(value["SubscribeURL"].as_str()?),
            ..Notice::default()
        }),
        "UnsubscribeConfirmation" => Some(Notice::default()),
        _ => None,
    }
}

/// Returns how to confirm a subscription; nothing where the address is not one of Amazon's.
fn confirmation(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://sns.")?.split('/').next()?;
    let is_theirs = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let is_plain = url.len() < 2048 && url.chars().all(|char| char.is_ascii_graphic());
    (is_theirs && is_plain)
        .then(|| format!("a subscription waits to be confirmed by whoever opens {url}"))
}

/// Reads events of Event Grid, in its own schema or as `CloudEvents`.
fn azure(events: &[Value]) -> Option<Notice> {
    let mut told = Vec::new();
    let mut is_greeting = events.is_empty();
    for event in events {
        let kind = event["eventType"].as_str().or(event["type"].as_str());
        match kind.and_then(|kind| kind.strip_prefix("Microsoft.")) {
            Some("Storage.DirectoryRenamed" | "Storage.DirectoryDeleted") => {
                let blobs = blobs(event).into_iter();
                told.extend(blobs.map(|(bucket, key)| Some(Told::Directory { bucket, key })));
            }
            // A new directory is empty, and the others are about no blob.
            Some(
                "Storage.DirectoryCreated"
                | "Storage.BlobInventoryPolicyCompleted"
                | "Storage.LifecyclePolicyCompleted",
            ) => is_greeting = true,
            Some(kind) if kind.starts_with("EventGrid.") => is_greeting = true,
            Some(kind) if kind.starts_with("Storage.") => {
                let blobs = blobs(event);
                if blobs.is_empty() {
                    told.push(None);
                }
                told.extend(blobs.into_iter().map(|(bucket, key)| {
                    let keys = vec![key];
                    Some(Told::Object { bucket, keys })
                }));
            }
            Some(_) | None => told.push(None),
        }
    }
    if told.is_empty() && !is_greeting {
        return None;
    }
    partly(told)
}

/// Returns the containers and names of the blobs that an event is about.
fn blobs(event: &Value) -> Vec<(String, String)> {
    let subject = event["subject"].as_str().and_then(|subject| {
        let rest = subject.split_once("/containers/")?.1;
        let (container, name) = rest.split_once("/blobs/")?;
        Some((container.to_owned(), name.to_owned()))
    });
    let at = |url: &Value| {
        let behind_host = url.as_str()?.split_once("://")?.1.split_once('/')?.1;
        let (container, name) = behind_host.split_once('/')?;
        Some((container.to_owned(), unescape(name)))
    };
    let data = &event["data"];
    let renamed = [at(&data["sourceUrl"]), at(&data["destinationUrl"])];
    let mut blobs: Vec<_> = subject.into_iter().collect();
    for blob in renamed.into_iter().flatten() {
        if !blobs.contains(&blob) {
            blobs.push(blob);
        }
    }
    blobs
}

/// Reads what the filer of `SeaweedFS` posts: paths of its own, among which the buckets lie.
fn seaweedfs(value: &Value) -> Option<Notice> {
    let message = &value["message"];
    let moved = message["new_parent_path"].as_str().and_then(|parent| {
        let name = message["new_entry"]["name"].as_str()?;
        Some(format!("{}/{name}", parent.trim_end_matches('/')))
    });
    let mut paths = vec![text(&value["key"])?];
    paths.extend(moved.filter(|path| *path != paths[0]));
    let was_directory = message["old_entry"]["is_directory"] == true;
    let is_directory = was_directory || message["new_entry"]["is_directory"] == true;
    // Its stamps moved, and that is all.
    let stays = message["new_entry"].is_object() && paths.len() == 1;
    let mut notice = Notice::default();
    for path in paths {
        let Some((bucket, key)) = in_bucket(&path) else {
            continue;
        };
        if was_directory && !stays {
            notice.told.push(Told::Directory { bucket, key });
        } else if !is_directory {
            let keys = vec![key];
            notice.told.push(Told::Object { bucket, keys });
        }
    }
    Some(notice)
}

/// Splits the path of a filer; nothing where it is about no bucket, or about one of its own.
fn in_bucket(path: &str) -> Option<(String, String)> {
    let (bucket, key) = path.strip_prefix("/buckets/")?.split_once('/')?;
    // Parts that are on their way lie in a directory of the bucket.
    let is_own = bucket.starts_with('.') || key == ".uploads" || key.starts_with(".uploads/");
    (!is_own).then(|| (bucket.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests;
