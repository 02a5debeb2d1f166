//! `gateway clients list|revoke|expire`.
use std::time::Duration;

use serde_json::Value;

use crate::cli::args::ClientsCommand;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::clock::{Clock, SystemClock};
use crate::config::Span;
use crate::gateway::admin::Call;

/// Runs the command.
pub(in crate::cli) async fn run(
    context: &Context,
    command: ClientsCommand,
) -> Result<(), CliError> {
    match command {
        ClientsCommand::List => {
            let data = reach::call(context, Call::ListClients).await?;
            context.print(&data, || table(&data))
        }
        ClientsCommand::Revoke { client } => {
            let data = reach::call(context, Call::RevokeClient { client }).await?;
            context.print(&data, || {
                format!("revoked {}; its tokens are refused from now on", text(&data, "client_id"))
            })
        }
        ClientsCommand::Expire { client, when } => {
            let at = moment(&when)?;
            let data = reach::call(context, Call::ExpireClient { client, at }).await?;
            context.print(&data, || {
                format!("{} ends at {}", text(&data, "client_id"), text(&data, "expires_at"))
            })
        }
    }
}

/// A duration from now, or a moment; in milliseconds since the Unix epoch.
fn moment(when: &str) -> Result<i64, CliError> {
    if let Ok(span) = when.parse::<Span>() {
        return Ok(SystemClock.now().after(Duration::from(span)).as_millis());
    }
    let moment: Result<jiff::Timestamp, _> = when.parse();
    moment.map(jiff::Timestamp::as_millisecond).map_err(|_| {
        CliError::new(Exit::Usage, format!("`{when}` is neither a duration nor a moment"))
            .hint("write `30d`, `12h` or `2027-01-31T00:00:00Z`")
    })
}

fn table(data: &Value) -> String {
    let clients = data["clients"].as_array().map(Vec::as_slice).unwrap_or_default();
    if clients.is_empty() {
        return "no clients yet; make one with `gateway mint-client`".to_owned();
    }
    // What strangers registered and nobody allowed is a number here: its names are theirs.
    let (waiting, known): (Vec<&Value>, Vec<&Value>) =
        clients.iter().partition(|client| client["state"] == "waiting");
    let line = |client: &&Value| {
        let projects = client["projects"].as_array().map(|projects| words(projects));
        let place = match client["audience"].as_str() {
            Some("local") => ", on this machine only",
            Some(_) => ", through the tunnel too",
            None => "",
        };
        format!(
            "{:<16} {:<6} {:<30} {:<8} {:<24} allowed {}, last used {}{}{}{place}\n",
            text(client, "name"),
            text(client, "kind"),
            text(client, "client_id"),
            text(client, "state"),
            client["scopes"].as_array().map(|scopes| words(scopes)).unwrap_or_default(),
            client["approved_at"].as_str().unwrap_or("never"),
            client["last_used_at"].as_str().unwrap_or("never"),
            client["expires_at"].as_str().map(|at| format!(", ends {at}")).unwrap_or_default(),
            projects.map(|names| format!(", projects {names}")).unwrap_or_default(),
        )
    };
    let mut lines: String = known.iter().map(line).collect();
    if !waiting.is_empty() {
        lines.push_str(&format!(
            "{} registered and not allowed yet; forgotten after a day (`--json` shows them)\n",
            waiting.len()
        ));
    }
    lines
}

fn words(list: &[Value]) -> String {
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn text<'a>(data: &'a Value, key: &str) -> &'a str {
    data[key].as_str().unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_tells_kinds_and_counts_those_that_nobody_allowed() {
        let client = |name: &str, kind: &str, state: &str, approved_at: Option<&str>| {
            json!({
                "name": name, "kind": kind, "client_id": "gw_x", "state": state,
                "scopes": ["observe", "run"], "approved_at": approved_at, "last_used_at": null,
            })
        };
        let data = json!({ "clients": [
            client("claude", "static", "active", Some("2026-11-20T05:41:06Z")),
            client("Claude Code", "cimd", "revoked", Some("2026-11-19T05:41:06Z")),
            client("a stranger's joke", "dcr", "waiting", None),
            {
                "name": "backup", "kind": "token", "client_id": "gw_y", "state": "active",
                "scopes": ["observe"], "projects": ["api", "web"], "audience": "local",
                "approved_at": "2026-11-20T05:41:06Z", "last_used_at": "2026-11-20T05:50:00Z",
                "expires_at": "2027-02-18T05:41:06Z",
            },
        ]});
        insta::assert_snapshot!(table(&data));
    }
}
