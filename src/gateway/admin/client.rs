//! Asking a running gateway.
use std::io;
use std::path::Path;

use gateway_os::socket::{AsyncStream, Stream};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{Call, CallError, LINE_BYTES_MAX, Reply, socket_path};

/// Asks the gateway that listens below a runtime folder; one connection per call.
#[derive(Clone, Debug)]
pub struct AdminClient {
    socket: std::path::PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// No gateway listens.
    #[error("no gateway is running")]
    NotRunning,
    /// It refused the call.
    #[error(transparent)]
    Refused(CallError),
    /// The connection broke.
    #[error("the running gateway did not answer: {0}")]
    Broken(#[from] io::Error),
    /// It speaks another language.
    #[error("the running gateway is of another version: {0}")]
    Protocol(#[from] serde_json::Error),
}

impl AdminClient {
    /// A client of the gateway whose sockets lie in `runtime`.
    #[must_use]
    pub fn new(runtime: &Path) -> Self {
        Self { socket: socket_path(runtime) }
    }

    /// The process that listens, as the kernel knew it when it began to.
    #[must_use]
    pub fn listener(&self) -> Option<u32> {
        Stream::connect(&self.socket).and_then(|stream| stream.peer()).ok().map(|peer| peer.pid)
    }

    /// Makes one call. Waits as long as the gateway needs; dropping the future drops the answer,
    /// not the deed.
    ///
    /// # Errors
    ///
    /// See [`AdminClientError`].
    pub async fn call(&self, call: &Call) -> Result<Value, AdminClientError> {
        let stream = match AsyncStream::connect(&self.socket) {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => return Err(AdminClientError::NotRunning),
            Err(error) => return Err(error.into()),
        };
        let mut stream = BufReader::new(stream);
        let mut line = serde_json::to_vec(call)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line).await?;
        let mut reply = Vec::new();
        stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut reply).await?;
        if reply.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        match serde_json::from_slice(&reply)? {
            Reply::Ok(value) => Ok(value),
            Reply::Error(error) => Err(AdminClientError::Refused(error)),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound, Unsupported};
    matches!(error.kind(), NotFound | ConnectionRefused | Unsupported)
}
