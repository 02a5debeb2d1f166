//! What the gateway inherits: processes whose parents died below it.
//!
//! A shim adopts the orphans of its run. Where the shim itself was killed the gateway that started
//! it is next in line, so that what was below the shim stays below the gateway: the admin socket
//! refuses it, and the end of the run finds it ([`end_leftovers`](crate::executor::shim)).
use std::sync::Arc;
use std::time::Duration;

use gateway_os::{children, process};

use crate::clock::Clock;

/// How often ended orphans are looked for. There are hardly ever any, and looking costs a system
/// call when none of our own children waits to be collected either.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// Makes this process inherit orphans. Every child of it must be started through
/// [`children::start`] from now on, and [`reap`] must run.
pub(crate) fn adopt() {
    if let Err(error) = process::become_subreaper() {
        tracing::warn!(%error, "what a killed supervising process leaves cannot be adopted");
    }
}

/// Reaps adopted orphans that have ended, for ever.
pub(crate) async fn reap(clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(REAP_EVERY).await;
        let look = || match process::has_ended_child() {
            Ok(true) => children::reap_adopted(),
            other => other.map(usize::from),
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => tracing::debug!(count, "adopted processes were collected"),
            Ok(Err(error)) => tracing::debug!(%error, "adopted processes were not collected"),
        }
    }
}
