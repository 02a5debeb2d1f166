//! The children of this process: those it started, and orphans it adopted.
//!
//! A process that [becomes a subreaper](crate::process::become_subreaper) inherits whatever is
//! orphaned below it. To end and reap those without taking an exit status from whoever started a
//! child of ours, every child of such a process must be started through [`start`]: a child that was
//! not is taken for an orphan.
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError, RwLock};

use crate::process::{ProcessId, own_children, reap, start_time};

/// Held by whoever starts a child until it is on the list, and alone by whoever reads the list.
static STARTING: RwLock<()> = RwLock::new(());
/// Pids and start times of the children that were started here; some are gone.
static STARTED: Mutex<BTreeSet<(u32, u64)>> = Mutex::new(BTreeSet::new());

/// A child process, of the standard library or of tokio.
pub trait Started {
    /// Its process id, unless it has been waited for.
    fn pid(&self) -> Option<u32>;
}

impl Started for std::process::Child {
    fn pid(&self) -> Option<u32> {
        Some(self.id())
    }
}

impl Started for tokio::process::Child {
    fn pid(&self) -> Option<u32> {
        self.id()
    }
}

/// Starts a child by calling `spawn`, and notes that it is one of ours.
///
/// # Errors
///
/// When the child cannot be started.
pub fn start<C: Started>(spawn: impl FnOnce() -> io::Result<C>) -> io::Result<C> {
    let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let child = spawn()?;
    // Nobody has waited for it, so that the pid is still its own, ended or not.
    if let Some(pid) = child.pid()
        && let Ok(start) = start_time(pid)
    {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|&(pid, start)| start_time(pid).is_ok_and(|now| now == start));
        started.insert((pid, start));
    }
    Ok(child)
}

/// The living orphans that this process has adopted, of those that started a session or are in
/// somebody else's. Nobody can come back into this process's own session, so that one who left it
/// never was among what belongs to a terminal's `gateway serve`.
///
/// # Errors
///
/// When the system does not tell.
pub fn adopted() -> io::Result<Vec<ProcessId>> {
    let children = strangers()?;
    Ok(children.into_iter().filter(|(_, kind)| *kind == Kind::Apart).map(|(id, _)| id).collect())
}

/// Reaps the adopted orphans that have ended, and tells how many; never a child of ours.
///
/// # Errors
///
/// When the system does not tell.
pub fn reap_adopted() -> io::Result<usize> {
    let mut reaped = 0;
    for (id, kind) in strangers()? {
        if kind == Kind::Ended && reap(id.pid)? {
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// How a child stands to this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// It has ended and nobody has waited for it.
    Ended,
    /// It lives in this process's session.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells"))]
    Near,
    /// It lives in another session.
    Apart,
}

fn strangers() -> io::Result<Vec<(ProcessId, Kind)>> {
    // With nobody starting a child, one that is not on the list was not started here.
    let _alone = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut children = own_children()?;
    children.retain(|(id, _)| !started.contains(&(id.pid, id.start_time)));
    Ok(children)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::process::{Signal, become_subreaper, signal};

    /// Runs alone in a process of its own, since it reaps what nobody else of it must.
    #[test]
    #[ignore = "a process of another test"]
    fn adopting_process() {
        become_subreaper().unwrap();
        let mut ours = Command::new("/bin/sh");
        ours.args(["-c", "exit 7"]).stdout(Stdio::piped());
        let mut ours = start(|| ours.spawn()).unwrap();
        // Two orphans, one in a session of its own; both have told their pid when it ends.
        let script = "/bin/sh -c 'echo $$; exec sleep 600 >&-' & \
                      setsid /bin/sh -c 'echo $$; exec sleep 600 >&-' & wait";
        let mut parent = Command::new("/bin/sh");
        parent.args(["-c", script]).stdout(Stdio::piped());
        let mut parent = start(|| parent.spawn()).unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let pids: Vec<u32> = lines.take(2).map(|line| line.unwrap().parse().unwrap()).collect();
        let orphans: Vec<_> = pids.iter().map(|&pid| ProcessId::of(pid).unwrap()).collect();
        assert!(adopted().unwrap().is_empty(), "they have a parent");
        parent.kill().unwrap();
        parent.wait().unwrap();
        let found = adopted().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(orphans.contains(&found[0]));
        for id in &orphans {
            signal(id, Signal::Kill).unwrap();
        }
        // Killed ones end soon.
        while orphans.iter().any(|id| start_time(id.pid).is_ok()) {
            reap_adopted().unwrap();
        }
        // Ours has ended long ago, and its status is still there.
        assert_eq!(ours.wait().unwrap().code(), Some(7));
        println!("adopted and reaped");
    }

    #[test]
    fn orphans_are_found_and_reaped_and_no_status_of_our_own_children_is_lost() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "children::tests::adopting_process", "--ignored", "--nocapture"]);
        let output = alone.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("adopted and reaped"), "{text}");
    }
}
