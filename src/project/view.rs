//! [`View`]: a git directory of the gateway's own through which git sees the owner's repository.
//!
//! Refs and objects are symbolic links into the owner's git directory; HEAD is a copy; the
//! configuration is the gateway's. So git can read refs (packed, loose or in tables) and create one
//! with its own locking, while the owner's configuration and hooks are never in reach.
use std::path::Path;

use tempfile::TempDir;

use super::bare::{self, Identity};
use super::error::{Doing, ProjectError};
use super::git::{Call, Git, Stdin};
use super::oid::Oid;
use super::owner::{OwnerRepository, small_file};
use super::platform;

/// The most refs that are looked at.
const REFS_MAX: usize = 50_000;

/// A git directory of the gateway's own through which git sees the owner's repository.
#[derive(Debug)]
pub(super) struct View {
    dir: TempDir,
}

/// Where the owner's HEAD stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HeadState {
    /// The branch without `refs/heads/`; `None` when detached.
    pub(super) branch: Option<String>,
    /// The commit; `None` when the branch has none yet.
    pub(super) commit: Option<Oid>,
}

impl View {
    /// Makes a view of `repository` inside `scratch`.
    ///
    /// # Errors
    ///
    /// When the files cannot be written, or on a system without symbolic links.
    pub(super) fn new(repository: &OwnerRepository, scratch: &Path) -> Result<Self, ProjectError> {
        platform::private_dir(scratch).doing("making", scratch)?;
        let dir = tempfile::Builder::new()
            .prefix("view-")
            .tempdir_in(scratch)
            .doing("making a folder in", scratch)?;
        let at = |name: &str| dir.path().join(name);
        for name in ["refs", "packed-refs", "objects", "reftable"] {
            let target = repository.common_dir.join(name);
            // `packed-refs` may appear at any time, so its link may dangle.
            if name == "packed-refs" || target.exists() {
                platform::symlink(&target, &at(name)).doing("linking", &target)?;
            }
        }
        let head = repository.git_dir.join("HEAD");
        let text = small_file(&head).doing("reading", &head)?;
        platform::write_file(&at("HEAD"), &text).doing("writing", &at("HEAD"))?;
        let settings = &repository.settings;
        let bare = repository.work_tree.is_none();
        let config = bare::config(bare, settings, settings.reftable, &Identity::default());
        platform::write_file(&at("config"), config.as_bytes()).doing("writing", &at("config"))?;
        platform::private_dir(&at("info")).doing("making", &at("info"))?;
        copy_if_there(&repository.common_dir.join("shallow"), &at("shallow"))?;
        copy_if_there(&repository.common_dir.join("info/exclude"), &at("info/exclude"))?;
        copy_if_there(&repository.common_dir.join("info/attributes"), &at("info/attributes"))?;
        Ok(Self { dir })
    }

    /// The view's own folder.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A call of git on this view.
    pub(super) fn call(&self, name: &'static str) -> Call {
        Call::new(name).git_dir(self.dir())
    }

    /// Where HEAD stands.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn head(&self, git: &Git) -> Result<HeadState, ProjectError> {
        let symbolic =
            git.run(self.call("symbolic-ref").args(["-q", "HEAD"]).accept(&[0, 1])).await?;
        let name = symbolic.text();
        let branch = (symbolic.code == 0)
            .then(|| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned());
        let commit = self.commit(git, "HEAD").await?;
        Ok(HeadState { branch, commit })
    }

    /// The commit that a revision names; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn commit(&self, git: &Git, name: &str) -> Result<Option<Oid>, ProjectError> {
        let call = self
            .call("rev-parse")
            .args(["--verify", "-q"])
            .revision(format!("{name}^{{commit}}"))
            .accept(&[0, 1]);
        match git.run(call).await {
            Ok(found) => Ok(Oid::parse(found.text().as_bytes())),
            // An object that is named but missing is a fatal error for git.
            Err(super::git::GitError::Failed { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// All refs and what they point at, in the order of their names.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn refs(&self, git: &Git) -> Result<Vec<(Oid, String)>, ProjectError> {
        let call = self
            .call("for-each-ref")
            .arg(format!("--count={REFS_MAX}"))
            .arg("--format=%(objectname) %(refname)");
        let listing = git.run(call).await?;
        let text = String::from_utf8_lossy(&listing.stdout);
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(oid, name)| Some((Oid::parse(oid.as_bytes())?, name.to_owned())))
            .collect())
    }

    /// Whether a branch or HEAD of the owner contains `commit`.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn contains(&self, git: &Git, commit: &Oid) -> Result<bool, ProjectError> {
        if self.commit(git, commit.as_str()).await?.is_none() {
            return Ok(false);
        }
        let call = self
            .call("for-each-ref")
            .args(["--count=1".to_owned(), format!("--contains={commit}")])
            .arg("--format=%(refname)");
        Ok(!git.run(call).await?.stdout.is_empty())
    }

    /// Creates a ref that must not exist yet.
    ///
    /// # Errors
    ///
    /// When it exists, is blocked by another, or git cannot write it.
    pub(super) async fn create(&self, git: &Git, name: &str, to: &Oid) -> Result<(), ProjectError> {
        let command = format!("create {name}\0{to}\0");
        let call =
            self.call("update-ref").args(["--stdin", "-z"]).stdin(Stdin::Bytes(command.into()));
        git.run(call.durable()).await?;
        Ok(())
    }
}

/// Copies a small regular file when there is one.
pub(super) fn copy_if_there(from: &Path, to: &Path) -> Result<(), ProjectError> {
    match small_file(from) {
        Ok(bytes) => platform::write_file(to, &bytes).doing("writing", to),
        Err(_) => Ok(()),
    }
}
