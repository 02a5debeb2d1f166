//! The public address.
use tokio::sync::watch;

use crate::http::{Origin, PublicOrigin};

/// The public address of now: that of the tunnel, which may change, or else that of the configuration.
#[derive(Clone, Debug)]
pub(super) struct PublicAddress {
    tunnel: watch::Receiver<Option<PublicOrigin>>,
    configured: Option<PublicOrigin>,
}

impl PublicAddress {
    /// The tunnel's, as `tunnel` tells, and the one of the configuration.
    pub(super) const fn new(
        tunnel: watch::Receiver<Option<PublicOrigin>>,
        configured: Option<PublicOrigin>,
    ) -> Self {
        Self { tunnel, configured }
    }

    /// Where clients find this gateway, if anywhere but on this machine.
    pub(super) fn origin(&self) -> Option<Origin> {
        let tunnel = self.tunnel.borrow().clone();
        tunnel.or_else(|| self.configured.clone()).map(|public| public.origin())
    }
}
