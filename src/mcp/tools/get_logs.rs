//! `get_logs`: a task's event log and the end of its stderr, or what happened over all projects.
use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError, clean, one_line};
use super::check_task::event_words;
use super::output::{count, next, object, text, texts};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::LogQuery;
use crate::model::{Event, EventKind, Scope};
use crate::telemetry::scrub;

/// Lines on one page, when the caller names no number.
const LINES: u64 = 50;
/// Events looked at for one page; those of another level are passed over.
const SCANNED_MAX: usize = 1_000;
/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 240;
/// How much of stderr is shown, in bytes.
const STDERR_BYTES_MAX: u64 = 4_000;
/// The levels, most important first.
const LEVELS: [&str; 4] = ["error", "warning", "info", "debug"];

pub(super) const TOOL: Tool = Tool {
    name: "get_logs",
    title: "Get logs",
    about: "A task's event log, newest first, and the end of its agent's stderr. Without a task, what \
            happened in all projects you may see.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[
        Property {
            name: "task_id",
            kind: Kind::TaskId,
            required: false,
            about: "The task. Left out, the activity of all projects: tasks that came, began, asked, ended.",
        },
        Property {
            name: "level",
            kind: Kind::Choice(&LEVELS),
            required: false,
            about: "Only what is at least as important: error, warning, info, debug. Left out, all.",
        },
        Property {
            name: "since",
            kind: Kind::Moment,
            required: false,
            about: "Only what happened since then: 2026-11-20T08:00:00Z, or a span back from now such \
                    as 30m, 2h or 3d. Left out, all.",
        },
        Property {
            name: "limit",
            kind: Kind::Integer { min: 1, max: 100 },
            required: false,
            about: "Lines on a page, 1 to 100. Left out, 50.",
        },
        Property {
            name: "cursor",
            kind: Kind::Mark,
            required: false,
            about: "next_cursor of the last answer, for older lines. Left out, the newest.",
        },
    ],
    output: || {
        object(
            json!({
                "task_id": text("The task."),
                "lines": texts("Newest first: when, how important, which task, what."),
                "stderr": text("The end of what the agent wrote to stderr."),
                "stderr_dropped_bytes": count("Bytes of stderr before that."),
                "next_cursor": text("Pass it as cursor for older lines."),
                "next": next(),
            }),
            &["lines", "next"],
        )
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let task = match arguments.text("task_id") {
        Some(_) => Some(call.task(&arguments.task_id("task_id")?).await?.id.clone()),
        None => None,
    };
    let level = arguments.text("level").unwrap_or("debug");
    let limit = usize::try_from(arguments.number("limit").unwrap_or(LINES)).unwrap_or(1);
    let query = LogQuery {
        task: task.clone(),
        projects: call.principal.projects.as_ref().map(|held| held.iter().cloned().collect()),
        before: arguments.mark("cursor").unwrap_or(u64::MAX),
        limit: if level == "debug" { limit } else { SCANNED_MAX },
    };
    let scanned = query.limit;
    let found = call.tasks.log(query).await.map_err(unavailable)?;
    let since = arguments.moment("since", call.now);
    let page = Page::of(&found, scanned, limit, |event| {
        if since.is_some_and(|since| event.at < since) {
            return Take::Stop;
        }
        if is_within(event, level) { Take::Yes } else { Take::No }
    });

    let then = if page.next.is_some() || task.is_none() { Next::Nothing } else { Next::CheckTask };
    let whose = task.as_ref().map(|id| format!(" task={id}")).unwrap_or_default();
    let mut answer =
        Answer::plain(format!("lines={}{whose} next={}", page.events.len(), then.name()));
    answer.fact("next", then.name());
    let lines: Vec<String> = page.events.iter().map(|event| line(event, task.is_none())).collect();
    for line in &lines {
        answer.line(line);
    }
    if lines.is_empty() {
        answer.line("Nothing fits.");
    }
    answer.shown_fact("lines", lines);
    if let Some(next) = page.next {
        answer.fact("next_cursor", next.to_string());
        answer.line(format!("[older: get_logs with cursor \"{next}\"]"));
    }
    if let Some(id) = &task {
        answer.fact("task_id", id.as_str());
        if arguments.mark("cursor").is_none() {
            let end = call.tasks.stderr_end(id, STDERR_BYTES_MAX).await.map_err(unavailable)?;
            if let Some(end) = end.filter(|end| !end.text.is_empty()) {
                let before = end.dropped;
                answer.line(format!("stderr ({before} bytes before this dropped):"));
                answer.long("stderr", &clean(&scrub(&end.text)));
                answer.fact("stderr_dropped_bytes", before);
            }
        }
    }
    Ok(answer)
}

/// What becomes of an event.
enum Take {
    Yes,
    No,
    /// Neither of it nor of all before it.
    Stop,
}

/// The events of one page, and where the next one begins.
struct Page<'a> {
    events: Vec<&'a Event>,
    next: Option<u64>,
}

impl<'a> Page<'a> {
    /// Of the newest `scanned` events those that fit, `limit` at most.
    fn of(found: &'a [Event], scanned: usize, limit: usize, take: impl Fn(&Event) -> Take) -> Self {
        let mut events = Vec::new();
        for event in found {
            match take(event) {
                Take::Yes => events.push(event),
                Take::No => {}
                Take::Stop => return Self { events, next: None },
            }
            if events.len() == limit {
                return Self { events, next: Some(event.seq) };
            }
        }
        let next = found.last().filter(|_| found.len() >= scanned).map(|event| event.seq);
        Self { events, next }
    }
}

/// How important an event is.
fn level_of(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Ended { state, .. } if state == "failed" || state == "interrupted" => "error",
        EventKind::Waiting { .. }
        | EventKind::RequestOpened { .. }
        | EventKind::Cancelling { .. } => "warning",
        EventKind::Text { .. } | EventKind::Activity { .. } | EventKind::FileTouched { .. } => {
            "debug"
        }
        _ => "info",
    }
}

fn is_within(event: &Event, level: &str) -> bool {
    let place = |level: &str| LEVELS.iter().position(|known| *known == level);
    place(level_of(&event.kind)) <= place(level)
}

fn line(event: &Event, with_task: bool) -> String {
    let words = one_line(&event_words(event), usize::MAX);
    let task = if with_task { format!("{} ", event.task_id) } else { String::new() };
    format!("{} {} {task}{}", event.at, level_of(&event.kind), cut(&scrub(&words)))
}

/// The beginning of a line, cut between characters, and how much is missing.
fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=LINE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… (+{} bytes)", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters_and_says_how_many_bytes_are_missing() {
        let text = "€".repeat(100);
        let cut = cut(&text);
        assert_eq!(cut, format!("{}… (+60 bytes)", "€".repeat(80)));
        assert_eq!(super::cut("short"), "short");
    }
}
