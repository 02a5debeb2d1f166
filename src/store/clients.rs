//! Registered clients: a row each; the last use in a column of its own, because it is written often.
use rusqlite::{OptionalExtension, Row, params};

use super::error::StoreError;
use super::events::{from_json, to_json};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{Client, ClientId};

impl WriteTx<'_> {
    /// Stores a client, new or changed.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn save_client(&mut self, client: &Client) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO clients (id, created_at, last_used_at, body, registration, approved_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (id) DO UPDATE SET body = excluded.body,
                     approved_at = excluded.approved_at",
            )?
            .execute(params![
                client.id.as_str(),
                client.created_at.as_millis(),
                client.last_used_at.map(Timestamp::as_millis),
                to_json("clients", client)?,
                client.registration.name(),
                client.approved_at.map(Timestamp::as_millis),
            ])?;
        Ok(())
    }

    /// Stores a client that registered itself, and makes room for it: those that nobody allowed and
    /// that came before `waiting_since` go, and the oldest of the others while there are `waiting_max`.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn insert_registration(
        &mut self,
        client: &Client,
        waiting_since: Timestamp,
        waiting_max: usize,
    ) -> Result<(), StoreError> {
        let room = i64::try_from(waiting_max.saturating_sub(1)).unwrap_or(i64::MAX);
        self.connection()
            .prepare_cached(
                "DELETE FROM clients WHERE registration = 'dcr' AND approved_at IS NULL
                 AND (created_at < ?1 OR rowid NOT IN (
                     SELECT rowid FROM clients WHERE registration = 'dcr' AND approved_at IS NULL
                     ORDER BY created_at DESC, rowid DESC LIMIT ?2))",
            )?
            .execute(params![waiting_since.as_millis(), room])?;
        self.save_client(client)
    }

    /// Forgets a client that is revoked; its grants are pruned when their time has come.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn forget_client(&mut self, id: &ClientId) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "DELETE FROM clients WHERE id = ?1 AND body ->> 'revoked_at' IS NOT NULL",
            )?
            .execute([id.as_str()])?;
        Ok(())
    }

    /// Forgets clients that registered themselves and tokens, when they were not used since
    /// `used_before` and hold no grant that could be used any more. A client is told `invalid_client`
    /// and registers again.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn prune_registrations(&mut self, used_before: Timestamp) -> Result<usize, StoreError> {
        let pruned = self
            .connection()
            .prepare_cached(
                "DELETE FROM clients WHERE registration <> 'static'
                 AND max(created_at, ifnull(approved_at, 0), ifnull(last_used_at, 0)) < ?1
                 AND NOT EXISTS (SELECT 1 FROM token_families f WHERE f.client_id = clients.id
                     AND f.revoked_at IS NULL AND f.expires_at >= ?2)",
            )?
            .execute(params![used_before.as_millis(), self.now().as_millis()])?;
        Ok(pruned)
    }

    /// Notes that a token of a client was used.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn mark_client_used(&mut self, id: &ClientId, at: Timestamp) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "UPDATE clients SET last_used_at = max(ifnull(last_used_at, 0), ?2) WHERE id = ?1",
            )?
            .execute(params![id.as_str(), at.as_millis()])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// One client.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        self.connection()
            .prepare_cached("SELECT body, last_used_at FROM clients WHERE id = ?1")?
            .query_row([id.as_str()], client)
            .optional()?
            .transpose()
    }

    /// All clients, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn clients(&self) -> Result<Vec<Client>, StoreError> {
        let rows: Vec<Result<Client, StoreError>> = self
            .connection()
            .prepare_cached("SELECT body, last_used_at FROM clients ORDER BY created_at, id")?
            .query_map([], client)?
            .collect::<Result<_, _>>()?;
        rows.into_iter().collect()
    }
}

pub(super) fn client(row: &Row<'_>) -> rusqlite::Result<Result<Client, StoreError>> {
    let body: String = row.get("body")?;
    let last_used_at: Option<i64> = row.get("last_used_at")?;
    Ok(from_json("clients", &body).map(|client: Client| Client {
        last_used_at: last_used_at.map(Timestamp::from_millis),
        ..client
    }))
}
