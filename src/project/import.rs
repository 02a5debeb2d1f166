//! Taking an agent's commits into the gateway's own git directory.
//!
//! The agent's object files go into a quarantine (plain files only, bounded, without alternates);
//! git packs what a commit needs from there, and `index-pack --strict` computes every name anew and
//! checks every object and link before anything counts.
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::error::{Doing, ProjectError};
use super::git::{Git, GitError, Stdin};
use super::objects::{self, Taken};
use super::oid::{self, Oid};
use super::platform;
use super::workspace::{Limits, Workspace, blocking};

/// Object files of an agent, not yet believed.
#[derive(Debug)]
pub(super) struct Quarantine {
    dir: TempDir,
    /// What was taken.
    pub(super) taken: Taken,
}

/// What came of importing a commit.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Import {
    /// The gateway has it, with all that it needs.
    Done,
    /// It is not what it says, or not whole.
    Refused(String),
}

impl Quarantine {
    /// Takes the new object files of the task's tree.
    ///
    /// # Errors
    ///
    /// When the quarantine cannot be written.
    pub(super) async fn fill(workspace: &Workspace, limits: Limits) -> Result<Self, ProjectError> {
        let scratch = workspace.scratch();
        let known = workspace.git_dir().join("objects");
        let from = workspace.tree.join(".git/objects");
        blocking(move || {
            platform::private_dir(&scratch).doing("making", &scratch)?;
            let dir = tempfile::Builder::new()
                .prefix("incoming-")
                .tempdir_in(&scratch)
                .doing("making a folder in", &scratch)?;
            let to = dir.path().join("objects");
            platform::private_dir(&to).doing("making", &to)?;
            let files_max = limits.files_max.saturating_mul(4);
            let taken = objects::take_new(&from, &known, &to, files_max, limits.bytes_max)?;
            Ok(Self { dir, taken })
        })
        .await
    }

    /// Imports `commit` and what it needs.
    ///
    /// # Errors
    ///
    /// When git cannot be run; a commit that is not sound is [`Import::Refused`].
    pub(super) async fn import(
        &self,
        git: &Git,
        workspace: &Workspace,
        commit: &Oid,
        limits: Limits,
    ) -> Result<Import, ProjectError> {
        if !commit.is_of(workspace.format) {
            return Ok(Import::Refused("it has the wrong hash".to_owned()));
        }
        if has_commit(git, workspace, commit).await? {
            return Ok(Import::Done);
        }
        if self.taken.cut {
            return Ok(Import::Refused("its objects are too large or too many".to_owned()));
        }
        match self.transfer(git, workspace, commit, limits).await {
            Ok(()) if has_commit(git, workspace, commit).await? => Ok(Import::Done),
            Ok(()) => Ok(Import::Refused("it is no commit".to_owned())),
            Err(ProjectError::Git(GitError::Failed { message, .. })) => {
                Ok(Import::Refused(message))
            }
            Err(ProjectError::Git(GitError::TimedOut { .. })) => {
                Ok(Import::Refused("checking it took too long".to_owned()))
            }
            Err(other) => Err(other),
        }
    }

    async fn transfer(
        &self,
        git: &Git,
        workspace: &Workspace,
        commit: &Oid,
        limits: Limits,
    ) -> Result<(), ProjectError> {
        let revisions = oid::range(commit, workspace.base.commit());
        let call = workspace.call("pack-objects").alternate(&self.dir.path().join("objects"));
        let Some(pack) = pack(git, call, revisions, &self.dir.path().join("in"), limits).await?
        else {
            return Ok(());
        };
        let call = workspace
            .call("index-pack")
            .durable()
            .args(["--strict".to_owned(), "--stdin".to_owned()])
            .arg(format!("--max-input-size={}", limits.bytes_max))
            .timeout(limits.git_timeout);
        git.run(call.stdin(Stdin::File(pack))).await?;
        Ok(())
    }
}

/// Whether the gateway's own git directory has a commit of this name.
pub(super) async fn has_commit(
    git: &Git,
    workspace: &Workspace,
    commit: &Oid,
) -> Result<bool, ProjectError> {
    let call = workspace.call("cat-file").arg("-e").revision(format!("{commit}^{{commit}}"));
    match git.run(call).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// Packs what `revisions` select; the pack's file, or `None` when that is nothing.
///
/// # Errors
///
/// When git fails, for example at a missing object.
pub(super) async fn pack(
    git: &Git,
    call: super::git::Call,
    revisions: String,
    stem: &Path,
    limits: Limits,
) -> Result<Option<PathBuf>, ProjectError> {
    let call = call
        .args(["--revs", "--quiet", "--non-empty"])
        .arg(stem.as_os_str())
        .stdin(Stdin::Bytes(revisions.into()))
        .timeout(limits.git_timeout);
    let hash = git.run(call).await?.text();
    if hash.is_empty() {
        return Ok(None);
    }
    let mut file = stem.as_os_str().to_owned();
    file.push(format!("-{hash}.pack"));
    Ok(Some(file.into()))
}
