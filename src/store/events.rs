//! The event log.
use rusqlite::{Connection, Row, params};

use super::error::StoreError;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{Event, EventKind, Task, TaskId};

/// Sequence number of the newest event.
pub(super) fn newest(connection: &Connection) -> Result<u64, StoreError> {
    let seq: i64 =
        connection.query_row("SELECT ifnull(max(seq), 0) FROM events", [], |row| row.get(0))?;
    Ok(seq.cast_unsigned())
}

impl WriteTx<'_> {
    /// Appends an event of a task and returns its sequence number.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn append_event(&mut self, task: &Task, kind: &EventKind) -> Result<u64, StoreError> {
        let body = to_json("events", kind)?;
        let news = kind.is_news().then_some(task.spec.project.as_str());
        self.connection()
            .prepare_cached("INSERT INTO events (at, task_id, body, news) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.now().as_millis(), task.id.as_str(), body, news])?;
        let seq = self.connection().last_insert_rowid().cast_unsigned();
        self.saw_event(seq);
        Ok(seq)
    }
}

impl ReadTx<'_> {
    /// At most `limit` events after `cursor`, oldest first, of one task or of all.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn events_after(
        &self,
        task_id: Option<&TaskId>,
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let cursor = i64::try_from(cursor).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Result<Event, StoreError>> = if let Some(task_id) = task_id {
            self.connection()
                .prepare_cached(
                    "SELECT seq, at, task_id, body FROM events
                     WHERE task_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                )?
                .query_map(params![task_id.as_str(), cursor, limit], event)?
                .collect::<Result<_, _>>()?
        } else {
            self.connection()
                .prepare_cached(
                    "SELECT seq, at, task_id, body FROM events
                     WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![cursor, limit], event)?
                .collect::<Result<_, _>>()?
        };
        rows.into_iter().collect()
    }
}

impl ReadTx<'_> {
    /// The newest `limit` events of a task after `cursor`, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn last_events(
        &self,
        task_id: &TaskId,
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let cursor = i64::try_from(cursor).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Result<Event, StoreError>> = self
            .connection()
            .prepare_cached(
                "SELECT seq, at, task_id, body FROM events
                 WHERE task_id = ?1 AND seq > ?2 ORDER BY seq DESC LIMIT ?3",
            )?
            .query_map(params![task_id.as_str(), cursor, limit], event)?
            .collect::<Result<_, _>>()?;
        rows.into_iter().rev().collect()
    }
}

impl ReadTx<'_> {
    /// The newest `limit` events of a task before `cursor`, newest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn events_before(
        &self,
        task_id: &TaskId,
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let cursor = i64::try_from(cursor).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Result<Event, StoreError>> = self
            .connection()
            .prepare_cached(
                "SELECT seq, at, task_id, body FROM events
                 WHERE task_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            )?
            .query_map(params![task_id.as_str(), cursor, limit], event)?
            .collect::<Result<_, _>>()?;
        rows.into_iter().collect()
    }
}

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Result<Event, StoreError>> {
    let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (task_id, body): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(from_json("events", &body).and_then(|kind| {
        let task_id = task_id.parse().map_err(|error| StoreError::Malformed {
            table: "events",
            detail: format!("{error}"),
        })?;
        Ok(Event { seq: seq.cast_unsigned(), at: Timestamp::from_millis(at), task_id, kind })
    }))
}

pub(super) fn to_json<T: serde::Serialize>(
    table: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Malformed { table, detail: error.to_string() })
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Malformed { table, detail: error.to_string() })
}
