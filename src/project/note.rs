//! [`Note`]: what the owner should know about a workspace or its result.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::path::RepoPath;

/// What the owner should know about a workspace or its result; none of it is an error.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
#[non_exhaustive]
pub enum Note {
    /// The owner's uncommitted changes are not part of the task's base.
    UncommittedLeftOut {
        /// How many files.
        files: usize,
    },
    /// The repository has no commit; the task began from nothing.
    NoCommitYet,
    /// The repository's history is cut off.
    Shallow,
    /// Objects that were never fetched are missing in the clone too.
    Partial,
    /// The folders of submodules are empty in the clone.
    SubmodulesEmpty,
    /// Files kept by Git LFS are pointers in the clone.
    LfsPointers,
    /// The folder has no git: the task works in a copy, and its result stays with the gateway.
    CopyOfFolder,
    /// The task works in the owner's folder itself.
    InPlace,
    /// A repository that the task made inside the tree is not part of the result.
    NestedRepository {
        /// Its folder.
        path: RepoPath,
    },
    /// The commit that a submodule stands at was changed but not committed; it is left out.
    SubmoduleMoved {
        /// Its folder.
        path: RepoPath,
    },
    /// A pipe, socket or device is not part of the result.
    SpecialFile {
        /// Where it is.
        path: RepoPath,
    },
    /// A file that cannot be read is not part of the result.
    Unreadable {
        /// Where it is.
        path: RepoPath,
    },
    /// A file that is too large is not part of the result.
    TooLarge {
        /// Where it is.
        path: RepoPath,
        /// Its size.
        bytes: u64,
    },
    /// A path that no repository may hold is not part of the result.
    ForbiddenPath {
        /// Where it is.
        path: RepoPath,
    },
    /// A file that belongs to Git LFS was committed as it is.
    LfsFileCommitted {
        /// Where it is.
        path: RepoPath,
    },
    /// More notes of the same kind were left out.
    More {
        /// How many.
        count: usize,
    },
    /// The task's own git directory cannot be read, so that its commits are not known; the files are.
    AgentGitUnusable {
        /// What is wrong with it.
        why: String,
    },
    /// Commits of the task could not be taken over; its files were.
    CommitsRefused {
        /// What is wrong with them.
        why: String,
    },
    /// The task pointed its object store at another one; that was ignored.
    AlternatesIgnored,
    /// The task ended on another branch, or on none; what it left there is the result.
    EndedElsewhere {
        /// The branch; `None` for a detached HEAD.
        branch: Option<String>,
    },
    /// The result does not descend from the base.
    HistoryRewritten,
    /// Commits that the result does not contain are kept by the gateway.
    KeptAside {
        /// Where the task had them.
        name: String,
        /// How many.
        commits: u64,
    },
    /// Line endings and encodings that the tree's attributes ask for could not be applied.
    TakenAsIs,
    /// A hostile pipe or device was in the way of reading ignore rules and was deleted.
    Unblocked {
        /// Where it was.
        path: RepoPath,
    },
}

impl Note {
    /// Whether it tells of work that only the task's folder holds.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::NestedRepository { .. }
                | Self::Unreadable { .. }
                | Self::TooLarge { .. }
                | Self::ForbiddenPath { .. }
                | Self::CommitsRefused { .. }
                | Self::KeptAside { .. }
                | Self::More { .. }
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UncommittedLeftOut { files } => write!(
                f,
                "the project has {files} uncommitted change(s), which this task does not see"
            ),
            Self::NoCommitYet => f.write_str("the project has no commit yet; the task began empty"),
            Self::Shallow => f.write_str("the project is a shallow clone; its history is cut off"),
            Self::Partial => {
                f.write_str("the project is a partial clone; what it never fetched is missing")
            }
            Self::SubmodulesEmpty => f.write_str("the folders of submodules are empty"),
            Self::LfsPointers => f.write_str("files kept by Git LFS are pointers"),
            Self::CopyOfFolder => f.write_str(
                "the project has no git: the task works in a copy, and its result stays here",
            ),
            Self::InPlace => f.write_str("the task works in the project's own folder"),
            Self::NestedRepository { path } => {
                write!(f, "{path} is a repository of its own and not part of the result")
            }
            Self::SubmoduleMoved { path } => {
                write!(f, "the submodule {path} was moved to another commit; that is left out")
            }
            Self::SpecialFile { path } => write!(f, "{path} is no regular file and left out"),
            Self::Unreadable { path } => write!(f, "{path} cannot be read and is left out"),
            Self::TooLarge { path, bytes } => write!(f, "{path} has {bytes} bytes and is left out"),
            Self::ForbiddenPath { path } => {
                write!(f, "{path} is a path that git forbids and is left out")
            }
            Self::LfsFileCommitted { path } => {
                write!(f, "{path} belongs to Git LFS but was committed as it is")
            }
            Self::More { count } => write!(f, "{count} more of the same kind"),
            Self::AgentGitUnusable { why } => {
                write!(f, "the task's own git folder is unusable ({why}); its files were kept")
            }
            Self::CommitsRefused { why } => {
                write!(f, "commits of the task were refused ({why}); its files were kept")
            }
            Self::AlternatesIgnored => {
                f.write_str("the task borrowed objects of another repository; that was ignored")
            }
            Self::EndedElsewhere { branch: Some(branch) } => {
                write!(f, "the task ended on branch {branch}; what it left there is the result")
            }
            Self::EndedElsewhere { branch: None } => {
                f.write_str("the task ended on no branch; what it left there is the result")
            }
            Self::HistoryRewritten => f.write_str("the result does not descend from the base"),
            Self::KeptAside { name, commits } => {
                write!(f, "{commits} commit(s) on {name} are not in the result; they are kept here")
            }
            Self::TakenAsIs => f.write_str(
                "files could not be converted as .gitattributes asks and were taken as they are",
            ),
            Self::Unblocked { path } => {
                write!(f, "{path} was a pipe or device in the way of git and was deleted")
            }
        }
    }
}
