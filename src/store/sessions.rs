//! What sessions of the MCP revisions with a handshake agreed on, so that a restart does not end them.
use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;

/// A session as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptSession {
    /// Its id, as the client sends it.
    pub id: String,
    /// Whom it is bound to.
    pub owner: String,
    /// About when it was used last.
    pub used_at: Timestamp,
    /// What its client opened it with, as JSON.
    pub body: String,
}

/// How many sessions are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SessionBounds {
    /// Of one owner.
    pub per_owner_max: usize,
    /// Of all owners together.
    pub total_max: usize,
    /// Those used last before this moment are over.
    pub used_since: Timestamp,
}

impl WriteTx<'_> {
    /// Keeps a session, and of the others only what `bounds` allow: the least recently used go.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn keep_session(
        &mut self,
        session: &KeptSession,
        bounds: SessionBounds,
    ) -> Result<(), StoreError> {
        let KeptSession { id, owner, used_at, body } = session;
        let count = |max: usize| i64::try_from(max).unwrap_or(i64::MAX);
        let connection = self.connection();
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO mcp_sessions (id, owner, used_at, body)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![id, owner, used_at.as_millis(), body])?;
        connection
            .prepare_cached("DELETE FROM mcp_sessions WHERE used_at < ?1")?
            .execute([bounds.used_since.as_millis()])?;
        connection
            .prepare_cached(
                "DELETE FROM mcp_sessions WHERE id IN (SELECT id FROM mcp_sessions
                 WHERE owner = ?1 ORDER BY used_at DESC, rowid DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute(params![owner, count(bounds.per_owner_max)])?;
        connection
            .prepare_cached(
                "DELETE FROM mcp_sessions WHERE id IN (SELECT id FROM mcp_sessions
                 ORDER BY used_at DESC, rowid DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([count(bounds.total_max)])?;
        Ok(())
    }

    /// Notes that a session was used now.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn mark_session_used(&mut self, id: &str) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("UPDATE mcp_sessions SET used_at = ?2 WHERE id = ?1")?
            .execute(params![id, self.now().as_millis()])?;
        Ok(())
    }

    /// Forgets a session.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn forget_session(&mut self, id: &str) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("DELETE FROM mcp_sessions WHERE id = ?1")?
            .execute([id])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// A kept session.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn session(&self, id: &str) -> Result<Option<KeptSession>, StoreError> {
        let found = self
            .connection()
            .prepare_cached("SELECT id, owner, used_at, body FROM mcp_sessions WHERE id = ?1")?
            .query_row([id], |row| {
                Ok(KeptSession {
                    id: row.get(0)?,
                    owner: row.get(1)?,
                    used_at: Timestamp::from_millis(row.get(2)?),
                    body: row.get(3)?,
                })
            })
            .optional()?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;
    use crate::store::Store;

    fn session(id: &str, owner: &str, used_at: i64) -> KeptSession {
        let used_at = Timestamp::from_millis(used_at);
        KeptSession { id: id.into(), owner: owner.into(), used_at, body: "{}".into() }
    }

    #[tokio::test]
    async fn of_too_many_or_too_old_sessions_the_least_recently_used_go() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(50)));
        let store = Store::in_memory(clock).unwrap();
        let kept = |id: &'static str| store.read(|tx| tx.session(id)).unwrap().is_some();
        let bounds = |since| SessionBounds {
            per_owner_max: 2,
            total_max: 3,
            used_since: Timestamp::from_millis(since),
        };
        let keep = async |session: KeptSession, since| {
            store.write(move |tx| tx.keep_session(&session, bounds(since))).await.unwrap();
        };
        keep(session("a", "one", 10), 0).await;
        keep(session("b", "one", 20), 0).await;
        store.write(|tx| tx.mark_session_used("a")).await.unwrap();
        keep(session("c", "one", 30), 0).await;
        assert_eq!((kept("a"), kept("b"), kept("c")), (true, false, true));
        keep(session("d", "two", 31), 0).await;
        keep(session("e", "three", 32), 0).await;
        assert_eq!((kept("a"), kept("c"), kept("d"), kept("e")), (true, false, true, true));
        keep(session("f", "two", 60), 40).await;
        assert_eq!((kept("a"), kept("d"), kept("e"), kept("f")), (true, false, false, true));
        store.write(|tx| tx.forget_session("f")).await.unwrap();
        assert!(!kept("f"));
    }
}
