//! The command line: arguments, commands, output, exit codes. The only user of `anyhow`-style
//! end-of-the-line errors ([`CliError`]); everything below returns typed ones.
mod args;
mod browser;
mod commands;
mod context;
mod doctor;
mod error;
mod reach;
mod render;
mod service;
mod standin;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use self::args::Cli;
use self::args::Command;
use self::context::Context;
use self::error::CliError;
use crate::secret::{HELPER_COMMAND, helper_main};

/// Runs the command line of this process and returns its exit code.
///
/// The hidden subcommands come first: they are parts of the program that live in processes of their
/// own, and know neither configuration nor runtime.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = hidden(arguments.into_iter()) {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no failure; the rest is clap's usage error, 2.
            let _ = error.print();
            if error.use_stderr() {
                eprintln!(
                    "hint: `gateway --help` shows the commands, `gateway COMMAND --help` a command's flags"
                );
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit as u8)
        }
    }
}

/// Runs a hidden subcommand, if this is one.
fn hidden(arguments: impl Iterator<Item = OsString> + Clone) -> Option<ExitCode> {
    if let Some(code) = crate::executor::shim::hidden_command(arguments.clone()) {
        return Some(code);
    }
    let mut arguments = arguments;
    let command = arguments.next()?;
    if command == standin::COMMAND {
        return Some(standin::main(arguments));
    }
    (command == HELPER_COMMAND).then(|| helper_main(arguments))
}

fn run(cli: Cli) -> Result<(), CliError> {
    // What tells nothing of this installation is for everybody; the rest is the owner's.
    let is_owners = !matches!(cli.command, Command::Completions { .. } | Command::Man { .. });
    if is_owners {
        reach::refuse_agents()?;
    }
    let json = cli.global.json;
    let context = match (Context::new(cli.global), &cli.command) {
        (Err(error), Command::Doctor(_)) => return commands::doctor::without_folders(error, json),
        (made, _) => made?,
    };
    if is_owners {
        reach::refuse_orphans(&context)?;
    }
    match cli.command {
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Man { dir } => commands::man::run(&dir),
        Command::Config(command) => commands::config::run(&context, &command),
        Command::Projects(command) => on_runtime(commands::projects::run(&context, command)),
        Command::Secrets(command) => on_runtime(commands::secrets::run(&context, command)),
        Command::Tasks(command) => on_runtime(commands::tasks::run(&context, command)),
        Command::Clients(command) => on_runtime(commands::clients::run(&context, command)),
        Command::Devices(command) => on_runtime(commands::devices::run(&context, command)),
        Command::MintClient(args) => on_runtime(commands::mint_client::run(&context, args)),
        Command::MintToken(args) => on_runtime(commands::mint_token::run(&context, args)),
        Command::PushSession => on_runtime(commands::push_session::run(&context)),
        Command::Pair(args) => on_runtime(commands::pair::run(&context, args)),
        Command::Status(args) => on_runtime(commands::status::run(&context, args)),
        Command::Serve(args) => commands::serve::run(&context, &args),
        Command::Doctor(args) => commands::doctor::run(&context, args),
        Command::Service(command) => commands::service::run(&context, &command),
    }
}

/// Runs a short command: one thread is enough for it.
fn on_runtime<F>(command: F) -> Result<(), CliError>
where
    F: Future<Output = Result<(), CliError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(command)
}
