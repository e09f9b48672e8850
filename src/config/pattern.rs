//! Path patterns: globs matched segment by segment, so that captures and the pruning of directories come with
//! them.
//!
//! `*` and `?` stay within a segment, a segment `**` stands for any number of directories, `{a,b}` is either,
//! `{name}` (alone or between plain text) captures. A pattern without `/` is about names at any depth; `/` at
//! the front anchors it, `/` at the end means all below a directory.

use globset::{GlobBuilder, GlobMatcher};

use super::aside::{Hidden, is_aside, names_outright};

/// How many patterns the alternatives of one may come to.
const MOST_ALTERNATIVES: usize = 256;

/// A compiled pattern: one row of segments for each way through its alternatives.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    ways: Vec<Vec<Segment>>,
}

/// A pattern that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing in it.
    #[error("a pattern cannot be empty")]
    Empty,
    /// It has `.` or `..` between its slashes.
    #[error("pattern {pattern:?} has a segment {segment:?}; patterns are relative to the source")]
    Relative {
        /// The pattern.
        pattern: String,
        /// `.` or `..`.
        segment: String,
    },
    /// A brace is opened or closed without the other.
    #[error("pattern {pattern:?} has a brace without its partner")]
    Unbalanced {
        /// The pattern.
        pattern: String,
    },
    /// Braces multiply beyond reason.
    #[error("pattern {pattern:?} has more than {MOST_ALTERNATIVES} alternatives")]
    TooMany {
        /// The pattern.
        pattern: String,
    },
    /// A capture stands beside a wildcard or another capture.
    #[error(
        "pattern {pattern:?} has a capture in {segment:?} beside something other than plain text"
    )]
    Capture {
        /// The pattern.
        pattern: String,
        /// The segment.
        segment: String,
    },
    /// A capture's name is no name of a column, or is there twice.
    #[error(
        "pattern {pattern:?} has a capture {name:?}; a capture needs a name of its own of letters, digits and _"
    )]
    Name {
        /// The pattern.
        pattern: String,
        /// What stands between the braces.
        name: String,
    },
    /// It is not a glob.
    #[error("pattern {pattern:?} is not a glob")]
    Glob {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        #[source]
        source: globset::Error,
    },
}

#[derive(Debug, Clone)]
enum Segment {
    /// `**`.
    Deep,
    /// Something within one name.
    Name { text: String, matcher: Matcher },
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    /// Plain text around one `*`, or around a capture (which is never empty).
    Around {
        prefix: String,
        suffix: String,
        capture: Option<String>,
    },
    Glob(GlobMatcher),
}

/// What a match means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The whole path.
    Whole,
    /// The path or a directory above it.
    Ancestor,
    /// Some path below this directory.
    Below,
}

impl Pattern {
    /// Compiles `text`.
    pub(super) fn new(text: &str) -> Result<Self, PatternError> {
        let mut ways = Vec::new();
        for way in alternatives(text, text)? {
            ways.push(compile(&way, text)?);
        }
        Ok(Self { ways })
    }

    /// Tells whether there is a capture in it.
    pub(super) fn captures(&self) -> bool {
        self.ways.iter().flatten().any(|segment| {
            matches!(
                segment,
                Segment::Name {
                    matcher: Matcher::Around {
                        capture: Some(_),
                        ..
                    },
                    ..
                }
            )
        })
    }

    /// Tells whether it takes the file `path`; names that are set aside must be spelled out.
    pub(super) fn takes(&self, path: &[&str], hidden: Hidden) -> bool {
        self.reaches(path, Goal::Whole, Some(hidden))
    }

    /// Tells whether it may take a file below the directory `dir`.
    pub(super) fn takes_below(&self, dir: &[&str], hidden: Hidden) -> bool {
        self.reaches(dir, Goal::Below, Some(hidden))
    }

    /// Tells whether it matches `path` or a directory above it.
    pub(super) fn covers(&self, path: &[&str]) -> bool {
        self.reaches(path, Goal::Ancestor, None)
    }

    /// Tells whether it matches the directory `dir`, one above it, or all that can be below it.
    pub(super) fn covers_dir(&self, dir: &[&str]) -> bool {
        self.covers(dir)
            || self.ways.iter().any(|way| match way.split_last() {
                Some((Segment::Deep, above)) => {
                    walk(above, dir, Goal::Ancestor, None, &mut Vec::new())
                }
                _ => false,
            })
    }

    /// Returns the names and values that it captures from `path`, `None` where it does not match.
    pub(super) fn capture<'a>(&'a self, path: &[&'a str]) -> Option<Vec<Captured<'a>>> {
        self.ways.iter().find_map(|way| {
            let mut found = Vec::new();
            walk(way, path, Goal::Whole, None, &mut found).then_some(found)
        })
    }

    fn reaches(&self, path: &[&str], goal: Goal, hidden: Option<Hidden>) -> bool {
        self.ways
            .iter()
            .any(|way| walk(way, path, goal, hidden, &mut Vec::new()))
    }
}

/// One capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Captured<'a> {
    /// Its name in the pattern.
    pub(super) name: &'a str,
    /// What stands before it in its segment.
    pub(super) prefix: &'a str,
    /// What it captured.
    pub(super) value: &'a str,
}

/// Matches `path` against `way` from the front; `hidden` is given where names set aside must be spelled out.
fn walk<'a>(
    way: &'a [Segment],
    path: &[&'a str],
    goal: Goal,
    hidden: Option<Hidden>,
    found: &mut Vec<Captured<'a>>,
) -> bool {
    let Some((first, more)) = way.split_first() else {
        return match goal {
            Goal::Whole => path.is_empty(),
            Goal::Ancestor => true,
            Goal::Below => false,
        };
    };
    let Some((name, rest)) = path.split_first() else {
        return goal == Goal::Below;
    };
    match first {
        Segment::Deep => {
            let passes = hidden.is_none_or(|hidden| !is_aside(name.as_bytes(), hidden));
            let last = more.is_empty() && goal != Goal::Below;
            (!more.is_empty() && walk(more, path, goal, hidden, found))
                || (passes && last && rest.is_empty())
                || (passes && walk(way, rest, goal, hidden, found))
        }
        Segment::Name { text, matcher } => {
            let mark = found.len();
            let outright = hidden.is_none_or(|hidden| {
                !is_aside(name.as_bytes(), hidden) || names_outright(text, name, hidden)
            });
            let matched = outright
                && matcher.matches(text, name, found)
                && walk(more, rest, goal, hidden, found);
            if !matched {
                found.truncate(mark);
            }
            matched
        }
    }
}

impl Matcher {
    fn matches<'a>(&'a self, text: &str, name: &'a str, found: &mut Vec<Captured<'a>>) -> bool {
        match self {
            Self::Exact => text == name,
            Self::Glob(glob) => glob.is_match(name),
            Self::Around {
                prefix,
                suffix,
                capture,
            } => {
                let value = name
                    .strip_prefix(prefix.as_str())
                    .and_then(|rest| rest.strip_suffix(suffix.as_str()));
                match (value, capture) {
                    (None, _) | (Some(""), Some(_)) => false,
                    (Some(_), None) => true,
                    (Some(value), Some(capture)) => {
                        found.push(Captured {
                            name: capture,
                            prefix,
                            value,
                        });
                        true
                    }
                }
            }
        }
    }
}

fn compile(way: &str, pattern: &str) -> Result<Vec<Segment>, PatternError> {
    let way = way.strip_prefix("./").unwrap_or(way);
    let below = way.len() > 1 && way.ends_with('/');
    let body = way.strip_suffix('/').unwrap_or(way);
    let mut segments = Vec::new();
    if !body.contains('/') {
        segments.push(Segment::Deep);
    }
    let body = body.strip_prefix('/').unwrap_or(body);
    if body.is_empty() {
        return Err(PatternError::Empty);
    }
    let mut names = Vec::new();
    for text in body.split('/').filter(|text| !text.is_empty()) {
        let segment = compile_segment(text, pattern, &mut names)?;
        let again = matches!(
            (segments.last(), &segment),
            (Some(Segment::Deep), Segment::Deep)
        );
        if !again {
            segments.push(segment);
        }
    }
    if below && !matches!(segments.last(), Some(Segment::Deep)) {
        segments.push(Segment::Deep);
    }
    Ok(segments)
}

fn compile_segment(
    text: &str,
    pattern: &str,
    names: &mut Vec<String>,
) -> Result<Segment, PatternError> {
    if text == "**" {
        return Ok(Segment::Deep);
    }
    if text == "." || text == ".." {
        return Err(PatternError::Relative {
            pattern: pattern.to_owned(),
            segment: text.to_owned(),
        });
    }
    let around = |prefix: &str, suffix: &str, capture| Matcher::Around {
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
        capture,
    };
    let matcher = if let Some((prefix, name, suffix)) = braced(text) {
        if !is_plain(prefix) || !is_plain(suffix) {
            return Err(PatternError::Capture {
                pattern: pattern.to_owned(),
                segment: text.to_owned(),
            });
        }
        if !is_name(name) || names.iter().any(|other| other == name) {
            return Err(PatternError::Name {
                pattern: pattern.to_owned(),
                name: name.to_owned(),
            });
        }
        names.push(name.to_owned());
        around(prefix, suffix, Some(name.to_owned()))
    } else if is_plain(text) {
        Matcher::Exact
    } else {
        match text.split_once('*') {
            Some((prefix, suffix)) if is_plain(prefix) && is_plain(suffix) => {
                around(prefix, suffix, None)
            }
            _ => Matcher::Glob(glob(text, pattern)?),
        }
    };
    Ok(Segment::Name {
        text: text.to_owned(),
        matcher,
    })
}

fn glob(text: &str, pattern: &str) -> Result<GlobMatcher, PatternError> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|source| PatternError::Glob {
            pattern: pattern.to_owned(),
            source,
        })
}

fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Splits `prefix{name}suffix` at its first brace that is neither escaped nor in a class.
fn braced(text: &str) -> Option<(&str, &str, &str)> {
    let open = marks(text).find(|(_, mark)| *mark == '{')?.0;
    let close = text[open..].find('}')? + open;
    Some((&text[..open], &text[open + 1..close], &text[close + 1..]))
}

/// Returns the characters of `text` that are neither escaped nor in a class `[…]`, with their places.
fn marks(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut escaped = false;
    let mut in_class = false;
    text.char_indices().filter(move |(_, c)| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            _ => return !in_class,
        }
        false
    })
}

/// Writes out the braces that have a comma in them; what is left in braces is a capture.
fn alternatives(text: &str, pattern: &str) -> Result<Vec<String>, PatternError> {
    let unbalanced = || PatternError::Unbalanced {
        pattern: pattern.to_owned(),
    };
    let mut depth = 0usize;
    let mut cuts = Vec::new();
    for (at, mark) in marks(text) {
        match mark {
            '{' if depth == 0 => {
                depth = 1;
                cuts = vec![at];
            }
            '{' => depth += 1,
            ',' if depth == 1 => cuts.push(at),
            '}' => {
                depth = depth.checked_sub(1).ok_or_else(unbalanced)?;
                if depth == 0 && cuts.len() > 1 {
                    cuts.push(at);
                    return write_out(text, pattern, &cuts);
                }
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(unbalanced());
    }
    Ok(vec![text.to_owned()])
}

/// Writes `text` once for each stretch between neighbouring `cuts`: the opening brace, its commas, its end.
fn write_out(text: &str, pattern: &str, cuts: &[usize]) -> Result<Vec<String>, PatternError> {
    let (Some(open), Some(close)) = (cuts.first(), cuts.last()) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for pair in cuts.windows(2) {
        let part = &text[pair[0] + 1..pair[1]];
        let way = format!("{}{part}{}", &text[..*open], &text[close + 1..]);
        all.extend(alternatives(&way, pattern)?);
        if all.len() > MOST_ALTERNATIVES {
            return Err(PatternError::TooMany {
                pattern: pattern.to_owned(),
            });
        }
    }
    Ok(all)
}
