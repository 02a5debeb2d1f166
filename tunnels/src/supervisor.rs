//! Owns a tunnel's state and every decision to wait, retry or give up.
//!
//! One task per tunnel: it runs one session of the provider at a time, turns the session's reports
//! into states and events, checks the public address before it calls the tunnel up, and decides by
//! the failure's own [`Retry`](crate::Retry) class what comes after an end.
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::admission::{Gate, Limits};
use crate::backoff::{Backoff, Decision, Jitter, OpeningBudget};
use crate::check::Check;
use crate::connection::Connection;
use crate::error::TunnelError;
use crate::event::{TunnelEvent, TunnelState};
use crate::provider::{Policy, Provider, Report, SessionLink};
use crate::verify::{AlwaysVerified, Verify, VerifyError};

/// Events kept for a reader that is behind; older ones are skipped for it.
const EVENTS_KEPT: usize = 256;
/// Reports a session may be ahead of the supervisor.
const REPORTS_AHEAD: usize = 64;
/// Checks come every second while a new name may still be spreading, then less often.
const CHECK_SOON: Duration = Duration::from_secs(1);
const CHECK_LATER: Duration = Duration::from_secs(30);
const CHECK_SOON_FOR: Duration = Duration::from_secs(60);

/// What a tunnel is given from outside.
#[derive(Clone)]
pub struct Options {
    /// Draws the random part of every wait.
    pub jitter: Arc<dyn Jitter>,
    /// Proves that a public address leads here.
    pub verify: Arc<dyn Verify>,
    /// What visitors may hold open.
    pub limits: Limits,
    /// How often the public address is checked again while the tunnel is up.
    pub reverify_every: Option<Duration>,
}

impl Options {
    /// Ordinary limits, and every address believed.
    #[must_use]
    pub fn new(jitter: Arc<dyn Jitter>) -> Self {
        Self {
            jitter,
            verify: Arc::new(AlwaysVerified),
            limits: Limits::default(),
            reverify_every: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("verify", &self.verify)
            .field("limits", &self.limits)
            .field("reverify_every", &self.reverify_every)
            .finish_non_exhaustive()
    }
}

/// Starts tunnels.
#[derive(Debug)]
pub struct Tunnel;

impl Tunnel {
    /// Starts keeping a tunnel open, on the current tokio runtime.
    ///
    /// Returns at once; watch [`TunnelHandle::state`]. Connections arrive on the receiver, also while
    /// the address is still being checked, and are shed when nobody takes them. Dropping the handle
    /// closes the tunnel in the background.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    #[must_use]
    pub fn start(
        provider: Arc<dyn Provider>,
        options: Options,
    ) -> (TunnelHandle, mpsc::Receiver<Connection>) {
        let (gate, incoming) = Gate::new(options.limits);
        let (state, watch) = watch::channel(TunnelState::Connecting { attempt: 1 });
        let (events, from_the_start) = broadcast::channel(EVENTS_KEPT);
        let stop = CancellationToken::new();
        let policy = provider.policy();
        let backoff = Backoff::new(policy.law, Arc::clone(&options.jitter));
        let name = provider.name();
        let supervisor = Supervisor {
            policy,
            options,
            gate,
            state,
            events,
            stop: stop.clone(),
            backoff: Arc::new(Mutex::new(backoff)),
            openings: OpeningBudget::new(policy.openings_max),
            attempt: 0,
            last_url: None,
            last_failure: None,
            lost_at: None,
            provider,
        };
        // The supervisor alone keeps the events open, so that they end with it.
        let events = supervisor.events.downgrade();
        let task = tokio::spawn(supervisor.run());
        let handle = TunnelHandle {
            provider: name,
            state: watch,
            events,
            from_the_start: Mutex::new(Some(from_the_start)),
            stop: stop.drop_guard(),
            task: tokio::sync::Mutex::new(Some(task)),
        };
        (handle, incoming)
    }
}

/// A running tunnel, as its owner holds it.
#[derive(Debug)]
pub struct TunnelHandle {
    provider: &'static str,
    state: watch::Receiver<TunnelState>,
    events: broadcast::WeakSender<TunnelEvent>,
    from_the_start: Mutex<Option<broadcast::Receiver<TunnelEvent>>>,
    stop: DropGuard,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl TunnelHandle {
    /// The provider's name.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// The tunnel's state, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<TunnelState> {
        self.state.clone()
    }

    /// What happens: for the first caller from the start, for later ones from now on, until the
    /// tunnel has ended. A reader that falls 256 events behind is told how many it missed.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<TunnelEvent> {
        let mut first = self.from_the_start.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().unwrap_or_else(|| match self.events.upgrade() {
            Some(events) => events.subscribe(),
            // A receiver whose sender is gone: nothing will happen any more.
            None => broadcast::channel(1).1,
        })
    }

    /// Closes the tunnel gracefully and waits until it is closed, which takes at most the provider's
    /// [`Policy::close_within`]. Calling it again waits for the same close.
    pub async fn close(&self) {
        self.stop_token().cancel();
        let mut task = self.task.lock().await;
        if let Some(running) = task.as_mut() {
            // The task has no result; a panic in it is on the log already.
            let _ = running.await;
        }
        *task = None;
    }

    fn stop_token(&self) -> &CancellationToken {
        self.stop.token()
    }
}

/// How a session ended.
enum SessionEnd {
    Closed,
    Failed(TunnelError),
}

struct Supervisor {
    provider: Arc<dyn Provider>,
    policy: Policy,
    options: Options,
    gate: Arc<Gate>,
    state: watch::Sender<TunnelState>,
    events: broadcast::Sender<TunnelEvent>,
    stop: CancellationToken,
    backoff: Arc<Mutex<Backoff>>,
    openings: OpeningBudget,
    attempt: u32,
    last_url: Option<Url>,
    last_failure: Option<Arc<TunnelError>>,
    lost_at: Option<Instant>,
}

impl Supervisor {
    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            self.attempt += 1;
            self.openings.spend(Instant::now());
            self.set(match &self.last_failure {
                Some(cause) if self.last_url.is_some() => self.reconnecting(cause, None),
                _ => TunnelState::Connecting { attempt: self.attempt },
            });
            self.tell(TunnelEvent::Connecting { attempt: self.attempt });
            match self.session().await {
                SessionEnd::Closed => break,
                SessionEnd::Failed(cause) => self.after_failure(cause).await,
            }
        }
        self.set(TunnelState::Closed);
        self.tell(TunnelEvent::Closed);
    }

    /// Waits as the failure asks, or, when it is permanent, until the tunnel is closed.
    async fn after_failure(&mut self, cause: TunnelError) {
        let now = Instant::now();
        if !cause.reached_service() {
            self.openings.refund();
        }
        self.lost(now);
        let decision = self.backoff().decide(now, &cause);
        match decision {
            Decision::GiveUp { tries } => {
                let cause = match cause.retry() {
                    crate::Retry::Never => Arc::new(cause),
                    crate::Retry::Law | crate::Retry::Rule(_) => {
                        Arc::new(TunnelError::GivenUp { tries, last: Arc::new(cause) })
                    }
                };
                self.set(TunnelState::Failed {
                    told: cause.to_string(),
                    hint: cause.hint(),
                    cause: Arc::clone(&cause),
                });
                self.tell(TunnelEvent::Failed { cause });
                self.stop.cancelled().await;
            }
            Decision::Wait(wait) => {
                let retry_at = self.openings.earliest(now).max(now + wait);
                let cause = Arc::new(cause);
                self.last_failure = Some(Arc::clone(&cause));
                self.set(self.reconnecting(&cause, Some(retry_at)));
                self.tell(TunnelEvent::Retrying { cause, after: retry_at.duration_since(now) });
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => {}
                    () = sleep_until(retry_at) => {}
                }
            }
        }
    }

    /// Runs one session to its end.
    async fn session(&mut self) -> SessionEnd {
        let (reports_tx, mut reports) = mpsc::channel(REPORTS_AHEAD);
        let closing = CancellationToken::new();
        let link = SessionLink {
            reports: reports_tx,
            gate: Arc::clone(&self.gate),
            closing: closing.clone(),
            backoff: Arc::clone(&self.backoff),
        };
        let mut running = Running(tokio::spawn(self.provider.run(link)));
        let mut check = Check::default();
        let mut close_by: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if close_by.is_none() => {
                    close_by = Some(Instant::now() + self.policy.close_within);
                    check = Check::default();
                    closing.cancel();
                }
                // Reports before the end: what a session said last is what explains it.
                Some(report) = reports.recv() => self.heard(report, &mut check),
                end = &mut running.0 => {
                    return if close_by.is_some() { SessionEnd::Closed } else { ended(end) };
                }
                outcome = check.next(&self.options.verify) => {
                    if let Some(cause) = self.checked(outcome, &mut check) {
                        // Closed before it is opened anew, so that there is never more than one.
                        closing.cancel();
                        let _ = timeout(self.policy.close_within, &mut running.0).await;
                        return SessionEnd::Failed(cause);
                    }
                }
                () = sleep_until(close_by.unwrap_or_else(Instant::now)), if close_by.is_some() => {
                    tracing::warn!(provider = self.provider.name(), "the session did not close in time");
                    return SessionEnd::Closed;
                }
            }
        }
    }

    fn heard(&mut self, report: Report, check: &mut Check) {
        match report {
            Report::Off => self.set(TunnelState::Off),
            Report::Opened { url } => {
                self.set(TunnelState::Verifying { url: url.clone(), problem: None });
                self.tell(TunnelEvent::Opened { url: url.clone() });
                *check = Check::start(url);
            }
            Report::Lost { cause } => {
                self.lost(Instant::now());
                *check = Check::default();
                let cause = Arc::new(cause);
                self.set(self.reconnecting(&cause, None));
                self.tell(TunnelEvent::Lost { cause });
            }
            Report::Retrying { cause, after } => {
                let cause = Arc::new(cause);
                self.set(self.reconnecting(&cause, Some(Instant::now() + after)));
                self.tell(TunnelEvent::Retrying { cause, after });
            }
            Report::Note(note) => self.tell(TunnelEvent::Note(note)),
        }
    }

    /// Takes the outcome of a check; returns the cause when the session must be opened anew.
    fn checked(
        &mut self,
        outcome: Result<(), VerifyError>,
        check: &mut Check,
    ) -> Option<TunnelError> {
        let url = check.url.clone()?;
        let now = Instant::now();
        let Err(error) = outcome else {
            check.passed(now, self.options.reverify_every);
            if !self.state.borrow().is_up() {
                self.up(url, now);
            }
            return None;
        };
        let failing_since = *check.failing_since.get_or_insert(now);
        let problem = error.to_string();
        let over = now.duration_since(failing_since) >= CHECK_SOON_FOR;
        check.again(now + if over { CHECK_LATER } else { CHECK_SOON });
        if matches!(error, VerifyError::NotServed(_)) && over && self.policy.reopen_when_not_served
        {
            return Some(TunnelError::NotServed { url, reason: problem });
        }
        // An address that was up goes back to being checked only when it surely leads elsewhere: a
        // single failed probe may be this machine's own DNS.
        let was_up = self.state.borrow().is_up();
        if !was_up || matches!(error, VerifyError::NotServed(_)) {
            self.set(TunnelState::Verifying { url: url.clone(), problem: Some(problem.clone()) });
        }
        self.tell(TunnelEvent::NotVerified { url, problem });
        None
    }

    fn up(&mut self, url: Url, now: Instant) {
        self.backoff().up(now);
        self.attempt = 0;
        let outage = self.lost_at.take().map(|lost| now.duration_since(lost));
        self.set(TunnelState::Up { url: url.clone(), since: now });
        match self.last_url.replace(url.clone()) {
            Some(old) if old != url => {
                self.tell(TunnelEvent::UrlChanged { old, new: url.clone() });
            }
            _ => {}
        }
        self.tell(TunnelEvent::Up { url, outage });
    }

    fn lost(&mut self, now: Instant) {
        if self.last_url.is_some() {
            self.lost_at.get_or_insert(now);
        }
        self.backoff().lost(now);
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reconnecting(&self, cause: &Arc<TunnelError>, retry_at: Option<Instant>) -> TunnelState {
        TunnelState::Reconnecting { cause: Arc::clone(cause), url: self.last_url.clone(), retry_at }
    }

    fn set(&self, state: TunnelState) {
        self.state.send_replace(state);
    }

    fn tell(&self, event: TunnelEvent) {
        // The owner hears of it from whoever reads the events.
        tracing::debug!(target: "gateway_tunnels", provider = self.provider.name(), "{event}");
        // Without a reader nobody wants to know.
        let _ = self.events.send(event);
    }
}

fn ended(end: Result<Result<(), TunnelError>, JoinError>) -> SessionEnd {
    SessionEnd::Failed(match end {
        Ok(Err(cause)) => cause,
        Ok(Ok(())) => TunnelError::Panicked("the session ended without a cause".to_owned()),
        Err(error) if error.is_panic() => {
            TunnelError::Panicked("a panic, see the log above".to_owned())
        }
        Err(_) => TunnelError::Panicked("the session was cancelled".to_owned()),
    })
}

/// A session's task, which never outlives the supervisor.
struct Running(JoinHandle<Result<(), TunnelError>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
