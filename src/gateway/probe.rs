//! Asking a public address for something that only this process can answer.
//!
//! The question is a random text in `X-Gateway-Probe` of a request to `/healthz`; the answer is its
//! MAC under a key of this process. A stranger can ask too, and learns nothing by it.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use gateway_tunnels::VerifyError;
use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue, StatusCode};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::OnceCell;
use url::Url;

use crate::clock::Entropy;
use crate::telemetry::root_cause;

static HEADER: HeaderName = HeaderName::from_static("x-gateway-probe");
const QUESTION_BYTES_MAX: usize = 64;
const LIMIT: Duration = Duration::from_secs(10);

/// Both ends of the probe. Clones share the key.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    key: Arc<[u8; 32]>,
    entropy: Arc<dyn Entropy>,
    /// Made at the first question: loading the system's certificates takes longer than all else
    /// of a start, and without a tunnel nobody ever asks.
    client: Arc<OnceCell<reqwest::Client>>,
}

impl Probe {
    /// A probe with a fresh key.
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { key: Arc::new(entropy.bytes()), entropy, client: Arc::default() }
    }

    /// Asks `url` once.
    ///
    /// # Errors
    ///
    /// [`VerifyError::NotYet`] when nothing useful answers, [`VerifyError::NotServed`] when somebody
    /// else does.
    pub(super) async fn ask(&self, url: &Url) -> Result<(), VerifyError> {
        let question = hex(&self.entropy.bytes::<16>());
        let target = url.join("healthz").map_err(|error| not_yet(&error))?;
        let client = self.client.get_or_try_init(client).await.map_err(|error| not_yet(&error))?;
        let request = client.get(target).header(&HEADER, &question);
        let response = request.send().await.map_err(|error| not_yet(&root_cause(&error)))?;
        let answer = response.headers().get(&HEADER).map(HeaderValue::as_bytes);
        if answer.is_some_and(|answer| answer.ct_eq(self.answer(&question).as_bytes()).into()) {
            return Ok(());
        }
        match response.status() {
            status if status.is_server_error() => {
                Err(VerifyError::NotYet(format!("the edge answers {status}")))
            }
            StatusCode::NOT_FOUND => {
                Err(VerifyError::NotServed("the edge does not know the address".to_owned()))
            }
            StatusCode::FORBIDDEN => Err(VerifyError::NotYet(
                "the edge refuses the request (403): look for bot rules of the provider".to_owned(),
            )),
            status => Err(VerifyError::NotYet(format!("something else answers ({status})"))),
        }
    }

    fn answer(&self, question: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes keys of any length");
        mac.update(question.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Answers questions on the routes below it.
    pub(super) async fn layer(self, request: Request, next: Next) -> Response {
        let question = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
        let answer = question
            .filter(|question| question.len() <= QUESTION_BYTES_MAX)
            .and_then(|question| HeaderValue::try_from(self.answer(question)).ok());
        let mut response = next.run(request).await;
        if let Some(answer) = answer {
            response.headers_mut().insert(HEADER.clone(), answer);
        }
        response
    }
}

/// Loads the system's certificates, off the threads that answer requests.
async fn client() -> Result<reqwest::Client, String> {
    let built = tokio::task::spawn_blocking(|| {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LIMIT)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("gateway/", env!("CARGO_PKG_VERSION")))
            .build()
    });
    let client = built.await.map_err(|error| error.to_string())?;
    client.map_err(|error| {
        format!("the system's certificates cannot be loaded: {}", root_cause(&error))
    })
}

fn not_yet(cause: &dyn std::fmt::Display) -> VerifyError {
    VerifyError::NotYet(cause.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn two_processes_answer_the_same_question_differently() {
        let probe = |seed| Probe::new(Arc::new(SeededEntropy::new(seed)));
        assert_eq!(probe(1).answer("q"), probe(1).answer("q"));
        assert_ne!(probe(1).answer("q"), probe(2).answer("q"));
    }
}
