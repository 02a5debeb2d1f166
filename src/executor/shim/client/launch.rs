//! Starting a shim.
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gateway_os::children;
use gateway_os::folders::{Durability, create_private, private_dir, replace_private};
use gateway_os::launch::Executable;
use gateway_os::peer::SHIM_SUBCOMMAND;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::super::error::ShimError;
use super::super::file;
use super::super::protocol::line_of;
use super::super::server::StartReport;
use super::super::spec::ShimSpec;
use super::attach::connect;
use super::handle::ShimHandle;

/// A shim is up within milliseconds; one that is not by then is looked for by attaching.
const START_PATIENCE: Duration = Duration::from_secs(15);
/// The longest report of a start.
const REPORT_BYTES_MAX: u64 = 64 << 10;

/// Starts `spec` in `folder` (0700, made when missing) under a shim of `program`, our own binary.
///
/// At most one agent ever runs for a folder: of two callers, also across a crash between, one is
/// told [`ShimError::AlreadyLaunched`].
///
/// Dropping the future after the shim was started leaves it running; [`super::attach()`] finds it.
///
/// # Errors
///
/// [`ShimError::Spawn`] when the agent's program cannot be started, else what failed.
pub async fn launch(
    folder: &Path,
    spec: &ShimSpec,
    program: &Executable,
) -> Result<ShimHandle, ShimError> {
    spec.check()?;
    private_dir(folder).map_err(|error| ShimError::Shim { message: error.to_string() })?;
    let folder =
        folder.canonicalize().map_err(ShimError::io("finding the folder of the run", folder))?;
    let state = folder.join(file::STATE);
    if state.try_exists().map_err(ShimError::io("looking for a shim in", &state))? {
        return Err(ShimError::AlreadyLaunched);
    }
    let path = folder.join(file::SPEC);
    replace_private(&path, &line_of(spec), Durability::Cached)
        .map_err(ShimError::io("writing the spec", &path))?;
    let mut shim = spawn(&folder, program)?;
    match timeout(START_PATIENCE, report(&mut shim)).await.map_err(|_| ShimError::Unresponsive)? {
        Some(StartReport::Ready) => connect(&folder).await,
        Some(StartReport::Claimed) => Err(ShimError::AlreadyLaunched),
        Some(StartReport::Spawn { message }) => Err(ShimError::Spawn { message }),
        Some(StartReport::Failed { message }) => Err(ShimError::Shim { message }),
        None => Err(ShimError::Shim { message: died(&mut shim).await }),
    }
}

/// The shim gets nothing of our environment, no terminal and no group; tokio reaps it whenever it
/// ends while we live.
fn spawn(folder: &Path, program: &Executable) -> Result<Child, ShimError> {
    let log = match create_private(&folder.join(file::LOG)) {
        Ok(log) => Stdio::from(log),
        // Left by a launch that got no further; what a second one would log is not worth failing.
        Err(_) => Stdio::null(),
    };
    let mut command = program.command();
    command
        .arg(SHIM_SUBCOMMAND)
        .arg(folder)
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    let mut command = Command::from(command);
    children::start(|| command.spawn())
        .map_err(ShimError::io("starting the supervising process in", folder))
}

/// Reads the one line a shim prints; `None` when it ends without one.
async fn report(shim: &mut Child) -> Option<StartReport> {
    let stdout = shim.stdout.take()?;
    let mut line = Vec::new();
    let mut stdout = BufReader::new(stdout).take(REPORT_BYTES_MAX);
    stdout.read_until(b'\n', &mut line).await.ok()?;
    serde_json::from_slice(&line).ok()
}

async fn died(shim: &mut Child) -> String {
    match timeout(START_PATIENCE, shim.wait()).await {
        Ok(Ok(status)) => format!("it ended without a word ({status}), see {}", file::LOG),
        Ok(Err(_)) | Err(_) => "it closed its output without a word".to_owned(),
    }
}
