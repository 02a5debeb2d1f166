//! The one SQLite database; the only user of `rusqlite`.
//!
//! One std thread owns the write connection and commits in groups: it takes all waiting closures,
//! gives each its savepoint, commits once, and only then answers. Reads use read-only connections.
//! A task's change and its event rows share a transaction, and subscribers see events only after
//! the commit, by the rows' own sequence numbers: no gaps, no phantoms.
//!
//! A new table means one file here with its typed methods on [`ReadTx`] and [`WriteTx`], and one
//! migration in `schema.rs`. SQL never leaves this module.
mod clients;
mod codes;
mod devices;
mod durations;
mod error;
mod events;
mod examine;
mod news;
mod reader;
mod remembered;
mod requests;
mod schema;
mod sessions;
mod spending;
mod subscription;
mod tasks;
mod tokens;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

pub use self::error::StoreError;
pub use self::examine::{Examination, Soundness};
pub use self::news::{NewsOrder, OpenTask};
pub use self::reader::ReadTx;
use self::reader::ReaderPool;
use self::remembered::RememberedTasks;
pub use self::sessions::{KeptSession, SessionBounds};
pub use self::subscription::Subscription;
pub use self::tasks::{TaskFilter, TaskPage};
pub use self::tokens::BearerRow;
pub use self::writer::WriteTx;
use self::writer::{Audience, Job, TypedJob, WriterThread};
use crate::clock::Clock;
use crate::model::{Task, TaskId};

/// The database. Clones share it; the last one dropped, or [`Store::close`], ends the writer.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Backend,
    committed: watch::Sender<u64>,
    tasks: Arc<RememberedTasks>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Backend {
    /// The real thing: a writer thread and a pool of read-only connections.
    File { writer: WriterThread, readers: ReaderPool },
    /// One connection in memory; writes run inline, so that a simulation decides their order.
    Memory(Mutex<Connection>),
}

impl Store {
    /// Opens or makes the database at `path` and brings its schema up to date.
    ///
    /// The folder must exist and be private; before a migration the old file is kept beside it as
    /// `<name>.v<old version>.bak`. Blocking: a few milliseconds, more when it migrates.
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerSchema`] when a newer gateway made the file, otherwise what SQLite says.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = schema::open_for_writing(path)?;
        schema::migrate(&mut connection, Some(path))?;
        let committed = watch::Sender::new(events::newest(&connection)?);
        let tasks = Arc::new(RememberedTasks::default());
        let audience = Audience { committed: committed.clone(), tasks: tasks.clone() };
        let writer = WriterThread::start(connection, clock.clone(), audience)?;
        let readers = ReaderPool::new(path);
        let backend = Backend::File { writer, readers };
        Ok(Self { inner: Arc::new(Inner { backend, committed, tasks, clock }) })
    }

    /// A database in memory whose writes run inline, for tests and simulations.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        schema::migrate(&mut connection, None)?;
        let committed = watch::Sender::new(0);
        let backend = Backend::Memory(Mutex::new(connection));
        let tasks = Arc::default();
        Ok(Self { inner: Arc::new(Inner { backend, committed, tasks, clock }) })
    }

    /// Runs `work` in a transaction and answers after its commit is on disk.
    ///
    /// An `Err` of `work` undoes what it wrote, and nothing else. Waiting is bounded by the queue
    /// in front of the writer (1,024 closures). Not cancel-safe in the sense of undoing: once the
    /// closure is queued it will run, also when the caller no longer waits.
    ///
    /// # Errors
    ///
    /// What `work` returns, or the [`StoreError`] that kept it from being committed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(TypedJob::new(work, answer));
        match &self.inner.backend {
            Backend::File { writer, .. } => writer.submit(job).await?,
            Backend::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let Inner { committed, tasks, clock, .. } = &*self.inner;
                let audience = Audience { committed: committed.clone(), tasks: tasks.clone() };
                writer::commit_batch(&connection, clock.now(), &audience, vec![job]);
            }
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Runs point look-ups on the calling thread; microseconds, never waits for the writer.
    ///
    /// # Errors
    ///
    /// What `work` returns.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.inner.backend {
            Backend::File { readers, .. } => readers.with(work),
            Backend::Memory(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                work(&ReadTx::new(&connection))
            }
        }
    }

    /// One task, as last committed; from memory when it was asked for since.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn task(&self, id: &TaskId) -> Result<Option<Arc<Task>>, StoreError> {
        self.inner.tasks.get(id, || self.read(|tx| tx.task(id)))
    }

    /// Runs a read that may take long (lists, searches) off the async threads.
    ///
    /// # Errors
    ///
    /// What `work` returns.
    pub async fn read_blocking<T, E>(
        &self,
        work: impl FnOnce(&ReadTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        let done = tokio::task::spawn_blocking(move || store.read(work)).await;
        done.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// Sequence number of the newest committed event, and a wake-up for every later one.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.inner.committed.subscribe()
    }

    /// All events after `from_seq`, those to come included, in the order of their commits.
    #[must_use]
    pub fn subscribe(&self, from_seq: u64) -> Subscription {
        Subscription::new(self.clone(), from_seq)
    }

    /// Commits what is queued, ends the writer and checkpoints the log. Later writes answer
    /// [`StoreError::Closed`]. Blocking.
    pub fn close(&self) {
        if let Backend::File { writer, .. } = &self.inner.backend {
            writer.close();
        }
    }
}

#[cfg(test)]
mod tests;
