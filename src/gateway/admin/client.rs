//! Asking a running gateway.
//!
//! A gateway that is stopped or stuck accepts connections all the same, because the kernel does. No
//! call waits for such a one: what takes long goes on only while another call is answered.
use std::io;
use std::path::Path;
use std::time::Duration;

use gateway_os::socket::{AsyncStream, Stream};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{Call, CallError, LINE_BYTES_MAX, Reply, socket_path};

/// Longest time in which a gateway that is well answers what needs no work.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

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
    /// It listens and says nothing.
    #[error(
        "the running gateway{} did not answer within {} s",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
        ANSWER_LIMIT.as_secs()
    )]
    Silent {
        /// The process that listens, where the system tells it.
        pid: Option<u32>,
    },
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

    /// Makes one call. Waits as long as the gateway needs, and is well; dropping the future drops
    /// the answer, not the deed.
    ///
    /// # Errors
    ///
    /// See [`AdminClientError`].
    pub async fn call(&self, call: &Call) -> Result<Value, AdminClientError> {
        let mut exchange = std::pin::pin!(self.exchange(call));
        loop {
            if let Ok(answer) = tokio::time::timeout(patience(call), &mut exchange).await {
                return answer;
            }
            self.expect_life(call).await?;
        }
    }

    /// Fails when the gateway does not even tell its status; `unanswered` may be just that call.
    async fn expect_life(&self, unanswered: &Call) -> Result<(), AdminClientError> {
        let silent = || AdminClientError::Silent { pid: self.listener() };
        if matches!(unanswered, Call::Status) {
            return Err(silent());
        }
        let asked = self.exchange(&Call::Status);
        tokio::time::timeout(ANSWER_LIMIT, asked).await.map_err(|_| silent())?.map(drop)
    }

    async fn exchange(&self, call: &Call) -> Result<Value, AdminClientError> {
        let stream = match AsyncStream::connect(&self.socket) {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => return Err(AdminClientError::NotRunning),
            // So many callers wait that not even their queue has room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(AdminClientError::Silent { pid: None });
            }
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

/// How long a call may be without an answer before anybody wonders.
const fn patience(call: &Call) -> Duration {
    match call {
        Call::Events { wait_secs, .. } | Call::Trace { wait_secs, .. } => {
            Duration::from_secs(wait_secs.saturating_add(ANSWER_LIMIT.as_secs()))
        }
        _ => ANSWER_LIMIT,
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound, Unsupported};
    matches!(error.kind(), NotFound | ConnectionRefused | Unsupported)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixListener;

    use gateway_os::folders::private_dir;
    use gateway_os::socket::AsyncListener;
    use serde_json::json;
    use tokio::time::{Instant, sleep};
    use tokio_util::sync::CancellationToken;

    use super::super::serve_admin;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_only_listens_is_given_up_and_named() {
        let runtime = tempfile::tempdir().unwrap();
        let _hung = UnixListener::bind(socket_path(runtime.path())).unwrap();
        let client = AdminClient::new(runtime.path());
        for call in [Call::Status, Call::Pair] {
            let begun = Instant::now();
            let error = client.call(&call).await.unwrap_err();
            assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
            assert!(begun.elapsed() <= 2 * ANSWER_LIMIT, "{call:?}: {:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn a_queue_without_room_is_told_and_not_waited_for() {
        let runtime = tempfile::tempdir().unwrap();
        let socket = socket_path(runtime.path());
        let _hung = UnixListener::bind(&socket).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = Stream::connect(&socket) {
            waiting.push(stream);
        }
        let error = AdminClient::new(runtime.path()).call(&Call::Status).await.unwrap_err();
        assert!(matches!(error, AdminClientError::Silent { .. }), "{error}");
    }

    #[tokio::test]
    async fn any_number_that_waits_for_news_keeps_nobody_else_from_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("private");
        private_dir(&runtime).unwrap();
        let listener = AsyncListener::bind(&socket_path(&runtime)).unwrap();
        let (waits, mut waiting) = tokio::sync::mpsc::unbounded_channel();
        let answer = move |call: Call| {
            let waits = waits.clone();
            async move {
                if matches!(call, Call::Events { .. }) {
                    waits.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
                Ok(json!("done"))
            }
        };
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve_admin(listener, answer, stop.clone()));
        let client = AdminClient::new(&runtime);
        let mut followers = tokio::task::JoinSet::new();
        let events = || Call::Events { task: None, after: None, wait_secs: 60 };
        for _ in 0..64 {
            let client = client.clone();
            followers.spawn(async move { client.call(&events()).await });
            waiting.recv().await.unwrap();
        }
        assert_eq!(client.call(&Call::Status).await.unwrap(), "done");
        let error = client.call(&events()).await.unwrap_err();
        assert!(error.to_string().contains("64 others"), "{error}");
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_waited_for_while_the_gateway_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("private");
        private_dir(&runtime).unwrap();
        let listener = AsyncListener::bind(&socket_path(&runtime)).unwrap();
        let answer = |call: Call| async move {
            if !matches!(call, Call::Status) {
                sleep(Duration::from_secs(59)).await;
            }
            Ok(json!("done"))
        };
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve_admin(listener, answer, stop.clone()));
        let client = AdminClient::new(&runtime);
        let events = Call::Events { task: None, after: None, wait_secs: 60 };
        for call in [Call::Reload, events] {
            assert_eq!(client.call(&call).await.unwrap(), "done");
        }
        stop.cancel();
        server.await.unwrap();
    }
}
