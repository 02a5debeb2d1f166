//! What agents ask their owner.
use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::events::{from_json, to_json};
use super::{ReadTx, WriteTx};
use crate::model::{Request, RequestId, TaskId};

impl WriteTx<'_> {
    /// Stores a new request; `false` when the task's agent asked the same one before.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn insert_request(&mut self, request: &Request) -> Result<bool, StoreError> {
        let inserted = self
            .connection()
            .prepare_cached(
                "INSERT OR IGNORE INTO requests (id, task_id, agent_ref, state, body)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                request.id.as_str(),
                request.task_id.as_str(),
                request.agent_ref,
                request.state.name(),
                to_json("requests", request)?,
            ])?;
        Ok(inserted == 1)
    }

    /// Stores a request's new state.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn save_request(&mut self, request: &Request) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("UPDATE requests SET state = ?2, body = ?3 WHERE id = ?1")?
            .execute(params![
                request.id.as_str(),
                request.state.name(),
                to_json("requests", request)?,
            ])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// One request.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn request(&self, id: &RequestId) -> Result<Option<Request>, StoreError> {
        let body: Option<String> = self
            .connection()
            .prepare_cached("SELECT body FROM requests WHERE id = ?1")?
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?;
        body.map(|body| from_json("requests", &body)).transpose()
    }

    /// At most `limit` open requests of all tasks, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn open_requests(&self, limit: u32) -> Result<Vec<Request>, StoreError> {
        let bodies: Vec<String> = self
            .connection()
            .prepare_cached(
                "SELECT body FROM requests WHERE state = 'open' ORDER BY number LIMIT ?1",
            )?
            .query_map([limit], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        bodies.iter().map(|body| from_json("requests", body)).collect()
    }

    /// All requests of a task, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn requests_of(&self, task_id: &TaskId) -> Result<Vec<Request>, StoreError> {
        let bodies: Vec<String> = self
            .connection()
            .prepare_cached("SELECT body FROM requests WHERE task_id = ?1 ORDER BY number")?
            .query_map([task_id.as_str()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        bodies.iter().map(|body| from_json("requests", body)).collect()
    }
}
