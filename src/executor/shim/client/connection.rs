//! One connection to a shim: lines out, lines in, nothing remembered.
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use gateway_os::process::ProcessId;
use gateway_os::socket::AsyncStream;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::super::error::ShimError;
use super::super::protocol::{FromShim, REPLY_BYTES_MAX, Request, line_of};

/// A shim greets at once; this is for a machine that has no time for it.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take to leave.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// An open connection whose greeting has been read.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) agent: ProcessId,
    lines: FramedRead<ReadHalf<AsyncStream>, LinesCodec>,
    output: WriteHalf<AsyncStream>,
}

impl Connection {
    /// Connects and waits for the greeting.
    pub(super) async fn open(socket: &Path) -> Result<Self, ShimError> {
        let stream =
            AsyncStream::connect(socket).map_err(ShimError::io("connecting to", socket))?;
        let (input, output) = tokio::io::split(stream);
        let codec = LinesCodec::new_with_max_length(REPLY_BYTES_MAX);
        let mut lines = FramedRead::new(input, codec);
        let hello = timeout(HELLO_PATIENCE, receive(&mut lines)).await;
        match hello.map_err(|_| ShimError::Unresponsive)?? {
            FromShim::Hello { agent, .. } => Ok(Self { agent, lines, output }),
            FromShim::Refused { message } => Err(ShimError::Refused { message }),
            FromShim::Reply { .. } | FromShim::Exited { .. } | FromShim::Unknown => {
                Err(ShimError::Protocol { message: "no greeting".to_owned() })
            }
        }
    }

    /// Sends one request. Not cancel-safe: a connection whose send was dropped must be closed.
    pub(super) async fn send(&mut self, request: &Request) -> Result<(), ShimError> {
        let line = line_of(request);
        match timeout(SEND_PATIENCE, self.output.write_all(&line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ShimError::Disconnected),
            Err(_) => Err(ShimError::Unresponsive),
        }
    }

    /// Waits for the next message. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<FromShim, ShimError> {
        receive(&mut self.lines).await
    }
}

async fn receive(
    lines: &mut FramedRead<ReadHalf<AsyncStream>, LinesCodec>,
) -> Result<FromShim, ShimError> {
    match lines.next().await {
        Some(Ok(line)) => serde_json::from_str(&line)
            .map_err(|error| ShimError::Protocol { message: error.to_string() }),
        Some(Err(_)) | None => Err(ShimError::Disconnected),
    }
}
