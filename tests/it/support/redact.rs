//! Takes out of a text what differs from one call to the next: durations, rates, instants, hashes, inodes.

/// Returns `text` with a placeholder for everything that is different the next time.
///
/// Spaces before a placeholder are drawn together, since they depend on its width; the line on which a run tells
/// where its time went is left out, since it is not there where no stage took long.
pub(crate) fn redacted(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("  time     "));
    lines
        .map(|line| format!("{}\n", redacted_line(line)))
        .collect()
}

fn redacted_line(line: &str) -> String {
    let mut out = String::new();
    let mut last = "";
    for word in line.split_inclusive(' ') {
        let (word, space) = match word.strip_suffix(' ') {
            Some(word) => (word, " "),
            None => (word, ""),
        };
        let bare = word.trim_matches(['(', ')', ',', ';', '"', '`']);
        let is_new_inode = out.ends_with("inode [N] -> ");
        let before = if is_new_inode { "inode" } else { last };
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
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    if before == "inode" || before == "process" {
        return Some("[N]");
    }
    if before == "ledger" && word.ends_with('B') {
        return Some("[SIZE]");
    }
    if word.ends_with("B/s") {
        return Some("[RATE]");
    }
    let duration = word.strip_suffix("ms").or_else(|| word.strip_suffix('s'));
    if duration.is_some_and(is_number) {
        return Some("[TIME]");
    }
    if word.len() >= 20 && word.starts_with("20") && word.contains('T') && word.ends_with('Z') {
        return Some("[INSTANT]");
    }
    ([12, 16, 32, 64].contains(&word.len()) && is_hex(word)).then_some("[HASH]")
}

#[test]
fn what_differs_is_taken_out_and_nothing_else() {
    let text = "done in 0.4s\n  bytes    23B read (2.4KiB/s)\n  time     work 1ms\nr1 2026-11-21T03:03:27Z done     9    0.4s\n";
    let expected = "done in [TIME]\n  bytes    23B read ([RATE])\nr1 [INSTANT] done     9 [TIME]\n";
    assert_eq!(redacted(text), expected);
}
