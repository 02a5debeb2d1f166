//! What differs between systems when a child process is supervised: groups, signals, private files
//! and local sockets. The only file of this crate with `cfg`.
use std::io;
use std::path::Path;

use tokio::process::Command;

use crate::connection::{ClientAddress, Io};

#[cfg(unix)]
mod sys {
    use std::fs::OpenOptions;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    use rustix::process::{Pid, Signal, kill_process_group};
    use tokio::net::UnixListener;

    use super::{ClientAddress, Command, Io, Path, io};

    /// `sun_path` holds 108 bytes with the final zero.
    const SOCKET_PATH_MAX: usize = 107;

    pub(crate) fn own_group(command: &mut Command) {
        command.process_group(0);
    }

    pub(crate) fn terminate_group(pid: u32) -> io::Result<()> {
        signal(pid, Signal::TERM)
    }

    pub(crate) fn kill_group(pid: u32) -> io::Result<()> {
        signal(pid, Signal::KILL)
    }

    fn signal(pid: u32, signal: Signal) -> io::Result<()> {
        let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(kill_process_group(group, signal)?)
    }

    pub(crate) fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&status)
    }

    pub(crate) fn is_executable(path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }

    pub(crate) fn private_folder(builder: &mut tempfile::Builder<'_, '_>) {
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }

    pub(crate) fn create_private(path: &Path) -> io::Result<std::fs::File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    #[derive(Debug)]
    pub(crate) struct LocalListener(UnixListener);

    impl LocalListener {
        pub(crate) fn bind(dir: &Path) -> io::Result<(Self, String)> {
            let path = dir.join("origin.sock");
            let text = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
            if text.len() > SOCKET_PATH_MAX {
                return Err(io::ErrorKind::InvalidFilename.into());
            }
            let listener = UnixListener::bind(&path)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok((Self(listener), format!("unix:{text}")))
        }

        pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Io>, ClientAddress)> {
            let (stream, _) = self.0.accept().await?;
            // Only this user's processes reach the socket, so what cloudflared says is believed.
            Ok((Box::new(stream), ClientAddress::Header("cf-connecting-ip")))
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn termination(ignored: bool) -> impl Future<Output = ()> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::terminate());
        async move {
            let Ok(mut signal) = signal else { return std::future::pending().await };
            while signal.recv().await.is_some() && ignored {}
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) async fn connect_unix(path: &Path) -> io::Result<Box<dyn Io>> {
        Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(from, to)
    }

    pub(crate) fn answers(dir: &Path) -> bool {
        std::os::unix::net::UnixStream::connect(dir.join("origin.sock")).is_ok()
    }
}

#[cfg(not(unix))]
mod sys {
    use tokio::net::TcpListener;

    use super::{ClientAddress, Command, Io, Path, io};

    pub(crate) fn own_group(_command: &mut Command) {}

    pub(crate) fn terminate_group(_pid: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn kill_group(_pid: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn signal_of(_status: std::process::ExitStatus) -> Option<i32> {
        None
    }

    pub(crate) fn is_executable(path: &Path) -> bool {
        path.is_file()
    }

    pub(crate) fn private_folder(_builder: &mut tempfile::Builder<'_, '_>) {}

    pub(crate) fn create_private(path: &Path) -> io::Result<std::fs::File> {
        std::fs::OpenOptions::new().write(true).create_new(true).open(path)
    }

    #[derive(Debug)]
    pub(crate) struct LocalListener(TcpListener);

    impl LocalListener {
        pub(crate) fn bind(_dir: &Path) -> io::Result<(Self, String)> {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
            listener.set_nonblocking(true)?;
            let service = format!("http://{}", listener.local_addr()?);
            Ok((Self(TcpListener::from_std(listener)?), service))
        }

        pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Io>, ClientAddress)> {
            let (stream, _) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            // Any local process can connect here and forge the header.
            Ok((Box::new(stream), ClientAddress::Unknown))
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn termination(_ignored: bool) -> impl Future<Output = ()> {
        std::future::pending()
    }

    #[cfg(feature = "testing")]
    pub(crate) async fn connect_unix(_path: &Path) -> io::Result<Box<dyn Io>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(feature = "testing")]
    pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::copy(from, to).map(|_| ())
    }

    pub(crate) fn answers(_dir: &Path) -> bool {
        // Without a socket to ask, a folder is never taken for abandoned.
        true
    }
}

/// Makes the child the leader of its own process group, so that a terminal's Ctrl-C does not reach
/// it before the gateway has closed it in order.
pub(crate) fn own_group(command: &mut Command) {
    sys::own_group(command);
}

/// Asks the whole group to end.
pub(crate) fn terminate_group(pid: u32) -> io::Result<()> {
    sys::terminate_group(pid)
}

/// Ends the whole group.
pub(crate) fn kill_group(pid: u32) -> io::Result<()> {
    sys::kill_group(pid)
}

/// The signal that ended a process, if one did.
pub(crate) fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
    sys::signal_of(status)
}

/// Whether `path` is a file that can be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    sys::is_executable(path)
}

/// Makes the folder that is built readable by this user alone (0700), whatever the umask.
pub(crate) fn private_folder(builder: &mut tempfile::Builder<'_, '_>) {
    sys::private_folder(builder);
}

/// Creates a new file that only this user can read (0600).
pub(crate) fn create_private(path: &Path) -> io::Result<std::fs::File> {
    sys::create_private(path)
}

/// Whether somebody listens on the socket in `dir`.
pub(crate) fn answers(dir: &Path) -> bool {
    sys::answers(dir)
}

/// Ends at the request to end, or never when that is `ignored`. In force from the call on.
#[cfg(feature = "testing")]
pub(crate) fn termination(ignored: bool) -> impl Future<Output = ()> {
    sys::termination(ignored)
}

/// Connects to a Unix socket, where the system has them.
#[cfg(feature = "testing")]
pub(crate) async fn connect_unix(path: &Path) -> io::Result<Box<dyn Io>> {
    sys::connect_unix(path).await
}

/// Makes an executable reachable under another name.
#[cfg(feature = "testing")]
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    sys::link_or_copy(from, to)
}

/// Where a child process brings the visitors' connections: a Unix socket where the system has them.
#[derive(Debug)]
pub(crate) struct LocalListener(sys::LocalListener);

impl LocalListener {
    /// Listens inside `dir`; also returns the address as a `cloudflared` service.
    pub(crate) fn bind(dir: &Path) -> io::Result<(Self, String)> {
        sys::LocalListener::bind(dir).map(|(listener, service)| (Self(listener), service))
    }

    /// The next connection, and how far its headers can be believed. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Io>, ClientAddress)> {
        self.0.accept().await
    }
}
