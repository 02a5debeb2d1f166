//! Tasks as resources: `gateway://tasks/<id>`, for clients that look at them or watch them without a
//! model's call. A task that the caller may not see does not exist (scope `observe`, their projects).
use std::sync::Arc;
use std::time::Duration;

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate,
};
use serde_json::json;

use super::principal::Principal;
use super::tasks::{TaskQuery, Tasks, Unavailable};
use super::tools;
use crate::model::{Scope, Task, TaskId};

/// What every URI begins with.
const PREFIX: &str = "gateway://tasks/";
const JSON: &str = "application/json";
/// Tasks on one page.
const PAGE: usize = 50;
/// How long a modern client may show a task that works, and one that is over, without asking again.
const FRESH: Duration = Duration::from_secs(1);
const FRESH_WHEN_OVER: Duration = Duration::from_secs(60);

/// The URI of a task.
pub(super) fn uri_of(id: &TaskId) -> String {
    format!("{PREFIX}{id}")
}

/// The task that a URI names.
pub(super) fn id_of(uri: &str) -> Option<TaskId> {
    uri.strip_prefix(PREFIX)?.parse().ok()
}

/// The task, when there is one that the caller may see.
pub(super) async fn visible(
    tasks: &dyn Tasks,
    principal: &Principal,
    id: &TaskId,
) -> Result<Option<Arc<Task>>, Unavailable> {
    if !principal.scopes.contains(Scope::Observe) {
        return Ok(None);
    }
    Ok(tasks.task(id).await?.filter(|task| principal.sees(&task.spec.project)))
}

/// The tasks that the caller may see, newest first.
pub(super) async fn list(
    tasks: &dyn Tasks,
    principal: &Principal,
    cursor: Option<String>,
) -> Result<ListResourcesResult, ErrorData> {
    if !principal.scopes.contains(Scope::Observe) {
        return Ok(ListResourcesResult::with_all_items(Vec::new()));
    }
    let before = match cursor.map(|cursor| cursor.parse()) {
        None => None,
        Some(Ok(mark)) => Some(mark),
        Some(Err(_)) => {
            let message = "the cursor is none that an earlier page gave";
            return Err(ErrorData::invalid_params(message, None));
        }
    };
    let projects = principal.projects.as_ref().map(|names| names.iter().cloned().collect());
    let query = TaskQuery { projects, before, limit: PAGE, ..TaskQuery::default() };
    let page = tasks.list(query).await.map_err(unavailable)?;
    let seen = page.tasks.iter().filter(|task| principal.sees(&task.spec.project));
    let mut listed = ListResourcesResult::with_all_items(seen.map(entry).collect());
    listed.next_cursor = page.next.map(|mark| mark.to_string());
    Ok(listed)
}

fn entry(task: &Task) -> Resource {
    let about = format!("{} in {}", task.state.name(), task.spec.project);
    Resource::new(uri_of(&task.id), format!("task-{}", task.id))
        .with_title(tools::title_of(task))
        .with_description(about)
        .with_mime_type(JSON)
}

/// How the URIs are made.
pub(super) fn templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new(format!("{PREFIX}{{task_id}}"), "task")
        .with_title("A task")
        .with_description("Where a task stands, as check_task tells it")
        .with_mime_type(JSON);
    ListResourceTemplatesResult::with_all_items(vec![template])
}

/// Where a task stands; with `hints` for peers of the revisions that have them (2026-07-28, caching).
pub(super) async fn read(
    call: tools::Call<'_>,
    uri: &str,
    hints: bool,
) -> Result<ReadResourceResult, ErrorData> {
    let id = id_of(uri).ok_or_else(|| not_found(uri))?;
    let task = visible(call.tasks, call.principal, &id).await.map_err(unavailable)?;
    let task = task.ok_or_else(|| not_found(uri))?;
    let facts = tools::facts_of(call, &id).await.ok_or_else(|| not_found(uri))?;
    let contents = ResourceContents::text(facts.to_string(), uri).with_mime_type(JSON);
    let result = ReadResourceResult::new(vec![contents]);
    if !hints {
        return Ok(result);
    }
    let fresh = if task.state.is_final() { FRESH_WHEN_OVER } else { FRESH };
    let fresh = u64::try_from(fresh.as_millis()).unwrap_or(0);
    Ok(result.with_ttl_ms(fresh).with_cache_scope(CacheScope::Private))
}

/// The answer about a resource that does not exist, for this caller or at all.
pub(super) fn not_found(uri: &str) -> ErrorData {
    let shown: String = uri.chars().take(200).collect();
    ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": shown })))
}

/// The answer when the engine cannot be asked.
#[expect(clippy::needless_pass_by_value, reason = "its shape is that of map_err")]
pub(super) fn unavailable(err: Unavailable) -> ErrorData {
    tracing::error!(%err, "the task engine did not answer");
    ErrorData::internal_error("the gateway cannot answer this now: try again in a moment", None)
}
