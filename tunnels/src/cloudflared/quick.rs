//! One session of a quick tunnel: start the child, learn its address, watch it, end it.
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use gateway_os::launch::Spawner;

use super::child::{self, Process, Start};
use super::error::CloudflaredError;
use super::executable::{self, Version};
use super::origin::Origin;
use super::output::{Output, Seen};
use super::{QuickSettings, Timings, metrics, outcome};
use crate::event::Note;
use crate::provider::{Report, SessionLink};
use crate::settings::Surroundings;

/// So many refusals for a wrong secret are enough; cloudflared itself would go on for ever.
const UNAUTHORIZED_ENOUGH: usize = 3;
/// So many failed QUIC dials without any success mean that UDP is blocked.
const QUIC_FAILURES_ENOUGH: u32 = 3;

pub(super) async fn run(
    settings: QuickSettings,
    surroundings: Surroundings,
    link: SessionLink,
) -> Result<(), CloudflaredError> {
    let closing = link.closing().clone();
    let session = async {
        let executable = executable::find(settings.path.as_deref(), &surroundings.environment)?;
        let version = executable::version(&executable, &surroundings.environment).await?;
        link.note(Note::Executable {
            path: executable.display().to_string(),
            version: version.to_string(),
            old: version.is_old(),
        });
        let origin = Origin::open(&surroundings.runtime_dir, &link).await?;
        let spawner = Spawner::start().map_err(|error| CloudflaredError::NotRunnable {
            path: executable.clone(),
            reason: error.to_string(),
        })?;
        Ok(Quick { settings, surroundings, link, executable, version, origin, spawner })
    };
    let quick = tokio::select! {
        biased;
        () = closing.cancelled() => return Ok(()),
        quick = session => quick?,
    };
    match quick.serve("auto").await? {
        Ended::Closed => Ok(()),
        Ended::QuicBlocked => {
            quick.link.note(Note::Http2Fallback);
            quick.serve("http2").await.map(|_| ())
        }
    }
}

/// Why a child was stopped in order.
enum Ended {
    Closed,
    QuicBlocked,
}

struct Quick {
    settings: QuickSettings,
    surroundings: Surroundings,
    link: SessionLink,
    executable: PathBuf,
    version: Version,
    origin: Origin,
    spawner: Spawner,
}

impl Quick {
    /// Runs one child to its end.
    async fn serve(&self, protocol: &'static str) -> Result<Ended, CloudflaredError> {
        let output = Output::new(self.link.clone());
        let start = Start {
            launcher: &self.surroundings.launcher,
            executable: &self.executable,
            arguments: self.arguments(protocol),
            environment: &self.surroundings.environment,
            folder: self.origin.folder(),
        };
        let process = child::spawn(&self.spawner, start, &output).await?;
        let timings = self.settings.timings;
        let probe = Probe::start(output.seen(), timings);
        let now = Instant::now();
        let watched = Watched {
            link: &self.link,
            timings,
            seen: output.seen(),
            output,
            process,
            probe,
            may_fall_back: protocol != "http2",
            url: None,
            url_by: now + timings.url_within,
            unready_since: Some(now),
            opened: false,
        };
        watched.run().await
    }

    /// Everything is said explicitly, because whatever is not is looked for in files and variables.
    fn arguments(&self, protocol: &str) -> Vec<OsString> {
        let grace = format!("{}ms", self.settings.timings.grace.as_millis());
        let mut arguments: Vec<OsString> = vec!["tunnel".into(), "--config".into()];
        arguments.push(self.origin.config().into());
        arguments.push("--no-autoupdate".into());
        if self.version.has_no_prechecks() {
            arguments.push("--no-prechecks".into());
        }
        for (flag, value) in [
            ("--metrics", "127.0.0.1:0"),
            ("--protocol", protocol),
            ("--loglevel", "info"),
            ("--grace-period", &grace),
            // Asks for a quick tunnel; where its requests go is said by the configuration's one rule.
            ("--url", "http://127.0.0.1:9"),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        arguments
    }
}

/// A running child and what is known about it.
struct Watched<'a> {
    link: &'a SessionLink,
    timings: Timings,
    seen: watch::Receiver<Seen>,
    output: Arc<Output>,
    process: Process,
    probe: Probe,
    may_fall_back: bool,
    url: Option<Url>,
    url_by: Instant,
    unready_since: Option<Instant>,
    opened: bool,
}

impl Watched<'_> {
    async fn run(mut self) -> Result<Ended, CloudflaredError> {
        let stopped = loop {
            let unready_by = self.unready_since.map(|since| since + self.timings.unready_for);
            tokio::select! {
                biased;
                () = self.link.closing().cancelled() => break Ok(Ended::Closed),
                ending = self.process.ended() => {
                    return Err(outcome::of_exit(ending, &self.output.lines()));
                }
                Ok(()) = self.seen.changed() => {
                    if let Some(verdict) = self.verdict_of_log() {
                        break verdict;
                    }
                    self.follow().await;
                }
                Ok(()) = self.probe.answers.changed() => self.follow().await,
                () = sleep_until(self.url_by), if self.url.is_none() => {
                    break Err(CloudflaredError::UrlLate {
                        within: self.timings.url_within,
                        last: self.output.lines(),
                    });
                }
                () = sleep_until(unready_by.unwrap_or(self.url_by)), if unready_by.is_some() => {
                    break Err(CloudflaredError::EdgeLost { after: self.timings.unready_for });
                }
            }
        };
        self.process.stop(self.timings.kill_after).await;
        stopped
    }

    /// What only the log tells, because the process would go on for ever.
    fn verdict_of_log(&mut self) -> Option<Result<Ended, CloudflaredError>> {
        let seen = self.seen.borrow_and_update();
        if let Some(words) = seen.unauthorized.get(UNAUTHORIZED_ENOUGH - 1) {
            return Some(Err(CloudflaredError::Unauthorized(words.clone())));
        }
        let quic_blocked = self.may_fall_back
            && !self.opened
            && !seen.registered
            && seen.quic_failures >= QUIC_FAILURES_ENOUGH;
        quic_blocked.then_some(Ok(Ended::QuicBlocked))
    }

    /// Brings what is known up to date, and reports what changed.
    async fn follow(&mut self) {
        let seen = self.seen.borrow().clone();
        let answers = self.probe.answers.borrow_and_update().clone();
        if self.url.is_none() {
            self.url = answers.url.or(seen.url);
            if let Some(url) = &self.url {
                self.link.note(Note::WaitingForEdge { url: url.clone() });
            }
        }
        let Some(url) = self.url.clone() else { return };
        // Without a metrics server, the log is the second source here too.
        let ready = answers.ready.unwrap_or(seen.metrics.is_none() && seen.registered);
        match (ready, self.unready_since) {
            (true, Some(_)) => {
                self.unready_since = None;
                self.opened = true;
                self.link.report(Report::Opened { url }).await;
            }
            (false, None) => {
                self.unready_since = Some(Instant::now());
                let cause = CloudflaredError::EdgeDisconnected.into();
                self.link.report(Report::Lost { cause }).await;
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
}

/// What the metrics server last said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Answers {
    url: Option<Url>,
    ready: Option<bool>,
}

/// Asks the metrics server again and again, beside everything else.
struct Probe {
    answers: watch::Receiver<Answers>,
    task: JoinHandle<()>,
}

impl Probe {
    fn start(seen: watch::Receiver<Seen>, timings: Timings) -> Self {
        let (answers, receiver) = watch::channel(Answers::default());
        Self { answers: receiver, task: tokio::spawn(probe(seen, answers, timings)) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn probe(mut seen: watch::Receiver<Seen>, answers: watch::Sender<Answers>, timings: Timings) {
    let Ok(address) = seen.wait_for(|seen| seen.metrics.is_some()).await.map(|seen| seen.metrics)
    else {
        return;
    };
    let Some(address) = address else { return };
    while !answers.is_closed() {
        let mut next = answers.borrow().clone();
        if next.url.is_none() {
            next.url = metrics::quick_tunnel(address).await;
        }
        // A server that does not answer is no connection either.
        next.ready = Some(metrics::ready(address).await.unwrap_or(false));
        answers.send_if_modified(|last| {
            let changed = *last != next;
            *last = next;
            changed
        });
        sleep(timings.poll_every).await;
    }
}
