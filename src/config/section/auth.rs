//! `[auth]`: lifetimes, consent and who may register.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{RedirectScheme, RedirectUri, Span, choice};

choice! {
    /// When the owner is asked before a client gets access.
    ConsentMode {
        /// At every authorization.
        Always = "always",
    }
}

choice! {
    /// A way for a client to become known.
    Registration {
        /// Made by `gateway mint-client`.
        Static = "static",
        /// Described by the document that its id is the address of.
        Document = "cimd",
        /// Registered by itself at `/register` (RFC 7591).
        Dynamic = "dcr",
    }
}

/// Who may connect and for how long.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
    /// How long an access token is valid, from one minute to 30 days.
    pub access_ttl: Span,
    /// How long a refresh token is valid without being used; at least `access_ttl`.
    pub refresh_ttl: Span,
    /// When the owner is asked: `always`, at every authorization.
    pub consent: ConsentMode,
    /// How clients become known: `static`, those made by `gateway mint-client`; `cimd`, those that
    /// a document on their vendor's site describes; `dcr`, those that register themselves. Whoever comes, the owner decides on the consent page.
    pub registration: Vec<Registration>,
    /// Further redirect URIs besides those of the known clients; compared exactly.
    pub redirect_uris: Vec<RedirectUri>,
    /// Private-use URI schemes that redirects may go to, such as `cursor` or `vscode`.
    pub redirect_schemes: Vec<RedirectScheme>,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self {
            access_ttl: Span::of_secs(24 * 3_600),
            refresh_ttl: Span::of_secs(90 * 86_400),
            consent: ConsentMode::Always,
            registration: vec![Registration::Static, Registration::Document, Registration::Dynamic],
            redirect_uris: Vec::new(),
            redirect_schemes: Vec::new(),
        }
    }
}
