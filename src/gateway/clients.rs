//! The owner's clients: the authorization server's rows and the vault's secrets, kept together.
use std::time::Duration;

use serde_json::{Value, json};

use super::admin::{CallError, CallErrorKind};
use crate::auth::{AuthorizationServer, ClientError, Minted, NewClient, NewToken};
use crate::clock::{Clock, Timestamp};
use crate::model::{Audience, Client, ClientId, ProjectAccess, Registration, Scope, Scopes};
use crate::secret::{Secret, SecretError, SecretName, Secrets};
use std::sync::Arc;

/// How long an old secret stays valid after a new one was made.
const OLD_SECRET_LIFETIME: Duration = Duration::from_secs(3600);

/// Makes, lists and ends clients. Clones are cheap.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    auth: AuthorizationServer,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
}

impl Clients {
    /// The clients of `auth`, whose secrets are in the vault of `secrets`.
    #[must_use]
    pub(super) fn new(auth: AuthorizationServer, secrets: Secrets, clock: Arc<dyn Clock>) -> Self {
        Self { auth, secrets, clock }
    }

    /// Makes a client; `{client_id, client_secret, name, scopes, kept_in}`, without secret and place
    /// for a public one.
    ///
    /// # Errors
    ///
    /// When the name, a scope or the vault does not do; then nothing was made.
    pub(super) async fn mint(
        &self,
        name: &str,
        scopes: &[String],
        projects: &[String],
        public: bool,
    ) -> Result<Value, CallError> {
        // Refreshing is always allowed.
        let scopes = parse_scopes(scopes, Scopes::all())?.iter();
        let scopes = scopes.chain([Scope::OfflineAccess]).collect();
        if !self.auth.settings().admits(Registration::Static) {
            let message =
                "`auth.registration` leaves out \"static\": such a client could not connect";
            return Err(CallError::invalid(message, "add \"static\" to `auth.registration`"));
        }
        if self.static_called(name)?.is_some() {
            let message = format!("there is a client called {name} already");
            let hint = "choose another --name, give it a new secret with --rotate, or remove it with `gateway clients revoke`";
            return Err(CallError::invalid(message, hint));
        }
        if !public {
            self.vault_answers().await?;
        }
        let new = NewClient { name: name.to_owned(), scopes, projects: projects.to_vec(), public };
        let minted = self.auth.mint(new).await.map_err(refusal)?;
        if let Err(error) = self.keep_secret(&minted).await {
            // A secret that nobody will see again makes no client.
            self.auth.revoke(&minted.client.id).await.map_err(refusal)?;
            return Err(shut(&error));
        }
        Ok(self.minted_json(&minted))
    }

    /// Makes a token; `{token, name, scopes, client_id, expires_at, audience}`. No vault keeps it.
    ///
    /// # Errors
    ///
    /// When the name, a scope or the lifetime does not do; then nothing was made.
    pub(super) async fn mint_token(
        &self,
        name: &str,
        scopes: &[String],
        projects: &[String],
        lifetime: Duration,
        anywhere: bool,
    ) -> Result<Value, CallError> {
        let scopes = parse_scopes(scopes, Scopes::of_tools())?;
        let mut clients = self.auth.clients().map_err(refusal)?.into_iter();
        if clients.any(|it| it.is_own() && it.revoked_at.is_none() && it.name == name.trim()) {
            let message = format!("there is a client or token called {name} already");
            let hint = "choose another --name, or end that one with `gateway clients revoke`";
            return Err(CallError::invalid(message, hint));
        }
        let (name, projects) = (name.to_owned(), projects.to_vec());
        let new = NewToken { name, scopes, projects, lifetime, anywhere };
        let minted = self.auth.mint_token(new).await.map_err(refusal)?;
        let mut shown = self.client_json(&minted.client)?;
        shown["schema"] = 1.into();
        shown["token"] = minted.token.expose().into();
        Ok(shown)
    }

    /// Gives the client called `name` a new secret.
    ///
    /// # Errors
    ///
    /// When there is no such client, it is public, or the vault does not answer.
    pub(super) async fn rotate(&self, name: &str) -> Result<Value, CallError> {
        let client = match self.static_called(name)? {
            Some(client) => client,
            None => self.find(name)?,
        };
        self.vault_answers().await?;
        let minted = self.auth.rotate(&client.id, OLD_SECRET_LIFETIME).await.map_err(refusal)?;
        self.keep_secret(&minted).await.map_err(|error| shut(&error))?;
        Ok(self.minted_json(&minted))
    }

    /// All clients.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub(super) fn list(&self) -> Result<Value, CallError> {
        let clients = self.auth.clients().map_err(refusal)?;
        let clients = clients.iter().map(|client| self.client_json(client));
        let clients = clients.collect::<Result<Vec<Value>, CallError>>()?;
        Ok(json!({ "schema": 1, "clients": clients }))
    }

    /// Ends a client, its tokens and its secret.
    ///
    /// # Errors
    ///
    /// When there is no such client.
    pub(super) async fn revoke(&self, which: &str) -> Result<Value, CallError> {
        let client = self.find(which)?;
        self.auth.revoke(&client.id).await.map_err(refusal)?;
        // The digest is gone with the client; a vault that does not answer keeps a useless secret.
        if let Ok(name) = SecretName::client(client.id.as_str())
            && let Err(error) = self.secrets.vault().delete(&name).await
        {
            tracing::info!(client = %client.id, %error, "the revoked secret stays in the vault");
        }
        Ok(json!({ "schema": 1, "client_id": client.id, "name": client.name }))
    }

    /// Ends a client as [`Self::revoke`] does, and its row with it.
    ///
    /// # Errors
    ///
    /// When there is no such client.
    pub(super) async fn forget(&self, which: &str) -> Result<Value, CallError> {
        let client = self.find(which)?;
        let revoked = self.revoke(client.id.as_str()).await?;
        self.auth.forget(&client.id).await.map_err(refusal)?;
        Ok(revoked)
    }

    /// Lets a client end at `at`, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// When there is no such client.
    pub(super) async fn expire(&self, which: &str, at: i64) -> Result<Value, CallError> {
        let client = self.find(which)?;
        let at = Timestamp::from_millis(at);
        self.auth.expire(&client.id, Some(at)).await.map_err(refusal)?;
        Ok(json!({
            "schema": 1,
            "client_id": client.id,
            "name": client.name,
            "expires_at": at.to_string(),
        }))
    }

    /// The secret that the vault holds for a client, if it can be had.
    pub(super) async fn secret_of(&self, id: &ClientId) -> Option<Secret> {
        let name = SecretName::client(id.as_str()).ok()?;
        self.secrets.vault().get(&name).await.ok().flatten()
    }

    /// Whether secrets can be kept and read now.
    ///
    /// # Errors
    ///
    /// Why not, and the cure.
    pub(super) async fn vault_answers(&self) -> Result<(), CallError> {
        self.secrets.vault().status().await.map_err(|error| shut(&error))
    }

    async fn keep_secret(&self, minted: &Minted) -> Result<(), SecretError> {
        let Some(secret) = &minted.secret else { return Ok(()) };
        let name = SecretName::client(minted.client.id.as_str());
        let secret = Secret::parse(secret.expose().to_owned());
        match (name, secret) {
            (Ok(name), Ok(secret)) => self.secrets.vault().set(&name, &secret).await,
            // Both are of our own making, letters and digits of a fixed length.
            _ => Ok(()),
        }
    }

    fn minted_json(&self, minted: &Minted) -> Value {
        let client = &minted.client;
        // A public client has no secret, and nothing is kept of it.
        let kept_in = minted.secret.as_ref().map(|_| self.secrets.vault().source().to_string());
        json!({
            "schema": 1,
            "client_id": client.id,
            "client_secret": minted.secret.as_ref().map(|secret| secret.expose()),
            "name": client.name,
            "scopes": client.scopes.names(),
            "kept_in": kept_in,
            "old_secret_valid_until": minted.old_secret_until.map(|at| at.to_string()),
        })
    }

    /// The client that is meant: by its id, or by its name among those that are not revoked. Clients
    /// that register themselves choose their own name, so a name stands for the owner's own client
    /// first, then for one that was allowed, and for none when there are several.
    fn find(&self, which: &str) -> Result<Client, CallError> {
        let clients = self.auth.clients().map_err(refusal)?;
        let living = || clients.iter().filter(|client| client.revoked_at.is_none());
        let named = |own: bool| {
            living().filter(move |client| {
                let counts = own || client.approved_at.is_some();
                client.name == which && client.is_own() == own && counts
            })
        };
        let mut found: Vec<&Client> = living().filter(|it| it.id.as_str() == which).collect();
        for own in [true, false] {
            if found.is_empty() {
                found = named(own).collect();
            }
        }
        match found[..] {
            [client] => Ok(client.clone()),
            [] => {
                let message = format!("there is no client {which}");
                Err(CallError::invalid(message, "`gateway clients list` names the clients"))
            }
            [..] => {
                let message = format!("there are {} clients called {which}", found.len());
                Err(CallError::invalid(message, "name one by its id: `gateway clients list`"))
            }
        }
    }

    fn static_called(&self, name: &str) -> Result<Option<Client>, CallError> {
        let clients = self.auth.clients().map_err(refusal)?;
        Ok(clients.into_iter().find(|client| {
            client.registration == Registration::Static
                && client.revoked_at.is_none()
                && client.name == name
        }))
    }

    fn client_json(&self, client: &Client) -> Result<Value, CallError> {
        let now = self.clock.now();
        let state = match client {
            Client { revoked_at: Some(_), .. } => "revoked",
            client if !client.is_active(now) => "expired",
            client if client.is_approved(now) => "active",
            _ => "waiting",
        };
        let approved_at =
            if client.is_own() { Some(client.created_at) } else { client.approved_at };
        let projects = match &client.projects {
            ProjectAccess::All => None,
            ProjectAccess::Only(projects) => Some(projects),
        };
        // The grants of others are bound to the addresses that they signed in at.
        let audience = match client.registration {
            Registration::Token => self.auth.audience_of(&client.id).map_err(refusal)?,
            _ => None,
        };
        Ok(json!({
            "client_id": client.id,
            "name": client.name,
            "kind": client.registration.name(),
            "public": !client.is_confidential(),
            "scopes": client.scopes.names(),
            "projects": projects,
            "state": state,
            "created_at": client.created_at.to_string(),
            "approved_at": approved_at.map(|at| at.to_string()),
            "expires_at": client.expires_at.map(|at| at.to_string()),
            "last_used_at": client.last_used_at.map(|at| at.to_string()),
            "audience": audience.as_ref().map(Audience::as_str),
        }))
    }
}

/// The scopes of these names, each of which is one of `known`; all of those when none is named.
fn parse_scopes(names: &[String], known: Scopes) -> Result<Scopes, CallError> {
    if names.is_empty() {
        return Ok(known);
    }
    let scopes = names.iter().map(|name| {
        Scope::from_name(name).filter(|scope| known.contains(*scope)).ok_or_else(|| {
            let message = format!("there is no scope `{name}` to give");
            let hint = format!("use {}", known.names().join(", "));
            CallError::new(CallErrorKind::Usage, message, hint)
        })
    });
    scopes.collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn refusal(error: ClientError) -> CallError {
    CallError::new(CallErrorKind::Failed, &error, error.hint())
}

fn shut(error: &SecretError) -> CallError {
    let kind = if error.is_refusal() { CallErrorKind::Permission } else { CallErrorKind::Failed };
    CallError::new(kind, error, error.hint())
}
