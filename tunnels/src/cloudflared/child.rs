//! Starts the child so that it inherits nothing, and makes sure that it ends.
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::children;
use gateway_os::launch::{Spawner, lead_group};
use gateway_os::process::{Delivery, ProcessId, Signal, gone, signal_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::error::CloudflaredError;
use super::outcome::Ending;
use super::output::Output;

/// What of the environment a child gets: where to find authorities, proxies and temporary folders,
/// and what Windows needs to load a program. Never `TUNNEL_*`, which would act as flags, and never
/// `HOME`, below which a user's own configuration is.
const PASSED: &[&str] = &[
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SystemRoot",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];
/// How long the pipes may stay open after the child has ended: a grandchild may hold them.
const PIPES_WITHIN: Duration = Duration::from_secs(1);

/// The allowed part of `environment`.
pub(super) fn clean_environment(
    environment: &BTreeMap<OsString, OsString>,
) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    PASSED.iter().filter_map(|name| {
        let (name, value) = environment.get_key_value(OsStr::new(name))?;
        Some((name.as_os_str(), value.as_os_str()))
    })
}

/// What to start.
pub(super) struct Start<'a> {
    pub(super) launcher: &'a [OsString],
    pub(super) executable: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: &'a BTreeMap<OsString, OsString>,
    /// Home and working folder.
    pub(super) folder: &'a Path,
}

/// Starts a child on the spawner's thread and begins to drain its pipes into `output`.
///
/// On Linux the signal that a launcher asks for at its parent's death comes when the *thread* that
/// started it ends, and tokio's threads come and go.
pub(super) async fn spawn(
    spawner: &Spawner,
    start: Start<'_>,
    output: &Arc<Output>,
) -> Result<Process, CloudflaredError> {
    let fault = |error: std::io::Error| CloudflaredError::NotRunnable {
        path: start.executable.to_owned(),
        reason: error.to_string(),
    };
    let (spawner, runtime, mut command) = (spawner.clone(), Handle::current(), command(&start));
    let started = spawn_blocking(move || {
        spawner.run(move || {
            // The child registers with the runtime it is awaited on.
            let _context = runtime.enter();
            children::start(|| command.spawn())
        })
    });
    let mut child = started
        .await
        .map_err(std::io::Error::other)
        .and_then(|ran| ran.and_then(|spawned| spawned))
        .map_err(fault)?;
    let pipes = [
        child.stdout.take().map(|pipe| tokio::spawn(Arc::clone(output).drain(pipe))),
        child.stderr.take().map(|pipe| tokio::spawn(Arc::clone(output).drain(pipe))),
    ];
    let leader = child.id().and_then(|pid| ProcessId::of(pid).ok());
    Ok(Process { child, leader, pipes: pipes.into_iter().flatten().collect() })
}

fn command(start: &Start<'_>) -> Command {
    let mut words =
        start.launcher.iter().map(OsString::as_os_str).chain([start.executable.as_os_str()]);
    let mut command = Command::new(words.next().unwrap_or(start.executable.as_os_str()));
    command
        .args(words)
        .args(&start.arguments)
        .env_clear()
        .envs(clean_environment(start.environment))
        .env("HOME", start.folder)
        .current_dir(start.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A terminal's Ctrl-C must not reach the child before the gateway has closed it in order.
    lead_group(command.as_std_mut());
    command
}

/// A running child with its group; both are killed when it is dropped.
pub(super) struct Process {
    child: Child,
    /// Who leads the group; `None` where the system does not tell processes apart.
    leader: Option<ProcessId>,
    pipes: Vec<JoinHandle<()>>,
}

impl Process {
    /// Waits until the child has ended, its group is gone and its last words are read. Cancel-safe.
    pub(super) async fn ended(&mut self) -> Ending {
        if let Some(leader) = &self.leader {
            // Before it is reaped, while its group cannot be anybody else's. What cannot be
            // watched is waited for below.
            let _ = gone(leader).await;
            self.kill_group();
        }
        let status = self.child.wait().await;
        while let Some(pipe) = self.pipes.last_mut() {
            let _ = timeout(PIPES_WITHIN, &mut *pipe).await;
            pipe.abort();
            self.pipes.pop();
        }
        match status {
            Ok(status) => match status.code() {
                Some(code) => Ending::Code(code),
                None => Ending::Signal(status.to_string()),
            },
            Err(error) => Ending::Signal(error.to_string()),
        }
    }

    /// Asks the child to end, and kills it and its group when it has not within `kill_after`.
    pub(super) async fn stop(&mut self, kill_after: Duration) -> Ending {
        let asked = self.signal_group(Signal::Terminate);
        if asked && let Ok(ending) = timeout(kill_after, self.ended()).await {
            return ending;
        }
        self.kill_group();
        // Where there are no groups, and for a child that has left its own.
        let _ = self.child.start_kill();
        self.ended().await
    }

    fn kill_group(&self) {
        self.signal_group(Signal::Kill);
    }

    fn signal_group(&self, signal: Signal) -> bool {
        let sent = self.leader.as_ref().map(|leader| signal_group(leader, signal));
        matches!(sent, Some(Ok(Delivery::Sent)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
        for pipe in &self.pipes {
            pipe.abort();
        }
    }
}
