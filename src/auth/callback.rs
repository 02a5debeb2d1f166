//! Which redirect URI one client may use: pure.
//!
//! The rules for everybody ([`RedirectUri::accept`]) come first. A client that registered is held to
//! what it named then, byte by byte, but for the port of a loopback URI, which the system gives out
//! anew each time (RFC 8252 §7.3).
use super::redirect::{RedirectUri, without_port};
use super::settings::AuthSettings;
use crate::model::{Client, Registration};

/// Accepts `uri` when `client` may be answered there.
#[must_use]
pub(super) fn accept(uri: &str, client: &Client, settings: &AuthSettings) -> Option<RedirectUri> {
    let named = || client.redirect_uris.iter().any(|registered| matches(registered, uri));
    let accepted = RedirectUri::accept(uri, settings);
    match client.registration {
        Registration::Static => accepted,
        Registration::Document | Registration::Dynamic => accepted.filter(|_| named()),
    }
}

/// Whether a redirect URI is the registered one: the same bytes, or the same loopback address and
/// path at another port.
#[must_use]
pub(super) fn matches(registered: &str, uri: &str) -> bool {
    if registered == uri {
        return true;
    }
    match (without_port(registered), without_port(uri)) {
        (Some(registered), Some(uri)) => registered == uri,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_loopback_port_is_free_and_nothing_else_is() {
        for (registered, uri) in [
            ("http://localhost/callback", "http://localhost:4321/callback"),
            ("http://localhost:1/callback", "http://localhost:4321/callback"),
            ("http://127.0.0.1:33418/", "http://127.0.0.1:5/"),
            ("http://[::1]/oauth/callback", "http://[::1]:5/oauth/callback"),
            ("https://claude.ai/api/mcp/auth_callback", "https://claude.ai/api/mcp/auth_callback"),
        ] {
            assert!(matches(registered, uri), "{registered} {uri}");
        }
        for (registered, uri) in [
            ("http://localhost/callback", "http://127.0.0.1/callback"),
            ("http://localhost/callback", "http://localhost:1/callback/x"),
            ("http://localhost/callback", "http://localhost:1/"),
            ("http://localhost/callback", "https://localhost:1/callback"),
            ("http://localhost/callback", "http://localhost:01/callback"),
            ("http://localhost/callback", "http://localhost:1@evil.example/callback"),
            ("http://localhost/callback", "http://localhost.evil.example/callback"),
            ("https://claude.ai/a", "https://claude.ai:443/a"),
            ("https://a.example:1/cb", "https://a.example:2/cb"),
            ("", "http://localhost/callback"),
        ] {
            assert!(!matches(registered, uri), "{registered} {uri}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_matches_differs_in_a_loopback_port_at_most(
            registered in "https?://(localhost|127\\.0\\.0\\.1|\\[::1\\]|claude\\.ai)(:[0-9]{1,5})?/(callback|oauth/callback|callback/[a-z]{1,3}|)",
            uri in "https?://(localhost|127\\.0\\.0\\.1|\\[::1\\]|claude\\.ai|evil\\.example)(:[0-9]{1,5})?[@]?/(callback|oauth/callback|callback/[a-z]{1,3}|)[?#]?"
        ) {
            if matches(&registered, &uri) && registered != uri {
                let one = url::Url::parse(&registered).unwrap();
                let other = url::Url::parse(&uri).unwrap();
                prop_assert_eq!(one.scheme(), "http");
                prop_assert_eq!(other.scheme(), "http");
                prop_assert_eq!(one.host_str(), other.host_str());
                prop_assert_eq!(one.path(), other.path());
                prop_assert_ne!(one.host_str(), Some("claude.ai"));
                prop_assert!(other.username().is_empty() && other.query().is_none());
            }
        }
    }
}
