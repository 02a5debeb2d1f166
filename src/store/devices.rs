//! Paired devices of the owner, by the digests of their cookies.
use rusqlite::{OptionalExtension, Row, params};

use super::error::StoreError;
use super::tokens::{digest_of, id_of};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{Device, DeviceId, TokenDigest};

impl WriteTx<'_> {
    /// Stores a new device.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn insert_device(&mut self, device: &Device) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO devices (id, cookie, name, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                device.id.as_str(),
                device.cookie.as_bytes(),
                device.name,
                device.created_at.as_millis(),
                device.expires_at.as_millis(),
            ])?;
        Ok(())
    }

    /// Notes that a device consented to something.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn mark_device_used(&mut self, id: &DeviceId) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("UPDATE devices SET last_used_at = ?2 WHERE id = ?1")?
            .execute(params![id.as_str(), self.now().as_millis()])?;
        Ok(())
    }

    /// Revokes a device; `false` when there is none of that id or it was revoked before.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn revoke_device(&mut self, id: &DeviceId) -> Result<bool, StoreError> {
        let revoked = self
            .connection()
            .prepare_cached(
                "UPDATE devices SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![id.as_str(), self.now().as_millis()])?;
        Ok(revoked == 1)
    }

    /// Forgets devices whose cookies ended before a moment.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn prune_devices(&mut self, ended_before: Timestamp) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached("DELETE FROM devices WHERE expires_at < ?1")?
            .execute([ended_before.as_millis()])?;
        Ok(())
    }
}

const COLUMNS: &str = "id, cookie, name, created_at, expires_at, last_used_at, revoked_at";

impl ReadTx<'_> {
    /// The device that holds a cookie.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn device_by_cookie(&self, cookie: &TokenDigest) -> Result<Option<Device>, StoreError> {
        self.connection()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM devices WHERE cookie = ?1"))?
            .query_row([cookie.as_bytes()], |row| Ok(device(row)))
            .optional()?
            .transpose()
    }

    /// All devices, oldest first.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let rows: Vec<Result<Device, StoreError>> = self
            .connection()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM devices ORDER BY created_at, id"))?
            .query_map([], |row| Ok(device(row)))?
            .collect::<Result<_, _>>()?;
        rows.into_iter().collect()
    }
}

fn device(row: &Row<'_>) -> Result<Device, StoreError> {
    let moment = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = row.get(column)?;
        Ok(millis.map(Timestamp::from_millis))
    };
    let id: String = row.get("id")?;
    Ok(Device {
        id: id_of("devices", &id)?,
        name: row.get("name")?,
        cookie: digest_of(row, "cookie")?,
        created_at: Timestamp::from_millis(row.get("created_at")?),
        expires_at: Timestamp::from_millis(row.get("expires_at")?),
        last_used_at: moment("last_used_at")?,
        revoked_at: moment("revoked_at")?,
    })
}
