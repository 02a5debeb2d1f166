//! The process calls where this program knows no race-free way: every one says so.
use std::io;

use super::{Delivery, ProcessId, Reaped, Signal};
use crate::children::Kind;
use crate::unsupported;

/// When the process started.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn start_time(_pid: u32) -> io::Result<u64> {
    Err(unsupported("telling processes apart by start time"))
}

/// The short name of a process.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn name(_pid: u32) -> io::Result<String> {
    Err(unsupported("reading process names"))
}

/// The identity of this boot of the machine.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn boot_id() -> io::Result<String> {
    Err(unsupported("telling boots of the machine apart"))
}

/// Nothing can be said, so nothing is claimed to live.
pub(super) fn is_alive(_id: &ProcessId) -> bool {
    false
}

/// The effective user of the calling process.
///
/// # Errors
///
/// `Unsupported` on Windows.
pub fn user_id() -> io::Result<u32> {
    #[cfg(unix)]
    return Ok(rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    Err(unsupported("numeric user ids"))
}

/// The arguments of a process.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn cmdline(_pid: u32) -> io::Result<Vec<Vec<u8>>> {
    Err(unsupported("reading other processes' arguments"))
}

/// The values of a variable in a process's environment.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn environ_values(_pid: u32, _name: &str) -> io::Result<Vec<Vec<u8>>> {
    Err(unsupported("reading other processes' environments"))
}

/// Every process that descends from `pid`.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn descendants(_pid: u32) -> io::Result<Vec<ProcessId>> {
    Err(unsupported("listing descendants"))
}

/// Every process with a marker.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn processes_with_marker(_name: &str, _value: &str) -> io::Result<Vec<ProcessId>> {
    Err(unsupported("finding processes by a marker"))
}

/// The members of a session.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn session_members(_leader: &ProcessId) -> io::Result<Vec<ProcessId>> {
    Err(unsupported("finding the processes of a session"))
}

/// The children of this process.
pub(crate) fn own_children() -> io::Result<Vec<(ProcessId, Kind)>> {
    Err(unsupported("listing children"))
}

/// Reaps one child.
pub(crate) fn reap(_pid: u32) -> io::Result<bool> {
    Err(unsupported("reaping adopted processes"))
}

/// Whether a child has ended.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn has_ended_child() -> io::Result<bool> {
    Err(unsupported("looking for children that have ended"))
}

/// The parents of a process.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn ancestors(_pid: u32) -> io::Result<Vec<ProcessId>> {
    Err(unsupported("listing ancestors"))
}

/// Sends a signal to one process.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn signal(_id: &ProcessId, _signal: Signal) -> io::Result<Delivery> {
    Err(unsupported("signalling a process without a race"))
}

/// Sends a signal to a group.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn signal_group(_leader: &ProcessId, _signal: Signal) -> io::Result<Delivery> {
    Err(unsupported("signalling a process group without a race"))
}

/// Waits until a process has ended.
///
/// # Errors
///
/// Always `Unsupported`.
pub async fn gone(_id: &ProcessId) -> io::Result<()> {
    std::future::ready(Err(unsupported("waiting for a process that is not a child"))).await
}

/// Inherits orphans among the descendants.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn become_subreaper() -> io::Result<()> {
    Err(unsupported("adopting orphaned processes"))
}

/// Starts a session.
///
/// # Errors
///
/// `Unsupported` on Windows, else when the process leads a group already.
pub fn new_session() -> io::Result<()> {
    #[cfg(unix)]
    {
        rustix::process::setsid()?;
        Ok(())
    }
    #[cfg(not(unix))]
    Err(unsupported("a session of its own"))
}

/// Starts a process group.
///
/// # Errors
///
/// `Unsupported` on Windows, else when the process leads a session.
pub fn own_group() -> io::Result<()> {
    #[cfg(unix)]
    return Ok(rustix::process::setpgid(None, None)?);
    #[cfg(not(unix))]
    Err(unsupported("a process group of its own"))
}

/// Dies when the parent does.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn die_with_parent(_with: Signal, _parent: u32) -> io::Result<()> {
    Err(unsupported("ending together with the parent process"))
}

/// Reaps one child.
///
/// # Errors
///
/// Always `Unsupported`.
pub fn reap_any() -> io::Result<Reaped> {
    Err(unsupported("reaping adopted processes"))
}

/// Names the process in process lists, where that exists.
pub fn run_tag(_name: &str) {}
