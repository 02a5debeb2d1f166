//! `read_file`: lines of a file of a project, or as a task left it.
use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, PAGE_BYTES_MAX, ToolError, clean, one_line};
use super::output::{count, flag, next, object, text};
use super::property::{Arguments, Kind, Property};
use super::start_task::project;
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::{FileLines, ReadError, WantedFile};
use crate::model::Scope;

/// The largest number of a line that can be asked for.
const LINE_MAX: i64 = 1_000_000_000;

pub(super) const TOOL: Tool = Tool {
    name: "read_file",
    title: "Read a file",
    about: "Lines of a text file of a project, as it lies on the workstation, or with task_id as \
            that finished task left it. Long files come in parts. Keys, credentials, .env files and \
            what is git's own are not shown.",
    scope: Scope::Files,
    hints: Hints::Reads,
    properties: &[
        Property {
            name: "path",
            kind: Kind::Path,
            required: true,
            about: "The file, relative to the project's root.",
        },
        Property {
            name: "project",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "A name from list_projects. Left out, the default project, or the task's.",
        },
        Property {
            name: "line_start",
            kind: Kind::Integer { min: 1, max: LINE_MAX },
            required: false,
            about: "The first line, counted from 1. Left out, 1.",
        },
        Property {
            name: "line_end",
            kind: Kind::Integer { min: 1, max: LINE_MAX },
            required: false,
            about: "The last line. Left out, the last of the file.",
        },
        Property {
            name: "task_id",
            kind: Kind::TaskId,
            required: false,
            about: "Show the file as this task left it. Left out, as it is in the project now.",
        },
    ],
    output: || {
        object(
            json!({
                "next": next(),
                "path": text("The file."),
                "project": text("The project."),
                "task_id": text("The task that left it so, where one was named."),
                "content": text("The lines."),
                "line_start": count("The first line shown."),
                "line_end": count("The last line shown; less than line_start when there is none."),
                "lines": count("How many lines the file has."),
                "bytes": count("How many bytes the file has."),
                "binary": flag("Whether it is no text; then nothing of it is shown."),
                "lossy": flag("Whether bytes that are no UTF-8 were replaced."),
                "next_line": count("Pass it as line_start for the rest."),
            }),
            &["next", "path", "project", "lines", "bytes", "binary", "lossy"],
        )
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let named = arguments.text("project");
    let (project, task_id) = if arguments.text("task_id").is_some() {
        let task = call.task(&arguments.task_id("task_id")?).await?;
        let of_task = &task.spec.project;
        if let Some(named) = named.filter(|named| named != of_task) {
            let named = one_line(named, 100);
            let message = format!("the task worked in {of_task}, not in {named}");
            return Err(ToolError::new(message, "leave `project` out"));
        }
        (Some(of_task.clone()), Some(task.id.clone()))
    } else {
        (project(&call, named).await?, None)
    };
    let (first, last) = (arguments.number("line_start"), arguments.number("line_end"));
    let first = first.unwrap_or(1);
    if last.is_some_and(|last| last < first) {
        return Err(ToolError::new(
            "`line_end` is before `line_start`",
            "give the first line first, or leave `line_end` out",
        ));
    }
    let path = arguments.owned("path").unwrap_or_default();
    let wanted =
        WantedFile { project, task_id, path: path.clone(), first, last, bytes_max: PAGE_BYTES_MAX };
    let task = wanted.task_id.clone();
    let file = match call.tasks.read_file(wanted).await {
        Ok(file) => file,
        Err(ReadError::UnknownProject(name)) => return Err(call.unknown_project(&name).await),
        Err(ReadError::Refused { message, hint }) => {
            let path = one_line(&path, 100);
            return Err(ToolError::new(format!("`{path}` cannot be read: {message}"), hint));
        }
        Err(ReadError::Unavailable(err)) => return Err(unavailable(err)),
    };
    let mut answer = told(&path, &file);
    if let Some(id) = task {
        answer.fact("task_id", id.as_str());
    }
    Ok(answer)
}

fn told(path: &str, file: &FileLines) -> Answer {
    let path = one_line(path, 200);
    let FileLines { project, first, last, lines, bytes, .. } = file;
    let next = if file.next.is_some() { Next::ReadFile } else { Next::Nothing };
    let mut answer = Answer::plain(format_args!("file={path} next={}", next.name()));
    answer.fact("next", next.name());
    answer.fact("path", path);
    answer.fact("project", project.as_str());
    for (name, value) in [("line_start", first), ("line_end", last), ("lines", lines)] {
        answer.fact(name, *value);
    }
    answer.fact("bytes", *bytes);
    answer.fact("binary", file.binary);
    answer.fact("lossy", file.lossy);
    if file.binary {
        answer.line(format!("A binary file of {bytes} bytes; nothing of it is shown."));
        return answer;
    }
    if last < first {
        answer.line(format!("Nothing: the file has {lines} lines, {bytes} bytes."));
    } else {
        answer.line(format!("Lines {first} to {last} of {lines}, {bytes} bytes in all:"));
    }
    answer.long("content", &clean(&file.text));
    if file.lossy {
        answer.line("[bytes that are no UTF-8 were replaced]");
    }
    if file.cut {
        answer.line("[a line was too long; its end is left out]");
    }
    if let Some(next) = file.next {
        answer.fact("next_line", next);
        answer.line(format!("[more: read_file with line_start {next}]"));
    }
    answer
}
