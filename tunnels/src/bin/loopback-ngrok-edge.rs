//! The loopback ngrok edge as a process, for whole-program scripts.
//!
//! Prints one line of JSON with `agent_addr`, `public_addr` and `ca_pem_path`, then obeys one order
//! per line of stdin and answers each with one line of JSON. Ends at the end of stdin or at `quit`.
//!
//! ```text
//! seen | drop | quit
//! refuse on|off              mute-heartbeats on|off     mute-binds on|off
//! buffer on|off              interstitial on|off
//! auth-error TEXT|off        bind-error TEXT|off        (`\n` in TEXT is a new line)
//! rebind-url URL|off         rebind-id ID|off
//! command stop|restart|update [VERSION]
//! ```
use std::io;

use gateway_tunnels::testing::{Command, NgrokEdge};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> io::Result<()> {
    let edge = NgrokEdge::start().await?;
    let folder = tempfile::Builder::new().prefix("ngrok-edge-").tempdir()?;
    let ca_pem_path = folder.path().join("ca.pem");
    std::fs::write(&ca_pem_path, edge.ca_pem())?;
    print(&json!({
        "agent_addr": edge.agent_addr().to_string(),
        "public_addr": edge.public_addr().to_string(),
        "ca_pem_path": ca_pem_path,
    }));
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        let (word, rest) = order.trim().split_once(' ').unwrap_or((order.trim(), ""));
        match word {
            "" => {}
            "quit" => break,
            _ => print(&obey(&edge, word, rest.trim()).await),
        }
    }
    Ok(())
}

fn print(answer: &Value) {
    println!("{answer}");
}

async fn obey(edge: &NgrokEdge, word: &str, rest: &str) -> Value {
    let on = rest == "on";
    let text = || (rest != "off").then(|| rest.replace("\\n", "\n"));
    match word {
        "seen" => return json!(edge.seen()),
        "drop" => edge.drop_sessions(),
        "refuse" => edge.refuse_tcp(on).await,
        "mute-heartbeats" => edge.turn(|knobs| knobs.mute_heartbeats = on),
        "mute-binds" => edge.turn(|knobs| knobs.mute_binds = on),
        "buffer" => edge.turn(|knobs| knobs.buffer_get_sse = on),
        "interstitial" => edge.turn(|knobs| knobs.interstitial = on),
        "auth-error" => edge.turn(|knobs| knobs.auth_error = text()),
        "bind-error" => edge.turn(|knobs| knobs.bind_error = text()),
        "rebind-url" => edge.turn(|knobs| knobs.rebind_url = text()),
        "rebind-id" => edge.turn(|knobs| knobs.rebind_id = text()),
        "command" => return command(edge, rest).await,
        other => return json!({"ok": false, "error": format!("unknown order `{other}`")}),
    }
    json!({"ok": true})
}

async fn command(edge: &NgrokEdge, words: &str) -> Value {
    let command = match words.split_once(' ').unwrap_or((words, "")) {
        ("stop", _) => Command::Stop,
        ("restart", _) => Command::Restart,
        ("update", version) => Command::Update(version.to_owned()),
        (other, _) => return json!({"ok": false, "error": format!("unknown command `{other}`")}),
    };
    match edge.command(command).await {
        Ok(answers) => json!({"ok": true, "answers": answers}),
        Err(error) => json!({"ok": false, "error": error.to_string()}),
    }
}
