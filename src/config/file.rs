//! `strandline.toml`: text to a layer of values.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::declared;
use super::key::{Kind, SPECS, Spec, TABLES};
use super::layer::{Layer, Origin, Value};
use super::transform::{Expectation, ON_FAIL, OnFail};

/// A settings file that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not TOML.
    #[error("{file} is not valid TOML")]
    Syntax {
        /// The file.
        file: String,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// It has a table that means nothing.
    #[error("unknown table [{table}] in {file}, line {line}{}", did_you_mean(nearest.as_deref()))]
    Table {
        /// The file.
        file: String,
        /// Where.
        line: usize,
        /// The table.
        table: String,
        /// The known table that is most like it.
        nearest: Option<String>,
    },
    /// It has a key that means nothing.
    #[error("unknown key \"{key}\" in [{table}] of {file}, line {line}{}", did_you_mean(nearest.as_deref()))]
    Key {
        /// The file.
        file: String,
        /// Where.
        line: usize,
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// The known key that is most like it, with its table where that is another.
        nearest: Option<String>,
    },
    /// A value is of the wrong kind.
    #[error("{key} in [{table}] of {file}, line {line}, must be {wanted}, not {found}")]
    Kind {
        /// The file.
        file: String,
        /// Where.
        line: usize,
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// An expectation is not one.
    #[error("[[expect]] of {file}, line {line}, {what}")]
    Expect {
        /// The file.
        file: String,
        /// Where.
        line: usize,
        /// What is wrong with it.
        what: ExpectError,
    },
}

/// What is wrong with an expectation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// It is no table.
    #[error("must be a table: write [[expect]] with name, sql and on_fail below it")]
    NoTable,
    /// It has a key that means nothing.
    #[error("has the unknown key \"{0}\"; it has name, sql and on_fail")]
    Key(String),
    /// A key is missing or no text.
    #[error("must have a text as its {0}")]
    Text(&'static str),
    /// The word is none of those known.
    #[error("has the on_fail \"{0}\"; it must be one of {known}", known = ON_FAIL.join(", "))]
    OnFail(String),
    /// Another one has that name.
    #[error("has the name \"{0}\", which another one has already")]
    Twice(String),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean {word}?"))
}

/// Reads the text of the settings file `path`. Relative paths in it are meant relative to the file.
///
/// # Errors
/// [`FileError`] for the first thing in it that cannot be understood.
pub fn parse_file(path: &Path, text: &str) -> Result<Layer, FileError> {
    let reader = Reader { path, text };
    let document = DeTable::parse(text).map_err(|source| FileError::Syntax {
        file: reader.file(),
        source,
    })?;
    let mut layer = Layer::new(Origin::File(path.to_owned()));
    for (name, value) in document.get_ref() {
        reader.table(name, value, &mut layer)?;
    }
    Ok(layer)
}

/// The table of which there may be many.
const EXPECT: &str = "expect";

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn file(&self) -> String {
        self.path.display().to_string()
    }

    fn line<T>(&self, at: &Spanned<T>) -> usize {
        let before = self.text.get(..at.span().start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn table(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        layer: &mut Layer,
    ) -> Result<(), FileError> {
        let table = name.get_ref().as_ref();
        if table == EXPECT {
            return self.expectations(value, layer);
        }
        let known = TABLES.iter().any(|(known, _)| *known == table);
        let Some(entries) = value.get_ref().as_table().filter(|_| known) else {
            let tables = TABLES.iter().map(|(table, _)| *table);
            return Err(FileError::Table {
                file: self.file(),
                line: self.line(name),
                table: table.to_owned(),
                nearest: home_of(table)
                    .or_else(|| nearest(table, tables).map(|near| format!("[{near}]"))),
            });
        };
        for (key, value) in entries {
            let spec = self.spec(table, key)?;
            let value = self.value(spec, value)?;
            layer.values.insert(spec.key, value);
        }
        Ok(())
    }

    fn expectations(
        &self,
        value: &Spanned<DeValue<'_>>,
        layer: &mut Layer,
    ) -> Result<(), FileError> {
        let wrong = |line, what| FileError::Expect {
            file: self.file(),
            line,
            what,
        };
        let all = value.get_ref().as_array();
        let all = all.ok_or_else(|| wrong(self.line(value), ExpectError::NoTable))?;
        for one in all {
            let read = one.get_ref().as_table().ok_or(ExpectError::NoTable);
            let read = read.and_then(expectation).and_then(|read| {
                let twice = layer.expectations.iter().any(|all| all.name == read.name);
                if twice {
                    return Err(ExpectError::Twice(read.name));
                }
                Ok(read)
            });
            let read = read.map_err(|what| wrong(self.line(one), what))?;
            layer.expectations.push(read);
        }
        Ok(())
    }

    fn spec(
        &self,
        table: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
    ) -> Result<&'static Spec, FileError> {
        let name = key.get_ref().as_ref();
        let found = SPECS
            .iter()
            .find(|spec| spec.table == table && spec.name == name);
        found.ok_or_else(|| {
            let here = SPECS.iter().filter(|spec| spec.table == table);
            FileError::Key {
                file: self.file(),
                line: self.line(key),
                table: table.to_owned(),
                key: name.to_owned(),
                nearest: home_of(name).or_else(|| {
                    nearest(name, here.map(|spec| spec.name)).map(|near| format!("\"{near}\""))
                }),
            }
        })
    }

    fn value(&self, spec: &Spec, value: &Spanned<DeValue<'_>>) -> Result<Value, FileError> {
        let one = |text: &str| Ok(Value::One(text.to_owned()));
        match (spec.kind, value.get_ref()) {
            (Kind::Switch, DeValue::Boolean(on)) => return one(&on.to_string()),
            (Kind::Count | Kind::Size, DeValue::Integer(number)) => {
                // Its digits alone would make ten of 0x10; what is too large for a number is refused with its own.
                let decimal = i64::from_str_radix(number.as_str(), number.radix());
                return one(&decimal.map_or_else(|_| number.to_string(), |n| n.to_string()));
            }
            (
                Kind::Path | Kind::Text | Kind::Size | Kind::Duration | Kind::Choice(_),
                DeValue::String(text),
            ) => {
                return one(text);
            }
            (Kind::Columns, DeValue::Table(columns)) => {
                if let Some(items) = declared::items(columns) {
                    return Ok(Value::Many(items));
                }
            }
            (Kind::List | Kind::Columns, DeValue::Array(items)) => {
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned))
                    .collect();
                if let Some(texts) = texts {
                    return Ok(Value::Many(texts));
                }
            }
            _ => {}
        }
        Err(FileError::Kind {
            file: self.file(),
            line: self.line(value),
            table: spec.table.to_owned(),
            key: spec.name.to_owned(),
            wanted: wanted(spec.kind),
            found: value.get_ref().type_str(),
        })
    }
}

fn expectation(table: &DeTable<'_>) -> Result<Expectation, ExpectError> {
    const KEYS: [&str; 3] = ["name", "sql", "on_fail"];
    let mut keys = table.keys().map(|key| key.get_ref().as_ref());
    if let Some(key) = keys.find(|key| !KEYS.contains(key)) {
        return Err(ExpectError::Key(key.to_owned()));
    }
    let text = |key: &'static str| {
        let value = table.get(key).and_then(|value| value.get_ref().as_str());
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or(ExpectError::Text(key))
    };
    let word = text("on_fail")?;
    Ok(Expectation {
        name: text("name")?,
        sql: text("sql")?,
        on_fail: OnFail::parse(&word).ok_or(ExpectError::OnFail(word))?,
    })
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Path => "a path in quotes",
        Kind::Text => "a text in quotes",
        Kind::List => "a list of strings in brackets",
        Kind::Switch => "true or false",
        Kind::Count => "a whole number",
        Kind::Size => "a size such as \"64MiB\"",
        Kind::Duration => "a duration such as \"2s\"",
        Kind::Choice(_) => "one of its words, in quotes",
        Kind::Columns => {
            "a table of columns, each with a type in quotes or a table of strings, numbers and booleans"
        }
    }
}

/// Says where a key that stands in the wrong place belongs.
fn home_of(name: &str) -> Option<String> {
    let name = name.replace('-', "_");
    SPECS
        .iter()
        .find(|spec| spec.name == name)
        .map(|spec| format!("\"{}\" in [{}]", spec.name, spec.table))
}

/// Returns the word that is most like `word`, if any is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(word.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Key;

    fn parse(text: &str) -> Result<Layer, FileError> {
        parse_file(Path::new("strandline.toml"), text)
    }

    #[test]
    fn values_are_read_from_their_tables() {
        let layer = parse(
            "[source]\npath = 'in'\ninclude = ['*.csv']\nhidden = true\n[run]\nthreads = 4\nmemory = 1024\n",
        )
        .unwrap();
        assert_eq!(layer.values[&Key::Source], Value::One("in".to_owned()));
        assert_eq!(layer.values[&Key::Hidden], Value::One("true".to_owned()));
        assert_eq!(layer.values[&Key::Threads], Value::One("4".to_owned()));
        assert_eq!(layer.values[&Key::Memory], Value::One("1024".to_owned()));
        assert_eq!(
            layer.values[&Key::Include],
            Value::Many(vec!["*.csv".to_owned()])
        );
    }

    #[test]
    fn a_number_in_another_base_means_what_toml_says() {
        for (text, value) in [
            ("0x10", "16"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("1_000", "1000"),
        ] {
            let layer = parse(&format!("[run]\nthreads = {text}")).unwrap();
            assert_eq!(layer.values[&Key::Threads], Value::One(value.to_owned()));
        }
    }

    #[test]
    fn what_is_not_known_names_the_nearest_that_is() {
        for (text, message) in [
            (
                "[source]\nformt = 'csv'",
                "unknown key \"formt\" in [source] of strandline.toml, line 2; did you mean \"format\"?",
            ),
            (
                "[source]\nthreads = 4",
                "unknown key \"threads\" in [source] of strandline.toml, line 2; did you mean \"threads\" in [run]?",
            ),
            (
                "[run]\non-delete = 'retain'",
                "unknown key \"on-delete\" in [run] of strandline.toml, line 2; did you mean \"on_delete\" in [run]?",
            ),
            (
                "[run]\nqwertyuiop = 1",
                "unknown key \"qwertyuiop\" in [run] of strandline.toml, line 2",
            ),
            (
                "\n[sorce]\npath = 'x'",
                "unknown table [sorce] in strandline.toml, line 2; did you mean [source]?",
            ),
            (
                "format = 'csv'",
                "unknown table [format] in strandline.toml, line 1; did you mean \"format\" in [source]?",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_says_what_it_must_be() {
        for (text, message) in [
            (
                "[source]\ninclude = '*.csv'",
                "include in [source] of strandline.toml, line 2, must be a list of strings in brackets, not string",
            ),
            (
                "[source]\nhidden = 'yes'",
                "hidden in [source] of strandline.toml, line 2, must be true or false, not string",
            ),
            (
                "[run]\nthreads = 1.5",
                "threads in [run] of strandline.toml, line 2, must be a whole number, not float",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
        assert!(matches!(parse("[source"), Err(FileError::Syntax { .. })));
    }

    #[test]
    fn expectations_are_read_in_their_order() {
        let layer = parse(
            "[[expect]]\nname = 'b'\nsql = 'x > 0'\non_fail = 'drop'\n\n\
             [[expect]]\nname = 'a'\nsql = 'y'\non_fail = 'fail'\n",
        )
        .unwrap();
        let expectation = |name: &str, sql: &str, on_fail| Expectation {
            name: name.to_owned(),
            sql: sql.to_owned(),
            on_fail,
        };
        assert_eq!(
            layer.expectations,
            [
                expectation("b", "x > 0", OnFail::Drop),
                expectation("a", "y", OnFail::Fail)
            ]
        );
    }

    #[test]
    fn an_expectation_that_is_none_says_what_is_wrong_with_it() {
        let one = "[[expect]]\nname = 'a'\nsql = 'x'\non_fail = 'drop'\n";
        for (text, message) in [
            (
                "[expect]\nname = 'a'".to_owned(),
                "[[expect]] of strandline.toml, line 1, must be a table: write [[expect]] with name, sql and on_fail below it",
            ),
            (
                one.replace("name", "nme"),
                "[[expect]] of strandline.toml, line 1, has the unknown key \"nme\"; it has name, sql and on_fail",
            ),
            (
                one.replace("sql = 'x'", "sql = 3"),
                "[[expect]] of strandline.toml, line 1, must have a text as its sql",
            ),
            (
                one.replace("drop", "quarantine"),
                "[[expect]] of strandline.toml, line 1, has the on_fail \"quarantine\"; it must be one of drop, quarantine_row, quarantine_file, fail",
            ),
            (
                one.repeat(2),
                "[[expect]] of strandline.toml, line 5, has the name \"a\", which another one has already",
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err().to_string(), message);
        }
    }
}
