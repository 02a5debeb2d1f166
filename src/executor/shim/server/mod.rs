//! The shim process: one thread, one `poll`, the standard library only.
//!
//! It owns the agent from start to record and depends on nothing that may go away: not on the
//! gateway, not on a runtime, not on a terminal. [`start`] gets everything ready, [`run`] is the
//! loop.
mod clients;
mod input;
mod output;
mod run;
mod start;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use gateway_os::launch::{EXEC_SUBCOMMAND, exec_main};
use gateway_os::peer::SHIM_SUBCOMMAND;
use serde::{Deserialize, Serialize};

use self::run::Shim;

/// The one line a shim prints: how its start went.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "start", rename_all = "snake_case")]
pub(super) enum StartReport {
    /// The agent runs and the socket answers.
    Ready,
    /// Another shim took the run.
    Claimed,
    /// The agent's program could not be started.
    Spawn {
        /// What the system said.
        message: String,
    },
    /// Something else failed.
    Failed {
        /// What.
        message: String,
    },
}

/// Runs the hidden subcommands `__shim DIR` and `__exec … -- PROGRAM …`; `None` when the arguments
/// (without the program's own name) are not theirs. Call it before anything else in `main`: they
/// need no runtime, no configuration and no logging.
#[must_use]
pub fn hidden_command(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter();
    let subcommand = args.next()?;
    if subcommand == SHIM_SUBCOMMAND {
        let folder = args.next()?;
        return Some(shim_main(Path::new(&folder)));
    }
    if subcommand == EXEC_SUBCOMMAND {
        eprintln!("gateway: {}", exec_main(args));
        // The shell's code for a command that could not be run.
        return Some(ExitCode::from(126));
    }
    None
}

/// The body of `__shim DIR`: takes the run in `folder`, keeps its agent, writes its record.
#[must_use]
pub fn shim_main(folder: &Path) -> ExitCode {
    match start::start(folder) {
        Ok(parts) => {
            start::report(&StartReport::Ready);
            Shim::new(parts).run();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            start::report(&failure);
            ExitCode::FAILURE
        }
    }
}
