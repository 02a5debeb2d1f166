//! Dynamic client registration (RFC 7591): the step that stores.
//!
//! A registration is worth nothing until the owner allows it, and is forgotten a day later if he does
//! not. Strangers can make them, so their number is bounded: the oldest gives way. The brake keeps
//! the rate so low that none is pushed out while a consent page that it has led to can be answered.
use std::time::Duration;

use serde_json::Value;

use super::brake::{Rate, Source};
use super::clients::stored;
use super::error::RegistrationError;
use super::registration::RegistrationRequest;
use super::server::AuthorizationServer;
use crate::clock::Timestamp;
use crate::http::Ingress;
use crate::model::{Client, ClientId, ClientKind, ProjectAccess, Registration};
use crate::trace::{Party, Step, Who};

/// Registrations by one way in: of everybody together, and of one client address.
pub(super) const REGISTRATIONS: (Rate, Rate) = (
    Rate { burst: 60, refill: Duration::from_secs(1) },
    Rate { burst: 10, refill: Duration::from_secs(30) },
);
/// Registrations that wait for the owner, at most.
pub(super) const WAITING_MAX: usize = 1_000;
/// How long one waits for the owner.
pub(super) const WAITING: Duration = Duration::from_secs(24 * 3600);
/// How long a client that nobody uses, and that holds no grant, is still known.
pub(super) const UNUSED: Duration = Duration::from_secs(90 * 24 * 3600);

impl AuthorizationServer {
    /// Takes one registration from the brake, before its body is looked at.
    ///
    /// # Errors
    ///
    /// [`RegistrationError::Off`] or [`RegistrationError::SlowDown`].
    pub fn admit_registration(&self, ingress: Ingress) -> Result<(), RegistrationError> {
        if !self.settings().admits(Registration::Dynamic) {
            return Err(RegistrationError::Off);
        }
        let taken = self.registration_brake().take(Source::of(ingress), self.now());
        taken.map_err(|retry_after| RegistrationError::SlowDown { retry_after })
    }

    /// Registers a client and makes the answer (RFC 7591 §3.2.1).
    ///
    /// # Errors
    ///
    /// [`RegistrationError`]; then nothing was stored.
    pub async fn register(&self, body: &[u8]) -> Result<Value, RegistrationError> {
        let request = RegistrationRequest::read(body, &self.settings())?;
        let now = self.now();
        let secret = request.wants_secret().then(|| self.random("gws_"));
        let kind = match &secret {
            None => ClientKind::Public,
            Some(secret) => ClientKind::Confidential { secrets: vec![stored(secret, now)] },
        };
        let client = Client {
            id: ClientId::random(self.entropy()),
            name: request.name.clone(),
            registration: Registration::Dynamic,
            redirect_uris: request.redirect_uris.clone(),
            approved_at: None,
            kind,
            scopes: request.scopes,
            projects: ProjectAccess::All,
            created_at: now,
            expires_at: Some(now.after(WAITING)),
            revoked_at: None,
            last_used_at: None,
        };
        let row = client.clone();
        let waiting_since = before(now, WAITING);
        let stored = self.store().write(move |tx| {
            tx.prune_registrations(before(tx.now(), UNUSED))?;
            tx.insert_registration(&row, waiting_since, WAITING_MAX)
        });
        stored.await.map_err(RegistrationError::from)?;
        self.trace().note(Party::Claimed(Who::of(&client)), Step::Registered);
        tracing::info!(client = %client.id, name = client.name, "a client registered itself");
        Ok(request.answer(&client, secret.as_ref()))
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::seal;

    #[test]
    fn no_flood_pushes_out_a_registration_while_its_consent_page_can_be_answered() {
        let (everybody, _) = REGISTRATIONS;
        let left = u32::try_from(WAITING_MAX).unwrap() - everybody.burst;
        assert!(everybody.refill * left >= seal::LIFETIME);
    }
}
