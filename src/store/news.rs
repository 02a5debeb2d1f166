//! What happened over all tasks that is worth telling, and what is open: both by an index of their own,
//! so that neither old tasks nor the many small events between cost anything.
use rusqlite::params;

use super::ReadTx;
use super::error::StoreError;
use super::events::event;
use crate::model::{Event, TaskId};

/// Which way to go through the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NewsOrder {
    /// Oldest first, after this sequence number.
    After(u64),
    /// Newest first, before this sequence number.
    Before(u64),
}

/// A task that is queued or under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenTask {
    /// Its name.
    pub id: TaskId,
    /// Its state's name.
    pub state: String,
    /// Its project's name.
    pub project: String,
}

impl ReadTx<'_> {
    /// At most `limit` events that are news, of some projects or of all.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn news(
        &self,
        projects: Option<&[String]>,
        order: NewsOrder,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut found = match projects {
            None => self.news_of(None, order, limit)?,
            Some(projects) => {
                let mut found = Vec::new();
                for project in projects {
                    found.extend(self.news_of(Some(project), order, limit)?);
                }
                found
            }
        };
        found.sort_unstable_by_key(|event| match order {
            NewsOrder::After(_) => event.seq,
            NewsOrder::Before(_) => u64::MAX - event.seq,
        });
        found.truncate(limit);
        Ok(found)
    }

    fn news_of(
        &self,
        project: Option<&str>,
        order: NewsOrder,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let (cursor, bound, direction) = match order {
            NewsOrder::After(seq) => (seq, "seq > ?1", "ASC"),
            NewsOrder::Before(seq) => (seq, "seq < ?1", "DESC"),
        };
        // The planner would go by the row number, and read every event between.
        let (index, whose) = match project {
            Some(_) => ("events_news", "news = ?3"),
            None => ("events_news_of_all", "news IS NOT NULL AND ?3 IS NULL"),
        };
        let cursor = i64::try_from(cursor).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Result<Event, StoreError>> = self
            .connection()
            .prepare_cached(&format!(
                "SELECT seq, at, task_id, body FROM events INDEXED BY {index}
                 WHERE {whose} AND {bound} ORDER BY seq {direction} LIMIT ?2"
            ))?
            .query_map(params![cursor, limit, project], event)?
            .collect::<Result<_, _>>()?;
        rows.into_iter().collect()
    }

    /// Sequence number of the newest event.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn newest_event(&self) -> Result<u64, StoreError> {
        super::events::newest(self.connection())
    }

    /// Tasks that are queued or under way, oldest first, of some projects or of all. Limits on queue
    /// and places bound their number.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn open_tasks(&self, projects: Option<&[String]>) -> Result<Vec<OpenTask>, StoreError> {
        let rows: Vec<(String, String, String)> = self
            .connection()
            .prepare_cached(
                "SELECT id, state, project FROM tasks INDEXED BY tasks_by_state
                 WHERE state IN ('queued', 'running', 'needs_input', 'cancelling')
                 ORDER BY number",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let seen = |project: &String| projects.is_none_or(|projects| projects.contains(project));
        let open = rows.into_iter().filter(|(_, _, project)| seen(project));
        let open = open.filter_map(|(id, state, project)| {
            Some(OpenTask { id: id.parse().ok()?, state, project })
        });
        Ok(open.collect())
    }
}
