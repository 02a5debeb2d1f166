//! Client ids that are the address of a document: pure.
//!
//! Draft `ietf-oauth-client-id-metadata-document`, §3. An id is compared byte by byte, so that what
//! two parsers read differently is refused.
use url::{Host, Url};

/// Longest id that is looked at, in bytes.
const BYTES_MAX: usize = 512;
/// Names that never are of the public internet.
const LOCAL_SUFFIXES: [&str; 5] = [".local", ".localhost", ".internal", ".lan", ".home.arpa"];

/// An https URL at port 443, spelt in its one canonical form.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::auth) struct Location(Url);

impl Location {
    /// Whether a client id means a document at all.
    pub(in crate::auth) fn is_meant(id: &str) -> bool {
        id.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }

    /// Accepts an id that a document can be fetched by.
    pub(in crate::auth) fn accept(id: &str) -> Option<Self> {
        let url = Url::parse(id).ok().filter(|url| id.len() <= BYTES_MAX && url.as_str() == id)?;
        let Some(Host::Domain(host)) = url.host() else { return None };
        let public = host.contains('.')
            && !host.ends_with('.')
            && !LOCAL_SUFFIXES.iter().any(|suffix| host.ends_with(suffix));
        let plain = url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() != "/";
        (public && plain).then_some(Self(url))
    }

    pub(in crate::auth) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(in crate::auth) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether the document is one of those that are built in.
    pub(in crate::auth) fn is_bundled(&self) -> bool {
        super::bundled::document(self).is_some()
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_one_spelling_and_leads_to_port_443_of_a_public_name() {
        for id in [
            "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "https://a.example/x/",
            "https://xn--bcher-kva.example/client.json",
        ] {
            assert!(Location::accept(id).is_some(), "{id}");
        }
        for id in [
            "",
            "gw_x",
            "http://a.example/x",
            "HTTPS://a.example/x",
            "https://A.example/x",
            "https://a.example",
            "https://a.example/",
            "https://a.example:443/x",
            "https://a.example:8443/x",
            "https://a.example/x?y",
            "https://a.example/x#y",
            "https://u@a.example/x",
            "https://u:p@a.example/x",
            "https://a.example/../x",
            "https://a.example/./x",
            "https://a.example/%2e%2e/x",
            "https://a.example\\x",
            "https://a.example/x y",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://[::1]/x",
            "https://localhost/x",
            "https://router/x",
            "https://printer.local/x",
            "https://a.localhost/x",
            "https://metadata.google.internal/x",
            "https://a.example./x",
            "https://b\u{fc}cher.example/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(Location::accept(id).is_none(), "{id}");
        }
        assert!(Location::accept(&format!("https://a.example/{}", "x".repeat(512))).is_none());
        assert!(Location::is_meant("https://x") && Location::is_meant("HTTPS://x"));
        assert!(!Location::is_meant("http://x/y") && !Location::is_meant("gw_https://"));
    }

    proptest! {
        #[test]
        fn any_id_is_judged_without_panic(id in "\\PC{0,64}") {
            Location::accept(&id);
            Location::is_meant(&id);
        }

        #[test]
        fn what_is_accepted_names_its_host_as_it_is_spelt(
            id in "https://[a-zA-Z0-9.@:\\[\\]-]{1,20}/[a-z./%?#]{0,8}"
        ) {
            if let Some(location) = Location::accept(&id) {
                let prefix = format!("https://{}/", location.host());
                prop_assert!(id.starts_with(&prefix), "{id}");
            }
        }
    }
}
