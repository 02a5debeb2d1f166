//! The write side: one thread, group commit, and the transaction that closures see.
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::StoreError;
use super::reader::ReadTx;
use super::remembered::RememberedTasks;
use crate::clock::{Clock, Timestamp};
use crate::model::TaskId;

/// Closures that may wait in front of the writer.
const QUEUE: usize = 1024;
/// Closures that share one commit.
const BATCH: usize = 256;

/// A transaction of the writer. Reads through it see its own writes.
#[derive(Debug)]
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    now: Timestamp,
    newest_event: u64,
    /// Tasks that this transaction changed.
    changed: &'a mut Vec<TaskId>,
}

impl WriteTx<'_> {
    /// The moment of this transaction.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) const fn saw_event(&mut self, seq: u64) {
        self.newest_event = seq;
    }

    pub(super) fn changed_task(&mut self, id: &TaskId) {
        self.changed.push(id.clone());
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;
    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}

/// One closure on its way through the writer.
pub(super) trait Job: Send {
    /// Runs inside its savepoint; `false` asks for that savepoint to be undone.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Answers the caller, after the commit that covers it.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

pub(super) struct TypedJob<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> TypedJob<F, T, E> {
    pub(super) const fn new(work: F, answer: oneshot::Sender<Result<T, E>>) -> Self {
        Self { work: Some(work), result: None, answer }
    }
}

impl<F, T, E> Job for TypedJob<F, T, E>
where
    F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = work(tx);
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            // An error of the closure is more telling than that of a commit it had no part in.
            (Err(_), Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Panicked.into()),
        };
        // Nobody waits any more: that is the caller's right.
        let _ = self.answer.send(result);
    }
}

/// Who learns of a commit.
#[derive(Debug)]
pub(super) struct Audience {
    /// Is told the newest event's number.
    pub(super) committed: watch::Sender<u64>,
    /// Forgets what has changed, before anybody is told.
    pub(super) tasks: Arc<RememberedTasks>,
}

/// Runs `jobs` in one transaction, commits, publishes the newest event, and answers each.
///
/// A plain function of the connection, so that a simulation can call it where it likes.
pub(super) fn commit_batch(
    connection: &Connection,
    now: Timestamp,
    audience: &Audience,
    mut jobs: Vec<Box<dyn Job>>,
) {
    let mut changed = Vec::new();
    let outcome = run_batch(connection, now, &mut jobs, &mut changed);
    if outcome.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
    let result = match outcome {
        Ok(newest) => {
            audience.tasks.forget(&changed);
            audience.committed.send_if_modified(|seq| {
                let grew = newest > *seq;
                *seq = newest.max(*seq);
                grew
            });
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, "a database transaction failed");
            Err(error)
        }
    };
    for job in jobs {
        job.finish(result.clone());
    }
}

fn run_batch(
    connection: &Connection,
    now: Timestamp,
    jobs: &mut [Box<dyn Job>],
    changed: &mut Vec<TaskId>,
) -> Result<u64, StoreError> {
    let execute = |sql: &str| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    execute("BEGIN IMMEDIATE")?;
    let mut newest = 0;
    for job in jobs {
        execute("SAVEPOINT job")?;
        let read = ReadTx::new(connection);
        let mut tx = WriteTx { read, now, newest_event: newest, changed };
        let kept = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or(false);
        if kept {
            newest = tx.newest_event;
        } else {
            execute("ROLLBACK TO job")?;
        }
        execute("RELEASE job")?;
    }
    execute("COMMIT")?;
    Ok(newest)
}

/// The thread that owns the write connection.
#[derive(Debug)]
pub(super) struct WriterThread {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterThread {
    pub(super) fn start(
        connection: Connection,
        clock: Arc<dyn Clock>,
        audience: Audience,
    ) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_loop(connection, &*clock, &audience, waiting))
            .map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(queue) = queue else { return Err(StoreError::Closed) };
        queue.send(job).await.map_err(|_| StoreError::Closed)
    }

    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the database writer panicked");
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_loop(
    connection: Connection,
    clock: &dyn Clock,
    audience: &Audience,
    mut waiting: mpsc::Receiver<Box<dyn Job>>,
) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = waiting.try_recv()
        {
            batch.push(job);
        }
        commit_batch(&connection, clock.now(), audience, batch);
    }
    if let Err(error) = connection.pragma_update(None, "wal_checkpoint", "truncate") {
        tracing::debug!(%error, "the log was not checkpointed at the end");
    }
    if let Err((_, error)) = connection.close() {
        tracing::error!(%error, "the database was not closed cleanly");
    }
}
