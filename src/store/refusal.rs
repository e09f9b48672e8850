//! What came of a request that failed, as people may read it.
//!
//! A client hands on neither the status nor the code of an answer, but repeats all of it in the words of its errors. An
//! answer may hold what should not be seen: keys, headers, what was signed and how. So of the client's words only those are
//! kept that are its own, and of the answer its code and the first line of its message.
//!
//! The client's own words stand before the answer, and are known by what introduces it.

use std::error::Error;
use std::sync::Arc;

use super::markup::{resolved, text_of};
use super::process::ProcessError;
use super::trust::Untrusted;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(crate) struct Refusal {
    told: String,
    code: Option<String>,
    is_answer: bool,
    is_of_range: bool,
    own_fault: Option<OwnFault>,
}

/// What went wrong on this side, before a store could say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnFault {
    /// Nobody who is trusted vouches for the store's certificate.
    Untrusted,
    /// The program that was to tell keys did not.
    NoKeys,
}

/// What the client says before the status of an answer, and behind that `": "` and the answer.
const REFUSED: &str = "Server returned non-2xx status code: ";

/// What the client says of a range that is not there: where the store has refused it, has answered with all there is, or
/// told the size and nothing else.
const NO_RANGE: [&str; 3] = [
    "Server returned non-2xx status code: 416 ",
    "Received non-partial response when range requested",
    "Wanted range starting at ",
];

/// What the client says where a store deletes one object of several not, and before the code of that.
const NOT_DELETED: (&str, &str) = ("DeleteObjects request failed for key ", "(code: ");

/// What the client says before an answer that has a status of success.
const FAILED: &str = "Server returned error response: ";

impl Refusal {
    /// Takes down what a client says.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let own_fault = own_fault(error);
        let words = chain(error);
        let is_of_range = NO_RANGE.iter().any(|no_range| words.contains(no_range));
        let refused = words.split_once(REFUSED).map(|(own, rest)| {
            let (status, answer) = rest.split_once(": ").unwrap_or((rest, ""));
            (own, status, answer)
        });
        let failed = || {
            let (own, answer) = words.split_once(FAILED)?;
            Some((own, "an error", answer))
        };
        match refused.or_else(failed) {
            Some((own, status, answer)) => {
                let reason = reason(answer).unwrap_or_default();
                Self {
                    told: format!("{own}the store answered {status}{reason}"),
                    code: text_of(answer, "Code").map(str::to_owned),
                    is_answer: true,
                    is_of_range,
                    own_fault,
                }
            }
            None => Self {
                code: code_of_delete(&words),
                told: words,
                is_answer: false,
                is_of_range,
                own_fault,
            },
        }
    }

    /// Returns the code by which the store says what is wrong, if it has answered with one.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Tells whether it was the store that refused, and not something on the way to it.
    pub(crate) fn is_answer(&self) -> bool {
        self.is_answer
    }

    /// Tells whether the store refused what whoever asks may not do, though the client does not say so.
    pub(crate) fn is_denial(&self) -> bool {
        self.code() == Some("AccessDenied")
    }

    /// Returns what went wrong on this side, if something is known to have.
    pub(crate) fn own_fault(&self) -> Option<OwnFault> {
        self.own_fault
    }

    /// Tells whether it may be that there is no byte in the range that was asked for.
    pub(crate) fn is_of_range(&self) -> bool {
        self.is_of_range
    }
}

pub(super) fn own_fault(error: &(dyn Error + 'static)) -> Option<OwnFault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Untrusted>() {
            return Some(OwnFault::Untrusted);
        }
        if error.is::<ProcessError>() || error.is::<Arc<ProcessError>>() {
            return Some(OwnFault::NoKeys);
        }
        cause = error.source();
    }
    None
}

/// Returns the error with its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !words.ends_with(&own) {
            words.push_str(": ");
            words.push_str(&own);
        }
        cause = error.source();
    }
    words
}

fn code_of_delete(words: &str) -> Option<String> {
    let (before, code) = NOT_DELETED;
    let (_, told) = words.split_once(before)?;
    let (_, code) = told.rsplit_once(code)?;
    code.strip_suffix(')').map(str::to_owned)
}

fn reason(answer: &str) -> Option<String> {
    let code = text_of(answer, "Code")?;
    let message = text_of(answer, "Message").map(resolved);
    let first = message
        .as_deref()
        .and_then(|message| message.lines().next());
    Some(match first {
        Some(message) => format!(" ({code}: {message})"),
        None => format!(" ({code})"),
    })
}

#[cfg(test)]
mod tests {
    use crate::source::testing::source;
    use crate::source::{ReadError, Source};

    /// Returns what is said where a store answers like this.
    fn told(url: &str, status: u16, answer: &'static str) -> String {
        match source(url, status, answer).open(&"a.csv".into()) {
            Err(ReadError::Failed { source, .. }) => source.to_string(),
            _ => panic!("nothing can be read"),
        }
    }

    const S3: &str = "<?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code>\
        <Message>Not &quot;equal&quot;.\nRequestId: 7</Message><AWSAccessKeyId>secret</AWSAccessKeyId>\
        <StringToSign>secret</StringToSign></Error>";

    #[test]
    fn of_an_answer_only_its_code_and_message_are_told() {
        for (url, status, answer, end) in [
            (
                "s3://bucket/raw",
                403,
                S3,
                "the store answered 403 Forbidden (SignatureDoesNotMatch: Not \"equal\".)",
            ),
            (
                "gs://bucket/raw",
                401,
                "<Error><Code>Denied</Code><Details>secret</Details></Error>",
                "the store answered 401 Unauthorized (Denied)",
            ),
            (
                "az://box/raw",
                400,
                "{\"secret\": 1}",
                "the store answered 400 Bad Request",
            ),
            (
                "az://box/raw",
                400,
                "",
                "the store answered 400 Bad Request",
            ),
        ] {
            let told = told(url, status, answer);
            assert!(told.ends_with(end), "{told}");
            assert!(!told.contains("secret"), "{told}");
            assert!(told.contains("GET"), "{told}");
        }
    }
}
