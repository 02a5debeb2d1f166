//! `gateway tasks …`.
use serde_json::{Value, json};

use crate::cli::args::{RequestArg, TaskArg, TasksCommand};
use crate::cli::context::{Context, print_text};
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::cli::render;
use crate::gateway::admin::Call;
use crate::gateway::{EventPage, OpenRequestView, TaskDetail, TaskView};
use crate::model::Reply;

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context, command: TasksCommand) -> Result<(), CliError> {
    match command {
        TasksCommand::List { asking: true, .. } => asking(context).await,
        TasksCommand::List { states, project, limit, asking: false } => {
            let limit = usize::from(limit);
            list(context, Call::ListTasks { states, project, limit }).await
        }
        TasksCommand::Show(TaskArg { task }) => {
            let data = reach::call(context, Call::ShowTask { task }).await?;
            let detail: TaskDetail = render::typed(data.clone())?;
            context.print(&data, || render::task_detail(&detail, context.colors()))
        }
        TasksCommand::Tail(TaskArg { task }) => tail(context, task).await,
        TasksCommand::Result(TaskArg { task }) => result(context, task).await,
        TasksCommand::Diff { task: TaskArg { task }, path, stat } => {
            let call = Call::Diff { task, path, stat_only: stat };
            let data = reach::call(context, call).await?;
            context.print(&data, || diff(&data, context.colors()))
        }
        TasksCommand::Apply { task: TaskArg { task }, action } => {
            let data = reach::call(context, Call::Apply { task, action }).await?;
            context.print(&data, || render::clean(data["text"].as_str().unwrap_or_default()))
        }
        TasksCommand::Approve { request, edit: Some(edit), .. } => {
            answer(context, request, Reply::Edited { input: input(&edit)? }).await
        }
        TasksCommand::Approve { request, always: true, .. } => {
            answer(context, request, Reply::Always).await
        }
        TasksCommand::Approve { request, .. } => answer(context, request, Reply::Approve).await,
        TasksCommand::Deny { request, message } => {
            answer(context, request, Reply::Deny { message }).await
        }
        TasksCommand::Answer { request, message: Some(message), .. } => {
            let data = reach::call(context, Call::Say { task: request.task, message }).await?;
            context.print(&data, || "the agent hears it when it takes its next step".to_owned())
        }
        TasksCommand::Answer { request, answers, .. } => {
            answer(context, request, Reply::Answers { answers }).await
        }
        TasksCommand::Cancel { task } => {
            let data = reach::call(context, Call::Cancel { task }).await?;
            context.print(&data, || {
                let ids = data["cancelled"].as_array().map(Vec::as_slice).unwrap_or_default();
                match ids {
                    [] => "nothing was running or waiting".to_owned(),
                    ids => ids
                        .iter()
                        .map(|id| format!("cancelling {}\n", id.as_str().unwrap_or_default()))
                        .collect(),
                }
            })
        }
    }
}

async fn list(context: &Context, call: Call) -> Result<(), CliError> {
    let data = reach::call(context, call).await?;
    let tasks: Vec<TaskView> = render::typed(data["tasks"].clone())?;
    context.print(&data, || {
        if tasks.is_empty() {
            return "no tasks".to_owned();
        }
        let mut out: String =
            tasks.iter().map(|task| render::task_line(task, context.colors())).collect();
        let holding = data["holding"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let holding: Vec<&str> = holding.filter_map(|id| id.get(..8)).collect();
        if !holding.is_empty() {
            out += &format!("the places are held by {}\n", holding.join(", "));
        }
        if data["more"] == true {
            out += "there are more: raise --limit\n";
        }
        out
    })
}

/// Prints events until the task is over. As JSON it is a line per event.
async fn tail(context: &Context, task: String) -> Result<(), CliError> {
    let mut after = Some(0);
    loop {
        let call = Call::Events { task: Some(task.clone()), after, wait_secs: 30 };
        let page: EventPage = render::typed(reach::call(context, call).await?)?;
        for event in &page.events {
            let line = if context.global.json {
                format!("{}\n", json!(event))
            } else {
                render::event_line(event, false, context.colors())
            };
            print_text(&line)?;
        }
        let over = ["completed", "failed", "cancelled", "interrupted"];
        if page.events.is_empty() && page.state.is_some_and(|state| over.contains(&&*state)) {
            return Ok(());
        }
        after = Some(page.cursor);
    }
}

async fn result(context: &Context, task: String) -> Result<(), CliError> {
    let data = reach::call(context, Call::ShowTask { task }).await?;
    let detail: TaskDetail = render::typed(data.clone())?;
    let task = &detail.task;
    let Some(answer) = &task.answer else {
        let why = task.reason.as_deref().unwrap_or("it has given no answer");
        return Err(CliError::failed(format!("task {} is {}: {why}", task.id, task.state))
            .hint(format!("see `gateway tasks show {}`", task.id)));
    };
    let data = json!({
        "schema": 1,
        "task_id": task.id,
        "state": task.state,
        "answer": answer,
        "changed": task.changed,
        "diff_stat": task.diff_stat,
        "cost": task.cost,
        "turns": task.turns,
    });
    context.print(&data, || render::clean(answer))
}

/// Prints what agents ask, with the commands that answer it.
async fn asking(context: &Context) -> Result<(), CliError> {
    let data = reach::call(context, Call::ListRequests).await?;
    let requests: Vec<OpenRequestView> = render::typed(data["requests"].clone())?;
    context.print(&data, || {
        if requests.is_empty() {
            return "no task asks anything".to_owned();
        }
        requests.iter().map(|it| render::open_request(it, context.colors())).collect()
    })
}

fn input(json: &str) -> Result<Value, CliError> {
    serde_json::from_str(json).map_err(|error| {
        CliError::new(Exit::Usage, format!("--edit is no JSON: {error}")).hint(
            "give the whole input, as `gateway tasks show --json` prints it, with your changes",
        )
    })
}

async fn answer(context: &Context, request: RequestArg, reply: Reply) -> Result<(), CliError> {
    let RequestArg { task, request } = request;
    let data = reach::call(context, Call::Answer { task, request, reply }).await?;
    context.print(&data, || {
        let request = &data["request"];
        let text = |key: &str| render::clean(request[key].as_str().unwrap_or_default());
        format!("{}: {}", text("state"), text("preview"))
    })
}

fn diff(data: &Value, colors: bool) -> String {
    let text = render::clean(data["text"].as_str().unwrap_or_default());
    if text.is_empty() {
        return "no changes".to_owned();
    }
    if !colors {
        return text;
    }
    let paint = |line: &str| {
        let code = match line.as_bytes() {
            [b'+', ..] => "32",
            [b'-', ..] => "31",
            [b'@', ..] => "36",
            _ if line.starts_with("diff ") => "1",
            _ => return format!("{line}\n"),
        };
        format!("\x1b[{code}m{line}\x1b[0m\n")
    };
    text.lines().map(paint).collect()
}
