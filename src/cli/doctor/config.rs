//! `config`: whether the configuration can be read and means something.
use std::io::ErrorKind;
use std::path::Path;

use futures::future::BoxFuture;

use super::finding::word;
use super::world::ConfigFault;
use super::{Check, Finding, Verdict, World};
use crate::config::{ConfigError, Loaded};

pub(super) struct Configuration;

impl Check for Configuration {
    fn id(&self) -> &'static str {
        "config"
    }

    fn title(&self) -> &'static str {
        "the configuration"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Ok(look(world)) })
    }
}

fn look(world: &World) -> Finding {
    match &world.config {
        Ok(loaded) => exposed(world).unwrap_or_else(|| well(world, loaded)),
        Err(ConfigFault::Missing(path)) => Finding::fail(
            "the configuration file is missing",
            format!("--config names {}, which is not there", path.display()),
            "correct the path after --config, or leave it out; `gateway config path` names the \
             usual file",
        ),
        Err(ConfigFault::Wrong(ConfigError::Unreadable { path, kind, message })) => Finding::fail(
            "the configuration file cannot be read",
            format!("{}: {message}", path.display()),
            readable(path, *kind),
        ),
        Err(ConfigFault::Wrong(error)) => wrong(error),
    }
}

/// What makes a file readable.
fn readable(path: &Path, kind: ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidData => "save it as UTF-8".to_owned(),
        ErrorKind::IsADirectory => {
            "name a file, not a folder; `gateway config path` tells which one is read".to_owned()
        }
        _ => format!("chmod u+r {0}; sudo chown \"$(id -un)\" {0}", word(path)),
    }
}

fn well(world: &World, loaded: &Loaded) -> Finding {
    match &loaded.file {
        Some(file) => Finding::ok(format!("{} is valid", file.display())),
        None => {
            Finding::ok(format!("defaults: there is no {}", world.folders.config_file.display()))
        }
    }
}

fn wrong(error: &ConfigError) -> Finding {
    let summary = match error.problems() {
        [] => "the configuration file is not valid TOML".to_owned(),
        [_] => "the configuration has a problem".to_owned(),
        many => format!("the configuration has {} problems", many.len()),
    };
    let causes = match error.problems() {
        [] => error.to_string(),
        problems => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let mut cures: Vec<String> = error.problems().iter().map(|problem| problem.hint()).collect();
    if cures.is_empty() {
        cures.push(error.hint());
    }
    cures.push("`gateway config check` tells whether it is right now".to_owned());
    Finding::fail(summary, causes, cures.join("\n"))
}

/// Whoever may write the file chooses the programs that run as the owner.
fn exposed(world: &World) -> Option<Finding> {
    let path = &world.folders.config_file;
    let facts = world.machine.path(path).ok()?;
    let (Some(mode), Some(uid)) = (facts.mode, facts.uid) else { return None };
    let own = world.machine.user_id().ok()?;
    if uid != own && uid != 0 {
        return Some(Finding::fail(
            "the configuration file belongs to another user",
            format!(
                "{} belongs to user {uid}, who can make the gateway run any program as you",
                path.display()
            ),
            format!("read it, then: sudo chown \"$(id -un)\" {}", word(path)),
        ));
    }
    (mode & 0o002 != 0).then(|| {
        Finding::fail(
            "the configuration file can be changed by everybody",
            format!(
                "{} has mode {:03o}: other users can make the gateway run any program as you",
                path.display(),
                mode & 0o777
            ),
            format!("read it, then: chmod 600 {}", word(path)),
        )
    })
}
