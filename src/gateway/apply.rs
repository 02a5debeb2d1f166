//! Applying a finished task's work: who may, what is done, and the line of it in the task's history.
//!
//! [`Hand::may`] is the one place where it is decided what needs the owner's own hand. Every way in
//! (the tools, the command line) comes through [`apply`].
use super::workspaces::ProjectWorkspaces;
use crate::model::{Applied, Apply, EventKind, Task, TaskId};
use crate::project::{self, ApplyRefusal, Merged, Oid, ProjectError, Work};
use crate::store::{Store, StoreError};

/// By whose hand something is done, with their name for the history.
#[derive(Clone, Debug)]
pub(super) enum Hand {
    /// The owner's own.
    Owner(String),
    /// That of a client, on behalf of a chat.
    Chat(String),
}

impl Hand {
    /// Whether this hand may do it: a chat may keep work, and neither put it into the owner's
    /// branches nor delete it.
    pub(super) const fn may(&self, how: Apply) -> bool {
        match (self, how) {
            (Self::Owner(_), _) | (Self::Chat(_), Apply::Branch) => true,
            (Self::Chat(_), Apply::Merge | Apply::Discard) => false,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Owner(name) | Self::Chat(name) => name,
        }
    }
}

/// What the owner types to do it by his own hand.
pub(super) fn command(id: &TaskId, how: Apply) -> String {
    format!("gateway tasks apply {id} {}", how.name())
}

/// Why work was not applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// It needs the owner's hand.
    #[error("{} needs the owner's own hand", .0.name())]
    NeedsOwner(Apply),
    /// There is no such task.
    #[error("there is no task {0}")]
    Unknown(TaskId),
    /// It has not ended.
    #[error("the task is {0}")]
    NotOver(&'static str),
    /// It never had a workspace.
    #[error("the task ended before it had a place to work in, so there is nothing to apply")]
    NoWork,
    /// The project left the configuration, or git is missing.
    #[error("{0}")]
    NoProject(String),
    /// The project refused, or failed.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The database failed. The work may have been applied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApplyError {
    /// What can be done about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NeedsOwner(_) => "ask the owner",
            Self::Unknown(_) => "list the tasks to find the right id",
            Self::NotOver(_) => "wait until it has ended, or cancel it first",
            Self::NoWork => "start the task again",
            Self::NoProject(_) => "the owner runs `gateway doctor` to see what is missing",
            Self::Project(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }

    /// The error for the chat, without paths.
    pub(super) fn for_chat(&self) -> String {
        match self {
            Self::Project(error) => error.for_chat(),
            other => other.to_string(),
        }
    }
}

/// Applies a finished task's work and notes it in its history.
///
/// # Errors
///
/// See [`ApplyError`].
pub(super) async fn apply(
    store: &Store,
    workspaces: &ProjectWorkspaces,
    id: &TaskId,
    how: Apply,
    hand: &Hand,
) -> Result<Applied, ApplyError> {
    if !hand.may(how) {
        return Err(ApplyError::NeedsOwner(how));
    }
    let task = store.task(id)?.ok_or_else(|| ApplyError::Unknown(id.clone()))?;
    if !task.state.is_final() {
        return Err(ApplyError::NotOver(task.state.name()));
    }
    let applied = workspaces.apply(&task, how, hand.name()).await?;
    tracing::info!(task = %id, %applied, "work applied");
    let (id, told) = (id.clone(), applied.clone());
    let noted = store.write(move |tx| {
        let Some(mut task) = tx.task(&id)? else { return Ok(()) };
        tx.update_task(&mut task, &[EventKind::Applied(told)])
    });
    noted.await?;
    Ok(applied)
}

impl ProjectWorkspaces {
    async fn apply(&self, task: &Task, how: Apply, by: &str) -> Result<Applied, ApplyError> {
        let workspaces = self.git().map_err(ApplyError::NoProject)?;
        let Some(known) = &task.workspace else { return Err(ApplyError::NoWork) };
        let found = self.registry().find(Some(&task.spec.project));
        let project = found.map_err(|error| ApplyError::NoProject(error.to_string()));
        let workspace = workspaces.load(&self.work_dir(task)).ok();
        let applied = |branch: Option<String>, from, to, files_moved| Applied {
            how,
            by: by.to_owned(),
            branch,
            from,
            to,
            files_moved,
        };
        let nothing = applied(None, None, None, false);
        let recorded = known.branch.as_ref().and_then(|name| name.parse().ok());
        let branch = match (&workspace, recorded) {
            (Some(workspace), _) => workspace.branch.clone(),
            (None, Some(branch)) => branch,
            // A copy of a folder without git, which was discarded before.
            (None, None) if known.isolated && how == Apply::Discard => return Ok(nothing),
            (None, None) if known.isolated => {
                return Err(ProjectError::from(ApplyRefusal::NoGit).into());
            }
            (None, None) => return Err(ProjectError::from(ApplyRefusal::InPlace).into()),
        };
        let oid = |text: Option<&String>| text.and_then(|text| Oid::parse(text.as_bytes()));
        let base = oid(known.base_commit.as_ref());
        let base = base.map_or(project::Base::Empty, project::Base::Commit);
        let base_branch = known.base_branch.as_ref().and_then(|name| name.parse().ok());
        let head = oid(task.state.outcome().and_then(|outcome| outcome.head_commit.as_ref()));
        let title = task.spec.title();
        let work = Work {
            task_id: task.id.as_str(),
            title: &title,
            workspace: workspace.as_ref(),
            branch: &branch,
            base: &base,
            base_branch: base_branch.as_ref(),
            head: head.as_ref(),
            now: self.now(),
        };
        let text = |oid: &Oid| oid.as_str().to_owned();
        Ok(match how {
            Apply::Merge => {
                let Merged { into, from, to, files_moved } =
                    workspaces.merge(project?, &work).await?;
                let from = from.as_ref().map(text);
                applied(Some(into.to_string()), from, Some(text(&to)), files_moved)
            }
            Apply::Branch => {
                let head = workspaces.keep_branch(project?, &work).await?;
                applied(Some(branch.to_string()), None, Some(text(&head)), false)
            }
            Apply::Discard => {
                let was = workspaces.discard(project.ok(), &work).await?;
                let named = was.as_ref().map(|_| branch.to_string());
                applied(named, was.as_ref().map(text), None, false)
            }
        })
    }
}
