//! `gateway status [--follow]`.
use serde::Serialize;
use serde_json::Value;

use crate::cli::args::StatusArgs;
use crate::cli::context::{Context, print_text};
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::cli::render;
use crate::gateway::admin::{AdminClient, AdminClientError, Call};
use crate::gateway::{EventPage, StepPage};
use crate::model::dollars;

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context, args: StatusArgs) -> Result<(), CliError> {
    let status = ask(context, &Call::Status).await?;
    if !args.follow {
        return context.print(&status, || lines(&status));
    }
    show(context, &status, || lines(&status))?;
    tokio::try_join!(follow_tasks(context, status), follow_clients(context))?;
    Ok(())
}

/// Prints one of many: as a line of JSON, or as `text` makes it.
fn show(
    context: &Context,
    data: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    if !context.global.json {
        return print_text(&text());
    }
    let mut data = serde_json::json!(data);
    data["schema"] = 1.into();
    print_text(&format!("{data}\n"))
}

async fn ask(context: &Context, call: &Call) -> Result<Value, CliError> {
    reach::call_running(context, call).await?.ok_or_else(|| {
        CliError::new(Exit::Unavailable, "the gateway is not running")
            .hint("start it with `gateway serve`")
    })
}

async fn follow_tasks(context: &Context, mut status: Value) -> Result<(), CliError> {
    let mut after = None;
    loop {
        let call = Call::Events { task: None, after, wait_secs: 5 };
        let page: EventPage = render::typed(wait_for(context, &call).await?)?;
        for event in &page.events {
            show(context, event, || render::event_line(event, true, context.colors()))?;
        }
        after = Some(page.cursor);
        let now = reach::call_running(context, &Call::Status).await?.ok_or_else(ended)?;
        if changed(&status, &now) {
            show(context, &now, || lines(&now))?;
        }
        status = now;
    }
}

async fn follow_clients(context: &Context) -> Result<(), CliError> {
    let mut after = None;
    loop {
        let page = wait_for(context, &Call::Trace { after, wait_secs: 30 }).await?;
        let page: StepPage = render::typed(page)?;
        if page.missed > 0 {
            let missed = serde_json::json!({ "missed": page.missed });
            show(context, &missed, || format!("{} earlier steps are not shown\n", page.missed))?;
        }
        for step in &page.steps {
            show(context, step, || render::step_line(step, context.colors()))?;
        }
        after = Some(page.cursor);
    }
}

/// Asks the gateway that is followed; it may end meanwhile.
async fn wait_for(context: &Context, call: &Call) -> Result<Value, CliError> {
    match AdminClient::new(&context.folders.runtime).call(call).await {
        Err(AdminClientError::NotRunning | AdminClientError::Broken(_)) => Err(ended()),
        answer => Ok(answer?),
    }
}

fn ended() -> CliError {
    CliError::new(Exit::Unavailable, "the gateway has ended").hint("start it with `gateway serve`")
}

/// Whether anything but the clock moved.
fn changed(before: &Value, now: &Value) -> bool {
    ["state", "public_url", "tunnel", "needs_restart", "problems"]
        .iter()
        .any(|key| before[key] != now[key])
}

fn lines(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut out = format!("state    {}\n", text(&status["state"]));
    out += &format!("local    {}\n", text(&status["local_url"]));
    out += &format!("public   {}\n", text(&status["public_url"]));
    let tunnel = &status["tunnel"];
    out += &format!("tunnel   {}, {}", text(&tunnel["provider"]), text(&tunnel["state"]));
    match tunnel["detail"].as_str() {
        Some(detail) => out += &format!(": {detail}\n"),
        None => out += "\n",
    }
    if let Some(hint) = tunnel["hint"].as_str() {
        out += &format!("hint     {hint}\n");
    }
    let tasks = status["tasks"].as_object().map(|counts| {
        counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>()
    });
    let tasks = tasks.filter(|tasks| !tasks.is_empty());
    out += &format!("tasks    {}\n", tasks.map_or("none".to_owned(), |tasks| tasks.join(", ")));
    let budget = &status["budget"];
    let of_projects = budget["projects"].as_array().into_iter().flatten();
    for day in std::iter::once(budget).chain(of_projects) {
        out += &spent(day).unwrap_or_default();
    }
    for client in status["clients"].as_array().into_iter().flatten() {
        let name = render::clean(&text(&client["last"]["name"]));
        out += &format!("client   {name}: {}\n", text(&client["row"]));
        if let Some(hint) = client["last"]["hint"].as_str() {
            out += &format!("         {}\n", text(&client["last"]["text"]));
            out += &format!("hint     {hint}\n");
        }
    }
    if let Some(waiting) = status["waiting"].as_str() {
        out += &format!("waiting  {waiting}\n");
    }
    let waiting = status["needs_restart"].as_array().into_iter().flatten();
    let waiting: Vec<&str> = waiting.filter_map(Value::as_str).collect();
    if !waiting.is_empty() {
        out += &format!("restart  needed for {}\n", waiting.join(", "));
    }
    for problem in status["problems"].as_array().into_iter().flatten() {
        out += &format!("problem  {}\n", text(problem));
    }
    out
}

/// What a day has cost and may cost; none when a gateway of another version does not tell.
fn spent(day: &Value) -> Option<String> {
    let (spent, limit) = (day["spent_usd"].as_f64()?, day["per_day_usd"].as_f64()?);
    let of = day["project"].as_str().map_or_else(String::new, |project| format!(" in {project}"));
    Some(format!("budget   {} of {} spent today{of}\n", dollars(spent), dollars(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tunnel_and_keys_that_wait_are_told_on_lines_of_their_own() {
        let status = serde_json::json!({
            "state": "running",
            "local_url": "http://127.0.0.1:8765",
            "public_url": null,
            "tunnel": {
                "provider": "ngrok",
                "state": "failed",
                "detail": "ngrok said no; really",
                "hint": "store another authtoken",
            },
            "tasks": { "running": 2 },
            "budget": { "spent_usd": 3.2, "per_day_usd": 25.0, "projects": [
                { "project": "my-api", "spent_usd": 0.0, "per_day_usd": 5.0 },
            ] },
            "clients": [
                { "row": "allowed → listed 8 tools", "last": { "name": "Claude", "hint": null } },
                { "row": "allowed → no call", "last": {
                    "name": "Co\u{202e}dex",
                    "text": "made no call; likely cause: it asked at / instead of /mcp (404)",
                    "hint": "the connector's URL must end in /mcp",
                } },
            ],
            "waiting": "1 queued, while 2 hold a place",
            "needs_restart": ["limits.burst", "server.listen"],
            "problems": ["one"],
        });
        insta::assert_snapshot!(lines(&status), @r"
        state    running
        local    http://127.0.0.1:8765
        public   -
        tunnel   ngrok, failed: ngrok said no; really
        hint     store another authtoken
        tasks    2 running
        budget   $3.20 of $25.00 spent today
        budget   $0.00 of $5.00 spent today in my-api
        client   Claude: allowed → listed 8 tools
        client   Co�dex: allowed → no call
                 made no call; likely cause: it asked at / instead of /mcp (404)
        hint     the connector's URL must end in /mcp
        waiting  1 queued, while 2 hold a place
        restart  needed for limits.burst, server.listen
        problem  one
        ");
    }
}
