//! Bearer tokens that the owner makes at the terminal, for programs that cannot sign in.
//!
//! Such a token is a client of its own with one grant and one access token: what lists, ends and
//! counts clients does so for it, and the bearer check is the one of all. It proves nothing at the
//! endpoints of the authorization server, because it has neither secret nor redirect URI.
use std::time::Duration;

use super::clients::ClientError;
use super::digest::OpaqueToken;
use super::server::AuthorizationServer;
use crate::clock::Timestamp;
use crate::model::{
    Audience, Client, ClientId, ClientKind, FamilyId, Registration, Scopes, Token, TokenFamily,
    TokenKind,
};
use crate::store::StoreError;

/// Days after which a token ends, whatever the owner says later.
pub(super) const TOKEN_DAYS_MAX: u64 = 365;
/// How the tokens begin; the log's redaction knows it.
const PREFIX: &str = "gwt_";

/// What the owner asks for with `mint-token`.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The owner's name for it.
    pub name: String,
    /// What it carries.
    pub scopes: Scopes,
    /// The projects it may touch; none named means all.
    pub projects: Vec<String>,
    /// How long it lives.
    pub lifetime: Duration,
    /// Whether it also counts through the tunnel, or for programs on this machine alone.
    pub anywhere: bool,
}

/// A token, this once, and what is stored of it.
#[derive(Clone, Debug)]
pub struct MintedToken {
    /// The client that it is listed and revoked as.
    pub client: Client,
    /// The token.
    pub token: OpaqueToken,
}

impl AuthorizationServer {
    /// Makes a token. It exists outside of the answer only as a digest.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; then nothing was stored.
    pub async fn mint_token(&self, new: NewToken) -> Result<MintedToken, ClientError> {
        // Confidential with no secret: nothing proves it.
        let kind = ClientKind::Confidential { secrets: Vec::new() };
        let client = self.own(&new.name, new.scopes, new.projects, kind)?;
        let created_at = client.created_at;
        let ends = created_at.after(new.lifetime);
        within_life(Some(ends), created_at)?;
        let client = Client { registration: Registration::Token, expires_at: Some(ends), ..client };
        let family = TokenFamily {
            id: FamilyId::random(self.entropy()),
            client_id: client.id.clone(),
            scopes: client.scopes,
            audience: if new.anywhere { Audience::Anywhere } else { Audience::Local },
            device_id: None,
            created_at,
            generation: 0,
            newest_used: false,
            // The client's end is what counts, and the owner may move that up to here.
            expires_at: last_end(created_at),
            last_used_at: None,
            revoked: None,
        };
        let token = self.random(PREFIX);
        let stored = Token {
            digest: token.digest(),
            family_id: family.id.clone(),
            kind: TokenKind::Access,
            generation: 0,
            expires_at: family.expires_at,
            superseded: None,
        };
        let row = client.clone();
        let write = self.store().write(move |tx| {
            tx.save_client(&row)?;
            tx.save_family(&family)?;
            tx.save_token(&stored)
        });
        write.await?;
        tracing::info!(client = %client.id, "a token was made");
        Ok(MintedToken { client, token })
    }

    /// Where a token that the owner made may be used; none when its rows were forgotten.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn audience_of(&self, id: &ClientId) -> Result<Option<Audience>, ClientError> {
        Ok(self.store().read::<_, StoreError>(|tx| tx.audience_of(id))?)
    }
}

/// Whether a token made at `created_at` may end at `at`.
pub(super) fn within_life(at: Option<Timestamp>, created_at: Timestamp) -> Result<(), ClientError> {
    if at.is_some_and(|at| at <= last_end(created_at)) {
        return Ok(());
    }
    Err(ClientError::TokenLife)
}

fn last_end(created_at: Timestamp) -> Timestamp {
    created_at.after(Duration::from_secs(TOKEN_DAYS_MAX * 24 * 3600))
}
