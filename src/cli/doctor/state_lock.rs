//! `state-lock`: one process at a time uses the state folder.
use futures::future::BoxFuture;
use gateway_os::lock::Holding;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::cli::doctor::world::Running;

pub(super) struct StateLock;

impl Check for StateLock {
    fn id(&self) -> &'static str {
        "state-lock"
    }

    fn title(&self) -> &'static str {
        "the lock of the state folder"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let holding = world.holder().map_err(|error| {
        Skipped::because(format!("the lock file cannot be read ({error}): see `folders`"))
    })?;
    let holder = match holding {
        None | Some(Holding::Free) => {
            return Ok(Finding::ok("free: no gateway uses the state folder"));
        }
        Some(Holding::Held(None)) => {
            return Ok(Finding::warn(
                "another process holds the state folder",
                "the lock file does not tell which; most likely a command that has just begun",
                "run `gateway doctor` again in a moment",
            ));
        }
        Some(Holding::Held(Some(holder))) => holder,
    };
    let named = format!("`{}` (pid {})", holder.command, holder.pid);
    if let Running::Yes(status) = world.running().await
        && status["pid"] == holder.pid
    {
        return Ok(Finding::ok(format!("held by the running gateway (pid {})", holder.pid)));
    }
    if holder.command != "gateway serve" {
        return Ok(Finding::warn(
            "another command uses the state folder",
            format!("{named} holds the lock while it works"),
            format!("wait until it has ended, or end it: kill {}", holder.pid),
        ));
    }
    Ok(Finding::fail(
        "another gateway uses the state folder and cannot be reached",
        format!(
            "{named} holds the lock of {}, but nobody answers at {}",
            world.folders.state.display(),
            world.folders.runtime.display()
        ),
        format!(
            "end it: kill {}; then start `gateway serve` again. For a second gateway beside it set \
             GATEWAY_STATE_DIR and GATEWAY_RUNTIME_DIR to folders of its own",
            holder.pid
        ),
    ))
}
