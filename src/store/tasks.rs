//! Tasks: a row each, its unchanging part (`spec`) written once, the rest (`body`) at every change.
use rusqlite::{OptionalExtension, Row, ToSql, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::StoreError;
use super::events::{from_json, to_json};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{
    Caller, ClientId, Cost, EventKind, Progress, Run, Task, TaskId, TaskSpec, TaskState, Workspace,
};

/// Which tasks a list is about. Empty fields do not restrict.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Names of states.
    pub states: Vec<&'static str>,
    /// Names of projects; none stands for all, an empty list for no task at all.
    pub projects: Option<Vec<String>>,
    /// The executor's name.
    pub executor: Option<String>,
    /// Changed at or after this moment.
    pub since: Option<Timestamp>,
    /// Words that the prompt contains, or beginnings of words; all of them.
    pub text: Option<String>,
    /// Only tasks older than this page mark.
    pub before: Option<u64>,
    /// Most tasks to return.
    pub limit: usize,
}

/// A page of tasks, newest first.
#[derive(Clone, Debug)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Page mark for [`TaskFilter::before`], when there are more.
    pub next: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    state: TaskState,
    progress: Progress,
    cost: Cost,
    #[serde(default)]
    waited_ms: u64,
    workspace: Option<Workspace>,
    run: Option<Run>,
}

impl WriteTx<'_> {
    /// Stores a new task together with its first event.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn insert_task(&mut self, task: &mut Task) -> Result<(), StoreError> {
        let first = match &task.state {
            TaskState::Linked { .. } => linked(task, false),
            _ => EventKind::Queued,
        };
        task.cursor = self.append_event(task, &first)?;
        let client_id = match &task.spec.caller {
            Caller::Client { client_id } => Some(client_id.as_str()),
            Caller::Owner => None,
        };
        self.connection()
            .prepare_cached(
                "INSERT INTO tasks (id, state, project, executor, client_id, idempotency_key,
                     created_at, updated_at, cursor, spec, body, session_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                task.id.as_str(),
                task.state.name(),
                task.spec.project,
                task.spec.executor,
                client_id,
                task.spec.idempotency_key,
                task.created_at.as_millis(),
                task.updated_at.as_millis(),
                task.cursor.cast_signed(),
                to_json("tasks", &task.spec)?,
                body_of(task)?,
                session_of(task),
            ])?;
        let number = self.connection().last_insert_rowid();
        self.connection()
            .prepare_cached("INSERT INTO task_text (rowid, prompt) VALUES (?1, ?2)")?
            .execute(params![number, task.spec.prompt])?;
        Ok(())
    }

    /// Appends events to a task's log and stores its new state with them.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn update_task(&mut self, task: &mut Task, events: &[EventKind]) -> Result<(), StoreError> {
        for event in events {
            task.cursor = self.append_event(task, event)?;
        }
        task.updated_at = self.now();
        self.changed_task(&task.id);
        self.connection()
            .prepare_cached(
                "UPDATE tasks SET state = ?2, updated_at = ?3, cursor = ?4, body = ?5,
                     session_id = ?6
                 WHERE id = ?1",
            )?
            .execute(params![
                task.id.as_str(),
                task.state.name(),
                task.updated_at.as_millis(),
                task.cursor.cast_signed(),
                body_of(task)?,
                session_of(task),
            ])?;
        Ok(())
    }

    /// Stores that a linked session was handed over again; `task` has its new words.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn relink_task(&mut self, task: &mut Task) -> Result<(), StoreError> {
        let (number, spec): (i64, String) = self
            .connection()
            .prepare_cached("SELECT number, spec FROM tasks WHERE id = ?1")?
            .query_row([task.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let before: TaskSpec = from_json("tasks", &spec)?;
        // The index has no copy of its texts: what is to be forgotten is told to it.
        self.connection()
            .prepare_cached(
                "INSERT INTO task_text (task_text, rowid, prompt) VALUES ('delete', ?1, ?2)",
            )?
            .execute(params![number, before.prompt])?;
        self.connection()
            .prepare_cached("INSERT INTO task_text (rowid, prompt) VALUES (?1, ?2)")?
            .execute(params![number, task.spec.prompt])?;
        self.connection()
            .prepare_cached("UPDATE tasks SET spec = ?2 WHERE id = ?1")?
            .execute(params![task.id.as_str(), to_json("tasks", &task.spec)?])?;
        self.update_task(task, &[linked(task, true)])
    }
}

const COLUMNS: &str = "number, id, created_at, updated_at, cursor, spec, body";

impl ReadTx<'_> {
    /// One task.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn task(&self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.connection()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1"))?
            .query_row([id.as_str()], task)
            .optional()?
            .map(|row| row.map(|(_, task)| task))
            .transpose()
    }

    /// The task that a client started under an idempotency key; the owner's own for `None`.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn task_by_key(
        &self,
        client_id: Option<&ClientId>,
        key: &str,
    ) -> Result<Option<Task>, StoreError> {
        self.connection()
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tasks
                 WHERE ifnull(client_id, '') = ?1 AND idempotency_key = ?2"
            ))?
            .query_row(params![client_id.map_or("", ClientId::as_str), key], task)
            .optional()?
            .map(|row| row.map(|(_, task)| task))
            .transpose()
    }

    /// The session that a client has handed over; the owner's own for `None`.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn linked_task(
        &self,
        client_id: Option<&ClientId>,
        session_id: Uuid,
    ) -> Result<Option<Task>, StoreError> {
        self.connection()
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tasks
                 WHERE state = 'linked' AND ifnull(client_id, '') = ?1 AND session_id = ?2"
            ))?
            .query_row(
                params![client_id.map_or("", ClientId::as_str), session_id.to_string()],
                task,
            )
            .optional()?
            .map(|row| row.map(|(_, task)| task))
            .transpose()
    }

    /// How many sessions a client has handed over.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn linked_count(&self, client_id: Option<&ClientId>) -> Result<u64, StoreError> {
        let count: i64 = self
            .connection()
            .prepare_cached(
                "SELECT count(*) FROM tasks WHERE state = 'linked' AND ifnull(client_id, '') = ?1",
            )?
            .query_row([client_id.map_or("", ClientId::as_str)], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// The tasks that worked, work or will work on an agent's session, newest first, 100 at most.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn tasks_of_session(&self, session_id: Uuid) -> Result<Vec<Task>, StoreError> {
        let rows = self
            .connection()
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tasks WHERE session_id = ?1 ORDER BY number DESC LIMIT 100"
            ))?
            .query_map([session_id.to_string()], task)?
            .collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(|row| row.map(|(_, task)| task)).collect()
    }

    /// Ids that begin with `prefix`, at most `limit`: what a person typed of one.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn task_ids_with_prefix(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<TaskId>, StoreError> {
        let upper = format!("{prefix}~");
        let ids: Vec<String> = self
            .connection()
            .prepare_cached("SELECT id FROM tasks WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3")?
            .query_map(params![prefix, upper, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                row.get(0)
            })?
            .collect::<Result<_, _>>()?;
        Ok(ids.into_iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Tasks that are queued or under way, oldest first: what recovery begins with.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn unfinished_tasks(&self) -> Result<Vec<Task>, StoreError> {
        let rows = self
            .connection()
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tasks
                 WHERE state IN ('queued', 'running', 'needs_input', 'cancelling') ORDER BY number"
            ))?
            .query_map([], task)?
            .collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(|row| row.map(|(_, task)| task)).collect()
    }

    /// Number of tasks in each state.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn task_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = self
            .connection()
            .prepare_cached("SELECT state, count(*) FROM tasks GROUP BY state ORDER BY state")?
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?
            .collect::<Result<_, _>>()?;
        Ok(rows)
    }

    /// A page of tasks, newest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn list_tasks(&self, filter: &TaskFilter) -> Result<TaskPage, StoreError> {
        let mut conditions: Vec<String> = Vec::new();
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut bind = |value: Box<dyn ToSql>| {
            values.push(value);
            values.len()
        };
        if !filter.states.is_empty() {
            let places: Vec<String> =
                filter.states.iter().map(|state| format!("?{}", bind(Box::new(*state)))).collect();
            conditions.push(format!("state IN ({})", places.join(", ")));
        }
        if let Some(projects) = &filter.projects {
            let places: Vec<String> = projects
                .iter()
                .map(|project| format!("?{}", bind(Box::new(project.clone()))))
                .collect();
            conditions.push(format!("project IN ({})", places.join(", ")));
        }
        if let Some(executor) = &filter.executor {
            conditions.push(format!("executor = ?{}", bind(Box::new(executor.clone()))));
        }
        if let Some(since) = filter.since {
            conditions.push(format!("updated_at >= ?{}", bind(Box::new(since.as_millis()))));
        }
        if let Some(query) = filter.text.as_deref().and_then(text_query) {
            let place = bind(Box::new(query));
            conditions.push(format!(
                "number IN (SELECT rowid FROM task_text WHERE task_text MATCH ?{place})"
            ));
        }
        if let Some(before) = filter.before {
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            conditions.push(format!("number < ?{}", bind(Box::new(before))));
        }
        let limit = filter.limit.clamp(1, 1000);
        let restriction = match conditions.as_slice() {
            [] => String::new(),
            conditions => format!("WHERE {}", conditions.join(" AND ")),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks {restriction} ORDER BY number DESC LIMIT {}",
            limit + 1
        );
        let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
        let rows = self
            .connection()
            .prepare_cached(&sql)?
            .query_map(values.as_slice(), task)?
            .collect::<Result<Vec<_>, _>>()?;
        let mut rows = rows.into_iter().collect::<Result<Vec<_>, StoreError>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(number, _)| *number);
        Ok(TaskPage { tasks: rows.into_iter().map(|(_, task)| task).collect(), next })
    }
}

/// An FTS5 query for prompts with all of the words in `text`; none when there is no word in it.
fn text_query(text: &str) -> Option<String> {
    let terms: Vec<String> = text
        .split_whitespace()
        .take(16)
        .map(|word| word.replace('"', ""))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!terms.is_empty()).then(|| terms.join(" "))
}

fn session_of(task: &Task) -> Option<String> {
    task.session_id().map(|id| id.to_string())
}

fn linked(task: &Task, again: bool) -> EventKind {
    EventKind::Linked { again, summary: task.spec.title() }
}

fn body_of(task: &Task) -> Result<String, StoreError> {
    let body = Body {
        state: task.state.clone(),
        progress: task.progress.clone(),
        cost: task.cost,
        waited_ms: task.waited_ms,
        workspace: task.workspace.clone(),
        run: task.run.clone(),
    };
    to_json("tasks", &body)
}

fn task(row: &Row<'_>) -> rusqlite::Result<Result<(u64, Task), StoreError>> {
    let number = row.get::<_, i64>(0)?.cast_unsigned();
    let id: String = row.get(1)?;
    let (created_at, updated_at, cursor): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let (spec, body): (String, String) = (row.get(5)?, row.get(6)?);
    let build = || {
        let spec: TaskSpec = from_json("tasks", &spec)?;
        let Body { state, progress, cost, waited_ms, workspace, run } = from_json("tasks", &body)?;
        let id = id.parse().map_err(|error| StoreError::Malformed {
            table: "tasks",
            detail: format!("{error}"),
        })?;
        let task = Task {
            id,
            spec,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            cursor: cursor.cast_unsigned(),
            state,
            progress,
            cost,
            waited_ms,
            workspace,
            run,
        };
        Ok((number, task))
    };
    Ok(build())
}
