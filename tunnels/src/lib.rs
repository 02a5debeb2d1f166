//! Public tunnels for a local server: ngrok in-process and a supervised `cloudflared`.
//!
//! [`Tunnel::start`] takes a [`Provider`] and hands back a [`TunnelHandle`] (state, events, close)
//! and the receiver of the [`Connection`]s that visitors open. The supervisor behind the handle owns
//! every state and every decision to wait, retry or give up; a provider only opens one session and
//! reports what happens to it. A new provider is one new module with its settings, and one line in
//! [`ProviderConfig::build`].
//!
//! Nothing here reads the process's environment, its clock for dates, or its random generator:
//! [`Surroundings`] and [`Options`] carry them in.
mod admission;
mod backoff;
mod check;
pub mod cloudflared;
mod connection;
mod error;
mod event;
mod log_targets;
pub mod ngrok;
mod none;
mod process;
mod provider;
mod settings;
mod supervisor;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

pub use self::admission::Limits;
pub use self::backoff::{Jitter, Law, Retry, RetryRule};
pub use self::connection::{ClientAddress, Connection, Io};
pub use self::error::TunnelError;
pub use self::event::{Note, TunnelEvent, TunnelState};
pub use self::log_targets::{LOUDEST_LEVEL, SECRET_LOG_TARGETS};
pub use self::provider::{Policy, Provider, Report, SessionLink};
pub use self::settings::{Authtoken, ProviderConfig, Surroundings};
pub use self::supervisor::{Options, Tunnel, TunnelHandle};
pub use self::verify::{AlwaysVerified, Verify, VerifyError};
