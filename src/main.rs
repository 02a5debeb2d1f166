//! The `gateway` command; everything it does is in the library.
use std::process::ExitCode;

use gateway::secret::{HELPER_COMMAND, helper_main};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(command) if command == HELPER_COMMAND => helper_main(args),
        _ => ExitCode::SUCCESS,
    }
}
