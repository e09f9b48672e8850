//! Which names are set aside because of what they are called.
//!
//! Writers everywhere mark what is not (yet) data by its name: hidden files, `_SUCCESS`, `_delta_log/`, half
//! downloads. Taking them by mistake loads half a file; not taking them costs a word (`--include`, `--hidden`).

/// Whether names that begin with `.` or `_` are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    /// They are set aside.
    #[default]
    Aside,
    /// They are taken as any other.
    Taken,
}

/// The directory in a target that holds strandline's own state; never an input unless named outright.
const STATE: &str = "_strandline";

/// How the names of unfinished files end, in lower case.
const UNFINISHED: [&str; 8] = [
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".crdownload",
    ".swp",
    "~",
    "._copying_",
];

/// How the names of lock files of office programs begin.
const LOCK: &str = ".~lock";

/// Tells whether the name of a file or directory is set aside.
pub(super) fn is_aside(name: &[u8], hidden: Hidden) -> bool {
    is_hidden(name, hidden) || unfinished(name).is_some()
}

/// Tells whether `pattern`, one segment of a glob that matches `name`, names it outright: it spells out all that
/// sets the name aside.
pub(super) fn names_outright(pattern: &str, name: &str, hidden: Hidden) -> bool {
    let pattern = pattern.strip_prefix('\\').unwrap_or(pattern);
    let head = !is_hidden(name.as_bytes(), hidden) || pattern.chars().next() == name.chars().next();
    let tail = match unfinished(name.as_bytes()) {
        None => true,
        Some(LOCK) => pattern.starts_with(LOCK),
        Some(ending) => ends_with(pattern.as_bytes(), ending),
    };
    head && tail
}

fn is_hidden(name: &[u8], hidden: Hidden) -> bool {
    match hidden {
        Hidden::Aside => matches!(name.first(), Some(b'.' | b'_')),
        Hidden::Taken => name == STATE.as_bytes(),
    }
}

fn unfinished(name: &[u8]) -> Option<&'static str> {
    if name.starts_with(LOCK.as_bytes()) {
        return Some(LOCK);
    }
    // Asked for every listed name, and nearly always told by its last byte.
    if !LAST_BYTES[usize::from(*name.last()?)] {
        return None;
    }
    UNFINISHED
        .into_iter()
        .find(|ending| ends_with(name, ending))
}

/// The bytes, in both cases, that the names of unfinished files end in.
const LAST_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut index = 0;
    while index < UNFINISHED.len() {
        let ending = UNFINISHED[index].as_bytes();
        let last = ending[ending.len() - 1];
        bytes[last as usize] = true;
        bytes[last.to_ascii_uppercase() as usize] = true;
        index += 1;
    }
    bytes
};

fn ends_with(name: &[u8], ending: &str) -> bool {
    name.len()
        .checked_sub(ending.len())
        .is_some_and(|start| name[start..].eq_ignore_ascii_case(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_data_yet_are_set_aside() {
        for name in [
            ".hidden",
            "_SUCCESS",
            "_delta_log",
            "a.csv.tmp",
            "a.TEMP",
            "a.part",
            "a.partial",
            "a.crdownload",
            ".a.swp",
            "a.csv~",
            "a.csv._COPYING_",
            ".~lock.a.csv#",
        ] {
            assert!(is_aside(name.as_bytes(), Hidden::Aside), "{name}");
        }
        for name in ["a.csv", "a_b", "a.b", "tmp", "part", "a.tmp.csv", "é"] {
            assert!(!is_aside(name.as_bytes(), Hidden::Aside), "{name}");
        }
    }

    #[test]
    fn taking_hidden_names_takes_neither_unfinished_ones_nor_the_state() {
        assert!(!is_aside(b".hidden", Hidden::Taken));
        assert!(!is_aside(b"_x", Hidden::Taken));
        assert!(is_aside(b"_strandline", Hidden::Taken));
        assert!(is_aside(b"a.tmp", Hidden::Taken));
        assert!(is_aside(b".~lock.a", Hidden::Taken));
    }

    #[test]
    fn a_pattern_names_outright_what_it_spells_out() {
        for (pattern, name, outright) in [
            (".h*", ".hidden", true),
            ("*", ".hidden", false),
            ("\\.h*", ".hidden", true),
            ("*.tmp", "a.tmp", true),
            ("a*", "a.tmp", false),
            ("*.tmp", ".a.tmp", false),
            (".*.tmp", ".a.tmp", true),
            (".~lock*", ".~lock.x", true),
        ] {
            assert_eq!(
                names_outright(pattern, name, Hidden::Aside),
                outright,
                "{pattern} {name}"
            );
        }
    }
}
