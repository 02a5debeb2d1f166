//! `GATEWAY_SECTION__KEY` variables, and values given as plain text.
use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Cause, in_short};
use super::file::value_json;
use super::key::{Key, Origin};
use super::layers::Layers;
use super::schema::{self, Place};

/// What all our variables begin with.
const PREFIX: &str = "GATEWAY_";
/// What stands between the parts of a key; a name without it (`GATEWAY_CONFIG`) is no key.
const SEPARATOR: &str = "__";

/// Takes every `GATEWAY_…__…` variable in.
pub(super) fn read(env: &BTreeMap<String, String>, layers: &mut Layers) {
    for (name, text) in env {
        let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains(SEPARATOR)) else {
            continue;
        };
        let origin = Origin::Env { name: name.clone() };
        if let Some(key) = key_of(path, &origin, layers) {
            set_text(&key, text, origin, layers);
        }
    }
}

/// The key that a variable means. Names of projects and executors are found regardless of case and
/// with `_` for `-`; one that exists nowhere else is taken in lower case.
fn key_of(path: &str, origin: &Origin, layers: &mut Layers) -> Option<Key> {
    let parts: Vec<String> = path.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
    let mut key = Key::default();
    for part in parts {
        let names_an_entry =
            matches!(schema::place(&key), Place::Table(table) if schema::entry(table).is_some());
        if !names_an_entry {
            key = key.child(&part);
            continue;
        }
        let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
        let named: Vec<Key> = layers
            .entries
            .keys()
            .filter(|entry| entry.parent() == key && plain(entry.last()) == plain(&part))
            .cloned()
            .collect();
        match named.as_slice() {
            [] => key = key.child(&part),
            [one] => key = one.clone(),
            [one, two, ..] => {
                let reason = format!("it could mean `{one}` or `{two}`");
                layers.problem(&key.child(&part), origin.clone(), Cause::BadName { reason });
                return None;
            }
        }
    }
    Some(key)
}

/// Sets `key` to a value given as text, read as what the key takes.
pub(super) fn set_text(key: &Key, text: &str, origin: Origin, layers: &mut Layers) {
    let Place::Leaf(leaf) = schema::place(key) else {
        layers.set(key, Value::String(text.to_owned()), origin);
        return;
    };
    if let Some(value) = typed(leaf, text) {
        layers.set(key, value, origin);
        return;
    }
    let found = in_short(&Value::String(text.to_owned()));
    let cause = Cause::BadValue { found, reason: None, allowed: schema::allowed(leaf) };
    layers.problem(key, origin, cause);
}

fn typed(leaf: &Value, text: &str) -> Option<Value> {
    match leaf.get("type").and_then(Value::as_str) {
        Some("boolean") => text.trim().parse().ok().map(Value::Bool),
        Some("integer") => text.trim().parse::<i64>().ok().map(Value::from),
        Some("number") => text.trim().parse::<f64>().ok().map(Value::from),
        Some("array") => list(text),
        _ => Some(Value::String(text.to_owned())),
    }
}

/// A list as TOML or JSON (`["a", "b"]`), or as words between commas.
fn list(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with('[') {
        let value: toml_edit::Value = text.parse().ok()?;
        return value_json(&value).ok();
    }
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    Some(words.map(|word| Value::String(word.to_owned())).collect())
}
