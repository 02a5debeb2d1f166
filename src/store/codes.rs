//! Authorization codes. A consumed one stays as a tombstone while its family lives, so that a
//! replay is recognised.
use rusqlite::{OptionalExtension, Row, params};

use super::error::StoreError;
use super::tokens::{digest_of, id_of};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{Audience, AuthorizationCode, FamilyId, Scopes, TokenDigest};

impl WriteTx<'_> {
    /// Stores a new code.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn insert_code(&mut self, code: &AuthorizationCode) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO codes (digest, family_id, client_id, redirect_uri, code_challenge,
                     scopes, audience, device_id, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                code.digest.as_bytes(),
                code.family_id.as_str(),
                code.client_id.as_str(),
                code.redirect_uri,
                code.code_challenge,
                code.scopes.to_string(),
                code.audience.as_str(),
                code.device_id.as_ref().map(crate::model::DeviceId::as_str),
                code.created_at.as_millis(),
                code.expires_at.as_millis(),
            ])?;
        Ok(())
    }

    /// Consumes a code: `true` for exactly one caller, ever.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn consume_code(&mut self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let consumed = self
            .connection()
            .prepare_cached(
                "UPDATE codes SET consumed_at = ?2 WHERE digest = ?1 AND consumed_at IS NULL",
            )?
            .execute(params![digest.as_bytes(), self.now().as_millis()])?;
        Ok(consumed == 1)
    }

    /// Forgets codes that were not redeemed in time and founded nothing.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn prune_codes(&mut self, ended_before: Timestamp) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "DELETE FROM codes WHERE expires_at < ?1
                 AND NOT EXISTS (SELECT 1 FROM token_families f WHERE f.id = codes.family_id)",
            )?
            .execute([ended_before.as_millis()])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// One code, consumed or not.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn code(&self, digest: &TokenDigest) -> Result<Option<AuthorizationCode>, StoreError> {
        self.connection()
            .prepare_cached(
                "SELECT digest, family_id, client_id, redirect_uri, code_challenge, scopes,
                     audience, device_id, created_at, expires_at
                 FROM codes WHERE digest = ?1",
            )?
            .query_row([digest.as_bytes()], code)
            .optional()?
            .transpose()
    }
}

fn code(row: &Row<'_>) -> rusqlite::Result<Result<AuthorizationCode, StoreError>> {
    let (family_id, client_id): (String, String) = (row.get("family_id")?, row.get("client_id")?);
    let device_id: Option<String> = row.get("device_id")?;
    let digest = digest_of(row, "digest")?;
    let (redirect_uri, code_challenge) = (row.get("redirect_uri")?, row.get("code_challenge")?);
    let (scopes, audience): (String, String) = (row.get("scopes")?, row.get("audience")?);
    let created_at = Timestamp::from_millis(row.get("created_at")?);
    let expires_at = Timestamp::from_millis(row.get("expires_at")?);
    let read = || {
        Ok(AuthorizationCode {
            digest,
            family_id: id_of::<FamilyId>("codes", &family_id)?,
            client_id: id_of("codes", &client_id)?,
            redirect_uri,
            code_challenge,
            scopes: Scopes::from_text(&scopes),
            audience: Audience::from_stored(&audience),
            device_id: device_id.map(|id| id_of("codes", &id)).transpose()?,
            created_at,
            expires_at,
        })
    };
    Ok(read())
}
