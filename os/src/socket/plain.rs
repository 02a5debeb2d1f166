//! Sockets and pipes that never block, for [`crate::ready::wait`].
use std::io;
use std::path::Path;
use std::process::ChildStdin;

use crate::peer::Peer;
use crate::ready::PollHandle;

/// A listening Unix socket that never blocks; dropping it leaves the file.
#[derive(Debug)]
pub struct Listener {
    #[cfg(unix)]
    inner: std::os::unix::net::UnixListener,
    #[cfg(not(unix))]
    pub(super) never: std::convert::Infallible,
}

/// A connected Unix socket that never blocks: `WouldBlock` means later.
#[derive(Debug)]
pub struct Stream {
    #[cfg(unix)]
    inner: std::os::unix::net::UnixStream,
    #[cfg(not(unix))]
    pub(super) never: std::convert::Infallible,
}

/// Our end of a child's standard input, never blocking.
#[derive(Debug)]
pub struct InputPipe {
    #[cfg(unix)]
    inner: ChildStdin,
    #[cfg(not(unix))]
    never: std::convert::Infallible,
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io::{Read, Write};
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::super::path::short;
    use super::{ChildStdin, InputPipe, Listener, Path, Peer, PollHandle, Stream, io};
    use crate::folders::check_private_dir;

    impl Listener {
        pub(super) fn bind_at(path: &Path) -> io::Result<Self> {
            let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
            check_private_dir(folder).map_err(io::Error::other)?;
            let short = short(path)?;
            let inner = match UnixListener::bind(&short.path) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    remove_stale(&short.path)?;
                    UnixListener::bind(&short.path)?
                }
                bound => bound?,
            };
            fs::set_permissions(&short.path, Permissions::from_mode(0o600))?;
            inner.set_nonblocking(true)?;
            Ok(Self { inner })
        }

        pub(super) fn accept_one(&self) -> io::Result<Option<Stream>> {
            match self.inner.accept() {
                Ok((inner, _)) => {
                    inner.set_nonblocking(true)?;
                    Ok(Some(Stream { inner }))
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted => Ok(None),
                    _ => Err(error),
                },
            }
        }

        pub(crate) fn into_std(self) -> UnixListener {
            self.inner
        }
    }

    /// Removes a socket file that nobody answers at; anything else that has the name stays.
    fn remove_stale(path: &Path) -> io::Result<()> {
        let in_use = || io::Error::from(io::ErrorKind::AddrInUse);
        if !fs::symlink_metadata(path)?.file_type().is_socket() {
            return Err(in_use());
        }
        match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) | Err(_) => Err(in_use()),
        }
    }

    impl Stream {
        pub(super) fn connect_to(path: &Path) -> io::Result<Self> {
            use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
            // Its folder stays open until the connection stands.
            let short = short(path)?;
            let address = SocketAddrUnix::new(&short.path)?;
            let inner = UnixStream::from(socket(AddressFamily::UNIX, SocketType::STREAM, None)?);
            // Before it connects: where the listener's queue is full that would wait for a place.
            inner.set_nonblocking(true)?;
            rustix::io::fcntl_setfd(&inner, rustix::io::FdFlags::CLOEXEC)?;
            connect(&inner, &address)?;
            Ok(Self { inner })
        }

        pub(super) fn read_some(&self, buffer: &mut [u8]) -> io::Result<usize> {
            (&self.inner).read(buffer)
        }

        pub(super) fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
            (&self.inner).write(bytes)
        }

        pub(super) fn peer_of(&self) -> io::Result<Peer> {
            Peer::of(&self.inner)
        }

        pub(crate) fn into_std(self) -> UnixStream {
            self.inner
        }

        pub(super) fn handle(&self) -> PollHandle<'_> {
            PollHandle::of(&self.inner)
        }
    }

    impl Listener {
        pub(super) fn handle(&self) -> PollHandle<'_> {
            PollHandle::of(&self.inner)
        }
    }

    impl InputPipe {
        pub(super) fn of(stdin: ChildStdin) -> io::Result<Self> {
            use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
            // Only our end: the two ends of a pipe have flags of their own.
            fcntl_setfl(&stdin, fcntl_getfl(&stdin)? | OFlags::NONBLOCK)?;
            Ok(Self { inner: stdin })
        }

        pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.inner.write(bytes)
        }

        pub(super) fn handle(&self) -> PollHandle<'_> {
            PollHandle::of(&self.inner)
        }
    }
}

/// None of these can exist here: whatever makes one fails.
#[cfg(not(unix))]
mod other {
    use super::{ChildStdin, InputPipe, Listener, Path, Peer, PollHandle, Stream, io};
    use crate::unsupported;

    impl Listener {
        pub(super) fn bind_at(_path: &Path) -> io::Result<Self> {
            Err(unsupported("a Unix socket"))
        }

        pub(super) fn accept_one(&self) -> io::Result<Option<Stream>> {
            match self.never {}
        }

        pub(super) fn handle(&self) -> PollHandle<'_> {
            match self.never {}
        }
    }

    impl Stream {
        pub(super) fn connect_to(_path: &Path) -> io::Result<Self> {
            Err(unsupported("a Unix socket"))
        }

        pub(super) fn read_some(&self, _buffer: &mut [u8]) -> io::Result<usize> {
            match self.never {}
        }

        pub(super) fn write_some(&self, _bytes: &[u8]) -> io::Result<usize> {
            match self.never {}
        }

        pub(super) fn peer_of(&self) -> io::Result<Peer> {
            match self.never {}
        }

        pub(super) fn handle(&self) -> PollHandle<'_> {
            match self.never {}
        }
    }

    impl InputPipe {
        pub(super) fn of(_stdin: ChildStdin) -> io::Result<Self> {
            Err(unsupported("a pipe that does not block"))
        }

        pub(super) fn write_some(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            match self.never {}
        }

        pub(super) fn handle(&self) -> PollHandle<'_> {
            match self.never {}
        }
    }
}

impl Listener {
    /// Listens at `path`, 0600, in a folder that must be private. A socket file that nobody
    /// answers at is replaced; two processes must not do so at once, so callers hold a lock.
    ///
    /// # Errors
    ///
    /// `AddrInUse` when somebody listens there or the name belongs to something else; an error that
    /// says what is wrong with the folder; `Unsupported` on Windows.
    pub fn bind(path: &Path) -> io::Result<Self> {
        Self::bind_at(path)
    }

    /// Accepts one connection; `None` when nobody waits.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, such as with too many open files.
    pub fn accept(&self) -> io::Result<Option<Stream>> {
        self.accept_one()
    }

    /// For [`crate::ready::wait`].
    #[must_use]
    pub fn poll_handle(&self) -> PollHandle<'_> {
        self.handle()
    }
}

impl Stream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// `NotFound` or `ConnectionRefused` when nobody listens; `Unsupported` on Windows.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Self::connect_to(path)
    }

    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is there yet.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer)
    }

    /// Writes what fits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing fits now, `BrokenPipe` when the peer is gone.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    /// Who is at the other end, as the kernel knew it when they connected.
    ///
    /// # Errors
    ///
    /// `Unsupported` outside Linux.
    pub fn peer(&self) -> io::Result<Peer> {
        self.peer_of()
    }

    /// For [`crate::ready::wait`].
    #[must_use]
    pub fn poll_handle(&self) -> PollHandle<'_> {
        self.handle()
    }
}

impl InputPipe {
    /// Takes over a child's piped standard input; dropping it closes it.
    ///
    /// # Errors
    ///
    /// `Unsupported` on Windows.
    pub fn new(stdin: ChildStdin) -> io::Result<Self> {
        Self::of(stdin)
    }

    /// Writes what fits into the pipe.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while it is full, `BrokenPipe` when the child closed its end.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    /// For [`crate::ready::wait`].
    #[must_use]
    pub fn poll_handle(&self) -> PollHandle<'_> {
        self.handle()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::folders::private_dir;

    #[test]
    fn a_path_longer_than_a_socket_address_works_at_both_ends() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x".repeat(120)).join("y".repeat(120));
        private_dir(&folder).unwrap();
        let path = folder.join("shim.sock");
        let listener = Listener::bind(&path).unwrap();
        let client = Stream::connect(&path).unwrap();
        let server = listener.accept().unwrap().unwrap();
        assert_eq!(client.write(b"hello").unwrap(), 5);
        let mut buffer = [0; 8];
        assert_eq!(server.read(&mut buffer).unwrap(), 5);
        assert_eq!(server.peer().unwrap().pid, std::process::id());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("private");
        private_dir(&folder).unwrap();
        let path = folder.join("s");
        drop(Listener::bind(&path).unwrap());
        let live = Listener::bind(&path).unwrap();
        assert_eq!(Listener::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(live);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "not a socket").unwrap();
        assert_eq!(Listener::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"not a socket");
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("open");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Listener::bind(&folder.join("s")).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}
