//! Taking JSON apart that stands in a column of text.
//!
//! | function | gives |
//! |---|---|
//! | `json_get(text, path)` | the value at the path as text: a string without its quotes, anything else as it is written; null where there is none, or `null` |
//! | `json_list(text, path)` | the items of the array at the path as a list of such texts; null where there is none |
//! | `json_valid(text)` | whether the text is JSON |
//!
//! A path begins with `$`; `.name`, `."any name"`, `['any name']` and `[0]` lead on. Where a name comes twice, its last
//! value counts. Text that is no JSON is an error of its row.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion_common::{Result, ScalarValue, exec_datafusion_err, plan_datafusion_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the functions.
pub(super) fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    [Function::Get, Function::List, Function::Valid]
        .into_iter()
        .map(|function| {
            let arguments = if function == Function::Valid { 1 } else { 2 };
            Arc::new(ScalarUDF::new_from_impl(Json {
                function,
                signature: Signature::string(arguments, Volatility::Immutable),
            }))
        })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    Get,
    List,
    Valid,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Json {
    function: Function,
    signature: Signature,
}

impl ScalarUDFImpl for Json {
    fn name(&self) -> &str {
        match self.function {
            Function::Get => "json_get",
            Function::List => "json_list",
            Function::Valid => "json_valid",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.function {
            Function::Get => DataType::Utf8,
            Function::List => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
            Function::Valid => DataType::Boolean,
        })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<Arc<Field>> {
        let path = arguments.scalar_arguments.get(1).copied().flatten();
        if let Some(path) = path.and_then(text_of) {
            steps(path).map_err(|fault| plan_datafusion_err!("{fault}"))?;
        }
        Ok(Arc::new(Field::new(
            self.name(),
            self.return_type(&[])?,
            true,
        )))
    }

    fn invoke_with_args(&self, called: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let all_constant = called.args.iter().all(is_constant);
        let rows = if all_constant { 1 } else { called.number_rows };
        let mut texts = Vec::new();
        for argument in &called.args {
            let array = argument.to_array(rows)?;
            texts.push(arrow::compute::cast(&array, &DataType::Utf8)?);
        }
        let texts: Vec<&StringArray> = texts.iter().map(AsArray::as_string).collect();
        let made: ArrayRef = match (self.function, texts.as_slice()) {
            (Function::Get, [text, path]) => Arc::new(get(text, path)?),
            (Function::List, [text, path]) => list(text, path)?,
            (_, texts) => {
                let valid = |text| serde_json::from_str::<IgnoredAny>(text).is_ok();
                let texts = texts.iter().flat_map(|texts| texts.iter());
                Arc::new(texts.map(|text| text.map(valid)).collect::<BooleanArray>())
            }
        };
        Ok(if all_constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?)
        } else {
            ColumnarValue::Array(made)
        })
    }
}

fn text_of(scalar: &ScalarValue) -> Option<&str> {
    scalar.try_as_str().flatten()
}

fn get(texts: &StringArray, paths: &StringArray) -> Result<StringArray> {
    let mut builder = StringBuilder::new();
    each(texts, paths, |found| {
        builder.append_option(found.map(as_text).transpose()?.flatten());
        Ok(())
    })?;
    Ok(builder.finish())
}

fn list(texts: &StringArray, paths: &StringArray) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    each(texts, paths, |found| {
        let items = found.map(|found| items(found)).transpose()?.flatten();
        for item in items.iter().flatten() {
            builder.values().append_option(as_text(item.get())?);
        }
        builder.append(items.is_some());
        Ok(())
    })?;
    Ok(Arc::new(builder.finish()))
}

/// Hands what stands at each row's path to `take`.
fn each(
    texts: &StringArray,
    paths: &StringArray,
    mut take: impl FnMut(Option<&str>) -> Result<()>,
) -> Result<()> {
    // Nearly always one path for all rows.
    let mut last: Option<(&str, Vec<Step<'_>>)> = None;
    for (text, path) in texts.iter().zip(paths) {
        let (Some(text), Some(path)) = (text, path) else {
            take(None)?;
            continue;
        };
        let steps = match &last {
            Some((known, steps)) if *known == path => steps,
            _ => {
                let steps = steps(path).map_err(|fault| exec_datafusion_err!("{fault}"))?;
                &last.insert((path, steps)).1
            }
        };
        take(find(text, steps)?)?;
    }
    Ok(())
}

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Name(&'a str),
    Item(usize),
}

/// Why a path cannot be read.
#[derive(Debug)]
struct PathFault<'a>(&'a str);

impl fmt::Display for PathFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0;
        write!(
            f,
            "{path:?} is no path: write $, and then .name, ['any name'] or [0] for each step"
        )
    }
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, PathFault<'_>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').ok_or(PathFault(path))?;
    while !rest.is_empty() {
        let (step, behind) = step(rest).ok_or(PathFault(path))?;
        steps.push(step);
        rest = behind;
    }
    Ok(steps)
}

fn step(rest: &str) -> Option<(Step<'_>, &str)> {
    if let Some(quoted) = rest.strip_prefix(".\"") {
        let (name, behind) = quoted.split_once('"')?;
        return Some((Step::Name(name), behind));
    }
    if let Some(quoted) = rest.strip_prefix("['") {
        let (name, behind) = quoted.split_once("']")?;
        return Some((Step::Name(name), behind));
    }
    if let Some(number) = rest.strip_prefix('[') {
        let (number, behind) = number.split_once(']')?;
        return Some((Step::Item(number.parse().ok()?), behind));
    }
    let name = rest.strip_prefix('.')?;
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, behind) = name.split_at(end);
    (!name.is_empty()).then_some((Step::Name(name), behind))
}

/// Returns the JSON at the path, if there is any.
fn find<'a>(text: &'a str, steps: &[Step<'_>]) -> Result<Option<&'a str>> {
    let mut at = serde_json::from_str::<&RawValue>(text).map_err(no_json)?;
    for step in steps {
        let mut reader = serde_json::Deserializer::from_str(at.get());
        let found = match (step, at.get().as_bytes().first()) {
            (Step::Name(name), Some(b'{')) => reader.deserialize_map(Members(name)),
            (Step::Item(item), Some(b'[')) => reader.deserialize_seq(Items(*item)),
            _ => return Ok(None),
        };
        match found.map_err(no_json)? {
            Some(found) => at = found,
            None => return Ok(None),
        }
    }
    Ok(Some(at.get()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "an error handler takes its error"
)]
fn no_json(error: serde_json::Error) -> datafusion_common::DataFusionError {
    exec_datafusion_err!("the text is no JSON: {error}")
}

/// Returns a string without its quotes, and anything else as it is written; nothing for `null`.
fn as_text(json: &str) -> Result<Option<Cow<'_, str>>> {
    Ok(match json.as_bytes().first() {
        Some(b'"') => Some(
            serde_json::from_str::<String>(json)
                .map_err(no_json)?
                .into(),
        ),
        Some(b'n') => None,
        _ => Some(json.into()),
    })
}

fn items(json: &str) -> Result<Option<Vec<&RawValue>>> {
    if !json.starts_with('[') {
        return Ok(None);
    }
    serde_json::from_str(json).map(Some).map_err(no_json)
}

/// Looks for the last member of this name.
struct Members<'n>(&'n str);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Looks for the item at this place.
struct Items(usize);

impl<'de> Visitor<'de> for Items {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut at) = (None, 0usize);
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            if at == self.0 {
                found = Some(item);
            }
            at += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &str) -> String {
        let steps = match steps(path) {
            Ok(steps) => steps,
            Err(fault) => return fault.to_string(),
        };
        match find(text, &steps) {
            Ok(found) => format!("{:?}", found.map(as_text).transpose().unwrap().flatten()),
            Err(error) => error.strip_backtrace(),
        }
    }

    #[test]
    fn a_path_leads_to_the_value_that_counts() {
        let text = r#" {"a": {"b": [1, 2.50, "x\ny", null, {"c d": true}]}, "a.b": "é", "a\u0062": 1, "a": {"b": [1,"z"]}} "#;
        for (path, found) in [
            ("$.a.b[1]", r#"Some("z")"#),
            ("$.a.b", r#"Some("[1,\"z\"]")"#),
            ("$.\"a.b\"", r#"Some("é")"#),
            ("$['a.b']", r#"Some("é")"#),
            ("$.ab", r#"Some("1")"#),
            ("$.a.b[7]", "None"),
            ("$.a[0]", "None"),
            ("$.none.x", "None"),
        ] {
            assert_eq!(at(text, path), found, "{path}");
        }
        let text = r#"[[1, 2.50, "x\ny", null, {"c d": true}]]"#;
        for (path, found) in [
            ("$[0][1]", r#"Some("2.50")"#),
            ("$[0][2]", r#"Some("x\ny")"#),
            ("$[0][3]", "None"),
            ("$[0][4]['c d']", r#"Some("true")"#),
        ] {
            assert_eq!(at(text, path), found, "{path}");
        }
        assert_eq!(at("\"x\"", "$"), r#"Some("x")"#);
    }

    #[test]
    fn what_is_no_path_or_no_json_says_so() {
        for path in [
            "", "a", "$a", "$.", "$..a", "$[x]", "$[0", "$['a]", "$.\"a", "$[-1]",
        ] {
            assert!(at("{}", path).contains("is no path"), "{path}");
        }
        for text in ["", "{", "{\"a\": }", "nul", "1 2", "{'a': 1}"] {
            assert!(at(text, "$.a").contains("no JSON"), "{text}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(at(&deep, "$[0][0]").starts_with("Some") || at(&deep, "$").contains("no JSON"));
    }
}
