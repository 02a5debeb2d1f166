//! `gateway mint-client`: credentials for Claude, printed once.
use serde_json::Value;

use crate::cli::args::MintClientArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reach;
use crate::gateway::admin::Call;

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context, args: MintClientArgs) -> Result<(), CliError> {
    let MintClientArgs { name, scopes, projects, public, rotate } = args;
    let call = Call::MintClient { name, scopes, projects, public, rotate };
    let data = reach::call(context, call).await?;
    let url = reach::call_running(context, &Call::Status).await?.and_then(|status| {
        let url = status["public_url"].as_str().or(status["local_url"].as_str())?;
        Some(format!("{url}/mcp"))
    });
    context.print(&data, || lines(&data, url.as_deref()))
}

fn lines(data: &Value, url: Option<&str>) -> String {
    let field = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
    let mut out = format!("client id      {}\n", field("client_id"));
    match data["client_secret"].as_str() {
        Some(secret) => {
            out += &format!("client secret  {secret}\n");
            out += &format!("               shown once; it is kept in the {}\n", field("kept_in"));
        }
        None => out += "client secret  none: this client is public\n",
    }
    if let Some(until) = data["old_secret_valid_until"].as_str() {
        out += &format!("               the old secret stays valid until {until}\n");
    }
    out += "\nIn Claude: Settings > Connectors > Add custom connector, then paste\n";
    let url = url.unwrap_or("the URL that `gateway serve` prints");
    out += &format!("  URL                 {url}\n");
    out += &format!("  OAuth Client ID     {}\n", field("client_id"));
    if let Some(secret) = data["client_secret"].as_str() {
        out += &format!("  OAuth Client Secret {secret}\n");
    }
    out
}
