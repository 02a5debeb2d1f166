//! Who the owner is to git, and what the owner ignores everywhere.
//!
//! The only call that reads the owner's whole configuration, with includes and conditions, because
//! a mail address often hangs on them. `git config` prints values and runs none of them.
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::bare::Identity;
use super::error::ProjectError;
use super::git::{Call, Git, GitError};
use super::owner::{OwnerRepository, small_file};

/// The keys that are read, as a pattern of git.
const KEYS: &str = r"^(user\.name|user\.email|core\.excludesfile)$";

/// What the owner's own configuration says.
#[derive(Clone, Debug, Default)]
pub(super) struct Author {
    /// Who commits by default; empty parts when nobody is named.
    pub(super) identity: Identity,
    /// The ignore rules that lie outside the tree: the owner's own file, then the repository's.
    pub(super) excludes: String,
}

/// Reads the owner's configuration as it is in the repository, all keys with one process.
///
/// # Errors
///
/// When git could not be run; a configuration that cannot be read says nothing.
pub(super) async fn read(
    git: &Git,
    repository: Option<&OwnerRepository>,
) -> Result<Author, ProjectError> {
    let found = values(git, repository, &["--get-regexp", KEYS]).await?;
    // The last value counts. A key without a value is no name.
    let last = |key: &str| {
        let of_key = |record: &&str| record.split_once('\n').is_some_and(|(name, _)| name == key);
        let (_, value) = found.split('\0').rfind(of_key)?.split_once('\n')?;
        sane(value)
    };
    let named = match last("core.excludesfile") {
        Some(value) => excludes_file(git, repository, value).await?,
        None => None,
    };
    let owner = git.owner();
    let default = owner
        .xdg_config_home
        .clone()
        .or_else(|| owner.home.as_ref().map(|home| home.join(".config")))
        .map(|folder| folder.join("git/ignore"));
    let own = repository.map(|repository| repository.common_dir.join("info/exclude"));
    let mut excludes = String::new();
    for file in [named.or(default), own].into_iter().flatten() {
        if let Ok(bytes) = small_file(&file) {
            let _ = writeln!(excludes, "{}", String::from_utf8_lossy(&bytes));
        }
    }
    let identity = Identity { name: last("user.name"), email: last("user.email") };
    Ok(Author { identity, excludes })
}

/// The path that a value of `core.excludesFile` means.
async fn excludes_file(
    git: &Git,
    repository: Option<&OwnerRepository>,
    value: String,
) -> Result<Option<PathBuf>, ProjectError> {
    if value.starts_with('/') {
        return Ok(Some(value.into()));
    }
    if let (Some(below), Some(home)) = (value.strip_prefix("~/"), &git.owner().home) {
        return Ok(Some(home.join(below)));
    }
    // Somebody else's home, or git's own folder: git knows.
    let told = values(git, repository, &["--type=path", "--get", "core.excludesFile"]).await?;
    Ok(sane(told.trim_end_matches('\0')).map(PathBuf::from))
}

fn sane(value: &str) -> Option<String> {
    let value = value.trim();
    let sane = !value.is_empty() && value.len() <= 1000 && !value.contains('\0');
    sane.then(|| value.to_owned())
}

async fn values(
    git: &Git,
    repository: Option<&OwnerRepository>,
    question: &[&'static str],
) -> Result<String, ProjectError> {
    let owner = git.owner();
    let mut call = Call::new("config").args(["--includes", "--null"]);
    call = call.args(question.iter().copied());
    call = call.accept(&[0, 1]).keep(64 << 10).timeout(Duration::from_secs(5));
    if let Some(repository) = repository {
        call = call.git_dir(&repository.git_dir);
    }
    if let Some(home) = &owner.home {
        call = call.env("HOME", home.as_os_str()).unset("GIT_CONFIG_GLOBAL");
    }
    if let Some(xdg) = &owner.xdg_config_home {
        call = call.env("XDG_CONFIG_HOME", xdg.as_os_str());
    }
    match git.run(call).await {
        Ok(found) => Ok(String::from_utf8_lossy(&found.stdout).into_owned()),
        Err(GitError::Spawn(source)) => Err(GitError::Spawn(source).into()),
        Err(other) => {
            tracing::debug!(%other, "the owner's git configuration could not be read");
            Ok(String::new())
        }
    }
}
