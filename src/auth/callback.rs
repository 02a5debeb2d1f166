//! Which redirect URI one client may use: pure.
//!
//! The rules for everybody ([`RedirectUri::accept`]) come first. A client that registered is held to
//! what it named then, byte by byte, but for the port of a loopback URI, which the system gives out
//! anew each time (RFC 8252 §7.3). A document may name callbacks at its own host besides: whoever
//! controls that host decides anyway.
use super::document::Location;
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
        Registration::Token => None,
        Registration::Dynamic => accepted.filter(|_| named()),
        Registration::Document => {
            let location = Location::accept(client.id.as_str())?;
            let own = RedirectUri::at_host(uri, location.host());
            if named() {
                return accepted.or(own);
            }
            // A built-in copy may be older than the document; the vendor's own callbacks are known.
            accepted.filter(|_| own.is_some() && location.is_bundled())
        }
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
    use crate::clock::Timestamp;
    use crate::model::{ClientKind, ProjectAccess, Scopes};

    fn described(id: &str, redirect_uris: &[&str]) -> Client {
        Client {
            id: id.parse().unwrap(),
            name: "App".into(),
            registration: Registration::Document,
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            approved_at: None,
            kind: ClientKind::Public,
            scopes: Scopes::all(),
            projects: ProjectAccess::All,
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_document_names_callbacks_at_its_own_host_and_of_known_shapes() {
        let app = described(
            "https://app.example/client.json",
            &[
                "https://app.example/cb?x=1",
                "http://localhost/callback",
                "https://other.example/cb",
                "https://app.example.evil.example/cb",
                "http://app.example/cb",
                "cursor://x/cb",
            ],
        );
        let accepts = |uri| accept(uri, &app, &AuthSettings::default()).is_some();
        assert!(accepts("https://app.example/cb?x=1"));
        assert!(accepts("http://localhost:77/callback"));
        for uri in [
            "https://app.example/cb",
            "https://app.example/other",
            "https://other.example/cb",
            "https://app.example.evil.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1:77/callback",
            "https://claude.ai/api/mcp/auth_callback",
            "cursor://x/cb",
        ] {
            assert!(!accepts(uri), "{uri}");
        }
    }

    #[test]
    fn a_built_in_copy_admits_the_known_callbacks_of_its_vendor_and_no_others() {
        let chatgpt =
            described("https://chatgpt.com/oauth/client.json", &["http://localhost/callback"]);
        let accepts = |uri| accept(uri, &chatgpt, &AuthSettings::default()).is_some();
        assert!(accepts("https://chatgpt.com/connector/oauth/abc"));
        assert!(!accepts("https://chatgpt.com/anything"));
        assert!(!accepts("https://claude.ai/api/mcp/auth_callback"));
        let other =
            described("https://chatgpt.com/oauth/x/client.json", &["http://localhost/callback"]);
        let known = "https://chatgpt.com/connector/oauth/abc";
        assert!(accept(known, &other, &AuthSettings::default()).is_none(), "that one is no copy");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_document_sends_nobody_to_another_host(
            named in "https?://(app\\.example|localhost|evil\\.example)[:@./a-z0-9%?#\\\\]{0,6}/?(callback|cb)?[?#a-z/]{0,3}"
        ) {
            let app = described("https://app.example/client.json", &[&named]);
            if accept(&named, &app, &AuthSettings::default()).is_some() {
                let url = url::Url::parse(&named).unwrap();
                prop_assert!(matches!(url.host_str(), Some("app.example" | "localhost")), "{named}");
                prop_assert!(url.username().is_empty() && url.fragment().is_none());
                let loopback = url.host_str() == Some("localhost");
                prop_assert_eq!(url.scheme(), if loopback { "http" } else { "https" });
                prop_assert!(loopback || url.port().is_none());
            }
        }
    }

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
