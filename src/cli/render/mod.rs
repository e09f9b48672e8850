//! Reports as people read them. Every function here is pure: a value goes in, text comes out.

mod doctor;
mod explain;
mod plan;
mod run;
mod schema;
mod status;
mod table;
mod watch;

pub(super) use doctor::diagnosis;
pub(super) use explain::explanation;
pub(super) use plan::{plan, recovery, verification};
pub(super) use run::summary;
pub(super) use schema::{schema, schema_check, schema_diff, schema_history, schema_toml};
pub(super) use status::{history, status};
pub(super) use table::{file_heading, file_line, quarantine};
pub(super) use watch::{is_news, pass};

use std::fmt::Write as _;

use super::talk::Detail;

/// How many entries of a list are shown where not all are wanted.
const BOUND: usize = 10;

/// Writes a number with its thousands apart.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of things.
pub(super) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", self::number(number))
}

/// Joins those parts whose number is not zero: `3 added, 1 removed`.
fn nonzero(parts: &[(u64, &str)]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", self::number(*number)))
        .collect();
    parts.join(", ")
}

/// Writes seconds with as many digits as tell something.
fn seconds(seconds: f64) -> String {
    if seconds < 0.0005 {
        "<1ms".to_owned()
    } else if seconds < 0.1 {
        format!("{:.0}ms", seconds * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.1}s")
    } else if seconds < 3600.0 {
        format!(
            "{:.0}m {:02.0}s",
            (seconds / 60.0).floor(),
            (seconds % 60.0).floor()
        )
    } else {
        format!(
            "{:.0}h {:02.0}m",
            (seconds / 3600.0).floor(),
            (seconds % 3600.0 / 60.0).floor()
        )
    }
}

/// Writes one line for each item, as many as wanted, and how many more there are.
fn list<T>(
    text: &mut String,
    items: &[T],
    omitted: u64,
    detail: Detail,
    line: impl Fn(&T) -> String,
) {
    let shown = match detail {
        Detail::Bounded => items.len().min(BOUND),
        Detail::Full => items.len(),
    };
    for item in &items[..shown] {
        let _ = writeln!(text, "  {}", line(item));
    }
    let hidden = (items.len() - shown) as u64;
    if hidden + omitted > 0 {
        let way = if hidden > 0 { " (-v shows them)" } else { "" };
        let _ = writeln!(text, "  … and {} more{way}", number(hidden + omitted));
    }
}

/// Shows control characters as escapes, so that no name can take over a terminal.
fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_people_read_them() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(0, "file"), "0 files");
        for (value, text) in [
            (0.0, "<1ms"),
            (0.0123, "12ms"),
            (1.25, "1.2s"),
            (59.0, "59.0s"),
            (61.9, "1m 01s"),
            (7325.0, "2h 02m"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn a_list_is_bounded_and_says_what_it_leaves_out() {
        let items: Vec<u32> = (0..12).collect();
        let mut text = String::new();
        list(&mut text, &items, 3, Detail::Bounded, ToString::to_string);
        assert_eq!(text.lines().count(), 11);
        assert!(text.ends_with("  … and 5 more (-v shows them)\n"));
        text.clear();
        list(&mut text, &items, 3, Detail::Full, ToString::to_string);
        assert_eq!(text.lines().count(), 13);
        assert!(text.ends_with("  … and 3 more\n"));
    }

    #[test]
    fn a_name_cannot_take_over_a_terminal() {
        assert_eq!(safe("a\u{1b}[2Jé\n"), "a\\u{1b}[2Jé\\n");
    }
}
