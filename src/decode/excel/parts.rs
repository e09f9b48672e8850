//! The parts of a workbook that its reader holds as a whole: checked before it makes room for them.
//!
//! A shared text without a letter takes a few bytes of its part, which shrink to nearly none, and an entry in a table;
//! the number of entries that are to come is believed, too. Styles, sheets and links are alike.

use memchr::memchr_iter;
use memchr::memmem;

use super::corrupt;
use crate::decode::Malformed;
use crate::decode::archive::Parts;

/// Texts that cells may share, at most: four for each row that a sheet can have.
const MOST_TEXTS: usize = 4 << 20;
/// Elements of any other part that is held, at most; Excel has 65,490 formats of cells.
const MOST_ELEMENTS: usize = 1 << 20;
const TEXTS: &str = "sharedstrings.xml";
const HELD: [&str; 4] = [TEXTS, "styles.xml", "workbook.xml", ".rels"];

/// Looks at the parts that are held.
pub(super) struct HeldParts;

impl Parts for HeldParts {
    fn wants(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        HELD.iter().any(|held| name.ends_with(held))
    }

    fn look(&mut self, name: &str, part: &[u8]) -> Result<(), Malformed> {
        let refused = |detail: String| Err(corrupt(format!("{name:?} {detail}")));
        if memchr::memchr(0, part).is_some() {
            // In an encoding of two bytes a letter, nothing could be counted here.
            return refused("is not UTF-8".to_owned());
        }
        if !name.to_ascii_lowercase().ends_with(TEXTS) {
            let count = elements(part).count();
            if count > MOST_ELEMENTS {
                return refused(format!("has more than {MOST_ELEMENTS} elements"));
            }
            return Ok(());
        }
        let texts = elements(part).filter(|name| *name == b"si").count();
        if texts > MOST_TEXTS || claims(part).any(|count| count > MOST_TEXTS) {
            return refused(format!("has more than {MOST_TEXTS} texts"));
        }
        Ok(())
    }
}

/// Returns the names of all elements, without their prefixes.
fn elements(part: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = memchr_iter(b'<', part).map(|at| &part[at + 1..]);
    starts.filter_map(|rest| {
        let ends =
            |byte: &u8| matches!(byte, b'>' | b'/' | b'!' | b'?') || byte.is_ascii_whitespace();
        let name = &rest[..rest.iter().position(ends)?];
        let name = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
        (!name.is_empty()).then_some(name)
    })
}

/// Returns the numbers of texts that the part says that it has.
fn claims(part: &[u8]) -> impl Iterator<Item = usize> {
    const SAYS: &[u8] = b"uniqueCount";
    memmem::find_iter(part, SAYS).filter_map(|at| {
        let rest = part[at + SAYS.len()..]
            .trim_ascii_start()
            .strip_prefix(b"=")?;
        let [b'"' | b'\'', rest @ ..] = rest.trim_ascii_start() else {
            return None;
        };
        let rest = rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"+").unwrap_or(rest);
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let count = digits.fold(0_usize, |count, digit| {
            count
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        });
        Some(count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, part: &str) -> Result<(), String> {
        let told = HeldParts.look(name, part.as_bytes());
        told.map_err(|malformed| malformed.to_string())
    }

    #[test]
    fn texts_that_are_only_said_to_be_there_make_no_room() {
        let part = |count: &str| {
            let text = format!(r#"<sst count="1" uniqueCount = "{count}"><si><t>a</t></si></sst>"#);
            told("xl/SharedStrings.xml", &text)
        };
        assert_eq!(part("1"), Ok(()));
        // What writers count may be wrong, and costs little.
        assert_eq!(part("1000"), Ok(()));
        for count in ["1000000000000", "+9999999", "99999999999999999999999"] {
            let refused = part(count).unwrap_err();
            assert!(refused.contains("has more than 4194304 texts"), "{refused}");
        }
    }

    #[test]
    fn texts_and_elements_that_take_few_bytes_are_counted() {
        for (name, element, most) in [
            ("xl/sharedStrings.xml", "<si/>", MOST_TEXTS),
            ("xl/sharedStrings.xml", "<x:si\n>", MOST_TEXTS),
            ("xl/styles.xml", "<xf/>", MOST_ELEMENTS),
            ("_rels/.rels", "<Relationship >", MOST_ELEMENTS),
        ] {
            assert_eq!(told(name, &element.repeat(most)), Ok(()));
            let refused = told(name, &element.repeat(most + 1)).unwrap_err();
            assert!(refused.contains("has more than"), "{refused}");
        }
        let closed = "</si><t><six><!--si--><?si?>".repeat(MOST_TEXTS);
        assert_eq!(told("xl/sharedStrings.xml", &closed), Ok(()));
        assert!(told("xl/sharedStrings.xml", "<\0s\0i\0>\0").is_err());
    }
}
