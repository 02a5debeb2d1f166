//! When a public address is checked next, and the check that is running.
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use crate::verify::{Verify, VerifyError};

/// The longest one check of the public address may take.
const CHECK_WITHIN: Duration = Duration::from_secs(10);

/// The checking of one public address.
#[derive(Default)]
pub(crate) struct Check {
    pub(crate) url: Option<Url>,
    at: Option<Instant>,
    running: Option<BoxFuture<'static, Result<(), VerifyError>>>,
    pub(crate) failing_since: Option<Instant>,
}

impl Check {
    pub(crate) fn start(url: Url) -> Self {
        Self { url: Some(url), at: Some(Instant::now()), ..Self::default() }
    }

    pub(crate) fn passed(&mut self, now: Instant, every: Option<Duration>) {
        self.failing_since = None;
        self.at = every.map(|every| now + every);
    }

    pub(crate) fn again(&mut self, at: Instant) {
        self.at = Some(at);
    }

    /// The outcome of the next check; never, when none is due. Cancel-safe: a running check is kept.
    pub(crate) async fn next(&mut self, verify: &Arc<dyn Verify>) -> Result<(), VerifyError> {
        if self.running.is_none() {
            let (Some(url), Some(at)) = (self.url.clone(), self.at) else { return pending().await };
            sleep_until(at).await;
            let verify = Arc::clone(verify);
            self.at = None;
            self.running = Some(
                async move {
                    let late = || VerifyError::NotYet("no answer within 10 s".to_owned());
                    timeout(CHECK_WITHIN, verify.verify(&url)).await.unwrap_or_else(|_| Err(late()))
                }
                .boxed(),
            );
        }
        let Some(running) = self.running.as_mut() else { return pending().await };
        let outcome = running.await;
        self.running = None;
        outcome
    }
}
