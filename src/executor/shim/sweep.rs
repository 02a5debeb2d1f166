//! Ends every process of a run: TERM, a grace, then freeze and KILL until nothing is left.
//!
//! A tree cannot be listed at one moment, and agents start commands in sessions of their own, so
//! this looks again until every way of looking finds nobody: who descends from the roots (orphans
//! are adopted by the shim), and who carries the run's marker in the environment. Where the shim
//! itself is dead there are two more: who is in the session that it started, and, in the process
//! that had started it and adopts what it leaves, which orphans are none of its own children.
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use gateway_os::children;
use gateway_os::peer::TASK_MARKER;
use gateway_os::process::{self, ProcessId, Signal};

use super::record::{NAMED_MAX, SweptProcess};

/// How long after the first SIGKILL a process may linger before it is recorded as a survivor.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// Rounds of freezing before killing: processes that fork faster than that meet the next round.
const FREEZE_ROUNDS: usize = 16;
/// How often to look while waiting.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(15);
/// No sooner than this, however many children's ends wake the shim.
const LOOK_PAUSE: Duration = Duration::from_millis(3);

/// Where a run's processes are looked for.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Everything below these processes, and they themselves unless spared.
    pub(super) roots: Vec<ProcessId>,
    /// The run's marker.
    pub(super) marker: String,
    /// Never touched: whoever sweeps.
    pub(super) spare: u32,
    /// The shim, when it died before its run.
    pub(super) dead_shim: Option<ProcessId>,
}

impl Scope {
    /// For a run whose shim died: `agent` may still be there, and the calling process may have
    /// adopted some of the rest.
    pub(super) fn of_dead_shim(shim: ProcessId, agent: Option<ProcessId>, marker: String) -> Self {
        let roots = agent.into_iter().collect();
        Self { roots, marker, spare: std::process::id(), dead_shim: Some(shim) }
    }

    /// Everybody who is found now; `thorough` asks also in the dear way.
    ///
    /// # Errors
    ///
    /// When procfs does not answer.
    pub(super) fn look(&self, thorough: bool) -> io::Result<Vec<ProcessId>> {
        let mut roots: Vec<_> = self.roots.iter().filter(|r| r.is_alive()).cloned().collect();
        if let Some(shim) = &self.dead_shim {
            roots.extend(process::session_members(shim)?);
            // Nothing of the run is older than its shim.
            let adopted = children::adopted()?;
            roots.extend(adopted.into_iter().filter(|id| id.start_time >= shim.start_time));
        }
        let mut found = BTreeMap::new();
        let mut add = |id: ProcessId| drop(found.insert(id.pid, id));
        for root in roots {
            process::descendants(root.pid)?.into_iter().for_each(&mut add);
            add(root);
        }
        let _ = found.remove(&self.spare);
        // Reading every environment is the dear part: only at first and before believing the end.
        if found.is_empty() || thorough {
            let marked = process::processes_with_marker(TASK_MARKER, &self.marker)?;
            found.extend(marked.into_iter().map(|id| (id.pid, id)));
            let _ = found.remove(&self.spare);
        }
        Ok(found.into_values().collect())
    }
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub(super) struct Swept {
    pub(super) count: u32,
    pub(super) named: Vec<SweptProcess>,
    pub(super) survivors: Vec<SweptProcess>,
}

/// One sweep, moved on by [`Sweep::advance`].
#[derive(Debug)]
pub(super) struct Sweep {
    scope: Scope,
    /// Not counted among the swept: it was asked to end.
    agent: Option<ProcessId>,
    kill_at: Instant,
    give_up_at: Instant,
    looked_at: Option<Instant>,
    asked: HashSet<ProcessId>,
    named: BTreeMap<u32, String>,
    count: u32,
}

impl Sweep {
    /// Begins at `now`: TERM goes out at the first [`Sweep::advance`], KILL after `grace`.
    pub(super) fn begin(
        scope: Scope,
        agent: Option<ProcessId>,
        grace: Duration,
        now: Instant,
    ) -> Self {
        let kill_at = now + grace;
        Self {
            scope,
            agent,
            kill_at,
            give_up_at: kill_at + KILL_PATIENCE,
            looked_at: None,
            asked: HashSet::new(),
            named: BTreeMap::new(),
            count: 0,
        }
    }

    /// Brings the SIGKILL forward; never back.
    pub(super) fn hurry(&mut self, grace: Duration, now: Instant) {
        self.kill_at = self.kill_at.min(now + grace);
        self.give_up_at = self.give_up_at.min(self.kill_at + KILL_PATIENCE);
    }

    /// Looks, signals, and tells what was done once nobody is left (or no signal helps).
    pub(super) fn advance(&mut self, now: Instant) -> Option<Swept> {
        let early = self.looked_at.is_some_and(|at| now < at + LOOK_PAUSE);
        if early {
            return None;
        }
        let first = self.looked_at.replace(now).is_none();
        let found = match self.scope.look(first) {
            Ok(found) if found.is_empty() => return Some(self.done(&[])),
            Ok(found) if now >= self.give_up_at => return Some(self.done(&found)),
            Ok(found) => found,
            // Nothing can be seen now, such as without a free descriptor: look again later.
            Err(_) if now >= self.give_up_at => return Some(self.done(&[])),
            Err(_) => return None,
        };
        if now >= self.kill_at {
            self.kill(found);
        } else {
            self.ask(&found);
        }
        None
    }

    /// TERM, once each; CONT so that a stopped one can act on it.
    fn ask(&mut self, found: &[ProcessId]) {
        for id in found {
            if self.asked.insert(id.clone()) {
                self.note(id);
                // Gone meanwhile, or not ours to signal: the next look tells.
                let _ = process::signal(id, Signal::Terminate);
                let _ = process::signal(id, Signal::Continue);
            }
        }
    }

    /// Freezes what is found until a look finds nothing new, so that nothing forks away, then
    /// kills it all.
    fn kill(&mut self, mut found: Vec<ProcessId>) {
        let mut frozen = HashSet::new();
        for _ in 0..FREEZE_ROUNDS {
            let fresh: Vec<_> = found.into_iter().filter(|id| !frozen.contains(id)).collect();
            if fresh.is_empty() {
                break;
            }
            for id in fresh {
                let _ = process::signal(&id, Signal::Stop);
                frozen.insert(id);
            }
            found = self.scope.look(false).unwrap_or_default();
        }
        for id in &frozen {
            if self.asked.insert(id.clone()) {
                self.note(id);
            }
            let _ = process::signal(id, Signal::Kill);
        }
    }

    fn note(&mut self, id: &ProcessId) {
        if self.agent.as_ref() == Some(id) {
            return;
        }
        self.count = self.count.saturating_add(1);
        if self.named.len() < NAMED_MAX {
            self.named.insert(id.pid, name_of(id));
        }
    }

    fn done(&mut self, survivors: &[ProcessId]) -> Swept {
        let named = std::mem::take(&mut self.named);
        Swept {
            count: self.count,
            named: named.into_iter().map(|(pid, name)| SweptProcess { pid, name }).collect(),
            survivors: survivors
                .iter()
                .take(NAMED_MAX)
                .map(|id| SweptProcess { pid: id.pid, name: name_of(id) })
                .collect(),
        }
    }
}

fn name_of(id: &ProcessId) -> String {
    process::name(id.pid).unwrap_or_default()
}
