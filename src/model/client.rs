//! A client (RFC 6749 §2): a program that may ask the owner for tokens.
use serde::{Deserialize, Serialize};

use super::grant::{Scopes, TokenDigest};
use super::id::ClientId;
use crate::clock::Timestamp;

/// A registered client.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Its public name for itself.
    pub id: ClientId,
    /// The owner's name for it, or what it calls itself where it came by itself.
    pub name: String,
    /// How it came here.
    pub registration: Registration,
    /// The redirect URIs that it named when it registered. A static client names none: the rules for
    /// everybody hold for it.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// When the owner first allowed it to connect. What he made himself was allowed by that.
    #[serde(default)]
    pub approved_at: Option<Timestamp>,
    /// Whether it proves itself with a secret.
    pub kind: ClientKind,
    /// The most it can be granted.
    pub scopes: Scopes,
    /// The projects it may touch.
    pub projects: ProjectAccess,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it stops to be valid, if the owner said so.
    pub expires_at: Option<Timestamp>,
    /// When the owner revoked it.
    pub revoked_at: Option<Timestamp>,
    /// When one of its tokens was last used; up to a second late.
    pub last_used_at: Option<Timestamp>,
}

impl Client {
    /// Whether it may be served at `now`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether the owner made it himself.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self.registration, Registration::Static | Registration::Token)
    }

    /// Whether the owner has allowed it before, so that a paired device's tap is enough.
    #[must_use]
    pub fn is_approved(&self, now: Timestamp) -> bool {
        (self.is_own() || self.approved_at.is_some()) && self.is_active(now)
    }

    /// Whether it proves itself with a secret (RFC 6749 §2.1).
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        matches!(self.kind, ClientKind::Confidential { .. })
    }
}

/// How a client came to be known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Minted by the owner at the terminal.
    Static,
    /// By the document that its id is the address of (Client ID Metadata Documents).
    #[serde(rename = "cimd")]
    Document,
    /// By itself, at `/register` (RFC 7591). Nobody vouches for what it says.
    #[serde(rename = "dcr")]
    Dynamic,
    /// As a bearer token that the owner made at the terminal. It signs in nowhere: it has no redirect
    /// URI and no secret, and its one token is never renewed.
    Token,
}

impl Registration {
    /// The word for it, in the config file where that names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Document => "cimd",
            Self::Dynamic => "dcr",
            Self::Token => "token",
        }
    }
}

/// The client types of RFC 6749 §2.1.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClientKind {
    /// Holds a secret; several of them while it is being rotated.
    Confidential {
        /// Newest first, a handful at most. A token has none, so that nothing proves it.
        secrets: Vec<ClientSecret>,
    },
    /// Holds none; its grants rest on PKCE and the owner's consent.
    Public,
}

/// What the store knows of a client secret.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Its digest.
    pub digest: TokenDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to be valid; set when a newer one replaces it.
    pub expires_at: Option<Timestamp>,
}

impl ClientSecret {
    /// Whether it still proves anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

/// The projects that a client may touch.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectAccess {
    /// Every project, also those to come.
    All,
    /// These, by name.
    Only(Vec<String>),
}

impl ProjectAccess {
    /// Whether `project` is among them.
    #[must_use]
    pub fn allows(&self, project: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == project),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_held_to_projects_touches_no_other() {
        let held = ProjectAccess::Only(vec!["api".into()]);
        assert!(held.allows("api"));
        assert!(!held.allows("API") && !held.allows("ap") && !held.allows(""));
        assert!(ProjectAccess::All.allows("anything"));
    }
}
