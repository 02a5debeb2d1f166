//! A task through the tools, and what comes back of it.
use serde_json::{Map, Value, json};

use super::stage::{PROJECT, Stage, git};
use crate::cli::doctor::visitor::{Visitor, text};
use crate::cli::doctor::walk::{Step, Trouble};
use crate::cli::standin::{ANSWER, CONTENT, FILE};
use crate::mcp::client::{Client, Era, ToolAnswer};

/// How often a task is asked for, each time waiting for news.
const CHECKS_MAX: usize = 30;

/// A task from start to end; its id.
pub(super) async fn task(visitor: &Visitor) -> Step<String> {
    let client = visitor.connect(Era::Modern).await?;
    let done = run_task(&client).await;
    client.close().await;
    done
}

/// The change that came back, and that the project itself is as it was.
pub(super) async fn diff(visitor: &Visitor, stage: &Stage, task: &str) -> Step<()> {
    let client = visitor.connect(Era::Modern).await?;
    let answer = call(&client, "get_diff", json!({ "task_id": task })).await;
    client.close().await;
    let answer = answer?;
    let shown = format!("{}{}", answer.text, answer.structured.unwrap_or_default());
    if !shown.contains(FILE) || !shown.contains(CONTENT.trim_end()) {
        return Err(Trouble::new(format!("the diff does not show {FILE}")));
    }
    if stage.project.join(FILE).exists() {
        return Err(Trouble::new("the task wrote into the project's own folder"));
    }
    let path = &stage.path;
    let branches = git(&stage.project, path, &["branch", "--list", "gateway/*"]).await?;
    let clean = git(&stage.project, path, &["status", "--porcelain"]).await?.is_empty();
    match (branches.lines().count(), clean) {
        (1, true) => Ok(("on a branch of its own; the project is as it was".to_owned(), ())),
        (_, false) => Err(Trouble::new("the project's folder was changed")),
        (n, true) => Err(Trouble::new(format!("the project has {n} branches of the task, not 1"))),
    }
}

async fn run_task(client: &Client) -> Step<String> {
    let started = call(
        client,
        "start_task",
        json!({ "prompt": "write one file", "project": PROJECT, "timeout_minutes": 1 }),
    )
    .await?;
    let mut state = structured(&started)?;
    let id = text(&state["task_id"], "task_id")?;
    for _ in 0..CHECKS_MAX {
        match state["state"].as_str().unwrap_or_default() {
            "completed" => break,
            "queued" | "running" => {}
            other => return Err(ended(client, &id, other).await),
        }
        let arguments = json!({ "task_id": id, "cursor": state["cursor"], "wait_seconds": 20 });
        state = structured(&call(client, "check_task", arguments).await?)?;
    }
    let result = call(client, "get_result", json!({ "task_id": id })).await?;
    if !result.text.contains(ANSWER) {
        return Err(Trouble::new(format!(
            "the result is not the agent's answer: {}",
            start_of(&result.text)
        )));
    }
    Ok(("started, watched to its end, answered".to_owned(), id))
}

/// A task that ended otherwise tells why in its result.
async fn ended(client: &Client, id: &str, state: &str) -> Trouble {
    let told = call(client, "get_result", json!({ "task_id": id })).await;
    let told = told.map_or_else(|trouble| trouble.cause, |answer| start_of(&answer.text));
    Trouble::new(format!("the task is {state}: {told}")).with_fix(
        "if the temporary folder forbids programs (`findmnt -T /tmp` says noexec), run it elsewhere: \
         TMPDIR=$HOME gateway doctor --deep; else report these lines",
    )
}

/// The beginning of a tool's text in one line.
fn start_of(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.chars().take(300).collect()
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<ToolAnswer, Trouble> {
    let arguments = match arguments {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    };
    let answer = client.call(tool, arguments).await?;
    if answer.is_error {
        return Err(Trouble::new(format!("{tool}: {}", start_of(&answer.text))));
    }
    Ok(answer)
}

fn structured(answer: &ToolAnswer) -> Result<Value, Trouble> {
    answer
        .structured
        .clone()
        .ok_or_else(|| Trouble::new("a tool's answer has no structured content"))
}
