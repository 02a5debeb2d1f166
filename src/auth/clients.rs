//! The owner's hold on clients: static ones minted and rotated, all of them listed, expired and
//! revoked at the terminal.
use std::time::Duration;

use super::digest::OpaqueToken;
use super::server::AuthorizationServer;
use super::static_token::{TOKEN_DAYS_MAX, within_life};
use crate::clock::Timestamp;
use crate::model::{
    Client, ClientId, ClientKind, ClientSecret, ProjectAccess, Registration, RevocationReason,
    Scopes, steers,
};
use crate::store::StoreError;

/// Longest name of a client, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;
const PROJECTS_MAX: usize = 64;
/// Most secrets of one client that are valid at a time, the newest included.
const SECRETS_MAX: usize = 4;

/// What the owner asks for with `mint-client`.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The owner's name for it.
    pub name: String,
    /// The most it can be granted.
    pub scopes: Scopes,
    /// The projects it may touch; none named means all.
    pub projects: Vec<String>,
    /// Whether it has no secret.
    pub public: bool,
}

/// A client and, this once, its secret.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The client as stored.
    pub client: Client,
    /// Its new secret; a public client has none.
    pub secret: Option<OpaqueToken>,
    /// How long the secret before stays valid.
    pub old_secret_until: Option<Timestamp>,
}

/// Why a client is not as the owner wants it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// A name that could not be shown.
    #[error("a name has 1 to 64 characters and no control or invisible ones")]
    Name,
    /// A client that could do nothing.
    #[error("at least one of the scopes observe, files, run is needed")]
    Scopes,
    /// More projects than make sense one by one.
    #[error("a client can be held to at most 64 projects")]
    Projects,
    /// No client of that id.
    #[error("there is no client {0}")]
    Unknown(ClientId),
    /// The client ended before.
    #[error("the client {0} is revoked")]
    Revoked(ClientId),
    /// The client has no secret to rotate.
    #[error("the client {0} has no secret to rotate")]
    NoSecret(ClientId),
    /// A token that would live for too long.
    #[error("a token ends {} days after it was made at the latest", TOKEN_DAYS_MAX)]
    TokenLife,
    /// A token whose end has come.
    #[error("the token {0} has ended")]
    Ended(ClientId),
    /// Every secret that can be replaced was promised to stay valid for a while yet.
    #[error(
        "the client {id} has {SECRETS_MAX} valid secrets, and no more: the next of them ends at {until}"
    )]
    SecretsPromised {
        /// The client.
        id: ClientId,
        /// When the first of them ends.
        until: Timestamp,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ClientError {
    /// What the owner can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Name => "choose another --name",
            Self::Scopes => "name scopes with --scope, or leave it out for all of them",
            Self::Projects => "leave --project out to allow every project",
            Self::Unknown(_) => "`gateway clients list` shows the clients",
            Self::Revoked(_) | Self::NoSecret(_) => "make a new client with `gateway mint-client`",
            Self::TokenLife => {
                "name an earlier end, or make another token then with `gateway mint-token`"
            }
            Self::Ended(_) => "make another with `gateway mint-token`",
            Self::SecretsPromised { .. } => {
                "use the newest secret, or rotate again after that; a leaked one ends at once with \
                 `gateway clients revoke`"
            }
            Self::Store(error) => error.hint(),
        }
    }
}

impl AuthorizationServer {
    /// Makes a static client. Its secret exists outside of the answer only as a digest.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; then nothing was stored.
    pub async fn mint(&self, new: NewClient) -> Result<Minted, ClientError> {
        let secret = (!new.public).then(|| self.random("gws_"));
        let kind = match &secret {
            None => ClientKind::Public,
            Some(secret) => ClientKind::Confidential { secrets: vec![stored(secret, self.now())] },
        };
        let client = self.own(&new.name, new.scopes, new.projects, kind)?;
        let row = client.clone();
        self.store().write(move |tx| tx.save_client(&row)).await?;
        Ok(Minted { client, secret, old_secret_until: None })
    }

    /// A client of the owner's own that may be stored.
    pub(super) fn own(
        &self,
        name: &str,
        scopes: Scopes,
        mut projects: Vec<String>,
        kind: ClientKind,
    ) -> Result<Client, ClientError> {
        let name = name.trim().to_owned();
        if !is_showable(&name) {
            return Err(ClientError::Name);
        }
        if scopes.and(Scopes::of_tools()).is_empty() {
            return Err(ClientError::Scopes);
        }
        projects.sort_unstable();
        projects.dedup();
        if projects.len() > PROJECTS_MAX {
            return Err(ClientError::Projects);
        }
        let all = projects.is_empty();
        Ok(Client {
            id: ClientId::random(self.entropy()),
            name,
            registration: Registration::Static,
            redirect_uris: Vec::new(),
            approved_at: None,
            kind,
            scopes,
            projects: if all { ProjectAccess::All } else { ProjectAccess::Only(projects) },
            created_at: self.now(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        })
    }

    /// Gives a client a new secret; the one before stays valid for `keep_old_for`, and those before
    /// it for as long as was said when they were replaced.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; then the secrets are as before. [`ClientError::SecretsPromised`] when too
    /// many of them are valid.
    pub async fn rotate(
        &self,
        id: &ClientId,
        keep_old_for: Duration,
    ) -> Result<Minted, ClientError> {
        let (id, now, secret) = (id.clone(), self.now(), self.random("gws_"));
        let (until, fresh) = (now.after(keep_old_for), stored(&secret, now));
        let changed = self
            .store()
            .write(move |tx| {
                let mut client = living(tx.client(&id)?, &id)?;
                let secrets = match &mut client.kind {
                    // A token is a client whose secrets are none.
                    ClientKind::Confidential { secrets } if !secrets.is_empty() => secrets,
                    _ => return Err(ClientError::NoSecret(id)),
                };
                secrets.retain(|secret| secret.is_valid(now));
                if secrets.len() >= SECRETS_MAX {
                    let ends = secrets.iter().filter_map(|secret| secret.expires_at);
                    let until = ends.min().unwrap_or(until);
                    return Err(ClientError::SecretsPromised { id, until });
                }
                for old in secrets.iter_mut() {
                    old.expires_at = Some(old.expires_at.map_or(until, |at| at.min(until)));
                }
                secrets.insert(0, fresh);
                tx.save_client(&client)?;
                Ok(client)
            })
            .await?;
        Ok(Minted { client: changed, secret: Some(secret), old_secret_until: Some(until) })
    }

    /// All clients, revoked ones included, oldest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn clients(&self) -> Result<Vec<Client>, ClientError> {
        self.store().read(|tx| tx.clients().map_err(ClientError::from))
    }

    /// The client that the connect page and the terminal offer: the newest of the owner's own that is
    /// valid, one with a secret before one without.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn offered_client(&self) -> Result<Option<Client>, ClientError> {
        if !self.settings().admits(Registration::Static) {
            return Ok(None);
        }
        let now = self.now();
        let clients = self
            .clients()?
            .into_iter()
            .filter(|client| client.registration == Registration::Static && client.is_active(now));
        Ok(clients.max_by_key(|client| (client.is_confidential(), client.created_at)))
    }

    /// Ends a client and everything that was ever issued to it, effective at the next request.
    /// Returns how many living grants ended. Revoking twice is no error.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unknown`], or the database's.
    pub async fn revoke(&self, id: &ClientId) -> Result<usize, ClientError> {
        let (id, now) = (id.clone(), self.now());
        let revoked = self
            .store()
            .write(move |tx| {
                let mut client = tx.client(&id)?.ok_or_else(|| ClientError::Unknown(id.clone()))?;
                client.revoked_at = Some(client.revoked_at.unwrap_or(now));
                tx.save_client(&client)?;
                Ok::<_, ClientError>(tx.revoke_families_of(&id, RevocationReason::ByOwner)?)
            })
            .await?;
        self.forget_checked_bearers();
        tracing::info!(grants = revoked, "a client was revoked");
        Ok(revoked)
    }

    /// Forgets a client that is revoked: no list names it any more. Of one that lives nothing is lost.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn forget(&self, id: &ClientId) -> Result<(), ClientError> {
        let id = id.clone();
        Ok(self.store().write(move |tx| tx.forget_client(&id)).await?)
    }

    /// Lets a client end at `at`, its tokens included; `None` lets it live on.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unknown`], [`ClientError::Revoked`], [`ClientError::Ended`],
    /// [`ClientError::TokenLife`], or the database's.
    pub async fn expire(
        &self,
        id: &ClientId,
        at: Option<Timestamp>,
    ) -> Result<Client, ClientError> {
        let (id, now) = (id.clone(), self.now());
        let client = self
            .store()
            .write(move |tx| {
                let mut client = living(tx.client(&id)?, &id)?;
                if client.registration == Registration::Token {
                    if !client.is_active(now) {
                        return Err(ClientError::Ended(id));
                    }
                    within_life(at, client.created_at)?;
                }
                client.expires_at = at;
                tx.save_client(&client)?;
                Ok::<_, ClientError>(client)
            })
            .await?;
        self.forget_checked_bearers();
        Ok(client)
    }
}

pub(super) fn stored(secret: &OpaqueToken, now: Timestamp) -> ClientSecret {
    ClientSecret { digest: secret.digest(), created_at: now, expires_at: None }
}

fn living(client: Option<Client>, id: &ClientId) -> Result<Client, ClientError> {
    let client = client.ok_or_else(|| ClientError::Unknown(id.clone()))?;
    if client.revoked_at.is_some() {
        return Err(ClientError::Revoked(id.clone()));
    }
    Ok(client)
}

/// Whether a name shows as what it is: no control, direction or zero-width characters.
pub(super) fn is_showable(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(steers)
}
