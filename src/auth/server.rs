//! [`AuthorizationServer`]: the parts that decide, and what they share.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::bearer::{CheckedBearers, Marks};
use super::brake::{Brake, Rate};
use super::digest::OpaqueToken;
use super::document::fetch::Internet;
use super::document::{Documents, Fetch};
use super::ledger::Ledger;
use super::pairing::PairingBook;
use super::register::REGISTRATIONS;
use super::seal::SealingKey;
use super::settings::{AuthSettings, InvalidSetting};
use crate::clock::{Clock, Entropy, Timestamp};
use crate::model::FamilyId;
use crate::store::{Store, StoreError};
use crate::trace::Trace;

/// Guesses of the consent code, by one way in: of everybody together, and of one client address.
///
/// A code is one of 2^40, lives ten minutes and works once; at most eight are open at a time. In the
/// life of a code all strangers together get 300 + 600 s / 10 ms = 60,300 guesses through: one chance
/// in 18 million to hit it, and one in 2.3 million to hit any of eight. One address gets 6 + 600 s /
/// 5 s = 126: one in 8.7 thousand million. At `/authorize` three of them end the request that they are
/// for. So much for the strangers; the owner is held up only while more than a hundred guesses a
/// second come by the way he uses: that takes five hundred addresses, and where addresses are not
/// known it is twenty times more than the guard lets through. Even then the pairing link (128 bits)
/// works, and a paired device needs no code.
const CODE_GUESSES: (Rate, Rate) = (
    Rate { burst: 300, refill: Duration::from_millis(10) },
    Rate { burst: 6, refill: Duration::from_secs(5) },
);
/// Wrong client secrets. They have 256 bits: this keeps the log and the machine quiet.
const SECRET_GUESSES: (Rate, Rate) = (
    Rate { burst: 60, refill: Duration::from_millis(500) },
    Rate { burst: 10, refill: Duration::from_secs(6) },
);

/// The authorization server. Clones share it.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    trace: Trace,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: RwLock<Arc<AuthSettings>>,
    pairings: PairingBook,
    sealing_key: SealingKey,
    ledger: Ledger,
    /// One consent is decided at a time, so that a double tap finds its first answer.
    consent_turn: tokio::sync::Mutex<()>,
    code_brake: Brake,
    secret_brake: Brake,
    registration_brake: Brake,
    documents: Documents,
    bearers: CheckedBearers,
    marks: Marks,
    /// Grows after every commit that ends something; what was checked before it is checked again.
    epoch: AtomicU64,
    /// Told whenever the epoch grows.
    endings: watch::Sender<()>,
}

impl AuthorizationServer {
    /// Puts an authorization server on top of a store.
    ///
    /// # Errors
    ///
    /// The setting that cannot be.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: AuthSettings,
    ) -> Result<Self, InvalidSetting> {
        Self::with_fetcher(store, clock, entropy, settings, Arc::new(Internet))
    }

    /// The same on another network than the real one.
    ///
    /// # Errors
    ///
    /// The setting that cannot be.
    pub fn with_fetcher(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: AuthSettings,
        fetcher: Arc<dyn Fetch>,
    ) -> Result<Self, InvalidSetting> {
        settings.check()?;
        let inner = Inner {
            store,
            trace: Trace::new(clock.clone()),
            settings: RwLock::new(Arc::new(settings)),
            pairings: PairingBook::new(clock.clone(), entropy.clone()),
            sealing_key: SealingKey::random(&*entropy),
            ledger: Ledger::default(),
            consent_turn: tokio::sync::Mutex::default(),
            code_brake: Brake::new(CODE_GUESSES.0, CODE_GUESSES.1),
            secret_brake: Brake::new(SECRET_GUESSES.0, SECRET_GUESSES.1),
            registration_brake: Brake::new(REGISTRATIONS.0, REGISTRATIONS.1),
            documents: Documents::new(fetcher),
            bearers: CheckedBearers::default(),
            marks: Marks::default(),
            epoch: AtomicU64::new(0),
            endings: watch::Sender::default(),
            clock,
            entropy,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The open pairings and consent codes, for the terminal.
    #[must_use]
    pub fn pairings(&self) -> &PairingBook {
        &self.inner.pairings
    }

    /// What clients do on their way to the tools.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.inner.trace
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<AuthSettings> {
        self.inner.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts new settings in force; what was issued before keeps its lifetime.
    ///
    /// # Errors
    ///
    /// The setting that cannot be; then the old ones stay.
    pub fn set_settings(&self, settings: AuthSettings) -> Result<(), InvalidSetting> {
        settings.check()?;
        *self.inner.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        Ok(())
    }

    /// Writes last-use marks a second after each first one, until the future is dropped; call
    /// [`AuthorizationServer::flush_marks`] after that. Idle, it does nothing.
    pub async fn keep_marks(&self) {
        loop {
            self.inner.marks.any().await;
            self.inner.clock.sleep(Duration::from_secs(1)).await;
            if let Err(error) = self.flush_marks().await {
                tracing::warn!(%error, "last-use marks were not written");
            }
        }
    }

    /// Writes the last-use marks that wait. They are lost when it fails: they are worth no retry.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn flush_marks(&self) -> Result<(), StoreError> {
        let marks = self.inner.marks.take();
        if marks.is_empty() {
            return Ok(());
        }
        self.inner.store.write(move |tx| marks.write(tx)).await
    }

    /// Makes every bearer be looked up again. Called after each commit that ends something.
    pub(super) fn forget_checked_bearers(&self) {
        self.inner.epoch.fetch_add(1, Ordering::SeqCst);
        self.inner.endings.send_replace(());
    }

    /// Done when a grant or its client was revoked or has expired. Dropping the future ends the watch.
    pub async fn grant_ended(self, family: FamilyId) {
        let mut endings = self.inner.endings.subscribe();
        while let Some(left) = self.left_of(&family) {
            tokio::select! {
                changed = endings.changed() => if changed.is_err() { return },
                () = self.inner.clock.sleep(left) => {}
            }
        }
    }

    /// How long a grant stands if nobody ends or renews it, or until it is to be looked at again; none
    /// when it stands no more. What cannot be read is taken to be as it was.
    fn left_of(&self, family: &FamilyId) -> Option<Duration> {
        // A machine that is asleep stops timers, and no clock.
        const LOOK_AGAIN: Duration = Duration::from_secs(600);
        let now = self.now();
        let found = self.store().read::<_, StoreError>(|tx| {
            let family = tx.family(family)?.filter(|it| it.revoked.is_none());
            let Some(family) = family else { return Ok(None) };
            let client = tx.client(&family.client_id)?.filter(|it| it.is_active(now));
            Ok(client
                .map(|it| it.expires_at.map_or(family.expires_at, |at| at.min(family.expires_at))))
        });
        match found {
            Ok(ends) => ends.filter(|ends| now < *ends).map(|ends| ends.since(now).min(LOOK_AGAIN)),
            Err(_) => Some(LOOK_AGAIN),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.inner.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    pub(super) fn random(&self, prefix: &str) -> OpaqueToken {
        OpaqueToken::random(prefix, self.entropy())
    }

    pub(super) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(super) fn sealing_key(&self) -> &SealingKey {
        &self.inner.sealing_key
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    pub(super) fn code_brake(&self) -> &Brake {
        &self.inner.code_brake
    }

    pub(super) fn secret_brake(&self) -> &Brake {
        &self.inner.secret_brake
    }

    pub(super) fn registration_brake(&self) -> &Brake {
        &self.inner.registration_brake
    }

    pub(super) fn documents(&self) -> &Documents {
        &self.inner.documents
    }

    pub(super) fn bearers(&self) -> &CheckedBearers {
        &self.inner.bearers
    }

    pub(super) fn marks(&self) -> &Marks {
        &self.inner.marks
    }

    pub(super) async fn consent_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.consent_turn.lock().await
    }
}

#[cfg(test)]
impl AuthorizationServer {
    /// How many answered consent pages are remembered.
    pub(crate) fn remembered_requests(&self) -> usize {
        self.inner.ledger.len()
    }
    /// How many good bearers are remembered.
    pub(crate) fn remembered_bearers(&self) -> usize {
        self.inner.bearers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::brake::Source;
    use crate::http::{Ingress, IngressKind};

    #[test]
    fn in_the_life_of_a_code_no_number_of_strangers_has_a_chance_worth_the_name() {
        let brake = Brake::new(CODE_GUESSES.0, CODE_GUESSES.1);
        let admitted = |client: Option<&str>, step: usize| {
            let client = client.map(|text| text.parse().unwrap());
            let source = Source::of(Ingress { kind: IngressKind::Tunnel, client });
            let moments = (0..600_000_i64).step_by(step);
            let tries =
                moments.filter(|at| brake.take(source, Timestamp::from_millis(*at)).is_ok());
            u32::try_from(tries.count()).unwrap()
        };
        let codes = 2_f64.powi(40);
        let alone = admitted(Some("203.0.113.7"), 100);
        assert!(f64::from(alone) / codes < 1.0 / 8e9, "{alone}");
        let together = admitted(None, 1);
        assert!(f64::from(together) / codes < 1.0 / 18e6, "{together}");
        assert!(8.0 * f64::from(together) / codes < 1.0 / 2e6, "{together}");
    }
}
