//! Where a request came from, and under which name it was sent here.
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;

use super::forwarded::is_forwarded;

/// How a connection reached the gateway; a request extension. Routes declare which kinds they take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ingress {
    /// The way in.
    pub kind: IngressKind,
    /// The client's address, where this way in knows it; for limits and the log, never for rights.
    pub client: Option<IpAddr>,
}

impl Ingress {
    /// Whether a program of this machine sent the request, as far as that can be told: it came over
    /// loopback, and carries no mark of a proxy. A narrowing of what a token is good for, never a
    /// right by itself.
    #[must_use]
    pub fn is_direct(&self, headers: &HeaderMap) -> bool {
        self.kind == IngressKind::Local && !is_forwarded(headers)
    }
}

/// The ways in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IngressKind {
    /// Through the public tunnel, or an own reverse proxy that stands for it.
    Tunnel,
    /// A loopback address of this machine. Other users and web pages come this way too.
    Local,
    /// Another address of this machine, where the owner allowed it.
    Lan,
    /// The admin socket: the owner's own processes.
    Admin,
}

/// The origin (RFC 6454) that a request was sent to: `https://host` through the tunnel, the
/// loopback name the client used otherwise; no trailing slash. A request extension, set by the guard
/// after it has checked the `Host` header. Issuer, audience and every URL in an answer come from it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin(Arc<str>);

impl Origin {
    /// Takes an origin that the guard has checked.
    #[must_use]
    pub fn new(scheme: &str, authority: &str) -> Self {
        Self(format!("{scheme}://{authority}").into())
    }

    /// The origin as text, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of `path`, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether browsers treat it as https, so that `Secure` cookies work.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_over_loopback_and_by_no_proxy_is_direct() {
        let direct = |kind: IngressKind, header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert("user-agent", "x".parse().unwrap());
            if let Some(name) = header {
                let name: http::HeaderName = name.parse().unwrap();
                headers.insert(name, "127.0.0.1".parse().unwrap());
            }
            Ingress { kind, client: Some(IpAddr::from([127, 0, 0, 1])) }.is_direct(&headers)
        };
        assert!(direct(IngressKind::Local, None));
        for kind in [IngressKind::Tunnel, IngressKind::Lan, IngressKind::Admin] {
            assert!(!direct(kind, None), "{kind:?}");
        }
        for name in ["x-forwarded-for", "X-Forwarded-Anything", "Forwarded", "via", "x-real-ip"] {
            assert!(!direct(IngressKind::Local, Some(name)), "{name}");
        }
    }
}
