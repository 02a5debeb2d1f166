//! The shim's loop: wait, then do what is due.
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use gateway_os::folders::Durability;
use gateway_os::process::{self, Ended, Reaped};
use gateway_os::ready::{self, Interest, PollHandle};

use super::super::file;
use super::super::protocol::FromShim;
use super::super::record::{EndCause, ExitRecord};
use super::super::sweep::{LOOK_EVERY, Scope, Sweep, Swept};
use super::clients::Client;
use super::start::{Parts, write_json};
use crate::clock::{Clock, SystemClock};

/// Between TERM and KILL for what an agent leaves behind, and for ends nobody gave a grace for.
const GRACE: Duration = Duration::from_secs(2);
/// The same once the output is over its limit: it goes on growing meanwhile.
const GRACE_OVER_LIMIT: Duration = Duration::from_millis(500);
/// How long a record may take to reach the gateways before the shim leaves.
const LINGER: Duration = Duration::from_secs(2);
/// How often to look whether the run's folder is still there: nothing tells when it, or one above
/// it, is moved or removed.
const FOLDER_LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a record that could not be written is tried again.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long it is tried.
const SAVE_FOR: Duration = Duration::from_secs(24 * 3600);

/// How far the run is.
#[derive(Debug)]
pub(super) enum Stage {
    Running,
    Ending {
        cause: EndCause,
        sweep: Box<Sweep>,
    },
    /// The record is made; it is not on disk until `saved`.
    Ended {
        record: Box<ExitRecord>,
        saved: bool,
        try_at: Instant,
        leave_at: Instant,
    },
}

/// The shim of one run.
#[derive(Debug)]
pub(super) struct Shim {
    pub(super) parts: Parts,
    /// How the agent ended, once it has.
    pub(super) agent_ended: Option<Ended>,
    pub(super) stage: Stage,
    deadline: Option<Instant>,
    folder_look_at: Instant,
    pub(super) clients: Vec<Client>,
    pub(super) next_client: u64,
    /// No connection is taken before.
    pub(super) accept_at: Option<Instant>,
}

/// What woke the loop.
#[derive(Clone, Copy, Debug)]
enum Source {
    Termination,
    Children,
    Listener,
    Input,
    Output,
    Client(u64),
}

impl Shim {
    pub(super) fn new(parts: Parts) -> Self {
        let now = Instant::now();
        let deadline = parts.deadline_secs.and_then(|s| now.checked_add(Duration::from_secs(s)));
        Self {
            parts,
            agent_ended: None,
            stage: Stage::Running,
            deadline,
            folder_look_at: now + FOLDER_LOOK_EVERY,
            clients: Vec::new(),
            next_client: 0,
            accept_at: None,
        }
    }

    /// Runs until the record is written and told.
    pub(super) fn run(mut self) {
        let first = self.parts.input.pump();
        self.answer(first);
        while !self.is_over() {
            let ready = self.wait();
            let now = Instant::now();
            for source in ready {
                self.serve(source, now);
            }
            self.reap();
            self.tick(now);
            self.clients.retain(|client| !client.is_over());
        }
    }

    /// Waits for anything to do and tells what.
    fn wait(&mut self) -> Vec<Source> {
        let now = Instant::now();
        let mut sources: Vec<(Source, (PollHandle<'_>, Interest))> = vec![
            (Source::Termination, (self.parts.termination.poll_handle(), Interest::Read)),
            (Source::Children, (self.parts.children.poll_handle(), Interest::Read)),
        ];
        if self.accept_at.is_none_or(|at| now >= at) {
            let handle = self.parts.listener.poll_handle();
            sources.push((Source::Listener, (handle, Interest::Read)));
        }
        if let Some(handle) = self.parts.input.poll_handle() {
            sources.push((Source::Input, (handle, Interest::Write)));
        }
        if matches!(self.stage, Stage::Running)
            && let Some(handle) = self.parts.output.poll_handle(now)
        {
            sources.push((Source::Output, (handle, Interest::Read)));
        }
        sources.extend(self.clients.iter().map(|c| (Source::Client(c.key), c.poll())));
        let handles: Vec<_> = sources.iter().map(|(_, poll)| *poll).collect();
        let timeout = self.next_due(now).map(|at| at.saturating_duration_since(now));
        let Ok(readiness) = ready::wait(&handles, timeout) else {
            // Only for want of memory; the agent is worth waiting for.
            std::thread::sleep(LOOK_EVERY);
            return Vec::new();
        };
        let woken = sources.iter().zip(readiness);
        woken
            .filter(|(_, ready)| ready.readable || ready.writable)
            .map(|((source, _), _)| *source)
            .collect()
    }

    /// When something is due without being woken.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Running => {
                [self.deadline, self.parts.output.next_look(now), Some(self.folder_look_at)]
            }
            Stage::Ending { .. } => [Some(now + LOOK_EVERY), None, None],
            Stage::Ended { saved: true, leave_at, .. } => [Some(*leave_at), None, None],
            Stage::Ended { saved: false, try_at, .. } => [Some(*try_at), None, None],
        };
        let accept = self.accept_at.filter(|at| now < *at);
        stage.into_iter().chain([self.parts.input.next_expiry(), accept]).flatten().min()
    }

    fn serve(&mut self, source: Source, now: Instant) {
        match source {
            Source::Termination => {
                if self.parts.termination.take() {
                    self.end(EndCause::ShimSignalled, GRACE, now);
                }
            }
            Source::Children => {
                // Cleared before reaping, so that one that ends in between wakes us again.
                self.parts.children.take();
            }
            Source::Listener => self.accept(now),
            Source::Input => {
                let answers = self.parts.input.pump();
                self.answer(answers);
            }
            Source::Output => self.check_output(now),
            Source::Client(key) => self.serve_client(key, now),
        }
    }

    /// Does what the time has come for.
    fn tick(&mut self, now: Instant) {
        let answers = self.parts.input.expire(now);
        self.answer(answers);
        match &mut self.stage {
            Stage::Running => {
                if self.parts.output.is_due(now) {
                    self.check_output(now);
                }
                if self.deadline.is_some_and(|at| now >= at) {
                    self.end(EndCause::Deadline, GRACE, now);
                } else if self.is_folder_lost(now) {
                    self.end(EndCause::FolderLost, GRACE, now);
                } else if self.agent_ended.is_some() {
                    self.end(EndCause::Exited, GRACE, now);
                }
            }
            Stage::Ended { saved: false, try_at, .. } if now >= *try_at => self.save(now),
            Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
        self.advance(now);
    }

    /// Whether the run's folder is gone; looked at every now and then. Nobody can reach this run any
    /// more then, nor learn how it ended.
    fn is_folder_lost(&mut self, now: Instant) -> bool {
        if now < self.folder_look_at {
            return false;
        }
        self.folder_look_at = now + FOLDER_LOOK_EVERY;
        self.parts.identity.is_gone_from(&self.parts.folder)
    }

    fn check_output(&mut self, now: Instant) {
        if self.parts.output.is_over(now) {
            self.end(EndCause::OutputLimit, GRACE_OVER_LIMIT, now);
        }
    }

    /// Reaps the agent and every orphan that ended.
    fn reap(&mut self) {
        while let Ok(Reaped::Child(ended)) = process::reap_any() {
            // An adopted orphan cannot have the agent's pid before the agent is reaped.
            if ended.pid == self.parts.agent.pid && self.agent_ended.is_none() {
                self.agent_ended = Some(ended);
                let answers = self.parts.input.shut();
                self.answer(answers);
            }
        }
    }

    /// Begins to end the tree, or hurries an end that has begun.
    pub(super) fn end(&mut self, cause: EndCause, grace: Duration, now: Instant) {
        match &mut self.stage {
            Stage::Running => {
                let shim = self.parts.state.shim.clone();
                let marker = self.parts.state.marker.clone();
                let (spare, roots) = (shim.pid, vec![shim]);
                let scope = Scope { spare, roots, marker, dead_shim: None };
                let sweep = Sweep::begin(scope, Some(self.parts.agent.clone()), grace, now);
                self.stage = Stage::Ending { cause, sweep: Box::new(sweep) };
            }
            Stage::Ending { sweep, .. } => sweep.hurry(grace, now),
            Stage::Ended { .. } => {}
        }
    }

    /// Moves an end on; makes the record when nobody is left.
    fn advance(&mut self, now: Instant) {
        let Stage::Ending { cause, sweep } = &mut self.stage else { return };
        let cause = *cause;
        let Some(swept) = sweep.advance(now) else { return };
        // The agent may have become a zombie since the last look.
        self.reap();
        let record = self.record(cause, swept);
        for client in &mut self.clients {
            client.send(&FromShim::Exited { record: record.clone() });
        }
        let leave_at = now + LINGER;
        self.stage = Stage::Ended { record: Box::new(record), saved: false, try_at: now, leave_at };
        self.save(now);
    }

    fn record(&self, cause: EndCause, swept: Swept) -> ExitRecord {
        let (stdout_bytes, stderr_bytes) = self.parts.output.sizes();
        ExitRecord {
            agent: Some(self.parts.agent.clone()),
            code: self.agent_ended.and_then(|ended| ended.code),
            signal: self.agent_ended.and_then(|ended| ended.signal),
            cause,
            error: None,
            swept_count: swept.count,
            swept: swept.named,
            survivors: swept.survivors,
            stdout_bytes,
            stderr_bytes,
            started_at: self.parts.state.started_at,
            ended_at: SystemClock.now(),
        }
    }

    /// Writes the record; a full disk is waited out, since nobody else knows how the agent ended.
    /// A folder that was removed is not: nobody will look there.
    fn save(&mut self, now: Instant) {
        let Stage::Ended { record, saved, try_at, leave_at } = &mut self.stage else { return };
        let path = self.parts.folder.join(file::EXIT);
        let lost = self.parts.identity.is_gone_from(&self.parts.folder);
        if !lost
            && let Err(error) = write_json(&path, record, Durability::Synced)
            && error.kind() != io::ErrorKind::NotFound
            && now < *leave_at + SAVE_FOR
        {
            *try_at = now + SAVE_EVERY;
            return;
        }
        *saved = true;
        *leave_at = now + LINGER;
        if !lost {
            let _ = fs::remove_file(self.parts.folder.join(file::SOCKET));
        }
        for client in &mut self.clients {
            client.close();
        }
    }

    /// Whether everything is written and told.
    fn is_over(&self) -> bool {
        match &self.stage {
            Stage::Ended { saved: true, leave_at, .. } => {
                Instant::now() >= *leave_at || !self.clients.iter().any(Client::has_unsent)
            }
            _ => false,
        }
    }
}
