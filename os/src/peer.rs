//! Who is at the other end of a local socket, and whether an agent is behind them.
//!
//! An agent runs below a shim (`argv[1]` is [`SHIM_SUBCOMMAND`]) with [`TASK_MARKER`] in its
//! environment. Whoever has either in their line of parents is refused, so that an agent cannot
//! pair, approve or configure by calling the gateway's own sockets. So is whoever descends from the
//! listening process itself: it adopts what a killed shim leaves, and starts nothing that would call
//! it. A gateway that itself runs below some shim (somebody develops it with an agent) does not
//! count what it has above itself.
use std::collections::BTreeSet;
use std::io;

use crate::process::{ProcessId, ancestors, cmdline, environ_values, start_time, user_id};

/// The hidden subcommand of the process that keeps an agent.
pub const SHIM_SUBCOMMAND: &str = "__shim";
/// The environment variable that every process of a task inherits; its value names the run.
pub const TASK_MARKER: &str = "GATEWAY_TASK";

/// The other end of a local socket, as the kernel knew it at connect time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its process id; the process may have ended meanwhile.
    pub pid: u32,
}

/// What is thought of a peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PeerVerdict {
    /// A process of this user outside every task.
    Trusted,
    /// A process of another user.
    OtherUser {
        /// That user.
        uid: u32,
    },
    /// A process that an agent started.
    FromTask,
    /// It ended before it could be looked at, or this system cannot tell.
    Unknown,
}

impl PeerVerdict {
    /// What to tell a peer that is refused; `None` for a trusted one.
    #[must_use]
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Trusted => None,
            Self::OtherUser { .. } => Some("this socket belongs to another user"),
            Self::FromTask => Some(
                "processes of a task may not use this socket; ask the owner, or use the terminal",
            ),
            Self::Unknown => Some("this socket cannot tell who is calling"),
        }
    }
}

impl Peer {
    /// Asks the kernel who connected.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(stream: &impl std::os::fd::AsFd) -> io::Result<Self> {
        let credentials = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(Self {
            uid: credentials.uid.as_raw(),
            pid: credentials.pid.as_raw_nonzero().get().unsigned_abs(),
        })
    }

    /// Asks the kernel who connected.
    #[cfg(all(unix, not(target_os = "linux")))]
    pub(crate) fn of(_stream: &impl std::os::fd::AsFd) -> io::Result<Self> {
        Err(crate::unsupported("asking who is at the other end of a socket"))
    }
}

/// Judges the peers of one listening process.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    /// What the listening process has above itself.
    own: Lineage,
    /// The listening process.
    listener: Option<ProcessId>,
}

/// The traces of tasks in a line of parents.
#[derive(Clone, Debug, Default)]
struct Lineage {
    shims: BTreeSet<(u32, u64)>,
    markers: BTreeSet<Vec<u8>>,
    above: Vec<ProcessId>,
}

impl PeerPolicy {
    /// A policy for sockets of the calling process.
    #[must_use]
    pub fn for_this_process() -> Self {
        let pid = std::process::id();
        // Where nothing can be told of ourselves nothing is exempt.
        let mut own = lineage(pid).unwrap_or_default();
        let listener = ProcessId::of(pid).ok();
        // A shim is a shim to its own peers.
        if let Some(id) = &listener {
            own.shims.remove(&(id.pid, id.start_time));
        }
        Self { own, listener }
    }

    /// A policy for a command of the owner's while `gateway`, if any, answers elsewhere.
    #[must_use]
    pub fn beside(gateway: Option<u32>) -> Self {
        let listener = gateway.and_then(|pid| ProcessId::of(pid).ok());
        Self { own: Lineage::default(), listener }
    }

    /// Judges one peer. Looks at the process as it is now; one that has ended is unknown.
    #[must_use]
    pub fn verdict(&self, peer: Peer) -> PeerVerdict {
        match user_id() {
            Ok(uid) if uid == peer.uid => {}
            Ok(_) => return PeerVerdict::OtherUser { uid: peer.uid },
            Err(_) => return PeerVerdict::Unknown,
        }
        // Below a subreaper a parent may change between two looks; then look again.
        let found = lineage(peer.pid).or_else(|_| lineage(peer.pid));
        let Ok(found) = found else {
            return PeerVerdict::Unknown;
        };
        let from_task = !found.shims.is_subset(&self.own.shims)
            || !found.markers.is_subset(&self.own.markers)
            || self.listener.as_ref().is_some_and(|id| found.above.contains(id));
        if from_task { PeerVerdict::FromTask } else { PeerVerdict::Trusted }
    }
}

/// Collects the shims and markers of a process and of everything above it.
fn lineage(pid: u32) -> io::Result<Lineage> {
    let this = ProcessId::of(pid)?;
    let above = ancestors(pid)?;
    let mut found = Lineage::default();
    // The process itself must be readable; of parents of other users only what they show counts.
    found.markers.extend(environ_values(pid, TASK_MARKER)?);
    for id in std::iter::once(&this).chain(&above) {
        if cmdline(id.pid).is_ok_and(|args| is_shim(&args)) {
            found.shims.insert((id.pid, id.start_time));
        }
        if id.pid != pid {
            found.markers.extend(environ_values(id.pid, TASK_MARKER).unwrap_or_default());
        }
    }
    // Still the same process: otherwise somebody else's parents were read.
    if start_time(pid)? != this.start_time {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    found.above = above;
    Ok(found)
}

fn is_shim(args: &[Vec<u8>]) -> bool {
    args.get(1).is_some_and(|arg| arg == SHIM_SUBCOMMAND.as_bytes())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn peer(pid: u32) -> Peer {
        Peer { uid: user_id().unwrap(), pid }
    }

    /// A shell that has run its `exec`s and ends when its stdin closes.
    fn shell(configure: impl FnOnce(&mut Command)) -> Child {
        use std::io::{BufRead, BufReader};
        let mut command = Command::new("/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        configure(&mut command);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        child
    }

    fn judge(child: &mut Child) -> PeerVerdict {
        let verdict = PeerPolicy::for_this_process().verdict(peer(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        verdict
    }

    #[test]
    fn a_process_of_this_user_is_trusted_and_another_user_is_not() {
        let mut child = shell(|c| {
            c.args(["-c", "echo; read x"]);
        });
        let (policy, child_is) = (PeerPolicy::beside(None), peer(child.id()));
        assert_eq!(policy.verdict(child_is), PeerVerdict::Trusted);
        // Beside it, not above.
        assert_eq!(PeerPolicy::beside(Some(child.id())).verdict(child_is), PeerVerdict::Trusted);
        drop(child.stdin.take());
        child.wait().unwrap();
        let own = peer(std::process::id());
        assert_eq!(PeerPolicy::for_this_process().verdict(own), PeerVerdict::Trusted);
        let stranger = Peer { uid: user_id().unwrap() + 1, pid: std::process::id() };
        let verdict = PeerPolicy::for_this_process().verdict(stranger);
        assert_eq!(verdict, PeerVerdict::OtherUser { uid: stranger.uid });
    }

    #[test]
    fn a_marker_in_the_environment_gives_a_task_away() {
        let mut child = shell(|c| {
            c.args(["-c", "echo; read x"]).env(TASK_MARKER, "t1");
        });
        let verdict = PeerPolicy::beside(None).verdict(peer(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(verdict, PeerVerdict::FromTask);
    }

    #[test]
    fn a_parent_that_is_a_shim_gives_a_task_away_without_a_marker() {
        // `sh -c SCRIPT` has `-c` second; a script file named as the subcommand has not.
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join(SHIM_SUBCOMMAND);
        std::fs::write(&script, "exec 3<&0; /bin/sh -c 'echo $$; read x <&3' & wait\n").unwrap();
        let mut command = Command::new("/bin/sh");
        command.arg(SHIM_SUBCOMMAND).current_dir(&folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let below: u32 = line.trim().parse().unwrap();
        let verdict = PeerPolicy::beside(None).verdict(peer(below));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(verdict, PeerVerdict::FromTask);
    }

    #[test]
    fn whoever_descends_from_the_listening_process_is_from_a_task() {
        let mut child = shell(|c| {
            c.args(["-c", "echo; read x"]).env_clear();
        });
        assert_eq!(judge(&mut child), PeerVerdict::FromTask);
        let mut child = shell(|c| {
            c.args(["-c", "echo; read x"]).env_clear();
        });
        let policy = PeerPolicy::beside(Some(std::process::id()));
        assert_eq!(policy.verdict(peer(child.id())), PeerVerdict::FromTask);
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_peer_that_has_ended_is_unknown() {
        let mut child = Command::new("/bin/sh").args(["-c", ":"]).spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(PeerPolicy::for_this_process().verdict(peer(pid)), PeerVerdict::Unknown);
    }
}
