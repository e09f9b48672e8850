//! A line to the words of a command, as a shell splits it. Nothing is replaced: no variables, no patterns, no `~`. Pure.

/// Splits `line`; `None` where a quote is not closed.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        c => quoted.push(c),
                    }
                }
            }
            '"' => {
                let quoted = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '\\' => match rest.next()? {
                            c @ ('"' | '\\') => quoted.push(c),
                            c => quoted.extend(['\\', c]),
                        },
                        c => quoted.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(rest.next()?),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_does() {
        for (line, expected) in [
            (
                "aws configure  export",
                Some(&["aws", "configure", "export"][..]),
            ),
            (
                "\"/a b/c\" 'd \"e' f\\ g",
                Some(&["/a b/c", "d \"e", "f g"]),
            ),
            ("a\"\"b \"\" \"\\\"\\x\"", Some(&["ab", "", "\"\\x"])),
            (" $HOME/x ~ ", Some(&["$HOME/x", "~"])),
            ("a 'b", None),
            ("a \"b", None),
            ("a\\", None),
        ] {
            let words = words(line);
            let words: Option<Vec<&str>> = words
                .as_ref()
                .map(|all| all.iter().map(String::as_str).collect());
            assert_eq!(words.as_deref(), expected, "{line}");
        }
    }
}
