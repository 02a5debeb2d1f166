//! Waiting for several things at once without threads or a runtime: `poll(2)`.
//!
//! The shim is one thread around [`wait`]; whatever can be waited for has a `poll_handle`.
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

/// Something [`wait`] can wait for; borrowed from its owner.
#[derive(Clone, Copy, Debug)]
pub struct PollHandle<'a> {
    #[cfg(unix)]
    pub(crate) fd: std::os::fd::BorrowedFd<'a>,
    owner: PhantomData<&'a ()>,
}

#[cfg(unix)]
impl<'a> PollHandle<'a> {
    /// The handle of whatever has a descriptor.
    pub(crate) fn of(fd: &'a impl std::os::fd::AsFd) -> Self {
        Self { fd: fd.as_fd(), owner: PhantomData }
    }
}

/// What a caller waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interest {
    /// Something to read, an accepted peer, or the end.
    Read,
    /// Room to write, or the reader's end.
    Write,
    /// Either.
    ReadWrite,
}

/// What may be tried now without blocking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Readiness {
    /// A read will return: data, the end, or an error.
    pub readable: bool,
    /// A write will return.
    pub writable: bool,
}

/// Waits until one of `sources` is ready or `timeout` has passed (`None`: for ever). A signal may
/// end the wait early with nothing ready.
///
/// # Errors
///
/// When the kernel refuses; `Unsupported` on Windows.
#[cfg(unix)]
pub fn wait(
    sources: &[(PollHandle<'_>, Interest)],
    timeout: Option<Duration>,
) -> io::Result<Vec<Readiness>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds: Vec<PollFd<'_>> = sources
        .iter()
        .map(|(handle, interest)| {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
                Interest::ReadWrite => PollFlags::IN | PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(handle.fd, flags)
        })
        .collect();
    // One too long for the kernel's type is for ever: whoever waits so long looks again anyway.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(vec![Readiness::default(); sources.len()]),
        Err(error) => return Err(error.into()),
    }
    let ended = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    Ok(fds
        .iter()
        .map(|fd| {
            let got = fd.revents();
            Readiness {
                readable: got.intersects(PollFlags::IN | ended),
                writable: got.intersects(PollFlags::OUT | ended),
            }
        })
        .collect())
}

/// See the Unix version.
///
/// # Errors
///
/// Always `Unsupported`.
#[cfg(not(unix))]
pub fn wait(
    _sources: &[(PollHandle<'_>, Interest)],
    _timeout: Option<Duration>,
) -> io::Result<Vec<Readiness>> {
    Err(crate::unsupported("waiting for several descriptors"))
}

/// Lets tokio wait until `fd` has something to read.
#[cfg(target_os = "linux")]
#[expect(
    deprecated,
    reason = "the replacement is unsafe, which is forbidden here; the flaw it mends needs a type \
              that changes its descriptor, and `OwnedFd` keeps it"
)]
pub(crate) fn async_readable(
    fd: std::os::fd::OwnedFd,
) -> io::Result<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    tokio::io::unix::AsyncFd::with_interest(fd, tokio::io::Interest::READABLE)
}
