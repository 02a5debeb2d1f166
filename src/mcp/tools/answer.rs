//! What tools answer: facts for programs, words for models, in one shape and one size.
//!
//! An answer has two text blocks. The first is for reading: `state=… task=… next=…`, then the body.
//! The second repeats the structured content as JSON for clients that do not know that field
//! (2025-11-25, tools, structured content), except for what the first shows word for word: nobody
//! should pay twice for a diff.
use std::fmt::{Display, Write as _};

use rmcp::model::{CallToolResult, ContentBlock};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::model::{ChangedFile, DiffStat, Task, TaskState, steers};

/// Most characters of an answer, structured content included.
pub(super) const CHARS_MAX: usize = 100_000;
/// Most bytes of a long text in one answer: it stands in the text and, escaped, in the structured
/// content, so that it costs at most three times this.
pub(super) const PAGE_BYTES_MAX: usize = 24_000;
/// More than most answers have, except for a page of something.
const TEXT_BYTES_USUAL: usize = 256;
/// More than most facts have as JSON.
const BRIEF_BYTES_USUAL: usize = 512;
/// Room for the names of changed files, in characters of JSON; they stand in the text as well.
const FILES_CHARS_MAX: usize = 10_000;
/// Longest path shown, in characters.
const PATH_CHARS_MAX: usize = 200;

/// The tool to call next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    CheckTask,
    AnswerTask,
    GetResult,
    GetDiff,
    StartTask,
    ListTasks,
    ReadFile,
    WhatsNew,
    Nothing,
}

impl Next {
    pub(super) const ALL: [Self; 9] = [
        Self::CheckTask,
        Self::AnswerTask,
        Self::GetResult,
        Self::GetDiff,
        Self::StartTask,
        Self::ListTasks,
        Self::ReadFile,
        Self::WhatsNew,
        Self::Nothing,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CheckTask => "check_task",
            Self::AnswerTask => "answer_task",
            Self::GetResult => "get_result",
            Self::GetDiff => "get_diff",
            Self::StartTask => "start_task",
            Self::ListTasks => "list_tasks",
            Self::ReadFile => "read_file",
            Self::WhatsNew => "whats_new",
            Self::Nothing => "nothing",
        }
    }

    /// What follows after looking at a task.
    pub(super) const fn after(state: &TaskState) -> Self {
        match state {
            TaskState::Linked { .. } => Self::StartTask,
            state if state.is_final() => Self::GetResult,
            _ => Self::CheckTask,
        }
    }
}

/// A tool's answer under way.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The first line, then the body.
    text: String,
    /// Where the body begins.
    body: usize,
    facts: Map<String, Value>,
    /// Names of facts that the body shows in full.
    shown: Vec<&'static str>,
    /// Whether the second block is wanted.
    brief: bool,
}

impl Answer {
    /// An answer about one task.
    pub(super) fn about(task: &Task, next: Next) -> Self {
        let state = task.state.name();
        let mut answer =
            Self::plain(format_args!("state={state} task={} next={}", task.id, next.name()));
        answer.fact("task_id", task.id.as_str());
        answer.fact("state", state);
        answer.fact("cursor", task.cursor.to_string());
        answer.fact("next", next.name());
        answer
    }

    /// An answer about no task in particular.
    pub(super) fn plain(first_line: impl Display) -> Self {
        let mut text = String::with_capacity(TEXT_BYTES_USUAL);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{first_line}");
        let body = text.len();
        Self { text, body, facts: Map::new(), shown: Vec::new(), brief: true }
    }

    /// Adds a line to read.
    pub(super) fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// How many characters there are to read so far.
    pub(super) fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// Adds a fact for programs.
    pub(super) fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Adds a fact that the body shows, too.
    pub(super) fn shown_fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.fact(name, value);
        self.shown.push(name);
    }

    /// Adds a long text, both to read and as a fact.
    pub(super) fn long(&mut self, name: &'static str, text: &str) {
        if self.text.len() > self.body {
            self.text.push('\n');
        }
        self.line(text);
        self.shown_fact(name, text);
    }

    /// Adds a line for each of these facts that the answer has: name of the fact, word to read.
    pub(super) fn for_reading(mut self, facts: &[(&'static str, &str)]) -> Self {
        for (name, word) in facts {
            let line = match self.facts.get(*name) {
                Some(Value::String(text)) => format!("{word}: {text}"),
                Some(Value::Array(items)) if !items.is_empty() => {
                    let items = items.iter().filter_map(Value::as_str);
                    format!(
                        "{word}:\n{}",
                        items.map(|it| format!("- {it}")).collect::<Vec<_>>().join("\n")
                    )
                }
                _ => continue,
            };
            self.line(line);
            self.shown.push(name);
        }
        self
    }

    /// The same answer whose body is its facts as JSON.
    pub(super) fn in_json(mut self) -> Self {
        let facts = Value::Object(self.facts.clone());
        self.text.truncate(self.body);
        self.line(format_args!("{facts:#}"));
        self.shown = Vec::new();
        // The body says it all; the second block would say it again.
        self.brief = false;
        self
    }

    /// The finished result, cut to size as a last resort: pages are made small enough before.
    pub(super) fn finish(self) -> CallToolResult {
        let Self { mut text, facts, shown, brief: wanted, .. } = self;
        let mut brief = Vec::new();
        if wanted {
            brief.reserve(BRIEF_BYTES_USUAL);
            // Texts and numbers have no way to fail.
            let _ = serde_json::to_writer(&mut brief, &Brief { facts: &facts, shown: &shown });
        }
        let brief = String::from_utf8(brief).unwrap_or_default();
        let facts = Value::Object(facts);
        // All facts stand in one of the blocks, so small blocks mean a small answer.
        if text.len() + brief.len() > CHARS_MAX / 10 {
            cut(&mut text, brief.chars().count() + facts.to_string().chars().count());
        }
        text.truncate(text.trim_end().len());
        let mut blocks = vec![ContentBlock::text(text)];
        if wanted {
            blocks.push(ContentBlock::text(brief));
        }
        let mut result = CallToolResult::success(blocks);
        result.structured_content = Some(facts);
        result
    }
}

/// Cuts `text` to what `others` characters leave of an answer, and says so.
fn cut(text: &mut String, others: usize) {
    const NOTE: &str = "\n[cut: the answer was too long]";
    let room = CHARS_MAX.saturating_sub(others);
    if text.chars().count() > room {
        *text = text.chars().take(room.saturating_sub(NOTE.len())).collect();
        text.push_str(NOTE);
    }
}

/// The facts that the body does not show.
struct Brief<'a> {
    facts: &'a Map<String, Value>,
    shown: &'a [&'static str],
}

impl Serialize for Brief<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_wanted = |name: &str| !self.shown.contains(&name);
        serializer.collect_map(self.facts.iter().filter(|(name, _)| is_wanted(name)))
    }
}

/// What was wrong with a call, for the model to put right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ToolError {
    pub(super) message: String,
    pub(super) hint: String,
}

impl ToolError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    pub(super) fn finish(&self) -> CallToolResult {
        let Self { message, hint } = self;
        CallToolResult::error(vec![ContentBlock::text(format!("error: {message}\nhint: {hint}"))])
    }
}

/// Text of agents as others may see it: what steers is replaced, except for line ends and tabs.
pub(super) fn clean(text: &str) -> String {
    let is_bad = |c: char| steers(c) && !matches!(c, '\n' | '\t' | '\r');
    text.chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }).collect()
}

/// One clean line of at most `chars_max` characters.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    // What nearly all of it is.
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.trim().to_owned();
    }
    let flat = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let flat = clean(&flat.collect::<String>());
    let flat = flat.trim();
    if flat.chars().count() <= chars_max {
        return flat.to_owned();
    }
    let mut cut: String = flat.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The part of `text` from byte `from` that fits a page, and where the next one begins. Cut at a
/// line's end where there is one in the second half, else at a character's.
pub(super) fn page(text: &str, from: u64, bytes_max: usize) -> (&str, Option<u64>) {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let rest = &text[from..];
    if rest.len() <= bytes_max {
        return (rest, None);
    }
    let cut = (0..=bytes_max).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
    let line_end = rest[..cut].rfind('\n').map(|at| at + 1).filter(|at| *at > cut / 2);
    let cut = line_end.unwrap_or(cut);
    (&rest[..cut], Some((from + cut) as u64))
}

/// `3 files changed, 5 insertions(+), 1 deletion(-)`, as git says it.
pub(super) fn stat_line(stat: DiffStat) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let mut line = format!("{} file{} changed", stat.files, plural(stat.files));
    // Writing to a String cannot fail.
    let _ = write!(line, ", {} insertion{}(+)", stat.insertions, plural(stat.insertions));
    let _ = write!(line, ", {} deletion{}(-)", stat.deletions, plural(stat.deletions));
    line
}

/// Lists changed files, to read and as the fact `files`: as many as there is room for.
pub(super) fn list_files(answer: &mut Answer, files: &[ChangedFile], count_max: usize) {
    let (mut room, mut listed) = (FILES_CHARS_MAX, Vec::new());
    for file in files.iter().take(count_max) {
        let path = one_line(&file.path, PATH_CHARS_MAX);
        let entry = json!({ "status": file.status.to_string(), "path": path });
        let Some(left) = room.checked_sub(entry.to_string().chars().count()) else { break };
        room = left;
        answer.line(format!("{} {path}", file.status));
        listed.push(entry);
    }
    if files.len() > listed.len() {
        answer.line(format!("… and {} more", files.len() - listed.len()));
    }
    answer.shown_fact("files", listed);
}

/// The size of a change, as a fact.
pub(super) fn stat_fact(stat: DiffStat) -> Value {
    let DiffStat { files, insertions, deletions } = stat;
    json!({ "files": files, "insertions": insertions, "deletions": deletions })
}

/// The money and tokens of a task.
pub(super) fn cost_fact(task: &Task) -> Value {
    let cost = task.cost;
    let mut fact = json!({
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
    });
    if let Some(usd) = cost.usd {
        fact["usd"] = usd.into();
    }
    fact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_text_and_never_split_a_character() {
        let text = "zeile äöü €\n".repeat(50) + &"€".repeat(100);
        let (mut joined, mut from) = (String::new(), Some(0));
        while let Some(at) = from {
            let (part, next) = page(&text, at, 37);
            assert!(part.len() <= 37 && (!part.is_empty() || next.is_none()));
            joined.push_str(part);
            from = next;
        }
        assert_eq!(joined, text);
        assert_eq!(page(&text, u64::MAX, 10), ("", None));
    }

    #[test]
    fn no_answer_is_longer_than_allowed_and_a_cut_is_told() {
        let mut answer = Answer::plain("first");
        answer.line("€".repeat(300_000));
        let result = answer.finish();
        let text = result.content[0].as_text().unwrap().text.clone();
        assert!(text.chars().count() <= CHARS_MAX);
        assert!(text.ends_with("[cut: the answer was too long]"));
    }

    #[test]
    fn words_of_agents_carry_no_control_or_reordering_characters() {
        assert_eq!(clean("a\u{1b}[31m\u{202e}b\tc\n"), "a\u{fffd}[31m\u{fffd}b\tc\n");
        assert_eq!(one_line(" a\nb\u{7} ", 10), "a b\u{fffd}");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }
}
