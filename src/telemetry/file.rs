//! The log file: 0600, put aside when it is full.
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_os::folders::create_private;

use super::format::{Style, format};
use super::line::Line;
use super::sink::LineWriter;
use crate::clock::Clock;

/// Writes lines to `path`; before it would exceed `max_bytes` it becomes `path.1`, the old
/// `path.1` becomes `path.2` and so on, and no more than `keep` of those stay.
pub(super) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    /// None after a failed rotation: the next line tries again.
    file: Option<BufWriter<File>>,
    bytes: u64,
    clock: Arc<dyn Clock>,
}

impl RotatingFile {
    /// Opens or creates the file; its folder must exist.
    pub(super) fn open(
        path: PathBuf,
        max_bytes: u64,
        keep: u32,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let file = open_private(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, max_bytes, keep, file: Some(BufWriter::new(file)), bytes, clock })
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Puts the file aside and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        if self.keep == 0 {
            missing_is_fine(fs::remove_file(&self.path))?;
        } else {
            missing_is_fine(fs::remove_file(self.aside(self.keep)))?;
            for number in (1..self.keep).rev() {
                missing_is_fine(fs::rename(self.aside(number), self.aside(number + 1)))?;
            }
            missing_is_fine(fs::rename(&self.path, self.aside(1)))?;
        }
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = open_private(&self.path)?;
        self.bytes = file.metadata()?.len();
        self.file = Some(BufWriter::new(file));
        Ok(())
    }
}

impl LineWriter for RotatingFile {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.max_bytes {
            self.rotate()?;
        } else if self.file.is_none() {
            self.reopen()?;
        }
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("the log file is closed"))?;
        let written = file.write_all(line.as_bytes());
        if written.is_err() {
            // What the buffer holds of other lines is lost as well; a new one starts clean.
            self.file = None;
        } else {
            self.bytes += length;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.as_mut().map_or(Ok(()), Write::flush);
        if flushed.is_err() {
            self.file = None;
        }
        flushed
    }

    fn report(&self, lost: u64) -> String {
        let message =
            format!("{lost} log lines were lost here: the disk or this file did not keep up");
        let target = "gateway::telemetry";
        let line = Line {
            level: tracing::Level::WARN,
            target,
            message: &message,
            fields: &[],
            spans: &[],
        };
        format(Style::Json, self.clock.now(), &line)
    }
}

/// Opens `path` to append, as a file that only its owner can read; one that was there before is
/// made so.
fn open_private(path: &Path) -> io::Result<File> {
    match create_private(path) {
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A named temporary file is private on every system (an unnamed one need not be), so its
    // permissions are the ones to give.
    let private = tempfile::NamedTempFile::new_in(folder)?;
    fs::set_permissions(path, private.as_file().metadata()?.permissions())?;
    OpenOptions::new().append(true).open(path)
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn clock() -> Arc<dyn Clock> {
        Arc::new(ManualClock::new(Timestamp::from_millis(0)))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_put_aside_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        let mut log = RotatingFile::open(path.clone(), 20, 2, clock()).unwrap();
        for n in 0..7 {
            log.write_line(&format!("line {n:03}\n")).unwrap(); // 9 bytes: two to a file
        }
        log.flush().unwrap();
        assert_eq!(names(folder.path()), ["gateway.log", "gateway.log.1", "gateway.log.2"]);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("gateway.log"), "line 006\n");
        assert_eq!(read("gateway.log.1"), "line 004\nline 005\n");
        assert_eq!(read("gateway.log.2"), "line 002\nline 003\n");
        // What is there is continued, and a line longer than a file gets one of its own.
        let mut log = RotatingFile::open(path, 20, 0, clock()).unwrap();
        log.write_line("and one of its own, longer than the limit\n").unwrap();
        log.write_line("x\n").unwrap();
        log.flush().unwrap();
        assert_eq!(read("gateway.log"), "x\n");
    }

    #[test]
    fn only_the_owner_can_read_a_log_also_one_that_was_open_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let mut log = RotatingFile::open(path.clone(), 20, 1, clock()).unwrap();
        for _ in 0..3 {
            log.write_line("123456789\n").unwrap();
        }
        for name in names(folder.path()) {
            let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RotatingFile::open(folder.path().to_owned(), 20, 1, clock()).is_err());
        assert!(RotatingFile::open(folder.path().join("no/g.log"), 20, 1, clock()).is_err());
    }
}
