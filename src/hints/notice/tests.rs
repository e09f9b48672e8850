use serde_json::json;

use super::*;

fn read(value: &Value) -> Option<Objects> {
    let notice = Notice::read(&value.to_string())?;
    assert_eq!(notice.word, None);
    let told = notice.told.into_iter().map(|told| match told {
        Told::Object { bucket, keys } => (bucket, keys),
        Told::Directory { bucket, key } => (bucket, vec![format!("{key} and all below")]),
    });
    Some(told.collect())
}

type Objects = Vec<(String, Vec<String>)>;

fn one(bucket: &str, keys: &[&str]) -> Objects {
    let keys = keys.iter().map(|key| (*key).to_owned());
    vec![(bucket.to_owned(), keys.collect())]
}

fn record(key: &str) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "bucket", "arn": "arn:aws:s3:::bucket"}, "object": {"key": key, "size": 1}},
    })
}

#[test]
fn every_way_of_telling_of_an_object_names_it() {
    let s3 = json!({"Records": [record("raw/a+b%2Bc.csv")]});
    let key = "raw/a b+c.csv";
    for (who, value) in [
        ("S3", s3.clone()),
        (
            "SNS",
            json!({"Type": "Notification", "TopicArn": "t", "Message": s3.to_string()}),
        ),
        (
            "MinIO",
            json!({
                "EventName": "s3:ObjectCreated:Put",
                "Key": "bucket/raw/a b+c.csv",
                "Records": [record("raw%2Fa+b%2Bc.csv")],
            }),
        ),
        (
            "EventBridge",
            json!({
                "version": "0",
                "detail-type": "Object Created",
                "source": "aws.s3",
                "detail": {"bucket": {"name": "bucket"}, "object": {"key": "raw/a b+c.csv"}},
            }),
        ),
        (
            "Pub/Sub",
            json!({
                "message": {
                    "attributes": {
                        "bucketId": "bucket",
                        "objectId": "raw/a b+c.csv",
                        "eventType": "OBJECT_FINALIZE",
                        "payloadFormat": "NONE",
                    },
                    "messageId": "1",
                },
                "subscription": "projects/p/subscriptions/s",
            }),
        ),
        (
            "Pub/Sub, unwrapped",
            json!({
                "kind": "storage#object",
                "id": "bucket/raw/a b+c.csv/1",
                "name": "raw/a b+c.csv",
                "bucket": "bucket",
            }),
        ),
        (
            "Event Grid",
            json!([{
                "eventType": "Microsoft.Storage.BlobCreated",
                "subject": "/blobServices/default/containers/bucket/blobs/raw/a b+c.csv",
                "data": {"api": "PutBlob", "url": "https://a.blob.core.windows.net/bucket/raw/a%20b+c.csv"},
            }]),
        ),
        (
            "CloudEvents",
            json!({
                "specversion": "1.0",
                "type": "Microsoft.Storage.BlobDeleted",
                "subject": "/blobServices/default/containers/bucket/blobs/raw/a b+c.csv",
                "data": {},
            }),
        ),
        (
            "SeaweedFS",
            json!({
                "event_type": "create",
                "key": "/buckets/bucket/raw/a b+c.csv",
                "message": {
                    "new_entry": {"name": "a b+c.csv"},
                    "new_parent_path": "/buckets/bucket/raw",
                },
            }),
        ),
        (
            "SeaweedFS, gone",
            json!({
                "event_type": "delete",
                "key": "/buckets/bucket/raw/a b+c.csv",
                "message": {"old_entry": {"name": "a b+c.csv"}},
            }),
        ),
    ] {
        let told = read(&value).unwrap();
        assert_eq!((told.len(), &*told[0].0), (1, "bucket"), "{who}");
        // Who escapes keys may mean what is written, too.
        assert_eq!(told[0].1[0], *key, "{who}");
    }
}

#[test]
fn keys_are_read_as_those_who_write_them_mean_them() {
    for (written, meant) in [
        ("raw/a.csv", &["raw/a.csv"][..]),
        ("raw%2Fa.csv", &["raw/a.csv", "raw%2Fa.csv"]),
        ("raw/a+b%2Bc.csv", &["raw/a b+c.csv", "raw/a+b%2Bc.csv"]),
        ("raw/%C3%A4.csv", &["raw/\u{e4}.csv", "raw/%C3%A4.csv"]),
        // Whoever wrote these has escaped nothing.
        ("raw/a b+c.csv", &["raw/a b+c.csv"]),
        ("raw/\u{e4}+b.csv", &["raw/\u{e4}+b.csv"]),
        ("raw/100%.csv", &["raw/100%.csv"]),
        ("raw/%zz%20.csv", &["raw/%zz%20.csv"]),
        ("raw/a+b.csv", &["raw/a b.csv", "raw/a+b.csv"]),
    ] {
        let value = json!({"Records": [record(written)]});
        assert_eq!(read(&value), Some(one("bucket", meant)), "{written}");
    }
}

#[test]
fn what_was_renamed_is_told_under_both_names() {
    let azure = json!([{
        "eventType": "Microsoft.Storage.BlobRenamed",
        "subject": "/blobServices/default/containers/box/blobs/raw/new.csv",
        "data": {
            "sourceUrl": "https://a.dfs.core.windows.net/box/raw/old%20one.csv",
            "destinationUrl": "https://a.dfs.core.windows.net/box/raw/new.csv",
        },
    }]);
    let told: Vec<_> = ["raw/new.csv", "raw/old one.csv"]
        .iter()
        .map(|key| ("box".to_owned(), vec![(*key).to_owned()]))
        .collect();
    assert_eq!(read(&azure), Some(told));
    let seaweedfs = json!({
        "event_type": "rename",
        "key": "/buckets/box/raw/old.csv",
        "message": {
            "old_entry": {"name": "old.csv"},
            "new_entry": {"name": "new.csv"},
            "new_parent_path": "/buckets/box/raw/day",
        },
    });
    let told: Vec<_> = ["raw/old.csv", "raw/day/new.csv"]
        .iter()
        .map(|key| ("box".to_owned(), vec![(*key).to_owned()]))
        .collect();
    assert_eq!(read(&seaweedfs), Some(told));
}

#[test]
fn a_directory_that_moved_or_went_is_told_as_one() {
    for kind in ["DirectoryRenamed", "DirectoryDeleted"] {
        let event = json!([{
            "eventType": format!("Microsoft.Storage.{kind}"),
            "subject": "/blobServices/default/containers/box/blobs/raw/day",
            "data": {"recursive": "true"},
        }]);
        assert_eq!(
            read(&event),
            Some(one("box", &["raw/day and all below"])),
            "{kind}"
        );
    }
    let seaweedfs = |old: Value, new: Value| {
        json!({
            "event_type": "x",
            "key": "/buckets/box/raw/day",
            "message": {"old_entry": old, "new_entry": new},
        })
    };
    let directory = json!({"name": "day", "is_directory": true});
    let gone = seaweedfs(directory.clone(), Value::Null);
    assert_eq!(read(&gone), Some(one("box", &["raw/day and all below"])));
    // A new one is empty.
    assert_eq!(read(&seaweedfs(Value::Null, directory)), Some(Vec::new()));
}

#[test]
fn greetings_and_what_is_about_no_object_tell_of_nothing() {
    for value in [
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "bucket"}),
        json!({"Type": "Notification", "Message": "{\"Event\":\"s3:TestEvent\"}"}),
        json!({"Type": "UnsubscribeConfirmation"}),
        json!([{"eventType": "Microsoft.Storage.DirectoryCreated", "subject": "/blobServices/default/containers/box/blobs/raw/day"}]),
        json!([{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c"}}]),
        json!({"event_type": "create", "key": "/buckets", "message": {"new_entry": {"name": "buckets", "is_directory": true}}}),
        json!({"event_type": "create", "key": "/buckets/.system/a", "message": {"new_entry": {"name": "a"}}}),
    ] {
        assert_eq!(read(&value), Some(Vec::new()), "{value}");
    }
}

#[test]
fn a_subscription_that_has_to_be_confirmed_is_told_where_amazon_asks_for_it() {
    let word = |url: &str| {
        let value =
            json!({"Type": "SubscriptionConfirmation", "TopicArn": "t", "SubscribeURL": url});
        Notice::read(&value.to_string()).unwrap().word
    };
    let url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t";
    assert!(word(url).unwrap().ends_with(url));
    for url in [
        "http://sns.eu-central-1.amazonaws.com/",
        "https://sns.example/amazonaws.com/",
        "https://sns.amazonaws.com.example/",
        "https://sns.eu-central-1.amazonaws.com/\u{1b}[2J",
    ] {
        assert_eq!(word(url), None, "{url}");
    }
}

#[test]
fn what_is_understood_in_part_says_so() {
    let good = json!({"eventType": "Microsoft.Storage.BlobCreated", "subject": "/blobServices/default/containers/box/blobs/a.csv"});
    for value in [
        json!({"Records": [record("a.csv"), {"s3": {}}]}),
        json!([good, {"eventType": "Other"}]),
        json!([good, {"eventType": "Microsoft.Storage.BlobCreated", "subject": "none"}]),
    ] {
        let notice = Notice::read(&value.to_string()).unwrap();
        assert_eq!((notice.told.len(), notice.is_partial), (1, true), "{value}");
    }
}

#[test]
fn what_a_filer_does_for_itself_tells_of_nothing() {
    let directory = json!({"name": "day", "is_directory": true});
    for (key, old, new) in [
        ("/buckets/box/.uploads/1", directory.clone(), Value::Null),
        (
            "/buckets/box/.uploads/1/part",
            Value::Null,
            json!({"name": "part"}),
        ),
        ("/buckets/box/raw/day", directory.clone(), directory.clone()),
    ] {
        let parent = key.rsplit_once('/').unwrap().0;
        let value = json!({
            "event_type": "x",
            "key": key,
            "message": {"old_entry": old, "new_entry": new, "new_parent_path": parent},
        });
        assert_eq!(read(&value), Some(Vec::new()), "{key}");
    }
}

#[test]
fn event_grid_is_answered_with_the_code_that_it_sends() {
    let event = |kind: &str| {
        json!([{"eventType": kind, "data": {"validationCode": "c0de", "validationUrl": "https://x"}}]).to_string()
    };
    let asked = event("Microsoft.EventGrid.SubscriptionValidationEvent");
    assert_eq!(Notice::validation_code(&asked).as_deref(), Some("c0de"));
    assert_eq!(
        Notice::validation_code(&event("Microsoft.Storage.BlobCreated")),
        None
    );
    assert_eq!(Notice::validation_code("x"), None);
}

#[test]
fn what_nobody_understands_is_no_notice() {
    for text in [
        "",
        "x",
        "null",
        "7",
        "{}",
        "[1]",
        "{\"Records\": [{}]}",
        "{\"Records\": [{\"s3\": {\"bucket\": {\"name\": \"b\"}, \"object\": {}}}]}",
        "{\"Type\": \"Notification\", \"Message\": \"hello\"}",
        // One in another in another could go on for ever.
        "{\"Type\": \"Notification\", \"Message\": \"{\\\"Type\\\": \\\"Notification\\\", \\\"Message\\\": \\\"{}\\\"}\"}",
        "{\"message\": {\"attributes\": {}}}",
        "{\"source\": \"aws.s3\", \"detail\": {}}",
        "[{\"eventType\": \"Other\"}]",
    ] {
        assert_eq!(Notice::read(text), None, "{text}");
    }
}
