//! The escapes of a JSON string.

/// Appends what the text between two quotes means, or returns `None` where an escape means nothing.
pub(super) fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        let mut behind = at + 2;
        let character = match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, length) = code_point(&rest.as_bytes()[behind..])?;
                behind += length;
                character
            }
            _ => return None,
        };
        out.push(character);
        rest = &rest[behind..];
    }
    out.push_str(rest);
    Some(())
}

/// Reads four digits, or two times four with another escape between them, and says how long they are.
fn code_point(text: &[u8]) -> Option<(char, usize)> {
    const UNIT: usize = 4;
    const PAIR: usize = UNIT + 2 + UNIT;
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, UNIT));
    }
    let second = unit(text[UNIT..].strip_prefix(b"\\u")?)?;
    let mut pair = char::decode_utf16([first, second]);
    match (pair.next(), pair.next()) {
        (Some(Ok(character)), None) => Some((character, PAIR)),
        _ => None,
    }
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.first_chunk::<4>()?.iter();
    let digits = digits.map(|digit| char::from(*digit).to_digit(16));
    let unit = digits.reduce(|unit, digit| Some(unit? * 16 + digit?))??;
    u16::try_from(unit).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agrees_with_serde_json(text: &str) {
        let mut ours = String::from("before ");
        let ours = unescape(text, &mut ours).map(|()| ours);
        let theirs = serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
        assert_eq!(
            ours,
            theirs.map(|theirs| format!("before {theirs}")),
            "{text}"
        );
    }

    #[test]
    fn escapes_mean_what_they_mean_to_serde_json() {
        for text in [
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0041\u00e9\u20AC é",
            r"\ud83d\ude00\uD83D\uDE00!",
            r"\ud83d",
            r"\ud83dx",
            r"\ud83d\n",
            r"\ud83d\u",
            r"\ud83d\u00e9",
            r"\ud83d\ud83d",
            r"\ude00",
            r"\ude00\ud83d",
            r"\u004",
            r"\u00g1",
            r"\u+041",
            r"\u00é",
            r"\x",
            r"\é",
            r"\u0000",
        ] {
            agrees_with_serde_json(text);
        }
        assert_eq!(unescape("\\", &mut String::new()), None);
    }

    proptest! {
        #[test]
        fn any_escapes_are_taken_or_refused_as_by_serde_json(
            text in r#"([a-fé😀]|\\[bfnrt/u"\\xd]|\\u[dD][89a-fA-F][0-9a-f]{2}|\\u[0-9a-f]{4}){0,8}"#
        ) {
            agrees_with_serde_json(&text);
        }
    }
}
