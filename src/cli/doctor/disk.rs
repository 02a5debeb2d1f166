//! `disk`: room for the database, clones and agents' output.
use futures::future::BoxFuture;

use super::finding::word;
use super::{Check, Finding, Skipped, Verdict, World};

/// Below this the database soon cannot be written.
const FAIL_BYTES: u64 = 100_000_000;
/// Below this a few tasks fill the disk.
const WARN_BYTES: u64 = 1_000_000_000;

pub(super) struct Disk;

impl Check for Disk {
    fn id(&self) -> &'static str {
        "disk"
    }

    fn title(&self) -> &'static str {
        "the room on the disk"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { look(world) })
    }
}

fn look(world: &World) -> Verdict {
    let state = &world.folders.state;
    let folder = world.existing(state).ok_or_else(|| {
        Skipped::because(format!("{} cannot be reached: see `folders`", state.display()))
    })?;
    let space = world
        .machine
        .space(&folder)
        .map_err(|error| Skipped::because(format!("the room cannot be measured: {error}")))?;
    let summary = format!("{} free on the disk of the state folder", size(space.free));
    let cause = |what: &str| {
        format!(
            "{} of {} are free at {}: {what}",
            size(space.free),
            size(space.total),
            folder.display()
        )
    };
    let fix = format!(
        "free some space (`du -xh -d2 {} | sort -h | tail` shows what is large; `df -h {0}` the disk), \
         or set GATEWAY_STATE_DIR to a folder on a larger disk",
        word(&folder)
    );
    Ok(match space.free {
        0..FAIL_BYTES => {
            Finding::fail("the disk is full", cause("the database and tasks cannot be kept"), fix)
        }
        FAIL_BYTES..WARN_BYTES => {
            Finding::warn("the disk is nearly full", cause("a few tasks will fill it"), fix)
        }
        _ => Finding::ok(summary),
    })
}

/// Bytes as people say them.
pub(super) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let float = bytes as f64;
    match bytes {
        0..1_000_000 => format!("{:.1} kB", float / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", float / 1e6),
        _ => format!("{:.1} GB", float / 1e9),
    }
}
