//! Who the owner is to git, and what the owner ignores everywhere.
//!
//! The only calls that read the owner's whole configuration, with includes and conditions, because
//! a mail address often hangs on them. `git config` prints values and runs none of them.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join;

use super::bare::Identity;
use super::error::ProjectError;
use super::git::{Call, Git, GitError};
use super::owner::{OwnerRepository, small_file};

/// Who commits by default in the owner's repository; empty parts when nobody is named.
///
/// # Errors
///
/// When git could not be run; a configuration that cannot be read names nobody.
pub(super) async fn identity(
    git: &Git,
    repository: Option<&OwnerRepository>,
) -> Result<Identity, ProjectError> {
    let (name, email) = try_join(
        value(git, repository, "user.name", &[]),
        value(git, repository, "user.email", &[]),
    )
    .await?;
    Ok(Identity { name, email })
}

/// The owner's ignore rules that lie outside the tree: their own file, then the repository's.
///
/// # Errors
///
/// When git could not be run.
pub(super) async fn excludes(
    git: &Git,
    repository: Option<&OwnerRepository>,
) -> Result<String, ProjectError> {
    let mut out = String::new();
    let named = value(git, repository, "core.excludesFile", &["--type=path"]).await?;
    let owner = git.owner();
    let default = owner
        .xdg_config_home
        .clone()
        .or_else(|| owner.home.as_ref().map(|home| home.join(".config")))
        .map(|folder| folder.join("git/ignore"));
    let own = repository.map(|repository| repository.common_dir.join("info/exclude"));
    for file in [named.map(PathBuf::from).or(default), own].into_iter().flatten() {
        append(&mut out, &file);
    }
    Ok(out)
}

fn append(out: &mut String, file: &Path) {
    if let Ok(bytes) = small_file(file) {
        let _ = writeln!(out, "{}", String::from_utf8_lossy(&bytes));
    }
}

async fn value(
    git: &Git,
    repository: Option<&OwnerRepository>,
    key: &'static str,
    options: &[&'static str],
) -> Result<Option<String>, ProjectError> {
    let owner = git.owner();
    let mut call = Call::new("config").args(["--includes", "--null"]).args(options.iter().copied());
    call = call.args(["--get", key]).accept(&[0, 1]).keep(64 << 10).timeout(Duration::from_secs(5));
    if let Some(repository) = repository {
        call = call.git_dir(&repository.git_dir);
    }
    if let Some(home) = &owner.home {
        call = call.env("HOME", home.as_os_str()).unset("GIT_CONFIG_GLOBAL");
    }
    if let Some(xdg) = &owner.xdg_config_home {
        call = call.env("XDG_CONFIG_HOME", xdg.as_os_str());
    }
    let found = match git.run(call).await {
        Ok(found) => found.stdout,
        Err(GitError::Spawn(source)) => return Err(GitError::Spawn(source).into()),
        Err(other) => {
            tracing::debug!(%other, key, "the owner's git configuration could not be read");
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&found);
    let text = text.trim_end_matches('\0').trim();
    let sane = !text.is_empty() && text.len() <= 1000 && !text.contains('\0');
    Ok(sane.then(|| text.to_owned()))
}
