//! `memory`: room for as many agents as may run at once.
use futures::future::BoxFuture;

use super::disk::size;
use super::{Check, Finding, Skipped, Verdict, World};

/// What the first Claude Code takes, and each further one (observed).
const FIRST_BYTES: u64 = 200_000_000;
const NEXT_BYTES: u64 = 125_000_000;

pub(super) struct Memory;

impl Check for Memory {
    fn id(&self) -> &'static str {
        "memory"
    }

    fn title(&self) -> &'static str {
        "the free memory"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { look(world) })
    }
}

fn look(world: &World) -> Verdict {
    let tasks = u64::from(world.config()?.tasks.max_concurrent);
    let free = world
        .machine
        .memory()
        .map_err(|error| Skipped::because(format!("free memory cannot be told: {error}")))?;
    let needed = FIRST_BYTES + (tasks - 1) * NEXT_BYTES;
    if free >= needed {
        return Ok(Finding::ok(format!("{} free for {tasks} agents at once", size(free))));
    }
    let fits = (free.saturating_sub(FIRST_BYTES) / NEXT_BYTES + 1).min(tasks);
    Ok(Finding::warn(
        "little memory is free",
        format!(
            "{} are free, and {tasks} agents at once take about {}, without what their tools take",
            size(free),
            size(needed)
        ),
        format!("close other programs, or set `[tasks] max_concurrent = {fits}`"),
    ))
}
