//! Takes out of a text what differs from one call to the next: durations, rates, instants, hashes, inodes.

/// Returns `text` with a placeholder for everything that is different the next time.
///
/// Spaces before a placeholder are drawn together, since they depend on its width; the line on which a run tells
/// where its time went is left out, since it is not there where no stage took long.
pub(crate) fn redacted(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines().filter(|line| !line.starts_with("  time     ")) {
        all.push_str(&redacted_line(line));
        all.push('\n');
    }
    all
}

fn redacted_line(line: &str) -> String {
    let mut out = String::new();
    let mut last = "";
    for word in line.split_inclusive(' ') {
        let (word, space) = match word.strip_suffix(' ') {
            Some(word) => (word, " "),
            None => (word, ""),
        };
        let bare = word.trim_matches(['(', ')', ',', ';', ':', '"', '`']);
        let is_new_inode = out.ends_with("inode [N] -> ");
        let is_host = out.ends_with("process [N] on ");
        let before = match (is_new_inode, is_host) {
            (true, _) => "inode",
            (_, true) => "host",
            _ => last,
        };
        match placeholder(bare, before) {
            Some(placeholder) => {
                let spaces = out.len() - out.trim_end().len();
                if spaces > 1 && !out.trim_end().is_empty() {
                    out.truncate(out.len() - spaces + 1);
                }
                out.push_str(&word.replace(bare, placeholder));
            }
            None => out.push_str(word),
        }
        if !bare.is_empty() {
            last = bare;
        }
        out.push_str(space);
    }
    out.trim_end().to_owned()
}

fn placeholder(word: &str, before: &str) -> Option<&'static str> {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if before == "inode" || before == "process" {
        return Some("[N]");
    }
    if before == "host" {
        return Some("[HOST]");
    }
    if before == "ledger" && word.ends_with('B') {
        return Some("[SIZE]");
    }
    if word.ends_with("B/s") {
        return Some("[RATE]");
    }
    if is_duration(word) {
        return Some("[TIME]");
    }
    if word.len() >= 20 && word.starts_with("20") && word.contains('T') && word.ends_with('Z') {
        return Some("[INSTANT]");
    }
    ([12, 16, 32, 64].contains(&word.len()) && is_hex(word)).then_some("[HASH]")
}

/// Tells whether a word is a duration such as `<1ms`, `0.2s`, `3d4h5m6s` or `3d4h`.
fn is_duration(word: &str) -> bool {
    let word = word.trim_start_matches('<');
    let of_duration = |b: u8| b.is_ascii_digit() || b".dhms".contains(&b);
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with(['s', 'm', 'h', 'd'])
        && word.bytes().all(of_duration)
}

#[test]
fn what_differs_is_taken_out_and_nothing_else() {
    let text = "done in 0.4s\n  bytes    23B read (2.4KiB/s)\n  time     work 1ms\nr1 2026-11-21T03:03:27Z done     9    0.4s\n";
    let expected = "done in [TIME]\n  bytes    23B read ([RATE])\nr1 [INSTANT] done     9 [TIME]\n";
    assert_eq!(redacted(text), expected);
}
