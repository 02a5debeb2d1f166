//! The token endpoint (RFC 6749 §4.1.3, §6) and revocation (RFC 7009).
//!
//! A code is consumed by its first presentation, right or wrong, in the transaction that decides; a
//! refresh token follows the rule of [`crate::model::TokenFamily::judge_refresh`] in the same way.
use std::sync::Arc;

use http::HeaderMap;
use serde::Serialize;

use super::brake::Source;
use super::client_auth::Credentials;
use super::digest::{OpaqueToken, digest};
use super::error::OAuthError;
use super::params::Params;
use super::pkce;
use super::resource::{audience, names_us};
use super::server::AuthorizationServer;
use super::settings::AuthSettings;
use crate::clock::Timestamp;
use crate::http::{Ingress, IngressKind, Origin};
use crate::model::{
    Audience, AuthorizationCode, Client, FamilyId, ROTATION_GRACE, RefreshVerdict,
    RevocationReason, Scope, Scopes, Supersession, Token, TokenDigest, TokenFamily, TokenKind,
};
use crate::store::{StoreError, WriteTx};
use crate::trace::{Party, Sender, Step, Who, Words};

const ACCESS: &str = "gwa_";
const REFRESH: &str = "gwr_";
/// Longest code or token that is looked at, in bytes.
pub(super) const TOKEN_BYTES_MAX: usize = 512;
/// How long ended families are kept for the owner to look at.
const KEPT: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct TokenResponse {
    pair: Pair,
    expires_in_secs: u64,
    scopes: Scopes,
    family: FamilyId,
}

#[derive(Clone, Debug)]
struct Pair {
    access: OpaqueToken,
    refresh: OpaqueToken,
}

#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    scope: String,
}

impl TokenResponse {
    /// The answer's body: the one place where the tokens are in the clear.
    pub fn body(&self) -> axum::Json<impl Serialize + '_> {
        axum::Json(Body {
            access_token: self.pair.access.expose(),
            token_type: "Bearer",
            expires_in: self.expires_in_secs,
            refresh_token: self.pair.refresh.expose(),
            scope: self.scopes.to_string(),
        })
    }
}

/// What a presentation in the store's transaction came to.
enum Presented {
    Tokens(TokenResponse),
    Refused(&'static str),
    /// Refused, and a family ended by it.
    Revoked(&'static str),
}

impl AuthorizationServer {
    /// Answers a token request.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] as RFC 6749 §5.2 names them.
    pub async fn token(
        &self,
        headers: &HeaderMap,
        form: &[u8],
        origin: &Origin,
        ingress: Ingress,
    ) -> Result<TokenResponse, OAuthError> {
        let params = Params::parse(form)?;
        let refused = |party, error: OAuthError| {
            let why = Words::of(&error.to_string());
            self.trace().note(party, Step::TokenRefused { error: error.code(), why });
            error
        };
        let client = self
            .authenticate(headers, &params, ingress)
            .map_err(|error| refused(self.claimed(headers, &params), error))?;
        let who = Who::of(&client);
        // A secret that anybody may have made for himself proves no owner behind it.
        let of_owners = client.is_confidential() && client.is_approved(self.now());
        let party = if of_owners { Party::Owners } else { Party::Claimed };
        let issued = self.exchange(&params, client, origin).await;
        let tokens = issued.map_err(|error| refused(party(who.clone()), error))?;
        if params.text("grant_type")? == Some("refresh_token") {
            self.trace().note(Party::Owners(who), Step::TokenRenewed);
        } else {
            let tunnelled = ingress.kind == IngressKind::Tunnel;
            let sender = Sender { from: ingress.client, tunnelled };
            self.trace().token_issued(tokens.family.clone(), who, sender);
        }
        Ok(tokens)
    }

    async fn exchange(
        &self,
        params: &Params,
        client: Client,
        origin: &Origin,
    ) -> Result<TokenResponse, OAuthError> {
        for resource in params.all("resource").filter(|resource| !resource.is_empty()) {
            if !std::str::from_utf8(resource).is_ok_and(|resource| names_us(resource, origin)) {
                return Err(OAuthError::InvalidTarget);
            }
        }
        let grant_type = params.text("grant_type")?;
        let presented = match grant_type {
            Some("authorization_code") => self.redeem_code(params, client, origin).await?,
            Some("refresh_token") => self.refresh(params, client, origin).await?,
            None => return Err(OAuthError::InvalidRequest("grant_type is missing".into())),
            Some(_) => return Err(OAuthError::UnsupportedGrantType),
        };
        match presented {
            Presented::Tokens(response) => {
                // A rotation shortens what its predecessors are worth.
                self.forget_checked_bearers();
                Ok(response)
            }
            Presented::Refused(why) => Err(OAuthError::InvalidGrant(why)),
            Presented::Revoked(why) => {
                self.forget_checked_bearers();
                Err(OAuthError::InvalidGrant(why))
            }
        }
    }

    /// Revokes the family of a token that the client presents (RFC 7009 §2.1). A token that is
    /// unknown, or another client's, is no error (§2.2) and has no effect.
    ///
    /// # Errors
    ///
    /// [`OAuthError`] when the client is not authenticated, or no token was sent.
    pub async fn revoke_token(
        &self,
        headers: &HeaderMap,
        form: &[u8],
        ingress: Ingress,
    ) -> Result<(), OAuthError> {
        let params = Params::parse(form)?;
        let client = self.authenticate(headers, &params, ingress)?;
        let token = digest(required(&params, "token")?);
        self.store()
            .write(move |tx| match tx.token(&token)? {
                Some((_, family)) if family.client_id == client.id => {
                    tx.revoke_family(&family.id, RevocationReason::ByClient)
                }
                _ => Ok(()),
            })
            .await
            .map_err(OAuthError::from)?;
        self.forget_checked_bearers();
        Ok(())
    }

    /// The client that sent a request, proven. A right proof is accepted whatever came before it:
    /// wrong ones slow down only themselves.
    fn authenticate(
        &self,
        headers: &HeaderMap,
        params: &Params,
        ingress: Ingress,
    ) -> Result<Client, OAuthError> {
        let credentials = Credentials::read(headers, params)?;
        let now = self.now();
        let client = self.store().read(|tx| tx.client(&credentials.client_id))?;
        let proven = client.filter(|it| it.is_active(now) && credentials.prove(it, now));
        if let Some(client) = proven {
            return Ok(client);
        }
        match self.secret_brake().take(Source::of(ingress), now) {
            Ok(()) => Err(OAuthError::InvalidClient { basic: credentials.basic }),
            Err(retry_after) => Err(OAuthError::SlowDown { retry_after }),
        }
    }

    /// The client that a request which proved none is said to be from.
    fn claimed(&self, headers: &HeaderMap, params: &Params) -> Party {
        let Ok(credentials) = Credentials::read(headers, params) else { return Party::Stranger };
        let known = self.store().read::<_, StoreError>(|tx| tx.client(&credentials.client_id));
        known.ok().flatten().map_or(Party::Stranger, |client| Party::Claimed(Who::of(&client)))
    }

    async fn redeem_code(
        &self,
        params: &Params,
        client: Client,
        origin: &Origin,
    ) -> Result<Presented, OAuthError> {
        let redemption = Redemption {
            code: digest(required(params, "code")?),
            redirect_uri: params.text("redirect_uri")?.map(str::to_owned),
            verifier: params.text("code_verifier")?.map(OpaqueToken::new),
            client,
            audience: audience(origin),
            fresh: Pair { access: self.random(ACCESS), refresh: self.random(REFRESH) },
            settings: self.settings(),
        };
        Ok(self.store().write(move |tx| redemption.run(tx)).await?)
    }

    async fn refresh(
        &self,
        params: &Params,
        client: Client,
        origin: &Origin,
    ) -> Result<Presented, OAuthError> {
        let presented = OpaqueToken::new(required(params, "refresh_token")?);
        let asked = params.text("scope")?.unwrap_or_default();
        let (known, audience) = (presented.digest(), audience(origin));
        let family = self.store().read(|tx| tx.token(&known))?.map(|(_, family)| family);
        // RFC 6749 §6: what was not granted is refused. Who asks for a part of what was granted gets
        // all of it and is told so (§3.3): scopes belong to the family, not to one token of it. Names
        // that mean nothing here are passed over, as `/authorize` does: some clients repeat them.
        let granted = |scopes: Scopes| {
            let mut names = asked.split(' ').filter(|name| !name.is_empty());
            names.all(|name| Scope::from_name(name).is_none_or(|scope| scopes.contains(scope)))
        };
        if family.as_ref().is_some_and(|it| it.client_id == client.id && !granted(it.scopes)) {
            return Err(OAuthError::InvalidScope);
        }
        let seen = family.and_then(|it| self.marks().newest_seen(&it.id));
        let salt = self.entropy().bytes();
        let settings = self.settings();
        let refresh = Refresh { presented, client, audience, seen, salt, settings };
        // Whether the newest pair was used decides: what is known of it goes first. What somebody else
        // took to write, and has not yet, is in `seen`.
        let marks = self.marks().take();
        let answer = self.store().write(move |tx| {
            marks.write(tx)?;
            refresh.run(tx)
        });
        Ok(answer.await?)
    }
}

/// A code on its way through the store's one writer.
struct Redemption {
    code: TokenDigest,
    redirect_uri: Option<String>,
    verifier: Option<OpaqueToken>,
    client: Client,
    audience: Audience,
    fresh: Pair,
    settings: Arc<AuthSettings>,
}

impl Redemption {
    fn run(self, tx: &mut WriteTx<'_>) -> Result<Presented, StoreError> {
        let Some(code) = tx.code(&self.code)? else {
            return Ok(Presented::Refused("the code is unknown or has expired"));
        };
        if !tx.consume_code(&self.code)? {
            if tx.family(&code.family_id)?.is_none() {
                return Ok(Presented::Refused(
                    "the code was presented before, in a request that was refused: that spent it, \
                     and no tokens were issued for it; start the authorization again",
                ));
            }
            tx.revoke_family(&code.family_id, RevocationReason::CodeReplayed)?;
            tracing::warn!(
                client = %code.client_id, family = %code.family_id,
                "an authorization code was presented twice: its family is revoked"
            );
            return Ok(Presented::Revoked(
                "the code was redeemed before: the tokens issued for it are now revoked; start the \
                 authorization again",
            ));
        }
        // From here on the code is spent, whatever is wrong with the rest.
        let now = tx.now();
        if let Some(why) = self.refuse(&code, now) {
            return Ok(Presented::Refused(why));
        }
        let active = tx.client(&self.client.id)?.is_some_and(|client| client.is_active(now));
        if !active {
            return Ok(Presented::Refused("the client was revoked"));
        }
        tx.prune_families(Timestamp::from_millis(now.as_millis() - millis(KEPT)))?;
        tx.prune_codes(now)?;
        let family = TokenFamily {
            id: code.family_id,
            client_id: code.client_id,
            scopes: code.scopes,
            audience: code.audience,
            device_id: code.device_id,
            created_at: now,
            generation: 0,
            newest_used: false,
            expires_at: now.after(self.settings.refresh_ttl),
            last_used_at: None,
            revoked: None,
        };
        tx.save_family(&family)?;
        save_pair(tx, &family, &self.fresh, &self.settings)?;
        Ok(Presented::Tokens(TokenResponse {
            pair: self.fresh,
            expires_in_secs: self.settings.access_ttl.as_secs(),
            scopes: family.scopes,
            family: family.id,
        }))
    }

    fn refuse(&self, code: &AuthorizationCode, now: Timestamp) -> Option<&'static str> {
        let verifier = self.verifier.as_ref().map(OpaqueToken::expose);
        if code.client_id != self.client.id {
            Some("the code was issued to another client")
        } else if now >= code.expires_at {
            Some("the code is unknown or has expired")
        } else if self.redirect_uri.as_deref() != Some(&code.redirect_uri) {
            Some("redirect_uri is not the one that the code was sent to")
        } else if !verifier.is_some_and(|it| pkce::verifies(&code.code_challenge, it)) {
            Some("code_verifier does not match the code_challenge")
        } else if code.audience != self.audience {
            Some("the code was issued at another address of this gateway")
        } else {
            None
        }
    }
}

/// A refresh token on its way through the store's one writer.
struct Refresh {
    presented: OpaqueToken,
    client: Client,
    audience: Audience,
    /// The newest generation of which a token is known to have been used.
    seen: Option<u32>,
    salt: [u8; 32],
    settings: Arc<AuthSettings>,
}

impl Refresh {
    fn run(self, tx: &mut WriteTx<'_>) -> Result<Presented, StoreError> {
        const ENDED: &str = "the refresh token is unknown, revoked or has expired";
        let now = tx.now();
        let Some((token, mut family)) = tx.token(&self.presented.digest())? else {
            return Ok(Presented::Refused(ENDED));
        };
        family.newest_used |= self.seen == Some(family.generation);
        let active = tx.client(&self.client.id)?.is_some_and(|client| client.is_active(now));
        if family.client_id != self.client.id || !active {
            return Ok(Presented::Refused(ENDED));
        }
        if family.audience != self.audience {
            return Ok(Presented::Refused(
                "the token was issued at another address of this gateway",
            ));
        }
        match family.judge_refresh(&token, now) {
            RefreshVerdict::Rotate => self.rotate(tx, family, now).map(Presented::Tokens),
            RefreshVerdict::Repeat(superseded) => {
                self.repeat(tx, &token, family, superseded, now).map(Presented::Tokens)
            }
            RefreshVerdict::Replay => {
                tx.revoke_family(&family.id, RevocationReason::RefreshReplayed)?;
                tracing::warn!(
                    client = %family.client_id, family = %family.id,
                    "a spent refresh token was presented again: its family is revoked"
                );
                Ok(Presented::Revoked("the refresh token was used before; its family is revoked"))
            }
            RefreshVerdict::Ended => Ok(Presented::Refused(ENDED)),
        }
    }

    fn rotate(
        &self,
        tx: &mut WriteTx<'_>,
        mut family: TokenFamily,
        now: Timestamp,
    ) -> Result<TokenResponse, StoreError> {
        let superseded = Supersession { at: now, salt: self.salt };
        tx.supersede_pair(&family.id, family.generation, &superseded)?;
        family.generation += 1;
        family.newest_used = false;
        family.last_used_at = Some(now);
        family.expires_at = now.after(self.settings.refresh_ttl);
        tx.save_family(&family)?;
        let pair = self.next(&superseded);
        save_pair(tx, &family, &pair, &self.settings)?;
        Ok(response(pair, self.settings.access_ttl.as_secs(), &family))
    }

    /// Tells the pair that `token` was rotated into once more.
    fn repeat(
        &self,
        tx: &mut WriteTx<'_>,
        token: &Token,
        mut family: TokenFamily,
        superseded: Supersession,
        now: Timestamp,
    ) -> Result<TokenResponse, StoreError> {
        let pair = self.next(&superseded);
        if token.generation + 1 == family.generation {
            // The newest pair: it lives as if it were told for the first time.
            family.expires_at = now.after(self.settings.refresh_ttl);
            family.last_used_at = Some(now);
            tx.save_family(&family)?;
            save_pair(tx, &family, &pair, &self.settings)?;
            return Ok(response(pair, self.settings.access_ttl.as_secs(), &family));
        }
        // Within the grace the chain went on already: this pair lives to the end of its own.
        let next = tx.token(&pair.access.digest())?.and_then(|(next, _)| next.superseded);
        let left = next.map_or(ROTATION_GRACE, |it| it.at.after(ROTATION_GRACE).since(now));
        Ok(response(pair, left.as_secs(), &family))
    }

    fn next(&self, superseded: &Supersession) -> Pair {
        Pair {
            access: self.presented.derive(ACCESS, &superseded.salt),
            refresh: self.presented.derive(REFRESH, &superseded.salt),
        }
    }
}

fn response(pair: Pair, expires_in_secs: u64, family: &TokenFamily) -> TokenResponse {
    TokenResponse { pair, expires_in_secs, scopes: family.scopes, family: family.id.clone() }
}

fn save_pair(
    tx: &mut WriteTx<'_>,
    family: &TokenFamily,
    pair: &Pair,
    settings: &AuthSettings,
) -> Result<(), StoreError> {
    let now = tx.now();
    for (kind, token, ttl) in [
        (TokenKind::Access, &pair.access, settings.access_ttl),
        (TokenKind::Refresh, &pair.refresh, settings.refresh_ttl),
    ] {
        tx.save_token(&Token {
            digest: token.digest(),
            family_id: family.id.clone(),
            kind,
            generation: family.generation,
            expires_at: now.after(ttl),
            superseded: None,
        })?;
    }
    Ok(())
}

fn required<'a>(params: &'a Params, name: &'static str) -> Result<&'a str, OAuthError> {
    let value = params.text(name)?;
    let value = value.ok_or_else(|| OAuthError::InvalidRequest(format!("{name} is missing")))?;
    if value.len() > TOKEN_BYTES_MAX {
        return Err(OAuthError::InvalidRequest(format!("{name} is longer than any of ours")));
    }
    Ok(value)
}

fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
