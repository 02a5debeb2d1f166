//! Tasks and events as lines for people.
use std::fmt::Write;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::CliError;
use crate::gateway::{OpenRequestView, RequestView, StepView, TaskDetail, TaskView};
use crate::model::{Event, EventKind, TaskId, dollars, steers};

/// Most characters of an answer among a task's other facts.
const ANSWER_CHARS_MAX: usize = 4_000;

/// Reads an answer of the gateway as `T`.
///
/// # Errors
///
/// When the running gateway speaks of something else.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, CliError> {
    serde_json::from_value(value).map_err(|error| {
        CliError::failed(format!("the running gateway is of another version: {error}"))
            .hint("restart it with this version")
    })
}

/// Escapes what could steer a terminal: an agent's words are not ours.
#[must_use]
pub(super) fn clean(text: &str) -> String {
    let harmless = |c: char| c == '\n' || c == '\t' || !steers(c);
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}

fn paint(text: &str, code: &str, colors: bool) -> String {
    if colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A state's name in its colour.
#[must_use]
pub(super) fn state(name: &str, colors: bool) -> String {
    let code = match name {
        "completed" => "32",
        "failed" | "interrupted" => "31",
        "needs_input" => "33",
        "running" | "cancelling" => "36",
        _ => "2",
    };
    paint(name, code, colors)
}

/// One line of a list of tasks.
#[must_use]
pub(super) fn task_line(task: &TaskView, colors: bool) -> String {
    // Padding counts characters, so it goes outside of the colour.
    let place = task.place.map_or_else(String::new, |place| format!(" {place}."));
    let pad = " ".repeat(12_usize.saturating_sub(task.state.len() + place.len()));
    format!(
        "{}  {}{place}{pad} {:<14} {}\n",
        &task.id.as_str()[..8],
        state(&task.state, colors),
        clean(&task.project),
        clean(&task.title),
    )
}

/// A task and what it asks.
#[must_use]
pub(super) fn task_detail(detail: &TaskDetail, colors: bool) -> String {
    let task = &detail.task;
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let value = clean(value).replace('\n', "\n             ");
            out += &format!("{name:<12} {value}\n");
        }
    };
    row("task", task.id.as_str());
    row("state", &task.state);
    row("place", &place(detail));
    row("why", task.reason.as_deref().unwrap_or_default());
    row("project", &task.project);
    row("executor", &task.executor);
    row("model", task.model.as_deref().unwrap_or_default());
    if task.priority != "normal" {
        row("priority", &task.priority);
    }
    row("created", &task.created_at);
    row("estimate", task.estimate.as_deref().unwrap_or_default());
    row("duration", &task.duration_ms.map(duration).unwrap_or_default());
    row("branch", task.branch.as_deref().unwrap_or_default());
    row("folder", task.folder.as_deref().unwrap_or_default());
    row("session", task.session_id.as_deref().unwrap_or_default());
    row("turns", &task.turns.to_string());
    row("cost", &cost(task));
    row("doing", &task.activity);
    if let Some(stat) = task.diff_stat.filter(|stat| stat.files > 0) {
        let files = if stat.files == 1 { "file" } else { "files" };
        let changes = format!("{} {files}, +{} -{}", stat.files, stat.insertions, stat.deletions);
        row("changes", &changes);
        row("", &task.changed.join("\n"));
    }
    for note in &task.notes {
        row("note", note);
    }
    row("prompt", &detail.prompt);
    let answer = task.answer.as_deref().unwrap_or(&task.progress);
    match answer.char_indices().nth(ANSWER_CHARS_MAX) {
        None => row("answer", answer),
        Some((end, _)) => {
            row("answer", &answer[..end]);
            row("", &format!("[cut; whole: gateway tasks result {}]", &task.id.as_str()[..8]));
        }
    }
    for request in detail.requests.iter().filter(|request| request.state == "open") {
        out.push('\n');
        out += &request_lines(&task.id, request, colors);
    }
    out
}

/// A waiting task's place, and whom it waits for.
fn place(detail: &TaskDetail) -> String {
    let Some(place) = detail.task.place else { return String::new() };
    let holding: Vec<&str> = detail.holding.iter().map(|id| &id.as_str()[..8]).collect();
    match (&detail.task.held_back, holding.as_slice()) {
        (Some(why), _) => format!("{place} in the queue: {why}"),
        (None, []) => format!("{place} in the queue"),
        (None, holding) => {
            format!("{place} in the queue; the places are held by {}", holding.join(", "))
        }
    }
}

/// What a task's agent asks, how much that can do, and the commands that answer it.
fn request_lines(task: &TaskId, request: &RequestView, colors: bool) -> String {
    let asks = paint("asks", "33", colors);
    let class = request.class.map(|class| format!(" ({class})")).unwrap_or_default();
    let mut out = format!("{asks} {}{class}\n", clean(&request.preview));
    let mut line = |text: &str| {
        let _ = writeln!(out, "             {}", clean(text).replace('\n', "\n             "));
    };
    if !request.input.is_null() {
        line(&format!("{} {}", request.tool, request.input));
    }
    for question in &request.questions {
        let several = if question.several { " (several may be taken)" } else { "" };
        line(&format!("{}{several}", question.text));
        for (number, choice) in (1..).zip(&question.choices) {
            line(&format!("  {number}) {}  {}", choice.label, choice.about));
        }
    }
    if let Some(plan) = &request.plan {
        line(plan);
    }
    if request.chat_may_approve {
        line(&format!("the chat may answer it too; it ends at {}", request.expires_at));
    } else {
        line(&format!("only you may approve it; it ends at {}", request.expires_at));
    }
    let which = format!("{} --request {}", &task.as_str()[..8], &request.id[..8]);
    if request.questions.is_empty() {
        line(&format!("gateway tasks approve {which}\ngateway tasks deny {which} --message '…'"));
    } else {
        line(&format!("gateway tasks answer {which} '…'"));
    }
    out
}

/// An open request and its task.
#[must_use]
pub(super) fn open_request(open: &OpenRequestView, colors: bool) -> String {
    let (project, title) = (clean(&open.project), clean(&open.title));
    let lines = request_lines(&open.task_id, &open.request, colors);
    format!("{}  {project}: {title}\n{lines}", &open.task_id.as_str()[..8])
}

fn cost(task: &TaskView) -> String {
    let cost = task.cost;
    if cost.input_tokens == 0 && cost.output_tokens == 0 {
        return String::new();
    }
    let of = task.budget_usd.map_or_else(String::new, |usd| format!(" of {}", dollars(usd)));
    format!("{cost}{of} ({} tokens in, {} out)", cost.input_tokens, cost.output_tokens)
}

fn duration(millis: u64) -> String {
    let secs = millis / 1000;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs}.{} s", millis % 1000 / 100),
        (0, minutes, secs) => format!("{minutes} min {secs} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// One line about an event, with its task where several are followed.
#[must_use]
pub(super) fn event_line(event: &Event, with_task: bool, colors: bool) -> String {
    let what = match &event.kind {
        EventKind::Queued => "accepted".to_owned(),
        EventKind::Preparing => "making its workspace".to_owned(),
        EventKind::Started { reattached: false, .. } => "agent started".to_owned(),
        EventKind::Started { reattached: true, .. } => "agent found again".to_owned(),
        EventKind::Text { text } => text.clone(),
        EventKind::Activity { tool, detail } => format!("> {tool}: {detail}"),
        EventKind::FileTouched { path } => format!("> wrote {path}"),
        EventKind::Waiting { reason } => format!("waiting: {reason}"),
        EventKind::RequestOpened { preview, .. } => format!("asks: {preview}"),
        EventKind::RequestClosed { outcome, .. } => format!("request {outcome}"),
        EventKind::Cancelling { reason } => format!("cancelling: {reason}"),
        EventKind::Settling => "collecting its work".to_owned(),
        EventKind::Linked { summary, .. } => format!("handed over: {summary}"),
        EventKind::FollowUp { text, by, .. } => format!("{by} says: {text}"),
        EventKind::FollowUpDelivered { .. } => "the agent has the message".to_owned(),
        EventKind::Note { text } => format!("note: {text}"),
        EventKind::Applied(applied) => applied.to_string(),
        EventKind::Ended { state, summary } => format!("{state}: {summary}"),
    };
    let at = event.at.to_string();
    let time = at.get(11..19).unwrap_or_default();
    let task = if with_task { format!("{} ", &event.task_id.as_str()[..8]) } else { String::new() };
    let what = clean(&what).replace('\n', "\n         ");
    format!("{} {task}{what}\n", paint(time, "2", colors))
}

/// One line about a step of a client, and one about its cure.
#[must_use]
pub(super) fn step_line(step: &StepView, colors: bool) -> String {
    let time = step.at.get(11..19).unwrap_or_default();
    let who = match (&step.name, step.proven) {
        (Some(name), true) => clean(name),
        (Some(name), false) => format!("{} (unproven)", clean(name)),
        (None, _) => "somebody".to_owned(),
    };
    let times = if step.times > 1 { format!(" ({} times)", step.times) } else { String::new() };
    let mut line = format!("{} {who} {}{times}\n", paint(time, "2", colors), clean(&step.text));
    if let Some(hint) = &step.hint {
        let _ = writeln!(line, "         hint: {}", clean(hint));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Choice, Class, Question};

    #[test]
    fn an_agents_words_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\rd\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n");
    }

    fn asked(class: Option<Class>) -> RequestView {
        RequestView {
            id: "379tvjzqcv4hsv1fxrd4hkfydb".to_owned(),
            state: "open".to_owned(),
            kind: "permission".to_owned(),
            tool: "Bash".to_owned(),
            class,
            chat_may_approve: false,
            preview: "rm -r build\u{1b}[2J".to_owned(),
            input: json!({ "command": "rm -r build" }),
            questions: Vec::new(),
            plan: None,
            answer: None,
            asked_at: "2026-11-20T05:41:06.120Z".to_owned(),
            expires_at: "2026-11-20T06:41:06.120Z".to_owned(),
        }
    }

    fn open(request: RequestView) -> String {
        let open = OpenRequestView {
            task_id: "39w5mdm77zyf1r4wkvzcachy3d".parse().unwrap(),
            title: "tidy up".to_owned(),
            project: "alpha".to_owned(),
            executor: "claude".to_owned(),
            request,
        };
        open_request(&open, false)
    }

    #[test]
    fn what_an_agent_asks_reads_as_shown_here() {
        let choice = |label: &str, about: &str| Choice { label: label.into(), about: about.into() };
        let question = Question {
            text: "Which color?".to_owned(),
            header: "Color".to_owned(),
            several: true,
            choices: vec![choice("Red", "a warm one"), choice("Blue", "a cold one")],
        };
        let questions = RequestView {
            kind: "question".to_owned(),
            tool: String::new(),
            chat_may_approve: true,
            preview: "Which color? [Red | Blue]".to_owned(),
            input: Value::Null,
            questions: vec![question],
            ..asked(None)
        };
        let plan = RequestView {
            kind: "plan".to_owned(),
            tool: String::new(),
            preview: "1. clean⏎2. build".to_owned(),
            input: Value::Null,
            plan: Some("1. clean\n2. build".to_owned()),
            ..asked(None)
        };
        let all = [asked(Some(Class::Destructive)), questions, plan].map(open).concat();
        insta::assert_snapshot!(all);
    }

    #[test]
    fn steps_read_as_shown_here_and_a_name_cannot_steer_the_terminal() {
        let step = |name: Option<&str>, proven, text: &str, hint: Option<&str>, times| StepView {
            seq: 1,
            at: "2026-11-20T05:41:06.120Z".to_owned(),
            step: "any".to_owned(),
            client_id: None,
            name: name.map(str::to_owned),
            proven,
            text: text.to_owned(),
            hint: hint.map(str::to_owned),
            times,
        };
        let steps = [
            step(None, false, "read where to sign in", None, 12),
            step(Some("Cla\u{1b}[2Jude"), false, "registered itself", None, 1),
            step(Some("Claude"), true, "listed 8 tools", None, 1),
            step(Some("Claude"), true, "was turned away", Some("connect again"), 1),
        ];
        let lines: String = steps.iter().map(|step| step_line(step, false)).collect();
        insta::assert_snapshot!(lines, @"
        05:41:06 somebody read where to sign in (12 times)
        05:41:06 Cla�[2Jude (unproven) registered itself
        05:41:06 Claude listed 8 tools
        05:41:06 Claude was turned away
                 hint: connect again
        ");
    }

    #[test]
    fn a_waiting_task_shows_its_place_and_whom_it_waits_for() {
        let task = crate::model::testing::a_task(&crate::clock::SeededEntropy::new(2), "x");
        let mut task = TaskView::of(&task, crate::clock::Timestamp::from_millis(1));
        task.place = Some(2);
        task.priority = "high".into();
        task.budget_usd = Some(2.5);
        let holder = "0123456789abcdefghjkmnpqrs".parse().unwrap();
        let mut detail =
            TaskDetail { task, prompt: "x".into(), requests: Vec::new(), holding: vec![holder] };
        insta::assert_snapshot!(task_line(&detail.task, false).get(10..).unwrap(), @"queued 2.    alpha          x");
        let shown = task_detail(&detail, false);
        let shown: Vec<&str> = shown.lines().skip(1).take(6).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        state        queued
        place        2 in the queue; the places are held by 01234567
        project      alpha
        executor     claude
        priority     high
        created      1970-01-01T00:00:00.001Z
        ");
        detail.task.held_back = Some("the budget of the day is spent".into());
        assert!(task_detail(&detail, false).contains("2 in the queue: the budget of the day"));
    }

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        assert_eq!(duration(4_250), "4.2 s");
        assert_eq!(duration(61_000), "1 min 1 s");
        assert_eq!(duration(7_500_000), "2 h 5 min");
    }
}
