//! Removing a workspace, never its work.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Doing, ProjectError};
use super::note::Note;
use super::platform;
use super::registry::{Isolation, Project};
use super::workspace::{Workspace, Workspaces, blocking};

/// What removing may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Removal {
    /// Nothing: work that only the workspace holds is a reason to refuse.
    Safe,
    /// The task's work, by the owner's approved wish.
    Discard,
}

impl Workspaces {
    /// Removes a workspace with all that the gateway keeps of it. The branch in the owner's
    /// repository stays.
    ///
    /// # Errors
    ///
    /// With [`Removal::Safe`], [`ProjectError::NotSettled`], and [`ProjectError::WouldLoseWork`]
    /// unless the result is in the owner's repository or there is none.
    pub async fn remove(
        &self,
        workspace: &Workspace,
        project: Option<&Project>,
        removal: Removal,
    ) -> Result<(), ProjectError> {
        if removal == Removal::Safe {
            self.check_safe(workspace, project).await?;
        }
        let dir = workspace.work_dir.clone();
        blocking(move || {
            // Without this file the rest counts as unfinished and is cleared by whoever comes next.
            let record = dir.join("workspace.json");
            fs::remove_file(&record).doing("removing", &record)?;
            remove_all(&dir).doing("removing", &dir)
        })
        .await
    }

    /// Removes the task's tree and keeps the gateway's own git directory, so that the diff stays.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NotSettled`], or [`ProjectError::WouldLoseWork`] when files were left out of
    /// the result.
    pub async fn remove_tree(&self, workspace: &Workspace) -> Result<(), ProjectError> {
        let settled = self.settled(workspace)?;
        let kept = |note: &Note| !note.is_loss() || matches!(note, Note::KeptAside { .. });
        if !settled.notes.iter().all(kept) {
            return Err(ProjectError::WouldLoseWork("files or commits are not in the result"));
        }
        if workspace.isolation == Isolation::None {
            return Ok(());
        }
        let tree = workspace.tree.clone();
        blocking(move || remove_all(&tree).doing("removing", &tree)).await
    }

    async fn check_safe(
        &self,
        workspace: &Workspace,
        project: Option<&Project>,
    ) -> Result<(), ProjectError> {
        let settled = self.settled(workspace)?;
        if workspace.isolation == Isolation::None {
            return Ok(());
        }
        if settled.notes.iter().any(Note::is_loss) {
            return Err(ProjectError::WouldLoseWork("files or commits are not in the result"));
        }
        let Some(head) = settled.head.filter(|_| settled.changed) else {
            return Ok(());
        };
        if !workspace.publishable {
            return Err(ProjectError::WouldLoseWork("the project has no git to hold it"));
        }
        let Some(project) = project else {
            return Err(ProjectError::WouldLoseWork("its project is not registered any more"));
        };
        let contained = match self.view(project).await? {
            Some((_, view)) => view.contains(&self.git, &head).await?,
            None => false,
        };
        if contained {
            return Ok(());
        }
        Err(ProjectError::WouldLoseWork("no branch of the project contains it"))
    }
}

/// Removes a folder whatever permissions were left on folders in it; no link is followed.
fn remove_all(dir: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    if dir.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
        return fs::remove_file(dir);
    }
    match gone(fs::remove_dir_all(dir)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        other => return other,
    }
    let mut folders: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        platform::open_folder(&folder)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    gone(fs::remove_dir_all(dir))
}
