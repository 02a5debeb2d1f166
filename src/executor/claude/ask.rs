//! Asking the program something that it answers at once, such as its version.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use gateway_os::children;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Most bytes of an answer that are read.
const BYTES_MAX: u64 = 64 * 1024;

/// What `program` prints when it is started with `arguments` in the environment of an agent, and how
/// it ends. A program that takes longer than `limit` is killed, and so is one whose future is dropped.
///
/// # Errors
///
/// A sentence: it cannot be started, or did not end in time.
pub(super) async fn ask(
    program: &Path,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
    limit: Duration,
) -> Result<(ExitStatus, String), String> {
    let answered = tokio::time::timeout(limit, output(program, arguments, environment)).await;
    match answered {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it did not answer within {} s", limit.as_secs())),
    }
}

async fn output(
    program: &Path,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
) -> std::io::Result<(ExitStatus, String)> {
    let mut child = children::start(|| {
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Dropped when the wait is over; a program that hangs must not stay.
            .kill_on_drop(true)
            .spawn()
    })?;
    let mut text = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(BYTES_MAX).read_to_end(&mut text).await?;
    }
    let status = child.wait().await?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_given_up() {
        let environment = BTreeMap::new();
        let hangs = ask(Path::new("/bin/sleep"), &["1000"], &environment, Duration::from_secs(8));
        assert_eq!(hangs.await.unwrap_err(), "it did not answer within 8 s");
    }
}
