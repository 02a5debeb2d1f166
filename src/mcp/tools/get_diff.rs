//! `get_diff`: what a task changed.
use futures::FutureExt;
use serde_json::json;

use super::answer::{
    Answer, Next, PAGE_BYTES_MAX, ToolError, clean, list_files, one_line, page, stat_fact,
    stat_line,
};
use super::output::{about_a_task, changed_files, diff_stat, text};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::{DiffError, DiffOptions};
use crate::model::Scope;

pub(super) const TOOL: Tool = Tool {
    name: "get_diff",
    title: "Get a task's diff",
    about: "What a task changed against the commit it started from, new files included, as a \
            unified diff; also while it runs and long after it ended.",
    scope: Scope::Files,
    hints: Hints::Reads,
    properties: &[
        Property { name: "task_id", kind: Kind::TaskId, required: true, about: "The task." },
        Property {
            name: "path",
            kind: Kind::Path,
            required: false,
            about: "Only this file or folder, relative to the project's root. Left out, everything.",
        },
        Property {
            name: "stat_only",
            kind: Kind::Flag,
            required: false,
            about: "True: only which files and how many lines, no text. Left out, false.",
        },
        Property {
            name: "page",
            kind: Kind::Mark,
            required: false,
            about: "next_page of the last answer, for the rest of a long diff. Left out, the beginning.",
        },
    ],
    output: || {
        about_a_task(json!({
            "diff": text("The unified diff, or the part of it on this page."),
            "stat": text("Lines per file, with stat_only."),
            "next_page": text("Pass it as page for the rest."),
            "diff_stat": diff_stat(),
            "files": changed_files(),
            "base_commit": text("The commit it is compared with."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let id = arguments.task_id("task_id")?;
    let task = call.task(&id).await?;
    let stat_only = arguments.flag("stat_only");
    let options = DiffOptions {
        path: arguments.owned("path"),
        stat_only,
        offset: arguments.mark("page").unwrap_or(0),
        bytes_max: PAGE_BYTES_MAX,
    };
    let diff = call.tasks.diff(&id, options).await.map_err(explain)?;

    let next = if task.state.is_final() { Next::Nothing } else { Next::CheckTask };
    let mut answer = Answer::about(&task, next);
    answer.line(stat_line(diff.stat));
    answer.fact("diff_stat", stat_fact(diff.stat));
    list_files(&mut answer, &diff.files, usize::MAX);
    if let Some(base) = &diff.base {
        answer.fact("base_commit", one_line(base, 100));
    }
    match (stat_only, diff.text.is_empty()) {
        (true, true) => {}
        (true, false) => answer.long("stat", page(&clean(&diff.text), 0, PAGE_BYTES_MAX).0),
        (false, _) => answer.long("diff", &clean(&diff.text)),
    }
    if let Some(next) = diff.next_offset.filter(|_| !stat_only) {
        answer.fact("next_page", next.to_string());
        answer.line(format!("[more: get_diff with page \"{next}\"]"));
    }
    Ok(answer)
}

fn explain(err: DiffError) -> ToolError {
    match err {
        DiffError::Nothing(why) => ToolError::new(why, "check_task tells where the task stands"),
        DiffError::UnknownPath(path) => ToolError::new(
            format!("the task changed nothing at `{}`", one_line(&path, 100)),
            "get_diff with stat_only names the changed files",
        ),
        DiffError::Unavailable(err) => unavailable(err),
    }
}
