//! Branches that are checked out, and moving a clean working tree along with one of them.
//!
//! The only code that writes the owner's files and index, after an approved merge and on a tree
//! without changes. git's own lock on the index is held all the while; git works on a copy of the
//! index, and the copy takes the index's place last.
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::apply::{ApplyRefusal, Merged};
use super::branch::BranchName;
use super::diff;
use super::error::{Doing, ProjectError};
use super::git::GitError;
use super::index::Index;
use super::oid::Oid;
use super::owner::{OwnerRepository, small_file};
use super::path::RepoPath;
use super::view::{View, branch_in};
use super::workspace::Workspaces;

/// The most working trees of one repository that are looked at.
const TREES_MAX: usize = 1000;
/// The most files in the way that are named.
const NAMED_MAX: usize = 20;

/// What git leaves in a git directory while something is under way.
const UNDER_WAY: &[&str] = &[
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "rebase-merge",
    "rebase-apply",
    "BISECT_LOG",
];

/// Where a branch is checked out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum CheckedOut {
    /// In no working tree.
    Nowhere,
    /// In the project's own, at this root.
    Here(PathBuf),
    /// In another one, or it is being rebased.
    Elsewhere,
}

/// Where `branch` is checked out; `on` is the branch that the project's own tree is on.
///
/// # Errors
///
/// When the list of working trees cannot be read.
pub(super) fn find(
    repository: &OwnerRepository,
    branch: &BranchName,
    on: Option<&BranchName>,
) -> Result<CheckedOut, ProjectError> {
    let mut others = Vec::new();
    if repository.is_linked() && !repository.settings.bare {
        others.push(repository.common_dir.clone());
    }
    let linked = repository.common_dir.join("worktrees");
    if linked.is_dir() {
        let entries = fs::read_dir(&linked).doing("reading", &linked)?.flatten();
        others.extend(entries.take(TREES_MAX).map(|entry| entry.path()));
    }
    others.retain(|dir| dir.canonicalize().ok().as_ref() != Some(&repository.git_dir));
    let says = |file: PathBuf| small_file(&file).ok().and_then(|text| branch_in(&text));
    let rebased = |dir: &PathBuf| {
        ["rebase-merge/head-name", "rebase-apply/head-name"].iter().any(|name| {
            let text = small_file(&dir.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&text).trim_end() == branch.reference()
        })
    };
    let taken = |dir: &PathBuf| says(dir.join("HEAD")).as_ref() == Some(branch) || rebased(dir);
    if others.iter().any(taken) || rebased(&repository.git_dir) {
        return Ok(CheckedOut::Elsewhere);
    }
    Ok(match &repository.work_tree {
        Some(root) if on == Some(branch) => CheckedOut::Here(root.clone()),
        _ => CheckedOut::Nowhere,
    })
}

/// git's lock on an index, released by being dropped.
struct Lock(PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        // Gone when it took the index's place.
        let _ = fs::remove_file(&self.0);
    }
}

impl Workspaces {
    /// Moves a branch and the clean working tree that it is checked out in.
    ///
    /// # Errors
    ///
    /// [`ApplyRefusal`] when the tree is not clean or not of a kind that is written; nothing was
    /// changed then.
    pub(super) async fn advance_with_tree(
        &self,
        repository: &OwnerRepository,
        view: &View,
        root: &Path,
        merged: &Merged,
    ) -> Result<(), ProjectError> {
        let refused = |why| ApplyRefusal::TreeNotWritten { into: merged.into.clone(), why };
        if UNDER_WAY.iter().any(|name| repository.git_dir.join(name).exists()) {
            return Err(refused("a merge, rebase or the like is under way there").into());
        }
        let target = repository.git_dir.join("index");
        let path = repository.git_dir.join("index.lock");
        let made = fs::File::options().write(true).create_new(true).open(&path);
        let mut file = match made {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(refused("git is at work there").into());
            }
            other => other.doing("making", &path)?,
        };
        let lock = Lock(path);
        let index = view.take_index(repository).await?;
        if index.exists() {
            let bytes = fs::read(&index).doing("reading", &index)?;
            if !Index::read(&bytes, repository.settings.format).plain {
                return Err(refused("its index is split, sparse or hides changes").into());
            }
        } else {
            self.git.run(view.call("read-tree").index(&index).arg("--empty")).await?;
        }
        let empty = repository.settings.format.empty_tree();
        let (old, new) = (merged.from.as_ref().unwrap_or(&empty), &merged.to);
        self.check_clean(view, root, &index, merged).await?;
        self.check_filters(repository, view, new, merged).await?;
        self.check_room(view, root, (old, new), merged).await?;
        // Refuses by itself to write over what changed since it was looked at.
        let step = |from: &Oid, to: &Oid| {
            let call = view.call("read-tree").work_tree(root).index(&index).args(["-m", "-u"]);
            let call = call.revision(from.as_str()).revision(to.as_str());
            self.git.run(call.timeout(self.limits.git_timeout))
        };
        match step(old, new).await {
            Ok(_) => {}
            Err(GitError::Failed { .. }) => {
                return Err(ApplyRefusal::Dirty(merged.into.clone()).into());
            }
            Err(other) => return Err(other.into()),
        }
        if let Err(error) = self.advance(view, merged).await {
            step(new, old).await?;
            return Err(error);
        }
        let bytes = fs::read(&index).doing("reading", &index)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).doing("writing", &lock.0)?;
        if let Ok(meta) = target.metadata() {
            file.set_permissions(meta.permissions()).doing("writing", &lock.0)?;
        }
        fs::rename(&lock.0, &target).doing("writing", &target)
    }

    /// Refuses a tree with staged or unstaged changes. Refreshes what the copied index says of the
    /// files' times.
    async fn check_clean(
        &self,
        view: &View,
        root: &Path,
        index: &Path,
        merged: &Merged,
    ) -> Result<(), ProjectError> {
        let call = |name| {
            let call = view.call(name).work_tree(root).index(index);
            call.timeout(self.limits.git_timeout)
        };
        let refresh = call("update-index").args(["-q", "--ignore-submodules", "--refresh"]);
        self.git.run(refresh.accept(&[0, 1])).await?;
        let status = call("status")
            .args(["--porcelain=v2", "-z", "--untracked-files=no", "--no-renames"])
            .arg("--ignore-submodules=dirty")
            .window(0, 4096);
        let changes = self.git.run(status).await?;
        if changes.stdout.is_empty() {
            return Ok(());
        }
        Err(ApplyRefusal::Dirty(merged.into.clone()).into())
    }

    /// Refuses content that a filter of the owner's has to make, such as that of Git LFS: filters
    /// are commands of a repository, which the gateway never runs.
    async fn check_filters(
        &self,
        repository: &OwnerRepository,
        view: &View,
        new: &Oid,
        merged: &Merged,
    ) -> Result<(), ProjectError> {
        let own = small_file(&repository.common_dir.join("info/attributes")).unwrap_or_default();
        let call = view
            .call("grep")
            .args(["-q", "--fixed-strings", "-e", "filter=", new.as_str()])
            .globs()
            .path(":(top,glob)**/.gitattributes")
            .accept(&[0, 1])
            .timeout(self.limits.git_timeout);
        let found = self.git.run(call).await?.code == 0;
        if !found && !String::from_utf8_lossy(&own).contains("filter=") {
            return Ok(());
        }
        let why = "its files pass through filters such as Git LFS";
        Err(ApplyRefusal::TreeNotWritten { into: merged.into.clone(), why }.into())
    }

    /// Refuses to write where anything lies that git does not know, ignored files too.
    async fn check_room(
        &self,
        view: &View,
        root: &Path,
        (old, new): (&Oid, &Oid),
        merged: &Merged,
    ) -> Result<(), ProjectError> {
        let files = diff::files(&self.git, view.call("diff-tree"), old, new, None).await?;
        let added = files.into_iter().filter(|file| matches!(file.status, 'A' | 'R' | 'C'));
        let in_the_way: Vec<RepoPath> = added
            .map(|file| file.path)
            .filter(|path| path.to_path().is_none_or(|path| is_taken(root, &path)))
            .take(NAMED_MAX)
            .collect();
        if in_the_way.is_empty() {
            return Ok(());
        }
        Err(ApplyRefusal::InTheWay { into: merged.into.clone(), files: in_the_way }.into())
    }
}

/// Whether something stands at `path` below `root`, or something that is no folder on the way.
fn is_taken(root: &Path, path: &Path) -> bool {
    let on_the_way = path.ancestors().skip(1).filter(|part| !part.as_os_str().is_empty());
    let blocks = |part: &Path| root.join(part).symlink_metadata().is_ok_and(|meta| !meta.is_dir());
    root.join(path).symlink_metadata().is_ok() || on_the_way.into_iter().any(blocks)
}
