//! The provider `none`: no tunnel, because the owner runs a reverse proxy or stays local.
use std::time::Duration;

use futures::future::BoxFuture;

use crate::backoff::Law;
use crate::error::TunnelError;
use crate::provider::{Policy, Provider, Report, SessionLink};

/// Opens nothing and stays off until closed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoTunnel;

impl Provider for NoTunnel {
    fn name(&self) -> &'static str {
        "none"
    }

    fn policy(&self) -> Policy {
        Policy {
            law: Law::default(),
            openings_max: None,
            close_within: Duration::from_secs(1),
            reopen_when_not_served: false,
        }
    }

    fn run(&self, link: SessionLink) -> BoxFuture<'static, Result<(), TunnelError>> {
        Box::pin(async move {
            link.report(Report::Off).await;
            link.closing().cancelled().await;
            Ok(())
        })
    }
}
