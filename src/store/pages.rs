//! What a page of a listing tells and the client does not hand on: keys as they are, and whether an object is archived.
//!
//! The client takes keys for paths. It fails a whole page for one key that is none (`a//b`), cuts off the `/` that makes a
//! key a directory's marker, and has no word for the class that an object is kept in. All of that stands in the answer.
//! So a page is changed on its way to the client, once it [counts as one](super::complete): each key becomes a
//! [`ListedKey`], written as a path of one segment, which the listing reads again. Signing, retrying and turning of pages
//! stay the client's.
//!
//! # Format
//! `%k` or, of an archived object, `%a`, and then the key as the page has it, with `%`, `/` and control characters written
//! as `%` and two digits. Other references to characters (`&amp;`) are left to the client.

use std::borrow::Cow;
use std::fmt::Write;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path;

use super::complete::Form;
use super::markup::{referred, unescaped};

/// A key, and what its listing says of the object beside what the client tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedKey {
    pub(crate) key: String,
    /// Its bytes cannot be had before somebody restores them.
    pub(crate) is_archived: bool,
}

impl ListedKey {
    /// Reads the location of a listed object; `None` where it is not as [`Pages`] writes it.
    pub(crate) fn read(location: &str) -> Option<Self> {
        let (is_archived, escaped) = match location.split_at_checked(2)? {
            ("%k", escaped) => (false, escaped),
            ("%a", escaped) => (true, escaped),
            _ => return None,
        };
        Some(Self {
            key: unescaped(escaped)?,
            is_archived,
        })
    }
}

/// What the locations of a listing are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locations {
    /// Keys.
    Keys,
    /// Written as [`ListedKey`]s.
    Listed,
}

impl Locations {
    pub(crate) fn read(self, location: &Path) -> Option<ListedKey> {
        match self {
            Self::Keys => Some(ListedKey {
                key: location.to_string(),
                is_archived: false,
            }),
            Self::Listed => ListedKey::read(location.as_ref()),
        }
    }
}

/// Makes clients whose listings have [`ListedKey`]s for locations.
#[derive(Debug)]
pub(crate) struct Pages<C>(pub(crate) C);

impl<C: HttpConnector> HttpConnector for Pages<C> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Reader(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct Reader(HttpClient);

#[async_trait]
impl HttpService for Reader {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().map(str::to_owned);
        let answer = self.0.execute(request).await?;
        let form = Form::asked_for(query.as_deref()).filter(|_| answer.status().is_success());
        let Some(form) = form else {
            return Ok(answer);
        };
        let (parts, body) = answer.into_parts();
        let page = read(form, &body.bytes().await?, query.as_deref())?;
        Ok(HttpResponse::from_parts(parts, page.into()))
    }
}

/// Returns the page, if it is one, as the client is to see it.
fn read(form: Form, page: &[u8], query: Option<&str>) -> Result<String, HttpError> {
    let told = match std::str::from_utf8(page) {
        Ok(page) => form.check(page, query).map(|()| rewritten(form, page)),
        Err(_) => Err(form.no_page()),
    };
    // An answer that is well but for what it says is not asked for again.
    told.map_err(|error| HttpError::new(HttpErrorKind::Decode, error))
}

/// Returns the page with other keys, and all else as it is.
fn rewritten(form: Form, page: &str) -> String {
    let (object, key) = form.object_and_key();
    let page = without_empty_token(page);
    let (open, close) = (format!("<{object}>"), format!("</{object}>"));
    let mut pieces = page.split(&open);
    let mut written = String::with_capacity(page.len() + page.len() / 8);
    written.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (object, behind) = piece.split_at(piece.find(&close).unwrap_or(piece.len()));
        written.push_str(&open);
        write_object(&mut written, object, key);
        written.push_str(behind);
    }
    written
}

/// The client takes a token without text for one, and would go on with it for ever.
fn without_empty_token(page: &str) -> Cow<'_, str> {
    const EMPTY: [&str; 2] = [
        "<NextContinuationToken></NextContinuationToken>",
        "<NextContinuationToken/>",
    ];
    match EMPTY.iter().find(|empty| page.contains(*empty)) {
        Some(empty) => page.replace(empty, "").into(),
        None => page.into(),
    }
}

fn write_object(out: &mut String, object: &str, key: &str) {
    let (open, close) = (format!("<{key}>"), format!("</{key}>"));
    let encoded = format!("<{key} Encoded=\"true\">");
    let found = |open: &str| {
        let (before, rest) = object.split_once(open)?;
        let (text, behind) = rest.split_once(&close)?;
        Some((before, text, behind))
    };
    // Azure writes a name with `%` that is no text of XML.
    let decoded = || {
        let (before, text, behind) = found(&encoded)?;
        Some((before, Cow::from(unescaped(text)?), behind))
    };
    let plain = found(&open).map(|(before, text, behind)| (before, Cow::from(text), behind));
    let Some((before, text, behind)) = plain.or_else(decoded) else {
        return out.push_str(object);
    };
    out.push_str(before);
    out.push_str(&open);
    out.push_str(if is_archived(object) { "%a" } else { "%k" });
    write_escaped(out, &text);
    out.push_str(&close);
    out.push_str(behind);
}

/// Tells whether an object is in a class that has to be restored before it can be read. In others that are called
/// archives (`GLACIER_IR`, or `ARCHIVE` of Google Cloud Storage), bytes can be had at once.
fn is_archived(object: &str) -> bool {
    const MARKS: [&str; 3] = [
        "<StorageClass>GLACIER</StorageClass>",
        "<StorageClass>DEEP_ARCHIVE</StorageClass>",
        "<AccessTier>Archive</AccessTier>",
    ];
    MARKS.iter().any(|mark| object.contains(mark))
}

/// Writes the text of a key, in which references to characters may stand.
fn write_escaped(out: &mut String, text: &str) {
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let (character, length) = referred(left).unwrap_or((first, first.len_utf8()));
        if matches!(character, '%' | '/') || character.is_ascii_control() {
            // Writing to a string does not fail.
            let _ = write!(out, "%{:02X}", u32::from(character));
        } else {
            out.push_str(&left[..length]);
        }
        left = &left[length..];
    }
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;

    fn key_of(element: &str, text: &str) -> String {
        let (_, rest) = text.split_once(&format!("<{element}>")).unwrap();
        rest.split_once(&format!("</{element}>")).unwrap().0.into()
    }

    #[test]
    fn a_key_of_any_kind_passes_the_client_and_comes_back() {
        for (text, key) in [
            ("raw/a.csv", "raw/a.csv"),
            ("raw/dir/", "raw/dir/"),
            ("/raw//a", "/raw//a"),
            ("raw/./a/..", "raw/./a/.."),
            ("..", ".."),
            ("100%25", "100%25"),
            ("a&#x1;b&#10;", "a\u{1}b\n"),
            ("a&#47;b&#x25;", "a/b%"),
            ("\u{e9}\u{1f40c}", "\u{e9}\u{1f40c}"),
        ] {
            let page = format!("<R><Contents><Key>{text}</Key></Contents></R>");
            let page = rewritten(Form::Bucket, &page);
            let location = Path::parse(key_of("Key", &page)).unwrap();
            let listed = ListedKey::read(location.as_ref()).unwrap();
            assert_eq!(listed.key, key, "{text}");
        }
    }

    #[test]
    fn what_the_client_resolves_is_left_to_it() {
        let page = "<Contents><Key>a&amp;b&lt;&#38;&#xE9;&#xZ;&</Key></Contents>";
        assert_eq!(
            key_of("Key", &rewritten(Form::Bucket, page)),
            "%ka&amp;b&lt;&#38;&#xE9;&#xZ;&"
        );
    }

    #[test]
    fn only_what_has_to_be_restored_is_archived() {
        for (object, form, is_archived) in [
            ("<StorageClass>GLACIER</StorageClass>", Form::Bucket, true),
            (
                "<StorageClass>DEEP_ARCHIVE</StorageClass>",
                Form::Bucket,
                true,
            ),
            (
                "<StorageClass>GLACIER_IR</StorageClass>",
                Form::Bucket,
                false,
            ),
            ("<StorageClass>ARCHIVE</StorageClass>", Form::Bucket, false),
            ("", Form::Bucket, false),
            (
                "<Properties><AccessTier>Archive</AccessTier></Properties>",
                Form::Container,
                true,
            ),
            (
                "<Properties><AccessTier>Hot</AccessTier></Properties>",
                Form::Container,
                false,
            ),
        ] {
            let (outer, inner) = form.object_and_key();
            let page = format!("<B><{outer}><{inner}>a</{inner}>{object}</{outer}></B>");
            let listed = ListedKey::read(&key_of(inner, &rewritten(form, &page))).unwrap();
            assert_eq!(listed.is_archived, is_archived, "{object}");
        }
    }

    #[test]
    fn all_but_keys_of_objects_is_as_it_was() {
        for page in [
            "",
            "<Error><Key>a/b</Key></Error>",
            "<R><Prefix>raw/</Prefix><NextContinuationToken>a/b</NextContinuationToken></R>",
            "<Contents><Key>cut/off",
            "<Blobs><Blob><Name Encoded=\"true\">a%2</Name></Blob></Blobs>",
        ] {
            assert_eq!(rewritten(Form::Bucket, page), page);
            assert_eq!(rewritten(Form::Container, page), page);
        }
    }

    #[test]
    fn a_location_that_nobody_rewrote_is_no_listed_key() {
        for location in ["", "%", "raw/a", "%EFa", "%k%", "%k%2", "%k%GG", "%k%FF"] {
            assert_eq!(ListedKey::read(location), None, "{location}");
        }
    }
}
