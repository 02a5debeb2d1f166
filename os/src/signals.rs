//! Signals as something to wait for, for processes without a runtime.
use std::io;

use crate::ready::PollHandle;

/// A set of signals that no longer end the process but make this readable.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    woken: std::os::unix::net::UnixStream,
}

impl Signals {
    /// SIGTERM, SIGINT and SIGHUP.
    ///
    /// # Errors
    ///
    /// When the handlers cannot be set; `Unsupported` on Windows.
    pub fn termination() -> io::Result<Self> {
        #[cfg(unix)]
        return Self::of(&[rustix_raw::TERM, rustix_raw::INT, rustix_raw::HUP]);
        #[cfg(not(unix))]
        Err(crate::unsupported("catching signals"))
    }

    /// SIGCHLD: a child has ended.
    ///
    /// # Errors
    ///
    /// When the handler cannot be set; `Unsupported` on Windows.
    pub fn children() -> io::Result<Self> {
        #[cfg(unix)]
        return Self::of(&[rustix_raw::CHILD]);
        #[cfg(not(unix))]
        Err(crate::unsupported("catching signals"))
    }

    #[cfg(unix)]
    fn of(signals: &[i32]) -> io::Result<Self> {
        let (woken, wake) = std::os::unix::net::UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        for &signal in signals {
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        Ok(Self { woken })
    }

    /// Whether one came since the last call; clears it.
    pub fn take(&mut self) -> bool {
        #[cfg(unix)]
        {
            use std::io::Read;
            let mut buffer = [0; 64];
            let mut any = false;
            while matches!(self.woken.read(&mut buffer), Ok(1..)) {
                any = true;
            }
            any
        }
        #[cfg(not(unix))]
        false
    }

    /// For [`crate::ready::wait`].
    #[must_use]
    pub fn poll_handle(&self) -> PollHandle<'_> {
        #[cfg(unix)]
        return PollHandle::of(&self.woken);
        #[cfg(not(unix))]
        unreachable!("no value of this type exists on this system")
    }
}

/// The numbers of the signals caught here.
#[cfg(unix)]
mod rustix_raw {
    use rustix::process::Signal;
    pub(super) const TERM: i32 = Signal::TERM.as_raw();
    pub(super) const INT: i32 = Signal::INT.as_raw();
    pub(super) const HUP: i32 = Signal::HUP.as_raw();
    pub(super) const CHILD: i32 = Signal::CHILD.as_raw();
}
