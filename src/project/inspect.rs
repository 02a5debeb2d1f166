//! What state a project is in, told without running anything that it holds.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ProjectError;
use super::oid::Oid;
use super::owner::OwnerRepository;
use super::registry::Project;
use super::view::View;
use super::workspace::Workspaces;

/// What state a project is in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProjectState {
    /// Git or not, and what git says.
    pub kind: ProjectKind,
}

/// Whether a project is under git.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectKind {
    /// A git repository, or a folder that one tracks.
    Git(GitState),
    /// A folder without git.
    NotGit,
}

/// What git says of a project.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct GitState {
    /// Where HEAD stands.
    pub head: Head,
    /// Where its files are.
    pub work_tree: WorkTree,
    /// Uncommitted changes; `None` when there is no working tree or counting took too long.
    pub changes: Option<Changes>,
    /// Whether its history is cut off.
    pub shallow: bool,
    /// Whether objects may never have been fetched.
    pub partial: bool,
}

/// The working tree of a repository (gitglossary, "working tree").
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkTree {
    /// The repository's own.
    Main,
    /// One of several: a linked worktree.
    Linked,
    /// None: the repository is bare.
    None,
}

/// Where HEAD stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Head {
    /// On a branch.
    Branch {
        /// The branch.
        name: String,
        /// Its commit.
        commit: Oid,
    },
    /// On no branch.
    Detached {
        /// The commit.
        commit: Oid,
    },
    /// On a branch that has no commit yet.
    Unborn {
        /// The branch.
        name: String,
    },
}

/// How many files differ from HEAD.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Changed in the index.
    pub staged: usize,
    /// Changed in the working tree.
    pub unstaged: usize,
    /// New files and folders that are not ignored.
    pub untracked: usize,
    /// Files with conflicts.
    pub conflicted: usize,
    /// How many files and new folders all in all.
    pub files: usize,
    /// Whether there are more than were counted.
    pub more: bool,
}

impl Changes {
    /// How many files and new folders differ.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.files
    }

    /// Whether nothing differs.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.files == 0
    }
}

impl Workspaces {
    /// Tells what state a project is in; writes nothing and runs nothing in it.
    ///
    /// # Errors
    ///
    /// [`ProjectError::BadRepository`] for a broken one, or what kept git from answering.
    pub async fn inspect(&self, project: &Project) -> Result<ProjectState, ProjectError> {
        let Some((repository, view)) = self.view(project).await? else {
            return Ok(ProjectState { kind: ProjectKind::NotGit });
        };
        let at = view.head(&self.git).await?;
        let head = match (at.branch, at.commit) {
            (Some(name), Some(commit)) => Head::Branch { name, commit },
            (Some(name), None) => Head::Unborn { name },
            (None, Some(commit)) => Head::Detached { commit },
            (None, None) => {
                let (path, why) = (project.path.clone(), "its HEAD names a commit that is missing");
                return Err(ProjectError::BadRepository { path, why });
            }
        };
        let changes = match self.changes(&repository, &view).await {
            Ok(changes) => repository.work_tree.is_some().then_some(changes),
            Err(error) => {
                tracing::warn!(project = %project.name, %error, "changes could not be counted");
                None
            }
        };
        let state = GitState {
            head,
            work_tree: match repository.work_tree {
                None => WorkTree::None,
                Some(_) if repository.is_linked() => WorkTree::Linked,
                Some(_) => WorkTree::Main,
            },
            changes,
            shallow: repository.shallow,
            partial: repository.settings.partial,
        };
        Ok(ProjectState { kind: ProjectKind::Git(state) })
    }

    /// Counts uncommitted changes with a copy of the owner's index; submodules are not entered.
    pub(super) async fn changes(
        &self,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<Changes, ProjectError> {
        let Some(work_tree) = &repository.work_tree else {
            return Ok(Changes::default());
        };
        let index = view.take_index(repository).await?;
        let call = view.call("status").work_tree(work_tree).index(&index);
        let mut call = call
            .args(["--porcelain=v2", "-z", "--untracked-files=normal", "--no-renames"])
            .arg("--ignore-submodules=dirty")
            .timeout(Duration::from_secs(20))
            .window(0, 8 << 20);
        if !repository.prefix.is_empty() {
            call = call.path(repository.prefix.as_str());
        }
        let output = self.git.run(call).await?;
        let mut changes = Changes { more: output.more, ..Changes::default() };
        for record in output.records() {
            match record {
                [b'1' | b'2', b' ', index, tree, ..] => {
                    changes.staged += usize::from(*index != b'.');
                    changes.unstaged += usize::from(*tree != b'.');
                }
                [b'u', b' ', ..] => changes.conflicted += 1,
                [b'?', b' ', ..] => changes.untracked += 1,
                _ => continue,
            }
            changes.files += 1;
        }
        Ok(changes)
    }
}
