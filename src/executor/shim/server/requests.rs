//! What gateways ask of the shim, and what they are told.
use std::time::{Duration, Instant};

use gateway_os::process::{self, Delivery, Signal};

use super::super::protocol::{
    AgentSignal, ErrorCode, FromShim, GRACE_MILLIS_MAX, Op, PROTOCOL, Phase, Request, Seq, Status,
    WireError,
};
use super::super::record::EndCause;
use super::clients::Client;
use super::input::{Answer, Asker};
use super::run::{Shim, Stage};

/// Gateways connected at once; there is one, and for a moment its successor.
const CLIENTS_MAX: usize = 8;
/// How long no connection is taken after the kernel refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

impl Shim {
    /// Takes every connection that waits; greets or refuses it.
    pub(super) fn accept(&mut self, now: Instant) {
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

    /// Does what one gateway asks.
    pub(super) fn serve_client(&mut self, key: u64, now: Instant) {
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

    /// Answers whoever asked.
    pub(super) fn answer(&mut self, answers: Vec<Answer>) {
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
