//! Follows what an agent writes, line by line, from any offset, while it runs and after.
//!
//! Memory is bounded: of a line longer than [`LINE_KEPT_MAX`] only the beginning is kept here, the
//! file has all of it. A line without its end waits for more as long as anybody may write; when
//! nobody can any more it is handed out as incomplete, and then the tail ends.
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gateway_os::disk::read_at;
use gateway_os::watch::AsyncWatch;
use tokio_util::sync::CancellationToken;

use super::error::ShimError;
use super::file;

/// Most bytes of one line that are kept in memory.
const LINE_KEPT_MAX: usize = 1 << 20;
/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// How often to look even when nothing tells: a safety net under the notifications.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Which of the agent's streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of an agent's output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutputLine {
    /// The line without its end, at most 1 MiB of it; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Its true length in bytes, without the end.
    pub bytes: u64,
    /// Where the next line begins: the offset to store and to open a tail at.
    pub end: u64,
    /// Whether it had its end. The last line of an agent that died may not.
    pub complete: bool,
}

impl OutputLine {
    /// Whether `text` lacks what was too long.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.bytes > LINE_KEPT_MAX as u64
    }
}

/// Reads an agent's output as it grows.
#[derive(Debug)]
pub struct OutputTail {
    path: PathBuf,
    exit: PathBuf,
    file: Option<Arc<File>>,
    watch: AsyncWatch,
    stop: CancellationToken,
    /// Bytes read from the file and not yet cut into lines.
    buffer: Vec<u8>,
    /// How much of `buffer` is handed out.
    used: usize,
    /// How much of `buffer` is known to hold no end of line.
    searched: usize,
    /// Of the line at `used`: bytes dropped for being too many.
    dropped: u64,
    /// Where in the file the buffer ends.
    read_to: u64,
    /// Nobody writes any more; what is there is still to be read.
    last: bool,
    ended: bool,
}

impl OutputTail {
    /// Follows `stream` of the run in `folder` from `offset`, which is 0 or some line's end. The
    /// file need not exist yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the folder is not there.
    pub fn open(folder: &Path, stream: OutputStream, offset: u64) -> Result<Self, ShimError> {
        let name = match stream {
            OutputStream::Stdout => file::STDOUT,
            OutputStream::Stderr => file::STDERR,
        };
        Ok(Self {
            path: folder.join(name),
            exit: folder.join(file::EXIT),
            file: None,
            watch: AsyncWatch::folder(folder).map_err(ShimError::io("watching", folder))?,
            stop: CancellationToken::new(),
            buffer: Vec::new(),
            used: 0,
            searched: 0,
            dropped: 0,
            read_to: offset,
            last: false,
            ended: false,
        })
    }

    /// Cancelling this ends the tail when it has read what is there. It ends by itself once the
    /// run has its record; this is for runs whose shim died, whose agent somebody else watches.
    #[must_use]
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The next line; `None` when nobody can write any more and all is read. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the file cannot be read; asking again tries again.
    pub async fn next(&mut self) -> Result<Option<OutputLine>, ShimError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            if self.fill().await? {
                continue;
            }
            if self.last {
                self.ended = true;
                return Ok(self.take_rest());
            }
            // What was written by now is in the file: one more read finds all of it.
            self.last = self.stop.is_cancelled() || self.has_record().await?;
            if self.last {
                continue;
            }
            tokio::select! {
                changed = self.watch.changed() => {
                    changed.map_err(ShimError::io("watching", &self.path))?;
                }
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Cuts the next complete line off the buffer.
    fn take_line(&mut self) -> Option<OutputLine> {
        let found = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(at) = found.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            self.shrink();
            return None;
        };
        let kept = at - self.used;
        let rest = (self.buffer.len() - at - 1) as u64;
        let line = OutputLine {
            text: lossy(&self.buffer[self.used..at.min(self.used + LINE_KEPT_MAX)]),
            bytes: self.dropped + kept as u64,
            end: self.read_to - rest,
            complete: true,
        };
        self.used = at + 1;
        self.searched = self.used;
        self.dropped = 0;
        Some(line)
    }

    /// What is left when nobody can write any more.
    fn take_rest(&mut self) -> Option<OutputLine> {
        let rest = &self.buffer[self.used..];
        if rest.is_empty() && self.dropped == 0 {
            return None;
        }
        let line = OutputLine {
            text: lossy(&rest[..rest.len().min(LINE_KEPT_MAX)]),
            bytes: self.dropped + rest.len() as u64,
            end: self.read_to,
            complete: false,
        };
        self.buffer = Vec::new();
        (self.used, self.searched, self.dropped) = (0, 0, 0);
        Some(line)
    }

    /// Forgets what is handed out and what is too long.
    fn shrink(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
        if self.buffer.len() > LINE_KEPT_MAX {
            self.dropped += (self.buffer.len() - LINE_KEPT_MAX) as u64;
            self.buffer.truncate(LINE_KEPT_MAX);
        }
        self.searched = self.buffer.len();
        if self.buffer.is_empty() && self.buffer.capacity() > CHUNK * 2 {
            self.buffer = Vec::new();
        }
    }

    /// Reads one chunk; `false` at the end of the file as it is now.
    async fn fill(&mut self) -> Result<bool, ShimError> {
        let (file, path, at) = (self.file.clone(), self.path.clone(), self.read_to);
        let read = blocking(move || {
            let file = match file {
                Some(file) => file,
                None => match File::open(path) {
                    Ok(file) => Arc::new(file),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error),
                },
            };
            let chunk = read_at(&file, at, CHUNK)?;
            Ok(Some((file, chunk)))
        });
        // Nothing changes before this await is over, so dropping it loses no bytes.
        let read = read.await.map_err(ShimError::io("reading", &self.path))?;
        let Some((file, chunk)) = read else { return Ok(false) };
        self.file = Some(file);
        self.read_to += chunk.len() as u64;
        self.buffer.extend_from_slice(&chunk);
        Ok(!chunk.is_empty())
    }

    async fn has_record(&self) -> Result<bool, ShimError> {
        let path = self.exit.clone();
        let found = blocking(move || path.try_exists()).await;
        found.map_err(ShimError::io("looking for", &self.exit))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// A cut may fall into a character: what is left of it is dropped rather than shown as damage.
fn lossy(bytes: &[u8]) -> String {
    let bytes = match std::str::from_utf8(bytes) {
        Ok(text) => return text.to_owned(),
        Err(error) if error.error_len().is_none() && bytes.len() == LINE_KEPT_MAX => {
            &bytes[..error.valid_up_to()]
        }
        Err(_) => bytes,
    };
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Run {
        folder: tempfile::TempDir,
        stdout: File,
    }

    impl Run {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let stdout = File::create(folder.path().join(file::STDOUT)).unwrap();
            Self { folder, stdout }
        }

        fn write(&mut self, bytes: &[u8]) {
            self.stdout.write_all(bytes).unwrap();
        }

        fn end(&self) {
            std::fs::write(self.folder.path().join(file::EXIT), "{}").unwrap();
        }

        fn tail(&self, offset: u64) -> OutputTail {
            OutputTail::open(self.folder.path(), OutputStream::Stdout, offset).unwrap()
        }
    }

    async fn all(mut tail: OutputTail) -> Vec<OutputLine> {
        let mut lines = Vec::new();
        while let Some(line) = tail.next().await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_come_with_the_offsets_at_which_reading_goes_on() {
        let mut run = Run::new();
        run.write(b"one\n\nthree\xff\n");
        run.end();
        let lines = all(run.tail(0)).await;
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one", "", "three\u{fffd}"]);
        assert_eq!(lines.iter().map(|line| line.end).collect::<Vec<_>>(), [4, 5, 12]);
        assert_eq!(all(run.tail(lines[0].end)).await, lines[1..]);
        assert_eq!(all(run.tail(12)).await, []);
    }

    #[tokio::test]
    async fn a_torn_line_waits_for_its_end() {
        let mut run = Run::new();
        run.write(b"whole\nto");
        let mut tail = run.tail(0);
        assert_eq!(tail.next().await.unwrap().unwrap().text, "whole");
        let mut next = Box::pin(tail.next());
        assert!(futures::poll!(&mut next).is_pending());
        run.write(b"rn\n");
        let line = next.await.unwrap().unwrap();
        assert_eq!((line.text.as_str(), line.end, line.complete), ("torn", 11, true));
    }

    #[tokio::test]
    async fn a_line_torn_for_good_is_told_as_such() {
        let mut run = Run::new();
        run.write(b"whole\ntorn");
        run.end();
        let lines = all(run.tail(0)).await;
        assert_eq!(lines[1].text, "torn");
        assert_eq!((lines[1].bytes, lines[1].end, lines[1].complete), (4, 10, false));
    }

    #[tokio::test]
    async fn a_long_line_is_cut_in_memory_and_its_length_is_told() {
        let mut run = Run::new();
        let long = vec![b'x'; 5_000_000];
        run.write(&long);
        run.write(b"\nnext\n");
        run.end();
        let mut tail = run.tail(0);
        let line = tail.next().await.unwrap().unwrap();
        assert_eq!((line.text.len(), line.bytes, line.end), (LINE_KEPT_MAX, 5_000_000, 5_000_001));
        assert!(line.is_cut() && line.complete);
        assert!(tail.buffer.capacity() < 4 * LINE_KEPT_MAX, "{}", tail.buffer.capacity());
        assert_eq!(tail.next().await.unwrap().unwrap().text, "next");
        assert_eq!(tail.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_cut_in_the_middle_of_a_character_leaves_no_damage() {
        let mut run = Run::new();
        run.write(b"x");
        run.write("ä".repeat(LINE_KEPT_MAX).as_bytes());
        run.write(b"\n");
        run.end();
        let line = run.tail(0).next().await.unwrap().unwrap();
        assert!(line.text.ends_with('ä') && line.text.len() == LINE_KEPT_MAX - 1);
    }

    #[tokio::test]
    async fn dropping_a_wait_loses_nothing() {
        let mut run = Run::new();
        let mut tail = run.tail(0);
        let mut lines = Vec::new();
        for number in 0..50 {
            // Dropped wherever it stands, mostly while a read is on its way.
            if let std::task::Poll::Ready(line) = futures::poll!(Box::pin(tail.next())) {
                lines.extend(line.unwrap());
            }
            run.write(format!("{number}\n").as_bytes());
        }
        run.end();
        lines.extend(all(tail).await);
        let texts: Vec<_> = lines.into_iter().map(|line| line.text).collect();
        assert_eq!(texts, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_tail_may_begin_before_the_file_and_end_by_its_stopper() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = OutputTail::open(folder.path(), OutputStream::Stderr, 0).unwrap();
        std::fs::write(folder.path().join(file::STDERR), "late\n").unwrap();
        assert_eq!(tail.next().await.unwrap().unwrap().text, "late");
        tail.stopper().cancel();
        assert_eq!(tail.next().await.unwrap(), None);
    }
}
