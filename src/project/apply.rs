//! Applying a task's finished work: merging it into the branch it began from, or discarding it.
//!
//! A merge is made apart (`git merge-tree`) and published by one compare-and-swap of the branch. A
//! branch that is checked out takes its clean working tree along (`checkout`), because files that
//! silently differ from HEAD would be read as a wish to undo the merge; whatever else stands in the
//! way is a reason to refuse.
use super::branch::BranchName;
use super::checkout::{self, CheckedOut};
use super::error::{Doing, ProjectError};
use super::git::GitError;
use super::oid::{self, Oid};
use super::owner::OwnerRepository;
use super::path::RepoPath;
use super::platform;
use super::registry::{Isolation, Project};
use super::remove::Removal;
use super::view::View;
use super::workspace::{Base, Workspace, Workspaces};
use crate::clock::Timestamp;

/// The most files with conflicts that are named.
const CONFLICTS_MAX: usize = 20;

/// Why finished work was not applied; nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyRefusal {
    /// The project has no repository to merge into.
    #[error("the project has no git: the task's work is a copy of its folder")]
    NoGit,
    /// The task worked in the owner's folder.
    #[error("the task worked in the project's own folder, so its work is there already")]
    InPlace,
    /// There is no commit to apply.
    #[error("the task changed nothing")]
    Nothing,
    /// There is no branch to merge into.
    #[error("the task did not begin from a branch, and the project is on none")]
    NoTarget,
    /// The branch to merge into is not there any more.
    #[error("the branch {0} is not there any more")]
    TargetGone(BranchName),
    /// The branch to merge into has left the commit that the task began from.
    #[error("the branch {0} no longer contains the commit that the task began from")]
    BaseLeft(BranchName),
    /// Both sides changed the same.
    #[error("{} and the task changed the same: {}", into, listed(files))]
    Conflicts {
        /// The branch to merge into.
        into: BranchName,
        /// The files, the first of them.
        files: Vec<RepoPath>,
    },
    /// The branch is checked out in a working tree that the project is not.
    #[error("the branch {0} is checked out in another working tree")]
    ElsewhereCheckedOut(BranchName),
    /// The branch is a name for another one.
    #[error("the branch {0} stands for another branch")]
    Symbolic(BranchName),
    /// The branch that shall be deleted is checked out.
    #[error("the branch {0} is checked out")]
    CheckedOut(BranchName),
    /// The working tree of the branch has changes.
    #[error("the branch {0} is checked out and has uncommitted changes")]
    Dirty(BranchName),
    /// Files that git does not know are where the merge would write.
    #[error("{into} is checked out, and the merge would overwrite {}", listed(files))]
    InTheWay {
        /// The branch.
        into: BranchName,
        /// The files, the first of them.
        files: Vec<RepoPath>,
    },
    /// Something is under way in the working tree, or the tree is of a kind that is not written.
    #[error("the branch {into} is checked out, and {why}")]
    TreeNotWritten {
        /// The branch.
        into: BranchName,
        /// What.
        why: &'static str,
    },
    /// Somebody else was faster.
    #[error("the branch {0} was moved or locked meanwhile")]
    Moved(BranchName),
    /// The task's branch holds what the task did not make.
    #[error("the branch {0} has other commits than the task's")]
    BranchHasOthers(BranchName),
}

impl ApplyRefusal {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoGit => "take the files from the task's folder, which its details name",
            Self::InPlace => "there is nothing to apply; undo by hand what is not wanted",
            Self::Nothing => "there is nothing to apply",
            Self::NoTarget => "check out the branch it shall go into, then try again",
            Self::TargetGone(_) | Self::BaseLeft(_) => {
                "keep the work as a branch, and rebase that by hand"
            }
            Self::Conflicts { .. } => {
                "merge the task's branch by hand, or start a task from it that resolves them"
            }
            Self::Symbolic(_) => "merge or delete it by hand",
            Self::ElsewhereCheckedOut(_) => "merge the task's branch there by hand",
            Self::CheckedOut(_) => "check out another branch in that working tree first",
            Self::Dirty(_) => "commit or stash them, or merge the task's branch by hand",
            Self::InTheWay { .. } => "move them away, or merge the task's branch by hand",
            Self::TreeNotWritten { .. } => "finish that first, or merge the task's branch by hand",
            Self::Moved(_) => "try again",
            Self::BranchHasOthers(_) => "look at that branch, and delete it by hand",
        }
    }
}

fn listed(files: &[RepoPath]) -> String {
    let names: Vec<String> = files.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A task's finished work, as far as applying it goes.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// The task's id.
    pub task_id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its workspace, unless that is gone.
    pub workspace: Option<&'a Workspace>,
    /// Its branch.
    pub branch: &'a BranchName,
    /// What it began from.
    pub base: &'a Base,
    /// The owner's branch that it began from, when it is known.
    pub base_branch: Option<&'a BranchName>,
    /// Its last commit, when it has one.
    pub head: Option<&'a Oid>,
    /// The present moment, for a merge commit.
    pub now: Timestamp,
}

/// What merging came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merged {
    /// The branch.
    pub into: BranchName,
    /// Where it stood; `None` when it had no commit.
    pub from: Option<Oid>,
    /// Where it stands.
    pub to: Oid,
    /// Whether the files of the project moved along.
    pub files_moved: bool,
}

impl Workspaces {
    /// Merges a task's work into the branch that it began from; for older tasks, into the one that
    /// the project is on. Merging twice changes nothing.
    ///
    /// When the future is dropped, or the gateway dies, the branch stands where it stood or where
    /// it should; files may have moved before it, which `git status` then shows as changes.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Apply`], [`ProjectError::Gone`] when the commits are nowhere any more, or
    /// what kept git from doing it.
    pub async fn merge(&self, project: &Project, work: &Work<'_>) -> Result<Merged, ProjectError> {
        let head = appliable(work)?;
        let Some((repository, view)) = self.view(project).await? else {
            return Err(ApplyRefusal::NoGit.into());
        };
        self.bring(work, head, &repository, &view).await?;
        let at = view.head(&self.git).await?;
        let on = at.branch.as_deref().and_then(|name| name.parse::<BranchName>().ok());
        let into = work.base_branch.or(on.as_ref()).ok_or(ApplyRefusal::NoTarget)?.clone();
        let from = self.tip(&view, &into).await?;
        let to = match (&from, work.base) {
            (Some(tip), _) if self.contains(&view, head, tip).await? => {
                return Ok(Merged { into, to: tip.clone(), from, files_moved: false });
            }
            (Some(tip), Base::Commit(base)) if self.contains(&view, base, tip).await? => {
                self.joined(work, &repository, &view, (&into, tip, head)).await?
            }
            (Some(_), _) => return Err(ApplyRefusal::BaseLeft(into).into()),
            (None, Base::Empty) if on.as_ref() == Some(&into) => head.clone(),
            (None, _) => return Err(ApplyRefusal::TargetGone(into).into()),
        };
        let merged = |files_moved| Merged { into: into.clone(), from, to, files_moved };
        match checkout::find(&repository, &into, on.as_ref())? {
            CheckedOut::Nowhere => {
                let merged = merged(false);
                self.advance(&view, &merged).await?;
                Ok(merged)
            }
            CheckedOut::Here(root) => {
                let merged = merged(true);
                self.advance_with_tree(&repository, &view, &root, &merged).await?;
                Ok(merged)
            }
            CheckedOut::Elsewhere => Err(ApplyRefusal::ElsewhereCheckedOut(into).into()),
        }
    }

    /// Keeps a task's work as its branch in the owner's repository; answers where that stands. The
    /// branch is made again when it is not there.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Apply`], [`ProjectError::BranchExists`] when the branch holds something
    /// else, or what kept git from doing it.
    pub async fn keep_branch(
        &self,
        project: &Project,
        work: &Work<'_>,
    ) -> Result<Oid, ProjectError> {
        let head = appliable(work)?;
        if let Some(workspace) = work.workspace {
            self.publish(workspace, project).await?;
            return Ok(head.clone());
        }
        let Some((_, view)) = self.view(project).await? else {
            return Err(ApplyRefusal::NoGit.into());
        };
        let name = work.branch.reference();
        match view.commit(&self.git, &name).await? {
            Some(tip) if tip == *head => {}
            Some(_) => return Err(ProjectError::BranchExists(work.branch.clone())),
            None if view.commit(&self.git, head.as_str()).await?.is_some() => {
                let made = view.create(&self.git, &name, head).await;
                made.map_err(|error| moved(error, work.branch))?;
            }
            None => return Err(ProjectError::Gone),
        }
        Ok(head.clone())
    }

    /// Deletes a task's branch, its clone and what the gateway keeps beside it; answers where the
    /// branch stood, when there was one. Discarding twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Apply`], above all for a branch that holds more than the task's work; or
    /// what kept git or the disk from doing it.
    pub async fn discard(
        &self,
        project: Option<&Project>,
        work: &Work<'_>,
    ) -> Result<Option<Oid>, ProjectError> {
        if work.workspace.is_some_and(|space| space.isolation == Isolation::None) {
            return Err(ApplyRefusal::InPlace.into());
        }
        let mut deleted = None;
        let viewed = match project {
            Some(project) => self.view(project).await?,
            None => None,
        };
        if let Some((repository, view)) = viewed {
            let name = work.branch.reference();
            if let Some(tip) = self.tip(&view, work.branch).await? {
                if work.head != Some(&tip) {
                    return Err(ApplyRefusal::BranchHasOthers(work.branch.clone()).into());
                }
                let on = view.head(&self.git).await?.branch.and_then(|name| name.parse().ok());
                let found = checkout::find(&repository, work.branch, on.as_ref())?;
                if found != CheckedOut::Nowhere {
                    return Err(ApplyRefusal::CheckedOut(work.branch.clone()).into());
                }
                let done = view.delete(&self.git, &name, &tip).await;
                done.map_err(|error| moved(error, work.branch))?;
                deleted = Some(tip);
            }
        }
        if let Some(workspace) = work.workspace {
            self.remove(workspace, project, Removal::Discard).await?;
        }
        Ok(deleted)
    }

    /// Makes sure that the owner's store has the work.
    async fn bring(
        &self,
        work: &Work<'_>,
        head: &Oid,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<(), ProjectError> {
        if view.commit(&self.git, head.as_str()).await?.is_some()
            && view.contains(&self.git, head).await?
        {
            return Ok(());
        }
        let workspace = work.workspace.ok_or(ProjectError::Gone)?;
        workspace.renew_config()?;
        let refs = view.refs(&self.git).await?;
        let tips = refs.into_iter().map(|(oid, _)| oid).collect();
        self.hand_over(workspace, repository, view, head, tips).await
    }

    /// The commit of a branch that stands for itself.
    async fn tip(&self, view: &View, branch: &BranchName) -> Result<Option<Oid>, ProjectError> {
        if view.is_symbolic(&self.git, &branch.reference()).await? {
            return Err(ApplyRefusal::Symbolic(branch.clone()).into());
        }
        view.commit(&self.git, &branch.reference()).await
    }

    async fn contains(&self, view: &View, older: &Oid, newer: &Oid) -> Result<bool, ProjectError> {
        self.is_ancestor(view.call("merge-base"), older, newer).await
    }

    /// The commit that holds both sides: the task's own when the branch did not move, else a merge
    /// of the gateway's, made in a folder of its own and put into the owner's store.
    async fn joined(
        &self,
        work: &Work<'_>,
        repository: &OwnerRepository,
        view: &View,
        (into, tip, head): (&BranchName, &Oid, &Oid),
    ) -> Result<Oid, ProjectError> {
        if self.contains(view, tip, head).await? {
            return Ok(head.clone());
        }
        let dir = tempfile::Builder::new()
            .prefix("merge-")
            .tempdir_in(&self.scratch)
            .doing("making a folder in", &self.scratch)?;
        let (fresh, known) = (dir.path().join("objects"), repository.objects());
        platform::private_dir(&fresh).doing("making", &fresh)?;
        let call = |name| view.call(name).objects(&fresh).alternate(&known);
        let merge = call("merge-tree")
            .args(["--write-tree", "--name-only", "--no-messages", "-z"])
            .args([tip.as_str(), head.as_str()])
            .accept(&[0, 1])
            .timeout(self.limits.git_timeout);
        let answer = self.git.run(merge).await?;
        let mut records = answer.records().filter(|record| !record.is_empty());
        let unexpected = GitError::Unexpected { command: "merge-tree", what: "no tree" };
        let tree = records.next().and_then(Oid::parse).ok_or(unexpected)?;
        if answer.code != 0 {
            let files = records.take(CONFLICTS_MAX).map(RepoPath::from_bytes).collect();
            return Err(ApplyRefusal::Conflicts { into: into.clone(), files }.into());
        }
        let title: String = work.title.chars().filter(|c| !c.is_control()).take(200).collect();
        let id = work.task_id;
        let message = format!("Merge the work of task {id}\n\n{title}\n\nTask: {id}\n");
        let commit = call("commit-tree").durable();
        let commit = self.commit_tree(commit, &tree, [tip, head], &message, work.now).await?;
        let calls = (call("pack-objects"), call("index-pack"));
        self.deliver(calls, oid::range(&commit, [tip, head]), dir.path(), repository).await?;
        Ok(commit)
    }

    /// Moves the branch to where a merge ends, if it still stands where that began.
    pub(super) async fn advance(&self, view: &View, merged: &Merged) -> Result<(), ProjectError> {
        let Merged { into, from, to, .. } = merged;
        let done = view.advance(&self.git, &into.reference(), from.as_ref(), to).await;
        done.map_err(|error| moved(error, into))
    }
}

/// The commit to apply.
fn appliable<'a>(work: &Work<'a>) -> Result<&'a Oid, ApplyRefusal> {
    if let Some(workspace) = work.workspace {
        match (workspace.isolation, workspace.publishable) {
            (Isolation::None, _) => return Err(ApplyRefusal::InPlace),
            (Isolation::Clone, false) => return Err(ApplyRefusal::NoGit),
            (Isolation::Clone, true) => {}
        }
    }
    let changed = work.head.filter(|head| work.base.commit() != Some(*head));
    changed.ok_or(ApplyRefusal::Nothing)
}

/// A ref that git would not change is one that moved or is locked.
fn moved(error: ProjectError, branch: &BranchName) -> ProjectError {
    match error {
        ProjectError::Git(GitError::Failed { .. }) => ApplyRefusal::Moved(branch.clone()).into(),
        other => other,
    }
}
