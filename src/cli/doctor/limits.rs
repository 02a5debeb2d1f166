//! `limits`: open files and watched files.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};

/// Connections, event streams and agents' files want some room.
const OPEN_FILES_MIN: u64 = 1024;
/// The gateway itself watches few files; its agents' tools watch whole trees.
const WATCHES_MIN: u64 = 8192;

pub(super) struct Limits;

impl Check for Limits {
    fn id(&self) -> &'static str {
        "limits"
    }

    fn title(&self) -> &'static str {
        "the limits of this session"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { look(world) })
    }
}

fn look(world: &World) -> Verdict {
    let open = world.machine.open_files().map_err(|error| Skipped::because(error.to_string()))?;
    let soft = open.soft.unwrap_or(u64::MAX);
    let files = (soft < OPEN_FILES_MIN).then(|| {
        let raise = open.hard.is_none_or(|hard| hard >= OPEN_FILES_MIN);
        let fix = if raise {
            "ulimit -n 16384 in the shell that starts `gateway serve`; the service sets it by itself"
        } else {
            "raise it in /etc/security/limits.conf (`* hard nofile 524288`), log in again, then: \
             ulimit -n 16384"
        };
        Finding::warn(
            "few files may be open at once",
            format!(
                "a process may hold {soft} files open; connections, event streams and agents need \
                 {OPEN_FILES_MIN} or more"
            ),
            fix,
        )
    });
    let watches = world.machine.watches().ok();
    let watched = watches.filter(|&watches| watches < WATCHES_MIN).map(|watches| {
        Finding::warn(
            "few files may be watched",
            format!(
                "fs.inotify.max_user_watches is {watches}; build tools of agents watch whole trees"
            ),
            "sudo sysctl fs.inotify.max_user_watches=524288",
        )
    });
    let shown = open.soft.map_or("any number of".to_owned(), |soft| soft.to_string());
    Ok(Finding::of_all(files.into_iter().chain(watched), format!("{shown} open files")))
}
