//! What a request is, as far as counting goes: told by its method, its host and its query.

use super::complete::Form;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A page of a listing.
    List,
    /// Bytes of an object.
    Get,
    /// What is told of an object.
    Head,
    /// An object, a part of one, or the beginning and the end of an upload.
    Put,
    /// The end of an object, or of an upload.
    Delete,
    /// All else, such as a request for credentials.
    Other,
}

/// Where machines in a cloud ask for credentials, which is no request to a store.
const OF_CREDENTIALS: [&str; 3] = ["169.254.", "metadata.google.internal", "metadata"];

impl RequestKind {
    pub(super) fn of(method: &str, host: Option<&str>, query: Option<&str>) -> Self {
        let host = host.unwrap_or_default();
        let is_of_credentials = OF_CREDENTIALS
            .iter()
            .any(|known| match known.strip_suffix('.') {
                Some(_) => host.starts_with(known),
                None => host == *known,
            });
        let has = |wanted: &str| {
            let mut words = query.unwrap_or_default().split('&');
            words.any(|word| word == wanted || word.split('=').next() == Some(wanted))
        };
        match method {
            _ if is_of_credentials => Self::Other,
            "GET" if Form::asked_for(query).is_some() => Self::List,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "POST" if has("delete") || has("comp=batch") => Self::Delete,
            "POST" if has("uploads") || has("uploadId") => Self::Put,
            _ => Self::Other,
        }
    }
}

/// Returns how many bytes the header `Range` asks for.
pub(super) fn range_length(header: &[u8]) -> Option<u64> {
    let range = std::str::from_utf8(header).ok()?.strip_prefix("bytes=")?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_by_method_and_query() {
        use RequestKind::{Delete, Get, Head, List, Other, Put};
        for (method, query, kind) in [
            ("GET", Some("list-type=2&prefix=raw%2F"), List),
            ("GET", Some("restype=container&comp=list&marker=a"), List),
            ("GET", None, Get),
            ("GET", Some("versionId=list-type"), Get),
            ("HEAD", None, Head),
            ("PUT", None, Put),
            ("PUT", Some("partNumber=1&uploadId=u"), Put),
            ("PUT", Some("comp=block&blockid=1"), Put),
            ("POST", Some("uploads"), Put),
            ("POST", Some("uploads="), Put),
            ("POST", Some("uploadId=u"), Put),
            ("DELETE", Some("uploadId=u"), Delete),
            ("DELETE", None, Delete),
            ("POST", Some("delete"), Delete),
            ("POST", Some("restype=container&comp=batch"), Delete),
            ("POST", None, Other),
            ("POST", Some("Action=AssumeRoleWithWebIdentity"), Other),
            ("OPTIONS", None, Other),
        ] {
            let told = RequestKind::of(method, Some("bucket.s3.amazonaws.com"), query);
            assert_eq!(told, kind, "{method} {query:?}");
        }
        for host in ["169.254.169.254", "metadata.google.internal", "metadata"] {
            assert_eq!(RequestKind::of("GET", Some(host), None), Other, "{host}");
            assert_eq!(RequestKind::of("PUT", Some(host), None), Other, "{host}");
        }
        assert_eq!(RequestKind::of("GET", Some("metadata.example"), None), Get);
        assert_eq!(RequestKind::of("GET", None, None), Get);
    }

    #[test]
    fn a_range_tells_how_much_is_asked_for() {
        for (header, length) in [
            ("bytes=0-1048575", Some(1 << 20)),
            ("bytes=7-7", Some(1)),
            ("bytes=7-", None),
            ("bytes=-7", None),
            ("bytes=7-6", None),
            ("bytes=0-18446744073709551615", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(range_length(header.as_bytes()), length, "{header}");
        }
    }
}
