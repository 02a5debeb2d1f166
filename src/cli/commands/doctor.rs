//! placeholder until the branch lands
use crate::cli::args::DoctorArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
pub(in crate::cli) fn run(_context: &Context, _args: DoctorArgs) -> Result<(), CliError> {
    Ok(())
}
