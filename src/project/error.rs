//! [`ProjectError`]: why something with a project or a workspace could not be done.
use std::io;
use std::path::{Path, PathBuf};

use super::apply::ApplyRefusal;
use super::branch::{BranchName, InvalidBranch};
use super::git::GitError;

/// Why something with a project or a workspace could not be done.
///
/// Texts name paths of the owner's machine; the chat gets [`ProjectError::for_chat`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// Git did not answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file or folder could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done, such as `reading`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The blocking pool is gone: the program is shutting down.
    #[error("the gateway is shutting down")]
    ShuttingDown,
    /// The project's repository cannot be understood.
    #[error("the repository at {} cannot be used: {why}", path.display())]
    BadRepository {
        /// The repository.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Tasks cannot work in a folder of this kind with this isolation.
    #[error("a bare repository has no folder to work in")]
    BareInPlace,
    /// The base that was asked for does not exist.
    #[error("the project has no branch {asked:?}{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean {near:?}?")))]
    UnknownBase {
        /// The name that was asked for, shortened.
        asked: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A base was asked for where a task cannot begin from one.
    #[error("a task cannot begin from another branch here: {0}")]
    NoBaseHere(&'static str),
    /// Finished work could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyRefusal),
    /// The file may hold secrets.
    #[error("files of this name may hold secrets and are not shown")]
    Sensitive,
    /// The file does not exist.
    #[error("there is no such file")]
    NoSuchFile,
    /// What stands there has no lines to read.
    #[error("it is {0}")]
    NotAFile(&'static str),
    /// The file is too large to read.
    #[error("the file has {bytes} bytes, more than the {bytes_max} that are read")]
    FileTooLarge {
        /// Its size.
        bytes: u64,
        /// The most.
        bytes_max: u64,
    },
    /// The path cannot be inside a repository.
    #[error("the path leads out of the project: it is relative, without `..` and NUL")]
    BadPath,
    /// The task's id cannot be part of a branch's and a folder's name.
    #[error("a task id has 1 to 64 letters, digits and dashes and begins with none")]
    BadTaskId,
    /// Prefix and task id do not make a branch's name.
    #[error(transparent)]
    Branch(#[from] InvalidBranch),
    /// The owner's repository has another branch of that name.
    #[error("the project already has a branch {0} with other commits")]
    BranchExists(BranchName),
    /// A branch `a` forbids a branch `a/b`, and the other way round.
    #[error("the branch {wanted} cannot stand beside the branch {existing}")]
    BranchBlocked {
        /// The task's branch.
        wanted: BranchName,
        /// The branch in its way.
        existing: String,
    },
    /// The folder for the task's work is in use.
    #[error("{} already holds a task's work", .0.display())]
    WorkDirInUse(PathBuf),
    /// The folder holds no workspace.
    #[error("{} holds no workspace", .0.display())]
    NoWorkspace(PathBuf),
    /// The folder without git is too large to copy or record.
    #[error("{} holds more than {files_max} files or {bytes_max} bytes", path.display())]
    FolderTooLarge {
        /// The folder.
        path: PathBuf,
        /// The most files.
        files_max: usize,
        /// The most bytes.
        bytes_max: u64,
    },
    /// The work left behind is too large to keep.
    #[error("the task changed more than {files_max} files or {bytes_max} bytes")]
    ChangesTooLarge {
        /// The most files.
        files_max: usize,
        /// The most bytes.
        bytes_max: u64,
    },
    /// The folder that the task worked in was replaced by something else.
    #[error("{} is no longer the folder that the task was given", .0.display())]
    TreeReplaced(PathBuf),
    /// The folder that the task worked in is not there any more.
    #[error("{}, the folder that the task was given, was deleted", .0.display())]
    TreeDeleted(PathBuf),
    /// The result fails git's checks, so that it must not enter the project.
    #[error("the task's result fails git's checks: {0}")]
    Unsound(String),
    /// The workspace has no result yet.
    #[error("the task's work has not been settled")]
    NotSettled,
    /// Removing would lose work.
    #[error("the task's work is not in the project: {0}")]
    WouldLoseWork(&'static str),
    /// Objects that a diff needs are gone.
    #[error("the commits of this task are no longer stored")]
    Gone,
}

impl ProjectError {
    /// The error for the chat: what happened, without a path of the owner's machine.
    #[must_use]
    pub fn for_chat(&self) -> String {
        match self {
            Self::Git(GitError::Failed { command, .. }) => format!("git {command} failed"),
            Self::Git(GitError::Spawn(_)) => "git could not be started".to_owned(),
            Self::Io { doing, source, .. } => format!("{doing} a file failed: {}", source.kind()),
            Self::BadRepository { why, .. } => format!("the repository cannot be used: {why}"),
            Self::WorkDirInUse(_) => "the task has a workspace already".to_owned(),
            Self::NoWorkspace(_) => "the task has no workspace".to_owned(),
            Self::FolderTooLarge { files_max, bytes_max, .. } => {
                format!("the folder holds more than {files_max} files or {bytes_max} bytes")
            }
            Self::TreeReplaced(_) => {
                "the folder that the task was given was replaced by something else".to_owned()
            }
            Self::TreeDeleted(_) => {
                "the folder that the task was given was deleted while the task ran".to_owned()
            }
            Self::Unsound(_) => "the task's result fails git's checks".to_owned(),
            Self::Git(
                GitError::NotFound
                | GitError::TooOld { .. }
                | GitError::Pipe { .. }
                | GitError::TimedOut { .. }
                | GitError::OutputTooLarge { .. }
                | GitError::Unexpected { .. },
            )
            | Self::ShuttingDown
            | Self::BareInPlace
            | Self::UnknownBase { .. }
            | Self::NoBaseHere(_)
            | Self::Apply(_)
            | Self::Sensitive
            | Self::NoSuchFile
            | Self::NotAFile(_)
            | Self::FileTooLarge { .. }
            | Self::BadPath
            | Self::BadTaskId
            | Self::Branch(_)
            | Self::BranchExists(_)
            | Self::BranchBlocked { .. }
            | Self::ChangesTooLarge { .. }
            | Self::NotSettled
            | Self::WouldLoseWork(_)
            | Self::Gone => self.to_string(),
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Git(git) => git.hint(),
            Self::Io { .. } => "check free space and the permissions of the path",
            Self::ShuttingDown => "try again when the gateway is up",
            Self::BadRepository { .. } => "run `git status` and `git fsck` in the project",
            Self::BareInPlace => "set `isolation = \"clone\"` for the project",
            Self::UnknownBase { .. } => "`git branch` in the project shows its branches",
            Self::NoBaseHere(_) => "leave `base_branch` out",
            Self::Apply(refusal) => refusal.hint(),
            Self::Sensitive => "the owner can look at it on the workstation",
            Self::NoSuchFile => {
                "give the path from the project's folder on; a task can be asked to list files"
            }
            Self::NotAFile(_) => "give the path of a regular file",
            Self::FileTooLarge { .. } => "ask a task to look into it",
            Self::BadPath => "give a path from the project's folder on, as lists of files show it",
            Self::BadTaskId => "use the id that `start_task` returned",
            Self::Branch(_) => "correct `branch_prefix` of the project",
            Self::BranchExists(_) => {
                "rename or delete that branch, then keep the task's work as a branch again"
            }
            Self::BranchBlocked { .. } => "set another `branch_prefix` for the project",
            Self::WorkDirInUse(_) => "settle and remove that task's work first",
            Self::NoWorkspace(_) => "its work was removed; the branch in the project may remain",
            Self::FolderTooLarge { .. } => {
                "run `git init` and commit what matters in it, or choose a smaller folder"
            }
            Self::ChangesTooLarge { .. } => {
                "take what you need from the task's folder by hand, or add the rest to .gitignore"
            }
            Self::TreeReplaced(_) => "look into the task's folder before removing it",
            Self::TreeDeleted(_) => {
                "start the task again, and tell it to leave its folder in place"
            }
            Self::Unsound(_) => {
                "the files are in the task's folder and in its diff; take them by hand"
            }
            Self::NotSettled => "wait until the task has ended",
            Self::WouldLoseWork(_) => "merge or keep the branch, or discard it on purpose",
            Self::Gone => "the branch was deleted from the project and from the gateway",
        }
    }
}

/// Adds what was being done, and where, to an error of the file system.
pub(super) trait Doing<T> {
    /// Says what was being done to `path`.
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, ProjectError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, ProjectError> {
        self.map_err(|source| ProjectError::Io { doing, path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_chat_is_told_names_no_path() {
        let path = || PathBuf::from("/home/ada/secret");
        let message = "cannot open '/home/ada/secret/.git'".to_owned();
        let source = io::Error::other("/home/ada/secret");
        for error in [
            ProjectError::Git(GitError::Failed { command: "log", code: None, message }),
            Err::<(), _>(source).doing("reading", &path()).expect_err("made as one"),
            ProjectError::BadRepository { path: path(), why: "it is odd" },
            ProjectError::WorkDirInUse(path()),
            ProjectError::NoWorkspace(path()),
            ProjectError::FolderTooLarge { path: path(), files_max: 1, bytes_max: 1 },
            ProjectError::TreeReplaced(path()),
            ProjectError::TreeDeleted(path()),
        ] {
            assert!(error.to_string().contains("/home/ada"), "{error}");
            assert!(!error.for_chat().contains('/'), "{}", error.for_chat());
        }
    }
}
