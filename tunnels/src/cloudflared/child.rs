//! Starts the child so that it inherits nothing, and makes sure that it ends.
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::CloudflaredError;
use super::outcome::Ending;
use super::output::Output;
use crate::process;

/// What of the environment a child gets: where to find authorities, proxies and temporary folders,
/// and what Windows needs to load a program. Never `TUNNEL_*`, which would act as flags, and never
/// `HOME`, below which a user's own configuration is.
const PASSED: &[&str] = &[
    "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LC_ALL", "NO_PROXY", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "SystemRoot",
    "TEMP", "TMP", "TMPDIR", "TZ", "https_proxy", "http_proxy", "no_proxy",
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

/// Starts children from one long-lived thread of its own.
///
/// On Linux the signal that a launcher asks for at its parent's death comes when the *thread* that
/// started it ends, and tokio's threads come and go.
pub(super) struct Spawner {
    requests: std_mpsc::SyncSender<Request>,
}

struct Request {
    command: Command,
    answer: oneshot::Sender<std::io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread; it ends when the spawner is dropped.
    pub(super) fn start() -> std::io::Result<Self> {
        let (requests, receiver) = std_mpsc::sync_channel::<Request>(1);
        let runtime = Handle::current();
        std::thread::Builder::new().name("cloudflared-start".to_owned()).spawn(move || {
            // Children register with the runtime they are awaited on.
            let _context = runtime.enter();
            for mut request in receiver {
                // A receiver that is gone drops the child, which kills it.
                let _ = request.answer.send(request.command.spawn());
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts a child and begins to drain its pipes into `output`.
    pub(super) async fn spawn(
        &self,
        start: Start<'_>,
        output: &Arc<Output>,
    ) -> Result<Process, CloudflaredError> {
        let fault = |reason: String| CloudflaredError::NotRunnable {
            path: start.executable.to_owned(),
            reason,
        };
        let (answer, started) = oneshot::channel();
        let request = Request { command: command(&start), answer };
        self.requests
            .try_send(request)
            .map_err(|_| fault("the starting thread is gone".to_owned()))?;
        let mut child = started
            .await
            .map_err(|_| fault("the starting thread is gone".to_owned()))?
            .map_err(|error| fault(error.to_string()))?;
        let pipes = [
            child.stdout.take().map(|pipe| tokio::spawn(Arc::clone(output).drain(pipe))),
            child.stderr.take().map(|pipe| tokio::spawn(Arc::clone(output).drain(pipe))),
        ];
        let group = child.id();
        Ok(Process { child, group, pipes: pipes.into_iter().flatten().collect() })
    }
}

fn command(start: &Start<'_>) -> Command {
    let mut words = start
        .launcher
        .iter()
        .map(OsString::as_os_str)
        .chain([start.executable.as_os_str()]);
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
    process::own_group(&mut command);
    command
}

/// A running child with its group; both are killed when it is dropped.
pub(super) struct Process {
    child: Child,
    group: Option<u32>,
    pipes: Vec<JoinHandle<()>>,
}

impl Process {
    /// Waits until the child has ended, its group is gone and its last words are read. Cancel-safe.
    pub(super) async fn ended(&mut self) -> Ending {
        let status = self.child.wait().await;
        self.kill_group();
        while let Some(pipe) = self.pipes.last_mut() {
            let _ = timeout(PIPES_WITHIN, &mut *pipe).await;
            pipe.abort();
            self.pipes.pop();
        }
        match status {
            Ok(status) => match process::signal_of(status) {
                Some(signal) => Ending::Signal(signal),
                None => Ending::Code(status.code().unwrap_or(-1)),
            },
            // Only when somebody else has reaped it.
            Err(_) => Ending::Code(-1),
        }
    }

    /// Asks the child to end, and kills it and its group when it has not within `kill_after`.
    pub(super) async fn stop(&mut self, kill_after: Duration) -> Ending {
        let asked = self.group.is_some_and(|group| process::terminate_group(group).is_ok());
        if asked && let Ok(ending) = timeout(kill_after, self.ended()).await {
            return ending;
        }
        self.kill_group();
        // Where there are no groups, and for a child that has just left its own.
        let _ = self.child.start_kill();
        self.ended().await
    }

    /// Once: after the child is reaped its number may belong to somebody else.
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // Usually nobody is left.
            let _ = process::kill_group(group);
        }
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
