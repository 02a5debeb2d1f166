//! `gateway man DIR`.
use std::path::Path;

use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::error::CliError;

/// Writes a page for the program and each of its commands into `dir`.
pub(in crate::cli) fn run(dir: &Path) -> Result<(), CliError> {
    let write = || {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Cli::command(), dir)
    };
    write().map_err(|error: std::io::Error| {
        CliError::failed(format!("cannot write manual pages to {}: {error}", dir.display()))
            .hint("name a folder that you may write, such as ~/.local/share/man/man1")
    })
}
