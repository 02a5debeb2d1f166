//! `list_projects`: where work can be done.
use futures::FutureExt;
use serde_json::{Value, json};

use super::answer::{Answer, Next, ToolError, one_line};
use super::output::{count, flag, next, number, object, text, texts};
use super::{Call, Hints, Tool};
use crate::mcp::tasks::ProjectView;
use crate::model::{Scope, dollars};

/// Room for projects, in characters of JSON; they stand in the text as well.
const PROJECTS_CHARS_MAX: usize = 40_000;

pub(super) const TOOL: Tool = Tool {
    name: "list_projects",
    title: "List projects",
    about: "Where work can be done: names, descriptions, branch, clean or dirty, executors, limits.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[],
    output: || {
        let project = object(
            json!({
                "name": text("Pass it to start_task as project."),
                "description": text("What the owner says about it."),
                "default": flag("Whether tasks go here when they name no project."),
                "branch": text("The branch checked out."),
                "dirty": flag("Whether the owner has uncommitted changes."),
                "executors": texts("Agents that can work here, the project's own first."),
                "max_concurrent": count("Tasks at once."),
                "timeout_minutes_max": count("Longest working time of a task."),
                "budget_usd_max": number("US dollars that a task may cost."),
            }),
            &[
                "name",
                "description",
                "default",
                "executors",
                "max_concurrent",
                "timeout_minutes_max",
                "budget_usd_max",
            ],
        );
        object(
            json!({
                "projects": { "type": "array", "items": project, "description": "Sorted by name." },
                "next": next(),
            }),
            &["projects", "next"],
        )
    },
    run: |call, _| run(call).boxed(),
};

async fn run(call: Call<'_>) -> Result<Answer, ToolError> {
    let projects = call.projects().await?;
    let then = if projects.is_empty() { Next::Nothing } else { Next::StartTask };
    let mut answer = Answer::plain(format!("projects={} next={}", projects.len(), then.name()));
    answer.fact("next", then.name());
    if projects.is_empty() {
        answer.line("No project is set up: the owner adds one with `gateway projects add`.");
    }
    let (mut room, mut entries) = (PROJECTS_CHARS_MAX, Vec::new());
    for project in &projects {
        let (line, entry) = entry(project);
        let Some(left) = room.checked_sub(entry.to_string().chars().count()) else { break };
        room = left;
        answer.line(line);
        entries.push(entry);
    }
    if projects.len() > entries.len() {
        answer.line(format!("… and {} more", projects.len() - entries.len()));
    }
    answer.shown_fact("projects", entries);
    Ok(answer)
}

fn entry(project: &ProjectView) -> (String, Value) {
    let description = one_line(&project.description, 200);
    let executors: Vec<String> =
        project.executors.iter().take(10).map(|name| one_line(name, 40)).collect();
    let mut marks = Vec::new();
    if project.default {
        marks.push("default".to_owned());
    }
    let branch = project.branch.as_deref().map(|branch| one_line(branch, 100));
    marks.extend(branch.clone().map(|branch| format!("on {branch}")));
    marks.extend(project.dirty.map(|dirty| if dirty { "dirty" } else { "clean" }.to_owned()));
    marks.push(executors.join("/"));
    marks.push(format!(
        "{} at once, {} min and {} each",
        project.max_concurrent,
        project.timeout_minutes_max,
        dollars(project.budget_usd_max)
    ));
    let line = format!("{} ({}): {description}", project.name, marks.join(", "));
    let mut entry = json!({
        "name": project.name,
        "description": description,
        "default": project.default,
        "executors": executors,
        "max_concurrent": project.max_concurrent,
        "timeout_minutes_max": project.timeout_minutes_max,
        "budget_usd_max": project.budget_usd_max,
    });
    if let Some(branch) = branch {
        entry["branch"] = json!(branch);
    }
    if let Some(dirty) = project.dirty {
        entry["dirty"] = json!(dirty);
    }
    (line, entry)
}
