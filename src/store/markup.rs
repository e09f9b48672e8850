//! As much of the answers of stores, and of the queries that they are asked with, as is read here.

/// Returns what stands in the first element `name` that is written with an end of its own.
pub(crate) fn text_of<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// Returns the text without its `%`, `None` where it is none that was escaped.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Returns the text of an element without references to characters.
pub(crate) fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let reference = referred(left).or_else(|| named(left));
        let (character, length) = reference.unwrap_or((first, first.len_utf8()));
        out.push(character);
        left = &left[length..];
    }
    out
}

/// Returns the character that a text begins with by its number (`&#47;`, `&#x2F;`), and the length of the reference.
pub(crate) fn referred(text: &str) -> Option<(char, usize)> {
    let (number, _) = text.strip_prefix("&#")?.split_once(';')?;
    let value = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    let character = char::from_u32(value.ok()?)?;
    Some((character, "&#;".len() + number.len()))
}

/// Returns the character that a text begins with by its name, and the length of the reference.
fn named(text: &str) -> Option<(char, usize)> {
    const NAMES: [(&str, char); 5] = [
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
    ];
    let mut names = NAMES.iter();
    names.find_map(|(name, character)| text.starts_with(name).then_some((*character, name.len())))
}
