//! Settings about lines and sheets: layers of values to [`Lines`] and a name.

use super::Format;
use super::key::Key;
use super::lines::{LinePatterns, Lines, UNMATCHED, Unmatched, Width, line_patterns};
use super::settings::{BadValue, Reading, SettingError, columns_are_named};

impl Reading<'_> {
    /// Reads which sheet is meant, which only makes sense where there may be some.
    pub(super) fn sheet(&self, format: Format) -> Result<Option<String>, SettingError> {
        let sheet = self.one(Key::Sheet, |text| Ok(text.to_owned()))?;
        let sheet = sheet.filter(|name| !name.is_empty());
        if sheet.is_some() && !matches!(format, Format::Auto | Format::Excel) {
            let format = "excel";
            return Err(self.refused(Key::Sheet, BadValue::OtherFormat { format }));
        }
        Ok(sheet)
    }

    /// Reads how lines are cut, and refuses what says so of files that are not.
    pub(super) fn lines(&self, format: Format) -> Result<Lines, SettingError> {
        let patterns = self.one(Key::Pattern, |text| match text {
            "" => Ok(LinePatterns::default()),
            text => Ok(line_patterns(text)?),
        })?;
        let unmatched = [Unmatched::Refuse, Unmatched::Skip];
        let unmatched = self.choice(Key::Unmatched, UNMATCHED, &unmatched)?;
        let widths = self.list(Key::Widths, widths)?;
        let lines = Lines {
            patterns: patterns.unwrap_or_default(),
            unmatched,
            widths: widths
                .iter()
                .filter_map(|text| Width::parse(text))
                .collect(),
        };
        let (is_regex, is_fixed) = (format == Format::Regex, format == Format::Fixed);
        for (key, is_said, is_meant, format) in [
            (Key::Pattern, !lines.patterns.is_empty(), is_regex, "regex"),
            (
                Key::Unmatched,
                unmatched != Unmatched::Refuse,
                is_regex,
                "regex",
            ),
            (Key::Widths, !lines.widths.is_empty(), is_fixed, "fixed"),
        ] {
            if is_said && !is_meant {
                return Err(self.refused(key, BadValue::OtherFormat { format }));
            }
        }
        for (is_missing, argument) in [
            (is_regex && lines.patterns.is_empty(), "--pattern"),
            (is_fixed && lines.widths.is_empty(), "--widths"),
        ] {
            if is_missing {
                return Err(self.refused(Key::Format, BadValue::Needs { argument }));
            }
        }
        Ok(lines)
    }
}

fn widths(items: &[String]) -> Result<(), BadValue> {
    let widths: Option<Vec<Width>> = items.iter().map(|item| Width::parse(item)).collect();
    let widths = widths.ok_or(BadValue::Width)?;
    let last = widths.len().saturating_sub(1);
    if widths
        .iter()
        .take(last)
        .any(|width| width.characters.is_none())
    {
        return Err(BadValue::Width);
    }
    let names: Vec<String> = widths.into_iter().filter_map(|width| width.name).collect();
    columns_are_named(&names)?;
    if names.is_empty() && !items.is_empty() {
        return Err(BadValue::Column);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layer, Layers, Origin, Settings};

    fn resolve(values: &[(Key, &str)]) -> Result<Lines, String> {
        let mut layer = Layer::new(Origin::Flag);
        for (key, text) in values {
            layer.set(*key, text);
        }
        let layers = Layers(vec![layer, Layer::defaults()]);
        let settings = Settings::resolve(&layers, 1);
        settings
            .map(|settings| settings.definition.lines)
            .map_err(|error| format!("{error}: {}", error.source))
    }

    #[test]
    fn lines_are_cut_by_a_pattern_or_by_widths() {
        let lines = resolve(&[
            (Key::Format, "regex"),
            (Key::Pattern, "syslog"),
            (Key::Unmatched, "skip"),
        ])
        .unwrap();
        assert_eq!(
            (lines.patterns.len(), lines.unmatched),
            (2, Unmatched::Skip)
        );
        let lines = resolve(&[(Key::Format, "fixed"), (Key::Widths, "a:1,:2,b:*")]).unwrap();
        assert_eq!(lines.widths.len(), 3);
        assert_eq!(resolve(&[]), Ok(Lines::default()));
    }

    #[test]
    fn what_means_nothing_or_nothing_here_is_refused() {
        let format = (Key::Format, "fixed");
        for (values, expected) in [
            (
                &[(Key::Format, "regex")][..],
                "--format is \"regex\", which it cannot be: it needs --pattern",
            ),
            (&[format], "it needs --widths"),
            (
                &[(Key::Pattern, "combined")],
                "--pattern is \"combined\", which it cannot be: it is about --format regex",
            ),
            (&[(Key::Widths, "a:1")], "it is about --format fixed"),
            (
                &[format, (Key::Widths, "a:1"), (Key::Unmatched, "skip")],
                "it is about --format regex",
            ),
            (
                &[format, (Key::Widths, "a:*,b:1")],
                "only the last may be name:*",
            ),
            (
                &[format, (Key::Widths, "a:1,a:2")],
                "a column must have a name",
            ),
            (&[format, (Key::Widths, ":1")], "a column must have a name"),
            (
                &[(Key::Format, "regex"), (Key::Pattern, "x(")],
                "it is no pattern for lines",
            ),
            (
                &[(Key::Format, "csv"), (Key::Sheet, "a")],
                "it is about --format excel",
            ),
        ] {
            let error = resolve(values).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_setting_of_lines_changes_the_fingerprint() {
        let regex = (Key::Format, "regex");
        let fixed = (Key::Format, "fixed");
        let mut prints = std::collections::BTreeSet::new();
        let all = [
            &[][..],
            &[regex, (Key::Pattern, "common")],
            &[regex, (Key::Pattern, "combined")],
            &[regex, (Key::Pattern, "common"), (Key::Unmatched, "skip")],
            &[fixed, (Key::Widths, "a:1")],
            &[fixed, (Key::Widths, "a:2")],
        ];
        for values in all {
            let definition = crate::config::Definition {
                lines: resolve(values).unwrap(),
                ..crate::config::Definition::default()
            };
            let text = serde_json::to_string(&definition).unwrap();
            assert_eq!(text.contains("lines"), !values.is_empty());
            assert_eq!(
                serde_json::from_str::<crate::config::Definition>(&text).unwrap(),
                definition
            );
            prints.insert(definition.fingerprint());
        }
        assert_eq!(prints.len(), all.len());
    }
}
