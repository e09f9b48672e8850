//! `strandline config show`: every setting with its origin.

use std::fmt::Write as _;

use serde::Serialize;

use crate::config::{Key, Kind, Layers, Origin, SPECS, Value};

use super::Session;
use super::answer::VERSION;
use super::args::PipelineArgs;
use super::exit::Ending;
use super::settings::{layers, resolve};

#[derive(Debug, Serialize)]
struct Shown {
    table: &'static str,
    key: &'static str,
    value: serde_json::Value,
    origin: String,
    #[serde(skip)]
    kind: Kind,
}

/// Shows every setting with its value and where that comes from.
pub(super) fn show(args: &PipelineArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let layers = layers(args.layer(), session.global)?;
    let settings = resolve(&layers)?;
    let shown: Vec<Shown> = SPECS
        .iter()
        .map(|spec| shown(spec.key, &layers, settings.limits.threads))
        .collect();
    let document = serde_json::json!({
        "version": VERSION,
        "definition": settings.definition.fingerprint(),
        "settings": shown,
        "expectations": layers.expectations(),
    });
    session
        .talk
        .result(&document, || render(&shown) + &expectations(&layers))?;
    Ok(Ending::Done)
}

fn shown(key: Key, layers: &Layers, threads: usize) -> Shown {
    let spec = key.spec();
    let (value, origin) = match layers.find(key) {
        Some((Value::One(text), origin)) => (text.as_str().into(), origin.to_string()),
        Some((Value::Many(items), origin)) => (items.clone().into(), origin.to_string()),
        None if key == Key::Threads => (threads.to_string().into(), Origin::Default.to_string()),
        None => (serde_json::Value::Null, Origin::Default.to_string()),
    };
    Shown {
        table: spec.table,
        key: spec.name,
        value,
        origin,
        kind: spec.kind,
    }
}

fn render(all: &[Shown]) -> String {
    let mut text = String::new();
    let mut table = "";
    for shown in all {
        if shown.table != table {
            let gap = if table.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{}]", shown.table);
            table = shown.table;
        }
        // What has no value is shown as a comment, so that the text is a settings file.
        let setting = if shown.value.is_null() {
            format!("# {} is not set", shown.key)
        } else {
            format!("{} = {}", shown.key, written(shown.kind, &shown.value))
        };
        let _ = writeln!(text, "{setting:<40} # {}", shown.origin);
    }
    text
}

fn expectations(layers: &Layers) -> String {
    let mut text = String::new();
    for one in layers.expectations() {
        let quoted = |text: &str| toml::Value::String(text.to_owned());
        let _ = writeln!(text, "\n[[expect]]\nname = {}", quoted(&one.name));
        let _ = writeln!(text, "sql = {}", quoted(&one.sql));
        let _ = writeln!(text, "on_fail = {}", quoted(one.on_fail.word()));
    }
    text
}

fn written(kind: Kind, value: &serde_json::Value) -> String {
    match value.as_str() {
        Some(text) if kind == Kind::Text => toml::Value::String(text.to_owned()).to_string(),
        Some(word @ ("true" | "false")) => word.to_owned(),
        Some(number) if number.parse::<u64>().is_ok() => number.to_owned(),
        // A JSON string or list of strings reads the same in TOML.
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Expectation, Layer, OnFail, Settings, parse_file};

    #[test]
    fn what_is_shown_is_a_settings_file_that_means_the_same() {
        let mut flags = Layer::new(Origin::Flag);
        flags.set(Key::Include, "a,{b,c}/*");
        flags.set(Key::MaxFiles, "7");
        flags.set(Key::Hidden, "true");
        flags.set(Key::Delimiter, "1");
        flags.set(Key::Null, "1,\\N");
        flags.set(Key::Columns, "true");
        flags.set(
            Key::SchemaColumn,
            "a=decimal(10,2),\"x=y\"={type='date', nullable=false}",
        );
        flags.set(Key::Source, "/in \"x\"");
        flags.set(Key::Select, "a, 'it''s' AS \"b\"");
        flags.expectations.push(Expectation {
            name: "n \"1\"".to_owned(),
            sql: "a\n> 0".to_owned(),
            on_fail: OnFail::Drop,
        });
        let layers = Layers(vec![flags, Layer::defaults()]);
        let all: Vec<Shown> = SPECS
            .iter()
            .map(|spec| shown(spec.key, &layers, 3))
            .collect();
        let text = render(&all) + &expectations(&layers);
        let file = parse_file(Path::new("x.toml"), &text).unwrap();
        let again = Settings::resolve(&Layers(vec![file, Layer::defaults()]), 3).unwrap();
        assert_eq!(again, Settings::resolve(&layers, 3).unwrap());
        assert!(
            text.contains("max_files = 7                            # flag\n"),
            "{text}"
        );
    }
}
