//! The agent's standard input: one writer, whole lines, each id once.
//!
//! The pipe never blocks. A line that waits is written when the agent reads; whoever asked for it
//! is answered when it is written or when their patience ends, and a line of which nothing has
//! been written by then is forgotten, so that "not written" is true for good.
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use gateway_os::ready::PollHandle;
use gateway_os::socket::InputPipe;

use super::super::protocol::{
    ErrorCode, INPUT_BYTES_MAX, INPUT_LINES_MAX, InputState, WRITE_WAIT_MILLIS_MAX, WireError,
    check_id, check_line,
};

/// Ids remembered. A run that needs more is refused further input rather than told a line twice.
const IDS_MAX: usize = 65_536;

/// Who asked, for the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Asker {
    pub(super) client: u64,
    pub(super) seq: u64,
}

/// An answer to give.
pub(super) type Answer = (Asker, Result<(), WireError>);

#[derive(Debug)]
struct Waiting {
    id: String,
    bytes: Vec<u8>,
    written: usize,
    askers: Vec<(Asker, Instant)>,
    /// Part of the spec: written whenever the agent reads, also with nobody asking.
    keep: bool,
}

/// Lines on their way to the agent.
#[derive(Debug)]
pub(super) struct Input {
    pipe: Option<InputPipe>,
    closing: bool,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    written: HashSet<String>,
    log: Option<File>,
}

impl Input {
    /// Takes over the pipe; `log` remembers the ids of written lines for whoever comes after a
    /// crash of the shim.
    pub(super) fn new(pipe: InputPipe, log: File) -> Self {
        Self {
            pipe: Some(pipe),
            closing: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            written: HashSet::new(),
            log: Some(log),
        }
    }

    /// Queues a line of the spec.
    pub(super) fn first(&mut self, id: String, line: &str) {
        if !self.waiting.iter().any(|waiting| waiting.id == id) {
            self.push(id, line, true);
        }
    }

    /// Queues a line for `asker`; the answer may come at once or from [`Input::pump`] or
    /// [`Input::expire`].
    pub(super) fn write(
        &mut self,
        asker: Asker,
        id: String,
        line: &str,
        timeout_ms: u64,
        now: Instant,
    ) -> Vec<Answer> {
        match self.admit(&id, line) {
            Err(error) => vec![(asker, Err(error))],
            Ok(true) => vec![(asker, Ok(()))],
            Ok(false) => {
                let patience = Duration::from_millis(timeout_ms.min(WRITE_WAIT_MILLIS_MAX));
                let until = (asker, now + patience);
                match self.waiting.iter_mut().find(|waiting| waiting.id == id) {
                    Some(waiting) => waiting.askers.push(until),
                    None => self.push(id, line, false).askers.push(until),
                }
                self.pump()
            }
        }
    }

    /// Whether a line may be queued; `true` when it was written before.
    fn admit(&self, id: &str, line: &str) -> Result<bool, WireError> {
        check_id(id).and_then(|()| check_line(line)).map_err(|e| {
            let message = e.to_string();
            WireError { code: ErrorCode::Invalid, message }
        })?;
        if self.written.contains(id) {
            return Ok(true);
        }
        if self.pipe.is_none() || self.closing {
            return Err(closed());
        }
        if self.waiting.iter().any(|waiting| waiting.id == id) {
            return Ok(false);
        }
        let full = self.waiting.len() >= INPUT_LINES_MAX
            || self.waiting_bytes + line.len() >= INPUT_BYTES_MAX
            || self.written.len() + self.waiting.len() >= IDS_MAX;
        if full {
            let message = "too much input waits for the agent".to_owned();
            return Err(WireError { code: ErrorCode::Busy, message });
        }
        Ok(false)
    }

    fn push(&mut self, id: String, line: &str, keep: bool) -> &mut Waiting {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        self.waiting_bytes += bytes.len();
        let askers = Vec::new();
        self.waiting.push_back(Waiting { id, bytes, written: 0, askers, keep });
        self.waiting.back_mut().expect("just pushed")
    }

    /// Writes as much as the agent takes now.
    pub(super) fn pump(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let (Some(pipe), Some(front)) = (&mut self.pipe, self.waiting.front_mut()) {
            match pipe.write(&front.bytes[front.written..]) {
                Ok(count) => front.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    answers.extend(self.shut());
                    break;
                }
            }
            if front_is_done(&self.waiting) {
                answers.extend(self.finish_front());
            }
        }
        if self.closing && self.waiting.is_empty() {
            self.pipe = None;
        }
        answers
    }

    fn finish_front(&mut self) -> Vec<Answer> {
        let Some(done) = self.waiting.pop_front() else { return Vec::new() };
        self.waiting_bytes -= done.bytes.len();
        if let Some(log) = &mut self.log {
            // A full disk must not hold up the agent: this file only helps after a crash.
            let _ = writeln!(log, "{}", done.id);
        }
        self.written.insert(done.id);
        done.askers.into_iter().map(|(asker, _)| (asker, Ok(()))).collect()
    }

    /// Answers those whose patience has ended.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Answer> {
        let mut answers = Vec::new();
        for waiting in &mut self.waiting {
            let error = if waiting.written == 0 && !waiting.keep {
                let message = "the agent did not read; nothing was written".to_owned();
                WireError { code: ErrorCode::NotWritten, message }
            } else {
                let message = "the line will be finished when the agent reads".to_owned();
                WireError { code: ErrorCode::Pending, message }
            };
            waiting.askers.retain(|(asker, until)| {
                if *until <= now {
                    answers.push((*asker, Err(error.clone())));
                }
                *until > now
            });
        }
        let bytes = &mut self.waiting_bytes;
        self.waiting.retain(|waiting| {
            let stays = waiting.keep || waiting.written > 0 || !waiting.askers.is_empty();
            if !stays {
                *bytes -= waiting.bytes.len();
            }
            stays
        });
        answers
    }

    /// Closes the pipe once what waits is written.
    pub(super) fn close(&mut self) {
        self.closing = true;
        if self.waiting.is_empty() {
            self.pipe = None;
        }
    }

    /// Closes the pipe now and fails what waits.
    pub(super) fn shut(&mut self) -> Vec<Answer> {
        self.pipe = None;
        self.waiting_bytes = 0;
        let failed = self.waiting.drain(..).flat_map(|waiting| waiting.askers);
        failed.map(|(asker, _)| (asker, Err(closed()))).collect()
    }

    /// Something to wait for: only while a line waits, since a pipe is nearly always writable.
    pub(super) fn poll_handle(&self) -> Option<PollHandle<'_>> {
        let pipe = self.pipe.as_ref()?;
        (!self.waiting.is_empty()).then(|| pipe.poll_handle())
    }

    /// When [`Input::expire`] is due next.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.waiting.iter().flat_map(|waiting| &waiting.askers).map(|(_, until)| *until).min()
    }

    pub(super) fn state(&self) -> InputState {
        match (&self.pipe, self.closing) {
            (None, _) => InputState::Closed,
            (Some(_), true) => InputState::Closing,
            (Some(_), false) => InputState::Open,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

fn front_is_done(waiting: &VecDeque<Waiting>) -> bool {
    waiting.front().is_some_and(|front| front.written == front.bytes.len())
}

fn closed() -> WireError {
    let message = "the agent's standard input is closed".to_owned();
    WireError { code: ErrorCode::StdinClosed, message }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// An agent that never reads.
    fn deaf() -> (Child, Input) {
        let mut command = Command::new("/bin/sleep");
        let mut child = command
            .arg("600")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = InputPipe::new(child.stdin.take().unwrap()).unwrap();
        (child, Input::new(pipe, tempfile::tempfile().unwrap()))
    }

    fn asker(seq: u64) -> Asker {
        Asker { client: 1, seq }
    }

    fn code(answers: &[Answer]) -> Option<ErrorCode> {
        let [(_, Err(error))] = answers else { return None };
        Some(error.code)
    }

    #[test]
    fn what_waits_is_bounded_and_impatience_makes_room() {
        let (mut agent, mut input) = deaf();
        let now = Instant::now();
        // More than any pipe holds, so that it waits and everything after it does.
        let long = "x".repeat(4 << 20);
        assert!(input.write(asker(0), "long".into(), &long, 1000, now).is_empty());
        for seq in 1..INPUT_LINES_MAX as u64 {
            assert!(input.write(asker(seq), seq.to_string(), "x", 1000, now).is_empty());
        }
        let refused = input.write(asker(99), "one-more".into(), "x", 1000, now);
        assert_eq!(code(&refused), Some(ErrorCode::Busy));
        // One that waits already is no addition.
        assert!(input.write(asker(100), "1".into(), "x", 1000, now).is_empty());
        let later = input.next_expiry().unwrap();
        let codes: Vec<_> =
            input.expire(later).into_iter().map(|(_, r)| r.unwrap_err().code).collect();
        assert_eq!(codes[0], ErrorCode::Pending, "the pipe has some of it");
        assert_eq!(codes.len(), INPUT_LINES_MAX + 1);
        assert!(codes[1..].iter().all(|code| *code == ErrorCode::NotWritten));
        assert_eq!((input.waiting(), input.waiting_bytes), (1, long.len() + 1));
        assert!(input.write(asker(101), "1".into(), "x", 1000, now).is_empty());
        agent.kill().unwrap();
        agent.wait().unwrap();
        let answers = input.pump();
        assert_eq!(code(&answers), Some(ErrorCode::StdinClosed));
        assert_eq!((input.state(), input.waiting_bytes), (InputState::Closed, 0));
    }

    #[test]
    fn a_line_of_the_spec_is_never_forgotten() {
        let (mut agent, mut input) = deaf();
        let now = Instant::now();
        input.first("long".into(), &"x".repeat(4 << 20));
        input.first("second".into(), "y");
        input.first("second".into(), "y");
        assert!(input.pump().is_empty());
        assert!(input.write(asker(1), "second".into(), "y", 0, now).is_empty());
        assert_eq!(code(&input.expire(now)), Some(ErrorCode::Pending));
        assert_eq!(input.waiting(), 2);
        input.close();
        assert_eq!(input.state(), InputState::Closing);
        let late = input.write(asker(2), "third".into(), "z", 0, now);
        assert_eq!(code(&late), Some(ErrorCode::StdinClosed));
        agent.kill().unwrap();
        agent.wait().unwrap();
    }
}
