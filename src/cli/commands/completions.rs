//! `gateway completions SHELL`.
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::context::print_text;
use crate::cli::error::CliError;

/// Prints the completion script of `shell`.
pub(in crate::cli) fn run(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gateway", &mut script);
    print_text(&String::from_utf8_lossy(&script))
}
