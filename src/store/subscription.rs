//! Following the event log from any point.
use std::collections::VecDeque;

use tokio::sync::watch;

use super::Store;
use super::error::StoreError;
use crate::model::Event;

/// Events read at a time; the bound of a subscriber's memory.
const PAGE: usize = 256;

/// All events after a cursor. A slow subscriber loses nothing: it reads the rows when it comes.
#[derive(Debug)]
pub struct Subscription {
    store: Store,
    committed: watch::Receiver<u64>,
    cursor: u64,
    page: VecDeque<Event>,
}

impl Subscription {
    pub(super) fn new(store: Store, cursor: u64) -> Self {
        let committed = store.committed();
        Self { store, committed, cursor, page: VecDeque::new() }
    }

    /// The next event; waits for one. Cancel-safe: no event is lost by dropping the future.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Event, StoreError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.cursor = event.seq;
                return Ok(event);
            }
            let cursor = self.cursor;
            // The sender lives in the store, which this subscription holds.
            if self.committed.wait_for(|seq| *seq > cursor).await.is_err() {
                return Err(StoreError::Closed);
            }
            self.page = self.store.read(|tx| tx.events_after(None, cursor, PAGE))?.into();
            if self.page.is_empty() {
                // The newest events were of a kind that is kept no more; nothing to wait for there.
                self.cursor = *self.committed.borrow();
            }
        }
    }
}
