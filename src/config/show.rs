//! Every setting with its value and origin, as text or JSON.
use std::fmt::Write;

use serde_json::{Value, json};

use super::key::{Key, Origin};
use super::load::Loaded;
use super::section::Config;

/// Every value of `config` by key; lists are one value.
pub(super) fn flatten(config: &Config) -> Vec<(Key, Value)> {
    fn walk(at: &Key, value: Value, flat: &mut Vec<(Key, Value)>) {
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    walk(&at.child(&name), value, flat);
                }
            }
            leaf => flat.push((at.clone(), leaf)),
        }
    }
    let mut flat = Vec::new();
    let tree = serde_json::to_value(config).expect("paths come from text, all else is plain");
    walk(&Key::default(), tree, &mut flat);
    flat
}

impl Loaded {
    /// One line per key that is valid TOML: `tasks.max_concurrent = 3  # default`.
    #[must_use]
    pub fn show_text(&self) -> String {
        let mut text = String::new();
        for (key, value) in flatten(&self.config) {
            let origin = self.origin(&key);
            writeln!(text, "{key} = {}  # {origin}", toml_text(&value))
                .expect("a String takes all");
        }
        text
    }

    /// `{schema: 1, file, settings: [{key, value, source, origin}]}`.
    #[must_use]
    pub fn show_json(&self) -> Value {
        let settings: Vec<_> = flatten(&self.config)
            .into_iter()
            .map(|(key, value)| {
                let origin = self.origin(&key);
                let source = match origin {
                    Origin::Default => "default",
                    Origin::File { .. } => "file",
                    Origin::Env { .. } => "environment",
                    Origin::Flag { .. } => "flag",
                };
                json!({
                    "key": key.to_string(), "value": value,
                    "source": source, "origin": origin.to_string(),
                })
            })
            .collect();
        json!({ "schema": 1, "file": self.file, "settings": settings })
    }
}

/// A leaf as TOML writes it.
fn toml_text(value: &Value) -> String {
    match value {
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(toml_text).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}
