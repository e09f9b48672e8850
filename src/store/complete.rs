//! Whether an answer is a page of a listing, and leads on to the next one.
//!
//! The client takes whatever it can read for a page, and one that names no next page for the last. So an error that comes
//! with a status of success (`<Error>`), another kind of answer, one that was cut short and a page that is not the last
//! and does not say where to go on would all end a listing as if there were no more: whatever was not listed would count
//! as removed.
//!
//! # Invariants
//! - A page is one only from the beginning to the end of the element that its kind of store answers with.
//! - S3 and Google Cloud Storage have to say that a page is the last, or where to go on. Azure says that there is nowhere
//!   to go on by saying nothing.
//! - No page leads to itself.

use super::markup::{resolved, text_of, unescaped};

/// How a store is asked for a page, and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// S3 and Google Cloud Storage.
    Bucket,
    /// Azure.
    Container,
}

/// Why an answer does not count as a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Incomplete {
    /// It is something else, or was cut short.
    #[error("the listing is incomplete: an answer is no whole {root}")]
    NoPage {
        /// What it should be.
        root: &'static str,
    },
    /// There is more, or may be.
    #[error("the listing is incomplete: a page is not said to be the last, and names no next one")]
    NoNext,
    /// Following it would never end.
    #[error("the listing is incomplete: a page names itself as the next one")]
    Loop,
}

impl Form {
    /// Tells by the query of a request whether it asks for a page.
    pub(crate) fn asked_for(query: Option<&str>) -> Option<Self> {
        let mut words = query.unwrap_or_default().split('&');
        words.find_map(|word| match word {
            "list-type=2" => Some(Self::Bucket),
            "comp=list" => Some(Self::Container),
            _ => None,
        })
    }

    /// Returns the elements that an object and its key are.
    pub(crate) fn object_and_key(self) -> (&'static str, &'static str) {
        match self {
            Self::Bucket => ("Contents", "Key"),
            Self::Container => ("Blob", "Name"),
        }
    }

    /// Returns what an answer is that is no text.
    pub(crate) fn no_page(self) -> Incomplete {
        Incomplete::NoPage { root: self.root() }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Bucket => "ListBucketResult",
            Self::Container => "EnumerationResults",
        }
    }

    /// Makes sure that what came for `query` is a page, and that the client can tell whether it is the last.
    ///
    /// # Errors
    /// [`Incomplete`] where what is listed may not be all there is.
    pub(crate) fn check(self, page: &str, query: Option<&str>) -> Result<(), Incomplete> {
        let (next, asked) = match self {
            Self::Bucket => ("NextContinuationToken", "continuation-token="),
            Self::Container => ("NextMarker", "marker="),
        };
        if !is_whole(page, self.root()) {
            return Err(self.no_page());
        }
        let Some(next) = text_of(page, next).filter(|next| !next.is_empty()) else {
            let is_last = self == Self::Container || text_of(page, "IsTruncated") == Some("false");
            return is_last.then_some(()).ok_or(Incomplete::NoNext);
        };
        let mut words = query.unwrap_or_default().split('&');
        match words.find_map(|word| word.strip_prefix(asked)) {
            Some(this) if is_same(this, next) => Err(Incomplete::Loop),
            _ => Ok(()),
        }
    }
}

/// Tells whether the text is one element `root`, from the beginning to the end.
fn is_whole(page: &str, root: &str) -> bool {
    let mut left = page.trim_start_matches('\u{feff}').trim_start();
    for (open, close) in [("<?", "?>"), ("<!--", "-->")] {
        while let Some((_, behind)) = left.strip_prefix(open).and_then(|it| it.split_once(close)) {
            left = behind.trim_start();
        }
    }
    let inside = left.strip_prefix('<').and_then(|it| it.strip_prefix(root));
    let begins = inside.is_some_and(|it| it.starts_with(|c: char| c == '>' || c.is_whitespace()));
    begins && page.trim_end().ends_with(&format!("</{root}>"))
}

/// Tells whether a token in a query is the one in a page.
fn is_same(in_query: &str, in_page: &str) -> bool {
    let asked = in_query.replace('+', " ");
    unescaped(&asked).is_some_and(|asked| asked == resolved(in_page))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Option<&str> = Some("list-type=2&prefix=raw%2F");
    const AZURE: Option<&str> = Some("restype=container&comp=list&marker=a%2Fb");

    fn check(query: Option<&str>, page: &str) -> Result<(), Incomplete> {
        Form::asked_for(query).unwrap().check(page, query)
    }

    #[test]
    fn a_page_that_is_whole_and_is_the_last_or_leads_on_is_one() {
        for (query, page) in [
            (
                FIRST,
                "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
            ),
            (
                FIRST,
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- x -->\n<ListBucketResult xmlns=\"x\">\n\
                 <IsTruncated> false </IsTruncated><NextContinuationToken/></ListBucketResult>\n",
            ),
            (
                FIRST,
                "<ListBucketResult><IsTruncated>true</IsTruncated>\
                 <NextContinuationToken>a</NextContinuationToken></ListBucketResult>",
            ),
            (
                AZURE,
                "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>",
            ),
            (
                AZURE,
                "<EnumerationResults\n><NextMarker>a/c</NextMarker></EnumerationResults>",
            ),
        ] {
            assert_eq!(check(query, page), Ok(()), "{page}");
        }
    }

    #[test]
    fn what_is_no_page_or_only_a_part_of_one_is_none() {
        for (query, root, pages) in [
            (
                FIRST,
                "ListBucketResult",
                [
                    "",
                    "<Error><Code>InternalError</Code></Error>",
                    "<ListAllMyBucketsResult/>",
                    "<ListBucketResult/>",
                    "<ListBucketResults><IsTruncated>false</IsTruncated></ListBucketResult>",
                    "<ListBucketResult><IsTruncated>false</IsTruncated>",
                ],
            ),
            (
                AZURE,
                "EnumerationResults",
                [
                    "",
                    "<Error/>",
                    "<EnumerationResults/>",
                    "<EnumerationResults><Blobs>",
                    "<ListBucketResult></ListBucketResult>",
                    "<?xml <EnumerationResults></EnumerationResults>",
                ],
            ),
        ] {
            for page in pages {
                let none = Err(Incomplete::NoPage { root });
                assert_eq!(check(query, page), none, "{page}");
            }
        }
    }

    #[test]
    fn a_page_that_is_not_the_last_has_to_lead_on() {
        for inside in [
            "",
            "<IsTruncated>true</IsTruncated>",
            "<IsTruncated>true</IsTruncated><NextContinuationToken/>",
            "<IsTruncated>true</IsTruncated><NextContinuationToken> </NextContinuationToken>",
            "<NextContinuationToken></NextContinuationToken>",
        ] {
            let page = format!("<ListBucketResult>{inside}</ListBucketResult>");
            assert_eq!(check(FIRST, &page), Err(Incomplete::NoNext), "{inside}");
        }
    }

    #[test]
    fn a_page_that_leads_to_itself_is_refused_however_it_is_written() {
        for (asked, next, is_same) in [
            ("1%2Fa+b%26%3D", "1/a b&amp;=", true),
            ("a%2Bb", "a&#43;b", true),
            ("%3C%27%22%3E", "&lt;&apos;&quot;&gt;", true),
            ("a-b", "ab", false),
            ("a", "a%", false),
            ("a%2", "a%2", false),
        ] {
            let query = format!("continuation-token={asked}&list-type=2");
            let page = format!(
                "<ListBucketResult><NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
            );
            let expected = if is_same {
                Err(Incomplete::Loop)
            } else {
                Ok(())
            };
            assert_eq!(check(Some(&query), &page), expected, "{asked} {next}");
        }
        let page = "<EnumerationResults><NextMarker>a/b</NextMarker></EnumerationResults>";
        assert_eq!(check(AZURE, page), Err(Incomplete::Loop));
    }

    #[test]
    fn only_requests_for_listings_ask_for_pages() {
        for (query, expected) in [
            (FIRST, Some(Form::Bucket)),
            (AZURE, Some(Form::Container)),
            (Some("prefix=list-type=2"), None),
            (Some("comp=blocklist"), None),
            (None, None),
        ] {
            assert_eq!(Form::asked_for(query), expected, "{query:?}");
        }
    }
}
