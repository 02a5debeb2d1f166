//! [`View`]: a git directory of the gateway's own through which git sees the owner's repository.
//!
//! Refs and objects are symbolic links into the owner's git directory; HEAD is a copy; the
//! configuration is the gateway's. So git can read refs (packed, loose or in tables) and create one
//! with its own locking, while the owner's configuration and hooks are never in reach.
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bare::{self, Identity};
use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::{Call, Git, Stdin};
use super::leftovers::copy_index;
use super::oid::Oid;
use super::owner::{OwnerRepository, small_file};
use super::platform;
use super::workspace::blocking;

/// The most refs that are looked at.
const REFS_MAX: usize = 50_000;

/// The largest index that is copied, in bytes.
const INDEX_MAX: u64 = 512 << 20;

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

    /// Sets the ignore rules that lie outside the tree.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn exclude(&self, rules: &str) -> Result<(), ProjectError> {
        let file = self.dir().join("info/exclude");
        platform::write_file(&file, rules.as_bytes()).doing("writing", &file)
    }

    /// Copies the owner's index, and what it shares with others, into the view.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub(super) async fn take_index(
        &self,
        repository: &OwnerRepository,
    ) -> Result<PathBuf, ProjectError> {
        let (git_dir, to) = (repository.git_dir.clone(), self.dir().to_owned());
        blocking(move || {
            for entry in fs::read_dir(&git_dir).doing("reading", &git_dir)?.flatten() {
                let name = entry.file_name();
                let wanted = name == "index" || name.to_string_lossy().starts_with("sharedindex.");
                let sane = entry.metadata().is_ok_and(|m| m.is_file() && m.len() < INDEX_MAX);
                if wanted && sane {
                    copy_index(&entry.path(), &to.join(&name))?;
                }
            }
            Ok(to.join("index"))
        })
        .await
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
        Ok(self.refs_and_head(git).await?.0)
    }

    /// [`View::refs`], and which of them HEAD stands at; `None` also when there are too many refs
    /// to see it, or it has no commit yet: then [`View::head`] knows.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn refs_and_head(
        &self,
        git: &Git,
    ) -> Result<(Vec<(Oid, String)>, Option<Oid>), ProjectError> {
        let call = self
            .call("for-each-ref")
            .arg(format!("--count={REFS_MAX}"))
            .arg("--format=%(HEAD)%(objectname) %(refname)");
        let listing = git.run(call).await?;
        let (mut refs, mut head) = (Vec::new(), None);
        for line in String::from_utf8_lossy(&listing.stdout).lines() {
            let Some((mark, line)) = line.split_at_checked(1) else { continue };
            let Some((oid, name)) = line.split_once(' ') else { continue };
            let Some(oid) = Oid::parse(oid.as_bytes()) else { continue };
            if mark == "*" {
                head = Some(oid.clone());
            }
            refs.push((oid, name.to_owned()));
        }
        Ok((refs, head))
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
        self.change_ref(git, format!("create {name}\0{to}\0")).await
    }

    /// Moves a ref that must stand at `from`, or creates it when that is `None`.
    ///
    /// # Errors
    ///
    /// When it stands elsewhere, is locked, or git cannot write it.
    pub(super) async fn advance(
        &self,
        git: &Git,
        name: &str,
        from: Option<&Oid>,
        to: &Oid,
    ) -> Result<(), ProjectError> {
        match from {
            Some(from) => self.change_ref(git, format!("update {name}\0{to}\0{from}\0")).await,
            None => self.create(git, name, to).await,
        }
    }

    /// Deletes a ref that must stand at `from`.
    ///
    /// # Errors
    ///
    /// As [`View::advance`].
    pub(super) async fn delete(
        &self,
        git: &Git,
        name: &str,
        from: &Oid,
    ) -> Result<(), ProjectError> {
        self.change_ref(git, format!("delete {name}\0{from}\0")).await
    }

    async fn change_ref(&self, git: &Git, command: String) -> Result<(), ProjectError> {
        let call =
            self.call("update-ref").args(["--stdin", "-z"]).stdin(Stdin::Bytes(command.into()));
        git.run(call.durable()).await?;
        Ok(())
    }

    /// Whether a ref stands for another one, which changing it would change.
    ///
    /// # Errors
    ///
    /// When git cannot tell.
    pub(super) async fn is_symbolic(&self, git: &Git, name: &str) -> Result<bool, ProjectError> {
        let call = self.call("symbolic-ref").arg("-q").arg(name).accept(&[0, 1]);
        Ok(git.run(call).await?.code == 0)
    }

    /// The branch that the copy of HEAD names, where HEAD is a file.
    pub(super) fn branch(&self) -> Option<BranchName> {
        let head = small_file(&self.dir().join("HEAD")).ok()?;
        branch_in(&head)
    }
}

/// The branch that the text of a HEAD names.
pub(super) fn branch_in(head: &[u8]) -> Option<BranchName> {
    let name = std::str::from_utf8(head).ok()?.strip_prefix("ref: refs/heads/")?;
    name.trim_end().parse().ok()
}

/// Copies a small regular file when there is one.
pub(super) fn copy_if_there(from: &Path, to: &Path) -> Result<(), ProjectError> {
    match small_file(from) {
        Ok(bytes) => platform::write_file(to, &bytes).doing("writing", to),
        Err(_) => Ok(()),
    }
}
