//! The process calls on Linux: procfs, pidfds and prctl.
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, WaitId, WaitIdOptions, WaitOptions, getppid, getuid, pidfd_open,
    pidfd_send_signal, set_child_subreaper, set_parent_process_death_signal, setpgid, setsid, wait,
    waitid,
};

pub(crate) use super::tree::own_children;
pub use super::tree::{ancestors, descendants, processes_with_marker, session_members};
use super::{Delivery, Ended, ProcessId, Reaped, Signal};

/// `/proc/PID/cmdline` and `environ` are read up to this length.
const PROC_TEXT_BYTES_MAX: u64 = 8 << 20;

/// The fields of `/proc/PID/stat` that this crate uses.
#[derive(Clone, Debug)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) state: u8,
    pub(super) ppid: u32,
    pub(super) session: u32,
    pub(super) threads: u32,
    pub(super) start_time: u64,
}

impl Stat {
    /// Whether the process has ended and only waits for its parent. One whose first thread has
    /// ended while others go on looks like a zombie and is none.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

/// Reads `/proc/PID/stat`.
pub(super) fn stat(pid: u32) -> io::Result<Stat> {
    // The line is far shorter and comes in one read; every process is read in a scan.
    let mut bytes = [0; 1024];
    let read = File::open(format!("/proc/{pid}/stat")).and_then(|mut stat| stat.read(&mut bytes));
    parse_stat(&bytes[..read.map_err(gone_is_not_found)?])
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Splits a stat line. The name may hold spaces and parentheses, so fields count from the last `)`.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let open = bytes.iter().position(|&byte| byte == b'(')?;
    let close = bytes.iter().rposition(|&byte| byte == b')')?;
    let pid = std::str::from_utf8(bytes.get(..open)?).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(bytes.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        pid,
        name,
        state: *fields.first()?.as_bytes().first()?,
        ppid: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        // Fields 20 and 22 of proc(5); the first one after the name is field 3.
        threads: fields.get(17)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

/// A process that ends while it is read gives ESRCH; callers know only "not found".
fn gone_is_not_found(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) {
        return io::Error::from(io::ErrorKind::NotFound);
    }
    error
}

/// When the process started, in clock ticks since boot.
///
/// # Errors
///
/// `NotFound` when there is no such process.
pub fn start_time(pid: u32) -> io::Result<u64> {
    stat(pid).map(|stat| stat.start_time)
}

/// The kernel's short name of a process, at most 15 bytes, control characters replaced.
///
/// # Errors
///
/// `NotFound` when there is no such process.
pub fn name(pid: u32) -> io::Result<String> {
    let name = stat(pid)?.name;
    Ok(name.chars().map(|c| if c.is_control() { '?' } else { c }).collect())
}

/// The identity of this boot of the machine.
///
/// # Errors
///
/// When procfs does not answer.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Whether `id` still runs, see [`ProcessId::is_alive`].
pub(super) fn is_alive(id: &ProcessId) -> bool {
    let same_boot = boot_id().is_ok_and(|boot| boot == id.boot_id);
    same_boot && stat(id.pid).is_ok_and(|s| s.start_time == id.start_time && !s.has_ended())
}

/// The effective user of the calling process.
///
/// # Errors
///
/// Never on Linux.
pub fn user_id() -> io::Result<u32> {
    Ok(rustix::process::geteuid().as_raw())
}

fn read_proc(pid: u32, file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/{file}"))
        .and_then(|file| file.take(PROC_TEXT_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(gone_is_not_found)?;
    Ok(bytes)
}

/// The arguments a process was started with, as it shows them now.
///
/// # Errors
///
/// `NotFound` when there is no such process, `PermissionDenied` where the system hides it.
pub fn cmdline(pid: u32) -> io::Result<Vec<Vec<u8>>> {
    let mut bytes = read_proc(pid, "cmdline")?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect())
}

/// The values that `name` has in the environment a process was started with (more than one when
/// somebody built such an environment).
///
/// # Errors
///
/// `NotFound` when there is no such process, `PermissionDenied` for other users' processes.
pub fn environ_values(pid: u32, name: &str) -> io::Result<Vec<Vec<u8>>> {
    let bytes = read_proc(pid, "environ")?;
    let prefix = format!("{name}=");
    Ok(bytes
        .split(|&byte| byte == 0)
        .filter_map(|entry| entry.strip_prefix(prefix.as_bytes()))
        .map(<[u8]>::to_vec)
        .collect())
}

/// Opens a pidfd that surely refers to `id`; `None` when that process is gone.
fn open_pidfd(id: &ProcessId) -> io::Result<Option<OwnedFd>> {
    if boot_id()? != id.boot_id {
        return Ok(None);
    }
    let pidfd = match pidfd_open(to_pid(id.pid)?, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Compared after opening: whoever the pidfd refers to was alive no later than this read, and
    // a process that took the pid over afterwards would show a later start.
    match stat(id.pid) {
        Ok(stat) if stat.start_time == id.start_time => Ok(Some(pidfd)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a signal to exactly this process; a later process of the same pid is never hit.
///
/// # Errors
///
/// `PermissionDenied` when the process belongs to another user.
pub fn signal(id: &ProcessId, signal: Signal) -> io::Result<Delivery> {
    let Some(pidfd) = open_pidfd(id)? else {
        return Ok(Delivery::Gone);
    };
    match pidfd_send_signal(&pidfd, raw(signal)) {
        Ok(()) => Ok(Delivery::Sent),
        Err(Errno::SRCH) => Ok(Delivery::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Sends a signal to the process group that `leader` leads.
///
/// The leader must not have been reaped by anybody else meanwhile: its start time is compared, but
/// a group has no descriptor.
///
/// # Errors
///
/// `PermissionDenied` when no member may be signalled.
pub fn signal_group(leader: &ProcessId, signal: Signal) -> io::Result<Delivery> {
    if open_pidfd(leader)?.is_none() {
        return Ok(Delivery::Gone);
    }
    match rustix::process::kill_process_group(to_pid(leader.pid)?, raw(signal)) {
        Ok(()) => Ok(Delivery::Sent),
        Err(Errno::SRCH) => Ok(Delivery::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Waits until this very process has ended. Cancel-safe.
///
/// # Errors
///
/// When the process cannot be watched; must be called inside a tokio runtime.
pub async fn gone(id: &ProcessId) -> io::Result<()> {
    let Some(pidfd) = open_pidfd(id)? else {
        return Ok(());
    };
    let pidfd = crate::ready::async_readable(pidfd)?;
    pidfd.readable().await?.retain_ready();
    Ok(())
}

/// Makes the calling process the one that inherits orphans among its descendants.
///
/// # Errors
///
/// When the kernel refuses.
pub fn become_subreaper() -> io::Result<()> {
    Ok(set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Starts a session of its own: no terminal, no signal meant for the old group.
///
/// # Errors
///
/// `PermissionDenied` when the process leads a group already.
pub fn new_session() -> io::Result<()> {
    setsid()?;
    Ok(())
}

/// Puts the calling process into a group of its own.
///
/// # Errors
///
/// `PermissionDenied` when the process leads a session.
pub fn own_group() -> io::Result<()> {
    Ok(setpgid(None, None)?)
}

/// Asks the kernel to signal the calling process when its parent's thread ends.
///
/// "Parent" is the *thread* that started this process: see [`crate::launch::Spawner`].
///
/// # Errors
///
/// `BrokenPipe` when `parent` is gone already, so that no signal would ever come.
pub fn die_with_parent(with: Signal, parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(raw(with)))?;
    let is = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    if is == parent {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::BrokenPipe, "the parent process is gone already"))
}

/// Reaps one child that has ended, also an adopted one. Never blocks.
///
/// It takes the exit status from whoever else waits for children: only for a process that starts
/// and reaps its children itself.
///
/// # Errors
///
/// When the kernel refuses.
pub fn reap_any() -> io::Result<Reaped> {
    loop {
        return match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => Ok(Reaped::Child(Ended {
                pid: pid.as_raw_nonzero().get().unsigned_abs(),
                code: status.exit_status(),
                signal: status.terminating_signal(),
            })),
            Ok(None) => Ok(Reaped::NoneEnded),
            Err(Errno::CHILD) => Ok(Reaped::NoChildren),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Reaps this one child if it has ended; `false` when it has not, or is none. Never blocks.
///
/// # Errors
///
/// When the kernel refuses.
pub(crate) fn reap(pid: u32) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match waitid(WaitId::Pid(to_pid(pid)?), options) {
        Ok(ended) => Ok(ended.is_some()),
        Err(Errno::CHILD) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether any child of this process has ended and nobody has waited for it yet.
///
/// # Errors
///
/// When the kernel refuses.
pub fn has_ended_child() -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::All, options) {
        Ok(ended) => Ok(ended.is_some()),
        Err(Errno::CHILD) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Names the calling process in process lists; at most 15 bytes are kept.
pub fn run_tag(name: &str) {
    // Only cosmetic: without it a process started through a descriptor shows as a number.
    let _ = fs::write("/proc/self/comm", name);
}

/// Pids, names and parents of all processes that can be seen, by pid.
pub(super) fn all() -> io::Result<BTreeMap<u32, Stat>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that ends meanwhile is not an error, it is not there.
        if let Ok(stat) = stat(pid) {
            found.insert(pid, stat);
        }
    }
    Ok(found)
}

/// Whether a process of this user may be looked at.
pub(super) fn is_own(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(format!("/proc/{pid}")).is_ok_and(|meta| meta.uid() == getuid().as_raw())
}

fn to_pid(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process id"))
}

fn raw(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as Raw;
    match signal {
        Signal::Hangup => Raw::HUP,
        Signal::Interrupt => Raw::INT,
        Signal::Terminate => Raw::TERM,
        Signal::Kill => Raw::KILL,
        Signal::Stop => Raw::STOP,
        Signal::Continue => Raw::CONT,
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell that ends when its standard input closes.
    fn reader() -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read x"]).stdin(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_process_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = b"42 (a) (b c) S 7 42 42 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 987654 1 2";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.pid, stat.ppid, stat.start_time), (42, 7, 987_654));
        assert_eq!(stat.name, "a) (b c");
    }

    #[test]
    fn a_process_whose_first_thread_has_ended_still_runs() {
        let line = |threads| {
            format!("42 (a) Z 7 42 42 0 -1 1 2 3 4 5 6 7 8 9 20 0 {threads} 0 987654 1 2")
        };
        assert!(parse_stat(line(1).as_bytes()).unwrap().has_ended());
        assert!(!parse_stat(line(2).as_bytes()).unwrap().has_ended());
    }

    #[test]
    fn a_torn_stat_line_is_no_process() {
        assert!(parse_stat(b"42 (cat) S 7").is_none());
        assert!(parse_stat(b"").is_none());
    }

    #[test]
    fn this_process_is_alive_and_another_start_time_or_boot_is_not_it() {
        let me = ProcessId::current().unwrap();
        assert!(me.is_alive());
        assert!(!ProcessId { start_time: me.start_time + 1, ..me.clone() }.is_alive());
        assert!(!ProcessId { boot_id: "another".into(), ..me }.is_alive());
    }

    #[test]
    fn a_signal_for_a_reused_pid_is_not_delivered() {
        let mut child = reader();
        let id = ProcessId::of(child.id()).unwrap();
        let other = ProcessId { start_time: id.start_time + 1, ..id.clone() };
        assert_eq!(signal(&other, Signal::Kill).unwrap(), Delivery::Gone);
        assert!(id.is_alive());
        assert_eq!(signal(&id, Signal::Kill).unwrap(), Delivery::Sent);
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        assert_eq!(signal(&id, Signal::Kill).unwrap(), Delivery::Gone);
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = reader();
        let id = ProcessId::of(child.id()).unwrap();
        drop(child.stdin.take());
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(to_pid(id.pid).unwrap()), ended).unwrap();
        assert!(!id.is_alive());
        assert!(start_time(id.pid).is_ok(), "the zombie still has its entry");
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn waiting_for_a_process_ends_when_it_does() {
        let mut child = reader();
        let id = ProcessId::of(child.id()).unwrap();
        drop(child.stdin.take());
        gone(&id).await.unwrap();
        child.wait().unwrap();
        gone(&id).await.unwrap();
    }
}
