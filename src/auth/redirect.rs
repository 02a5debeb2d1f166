//! Which redirect URIs a client may name: pure, and compared byte by byte.
//!
//! Nothing is parsed into a URL and put together again: what is not spelt exactly as a known shape is
//! refused, so that no difference between two parsers can be used.
use super::settings::{AuthSettings, is_custom_scheme};

/// Longest accepted redirect URI, in bytes.
pub const URI_BYTES_MAX: usize = 2048;

/// Callbacks of the known hosted clients.
const BUILT_IN: [&str; 11] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "https://cursor.com/agents/mcp/oauth/callback",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback",
    "https://www.perplexity.ai/rest/connections/oauth_callback",
    "https://api.devin.ai/mcp/oauth/callback",
    "https://oauth.n8n.cloud/oauth2/callback",
];
/// Callbacks of known hosted clients that end in a name of the connector.
const BUILT_IN_PREFIXES: [&str; 2] =
    ["https://chatgpt.com/connector/oauth/", "https://global.consent.azure-apim.net/redirect/"];
/// Loopback hosts (RFC 8252 §7.3); the port is free.
const LOOPBACK: [&str; 3] = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
/// Paths of the known native clients.
const LOOPBACK_PATHS: [&str; 3] = ["/callback", "/oauth/callback", "/"];

/// A redirect URI that may be sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedirectUri {
    uri: String,
    /// Whether it leads to the very machine that the browser runs on.
    pub loopback: bool,
}

impl RedirectUri {
    /// Accepts `uri` when it is one of the known callbacks, of a loopback shape, or one that the
    /// owner allowed.
    #[must_use]
    pub fn accept(uri: &str, settings: &AuthSettings) -> Option<Self> {
        if !is_plain(uri) {
            return None;
        }
        let known = is_loopback(uri)
            || BUILT_IN.contains(&uri)
            || BUILT_IN_PREFIXES
                .iter()
                .any(|prefix| uri.strip_prefix(prefix).is_some_and(is_segment))
            || settings.redirect_uris.iter().any(|own| own == uri)
            || has_scheme_of(uri, &settings.redirect_schemes);
        let loopback = LOOPBACK.iter().any(|host| has_host(uri, host));
        known.then(|| Self { uri: uri.to_owned(), loopback })
    }

    /// Accepts any https `uri` at `host` itself, port 443.
    #[must_use]
    pub(super) fn at_host(uri: &str, host: &str) -> Option<Self> {
        let rest = uri.strip_prefix("https://")?.strip_prefix(host)?;
        let own = is_plain(uri) && rest.starts_with('/');
        own.then(|| Self { uri: uri.to_owned(), loopback: false })
    }

    /// The URI, as the client spelt it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Scheme and host, for people to judge where the answer goes.
    #[must_use]
    pub fn host(&self) -> &str {
        let Some((_, rest)) = self.uri.split_once("://") else { return &self.uri };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        if self.uri.starts_with("https://") {
            &rest[..end]
        } else {
            &self.uri[..self.uri.len() - rest.len() + end]
        }
    }

    /// The URI with `parameters` added to its query (RFC 6749 §4.1.2), percent-encoded so that every
    /// byte comes back as it is, by whatever decoder.
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &[u8])]) -> String {
        let mut location = self.uri.clone();
        let mut separator = if location.contains('?') { '&' } else { '?' };
        for (name, value) in parameters {
            location.push(separator);
            location.push_str(name);
            location.push('=');
            for byte in *value {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                    location.push(char::from(*byte));
                } else {
                    location.push('%');
                    location.push(hex(byte >> 4));
                    location.push(hex(byte & 15));
                }
            }
            separator = '&';
        }
        location
    }
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// Whether a URI has no fragment and only the characters that RFC 3986 knows, so that it can stand
/// in a header and means the same to every parser.
pub(super) fn is_plain(uri: &str) -> bool {
    !uri.is_empty()
        && uri.len() <= URI_BYTES_MAX
        && uri
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&it))
}

fn is_loopback(uri: &str) -> bool {
    without_port(uri).is_some()
}

/// Host and path of a loopback URI, without its port, which is free (RFC 8252 §7.3); `None` for every
/// other URI.
pub(super) fn without_port(uri: &str) -> Option<(&'static str, &str)> {
    LOOPBACK.iter().find_map(|host| {
        let rest = uri.strip_prefix(host)?;
        let path = rest.strip_prefix(':').map_or(Some(rest), after_port)?;
        let known = LOOPBACK_PATHS.contains(&path)
            || path.strip_prefix("/callback/").is_some_and(is_segment);
        known.then_some((*host, path))
    })
}

/// What follows the port at the beginning of `text`.
fn after_port(text: &str) -> Option<&str> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let port = text[..end].parse::<u16>().is_ok() && !text.starts_with('0');
    port.then_some(&text[end..])
}

fn is_segment(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether the scheme is one of `schemes`, and what stands for the host is plain: no user, no port.
fn has_scheme_of(uri: &str, schemes: &[String]) -> bool {
    uri.split_once("://").is_some_and(|(scheme, rest)| {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let plain = host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._".contains(&it));
        let own = is_custom_scheme(scheme) && schemes.iter().any(|own| own == scheme);
        !rest.is_empty() && plain && own
    })
}

fn has_host(uri: &str, host: &str) -> bool {
    uri.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(uri: &str) -> bool {
        RedirectUri::accept(uri, &AuthSettings::default()).is_some()
    }

    #[test]
    fn every_known_client_comes_home() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/ab_C-9",
            "http://localhost:8787/callback",
            "http://127.0.0.1:33418/",
            "http://localhost/callback",
            "http://[::1]:1/oauth/callback",
            "http://127.0.0.1:65535/callback/abcDEF012345",
            "https://vscode.dev/redirect",
        ] {
            assert!(accepts(uri), "{uri}");
        }
    }

    const EVERY_SHAPE: [&str; 8] = [
        "https://claude.ai/api/mcp/auth_callback",
        "https://claude.com/api/mcp/auth_callback",
        "https://chatgpt.com/connector/oauth/abc",
        "http://localhost:8787/callback",
        "http://localhost/callback/abc",
        "http://127.0.0.1:33418/",
        "http://[::1]:1/oauth/callback",
        "https://vscode.dev/redirect",
    ];

    #[test]
    fn look_alikes_are_refused() {
        for uri in [
            "",
            "https://evil.example/cb",
            "https://claude.ai.evil.example/api/mcp/auth_callback",
            "https://claude.ai@evil.example/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?x=1",
            "https://claude.ai/api/mcp/auth_callback#x",
            "https://claude.ai/api/mcp/../mcp/auth_callback",
            "https://claude.ai/api/mcp/auth%5Fcallback",
            "https://CLAUDE.ai/api/mcp/auth_callback",
            "https://claude.ai:443/api/mcp/auth_callback",
            "http://claude.ai/api/mcp/auth_callback",
            "https://claude.ai\\@evil.example/",
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/a/../../x",
            "http://localhost.evil.example/callback",
            "http://localhost:80@evil.example/callback",
            "http://localhost:/callback",
            "http://localhost:0/callback",
            "http://localhost:080/callback",
            "http://localhost:65536/callback",
            "http://localhost:+80/callback",
            "http://user@localhost:80/callback",
            "http://localhost:80/callback/../x",
            "http://localhost:80/callback/a/b",
            "http://localhost:80/callback?next=x",
            "http://localhost:80/callback#x",
            "http://127.0.0.2:80/callback",
            "http://127.1:80/callback",
            "http://2130706433:80/callback",
            "http://[::ffff:127.0.0.1]:80/callback",
            "https://localhost:80/callback",
            "http://localhost:80/evil",
            "http://localhost:80",
            " http://localhost:80/callback",
            "http://localhost:80/callback\r\nSet-Cookie: a=b",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "javascript:alert(1)",
            "data:text/html,x",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            assert!(!accepts(uri), "{uri:?}");
        }
    }

    #[test]
    fn it_is_told_whether_the_answer_stays_on_the_machine() {
        let own =
            ["http://localhost:1/own", "http://127.0.0.1?own", "http://localhost.example/own"];
        let redirect_uris = own.map(str::to_owned).to_vec();
        let settings = AuthSettings { redirect_uris, ..AuthSettings::default() };
        let loopback = |uri| RedirectUri::accept(uri, &settings).unwrap().loopback;
        assert!(loopback("http://[::1]:7/callback") && loopback(own[0]) && loopback(own[1]));
        assert!(!loopback(own[2]) && !loopback("https://vscode.dev/redirect"));
    }

    #[test]
    fn what_the_owner_allowed_is_allowed_and_nothing_near_it() {
        let settings = AuthSettings {
            redirect_uris: vec!["https://app.example/cb?tenant=1".into()],
            redirect_schemes: vec!["cursor".into(), "javascript".into()],
            ..AuthSettings::default()
        };
        let accepts = |uri| RedirectUri::accept(uri, &settings).is_some();
        assert!(accepts("https://app.example/cb?tenant=1"));
        assert!(accepts("cursor://anysphere.cursor-mcp/oauth/callback"));
        for uri in [
            "https://app.example/cb",
            "https://app.example/cb?tenant=12",
            "cursor:x",
            "cursor://",
            "cursors://x",
            "Cursor://x",
            "cursor://x:y/z",
            "cursor://claude.ai@evil.example/",
            "cursor://[::1/x",
            "javascript://x/%0aalert(1)",
        ] {
            assert!(!accepts(uri), "{uri}");
        }
    }

    #[test]
    fn the_host_that_people_judge_is_the_one_that_is_sent_to() {
        let host = |uri: &str| RedirectUri { uri: uri.into(), loopback: false }.host().to_owned();
        assert_eq!(host("https://claude.ai/api/mcp/auth_callback"), "claude.ai");
        assert_eq!(host("https://app.example?x"), "app.example");
        assert_eq!(host("http://localhost:8787/callback"), "http://localhost:8787");
        assert_eq!(host("cursor://anysphere/x"), "cursor://anysphere");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn whatever_is_accepted_leads_to_a_known_host(
            uri in "(https?|cursor)://(claude\\.ai|localhost|127\\.0\\.0\\.1|\\[::1\\]|chatgpt\\.com)[:@./a-z0-9%?#\\\\ ]{0,12}(/callback|/oauth/callback|/api/mcp/auth_callback|/connector/oauth/)?[-:@./a-z0-9%?#\\\\]{0,8}"
        ) {
            if accepts(&uri) {
                let url = url::Url::parse(&uri).expect("accepted URIs parse");
                let host = url.host_str().unwrap_or_default();
                prop_assert!(
                    ["claude.ai", "localhost", "127.0.0.1", "[::1]", "chatgpt.com"].contains(&host)
                );
                prop_assert!(url.username().is_empty() && url.password().is_none());
                prop_assert!(url.fragment().is_none() && url.query().is_none());
                prop_assert_eq!(url.as_str(), uri.replace(":80/", "/"), "read as it is spelt");
            }
        }

        #[test]
        fn one_changed_character_leads_to_no_other_host(
            start in proptest::sample::select(&EVERY_SHAPE[..]),
            at in any::<proptest::sample::Index>(),
            put in "[-a-zA-Z0-9.:/@?#%\\\\\\[\\] \\u{0}-\\u{2f}é\u{2024}\u{ff0e}]{0,3}",
            replace in any::<bool>(),
        ) {
            let at = at.index(start.len());
            let changed = format!("{}{put}{}", &start[..at], &start[at + usize::from(replace)..]);
            if let Some(accepted) = RedirectUri::accept(&changed, &AuthSettings::default()) {
                let host = |uri: &str| url::Url::parse(uri).unwrap().host_str().map(str::to_owned);
                let known = EVERY_SHAPE.iter().any(|shape| host(shape) == host(&changed));
                prop_assert!(known, "{changed}");
                prop_assert_eq!(accepted.as_str(), &changed);
            }
        }

        #[test]
        fn any_text_is_judged_without_panic(uri in "\\PC{0,80}") {
            accepts(&uri);
        }

        #[test]
        fn every_byte_of_a_parameter_comes_back(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let uri = RedirectUri { uri: "https://a.example/cb".into(), loopback: false };
            let location = uri.with(&[("state", &value)]);
            let query = location.split_once('?').unwrap().1;
            let params = crate::auth::Params::parse(query.as_bytes()).unwrap();
            let back = params.bytes("state").unwrap().unwrap_or_default();
            prop_assert_eq!(back, &value[..]);
        }
    }
}
