//! Fuzz targets: what strangers send, and what must hold whatever it is.
//!
//! A target takes any bytes and panics when its promise is broken; nothing else is a finding.
//! `fuzz/` feeds them what libFuzzer makes up, `tests/fuzz_corpus.rs` what was kept of that. Inputs
//! of the targets that talk to a whole gateway hold words such as `$ACCESS` for what only this
//! gateway knows ([`stack`]), so that a file stays good when the way to a token changes.
//!
//! A new target is a line in [`TARGETS`] and a folder in `fuzz/corpus`.
mod http;
mod jsonrpc;
mod oauth;
mod stack;
mod wire;

use crate::auth::fuzz as auth;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Feeds it one input; panics on a finding.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "http", run: http::run },
    Target { name: "jsonrpc", run: jsonrpc::run },
    Target { name: "oauth_form", run: oauth::form },
    Target { name: "oauth_query", run: oauth::query },
    Target { name: "basic", run: auth::basic },
    Target { name: "redirect", run: auth::redirect },
    Target { name: "document", run: auth::document },
];
