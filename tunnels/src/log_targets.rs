//! Which log targets must be capped, whatever filter the owner asks for.

/// Targets of other crates that print secrets when they are allowed to be loud.
///
/// `muxado` prints whole frames at TRACE, the authtoken among them, and `ngrok` prints credentials of
/// the endpoint at DEBUG. A subscriber must cap each of them at [`LOUDEST_LEVEL`].
pub const SECRET_LOG_TARGETS: &[&str] = &["muxado", "ngrok"];

/// The loudest level at which [`SECRET_LOG_TARGETS`] say nothing secret.
pub const LOUDEST_LEVEL: tracing::Level = tracing::Level::INFO;
