//! What the owner does with agents' sessions: hands one of a terminal over, says something to a running
//! one.
use std::path::Path;

use serde_json::{Value, json};

use super::admin::{CallError, CallErrorKind};
use super::owner::Owner;
use crate::model::{Caller, LinkedSession};
use crate::project::Registry;
use crate::task::{LinkError, NewLink, SayError};

impl Owner {
    pub(super) async fn push_session(
        &self,
        session: LinkedSession,
        folder: &Path,
    ) -> Result<Value, CallError> {
        let (engine, _) = self.running()?;
        let Some(project) = project_at(self.workspaces().registry(), folder) else {
            return Err(CallError::invalid(
                format!("{} lies in no project", folder.display()),
                "`gateway projects add` makes a folder one",
            ));
        };
        let session_id = session.session_id;
        let link = NewLink { session, project: Some(project), caller: Caller::Owner };
        let (task, updated) = engine.link(link).await.map_err(|error| {
            let hint = match error {
                LinkError::OtherProject => "cancel its task with `gateway tasks cancel` first",
                LinkError::NoProject(_) => "`gateway projects list` names the projects",
                LinkError::TooMany(_) => "`gateway tasks cancel` lets a linked session go",
                LinkError::ShuttingDown => "try again when the gateway runs",
                LinkError::Store(_) => "run `gateway doctor`",
            };
            CallError::new(CallErrorKind::Failed, error, hint)
        })?;
        Ok(json!({
            "schema": 1,
            "task_id": task.id,
            "project": task.spec.project,
            "session_id": session_id,
            "updated": updated,
        }))
    }

    pub(super) async fn say(&self, task: &str, message: String) -> Result<Value, CallError> {
        let (engine, _) = self.running()?;
        let task = self.find(task)?;
        let by = "the owner at the terminal".to_owned();
        let message_id = engine.say(&task.id, message, by).await.map_err(|error| {
            let hint = match error {
                SayError::NotFound(_) | SayError::NotRunning { .. } => {
                    "`gateway tasks list --state running` names the tasks that can hear you"
                }
                SayError::NotSupported(_) => "wait for its end and start another task",
                SayError::Empty => "say what the agent shall know",
                SayError::TooLong { .. } => {
                    "put long material into a file of the project and name it"
                }
                SayError::TooMany(_) => "wait until the agent has taken those up",
                SayError::ShuttingDown => "try again when the gateway runs",
                SayError::Store(_) => "run `gateway doctor`",
            };
            CallError::new(CallErrorKind::Failed, error, hint)
        })?;
        Ok(json!({ "schema": 1, "task_id": task.id, "message_id": message_id }))
    }
}

/// The name of the project whose folder `folder` is or lies in; of several the innermost.
fn project_at(registry: &Registry, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let around = registry.iter().filter(|project| folder.starts_with(&project.path));
    let innermost = around.max_by_key(|project| project.path.components().count())?;
    Some(innermost.name.to_string())
}
