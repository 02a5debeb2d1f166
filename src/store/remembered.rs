//! Tasks as last committed, kept for whoever asks again: clients poll the same few.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::StoreError;
use crate::model::{Task, TaskId};

/// Tasks kept at a time; a prompt may have a hundred kilobytes.
const TASKS_MAX: usize = 32;

/// The tasks that were read since they last changed.
#[derive(Debug, Default)]
pub(super) struct RememberedTasks(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    tasks: HashMap<TaskId, Arc<Task>>,
    /// Grows whenever anything is forgotten: what was read before that may be old.
    epoch: u64,
}

impl RememberedTasks {
    /// The task as remembered, or as `read` finds it.
    pub(super) fn get(
        &self,
        id: &TaskId,
        read: impl FnOnce() -> Result<Option<Task>, StoreError>,
    ) -> Result<Option<Arc<Task>>, StoreError> {
        let epoch = {
            let table = self.lock();
            if let Some(task) = table.tasks.get(id) {
                return Ok(Some(task.clone()));
            }
            table.epoch
        };
        let Some(task) = read()?.map(Arc::new) else { return Ok(None) };
        let mut table = self.lock();
        if table.epoch == epoch {
            if table.tasks.len() >= TASKS_MAX {
                table.tasks.clear();
            }
            table.tasks.insert(id.clone(), task.clone());
        }
        Ok(Some(task))
    }

    /// Forgets tasks that a commit has changed. The commit must be over, and nobody told of it.
    pub(super) fn forget(&self, ids: &[TaskId]) {
        if ids.is_empty() {
            return;
        }
        let mut table = self.lock();
        table.epoch += 1;
        for id in ids {
            table.tasks.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
