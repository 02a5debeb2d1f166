//! `gateway devices list|revoke`.
use serde_json::Value;

use crate::cli::args::DevicesCommand;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reach;
use crate::gateway::admin::Call;

/// Runs the command.
pub(in crate::cli) async fn run(
    context: &Context,
    command: DevicesCommand,
) -> Result<(), CliError> {
    match command {
        DevicesCommand::List => {
            let data = reach::call(context, Call::ListDevices).await?;
            context.print(&data, || table(&data))
        }
        DevicesCommand::Revoke { device } => {
            let data = reach::call(context, Call::RevokeDevice { device }).await?;
            context.print(&data, || {
                let ids = data["revoked"].as_array().into_iter().flatten();
                let ids: Vec<_> = ids.filter_map(Value::as_str).collect();
                match ids.as_slice() {
                    [] => "no device was paired".to_owned(),
                    ids => format!("revoked {}; it no longer stands for you", ids.join(", ")),
                }
            })
        }
    }
}

fn table(data: &Value) -> String {
    let devices = data["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
    if devices.is_empty() {
        return "no devices yet; pair one with `gateway pair`".to_owned();
    }
    let text = |device: &Value, key: &str| device[key].as_str().unwrap_or("-").to_owned();
    let line = |device: &Value| {
        format!(
            "{:<20} {:<24} {:<8} paired {}  last used {}\n",
            text(device, "name"),
            text(device, "device_id"),
            text(device, "state"),
            text(device, "paired_at"),
            device["last_used_at"].as_str().unwrap_or("never"),
        )
    };
    devices.iter().map(line).collect()
}
