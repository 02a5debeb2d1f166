//! `claude-folder`: whether Claude Code can write where it keeps sign-in and sessions.
use std::path::Path;

use futures::future::BoxFuture;
use gateway_os::facts::PathKind;

use super::finding::word;
use super::{Check, Finding, Skipped, Verdict, World};

pub(super) struct ClaudeFolder;

impl Check for ClaudeFolder {
    fn id(&self) -> &'static str {
        "claude-folder"
    }

    fn title(&self) -> &'static str {
        "the folder of Claude Code"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { look(world) })
    }
}

fn look(world: &World) -> Verdict {
    let mut folders: Vec<_> = world
        .claudes()?
        .into_iter()
        .filter_map(|(_, claude)| claude.ok()?.config_folder())
        .collect();
    folders.dedup();
    let Some(first) = folders.first().cloned() else {
        return Err(Skipped::because("no HOME and no CLAUDE_CONFIG_DIR: see `environment`"));
    };
    let faults = folders.iter().filter_map(|folder| fault(world, folder));
    Ok(Finding::of_all(faults, format!("{} can be written", first.display())))
}

fn fault(world: &World, folder: &Path) -> Option<Finding> {
    let at = world.existing(folder)?;
    let facts = world.machine.path(&at).ok()?;
    if facts.kind == PathKind::Folder && facts.writable {
        return None;
    }
    Some(Finding::fail(
        "Claude Code cannot write its folder",
        format!("{} does not let you make files; no session can begin", at.display()),
        format!("sudo chown -R \"$(id -un)\" {0} && chmod u+rwx {0}", word(&at)),
    ))
}
