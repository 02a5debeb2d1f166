//! Being told when a file in a folder grows or appears.
//!
//! On Linux through inotify. Where there is none (other systems, or the user's inotify instances
//! are used up) [`Watch::is_polling`] is true and [`AsyncWatch::changed`] returns every
//! [`POLL_EVERY`], so callers look again either way and need no second path.
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::ready::PollHandle;

/// How often a watch without notifications asks its caller to look.
pub const POLL_EVERY: Duration = Duration::from_millis(250);

/// A watch on one folder, for processes without a runtime.
#[derive(Debug)]
pub struct Watch {
    #[cfg(target_os = "linux")]
    inotify: Option<std::os::fd::OwnedFd>,
}

/// A watch on one folder, for tokio.
#[derive(Debug)]
pub struct AsyncWatch {
    #[cfg(target_os = "linux")]
    inotify: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Watch {
    /// Watches files directly in `folder`: created, renamed into place, written.
    ///
    /// # Errors
    ///
    /// When the folder is not there.
    pub fn folder(folder: &Path) -> io::Result<Self> {
        if !std::fs::metadata(folder)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
            let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
            let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
            // Out of instances or watches: polling is slower, not wrong.
            let inotify = init(flags)
                .and_then(|inotify| add_watch(&inotify, folder, events).map(|_| inotify))
                .ok();
            Ok(Self { inotify })
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Self {})
    }

    /// Whether the caller must look by itself, every [`POLL_EVERY`].
    #[must_use]
    pub fn is_polling(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.inotify.is_none();
        #[cfg(not(target_os = "linux"))]
        true
    }

    /// Forgets what was told so far; call it before looking, so that nothing is missed.
    pub fn clear(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify {
            drain(inotify);
        }
    }

    /// For [`crate::ready::wait`]; `None` while polling.
    #[must_use]
    pub fn poll_handle(&self) -> Option<PollHandle<'_>> {
        #[cfg(target_os = "linux")]
        return self.inotify.as_ref().map(PollHandle::of);
        #[cfg(not(target_os = "linux"))]
        None
    }
}

impl AsyncWatch {
    /// [`Watch::folder`] for a tokio runtime, inside which it must be called.
    ///
    /// # Errors
    ///
    /// As [`Watch::folder`].
    pub fn folder(folder: &Path) -> io::Result<Self> {
        let watch = Watch::folder(folder);
        #[cfg(target_os = "linux")]
        return Ok(Self { inotify: watch?.inotify.map(crate::ready::async_readable).transpose()? });
        #[cfg(not(target_os = "linux"))]
        watch.map(|_| Self {})
    }

    /// Waits until something may have changed since the last call. Cancel-safe.
    ///
    /// What happens between a look and this call is not missed: it makes the call return at once.
    ///
    /// # Errors
    ///
    /// When the runtime shuts down.
    pub async fn changed(&mut self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify {
            let mut ready = inotify.readable().await?;
            drain(inotify.get_ref());
            ready.clear_ready();
            return Ok(());
        }
        tokio::time::sleep(POLL_EVERY).await;
        Ok(())
    }
}

/// Reads notifications until there are none; what they say is not needed, callers look themselves.
#[cfg(target_os = "linux")]
fn drain(inotify: &std::os::fd::OwnedFd) {
    let mut buffer = [0_u8; 4096];
    while rustix::io::read(inotify, &mut buffer[..]).is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn growth_and_creation_wake_the_watcher() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = AsyncWatch::folder(folder.path()).unwrap();
        let mut file = std::fs::File::create(folder.path().join("out")).unwrap();
        watch.changed().await.unwrap();
        file.write_all(b"line\n").unwrap();
        watch.changed().await.unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_watched() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Watch::folder(&folder.path().join("missing")).is_err());
    }
}
