//! Files of projects, as the tools read them.
use super::workspaces::ProjectWorkspaces;
use crate::mcp::{FileLines, ReadError, WantedFile};
use crate::model::Task;
use crate::project::{Excerpt, Lines, ProjectError};

impl ProjectWorkspaces {
    /// Reads lines of a file of a project, or as `task` left it.
    pub(super) async fn read_file(
        &self,
        wanted: &WantedFile,
        task: Option<&Task>,
    ) -> Result<FileLines, ReadError> {
        let WantedFile { project, path, first, last, bytes_max, .. } = wanted;
        let refused =
            |message: String, hint: &str| ReadError::Refused { message, hint: hint.into() };
        let name = task.map(|task| task.spec.project.as_str()).or(project.as_deref());
        let project = self.registry().find(name).map_err(|error| match name {
            Some(name) => ReadError::UnknownProject(name.to_owned()),
            None => refused(error.to_string(), error.hint()),
        })?;
        let git = self.git().map_err(|why| refused(why, "the owner runs `gateway doctor`"))?;
        let lines = Lines { first: *first, last: *last, bytes_max: *bytes_max };
        let read = match task {
            None => git.read_file(project, path, lines).await,
            Some(task) if !task.state.is_final() => {
                let message = format!("the task is {}", task.state.name());
                return Err(refused(message, "wait until it has ended, or look at get_diff"));
            }
            Some(task) => match git.load(&self.work_dir(task)) {
                Ok(workspace) => git.read_settled(&workspace, path, lines).await,
                Err(error) => Err(error),
            },
        };
        let Excerpt { text, first, last, lines, bytes, binary, lossy, cut, next } =
            read.map_err(|error: ProjectError| refused(error.for_chat(), error.hint()))?;
        let project = project.name.to_string();
        Ok(FileLines { project, text, first, last, lines, bytes, binary, lossy, cut, next })
    }
}
