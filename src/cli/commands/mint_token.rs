//! `gateway mint-token`: a bearer token for a program that cannot sign in, printed once.
use serde_json::Value;

use crate::cli::args::MintTokenArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reach;
use crate::gateway::admin::Call;

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context, args: MintTokenArgs) -> Result<(), CliError> {
    let MintTokenArgs { name, scopes, projects, expires, allow_tunnel: anywhere } = args;
    let lifetime_secs = expires.as_secs();
    let call = Call::MintToken { name, scopes, projects, lifetime_secs, anywhere };
    let data = reach::call(context, call).await?;
    // The token is there now, and shown whatever else fails.
    let status = reach::call_running(context, &Call::Status).await.ok().flatten();
    context.print(&data, || lines(&data, status.as_ref())).map_err(|error| {
        let id = data["client_id"].as_str().unwrap_or_default();
        error.hint(format!(
            "the token was made and not shown: end it with `gateway clients revoke {id}`"
        ))
    })
}

fn lines(data: &Value, status: Option<&Value>) -> String {
    let field = |key: &str| data[key].as_str().unwrap_or_default();
    let anywhere = data["audience"] == "anywhere";
    let addresses: Vec<String> = ["local_url", "public_url"]
        .into_iter()
        .filter(|key| anywhere || *key == "local_url")
        .filter_map(|key| Some(format!("{}/mcp", status?[key].as_str()?)))
        .collect();
    let place = if anywhere {
        "on this machine and through the tunnel"
    } else {
        "on this machine only; --allow-tunnel makes one that counts elsewhere too"
    };
    let url = match addresses[..] {
        [] => "the URL that `gateway serve` prints".to_owned(),
        _ => addresses.join(" or "),
    };
    format!(
        "token  {token}\n       shown once and kept nowhere; whoever has it may do what it allows\n\
         ends   {ends}\ncounts {place}\n\n\
         Send it with every request to {url}:\n  Authorization: Bearer {token}\n",
        token = field("token"),
        ends = field("expires_at"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_token_is_shown_with_its_end_and_where_it_counts() {
        let token = |audience: &str| {
            json!({
                "token": "gwt_x", "name": "backup", "audience": audience,
                "expires_at": "2027-02-18T05:41:06.000Z",
            })
        };
        let status = json!({
            "local_url": "http://127.0.0.1:8765", "public_url": "https://h.example",
        });
        let local = lines(&token("local"), Some(&status));
        let anywhere = lines(&token("anywhere"), Some(&status));
        insta::assert_snapshot!([local, anywhere, lines(&token("local"), None)].join("---\n"));
    }
}
