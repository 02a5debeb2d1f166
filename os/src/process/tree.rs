//! Who descends from whom, and who carries a marker.
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::ProcessId;
use super::linux::{Stat, all, boot_id, environ_values, is_own, stat};
use crate::children::Kind;

/// A chain of parents longer than this is a loop in a snapshot that changed under us.
const ANCESTORS_MAX: usize = 1024;

/// Every living process that descends from `pid`, not `pid` itself.
///
/// procfs is no snapshot: a process forked during the scan may be missing, so whoever ends a tree
/// asks again until nothing is left. Orphans count while a subreaper keeps them below `pid`.
///
/// # Errors
///
/// When procfs does not answer.
pub fn descendants(pid: u32) -> io::Result<Vec<ProcessId>> {
    let boot_id = boot_id()?;
    let all = all()?;
    Ok(below(pid, &all)
        .into_iter()
        .filter_map(|pid| all.get(&pid))
        .filter(|stat| !stat.has_ended())
        .map(|stat| identity(stat, &boot_id))
        .collect())
}

fn below(root: u32, all: &BTreeMap<u32, Stat>) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for stat in all.values() {
        children.entry(stat.ppid).or_default().push(stat.pid);
    }
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        for &child in children.get(&pid).into_iter().flatten() {
            if child != root && found.insert(child) {
                open.push(child);
            }
        }
    }
    found
}

fn identity(stat: &Stat, boot_id: &str) -> ProcessId {
    ProcessId { pid: stat.pid, start_time: stat.start_time, boot_id: boot_id.to_owned() }
}

/// Every living process of this user that was started with `name=value` in its environment,
/// wherever it hangs in the tree.
///
/// # Errors
///
/// When procfs does not answer. Processes that cannot be read are passed over.
pub fn processes_with_marker(name: &str, value: &str) -> io::Result<Vec<ProcessId>> {
    let boot_id = boot_id()?;
    Ok(all()?
        .values()
        .filter(|stat| !stat.has_ended() && is_own(stat.pid))
        .filter(|stat| {
            environ_values(stat.pid, name)
                .is_ok_and(|values| values.iter().any(|found| found == value.as_bytes()))
        })
        .map(|stat| identity(stat, &boot_id))
        .collect())
}

/// Every living process of this user in the session that `leader` started, also when the leader has
/// ended. None when its pid is another process's by now; as long as somebody is in the session the
/// kernel does not give the pid away.
///
/// # Errors
///
/// When procfs does not answer.
pub fn session_members(leader: &ProcessId) -> io::Result<Vec<ProcessId>> {
    let boot_id = boot_id()?;
    let all = all()?;
    let taken = all.get(&leader.pid).is_some_and(|stat| stat.start_time != leader.start_time);
    if boot_id != leader.boot_id || taken {
        return Ok(Vec::new());
    }
    Ok(all
        .values()
        .filter(|stat| stat.session == leader.pid && stat.start_time >= leader.start_time)
        .filter(|stat| !stat.has_ended() && is_own(stat.pid))
        .map(|stat| identity(stat, &boot_id))
        .collect())
}

/// The children of the calling process, and how each stands to it.
///
/// # Errors
///
/// When procfs does not answer.
pub(crate) fn own_children() -> io::Result<Vec<(ProcessId, Kind)>> {
    let boot_id = boot_id()?;
    let own = stat(std::process::id())?;
    let kind = |stat: &Stat| match stat.has_ended() {
        true => Kind::Ended,
        false if stat.session == own.session => Kind::Near,
        false => Kind::Apart,
    };
    let children = all()?.into_values().filter(|stat| stat.ppid == own.pid);
    Ok(children.map(|stat| (identity(&stat, &boot_id), kind(&stat))).collect())
}

/// The parents of `pid`, nearest first, as far up as this user may see.
///
/// # Errors
///
/// `NotFound` when there is no such process, or it ended meanwhile.
pub fn ancestors(pid: u32) -> io::Result<Vec<ProcessId>> {
    let boot_id = boot_id()?;
    let mut chain = Vec::new();
    let mut at = stat(pid)?;
    while at.ppid != 0 && chain.len() < ANCESTORS_MAX {
        match stat(at.ppid) {
            Ok(parent) => {
                chain.push(identity(&parent, &boot_id));
                at = parent;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Either the parent ended and somebody adopted this one, or the system hides it.
                let again = stat(at.pid)?;
                if again.ppid == at.ppid {
                    break;
                }
                at = again;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell with a grandchild; both end when their stdin closes.
    fn family(marker: &str) -> (Child, u32) {
        let script = "exec 3<&0; /bin/sh -c 'echo $$; read x <&3' & wait";
        let mut child = Command::new("/bin/sh");
        child.args(["-c", script]).env("GATEWAY_OS_TEST", marker);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    #[test]
    fn a_grandchild_is_found_among_descendants_and_knows_its_ancestors() {
        let (mut child, grandchild) = family("tree");
        let found = descendants(std::process::id()).unwrap();
        let pids: Vec<u32> = found.iter().map(|id| id.pid).collect();
        assert!(pids.contains(&child.id()) && pids.contains(&grandchild), "{pids:?}");
        let chain: Vec<u32> = ancestors(grandchild).unwrap().iter().map(|id| id.pid).collect();
        assert!(chain.starts_with(&[child.id(), std::process::id()]), "{chain:?}");
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_marker_finds_its_processes_and_no_other() {
        let value = format!("marker-{}", std::process::id());
        let (mut child, grandchild) = family(&value);
        let found = processes_with_marker("GATEWAY_OS_TEST", &value).unwrap();
        let mut pids: Vec<u32> = found.iter().map(|id| id.pid).collect();
        pids.sort_unstable();
        let mut expected = vec![child.id(), grandchild];
        expected.sort_unstable();
        assert_eq!(pids, expected);
        assert!(processes_with_marker("GATEWAY_OS_TEST", "marker").unwrap().is_empty());
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_session_is_found_after_its_leader_has_ended() {
        let script = "echo $$; exec 3<&0; /bin/sh -c 'echo $$; read x <&3' & read x";
        let mut leader = Command::new("setsid");
        leader.args(["-w", "/bin/sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = leader.spawn().unwrap();
        // Waiting for the leader would close it, and end the member.
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pid = || ProcessId::of(lines.next().unwrap().unwrap().parse().unwrap()).unwrap();
        let (leader, member) = (pid(), pid());
        assert_eq!(session_members(&leader).unwrap().len(), 2);
        crate::process::signal(&leader, crate::process::Signal::Kill).unwrap();
        child.wait().unwrap();
        assert_eq!(session_members(&leader).unwrap(), [member]);
        let other_boot = ProcessId { boot_id: "another".into(), ..leader };
        assert!(session_members(&other_boot).unwrap().is_empty());
        drop(stdin);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_ancestors_to_tell() {
        let error = ancestors(u32::MAX >> 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
