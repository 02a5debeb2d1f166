//! One line for people about a use of a tool: cleaned, cut, without anything that looks like a key.
//!
//! The line is what an owner decides by, so nothing in it may hide: control characters and
//! direction marks become visible signs, and what is cut off is counted.
use std::path::{Component, Path};

use serde_json::Value;

use crate::model::steers;

/// Longest line, in characters, without the mark of what was cut.
const CHARS_MAX: usize = 240;
/// Shapes of well-known keys; the rest of a word that begins so is not shown.
const KEY_PREFIXES: [&str; 12] = [
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "eyJhbGciOi",
    "npm_",
];

/// The line for a use of a tool. A file of the task is named below `work_dir`, which is nobody's
/// business; every other one by its whole path.
pub(super) fn of_use(tool: &str, input: &Value, work_dir: &Path) -> String {
    let keys: &[&str] = match tool {
        "Bash" | "PowerShell" | "Monitor" => &["command"],
        "Read" | "Write" | "Edit" | "MultiEdit" => &["file_path"],
        "NotebookEdit" => &["notebook_path"],
        "Grep" | "Glob" => &["pattern"],
        "WebFetch" => &["url"],
        "WebSearch" => &["query"],
        "Task" | "Agent" => &["description", "prompt"],
        "Skill" => &["skill", "command"],
        "AskUserQuestion" => return clean(&questions(input)),
        _ => &[],
    };
    match keys.iter().find_map(|key| text(input, key)) {
        Some(found) if keys[0].ends_with("_path") => clean(&below(found, work_dir)),
        Some(found) => clean(found),
        None if input.as_object().is_none_or(serde_json::Map::is_empty) => String::new(),
        None => clean(&input.to_string()),
    }
}

/// The path below `work_dir`, when it leads nowhere else.
fn below(path: &str, work_dir: &Path) -> String {
    let path = Path::new(path);
    let plain = path.components().all(|part| part != Component::ParentDir);
    let inside = path.strip_prefix(work_dir).ok().filter(|_| plain);
    inside.filter(|it| *it != Path::new("")).unwrap_or(path).display().to_string()
}

fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key).and_then(Value::as_str)
}

fn questions(input: &Value) -> String {
    let asked = input.get("questions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let lines: Vec<String> = asked.iter().map(question).collect();
    if lines.is_empty() { "a question without words".to_owned() } else { lines.join(" · ") }
}

fn question(asked: &Value) -> String {
    let options = asked.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let labels: Vec<&str> = options.iter().filter_map(|option| text(option, "label")).collect();
    let words = text(asked, "question").unwrap_or("?");
    if labels.is_empty() { words.to_owned() } else { format!("{words} [{}]", labels.join(" | ")) }
}

/// Makes one bounded line of any text.
pub(super) fn clean(text: &str) -> String {
    let mut line = String::new();
    let mut shown = 0;
    let mut left = 0_u64;
    for word in words(text.trim()) {
        for c in word.chars() {
            if shown < CHARS_MAX {
                line.push(c);
                shown += 1;
            } else {
                left += 1;
            }
        }
    }
    if left > 0 {
        line.push_str(&format!("… (+{left} characters)"));
    }
    line
}

/// The text in pieces, spaces included, with hidden characters shown and keys masked.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(is_edge).map(|piece| {
        let (word, edge) = match piece.char_indices().last() {
            Some((at, c)) if is_edge(c) => (&piece[..at], Some(visible(c))),
            _ => (piece, None),
        };
        let mut shown: String = match KEY_PREFIXES.iter().find(|prefix| looks_like(word, prefix)) {
            Some(prefix) => format!("{prefix}***"),
            None => word.chars().map(visible).collect(),
        };
        shown.extend(edge);
        shown
    })
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ':' | '@' | '/' | ',' | ';')
}

fn looks_like(word: &str, prefix: &str) -> bool {
    word.strip_prefix(prefix).is_some_and(|rest| rest.chars().count() >= 12)
}

/// What stands for a character that would not be seen, or would move what is seen.
fn visible(c: char) -> char {
    match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => '⏎',
        '\t' => ' ',
        c if steers(c) => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_on_several_lines_shows_its_line_ends() {
        let line = of_use(
            "Bash",
            &json!({"command": "ls\nrm -rf /\u{1b}[2K\u{202e}x"}),
            Path::new("/work"),
        );
        assert_eq!(line, "ls⏎rm -rf /\u{fffd}[2K\u{fffd}x");
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        let line = clean(&"a".repeat(CHARS_MAX + 7));
        assert!(line.ends_with("… (+7 characters)"), "{line}");
    }

    #[test]
    fn a_key_is_masked_and_its_kind_still_shows() {
        let input = json!({"command": "curl -H 'x-api-key: sk-ant-abcdefghijklmnop' https://x"});
        let line = of_use("Bash", &input, Path::new("/work"));
        assert_eq!(line, "curl -H 'x-api-key: sk-***' https://x");
        assert_eq!(clean("TOKEN=ghp_abcdefghijklmnopqrst"), "TOKEN=ghp_***");
        assert_eq!(clean("sk-short"), "sk-short");
    }

    #[test]
    fn a_question_shows_its_words_and_its_choices() {
        let input = json!({"questions": [{"question": "Which color?",
            "options": [{"label": "Red"}, {"label": "Blue"}]}]});
        let line = of_use("AskUserQuestion", &input, Path::new("/work"));
        assert_eq!(line, "Which color? [Red | Blue]");
        let line = of_use("AskUserQuestion", &json!({"questions": 7}), Path::new("/work"));
        assert_eq!(line, "a question without words");
    }

    #[test]
    fn an_unknown_tool_shows_its_input() {
        assert_eq!(of_use("New", &json!({"a": 1}), Path::new("/work")), r#"{"a":1}"#);
        assert_eq!(of_use("New", &json!({}), Path::new("/work")), "");
        assert_eq!(of_use("Bash", &Value::Null, Path::new("/work")), "");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_bounded_line(text in "\\PC*|(.|\n|\r|\u{1b}|\u{202e})*") {
            let line = clean(&text);
            prop_assert!(line.chars().count() <= CHARS_MAX + 40);
            let hidden = line.chars().any(|c| c.is_control() || c == '\u{202e}');
            prop_assert!(!hidden);
        }
    }

    #[test]
    fn a_file_of_the_task_is_named_below_its_folder_and_any_other_by_its_whole_path() {
        let of =
            |path: &str| of_use("Write", &json!({"file_path": path}), Path::new("/state/tree"));
        assert_eq!(of("/state/tree/src/a.rs"), "src/a.rs");
        for whole in ["/etc/passwd", "/state/tree/../x", "/state/treehouse", "/state/tree", "rel"] {
            assert_eq!(of(whole), whole);
        }
        let of = of_use("Bash", &json!({"command": "cat /state/tree/a"}), Path::new("/state/tree"));
        assert_eq!(of, "cat /state/tree/a");
    }
}
