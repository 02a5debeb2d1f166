//! Under which names the gateway answers, and which web pages may call it.
//!
//! Each way in has names of its own: the tunnel its public one, a loopback listener the loopback
//! names with its port. A page that rebinds its own name to this machine therefore gets 421 before
//! anything else is looked at (DNS rebinding).
use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use tokio::sync::watch;

use super::ingress::{IngressKind, Origin};

/// Web clients that call the gateway from their own pages.
const WEB_CLIENTS: [&str; 3] = ["https://claude.ai", "https://claude.com", "https://chatgpt.com"];

/// A name under which the internet reaches the gateway, such as `https://h.example`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublicOrigin {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

/// A text that is not `https://host`, `http://host`, or that with a port.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not an origin: it must look like https://host or https://host:port")]
pub struct InvalidOrigin(String);

impl PublicOrigin {
    /// Reads an origin; a lone slash at its end is forgiven.
    ///
    /// # Errors
    ///
    /// When it has another scheme, a user, a path, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let scheme = match uri.scheme_str() {
            Some("https") => "https",
            Some("http") => "http",
            _ => return Err(invalid()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(invalid());
        }
        let authority = authority.ok_or_else(invalid)?;
        Ok(Self::from_authority(scheme, authority))
    }

    /// The origin as requests see it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self.port {
            Some(port) => Origin::new(self.scheme, &format!("{}:{port}", self.host)),
            None => Origin::new(self.scheme, &self.host),
        }
    }

    fn from_authority(scheme: &'static str, authority: &Authority) -> Self {
        let default = if scheme == "https" { 443 } else { 80 };
        let port = authority.port_u16().filter(|port| *port != default);
        Self { scheme, host: authority.host().to_ascii_lowercase(), port }
    }

    /// Whether a `Host` header names this origin. Its scheme is not in the header, so that only
    /// decides which port may be left out.
    fn answers_to(&self, name: &Authority) -> bool {
        self.host.eq_ignore_ascii_case(name.host())
            && *self == Self::from_authority(self.scheme, name)
    }
}

/// What is known about a connection when the name it used is judged.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// How it came.
    pub kind: IngressKind,
    /// The address of ours that it came to.
    pub local: Option<SocketAddr>,
}

/// Why a request's name was not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostError {
    /// No usable `Host` header (RFC 9112 §3.2).
    #[error("the request needs exactly one Host header with a host name")]
    Malformed,
    /// A name that this way in does not answer to.
    #[error("this gateway does not answer under the name `{0}`")]
    Unknown(String),
}

/// The names.
#[derive(Clone, Debug)]
pub struct Hosts {
    tunnel: watch::Receiver<Option<PublicOrigin>>,
    configured: Vec<PublicOrigin>,
}

impl Hosts {
    /// The tunnel's present name, and those of the configuration: `server.public_url`, and
    /// `server.allowed_hosts` as https origins.
    #[must_use]
    pub fn new(
        tunnel: watch::Receiver<Option<PublicOrigin>>,
        configured: Vec<PublicOrigin>,
    ) -> Self {
        Self { tunnel, configured }
    }

    /// Judges the name a request was sent to.
    ///
    /// The second part of the answer is the kind of the way in, which becomes the tunnel's when an
    /// own reverse proxy stands for it: a configured name on a local connection.
    ///
    /// # Errors
    ///
    /// When the name is missing, malformed, or not one of this way in.
    pub fn judge(
        &self,
        way: Way,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(Origin, IngressKind), HostError> {
        let name = the_name(uri, headers)?;
        let unknown = || HostError::Unknown(name.as_str().chars().take(100).collect());
        if way.kind == IngressKind::Admin {
            let ours = name.host().eq_ignore_ascii_case("localhost");
            return if ours {
                Ok((Origin::new("http", "localhost"), way.kind))
            } else {
                Err(unknown())
            };
        }
        if let Some(named) = self.configured.iter().find(|named| named.answers_to(&name)) {
            return Ok((named.origin(), IngressKind::Tunnel));
        }
        match way.kind {
            IngressKind::Tunnel => {
                let tunnel = self.tunnel.borrow();
                let ours = tunnel.as_ref().filter(|tunnel| tunnel.answers_to(&name));
                ours.map(|tunnel| (tunnel.origin(), way.kind)).ok_or_else(unknown)
            }
            IngressKind::Local | IngressKind::Lan => {
                let local = way.local.ok_or_else(unknown)?;
                let host = name.host();
                let host_is_ours = match way.kind {
                    IngressKind::Local => is_loopback_name(host),
                    _ => ip_literal(host) == Some(local.ip()),
                };
                if !host_is_ours || name.port_u16().unwrap_or(80) != local.port() {
                    return Err(unknown());
                }
                Ok((Origin::new("http", &name.as_str().to_ascii_lowercase()), way.kind))
            }
            IngressKind::Admin => Err(unknown()),
        }
    }
}

/// The one name of a request: its `Host` header, which an absolute target must not contradict.
fn the_name(uri: &Uri, headers: &HeaderMap) -> Result<Authority, HostError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| HostError::Malformed)?,
        _ => return Err(HostError::Malformed),
    };
    let name: Authority = host.parse().map_err(|_| HostError::Malformed)?;
    let bad_port = name.port_u16().is_none() && name.port().is_some();
    // `Authority` takes `host:` and `host:99999` without giving a port for them.
    let dangling = name.as_str().len() != name.host().len() && name.port_u16().is_none();
    if name.as_str().contains('@') || bad_port || dangling || name.host().is_empty() {
        return Err(HostError::Malformed);
    }
    match uri.authority() {
        Some(target) if !target.as_str().eq_ignore_ascii_case(name.as_str()) => {
            Err(HostError::Malformed)
        }
        _ => Ok(name),
    }
}

/// Whether a page of another origin may send this request: never to what a cookie opens.
///
/// `own` is the origin the request was sent to. Pages on other ports of this machine share our
/// cookies, so loopback origins count as foreign except where only a bearer opens the door.
#[must_use]
pub fn page_may_call(own: &Origin, kind: IngressKind, path: &str, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    if origins.next().is_some() || kind == IngressKind::Admin {
        return false;
    }
    let Ok(origin) = origin.to_str() else { return false };
    if origin == own.as_str() {
        return true;
    }
    if origin == "null" {
        // What a form of ours sends under `Referrer-Policy: no-referrer`. Pages cannot set this
        // header, and only browsers set it.
        let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
        return site == Some(b"same-origin");
    }
    if !opened_by_bearer_only(path) {
        return false;
    }
    WEB_CLIENTS.contains(&origin) || (kind == IngressKind::Local && is_loopback_origin(origin))
}

/// Routes that look at no cookie, so that a foreign page gains nothing by calling them.
fn opened_by_bearer_only(path: &str) -> bool {
    matches!(path, "/mcp" | "/token" | "/register" | "/revoke") || path.starts_with("/.well-known/")
}

fn is_loopback_origin(origin: &str) -> bool {
    PublicOrigin::parse(origin).is_ok_and(|origin| is_loopback_name(&origin.host))
}

fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || matches!(ip_literal(host), Some(ip) if ip.is_loopback())
}

/// An address written as a host: `127.0.0.1` or `[::1]`.
fn ip_literal(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    inner.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Way = Way {
        kind: IngressKind::Local,
        local: Some(SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8765)),
    };
    const TUNNEL: Way = Way { kind: IngressKind::Tunnel, local: None };

    fn hosts() -> (Hosts, watch::Sender<Option<PublicOrigin>>) {
        let (tunnel, seen) = watch::channel(PublicOrigin::parse("https://t.example").ok());
        let configured = vec![PublicOrigin::parse("https://own.example").unwrap()];
        (Hosts::new(seen, configured), tunnel)
    }

    fn judge(way: Way, host: &str) -> Result<(String, IngressKind), HostError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        let judged = hosts().0.judge(way, &Uri::from_static("/mcp"), &headers);
        judged.map(|(origin, kind)| (origin.to_string(), kind))
    }

    #[test]
    fn a_loopback_connection_answers_to_loopback_names_with_its_port() {
        for name in ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"] {
            let (origin, kind) = judge(LOCAL, name).unwrap();
            assert_eq!(origin, format!("http://{}", name.to_lowercase()));
            assert_eq!(kind, IngressKind::Local);
        }
        for name in [
            "t.example",
            "evil.example",
            "localhost",
            "localhost:80",
            "localhost.evil.example:8765",
            "127.0.0.1.evil.example:8765",
            "10.0.0.1:8765",
            "0.0.0.0:8765",
            "localhost.:8765",
        ] {
            assert!(judge(LOCAL, name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_tunnel_answers_to_its_present_name_only() {
        assert_eq!(judge(TUNNEL, "t.example").unwrap().0, "https://t.example");
        assert_eq!(judge(TUNNEL, "T.Example:443").unwrap().0, "https://t.example");
        for name in ["127.0.0.1:8765", "localhost", "t.example:80", "t.example.evil", "x.t.example"]
        {
            assert!(judge(TUNNEL, name).is_err(), "{name}");
        }
        let (hosts, tunnel) = hosts();
        tunnel.send_replace(PublicOrigin::parse("https://new.example").ok());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "t.example".parse().unwrap());
        assert!(hosts.judge(TUNNEL, &Uri::from_static("/"), &headers).is_err());
        headers.insert(header::HOST, "new.example".parse().unwrap());
        assert!(hosts.judge(TUNNEL, &Uri::from_static("/"), &headers).is_ok());
    }

    #[test]
    fn a_configured_name_counts_as_the_tunnel_also_on_a_local_connection() {
        let expected = ("https://own.example".to_owned(), IngressKind::Tunnel);
        assert_eq!(judge(LOCAL, "own.example"), Ok(expected.clone()));
        assert_eq!(judge(TUNNEL, "own.example"), Ok(expected));
    }

    #[test]
    fn a_missing_double_or_contradicted_name_is_malformed() {
        let hosts = hosts().0;
        let mut headers = HeaderMap::new();
        let uri = Uri::from_static("/");
        assert_eq!(hosts.judge(LOCAL, &uri, &headers).unwrap_err(), HostError::Malformed);
        headers.append(header::HOST, "localhost:8765".parse().unwrap());
        let absolute = Uri::from_static("http://evil.example/");
        assert_eq!(hosts.judge(LOCAL, &absolute, &headers).unwrap_err(), HostError::Malformed);
        headers.append(header::HOST, "localhost:8765".parse().unwrap());
        assert_eq!(hosts.judge(LOCAL, &uri, &headers).unwrap_err(), HostError::Malformed);
        for name in ["a@localhost:8765", "localhost:", "localhost:99999", "localhost:8765/x", ""] {
            assert_eq!(judge(LOCAL, name), Err(HostError::Malformed), "{name}");
        }
    }

    fn may_call(kind: IngressKind, own: &str, path: &str, origin: &str) -> bool {
        let own = PublicOrigin::parse(own).unwrap().origin();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        page_may_call(&own, kind, path, &headers)
    }

    #[test]
    fn foreign_pages_are_refused_and_known_web_clients_reach_only_bearer_routes() {
        let own = "https://t.example";
        for path in ["/mcp", "/authorize", "/pair", "/api/tasks", "/token"] {
            assert!(may_call(IngressKind::Tunnel, own, path, own));
            for origin in [
                "https://evil.example",
                "null",
                "http://t.example",
                "https://t.example.evil",
                "https://t.example:8443",
                "http://localhost:3000",
                "file://",
                "",
                "x",
            ] {
                assert!(!may_call(IngressKind::Tunnel, own, path, origin), "{path} {origin}");
            }
        }
        assert!(may_call(IngressKind::Tunnel, own, "/mcp", "https://claude.ai"));
        assert!(may_call(IngressKind::Tunnel, own, "/token", "https://chatgpt.com"));
        assert!(!may_call(IngressKind::Tunnel, own, "/authorize", "https://claude.ai"));
    }

    #[test]
    fn a_page_on_another_local_port_reaches_bearer_routes_only_and_only_locally() {
        let own = "http://127.0.0.1:8765";
        assert!(may_call(IngressKind::Local, own, "/mcp", "http://localhost:6274"));
        for path in ["/authorize", "/pair", "/api/tasks", "/"] {
            assert!(!may_call(IngressKind::Local, own, path, "http://127.0.0.1:3000"), "{path}");
        }
        assert!(!may_call(IngressKind::Admin, own, "/mcp", own));
    }

    #[test]
    fn an_opaque_origin_passes_when_the_browser_vouches_that_the_page_is_ours() {
        let own = PublicOrigin::parse("https://t.example").unwrap().origin();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, "null".parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert!(page_may_call(&own, IngressKind::Tunnel, "/authorize", &headers));
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert!(!page_may_call(&own, IngressKind::Tunnel, "/authorize", &headers));
    }

    #[test]
    fn only_plain_origins_parse() {
        for text in ["https://h.example", "http://h.example:8080/", "https://[::1]:1"] {
            assert!(PublicOrigin::parse(text).is_ok(), "{text}");
        }
        for text in
            ["h.example", "ftp://h", "https://u@h", "https://h/x", "https://h?x", "https://h#x", ""]
        {
            assert!(PublicOrigin::parse(text).is_err(), "{text}");
        }
    }
}
