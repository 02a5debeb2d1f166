//! How a line looks: for people, or one JSON object.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;

use super::escape::{escape, escape_for_json};
use super::line::{Field, Line};
use super::scrub::{scrub, scrub_json};
use crate::clock::Timestamp;

/// The choice of `--log-format`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// [`Pretty`](Self::Pretty) on a terminal, [`Json`](Self::Json) into a file, pipe or journal.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Every word of the flag.
    pub const WORDS: [&str; 3] = ["auto", "pretty", "json"];
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(format!("allowed: {}", Self::WORDS.join(", "))),
        }
    }
}

/// Whether stderr may have colours: on a terminal that can, unless `NO_COLOR` is set (to anything).
#[must_use]
pub fn colours(env: &BTreeMap<String, String>, is_terminal: bool) -> bool {
    let refused = env.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env.get("TERM").is_some_and(|term| term == "dumb");
    is_terminal && !refused && !dumb
}

/// A format with all choices made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Pretty { colours: bool },
    Json,
}

/// A line longer than this loses its last fields; single values are cut before.
const LINE_BYTES_MAX: usize = 32 * 1024;

/// One line of the log with its newline.
pub(super) fn format(style: Style, now: Timestamp, line: &Line<'_>) -> String {
    let mut text = match style {
        Style::Pretty { colours } => scrub(&pretty(colours, now, line)).into_owned(),
        Style::Json => scrub_json(&json(now, line)),
    };
    text.push('\n');
    text
}

/// `2026-11-20T05:41:06.120Z  INFO gateway::task: settled task=t1 (request{id=…})`.
fn pretty(colours: bool, now: Timestamp, line: &Line<'_>) -> String {
    let (dim, colour, reset) =
        if colours { ("\x1b[2m", colour(line.level), "\x1b[0m") } else { ("", "", "") };
    let mut text = String::with_capacity(160);
    write!(text, "{dim}{now}{reset} {colour}{:>5}{reset} {}: ", line.level.as_str(), line.target)
        .expect("a String takes all");
    text.push_str(&escape(line.message));
    for field in line.fields {
        if text.len() > LINE_BYTES_MAX {
            text.push_str(" …");
            break;
        }
        text.push(' ');
        push_field(&mut text, field);
    }
    for span in line.spans {
        if text.len() > LINE_BYTES_MAX {
            text.push_str(" …");
            break;
        }
        write!(text, " ({}", span.name).expect("a String takes all");
        for field in &span.fields {
            text.push(' ');
            push_field(&mut text, field);
        }
        text.push(')');
    }
    text
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

/// `name=value`; a text that is no plain word stands in quotes.
fn push_field(text: &mut String, field: &Field) {
    text.push_str(field.name);
    text.push('=');
    match &field.value {
        Value::String(value) => {
            let value = escape(value);
            let plain = |c: char| !c.is_whitespace() && !"\"'=(){}".contains(c);
            if !value.is_empty() && value.chars().all(plain) {
                text.push_str(&value);
            } else {
                text.push('"');
                text.push_str(&value.replace('\\', "\\\\").replace('"', "\\\""));
                text.push('"');
            }
        }
        value => write!(text, "{value}").expect("a String takes all"),
    }
}

/// A line as JSON, in this order.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    level: String,
    target: &'a str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    /// Innermost first, each its fields and its `name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Map<String, Value>>,
}

fn json(now: Timestamp, line: &Line<'_>) -> String {
    let mut budget = LINE_BYTES_MAX;
    let line = JsonLine {
        time: now.to_string(),
        level: line.level.as_str().to_ascii_lowercase(),
        target: line.target,
        message: escape_for_json(line.message),
        fields: json_fields(line.fields, &mut budget),
        spans: line
            .spans
            .iter()
            .map(|span| {
                let mut fields = json_fields(&span.fields, &mut budget);
                fields.insert("name".to_owned(), span.name.into());
                fields
            })
            .collect(),
    };
    serde_json::to_string(&line).expect("maps of text keys are JSON")
}

fn json_fields(fields: &[Field], budget: &mut usize) -> Map<String, Value> {
    let mut object = Map::new();
    for field in fields {
        let value = match &field.value {
            Value::String(text) => Value::String(escape_for_json(text).into_owned()),
            value => value.clone(),
        };
        let size = field.name.len() + value.as_str().map_or(20, str::len);
        let Some(rest) = budget.checked_sub(size) else {
            object.insert("truncated".to_owned(), Value::Bool(true));
            break;
        };
        *budget = rest;
        object.insert(field.name.to_owned(), value);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_and_no_objection() {
        let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        assert!(colours(&env(&[]), true));
        assert!(!colours(&env(&[]), false));
        assert!(!colours(&env(&[("NO_COLOR", "1")]), true));
        assert!(colours(&env(&[("NO_COLOR", "")]), true));
        assert!(!colours(&env(&[("TERM", "dumb")]), true));
    }

    #[test]
    fn the_words_of_the_flag_are_read() {
        for word in LogFormat::WORDS {
            assert!(word.parse::<LogFormat>().is_ok(), "{word}");
        }
        assert_eq!("xml".parse::<LogFormat>().unwrap_err(), "allowed: auto, pretty, json");
    }
}
