//! The OS keyring, reached through a short-lived process of our own binary.
//!
//! The `keyring` crate opens its store once per process and its calls may wait for a prompt for
//! ever. So [`KeyringVault`] starts `gateway __keyring …` for each call ([`helper_main`] runs there):
//! a fresh store each time, and a process that can be killed. Secrets cross on pipes, never in argv.
mod client;
mod helper;
mod store;
mod wire;
pub use self::client::{HelperCommand, KeyringVault};
pub use self::helper::helper_main;

/// The hidden subcommand that `main` hands to [`helper_main`].
pub const HELPER_COMMAND: &str = "__keyring";
