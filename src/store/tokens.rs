//! Token families and their tokens, by digest. Rotated tokens stay as tombstones while their family
//! lives, so that a replay is recognised.
use rusqlite::{OptionalExtension, Row, params};

use super::clients::client;
use super::error::StoreError;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::{
    Audience, Client, ClientId, FamilyId, InvalidId, Revocation, RevocationReason, Scopes,
    Supersession, Token, TokenDigest, TokenFamily, TokenKind,
};

/// A presented access token with everything that decides about it.
#[derive(Clone, Debug)]
pub struct BearerRow {
    /// The token.
    pub token: Token,
    /// Its family.
    pub family: TokenFamily,
    /// The client that the family belongs to.
    pub client: Client,
}

impl WriteTx<'_> {
    /// Stores a family, new or changed.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn save_family(&mut self, family: &TokenFamily) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO token_families (id, client_id, scopes, audience, device_id,
                     created_at, generation, newest_used, expires_at, last_used_at, revoked_at,
                     revoked_reason)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (id) DO UPDATE SET generation = excluded.generation,
                     newest_used = excluded.newest_used, expires_at = excluded.expires_at,
                     last_used_at = excluded.last_used_at, revoked_at = excluded.revoked_at,
                     revoked_reason = excluded.revoked_reason",
            )?
            .execute(params![
                family.id.as_str(),
                family.client_id.as_str(),
                family.scopes.to_string(),
                family.audience.as_str(),
                family.device_id.as_ref().map(crate::model::DeviceId::as_str),
                family.created_at.as_millis(),
                family.generation,
                family.newest_used,
                family.expires_at.as_millis(),
                family.last_used_at.map(Timestamp::as_millis),
                family.revoked.map(|revocation| revocation.at.as_millis()),
                family.revoked.map(|revocation| revocation.reason.name()),
            ])?;
        Ok(())
    }

    /// Stores a new token, or the new end of a token told again.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn save_token(&mut self, token: &Token) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO tokens (digest, family_id, kind, generation, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at",
            )?
            .execute(params![
                token.digest.as_bytes(),
                token.family_id.as_str(),
                kind_name(token.kind),
                token.generation,
                token.expires_at.as_millis(),
            ])?;
        Ok(())
    }

    /// Marks a pair as replaced by the next one.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn supersede_pair(
        &mut self,
        family_id: &FamilyId,
        generation: u32,
        superseded: &Supersession,
    ) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "UPDATE tokens SET superseded_at = ?3, salt = ?4
                 WHERE family_id = ?1 AND generation = ?2",
            )?
            .execute(params![
                family_id.as_str(),
                generation,
                superseded.at.as_millis(),
                superseded.salt,
            ])?;
        Ok(())
    }

    /// Notes that a pair of a family was used; of the newest pair, that it arrived.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn mark_family_used(
        &mut self,
        id: &FamilyId,
        generation: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "UPDATE token_families SET
                     newest_used = newest_used OR generation = ?2,
                     last_used_at = max(ifnull(last_used_at, 0), ?3)
                 WHERE id = ?1",
            )?
            .execute(params![id.as_str(), generation, at.as_millis()])?;
        Ok(())
    }

    /// Revokes one family, if it lives.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn revoke_family(
        &mut self,
        id: &FamilyId,
        reason: RevocationReason,
    ) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "UPDATE token_families SET revoked_at = ?2, revoked_reason = ?3
                 WHERE id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![id.as_str(), self.now().as_millis(), reason.name()])?;
        Ok(())
    }

    /// Revokes all living families of a client and returns how many there were.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn revoke_families_of(
        &mut self,
        client_id: &ClientId,
        reason: RevocationReason,
    ) -> Result<usize, StoreError> {
        let revoked = self
            .connection()
            .prepare_cached(
                "UPDATE token_families SET revoked_at = ?2, revoked_reason = ?3
                 WHERE client_id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![client_id.as_str(), self.now().as_millis(), reason.name()])?;
        Ok(revoked)
    }

    /// Forgets families that ended before a moment, with all their tokens and codes, and access
    /// tokens that ended then. A token that is unknown and one that ended are refused alike.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn prune_families(&mut self, ended_before: Timestamp) -> Result<(), StoreError> {
        let ended = ended_before.as_millis();
        for sql in [
            "DELETE FROM token_families WHERE min(expires_at, ifnull(revoked_at, expires_at)) < ?1",
            "DELETE FROM tokens WHERE (kind = 'access' AND expires_at < ?1)
                 OR NOT EXISTS (SELECT 1 FROM token_families f WHERE f.id = tokens.family_id)",
        ] {
            let statement = &mut self.connection().prepare_cached(sql)?;
            statement.execute([ended])?;
        }
        Ok(())
    }
}

const FAMILY: &str = "f.id AS family_id, f.client_id, f.scopes, f.audience, f.device_id,
    f.created_at AS family_created_at, f.generation AS newest, f.newest_used,
    f.expires_at AS family_expires_at, f.last_used_at AS family_used_at, f.revoked_at,
    f.revoked_reason";
const TOKEN: &str = "t.digest, t.kind, t.generation, t.expires_at, t.superseded_at, t.salt";

impl ReadTx<'_> {
    /// A token and its family.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn token(&self, digest: &TokenDigest) -> Result<Option<(Token, TokenFamily)>, StoreError> {
        let sql = format!(
            "SELECT {TOKEN}, {FAMILY} FROM tokens t JOIN token_families f ON f.id = t.family_id
             WHERE t.digest = ?1"
        );
        self.connection()
            .prepare_cached(&sql)?
            .query_row([digest.as_bytes()], |row| {
                Ok(family(row).and_then(|family| Ok((token(row, family.id.clone())?, family))))
            })
            .optional()?
            .transpose()
    }

    /// A token with its family and client: all that a request is decided by.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn bearer(&self, digest: &TokenDigest) -> Result<Option<BearerRow>, StoreError> {
        let sql = format!(
            "SELECT {TOKEN}, {FAMILY}, c.body, c.last_used_at
             FROM tokens t JOIN token_families f ON f.id = t.family_id
                 JOIN clients c ON c.id = f.client_id
             WHERE t.digest = ?1"
        );
        self.connection()
            .prepare_cached(&sql)?
            .query_row([digest.as_bytes()], |row| {
                let (client, family) = (client(row)?, family(row));
                Ok(client.and_then(|client| {
                    let family = family?;
                    Ok(BearerRow { token: token(row, family.id.clone())?, family, client })
                }))
            })
            .optional()?
            .transpose()
    }

    /// One family.
    ///
    /// # Errors
    ///
    /// What SQLite says, or [`StoreError::Malformed`].
    pub fn family(&self, id: &FamilyId) -> Result<Option<TokenFamily>, StoreError> {
        self.connection()
            .prepare_cached(&format!("SELECT {FAMILY} FROM token_families f WHERE f.id = ?1"))?
            .query_row([id.as_str()], |row| Ok(family(row)))
            .optional()?
            .transpose()
    }

    /// What the newest family of a client is good for.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn audience_of(&self, client_id: &ClientId) -> Result<Option<Audience>, StoreError> {
        let audience = self
            .connection()
            .prepare_cached(
                "SELECT audience FROM token_families WHERE client_id = ?1
                 ORDER BY created_at DESC LIMIT 1",
            )?
            .query_row([client_id.as_str()], |row| row.get::<_, String>(0))
            .optional()?;
        Ok(audience.as_deref().map(Audience::from_stored))
    }

    /// How many rows a table of authorization has.
    #[cfg(test)]
    pub(crate) fn count(&self, table: &'static str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = self.connection().query_row(&sql, [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }
}

fn token(row: &Row<'_>, family_id: FamilyId) -> Result<Token, StoreError> {
    let kind: String = row.get("kind")?;
    let kind = match kind.as_str() {
        "access" => TokenKind::Access,
        "refresh" => TokenKind::Refresh,
        _ => return Err(malformed("tokens", "kind")),
    };
    let superseded_at: Option<i64> = row.get("superseded_at")?;
    let salt: Option<[u8; 32]> = row.get("salt")?;
    let superseded = superseded_at
        .zip(salt)
        .map(|(at, salt)| Supersession { at: Timestamp::from_millis(at), salt });
    Ok(Token {
        digest: digest_of(row, "digest")?,
        family_id,
        kind,
        generation: row.get("generation")?,
        expires_at: Timestamp::from_millis(row.get("expires_at")?),
        superseded,
    })
}

fn family(row: &Row<'_>) -> Result<TokenFamily, StoreError> {
    const TABLE: &str = "token_families";
    let (id, client_id): (String, String) = (row.get("family_id")?, row.get("client_id")?);
    let (scopes, audience): (String, String) = (row.get("scopes")?, row.get("audience")?);
    let device_id: Option<String> = row.get("device_id")?;
    let last_used_at: Option<i64> = row.get("family_used_at")?;
    let revoked_at: Option<i64> = row.get("revoked_at")?;
    let reason: Option<String> = row.get("revoked_reason")?;
    let revoked = revoked_at
        .map(|at| {
            let reason = reason.as_deref().and_then(RevocationReason::from_name);
            let reason = reason.ok_or_else(|| malformed(TABLE, "revoked_reason"))?;
            Ok::<_, StoreError>(Revocation { at: Timestamp::from_millis(at), reason })
        })
        .transpose()?;
    Ok(TokenFamily {
        id: id_of(TABLE, &id)?,
        client_id: id_of(TABLE, &client_id)?,
        scopes: Scopes::from_text(&scopes),
        audience: Audience::from_stored(&audience),
        device_id: device_id.map(|id| id_of(TABLE, &id)).transpose()?,
        created_at: Timestamp::from_millis(row.get("family_created_at")?),
        generation: row.get("newest")?,
        newest_used: row.get("newest_used")?,
        expires_at: Timestamp::from_millis(row.get("family_expires_at")?),
        last_used_at: last_used_at.map(Timestamp::from_millis),
        revoked,
    })
}

pub(super) fn id_of<T: std::str::FromStr<Err = InvalidId>>(
    table: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error: InvalidId| StoreError::Malformed { table, detail: error.to_string() })
}

pub(super) fn digest_of(row: &Row<'_>, column: &str) -> rusqlite::Result<TokenDigest> {
    Ok(TokenDigest::from_bytes(row.get(column)?))
}

fn malformed(table: &'static str, column: &str) -> StoreError {
    StoreError::Malformed { table, detail: format!("unknown {column}") }
}

const fn kind_name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Access => "access",
        TokenKind::Refresh => "refresh",
    }
}
