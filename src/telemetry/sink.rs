//! A thread that writes lines, fed over a bounded queue.
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many lines may wait.
const QUEUE_LINES: usize = 1024;

/// After so many lines at most, what was written is made visible.
const BATCH_LINES: u64 = 256;

/// Where lines end up.
pub(super) trait LineWriter: Send + 'static {
    /// Writes one line, newline included.
    fn write_line(&mut self, line: &str) -> io::Result<()>;

    /// Makes what was written visible to others.
    fn flush(&mut self) -> io::Result<()>;

    /// The line that says that `lost` lines are missing here, newline included.
    fn report(&self, lost: u64) -> String;
}

/// The sending end; cloning shares the queue.
#[derive(Clone)]
pub(super) struct Sink {
    queue: SyncSender<String>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Lines that found room in the queue.
    queued: AtomicU64,
    /// Lines of the queue that are done with, written or lost.
    done: Mutex<u64>,
    /// Told whenever `done` grows.
    progress: Condvar,
    /// Lost since the last report.
    unreported: AtomicU64,
    /// Lost since the start.
    lost: AtomicU64,
    /// Why the last write failed; none once one succeeds.
    failure: Mutex<Option<String>>,
}

impl Shared {
    fn lose_one(&self) {
        self.unreported.fetch_add(1, Ordering::Relaxed);
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

impl Sink {
    /// Starts the thread; it ends when the last clone is gone and the queue is empty.
    pub(super) fn start(name: &str, writer: impl LineWriter) -> io::Result<Self> {
        let (queue, messages) = mpsc::sync_channel(QUEUE_LINES);
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || write_all(&messages, &theirs, writer))?;
        Ok(Self { queue, shared })
    }

    /// Queues a line; counts it as lost when there is no room. Never waits.
    pub(super) fn send(&self, line: String) {
        match self.queue.try_send(line) {
            Ok(()) => {
                self.shared.queued.fetch_add(1, Ordering::Release);
            }
            Err(_) => self.shared.lose_one(),
        }
    }

    /// Waits until all that was sent is written, at most `limit`; true when it is.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let queued = self.shared.queued.load(Ordering::Acquire);
        let done = self.shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.progress.wait_timeout_while(done, limit, |done| *done < queued);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// How many lines were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Why the last write failed, when it did.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn write_all(lines: &Receiver<String>, shared: &Shared, mut writer: impl LineWriter) {
    while let Ok(first) = lines.recv() {
        let mut count = 0;
        let mut next = Some(first);
        while let Some(line) = next {
            write_one(&line, shared, &mut writer);
            count += 1;
            next = (count < BATCH_LINES).then(|| lines.try_recv().ok()).flatten();
        }
        report_lost(shared, &mut writer);
        note(shared, writer.flush());
        *shared.done.lock().unwrap_or_else(PoisonError::into_inner) += count;
        shared.progress.notify_all();
    }
}

fn write_one(line: &str, shared: &Shared, writer: &mut impl LineWriter) {
    report_lost(shared, writer);
    if !note(shared, writer.write_line(line)) {
        shared.lose_one();
    }
}

/// Writes how many lines are missing, so that a gap in the log says that it is one.
fn report_lost(shared: &Shared, writer: &mut impl LineWriter) {
    let lost = shared.unreported.swap(0, Ordering::Relaxed);
    if lost > 0 && !note(shared, writer.write_line(&writer.report(lost))) {
        shared.unreported.fetch_add(lost, Ordering::Relaxed);
    }
}

fn note(shared: &Shared, result: io::Result<()>) -> bool {
    let written = result.is_ok();
    shared.set_failure(result.err().map(|err| err.to_string()));
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a line only when the test lets it.
    struct Gated {
        entered: SyncSender<()>,
        gate: Receiver<io::Result<()>>,
        written: SyncSender<String>,
    }

    impl LineWriter for Gated {
        fn write_line(&mut self, line: &str) -> io::Result<()> {
            self.entered.send(()).unwrap();
            self.gate.recv().unwrap()?;
            self.written.send(line.to_owned()).unwrap();
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn report(&self, lost: u64) -> String {
            format!("lost {lost}")
        }
    }

    #[test]
    fn lines_without_room_are_counted_and_the_count_is_reported() {
        let (entered, has_entered) = mpsc::sync_channel(4096);
        let (open, gate) = mpsc::sync_channel(4096);
        let (written, lines) = mpsc::sync_channel(4096);
        let sink = Sink::start("test", Gated { entered, gate, written }).unwrap();
        sink.send("first".to_owned());
        has_entered.recv().unwrap(); // the thread holds it; the queue is empty
        for _ in 0..QUEUE_LINES + 3 {
            sink.send("more".to_owned());
        }
        assert_eq!(sink.lost(), 3);
        for _ in 0..QUEUE_LINES + 2 {
            open.send(Ok(())).unwrap();
        }
        assert_eq!(lines.recv().unwrap(), "first");
        assert_eq!(lines.recv().unwrap(), "lost 3");
        assert_eq!(lines.recv().unwrap(), "more");
        assert_eq!(lines.iter().take(QUEUE_LINES - 1).count(), QUEUE_LINES - 1);
    }

    #[test]
    fn waiting_for_a_writer_that_hangs_ends_at_the_limit() {
        let (entered, _has_entered) = mpsc::sync_channel(16);
        let (open, gate) = mpsc::sync_channel(16);
        let (written, lines) = mpsc::sync_channel(16);
        let sink = Sink::start("test", Gated { entered, gate, written }).unwrap();
        assert!(sink.flush(Duration::ZERO));
        sink.send("one".to_owned());
        assert!(!sink.flush(Duration::ZERO));
        open.send(Ok(())).unwrap();
        assert!(sink.flush(Duration::from_secs(60)));
        assert_eq!(lines.try_recv().unwrap(), "one");
    }

    #[test]
    fn a_failed_write_is_known_counted_and_recovered_from() {
        let (entered, has_entered) = mpsc::sync_channel(16);
        let (open, gate) = mpsc::sync_channel(16);
        let (written, lines) = mpsc::sync_channel(16);
        let sink = Sink::start("test", Gated { entered, gate, written }).unwrap();
        for _ in 0..2 {
            open.send(Err(io::Error::other("disk full"))).unwrap(); // the line, and its report
        }
        sink.send("one".to_owned());
        for _ in 0..2 {
            has_entered.recv().unwrap();
        }
        for _ in 0..2 {
            open.send(Ok(())).unwrap();
        }
        sink.send("two".to_owned());
        assert_eq!(lines.recv().unwrap(), "lost 1");
        assert_eq!(lines.recv().unwrap(), "two");
        assert!(sink.flush(Duration::from_secs(60)));
        assert_eq!((sink.lost(), sink.failure()), (1, None));
    }
}
