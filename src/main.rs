//! The `gateway` command; everything it does is in the library.
use std::process::ExitCode;

fn main() -> ExitCode {
    // First: the supervising process and its like need no runtime, arguments or logging of ours.
    if let Some(code) = gateway::executor::shim::hidden_command(std::env::args_os().skip(1)) {
        return code;
    }
    ExitCode::SUCCESS
}
