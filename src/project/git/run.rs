//! Making a [`Call`]: one process group, bounded pipes, one deadline.
use std::process::Stdio;

use gateway_os::children;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};

use super::super::platform;
use super::{Call, ENVIRONMENT, Git, GitError, SWITCHES, Stdin};

/// How much of standard error is kept, in bytes.
const STDERR_MAX: usize = 4096;

/// What git answered.
#[derive(Debug)]
pub(in crate::project) struct Output {
    /// The part of standard output that was asked for.
    pub(in crate::project) stdout: Vec<u8>,
    /// Whether more followed.
    pub(in crate::project) more: bool,
    /// The exit status; 0 when the output was cut off.
    pub(in crate::project) code: i32,
    /// The beginning of standard error.
    pub(in crate::project) stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text without the newline at its end.
    pub(in crate::project) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }

    /// The records of an output with `-z`.
    pub(in crate::project) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.stdout.split(|byte| *byte == 0).filter(|record| !record.is_empty())
    }
}

/// Kills a process group when dropped before the leader was reaped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.take() {
            platform::kill_group(leader);
        }
    }
}

impl Git {
    /// Makes the call.
    ///
    /// Dropping the future kills the whole process group.
    ///
    /// # Errors
    ///
    /// What kept git from answering, see [`GitError`].
    pub(in crate::project) async fn run(&self, call: Call) -> Result<Output, GitError> {
        let mut command = self.command(&call)?;
        let mut child = children::start(|| command.spawn()).map_err(GitError::Spawn)?;
        let mut group = Group(child.id());
        let pipe = |source| GitError::Pipe { command: call.name, source };
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped");
        let stderr = child.stderr.take().expect("standard error is piped");
        let input = match call.stdin {
            Stdin::Bytes(bytes) => bytes,
            Stdin::Empty | Stdin::File(_) => Vec::new(),
        };
        let talk = async {
            // A window that is full drops its end of the pipe, so that git ends and all three do.
            let ((), out, err) = tokio::join!(
                feed(stdin, &input),
                window(stdout, call.skip, call.keep),
                window_to_end(stderr),
            );
            let (stdout, more) = out.map_err(pipe)?;
            if more {
                return Ok((stdout, err, None));
            }
            let status = child.wait().await.map_err(pipe)?;
            Ok((stdout, err, Some(status)))
        };
        let Ok(answer) = tokio::time::timeout(call.timeout, talk).await else {
            return Err(GitError::TimedOut { command: call.name, after: call.timeout });
        };
        let (stdout, stderr, status) = answer?;
        let Some(status) = status else {
            if call.cut {
                return Ok(Output { stdout, more: true, code: 0, stderr });
            }
            return Err(GitError::OutputTooLarge { command: call.name, max: call.keep });
        };
        group.0 = None;
        match status.code() {
            Some(code) if call.accept.contains(&code) => {
                Ok(Output { stdout, more: false, code, stderr })
            }
            code => {
                let message = spoken(&stderr);
                tracing::debug!(command = call.name, ?code, %message, "git failed");
                Err(GitError::Failed { command: call.name, code, message })
            }
        }
    }

    fn command(&self, call: &Call) -> Result<Command, GitError> {
        let mut command = Command::new(self.executable());
        command.env_clear().env("PATH", self.search_path());
        command.envs(ENVIRONMENT.iter().copied());
        // Without a git directory of its own a call must not find one by looking around.
        command.env("GIT_DIR", "/dev/null");
        command.envs(call.env.iter().map(|(name, value)| (name, value)));
        for name in &call.unset {
            command.env_remove(name);
        }
        command.current_dir(call.cwd.as_deref().unwrap_or_else(|| std::path::Path::new("/")));
        for switch in SWITCHES {
            command.arg("-c").arg(switch);
        }
        for setting in &call.settings {
            command.arg("-c").arg(setting);
        }
        command.arg("--no-pager");
        if !call.globs {
            command.arg("--literal-pathspecs");
        }
        command.arg(call.name).args(&call.args);
        if !call.revisions.is_empty() {
            command.arg("--end-of-options").args(&call.revisions);
        }
        if let Some(paths) = &call.paths {
            command.arg("--").args(paths);
        }
        command.stdin(match &call.stdin {
            Stdin::Empty => Stdio::null(),
            Stdin::Bytes(_) => Stdio::piped(),
            Stdin::File(path) => Stdio::from(std::fs::File::open(path).map_err(GitError::Spawn)?),
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        platform::own_group(&mut command);
        Ok(command)
    }
}

/// Writes the input; a process that stops reading says why by its exit status.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(input).await;
        let _ = stdin.shutdown().await;
    }
}

/// Reads `keep` bytes after `skip`; the flag tells whether more followed.
async fn window(
    mut from: impl AsyncRead + Unpin,
    skip: u64,
    keep: usize,
) -> std::io::Result<(Vec<u8>, bool)> {
    let mut out = Vec::new();
    let mut skip = skip;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Ok((out, false));
        }
        let drop = usize::try_from(skip).unwrap_or(usize::MAX).min(read);
        skip -= drop as u64;
        let fresh = &chunk[drop..read];
        let room = keep - out.len();
        if fresh.len() > room {
            out.extend_from_slice(&fresh[..room]);
            return Ok((out, true));
        }
        out.extend_from_slice(fresh);
    }
}

/// Reads to the end and keeps the first [`STDERR_MAX`] bytes.
async fn window_to_end(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chunk = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let room = STDERR_MAX - out.len();
        out.extend_from_slice(&chunk[..read.min(room)]);
    }
    out
}

/// Standard error as one short text without control characters.
fn spoken(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<String> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(3)
        .map(|line| line.chars().filter(|c| !c.is_control()).take(300).collect())
        .collect();
    if lines.is_empty() { "it gave no reason".to_owned() } else { lines.join("; ") }
}
