//! The shim's loop: wait, then do what is due.
use std::fs;
use std::time::{Duration, Instant};

use gateway_os::folders::Durability;
use gateway_os::process::{self, Delivery, Ended, Reaped, Signal};
use gateway_os::ready::{self, Interest, PollHandle};

use super::super::file;
use super::super::protocol::{
    AgentSignal, ErrorCode, FromShim, GRACE_MILLIS_MAX, Op, PROTOCOL, Phase, Request, Seq, Status,
    WireError,
};
use super::super::record::{EndCause, ExitRecord};
use super::super::sweep::{LOOK_EVERY, Scope, Sweep, Swept};
use super::clients::Client;
use super::input::{Answer, Asker};
use super::start::{Parts, write_json};
use crate::clock::{Clock, SystemClock};

/// Gateways connected at once; there is one, and for a moment its successor.
const CLIENTS_MAX: usize = 8;
/// Between TERM and KILL for what an agent leaves behind, and for ends nobody gave a grace for.
const GRACE: Duration = Duration::from_secs(2);
/// The same once the output is over its limit: it goes on growing meanwhile.
const GRACE_OVER_LIMIT: Duration = Duration::from_millis(500);
/// How long a record may take to reach the gateways before the shim leaves.
const LINGER: Duration = Duration::from_secs(2);
/// How often a record that could not be written is tried again.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How long it is tried.
const SAVE_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long no connection is taken after the kernel refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How far the run is.
#[derive(Debug)]
enum Stage {
    Running,
    Ending {
        cause: EndCause,
        sweep: Sweep,
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
    parts: Parts,
    /// How the agent ended, once it has.
    agent_ended: Option<Ended>,
    stage: Stage,
    deadline: Option<Instant>,
    clients: Vec<Client>,
    next_client: u64,
    accept_at: Option<Instant>,
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
            Stage::Running => [self.deadline, self.parts.output.next_look(now)],
            Stage::Ending { .. } => [Some(now + LOOK_EVERY), None],
            Stage::Ended { saved: true, leave_at, .. } => [Some(*leave_at), None],
            Stage::Ended { saved: false, try_at, .. } => [Some(*try_at), None],
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
                } else if self.agent_ended.is_some() {
                    self.end(EndCause::Exited, GRACE, now);
                }
            }
            Stage::Ended { saved: false, try_at, .. } if now >= *try_at => self.save(now),
            Stage::Ending { .. } | Stage::Ended { .. } => {}
        }
        self.advance(now);
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
    fn end(&mut self, cause: EndCause, grace: Duration, now: Instant) {
        match &mut self.stage {
            Stage::Running => {
                let shim = self.parts.state.shim.clone();
                let marker = self.parts.state.marker.clone();
                let scope = Scope { spare: shim.pid, roots: vec![shim], marker };
                let sweep = Sweep::begin(scope, Some(self.parts.agent.clone()), grace, now);
                self.stage = Stage::Ending { cause, sweep };
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
    fn save(&mut self, now: Instant) {
        let Stage::Ended { record, saved, try_at, leave_at } = &mut self.stage else { return };
        let path = self.parts.folder.join(file::EXIT);
        let (unsaved_until, written) =
            (*leave_at + SAVE_FOR, write_json(&path, record, Durability::Synced));
        if written.is_err() && now < unsaved_until {
            *try_at = now + SAVE_EVERY;
            return;
        }
        *saved = true;
        *leave_at = now + LINGER;
        let _ = fs::remove_file(self.parts.folder.join(file::SOCKET));
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

    fn accept(&mut self, now: Instant) {
        self.accept_at = None;
        loop {
            let stream = match self.parts.listener.accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => return,
                Err(_) => {
                    self.accept_at = Some(now + ACCEPT_PAUSE);
                    return;
                }
            };
            self.next_client += 1;
            let peer = stream.peer();
            let mut client = Client::new(self.next_client, stream);
            let refusal = match peer {
                Err(_) => Some("this socket cannot tell who is calling"),
                Ok(peer) => self.parts.peers.verdict(peer).refusal(),
            };
            let refusal =
                refusal.or((self.clients.len() >= CLIENTS_MAX).then_some("too many are connected"));
            if let Some(message) = refusal {
                client.send(&FromShim::Refused { message: message.to_owned() });
                continue;
            }
            client.send(&FromShim::Hello {
                protocol: PROTOCOL,
                shim: self.parts.state.shim.clone(),
                agent: self.parts.agent.clone(),
            });
            if let Stage::Ended { record, .. } = &self.stage {
                client.send(&FromShim::Exited { record: (**record).clone() });
            }
            self.clients.push(client);
        }
    }

    fn serve_client(&mut self, key: u64, now: Instant) {
        let Some(client) = self.clients.iter_mut().find(|client| client.key == key) else {
            return;
        };
        client.flush();
        for line in client.receive() {
            self.request(key, &line, now);
        }
    }

    fn request(&mut self, client: u64, line: &[u8], now: Instant) {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => {
                let seq = serde_json::from_slice(line).map_or(0, |Seq { seq }| seq);
                let code = ErrorCode::UnknownRequest;
                let error = WireError { code, message: format!("not understood: {error}") };
                self.answer(vec![(Asker { client, seq }, Err(error))]);
                return;
            }
        };
        let asker = Asker { client, seq: request.seq };
        let answers = match request.op {
            Op::Write { id, line, timeout_ms } => {
                self.parts.input.write(asker, id, &line, timeout_ms, now)
            }
            Op::CloseStdin => {
                self.parts.input.close();
                vec![(asker, Ok(()))]
            }
            Op::Signal { signal } => vec![(asker, self.signal(signal))],
            Op::EndTree { term_grace_ms } => {
                let grace = Duration::from_millis(term_grace_ms.min(GRACE_MILLIS_MAX));
                self.end(EndCause::EndTree, grace, now);
                vec![(asker, Ok(()))]
            }
            Op::Status => {
                let status = Some(self.status());
                self.send(client, &FromShim::Reply { seq: request.seq, error: None, status });
                Vec::new()
            }
        };
        self.answer(answers);
    }

    fn signal(&self, signal: AgentSignal) -> Result<(), WireError> {
        let gone =
            || WireError { code: ErrorCode::AgentGone, message: "the agent is gone".to_owned() };
        if self.agent_ended.is_some() {
            return Err(gone());
        }
        let signal = match signal {
            AgentSignal::Interrupt => Signal::Interrupt,
            AgentSignal::Terminate => Signal::Terminate,
            AgentSignal::Kill => Signal::Kill,
        };
        match process::signal(&self.parts.agent, signal) {
            Ok(Delivery::Sent) => Ok(()),
            Ok(Delivery::Gone) => Err(gone()),
            Err(error) => Err(WireError { code: ErrorCode::System, message: error.to_string() }),
        }
    }

    fn status(&self) -> Status {
        let (stdout, stderr) = self.parts.output.sizes();
        Status {
            phase: match self.stage {
                Stage::Running => Phase::Running,
                Stage::Ending { .. } => Phase::Ending,
                Stage::Ended { .. } => Phase::Ended,
            },
            input: self.parts.input.state(),
            input_waiting: self.parts.input.waiting(),
            output_bytes: stdout.saturating_add(stderr),
        }
    }

    fn answer(&mut self, answers: Vec<Answer>) {
        for (asker, result) in answers {
            let reply = FromShim::Reply { seq: asker.seq, error: result.err(), status: None };
            self.send(asker.client, &reply);
        }
    }

    /// Sends to a client that may be gone by now.
    fn send(&mut self, client: u64, message: &FromShim) {
        if let Some(client) = self.clients.iter_mut().find(|one| one.key == client) {
            client.send(message);
        }
    }
}
