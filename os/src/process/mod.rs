//! Who a process is, what descends from it, and signals that cannot hit the wrong one.
//!
//! A pid alone names nobody: pids are used again. [`ProcessId`] adds the start time and the boot,
//! and [`signal`] goes through a pidfd whose start time was compared, so that a reused pid is never
//! signalled.
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
use self::linux as system;
#[cfg(not(target_os = "linux"))]
use self::other as system;

pub use self::system::{
    ancestors, become_subreaper, boot_id, cmdline, descendants, die_with_parent, environ_values,
    gone, has_ended_child, name, new_session, own_group, processes_with_marker, reap_any, run_tag,
    session_members, signal, signal_group, start_time, user_id,
};
pub(crate) use self::system::{own_children, reap};

use std::io;

use serde::{Deserialize, Serialize};

/// One process of one boot, never confused with a later one of the same pid.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// When it started, in the kernel's clock ticks since boot.
    pub start_time: u64,
    /// Which boot of the machine it lived in.
    pub boot_id: String,
}

impl ProcessId {
    /// The identity of the process that has `pid` now.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such process; `Unsupported` outside Linux.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, start_time: start_time(pid)?, boot_id: boot_id()? })
    }

    /// The identity of the calling process.
    ///
    /// # Errors
    ///
    /// `Unsupported` outside Linux.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// Whether this very process still runs. A zombie does not: it has ended and waits for its
    /// parent.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        system::is_alive(self)
    }
}

/// A signal that this program sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// The process was there and has the signal.
    Sent,
    /// The process was gone; nobody was signalled.
    Gone,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// Its process id; the process is reaped, so the pid may be used again.
    pub pid: u32,
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal's number, when one ended it.
    pub signal: Option<i32>,
}

/// What [`reap_any`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reaped {
    /// One child ended and is reaped.
    Child(Ended),
    /// There are children and none has ended.
    NoneEnded,
    /// There are no children.
    NoChildren,
}
