//! Where a line is cut.

use regex::Regex;

use crate::config::{LinePatternError, Lines, Unmatched, Width};
use crate::decode::Malformed;

/// Where a line is cut.
pub(in crate::decode) enum Cut {
    /// At the groups of the first pattern that matches the whole of it.
    Pattern {
        /// The patterns, with the column of each group that has a name.
        patterns: Vec<(Regex, Vec<(usize, usize)>)>,
        names: Vec<String>,
        unmatched: Unmatched,
    },
    /// At these widths.
    Fixed(Vec<Width>),
}

/// The bytes of a value within its line; `None` where there is no value.
type Place = Option<(usize, usize)>;

impl Cut {
    /// Cuts at the groups of the patterns.
    pub(in crate::decode) fn by_pattern(lines: &Lines) -> Result<Self, LinePatternError> {
        let mut names: Vec<String> = Vec::new();
        let mut patterns = Vec::new();
        for regex in lines.patterns.compile()? {
            let mut groups = Vec::new();
            for (group, name) in regex.capture_names().enumerate() {
                let Some(name) = name else { continue };
                let known = names.iter().position(|known| known == name);
                let at = known.unwrap_or_else(|| {
                    names.push(name.to_owned());
                    names.len() - 1
                });
                groups.push((group, at));
            }
            patterns.push((regex, groups));
        }
        Ok(Self::Pattern {
            patterns,
            names,
            unmatched: lines.unmatched,
        })
    }

    /// Cuts at widths.
    pub(in crate::decode) fn by_widths(lines: &Lines) -> Self {
        Self::Fixed(lines.widths.clone())
    }

    /// Returns the names of the columns.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Pattern { names, .. } => names.clone(),
            Self::Fixed(widths) => widths
                .iter()
                .filter_map(|width| width.name.clone())
                .collect(),
        }
    }

    /// Puts the places of the columns' values into `places`, which is empty; `false` where the line does not count.
    pub(super) fn apply(
        &self,
        line: &str,
        number: u64,
        places: &mut Vec<Place>,
    ) -> Result<bool, Malformed> {
        match self {
            Self::Pattern {
                patterns,
                names,
                unmatched,
            } => {
                for (regex, groups) in patterns {
                    let Some(captures) = regex.captures(line) else {
                        continue;
                    };
                    places.resize(names.len(), None);
                    for (group, at) in groups {
                        places[*at] = captures
                            .get(*group)
                            .map(|found| (found.start(), found.end()));
                    }
                    return Ok(true);
                }
                match unmatched {
                    Unmatched::Skip => Ok(false),
                    Unmatched::Refuse => Err(Malformed::Unmatched { line: number }),
                }
            }
            Self::Fixed(widths) => {
                let mut start = 0;
                for width in widths {
                    let end = end_of(line, start, width.characters);
                    if width.name.is_some() {
                        places.push(trimmed(line, start, end));
                    }
                    start = end;
                }
                if trimmed(line, start, line.len()).is_some() {
                    return Err(Malformed::BehindColumns { line: number });
                }
                Ok(true)
            }
        }
    }
}

/// Returns where so many characters from `start` on end, or the line does.
fn end_of(line: &str, start: usize, characters: Option<u32>) -> usize {
    let Some(count) = characters.and_then(|count| usize::try_from(count).ok()) else {
        return line.len();
    };
    let mut rest = line[start..].char_indices();
    rest.nth(count).map_or(line.len(), |(at, _)| start + at)
}

/// Returns the place without the blanks around it, `None` where nothing is left.
fn trimmed(line: &str, start: usize, end: usize) -> Place {
    let blank = |c: char| matches!(c, ' ' | '\t');
    let field = &line[start..end];
    let left = field.trim_start_matches(blank);
    let kept = left.trim_end_matches(blank);
    let start = end - left.len();
    (!kept.is_empty()).then_some((start, start + kept.len()))
}
