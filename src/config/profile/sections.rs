//! The files of the AWS CLI, `config` and `credentials`: text to sections. Pure.
//!
//! # Format
//! As the CLI reads it: `[section]`, and below it `key = value` (or `key: value`), keys in any case. A line that begins with
//! `#` or `;` is a comment; behind a value there are none. Lines that are indented further than a key without a value are
//! keys within it, here written `key.inner`.

use std::collections::BTreeMap;

/// Keys with their values.
pub(super) type Keys = BTreeMap<String, String>;

/// Reads the sections of a file by their names. What is there twice is taken together, and the later value wins.
///
/// # Errors
/// The number of the first line that is none of a file like this. What stands there may be a secret.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Keys>, usize> {
    let mut sections: BTreeMap<String, Keys> = BTreeMap::new();
    let mut section = None;
    // The key without a value whose inner keys may come, and how far it is indented.
    let mut outer: Option<(String, usize)> = None;
    let lines = text.trim_start_matches('\u{feff}').lines();
    for (line, number) in lines.zip(1_usize..) {
        let own = line.trim();
        if own.is_empty() || own.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = own.strip_prefix('[').filter(|_| indent == 0) {
            let (name, _) = name.split_once(']').ok_or(number)?;
            section = Some(sections.entry(name.trim().to_owned()).or_default());
            outer = None;
            continue;
        }
        let keys = section.as_deref_mut().ok_or(number)?;
        let (key, value) = own.split_once(['=', ':']).ok_or(number)?;
        let key = key.trim().to_ascii_lowercase();
        let value = value.trim().to_owned();
        match &outer {
            Some((outer, above)) if indent > *above => {
                keys.insert(format!("{outer}.{key}"), value);
            }
            _ => {
                outer = value.is_empty().then(|| (key.clone(), indent));
                keys.insert(key, value);
            }
        }
    }
    Ok(sections)
}

/// Returns the name that a section of this `kind` has, as in `[profile NAME]`.
pub(super) fn named<'a>(section: &'a str, kind: &str) -> Option<&'a str> {
    let name = section.strip_prefix(kind)?;
    let name = name.strip_prefix(char::is_whitespace)?.trim();
    let unquoted = |mark| name.strip_prefix(mark)?.strip_suffix(mark);
    Some(unquoted('"').or_else(|| unquoted('\'')).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_the_cli_reads_them() {
        let text = "# x\n[default]\nREGION = eu-west-1 # no comment\n; x\naws_secret_access_key=a=b:c\n\n\
            [ services local ]\r\ns3 =\r\n  endpoint_url = http://x:9/\r\n  other: 1\r\nsts=\n    endpoint_url = s\nplain = p\n\
            [default]\nregion = us-east-1\n";
        let sections = parse(text).unwrap();
        let shown: Vec<_> = sections
            .iter()
            .flat_map(|(section, keys)| {
                keys.iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(move |(key, value)| format!("[{section}] {key} = {value}"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "[default] aws_secret_access_key = a=b:c",
                "[default] region = us-east-1",
                "[services local] plain = p",
                "[services local] s3.endpoint_url = http://x:9/",
                "[services local] s3.other = 1",
                "[services local] sts.endpoint_url = s",
            ]
        );
    }

    #[test]
    fn a_line_that_is_none_is_told_by_its_number() {
        for (text, line) in [("[a]\nb = c\nsecret\n", 3), ("\n[a\n", 2), ("a = b\n", 1)] {
            assert_eq!(parse(text).unwrap_err(), line, "{text}");
        }
    }

    #[test]
    fn a_name_may_be_quoted() {
        for (section, name) in [
            ("profile a", Some("a")),
            ("profile  \"a b\"", Some("a b")),
            ("profile\t'a'", Some("a")),
            ("profile", None),
            ("profiles a", None),
            ("a", None),
        ] {
            assert_eq!(named(section, "profile"), name, "{section}");
        }
    }
}
