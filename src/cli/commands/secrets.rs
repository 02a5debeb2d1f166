//! `gateway secrets set|list|remove`.
use std::io::{IsTerminal, Read};

use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::args::SecretsCommand;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::gateway::vault;
use crate::secret::{SECRET_BYTES_MAX, Secret, SecretName};

/// The names that the program itself reads.
const KNOWN: [SecretName; 2] = [SecretName::NGROK_AUTHTOKEN, SecretName::HERMES_API_KEY];

/// Runs the command.
pub(in crate::cli) async fn run(
    context: &Context,
    command: SecretsCommand,
) -> Result<(), CliError> {
    let config = context.config()?.config;
    let secrets = vault::secrets(&config, &context.folders, &context.env)?;
    match command {
        SecretsCommand::Set { name } => {
            let name = parse(&name)?;
            let secret = read_secret(&name)?;
            secrets.vault().set(&name, &secret).await?;
            let data = json!({ "schema": 1, "stored": name.as_str() });
            let kept_in = secrets.vault().source();
            context.print(&data, || format!("stored {} in the {kept_in}", name.as_str()))
        }
        SecretsCommand::List => {
            let listed = secrets.vault().list(&KNOWN).await?;
            let rows: Vec<_> = listed
                .iter()
                .map(|listed| {
                    let variable = secrets.overlay().get(&listed.name);
                    let source = match (variable, listed.present) {
                        (Some(found), _) => Some(found.source),
                        (None, true) => Some(secrets.vault().source()),
                        (None, false) => None,
                    };
                    (listed.name.as_str(), source.map(|source| source.to_string()))
                })
                .collect();
            let list: Vec<_> = rows
                .iter()
                .map(|(name, source)| {
                    json!({ "name": name, "present": source.is_some(), "source": source })
                })
                .collect();
            context.print(&json!({ "schema": 1, "secrets": list }), || {
                let line = |(name, source): &(&str, Option<String>)| {
                    format!("{name:<20} {}\n", source.as_deref().unwrap_or("not set"))
                };
                rows.iter().map(line).collect()
            })
        }
        SecretsCommand::Remove { name } => {
            let name = parse(&name)?;
            if !secrets.vault().delete(&name).await? {
                let message = format!("there is no secret {}", name.as_str());
                return Err(CliError::failed(message).hint("`gateway secrets list` names them"));
            }
            let data = json!({ "schema": 1, "removed": name.as_str() });
            context.print(&data, || format!("removed {}", name.as_str()))
        }
    }
}

fn parse(name: &str) -> Result<SecretName, CliError> {
    let known = KNOWN.iter().map(SecretName::as_str).collect::<Vec<_>>().join(", ");
    let name = SecretName::parse(name)
        .map_err(|error| CliError::new(Exit::Usage, error).hint(format!("use one of {known}")))?;
    if KNOWN.contains(&name) || name.as_str().starts_with("client/") {
        return Ok(name);
    }
    let message = format!("nothing in the gateway reads a secret called {}", name.as_str());
    Err(CliError::new(Exit::Usage, message).hint(format!("use one of {known}")))
}

/// Reads the secret from a pipe, or from the terminal with echo off.
fn read_secret(name: &SecretName) -> Result<Secret, CliError> {
    let text = if std::io::stdin().is_terminal() {
        eprint!("{}: ", name.as_str());
        let line = gateway_os::terminal::read_hidden_line(SECRET_BYTES_MAX)?;
        eprintln!();
        Zeroizing::new(line)
    } else {
        let mut text = Zeroizing::new(String::new());
        let limit = u64::try_from(SECRET_BYTES_MAX + 2).unwrap_or(u64::MAX);
        std::io::stdin().take(limit).read_to_string(&mut text)?;
        text
    };
    let hint = "paste the secret alone, on one line";
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(char::is_whitespace) {
        let message = format!("{} has no spaces in it, and what was given has", name.as_str());
        return Err(CliError::failed(message).hint(hint));
    }
    Secret::parse(line.to_owned()).map_err(|error| CliError::failed(error).hint(hint))
}
