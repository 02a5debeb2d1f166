//! `gateway config path|show|check|schema`.
use serde_json::json;

use crate::cli::args::ConfigCommand;
use crate::cli::context::{Context, print_text};
use crate::cli::error::CliError;

/// Runs the command.
pub(in crate::cli) fn run(context: &Context, command: &ConfigCommand) -> Result<(), CliError> {
    match command {
        ConfigCommand::Path => path(context),
        ConfigCommand::Show => {
            let loaded = context.config()?;
            context.print(&loaded.show_json(), || loaded.show_text())
        }
        ConfigCommand::Check => check(context),
        ConfigCommand::Schema => print_text(&format!("{:#}\n", crate::config::json_schema())),
    }
}

fn path(context: &Context) -> Result<(), CliError> {
    let folders = &context.folders;
    let data = json!({
        "schema": 1,
        "config": folders.config_file,
        "state": folders.state,
        "runtime": folders.runtime,
    });
    context.print(&data, || {
        format!(
            "config   {}\nstate    {}\nruntime  {}",
            folders.config_file.display(),
            folders.state.display(),
            folders.runtime.display()
        )
    })
}

fn check(context: &Context) -> Result<(), CliError> {
    let loaded = context.config()?;
    let data = json!({ "schema": 1, "ok": true, "file": loaded.file });
    context.print(&data, || match &loaded.file {
        Some(file) => format!("{} is correct", file.display()),
        None => format!(
            "there is no {}; everything is at its default",
            context.folders.config_file.display()
        ),
    })
}
