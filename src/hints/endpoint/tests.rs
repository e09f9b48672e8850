use std::io::{Read, Write};
use std::net::TcpStream as Connection;

use super::*;
use crate::config::{EventsPlace, StoreUrl};
use crate::model::{Gaps, SourcePath};

const LONG: Duration = Duration::from_mins(1);

fn url(text: &str) -> EndpointUrl {
    match EventsPlace::parse(text) {
        Ok(Some(EventsPlace::Endpoint(url))) => url,
        other => panic!("{text}: {other:?}"),
    }
}

fn listen(token: Option<&str>) -> Endpoint {
    let aim = Aim::at(&StoreUrl::parse("s3://bucket/raw").unwrap());
    let token = token.and_then(|token| EventsToken::new(token.to_owned()));
    Endpoint::listen(&url("http://127.0.0.1:0/hook"), token, aim).unwrap()
}

/// Says something as it is, and returns the answer up to the end of the connection.
fn say(endpoint: &Endpoint, words: &str) -> String {
    let mut connection = Connection::connect(endpoint.url.address()).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    connection.write_all(words.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn ask(endpoint: &Endpoint, first: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let words = format!(
        "{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let answer = say(endpoint, &words);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn post(endpoint: &Endpoint, body: &str) -> u16 {
    ask(endpoint, "POST /hook", "", body).0
}

fn take(endpoint: &mut Endpoint) -> Taken {
    endpoint.take(LONG, &AtomicBool::new(false)).unwrap()
}

fn event(key: &str) -> String {
    format!(
        r#"{{"Records": [{{"s3": {{"bucket": {{"name": "bucket"}}, "object": {{"key": "{key}"}}}}}}]}}"#
    )
}

#[test]
fn what_is_posted_is_taken_once() {
    let mut endpoint = listen(None);
    assert_eq!(post(&endpoint, &event("raw/a.csv")), 204);
    assert_eq!(post(&endpoint, &event("raw/a.csv")), 204);
    assert_eq!(post(&endpoint, &event("lake/b.csv")), 204);
    let taken = take(&mut endpoint);
    let paths: Vec<SourcePath> = taken.hints.paths.into_iter().collect();
    assert_eq!((paths, taken.foreign), (vec!["a.csv".into()], 1));
    let none = endpoint.take(Duration::ZERO, &AtomicBool::new(false));
    assert_eq!(none.unwrap(), Taken::default());
}

#[test]
fn whoever_waits_is_woken_by_a_post_and_by_the_wish_to_stop() {
    let mut endpoint = listen(None);
    let address = endpoint.url.address();
    let told = std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut connection = Connection::connect(address).unwrap();
            let body = event("raw/a.csv");
            let length = body.len();
            write!(connection, "POST /hook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            connection.read_to_string(&mut String::new()).unwrap();
        });
        take(&mut endpoint)
    });
    assert_eq!(told.hints.paths.len(), 1);
    let stopped = endpoint.take(LONG, &AtomicBool::new(true)).unwrap();
    assert_eq!(stopped, Taken::default());
}

#[test]
fn what_is_no_hint_is_answered_as_such() {
    let mut endpoint = listen(None);
    for (first, body, status) in [
        ("POST /hook", "hello", 400),
        ("POST /hook", "{}", 400),
        ("POST /other", "{}", 404),
        ("PUT /hook", "{}", 405),
        ("GET /hook", "", 200),
    ] {
        assert_eq!(ask(&endpoint, first, "", body).0, status, "{first} {body}");
    }
    let none = endpoint.take(Duration::ZERO, &AtomicBool::new(false));
    assert!(none.unwrap().hints.is_empty());
}

#[test]
fn a_post_that_is_too_long_is_refused_whether_it_says_so_or_not_and_leaves_a_gap() {
    let mut endpoint = listen(None);
    let long = event(&"a".repeat(LONGEST_POST));
    assert_eq!(post(&endpoint, &long), 413);
    assert_eq!(take(&mut endpoint).hints.gaps, Gaps::Some);
    let length = long.len();
    let words = format!(
        "POST /hook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{long}\r\n0\r\n\r\n"
    );
    assert!(say(&endpoint, &words).starts_with("HTTP/1.1 413"));
    let fits = event(&format!("raw/{}", "a".repeat(1 << 19)));
    assert_eq!(post(&endpoint, &fits), 204);
}

#[test]
fn words_that_are_no_http_end_the_connection_and_nothing_else() {
    let endpoint = listen(None);
    let answer = say(&endpoint, "hello\r\n\r\n");
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(post(&endpoint, &event("raw/a.csv")), 204);
}

#[test]
fn where_there_is_a_token_nobody_is_heard_without_it() {
    let endpoint = listen(Some("very secret"));
    let event = event("raw/a.csv");
    for (first, header, status) in [
        ("POST /hook", "", 401),
        ("POST /hook", "Authorization: Bearer wrong\r\n", 401),
        ("POST /hook", "Authorization: very secret\r\n", 401),
        ("POST /hook", "Authorization: Bearer very secret\r\n", 204),
        ("POST /hook?token=very%20secret", "", 204),
        ("POST /hook?a=b&token=very%20secret", "", 204),
        ("POST /hook?token=wrong", "", 401),
        ("OPTIONS /hook", "", 401),
    ] {
        let (answered, answer) = ask(&endpoint, first, header, &event);
        assert_eq!(answered, status, "{first} {header}");
        assert!(!answer.contains("secret"));
    }
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let aim = || Aim::at(&StoreUrl::parse("s3://bucket/raw").unwrap());
    let url = url("http://0.0.0.0:0/");
    let refused = Endpoint::listen(&url, None, aim()).err();
    assert!(
        matches!(refused, Some(HintError::Open { .. })),
        "{refused:?}"
    );
    let token = EventsToken::new("t".to_owned());
    assert!(Endpoint::listen(&url, token, aim()).is_ok());
}

#[test]
fn event_grid_is_answered_before_it_sends_anything() {
    let endpoint = listen(None);
    let asked = r#"[{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c0de"}}]"#;
    let (status, answer) = ask(
        &endpoint,
        "POST /hook",
        "aeg-event-type: SubscriptionValidation\r\n",
        asked,
    );
    assert_eq!(status, 200);
    assert!(
        answer.ends_with(r#"{"validationResponse":"c0de"}"#),
        "{answer}"
    );
    let headers = "WebHook-Request-Origin: eventgrid.azure.net\r\nWebHook-Request-Rate: 120\r\n";
    let (status, answer) = ask(&endpoint, "OPTIONS /hook", headers, "");
    assert_eq!(status, 200);
    assert!(
        answer.contains("webhook-allowed-origin: eventgrid.azure.net\r\n"),
        "{answer}"
    );
    assert!(answer.contains("webhook-allowed-rate: 120\r\n"), "{answer}");
}

#[test]
fn more_than_is_held_leaves_a_gap() {
    let mut endpoint = listen(None);
    let notice = Notice {
        told: (0..=super::super::MOST)
            .map(|number| super::super::Told::Object {
                bucket: "bucket".to_owned(),
                keys: vec![format!("raw/{number}.csv")],
            })
            .collect(),
        ..Notice::default()
    };
    endpoint.told.take(notice);
    assert_eq!(take(&mut endpoint).hints.gaps, Gaps::Some);
}
