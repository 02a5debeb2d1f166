//! The hook through which the gateway proves that a public address leads to itself.
use std::fmt;

use futures::future::BoxFuture;
use url::Url;

/// Asks the public address for something only this process can answer.
///
/// Called before the tunnel is called up, after every reconnect, and at the interval of
/// [`crate::Options::reverify_every`]. Connections already arrive while it runs, so the answer can
/// come through the tunnel itself. A call is dropped when the tunnel is lost meanwhile, and counts as
/// [`VerifyError::NotYet`] when it takes longer than ten seconds.
pub trait Verify: fmt::Debug + Send + Sync + 'static {
    /// Checks `url` once; the supervisor repeats it.
    fn verify<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<(), VerifyError>>;
}

/// Why a public address did not prove to be ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// Nothing answered usefully; new names need some seconds of DNS.
    #[error("{0}")]
    NotYet(String),
    /// Something answered, and it is not this gateway (404 or offline at the edge).
    #[error("{0}")]
    NotServed(String),
}

/// Believes every address: for tests and for callers that verify by other means.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysVerified;

impl Verify for AlwaysVerified {
    fn verify<'a>(&'a self, _url: &'a Url) -> BoxFuture<'a, Result<(), VerifyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
