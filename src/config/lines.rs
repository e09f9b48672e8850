//! How the lines of a text become columns: by a pattern, or by widths.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// What a compiled pattern may take; one that needs more is a mistake.
const PATTERN_BYTES: usize = 8 << 20;

/// How the lines of a text become columns, where the format says that they do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lines {
    /// Regular expressions whose named groups are the columns; the first that matches a whole line counts.
    pub patterns: LinePatterns,
    /// What a line means that none of them matches.
    pub unmatched: Unmatched,
    /// The columns of fixed width, from left to right.
    pub widths: Vec<Width>,
}

/// Regular expressions as they are written, compiled at the first use and not for each file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinePatterns {
    texts: Vec<String>,
    #[serde(skip)]
    compiled: OnceLock<Vec<Regex>>,
}

impl PartialEq for LinePatterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for LinePatterns {}

impl LinePatterns {
    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Returns them compiled, for one file: what matching needs beside the patterns is not shared with others.
    ///
    /// # Errors
    /// [`LinePatternError`] for the first that is none; none of those that [`line_patterns`] returned.
    pub fn compile(&self) -> Result<Vec<Regex>, LinePatternError> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled.clone());
        }
        let compiled = self.texts.iter().map(|text| compile(text));
        let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
        Ok(self.compiled.get_or_init(|| compiled).clone())
    }
}

/// What a line means that no pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmatched {
    /// The file is malformed.
    #[default]
    Refuse,
    /// The line does not count.
    Skip,
}

/// What an unmatched line may mean.
pub const UNMATCHED: &[&str] = &["refuse", "skip"];

/// A column of fixed width.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Width {
    /// Its name; `None` where nobody wants it.
    pub name: Option<String>,
    /// Its characters; `None` for the rest of the line.
    pub characters: Option<u32>,
}

/// Why a text is no pattern for lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinePatternError {
    /// The engine does not take it.
    #[error("it must be a regular expression, or one of the words {}: {detail}", NAMED.map(|(word, _)| word).join(", "))]
    Syntax {
        /// The engine's own words.
        detail: String,
    },
    /// It captures nothing.
    #[error("it must have a named group, (?<name>…), for each column")]
    NoGroup,
}

/// Patterns by name. They match only what they were made for: `-`, where a format says that it stands for nothing,
/// belongs to no group, and is null.
const NAMED: [(&str, &[&str]); 3] = [
    ("combined", &[COMBINED]),
    ("common", &[COMMON]),
    ("syslog", &[RFC5424, RFC3164]),
];
const COMMON: &str = concat!(
    r"(?<host>[^ ]+) (?:-|(?<ident>[^ ]+)) (?:-|(?<user>[^ ]+)) \[(?<time>[^\]]+)\] ",
    r#""(?:-|(?<method>[A-Z]+) (?<path>[^ "]+)(?: (?<protocol>[^ "]+))?|(?<request>(?:[^"\\]|\\.)*))" "#,
    r"(?:-|(?<status>[0-9]{3})) (?:-|(?<bytes>[0-9]+))",
);
const COMBINED: &str = concat!(
    r"(?<host>[^ ]+) (?:-|(?<ident>[^ ]+)) (?:-|(?<user>[^ ]+)) \[(?<time>[^\]]+)\] ",
    r#""(?:-|(?<method>[A-Z]+) (?<path>[^ "]+)(?: (?<protocol>[^ "]+))?|(?<request>(?:[^"\\]|\\.)*))" "#,
    r"(?:-|(?<status>[0-9]{3})) (?:-|(?<bytes>[0-9]+)) ",
    r#""(?:-|(?<referer>(?:[^"\\]|\\.)*))" "(?:-|(?<agent>(?:[^"\\]|\\.)*))""#,
);
const RFC5424: &str = concat!(
    r"<(?<priority>[0-9]{1,3})>(?<version>[1-9][0-9]?) (?:-|(?<timestamp>[^ ]+)) (?:-|(?<host>[^ ]+)) ",
    r"(?:-|(?<app>[^ ]+)) (?:-|(?<process>[^ ]+)) (?:-|(?<message_id>[^ ]+)) ",
    r#"(?:-|(?<data>(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+))(?: \x{feff}?(?<message>.*))?"#,
);
const RFC3164: &str = concat!(
    r"(?:<(?<priority>[0-9]{1,3})>)?",
    r"(?<timestamp>[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) ",
    r"(?<host>[^ ]+) (?:(?<app>[^ :\[]+)(?:\[(?<process>[^\]]*)\])?: ?)?(?<message>.*)",
);

impl Lines {
    /// Tells whether nothing is said about lines.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns the regular expressions that a pattern stands for, which may be one of the names or an expression.
///
/// # Errors
/// [`LinePatternError`] where it is no pattern.
pub fn line_patterns(text: &str) -> Result<LinePatterns, LinePatternError> {
    let named = NAMED.iter().find(|(word, _)| *word == text);
    let alone = [text];
    let texts = named.map_or(&alone[..], |(_, patterns)| patterns);
    let patterns = LinePatterns {
        texts: texts.iter().map(|&text| text.to_owned()).collect(),
        compiled: OnceLock::new(),
    };
    patterns.compile()?;
    Ok(patterns)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err passes")]
fn syntax(error: regex::Error) -> LinePatternError {
    let detail = error.to_string();
    LinePatternError::Syntax { detail }
}

/// Makes it match whole lines only. The engine takes linear time, whatever the pattern.
fn compile(text: &str) -> Result<Regex, LinePatternError> {
    // On its own first: with what is around it, the error would show a place that nobody wrote.
    let build = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES).build();
    build(text).map_err(syntax)?;
    let regex = build(&format!(r"\A(?:{text})\z"))
        // A comment at the end of a verbose pattern takes the bracket with it.
        .or_else(|_| build(&format!("\\A(?:{text}\n)\\z")))
        .map_err(syntax)?;
    if regex.capture_names().flatten().next().is_none() {
        return Err(LinePatternError::NoGroup);
    }
    Ok(regex)
}

impl Width {
    /// Reads `name:10`, `name:*` for the rest of the line, or `:10` for what nobody wants.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, characters) = text.rsplit_once(':')?;
        let characters = match characters {
            "*" => None,
            digits => Some(digits.parse().ok().filter(|count| *count > 0)?),
        };
        let name = (!name.is_empty()).then(|| name.to_owned());
        Some(Self { name, characters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, line: &str) -> Option<Vec<(String, String)>> {
        let lines = Lines {
            patterns: line_patterns(pattern).unwrap(),
            ..Lines::default()
        };
        let patterns = lines.patterns.compile().unwrap();
        let (regex, found) = patterns
            .iter()
            .find_map(|regex| Some((regex, regex.captures(line)?)))?;
        let names = regex.capture_names().flatten();
        Some(
            names
                .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())))
                .collect(),
        )
    }

    fn values(pattern: &str, line: &str) -> Vec<String> {
        let captured = captured(pattern, line).unwrap_or_else(|| panic!("{line}"));
        captured
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn access_logs_are_cut_as_their_servers_write_them() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#;
        let common = [
            "host=127.0.0.1",
            "user=frank",
            "time=10/Oct/2000:13:55:36 -0700",
            "method=GET",
            "path=/apache_pb.gif",
            "protocol=HTTP/1.0",
            "status=200",
            "bytes=2326",
        ];
        let more = [
            "referer=http://www.example.com/start.html",
            "agent=Mozilla/4.08 [en] (Win98; I ;Nav)",
        ];
        assert_eq!(values("combined", line), [&common[..], &more].concat());
        let short = &line[..line.find(" \"http").unwrap()];
        assert_eq!(values("common", short), common);
        assert_eq!(captured("common", line), None);
        assert_eq!(captured("combined", short), None);
        let odd = r#"::1 - - [x] "\x16\x03 \"y\"" 400 - "-" "a \" b""#;
        assert_eq!(
            values("combined", odd),
            [
                "host=::1",
                "time=x",
                r#"request=\x16\x03 \"y\""#,
                "status=400",
                r#"agent=a \" b"#
            ]
        );
        let nothing = r#"::1 - - [x] "-" 408 0 "-" "-""#;
        assert_eq!(
            values("combined", nothing),
            ["host=::1", "time=x", "status=408", "bytes=0"]
        );
    }

    #[test]
    fn syslog_is_read_in_both_its_forms() {
        for (line, expected) in [
            (
                "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
                &[
                    "priority=34",
                    "timestamp=Oct 11 22:14:15",
                    "host=mymachine",
                    "app=su",
                    "message='su root' failed for lonvick on /dev/pts/8",
                ][..],
            ),
            (
                "Feb  5 17:32:18 10.0.0.99 sshd[4711]: a: b",
                &[
                    "timestamp=Feb  5 17:32:18",
                    "host=10.0.0.99",
                    "app=sshd",
                    "process=4711",
                    "message=a: b",
                ],
            ),
            (
                "2026-01-01T10:00:00.123456+02:00 host kernel: [1.0] up",
                &[
                    "timestamp=2026-01-01T10:00:00.123456+02:00",
                    "host=host",
                    "app=kernel",
                    "message=[1.0] up",
                ],
            ),
            (
                "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time",
                &[
                    "priority=165",
                    "version=1",
                    "timestamp=2003-08-24T05:14:15.000003-07:00",
                    "host=192.0.2.1",
                    "app=myproc",
                    "process=8710",
                    "message=%% It's time",
                ],
            ),
            (
                r#"<165>1 2003-10-11T22:14:15.003Z mymachine evntslog - ID47 [a@1 iut="3\"]"][b@2 c="d"]"#,
                &[
                    "priority=165",
                    "version=1",
                    "timestamp=2003-10-11T22:14:15.003Z",
                    "host=mymachine",
                    "app=evntslog",
                    "message_id=ID47",
                    r#"data=[a@1 iut="3\"]"][b@2 c="d"]"#,
                ],
            ),
        ] {
            assert_eq!(values("syslog", line), expected);
        }
        assert_eq!(captured("syslog", "no syslog"), None);
    }

    #[test]
    fn a_pattern_matches_the_whole_line_and_names_its_columns() {
        assert_eq!(values("(?<a>x)|(?<b>y)", "y"), ["b=y"]);
        assert_eq!(captured("(?<a>x)|(?<b>y)", "yx"), None);
        assert_eq!(values("(?x) (?<a>x)  # a comment", "x"), ["a=x"]);
        assert_eq!(line_patterns("x(y)"), Err(LinePatternError::NoGroup));
        for text in ["(", "(?<a>x){1000}{1000}{1000}", r"(?<a>x)\1", "combine("] {
            assert!(
                matches!(line_patterns(text), Err(LinePatternError::Syntax { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_pattern_is_compiled_once_for_all_files() {
        let patterns = line_patterns("(?<a>x)").unwrap();
        let first: *const Vec<Regex> = patterns.compiled.get().unwrap();
        assert_eq!(patterns.compile().unwrap().len(), 1);
        assert!(std::ptr::eq(first, patterns.compiled.get().unwrap()));
        // Those of a ledger are compiled when they are needed.
        let text = serde_json::to_string(&patterns).unwrap();
        assert_eq!(text, r#"["(?<a>x)"]"#);
        let read: LinePatterns = serde_json::from_str(&text).unwrap();
        assert!(read.compiled.get().is_none() && read == patterns);
        read.compile().unwrap();
        assert!(read.clone().compiled.get().is_some());
    }

    #[test]
    fn a_width_is_a_number_of_characters_or_the_rest() {
        let width = |name: Option<&str>, characters| {
            let name = name.map(str::to_owned);
            Some(Width { name, characters })
        };
        assert_eq!(Width::parse("a:10"), width(Some("a"), Some(10)));
        assert_eq!(Width::parse("a:b:*"), width(Some("a:b"), None));
        assert_eq!(Width::parse(":3"), width(None, Some(3)));
        for text in ["", "a", "a:", "a:0", "a:-1", "a:x", "10"] {
            assert_eq!(Width::parse(text), None, "{text}");
        }
    }
}
