//! The commented `strandline.toml` that `init` writes.

use std::fmt::Write as _;

use super::key::{Key, Kind, SPECS, Spec, TABLES};

const HEAD: &str = "\
# Settings of a strandline pipeline: `strandline run -c strandline.toml`.
# A line that begins with \"#\" and a key shows the default, or an example where there is none.
# Flags and STRANDLINE_* variables win over what is set here; `strandline config show` tells what counts.
";

const EXPECT: &str = "
# What must be true of the rows that are written; any number of these, asked in order. Null is not true.
# on_fail: drop (leave the row out and count it), quarantine_row (leave it out and keep it beside the ledger),
# quarantine_file (set its file aside) or fail (end the run).
#[[expect]]
#name = \"amounts are not negative\"
#sql = \"amount >= 0\"
#on_fail = \"drop\"
";

/// Returns the text of a settings file in which every key is explained and, but for the given paths, commented
/// out.
#[must_use]
pub fn template(source: Option<&str>, target: Option<&str>) -> String {
    let mut text = HEAD.to_owned();
    for (table, about) in TABLES {
        let _ = write!(text, "\n# {about}\n[{table}]\n");
        for spec in SPECS.iter().filter(|spec| spec.table == table) {
            let given = match spec.key {
                Key::Source => source,
                Key::Target => target,
                _ => None,
            };
            let _ = writeln!(text, "# {}", spec.help);
            if spec.kind == Kind::Columns {
                // A table of its own, and the last of its table: what comes behind it would be a column.
                let (name, data_type) = spec.example.split_once('=').unwrap_or_default();
                let _ = writeln!(
                    text,
                    "#[{table}.{}]\n#{name} = {}",
                    spec.name,
                    quoted(data_type)
                );
                continue;
            }
            let _ = match given {
                Some(path) => writeln!(text, "{} = {}", spec.name, quoted(path)),
                None => writeln!(text, "#{} = {}", spec.name, shown(spec)),
            };
        }
    }
    text.push_str(EXPECT);
    text
}

fn shown(spec: &Spec) -> String {
    let value = spec.default.unwrap_or(spec.example);
    match spec.kind {
        Kind::List | Kind::Columns => "[]".to_owned(),
        Kind::Switch | Kind::Count => value.to_owned(),
        Kind::Path | Kind::Text | Kind::Size | Kind::Duration | Kind::Choice(_) => quoted(value),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Layer, Layers, Place, Settings, parse_file};

    fn resolve(text: &str) -> Settings {
        let file = parse_file(Path::new("strandline.toml"), text).unwrap();
        Settings::resolve(&Layers(vec![file, Layer::defaults()]), 3).unwrap()
    }

    fn defaults() -> Settings {
        Settings::resolve(&Layers(vec![Layer::defaults()]), 3).unwrap()
    }

    #[test]
    fn the_file_that_init_writes_parses_to_the_defaults() {
        assert_eq!(resolve(&template(None, None)), defaults());
    }

    #[test]
    fn every_default_that_it_shows_is_the_default() {
        let text = template(None, None);
        for spec in SPECS.iter().filter(|spec| spec.default.is_some()) {
            let line = format!("#{} = {}", spec.name, shown(spec));
            assert_eq!(text.matches(&line).count(), 1, "{line}");
            let text = text.replace(&line, &line[1..]);
            assert_eq!(resolve(&text), defaults(), "{line}");
        }
    }

    #[test]
    fn every_example_that_it_shows_can_be_used() {
        let text = template(None, None);
        let uncommented: Vec<&str> = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => rest,
                _ => line,
            })
            .collect();
        let uncommented = uncommented.join("\n");
        let settings = resolve(&uncommented);
        assert_eq!(settings.source, Some(Place::from("./in")));
        assert_eq!(settings.limits.max_files, Some(10_000));
    }

    #[test]
    fn given_paths_are_set() {
        let settings = resolve(&template(Some("a \"b\""), Some("/out")));
        assert_eq!(settings.source, Some(Place::from("a \"b\"")));
        assert_eq!(settings.target, Some(Place::from("/out")));
    }
}
