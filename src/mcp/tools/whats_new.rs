//! `whats_new`: what happened over all tasks, in a few words to be spoken.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::answer::{Answer, Next, ToolError, one_line};
use super::check_task::event_words;
use super::output::{count, flag, next, object, text};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::clock::Timestamp;
use crate::mcp::tasks::{NewsPage, NewsQuery};
use crate::model::{Event, EventKind, Scope, TaskId};
use crate::store::OpenTask;

/// Most characters of a brief answer.
const SPOKEN_CHARS_MAX: usize = 400;
/// Kept of them for the line that counts what is not named.
const REST_CHARS: usize = 90;
/// Events that a brief answer sums up.
const SUMMED_MAX: usize = 1_000;
/// Events of a full answer, each with a line.
const TOLD_MAX: usize = 50;
/// How far back to look without a cursor.
const LOOK_BACK: Duration = Duration::from_secs(86_400);

pub(super) const TOOL: Tool = Tool {
    name: "whats_new",
    title: "What is new",
    about: "What happened over all tasks since the last call, in at most 400 characters: what waits for \
            an answer first, then what ended, then the rest.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[
        Property {
            name: "cursor",
            kind: Kind::Mark,
            required: false,
            about: "cursor of the last answer: only what happened after it. Left out, what is open now \
                    and the last day.",
        },
        Property {
            name: "detail",
            kind: Kind::Choice(&["brief", "full"]),
            required: false,
            about: "brief: to be spoken. full: a line for each event. Left out, brief.",
        },
    ],
    output: || {
        let item = object(
            json!({
                "task_id": text("The task."),
                "state": text("Where it stands now."),
                "project": text("Where it works."),
                "title": text("The first line of its prompt, cut."),
                "what": text("What happened."),
                "cursor": text("The event's place."),
            }),
            &["task_id", "state", "project", "title", "what", "cursor"],
        );
        let open = object(
            json!({
                "queued": count("Tasks that wait for their turn."),
                "running": count("Tasks under way, those being cancelled among them."),
                "needs_input": count("Tasks that wait for an answer."),
            }),
            &["queued", "running", "needs_input"],
        );
        object(
            json!({
                "state": {
                    "type": "string",
                    "enum": ["needs_input", "working", "idle"],
                    "description": "Whether a task waits for an answer, is under way, or none is.",
                },
                "cursor": text("Pass it to the next call."),
                "next": next(),
                "new": count("Events that this answer is about."),
                "more": flag("Whether there are more of them than this answer is about."),
                "open": open,
                "news": { "type": "array", "items": item, "description": "Those that are named." },
            }),
            &["state", "cursor", "next", "new", "more", "open", "news"],
        )
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let full = arguments.text("detail") == Some("full");
    let after = arguments.mark("cursor");
    let query = NewsQuery {
        projects: call.principal.projects.as_ref().map(|held| held.iter().cloned().collect()),
        after,
        since: Timestamp::from_millis(
            call.now.as_millis().saturating_sub_unsigned(LOOK_BACK.as_secs() * 1_000),
        ),
        limit: if full { TOLD_MAX } else { SUMMED_MAX },
    };
    let mut page = call.tasks.news(query).await.map_err(unavailable)?;
    page.open.retain(|task| call.principal.sees(&task.project));
    if after.is_some_and(|after| after > page.cursor) {
        return Err(ToolError::new(
            "`cursor` is none that this gateway gave",
            "leave `cursor` out for what is open now and the last day",
        ));
    }
    let mut answer = head(&page, after.is_none());
    if full {
        tell(&call, &mut answer, &page, after.is_none()).await?;
    } else {
        speak(&call, &mut answer, &page, after.is_none()).await?;
    }
    Ok(answer)
}

fn head(page: &NewsPage, from_nowhere: bool) -> Answer {
    let count = |states: &[&str]| {
        page.open.iter().filter(|task| states.contains(&task.state.as_str())).count()
    };
    let asking = count(&["needs_input"]);
    let state = match (asking, page.open.len()) {
        (0, 0) => "idle",
        (0, _) => "working",
        (_, _) => "needs_input",
    };
    let is_end = |event: &Event| matches!(event.kind, EventKind::Ended { .. });
    let then = match state {
        "needs_input" => Next::CheckTask,
        _ if page.more && !from_nowhere => Next::WhatsNew,
        _ if page.events.iter().any(is_end) => Next::GetResult,
        "working" => Next::WhatsNew,
        _ => Next::Nothing,
    };
    let (new, cursor) = (page.events.len(), page.cursor);
    let mut answer =
        Answer::plain(format!("state={state} new={new} cursor={cursor} next={}", then.name()));
    answer.fact("state", state);
    answer.fact("cursor", cursor.to_string());
    answer.fact("next", then.name());
    answer.fact("new", new);
    answer.fact("more", page.more);
    answer.fact(
        "open",
        json!({
            "queued": count(&["queued"]),
            "running": count(&["running", "cancelling"]),
            "needs_input": asking,
        }),
    );
    answer
}

/// A line for each event, oldest first; before them, without a cursor, for each task that is open.
async fn tell(
    call: &Call<'_>,
    answer: &mut Answer,
    page: &NewsPage,
    from_nowhere: bool,
) -> Result<(), ToolError> {
    let mut news = Vec::new();
    if from_nowhere {
        if page.more {
            answer.line("There was more in the last day: list_tasks has it all.");
        }
        for open in page.open.iter().take(TOLD_MAX) {
            let Some(item) = Item::of(call, &open.id, &open.state, 0).await? else { continue };
            answer.line(format!("- {} is {}", item.name(80), open.state));
        }
    }
    for event in &page.events {
        let what = one_line(&event_words(event), 160);
        let Some(item) = Item::of(call, &event.task_id, &what, event.seq).await? else { continue };
        answer.line(format!("- {} {}: {what}", event.at, item.name(80)));
        news.push(item.fact());
    }
    if page.events.is_empty() {
        answer.line("Nothing is new.");
    }
    if page.more && !from_nowhere {
        answer.line("There is more: call whats_new again with this cursor.");
    }
    answer.shown_fact("news", news);
    Ok(())
}

/// A sentence for each task, what matters first, as many as can be said in a breath; the rest is
/// counted.
async fn speak(
    call: &Call<'_>,
    answer: &mut Answer,
    page: &NewsPage,
    from_nowhere: bool,
) -> Result<(), ToolError> {
    let mut room = SPOKEN_CHARS_MAX - REST_CHARS - answer.chars();
    let mut news = Vec::new();
    let mut rest: BTreeMap<&'static str, usize> = BTreeMap::new();
    for topic in topics(page, from_nowhere) {
        let named = if room > 40 {
            Item::of(call, topic.task_id, &topic.what, topic.seq).await?
        } else {
            None
        };
        let line = named.as_ref().map(|item| format!("{}: {}.", item.name(40), topic.what));
        match (named, line) {
            (Some(item), Some(line)) if line.chars().count() < room => {
                room -= line.chars().count() + 1;
                answer.line(line);
                news.push(item.fact());
            }
            _ => *rest.entry(topic.kind).or_default() += 1,
        }
    }
    if news.is_empty() && rest.is_empty() {
        answer.line(if from_nowhere { "Nothing is open or new." } else { "Nothing is new." });
    }
    if !rest.is_empty() {
        let mut line = String::from(if news.is_empty() { "Tasks:" } else { "And" });
        for (at, (kind, count)) in rest.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(line, "{} {count} {kind}", if at == 0 { "" } else { "," });
        }
        answer.line(format!("{line}."));
    }
    if page.more {
        answer.line(if from_nowhere { "There was more." } else { "There is more." });
    }
    answer.shown_fact("news", news);
    Ok(())
}

/// What there is to say about one task.
struct Topic<'a> {
    task_id: &'a TaskId,
    seq: u64,
    what: String,
    /// Its kind, in a word that goes with a number.
    kind: &'static str,
    rank: u8,
}

/// The newest word about each task, what matters first and among equals the newest.
fn topics(page: &NewsPage, from_nowhere: bool) -> Vec<Topic<'_>> {
    let mut newest: BTreeMap<&TaskId, Topic<'_>> = BTreeMap::new();
    let open: &[OpenTask] = if from_nowhere { &page.open } else { &[] };
    for OpenTask { id, state, .. } in open {
        let (kind, rank) = if state == "needs_input" { ("asking", 0) } else { ("open", 4) };
        let topic = Topic { task_id: id, seq: 0, what: state.replace('_', " "), kind, rank };
        newest.insert(id, topic);
    }
    for event in &page.events {
        let (kind, rank) = match &event.kind {
            EventKind::RequestOpened { .. } => ("asking", 0),
            EventKind::Ended { state, .. } => match state.as_str() {
                "failed" => ("failed", 1),
                "interrupted" => ("interrupted", 1),
                "completed" => ("completed", 2),
                _ => ("cancelled", 3),
            },
            EventKind::Linked { .. } => ("handed over", 5),
            EventKind::Queued => ("queued", 5),
            _ => ("under way", 4),
        };
        let what = one_line(&event_words(event), 90).trim_end_matches('.').to_owned();
        let topic = Topic { task_id: &event.task_id, seq: event.seq, what, kind, rank };
        newest.insert(&event.task_id, topic);
    }
    let mut topics: Vec<Topic<'_>> = newest.into_values().collect();
    topics.sort_by_key(|topic| (topic.rank, u64::MAX - topic.seq));
    topics
}

/// A task that is named.
struct Item {
    task_id: String,
    state: &'static str,
    project: String,
    title: String,
    what: String,
    seq: u64,
}

impl Item {
    /// What happened to a task; none for a task that the caller does not see.
    async fn of(
        call: &Call<'_>,
        id: &TaskId,
        what: &str,
        seq: u64,
    ) -> Result<Option<Self>, ToolError> {
        let task = call.tasks.task(id).await.map_err(unavailable)?;
        let task = task.filter(|task| call.principal.sees(&task.spec.project));
        Ok(task.map(|task| Self {
            task_id: id.to_string(),
            state: task.state.name(),
            project: task.spec.project.clone(),
            title: super::title_of(&task),
            what: what.to_owned(),
            seq,
        }))
    }

    fn name(&self, chars_max: usize) -> String {
        format!("“{}” in {}", one_line(&self.title, chars_max), self.project)
    }

    fn fact(&self) -> Value {
        json!({
            "task_id": self.task_id,
            "state": self.state,
            "project": self.project,
            "title": self.title,
            "what": self.what,
            "cursor": self.seq.to_string(),
        })
    }
}
