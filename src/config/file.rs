//! The config file, read with the line of every key.
use std::path::Path;

use serde_json::Value;
use toml_edit::{Document, Item, TableLike, Value as TomlValue};

use super::error::{Cause, ConfigError, in_short};
use super::key::{Key, Origin};
use super::layers::Layers;
use super::schema::{self, Place};

/// Reads `text` into `layers`.
pub(super) fn read(path: &Path, text: &str, layers: &mut Layers) -> Result<(), ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document::parse(text).map_err(|err| syntax(path, text, &err))?;
    let lines = Lines { path, text };
    read_table(&lines, &Key::default(), document.as_table(), layers);
    Ok(())
}

fn read_table(lines: &Lines<'_>, at: &Key, table: &dyn TableLike, layers: &mut Layers) {
    for (name, item) in table.iter() {
        let key = at.child(name);
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let origin = lines.origin(span);
        let is_table = matches!(schema::place(&key), Place::Table(_));
        match item.as_table_like() {
            Some(table) => {
                if layers.open(&key, origin) && is_table {
                    read_table(lines, &key, table, layers);
                }
            }
            None => match json(item) {
                Ok(value) => layers.set(&key, value, origin),
                Err(found) => match schema::place(&key) {
                    Place::Leaf(leaf) => {
                        let allowed = schema::allowed(leaf);
                        let cause = Cause::BadValue { found, reason: None, allowed };
                        layers.problem(&key, origin, cause);
                    }
                    Place::Table(_) | Place::Unknown(_) => {
                        layers.set(&key, Value::Null, origin);
                    }
                },
            },
        }
    }
}

/// The value as JSON; what JSON lacks comes back as words.
fn json(item: &Item) -> Result<Value, String> {
    match item {
        Item::Value(value) => value_json(value),
        Item::ArrayOfTables(_) => Err("a list of tables".to_owned()),
        Item::None | Item::Table(_) => Err("a table".to_owned()),
    }
}

pub(super) fn value_json(value: &TomlValue) -> Result<Value, String> {
    match value {
        TomlValue::String(text) => Ok(Value::String(text.value().clone())),
        TomlValue::Integer(number) => Ok(Value::from(*number.value())),
        TomlValue::Float(number) => serde_json::Number::from_f64(*number.value())
            .map(Value::Number)
            .ok_or("not a number".to_owned()),
        TomlValue::Boolean(value) => Ok(Value::Bool(*value.value())),
        TomlValue::Datetime(date) => Err(format!("the date {}", date.value())),
        TomlValue::Array(array) => {
            array.iter().map(value_json).collect::<Result<_, _>>().map(Value::Array)
        }
        TomlValue::InlineTable(_) => Err("a table".to_owned()),
    }
}

struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn origin(&self, span: Option<std::ops::Range<usize>>) -> Origin {
        let start = span.map_or(0, |span| span.start);
        Origin::File { path: self.path.to_owned(), line: position(self.text, start).0 }
    }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn syntax(path: &Path, text: &str, err: &toml_edit::TomlError) -> ConfigError {
    let (line, column) = position(text, err.span().map_or(0, |span| span.start));
    let message = in_short(&Value::String(err.message().to_owned()));
    let message = message.trim_matches('"').to_owned();
    ConfigError::Syntax { path: path.to_owned(), line, column, message }
}
