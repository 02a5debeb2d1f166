//! Test doubles of both edges, for this crate's tests, the gateway's, and whole-program scripts.
//!
//! [`NgrokEdge`] speaks the ngrok agent protocol on loopback and routes a plain-HTTP public side by
//! `Host`; the binary `loopback-ngrok-edge` runs it as a process. [`FakeCloudflared`] installs the
//! binary `fake-cloudflared` under the name of the real one, with a scenario beside it.
mod edge;
mod fake_cloudflared;
mod http_client;

use std::time::Duration;

pub use self::edge::{AuthSeen, BindSeen, Command, Knobs, NgrokEdge, Seen};
pub use self::fake_cloudflared::{
    Exit, FakeCloudflared, Run, Scenario, main as fake_cloudflared_main,
};
pub use self::http_client::{PublicClient, Reply};

/// Jitter that never waits: retries follow at once.
#[must_use]
pub fn no_wait(_ceiling: Duration) -> Duration {
    Duration::ZERO
}

/// Jitter that always waits the whole ceiling: the slowest the law allows.
#[must_use]
pub fn whole_ceiling(ceiling: Duration) -> Duration {
    ceiling
}
