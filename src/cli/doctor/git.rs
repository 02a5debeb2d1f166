//! `git`: found, and new enough for isolated clones.
use std::ffi::OsStr;
use std::path::PathBuf;

use futures::future::BoxFuture;

use super::{Check, Finding, Verdict, World};
use crate::project::{Git, GitError, OwnerFolders};

pub(super) struct GitProgram;

impl Check for GitProgram {
    fn id(&self) -> &'static str {
        "git"
    }

    fn title(&self) -> &'static str {
        "git"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Ok(look(world).await) })
    }
}

async fn look(world: &World) -> Finding {
    let found = match find(world) {
        Ok(git) => git.version().await.map(|version| (version, git)),
        Err(error) => Err(error),
    };
    match found {
        Ok((version, git)) => {
            Finding::ok(format!("git {version} ({})", git.executable().display()))
        }
        Err(error) => Finding::fail(summary(&error), cause(world, &error), fix(&error)),
    }
}

/// The git of the environment's `PATH`.
///
/// # Errors
///
/// When there is none.
pub(super) fn find(world: &World) -> Result<Git, GitError> {
    let owner = OwnerFolders {
        home: world.variable("HOME").map(PathBuf::from),
        xdg_config_home: world.variable("XDG_CONFIG_HOME").map(PathBuf::from),
    };
    Git::find(OsStr::new(world.variable("PATH").unwrap_or_default()), owner)
}

const fn summary(error: &GitError) -> &'static str {
    match error {
        GitError::NotFound => "git is not installed",
        GitError::TooOld { .. } => "git is too old",
        _ => "git does not work",
    }
}

fn cause(world: &World, error: &GitError) -> String {
    match error {
        GitError::NotFound => {
            format!("no `git` in PATH ({})", world.variable("PATH").unwrap_or("which is not set"))
        }
        other => other.to_string(),
    }
}

fn fix(error: &GitError) -> String {
    const INSTALL: &str = "sudo apt install git (Debian, Ubuntu), sudo dnf install git (Fedora)";
    match error {
        GitError::NotFound => format!("{INSTALL}; a service needs it in its own PATH"),
        GitError::TooOld { needed, .. } => format!("update it to {needed} or newer: {INSTALL}"),
        _ => format!("run `git version` in a terminal; {INSTALL}"),
    }
}
