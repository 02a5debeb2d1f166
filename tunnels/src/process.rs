//! What differs between systems when a child process is supervised, as far as the os crate does not
//! have it: executable files, folders, and where the child brings its connections. The only file of
//! this crate with `cfg`.
use std::io;
use std::path::Path;

use gateway_os::socket::{AsyncListener, AsyncStream};
use tokio::net::TcpListener;

use crate::connection::{ClientAddress, Io};

#[cfg(unix)]
mod sys {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::Path;
    #[cfg(feature = "testing")]
    use super::io;

    pub(super) fn is_executable(path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }

    pub(super) fn private_folder(builder: &mut tempfile::Builder<'_, '_>) {
        builder.permissions(Permissions::from_mode(0o700));
    }

    #[cfg(feature = "testing")]
    pub(super) fn termination(ignored: bool) -> impl Future<Output = ()> {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::terminate());
        async move {
            let Ok(mut signal) = signal else { return std::future::pending().await };
            while signal.recv().await.is_some() && ignored {}
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(from, to)
    }
}

#[cfg(not(unix))]
mod sys {
    use super::Path;
    #[cfg(feature = "testing")]
    use super::io;

    pub(super) fn is_executable(path: &Path) -> bool {
        path.is_file()
    }

    pub(super) fn private_folder(_builder: &mut tempfile::Builder<'_, '_>) {}

    #[cfg(feature = "testing")]
    pub(super) fn termination(_ignored: bool) -> impl Future<Output = ()> {
        std::future::pending()
    }

    #[cfg(feature = "testing")]
    pub(super) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::copy(from, to).map(|_| ())
    }
}

/// Whether `path` is a file that can be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    sys::is_executable(path)
}

/// Makes the folder that is built readable by this user alone (0700), whatever the umask.
pub(crate) fn private_folder(builder: &mut tempfile::Builder<'_, '_>) {
    sys::private_folder(builder);
}

/// Whether somebody may be listening on the socket in `dir`; only a refusal says no.
pub(crate) fn answers(dir: &Path) -> bool {
    match gateway_os::socket::Stream::connect(&dir.join(SOCKET)) {
        Ok(_) => true,
        Err(error) => {
            !matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        }
    }
}

/// Ends at the request to end, or never when that is `ignored`. In force from the call on.
#[cfg(feature = "testing")]
pub(crate) fn termination(ignored: bool) -> impl Future<Output = ()> {
    sys::termination(ignored)
}

/// Connects to a Unix socket, where the system has them.
#[cfg(feature = "testing")]
pub(crate) fn connect_unix(path: &Path) -> io::Result<Box<dyn Io>> {
    Ok(Box::new(AsyncStream::connect(path)?))
}

/// Makes an executable reachable under another name.
#[cfg(feature = "testing")]
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    sys::link_or_copy(from, to)
}

/// The socket's name in its folder.
const SOCKET: &str = "origin.sock";
/// The child connects by the whole path, and `sun_path` holds 108 bytes with the final zero.
const SOCKET_PATH_MAX: usize = 107;

/// Where a child process brings the visitors' connections: a Unix socket where the system has them.
#[derive(Debug)]
pub(crate) enum LocalListener {
    /// Reached by this user's processes only.
    Private(AsyncListener),
    /// Reached by every local process.
    Loopback(TcpListener),
}

impl LocalListener {
    /// Listens inside `dir`; also returns the address as a `cloudflared` service.
    pub(crate) async fn bind(dir: &Path) -> io::Result<(Self, String)> {
        let path = dir.join(SOCKET);
        match AsyncListener::bind(&path) {
            Ok(listener) => {
                let text = path.to_str().filter(|text| text.len() <= SOCKET_PATH_MAX);
                let text = text.ok_or(io::ErrorKind::InvalidFilename)?;
                Ok((Self::Private(listener), format!("unix:{text}")))
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let service = format!("http://{}", listener.local_addr()?);
                Ok((Self::Loopback(listener), service))
            }
            Err(error) => Err(error),
        }
    }

    /// The next connection, and how far its headers can be believed. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Io>, ClientAddress)> {
        match self {
            // Nobody but the child reaches the socket, so what cloudflared says is believed.
            Self::Private(listener) => {
                let stream: AsyncStream = listener.accept().await?;
                Ok((Box::new(stream), ClientAddress::Header("cf-connecting-ip")))
            }
            // Anybody can connect here and forge the header.
            Self::Loopback(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), ClientAddress::Unknown))
            }
        }
    }
}
