//! `environment`: the variables that everything else hangs on.
use std::path::Path;

use futures::future::BoxFuture;
use gateway_os::facts::PathKind;

use super::finding::word;
use super::{Check, Finding, Verdict, World};

pub(super) struct Environment;

impl Check for Environment {
    fn id(&self) -> &'static str {
        "environment"
    }

    fn title(&self) -> &'static str {
        "the environment"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Ok(look(world)) })
    }
}

fn look(world: &World) -> Finding {
    let all = [home(world), search_path(world), temporary(world), passed(world)];
    Finding::of_all(all.into_iter().flatten(), "HOME, PATH and the temporary folder are usable")
}

fn home(world: &World) -> Option<Finding> {
    let fix = "set HOME to your home folder: export HOME=\"$(getent passwd \"$(id -un)\" | cut -d: -f6)\"";
    let bad =
        |cause: String| Some(Finding::fail("HOME does not name your home folder", cause, fix));
    match world.variable("HOME").or_else(|| world.variable("USERPROFILE")) {
        None => {
            bad("HOME is not set, so agents find neither their sign-in nor their settings".into())
        }
        Some(home) if !Path::new(home).is_absolute() => {
            bad(format!("HOME is {home}, no absolute path"))
        }
        Some(home) => match world.machine.path(Path::new(home)) {
            Ok(facts) if facts.kind == PathKind::Folder => None,
            Ok(_) => bad(format!("{home} is not a folder")),
            Err(error) => bad(format!("{home}: {error}")),
        },
    }
}

fn search_path(world: &World) -> Option<Finding> {
    let Some(path) = world.variable("PATH") else {
        return Some(Finding::fail(
            "PATH is not set",
            "no program can be found without it: no git, no agent",
            "export PATH=\"$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin\"",
        ));
    };
    let relative: Vec<String> = std::env::split_paths(path)
        .filter(|folder| !folder.is_absolute())
        .map(|folder| format!("{:?}", folder.display().to_string()))
        .collect();
    if relative.is_empty() {
        return None;
    }
    Some(Finding::warn(
        "PATH has relative folders",
        format!(
            "{} would mean another folder in every project, where a stranger's program could lie; \
             the gateway does not look there",
            relative.join(", ")
        ),
        "take them out where your shell sets PATH (an empty entry such as `::` counts)",
    ))
}

fn temporary(world: &World) -> Option<Finding> {
    let folder = world.variable("TMPDIR")?;
    let fix = "unset TMPDIR";
    let bad = |cause| Some(Finding::warn("TMPDIR is not usable", cause, fix));
    match world.machine.path(Path::new(folder)) {
        Ok(facts) if facts.kind == PathKind::Folder && facts.writable => None,
        Ok(_) => bad(format!("{} is not a folder that you may write", word(folder.as_ref()))),
        Err(error) => bad(format!("{}: {error}", word(folder.as_ref()))),
    }
}

/// Names in `env_pass` that lead nowhere. Which variables reach an agent is told by `claude-login`.
fn passed(world: &World) -> Option<Finding> {
    let config = world.config().ok()?;
    let missing: Vec<String> = config
        .executors
        .iter()
        .flat_map(|(name, section)| {
            let unset = section.env_pass.iter().filter(|passed| !matches_any(world, passed));
            unset.map(move |passed| format!("executors.{name}.env_pass names {passed}"))
        })
        .collect();
    if missing.is_empty() {
        return None;
    }
    Some(Finding::warn(
        "variables that agents should get are not set",
        format!("{}, and no such variable is set here", missing.join("; ")),
        "export the variable before `gateway serve` (for the service: in ~/.config/environment.d/), \
         or take its name out of `env_pass`",
    ))
}

fn matches_any(world: &World, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => world.env.keys().any(|name| name.starts_with(stem)),
        None => world.variable(pattern).is_some(),
    }
}
