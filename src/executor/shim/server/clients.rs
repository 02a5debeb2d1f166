//! The gateways at the shim's socket: bounded buffers, nothing that blocks.
use std::io;

use gateway_os::ready::{Interest, PollHandle};
use gateway_os::socket::Stream;
use serde::Serialize;

use super::super::protocol::{REQUEST_BYTES_MAX, line_of};

/// Bytes that wait for a gateway to read them; one that lets more pile up is cut off.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Bytes taken from one client in a turn, so that none starves the others.
const TURN_BYTES: usize = 256 << 10;

/// One connected gateway.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) key: u64,
    stream: Stream,
    input: Vec<u8>,
    /// Where the search for the end of the line goes on.
    searched: usize,
    output: Vec<u8>,
    gone: bool,
    closing: bool,
}

impl Client {
    pub(super) fn new(key: u64, stream: Stream) -> Self {
        Self {
            key,
            stream,
            input: Vec::new(),
            searched: 0,
            output: Vec::new(),
            gone: false,
            closing: false,
        }
    }

    /// Reads what is there and gives the complete lines.
    pub(super) fn receive(&mut self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 16 << 10];
        let mut taken = 0;
        while taken < TURN_BYTES && !self.gone {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.gone = true,
                Ok(count) => {
                    self.input.extend_from_slice(&buffer[..count]);
                    taken += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.gone |= error.kind() != io::ErrorKind::WouldBlock;
                    break;
                }
            }
        }
        let lines = self.take_lines();
        if self.input.len() > REQUEST_BYTES_MAX {
            self.gone = true;
        }
        lines
    }

    fn take_lines(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        while let Some(at) = self.input[self.searched..].iter().position(|&byte| byte == b'\n') {
            let rest = self.input.split_off(self.searched + at + 1);
            let mut line = std::mem::replace(&mut self.input, rest);
            line.pop();
            self.searched = 0;
            lines.push(line);
        }
        self.searched = self.input.len();
        lines
    }

    /// Queues one message and writes what fits.
    pub(super) fn send(&mut self, message: &impl Serialize) {
        self.output.extend_from_slice(&line_of(message));
        if self.output.len() > OUTPUT_BYTES_MAX {
            self.gone = true;
        }
        self.flush();
    }

    /// Writes what fits now.
    pub(super) fn flush(&mut self) {
        let mut written = 0;
        while written < self.output.len() && !self.gone {
            match self.stream.write(&self.output[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.gone |= error.kind() != io::ErrorKind::WouldBlock;
                    break;
                }
            }
        }
        self.output.drain(..written);
    }

    /// No more requests; the connection ends when what waits is sent.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.gone || (self.closing && self.output.is_empty())
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.gone && !self.output.is_empty()
    }

    pub(super) fn poll(&self) -> (PollHandle<'_>, Interest) {
        let interest = if self.output.is_empty() { Interest::Read } else { Interest::ReadWrite };
        (self.stream.poll_handle(), interest)
    }
}
