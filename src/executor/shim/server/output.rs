//! The size of what the agent writes.
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway_os::ready::PollHandle;
use gateway_os::watch::{POLL_EVERY, Watch};

/// What an agent may write in a second at most, as far as the pace of looking is concerned.
const BYTES_PER_SECOND: u64 = 4 << 30;
/// The longest pause between two looks while the agent writes.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Watches the size of both streams' files.
#[derive(Debug)]
pub(super) struct Output {
    stdout: File,
    stderr: File,
    watch: Option<Watch>,
    bytes_max: u64,
    look_at: Option<Instant>,
}

impl Output {
    pub(super) fn new(folder: &Path, stdout: File, stderr: File, bytes_max: u64) -> Self {
        // Without a watch the size is looked at by the clock.
        let watch = Watch::folder(folder).ok().filter(|watch| !watch.is_polling());
        Self { stdout, stderr, watch, bytes_max, look_at: None }
    }

    /// Bytes in `stdout` and `stderr`.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let size = |file: &File| file.metadata().map_or(0, |meta| meta.len());
        (size(&self.stdout), size(&self.stderr))
    }

    /// Whether there is too much. Looks less often the further the limit is, so that an agent
    /// that writes much does not keep the shim busy.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        if let Some(watch) = &mut self.watch {
            watch.clear();
        }
        let (stdout, stderr) = self.sizes();
        let room = self.bytes_max.saturating_sub(stdout.saturating_add(stderr));
        let pause = if self.watch.is_some() {
            Duration::from_micros(room.saturating_mul(1_000_000) / BYTES_PER_SECOND).min(PAUSE_MAX)
        } else {
            POLL_EVERY
        };
        self.look_at = Some(now + pause);
        stdout.saturating_add(stderr) > self.bytes_max
    }

    /// Something to wait for, unless it is too early to look again.
    pub(super) fn poll_handle(&self, now: Instant) -> Option<PollHandle<'_>> {
        let early = self.look_at.is_some_and(|at| now < at);
        if early { None } else { self.watch.as_ref()?.poll_handle() }
    }

    /// When to wait for growth again, or to look when nothing tells.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        match (&self.watch, self.look_at) {
            (None, look_at) => Some(look_at.unwrap_or(now)),
            (Some(_), look_at) => look_at.filter(|at| now < *at),
        }
    }

    /// Whether the clock, not a watch, says it is time to look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.watch.is_none() && self.look_at.is_none_or(|at| now >= at)
    }
}
