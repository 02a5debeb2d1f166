//! URLs: our own public one, a proxy's, a client's redirect.
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::{InvalidValue, RedirectScheme, text_value};

/// Whether the URL's host is this machine, by address or as `localhost`.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(addr)) => addr.is_loopback(),
        Some(Host::Ipv6(addr)) => addr.is_loopback(),
        None => false,
    }
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The origin that clients use: `https://HOST[:PORT]`, or `http` for a loopback host.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublicUrl(Url);

text_value!(PublicUrl, "an https origin without a path, such as \"https://gateway.example.org\"");

impl PublicUrl {
    /// The origin as a URL; its path is `/`.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url = Url::parse(text).map_err(|err| InvalidValue::new(format!("not a URL: {err}")))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(InvalidValue::new(
                    "http is allowed for a loopback host only; use https",
                ));
            }
            other => {
                return Err(InvalidValue::new(format!("the scheme is https, not {other}")));
            }
        }
        if has_userinfo(&url) {
            return Err(InvalidValue::new("it holds no user name or password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidValue::new(
                "it ends after host and port: no path, query or fragment",
            ));
        }
        Ok(Self(url))
    }
}

/// Without the trailing slash, as issuers are written (RFC 8414 §2).
impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// A proxy for outgoing connections: `http`, `https` or `socks5`; never with a password, because
/// secrets do not belong in the config file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ProxyUrl(Url);

text_value!(
    ProxyUrl,
    "a proxy such as \"http://proxy.example.org:3128\" or \"socks5://127.0.0.1:1080\""
);

impl ProxyUrl {
    /// The proxy's URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for ProxyUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url = Url::parse(text).map_err(|err| InvalidValue::new(format!("not a URL: {err}")))?;
        if !["http", "https", "socks5"].contains(&url.scheme()) {
            return Err(InvalidValue::new("the scheme is http, https or socks5"));
        }
        if has_userinfo(&url) {
            return Err(InvalidValue::new("a user name or password does not belong in the config"));
        }
        if url.host().is_none() || !["", "/"].contains(&url.path()) || url.query().is_some() {
            return Err(InvalidValue::new("it has a host and ends after the port"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// A redirect URI that a client may use, compared as text (RFC 9700 §4.1.3); kept as written.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RedirectUri(String);

text_value!(RedirectUri, "an exact redirect URI such as \"https://app.example.org/callback\"");

impl RedirectUri {
    /// The URI exactly as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its scheme when that is a private-use one; none for https and loopback http.
    #[must_use]
    pub fn private_scheme(&self) -> Option<RedirectScheme> {
        let (scheme, _) = self.0.split_once(':')?;
        scheme.parse().ok()
    }
}

impl FromStr for RedirectUri {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let url = Url::parse(text).map_err(|err| InvalidValue::new(format!("not a URL: {err}")))?;
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(InvalidValue::new("it holds no spaces, backslashes or control characters"));
        }
        if text.contains('#') {
            return Err(InvalidValue::new("it has no fragment (RFC 6749 §3.1.2)"));
        }
        if has_userinfo(&url) {
            return Err(InvalidValue::new("it holds no user name or password"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(InvalidValue::new(
                    "http is allowed for a loopback host only; use https",
                ));
            }
            other => {
                other.parse::<RedirectScheme>()?;
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_an_https_origin_and_http_only_on_loopback() {
        for (text, printed) in [
            ("https://a.example.org", "https://a.example.org"),
            ("https://A.example.org:8443/", "https://a.example.org:8443"),
            ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), printed);
        }
        for bad in [
            "a.example.org",
            "http://a.example.org",
            "https://a.example.org/mcp",
            "ftp://a.example.org",
            "https://u:p@a.example.org",
            "https://a.example.org/?q",
            "https://a.example.org/#f",
            "",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_proxy_never_carries_a_password() {
        assert!("socks5://127.0.0.1:1080".parse::<ProxyUrl>().is_ok());
        let err = "http://user:hunter2@proxy:3128".parse::<ProxyUrl>().unwrap_err();
        assert!(!err.to_string().contains("hunter2"));
        assert!("ftp://proxy".parse::<ProxyUrl>().is_err());
    }

    #[test]
    fn a_redirect_uri_never_runs_in_the_browser() {
        for good in
            ["https://a.example.org/cb?x=1", "http://127.0.0.1:33418/cb", "cursor://anysphere/cb"]
        {
            assert_eq!(good.parse::<RedirectUri>().unwrap().as_str(), good);
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://a.example.org/cb",
            "https://a.example.org/#x",
            "https://u@a.example.org/",
            "https://a.example.org\\@b/",
            "/cb",
        ] {
            assert!(bad.parse::<RedirectUri>().is_err(), "{bad}");
        }
    }
}
