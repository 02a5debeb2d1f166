//! What the operating system asks of a long-running process, for tokio.
use std::io;

/// What the process was asked to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// End: SIGTERM or SIGINT; Ctrl-C on Windows.
    End,
    /// Read the configuration again: SIGHUP.
    Reload,
}

/// Listens for requests; while it lives, the signals no longer end the process by themselves.
#[derive(Debug)]
pub struct Requests {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Requests {
    /// Begins to listen. Must run inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a handler cannot be set.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// The next request. Cancel-safe.
    pub async fn next(&mut self) -> Request {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => Request::End,
            _ = self.interrupt.recv() => Request::End,
            _ = self.hang_up.recv() => Request::Reload,
        }
        #[cfg(not(unix))]
        {
            // Without a handler the system ends the process at Ctrl-C, which is an end as well.
            let _ = tokio::signal::ctrl_c().await;
            Request::End
        }
    }
}
