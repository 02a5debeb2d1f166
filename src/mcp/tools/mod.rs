//! The tools, one file each, and the table of them.
//!
//! A tool is a list of properties, an output schema and a function from checked arguments to an
//! answer. It reaches tasks through [`Tasks`] only, and never sees a project that its caller is not
//! held to.
mod answer;
mod answer_task;
mod apply_task;
mod asked;
mod cancel_task;
mod check_task;
mod get_diff;
mod get_logs;
mod get_result;
mod list_projects;
mod list_tasks;
mod nearest;
mod output;
mod place;
mod property;
mod push_session;
mod read_file;
mod start_task;
mod whats_new;

use std::sync::{Arc, LazyLock};

use futures::future::BoxFuture;
use rmcp::model::{CallToolResult, Tool as Declaration, ToolAnnotations};
use serde_json::{Map, Value};

use self::answer::{Answer, ToolError};
use self::nearest::nearest;
use self::property::{Arguments, Property, input_schema};
use super::patience::Patience;
use super::principal::Principal;
use super::tasks::{ProjectView, Tasks, Unavailable};
use crate::clock::Timestamp;
use crate::model::{Scope, Task, TaskId};

/// All tools, in the order in which clients list them.
const TABLE: [&Tool; 13] = [
    &start_task::TOOL,
    &check_task::TOOL,
    &get_result::TOOL,
    &list_tasks::TOOL,
    &answer_task::TOOL,
    &cancel_task::TOOL,
    &get_diff::TOOL,
    &apply_task::TOOL,
    &list_projects::TOOL,
    &read_file::TOOL,
    &whats_new::TOOL,
    &get_logs::TOOL,
    &push_session::TOOL,
];

/// One tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    title: &'static str,
    about: &'static str,
    scope: Scope,
    hints: Hints,
    properties: &'static [Property],
    output: fn() -> Value,
    run: for<'a> fn(Call<'a>, Arguments<'a>) -> BoxFuture<'a, Result<Answer, ToolError>>,
}

/// Whom clients may let call a tool unasked (MCP, tool annotations).
#[derive(Clone, Copy)]
enum Hints {
    /// Changes nothing.
    Reads,
    /// Starts something; an agent may reach the open world.
    Starts,
    /// Ends something; the same again changes nothing.
    Ends,
    /// Notes something down; the same again changes nothing.
    Notes,
}

/// What a call has to work with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) tasks: &'a dyn Tasks,
    pub(super) now: Timestamp,
    pub(super) principal: &'a Principal,
    pub(super) patience: &'a Patience<'a>,
}

/// The tool called `name`.
pub(super) fn find(name: &str) -> Option<&'static Tool> {
    TABLE.into_iter().find(|tool| tool.name == name)
}

/// The scope that calling `name` needs; none when there is no such tool.
pub(super) fn scope_of(name: &str) -> Option<Scope> {
    find(name).map(|tool| tool.scope)
}

/// How all tools are declared to clients.
pub(super) fn declarations() -> &'static [Declaration] {
    static DECLARATIONS: LazyLock<Vec<Declaration>> =
        LazyLock::new(|| TABLE.iter().map(|tool| tool.declare()).collect());
    &DECLARATIONS
}

/// What `check_task` tells programs about a task.
pub(super) async fn facts_of(call: Call<'_>, id: &TaskId) -> Option<Value> {
    let arguments = Map::from_iter([("task_id".to_owned(), Value::from(id.as_str()))]);
    check_task::TOOL.call(call, &arguments).await.structured_content
}

/// A task's title in one line.
pub(super) fn title_of(task: &Task) -> String {
    answer::one_line(&task.spec.title(), 80)
}

/// The answer to a call of a tool that does not exist: a result rather than a protocol error, so
/// that the model sees it and can put it right.
pub(super) fn no_such_tool(name: &str) -> CallToolResult {
    let shown: String = name.chars().take(100).collect();
    let names = || TABLE.iter().map(|tool| tool.name);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the tools are {}", names().collect::<Vec<_>>().join(", ")),
    };
    ToolError::new(format!("there is no tool `{shown}`"), hint).finish()
}

/// The answer to a call whose cause of failure is in the log only.
pub(super) fn internal_error(id: u64) -> CallToolResult {
    let hint = format!("try again; the gateway's log has the cause under the id {id:016x}");
    ToolError::new("something went wrong inside the gateway", hint).finish()
}

impl Tool {
    fn declare(&self) -> Declaration {
        let annotations = ToolAnnotations::with_title(self.title);
        let annotations = match self.hints {
            Hints::Reads => {
                annotations.read_only(true).destructive(false).idempotent(true).open_world(false)
            }
            Hints::Starts => {
                annotations.read_only(false).destructive(true).idempotent(false).open_world(true)
            }
            Hints::Notes => {
                annotations.read_only(false).destructive(false).idempotent(true).open_world(false)
            }
            Hints::Ends => {
                annotations.read_only(false).destructive(true).idempotent(true).open_world(false)
            }
        };
        let output = match (self.output)() {
            Value::Object(schema) => schema,
            _ => Map::new(),
        };
        Declaration::new(self.name, self.about, input_schema(self.properties))
            .with_title(self.title)
            .with_raw_output_schema(Arc::new(output))
            .with_annotations(annotations)
    }

    /// Checks scope and arguments, then runs the tool. What is wrong with the call is a result with
    /// `isError`, never a protocol error.
    pub(super) async fn call(
        &self,
        call: Call<'_>,
        arguments: &Map<String, Value>,
    ) -> CallToolResult {
        match self.checked_call(call, arguments).await {
            Ok(answer) => answer.finish(),
            Err(err) => err.finish(),
        }
    }

    async fn checked_call(
        &self,
        call: Call<'_>,
        arguments: &Map<String, Value>,
    ) -> Result<Answer, ToolError> {
        if !call.principal.scopes.contains(self.scope) {
            return Err(ToolError::new(
                format!(
                    "insufficient_scope: `{}` needs the scope `{}`",
                    self.name,
                    self.scope.name()
                ),
                "the owner can allow it by connecting this client again with that scope",
            ));
        }
        let arguments = Arguments::check(self.properties, arguments)?;
        (self.run)(call, arguments).await
    }
}

impl Call<'_> {
    /// The task, when it exists for this caller.
    async fn task(&self, id: &TaskId) -> Result<Arc<Task>, ToolError> {
        let found = self.tasks.task(id).await.map_err(unavailable)?;
        self.visible(found, id)
    }

    fn visible(&self, found: Option<Arc<Task>>, id: &TaskId) -> Result<Arc<Task>, ToolError> {
        let visible = found.filter(|task| self.principal.sees(&task.spec.project));
        visible.ok_or_else(|| {
            ToolError::new(format!("there is no task {id}"), "list_tasks shows the tasks there are")
        })
    }

    /// The projects that this caller may use.
    async fn projects(&self) -> Result<Vec<ProjectView>, ToolError> {
        let mut projects = self.tasks.projects().await.map_err(unavailable)?;
        projects.retain(|project| self.principal.sees(&project.name));
        Ok(projects)
    }

    /// The names of the projects that this caller may use.
    async fn project_names(&self) -> Result<Vec<String>, ToolError> {
        let mut names = self.tasks.project_names().await.map_err(unavailable)?;
        names.retain(|name| self.principal.sees(name));
        Ok(names)
    }

    /// What to say about a project name that this caller cannot use.
    async fn unknown_project(&self, name: &str) -> ToolError {
        let known = match self.project_names().await {
            Ok(known) => known,
            Err(err) => return err,
        };
        let names = || known.iter().map(String::as_str);
        let hint = match (nearest(name, names()), known.is_empty()) {
            (_, true) => {
                "no project is set up: the owner adds one with `gateway projects add`".to_owned()
            }
            (Some(near), _) => format!("did you mean `{near}`? list_projects shows all"),
            (None, _) => {
                let shown: Vec<&str> = names().take(20).collect();
                format!("the projects are {}", shown.join(", "))
            }
        };
        let shown: String = name.chars().take(100).collect();
        ToolError::new(format!("there is no project `{shown}`"), hint)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "its shape is that of map_err")]
fn unavailable(err: Unavailable) -> ToolError {
    tracing::error!(%err, "the task engine did not answer");
    ToolError::new(
        "the gateway cannot answer this now",
        "try again in a moment; `gateway status` on the workstation tells more",
    )
}
