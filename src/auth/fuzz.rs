//! Fuzz targets of the pure decisions: any bytes in, a panic when a promise is broken.
//!
//! What is accepted is read again by other parsers (the `url` crate, the standard library), which
//! must see the same in it. Inputs are lines of text, so that a person can write one.
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::callback;
use super::client_auth::{Credentials, parse_basic};
use super::clients::NAME_CHARS_MAX;
use super::document::{Document, Location, is_public};
use super::params::Params;
use super::redirect::RedirectUri;
use super::settings::AuthSettings;
use crate::clock::Timestamp;
use crate::model::{Client, ClientKind, ProjectAccess, Registration, Scopes};

/// Hosts of the callbacks that are known to everybody, and of the owner's own in [`settings`].
const KNOWN_HOSTS: [&str; 15] = [
    "claude.ai",
    "claude.com",
    "chatgpt.com",
    "www.cursor.com",
    "cursor.com",
    "vscode.dev",
    "insiders.vscode.dev",
    "callback.mistral.ai",
    "www.perplexity.ai",
    "api.devin.ai",
    "oauth.n8n.cloud",
    "global.consent.azure-apim.net",
    "app.example",
    "127.0.0.1",
    "localhost",
];
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

fn settings() -> AuthSettings {
    AuthSettings {
        redirect_uris: vec!["https://app.example/cb?tenant=1".into()],
        redirect_schemes: vec!["cursor".into()],
        ..AuthSettings::default()
    }
}

/// The first line of an input, and what comes after it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], &input[(end + 1).min(input.len())..])
}

/// An `Authorization` header, and the form behind it. Whatever pair is read from a header comes back
/// from the header that is made of it, and every pair can be sent.
pub(crate) fn basic(input: &[u8]) {
    let header_of = |id: &str, secret: &str| {
        let [id, secret] = [id, secret].map(|it| byte_serialize(it.as_bytes()).collect::<String>());
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    };
    let (line, form) = first_line(input);
    let read = parse_basic(line);
    if let Some((id, secret)) = &read {
        assert_eq!(parse_basic(header_of(id, secret).as_bytes()), read);
    }
    let text = String::from_utf8_lossy(line);
    if let Some((id, secret)) = text.split_once(':').filter(|_| text.len() < 2048) {
        let back = parse_basic(header_of(id, secret).as_bytes());
        assert_eq!(back, Some((id.to_owned(), secret.to_owned())));
    }
    let (Ok(value), Ok(params)) = (HeaderValue::from_bytes(line), Params::parse(form)) else {
        return;
    };
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    if let Ok(credentials) = Credentials::read(&headers, &params) {
        let id = credentials.client_id.as_str();
        assert!(credentials.basic && read.is_some_and(|(read, _)| read == id));
        assert!(params.text("client_id").is_ok_and(|named| named.is_none_or(|named| named == id)));
        assert_eq!(params.text("client_secret"), Ok(None), "two proofs at once");
    }
}

/// A redirect URI, and one that a client registered. Every parser is led to the same known host.
pub(crate) fn redirect(input: &[u8]) {
    let (uri, registered) = first_line(input);
    let (uri, registered) = (String::from_utf8_lossy(uri), String::from_utf8_lossy(registered));
    if let Some(accepted) = RedirectUri::accept(&uri, &settings()) {
        judge_accepted(&accepted, &uri);
        assert!(callback::matches(&uri, &uri));
        if callback::matches(&registered, &uri) && registered != uri {
            let [one, other] = [&registered, &uri].map(|it| Url::parse(it).expect("both parse"));
            assert_eq!((one.scheme(), one.host()), (other.scheme(), other.host()));
            assert_eq!((one.path(), one.query()), (other.path(), other.query()));
            assert!(accepted.loopback, "only a loopback port is free");
        }
    }
}

fn judge_accepted(accepted: &RedirectUri, uri: &str) {
    assert_eq!(accepted.as_str(), uri);
    let url = Url::parse(uri).expect("what is accepted parses");
    let host = url.host_str().unwrap_or_default();
    let loopback = LOOPBACK.contains(&host);
    assert!(url.username().is_empty() && url.password().is_none(), "{uri}");
    assert!(url.fragment().is_none(), "{uri}");
    match url.scheme() {
        "https" => assert!(KNOWN_HOSTS.contains(&host) && !loopback, "{uri}"),
        "http" => assert!(loopback, "{uri}"),
        "cursor" => return,
        _ => panic!("a scheme that nobody allowed: {uri}"),
    }
    assert_eq!(accepted.loopback, loopback, "{uri}");
    assert_eq!(url.as_str(), uri.replace(":80/", "/"), "read as it is spelt");
    assert!(accepted.host().contains(host), "{uri}");
    let sent = accepted.with(&[("code", b"a&b=c#d\r\n"), ("iss", b"https://h.example")]);
    let sent = Url::parse(&sent).expect("where the code goes parses");
    assert_eq!((sent.origin(), sent.path()), (url.origin(), url.path()));
    let added: Vec<_> = sent.query_pairs().skip(url.query_pairs().count()).collect();
    assert_eq!(
        added,
        [("code".into(), "a&b=c#d\r\n".into()), ("iss".into(), "https://h.example".into())]
    );
}

/// An address of a document, or of a machine, and a document that was found there. What is accepted
/// is within its bounds, and sends nobody to another host.
pub(crate) fn document(input: &[u8]) {
    let (id, body) = first_line(input);
    let id = String::from_utf8_lossy(id);
    if let Ok(address) = id.parse() {
        judge_address(address);
    }
    if let Some(bits) = input.first_chunk() {
        judge_address(Ipv6Addr::from_bits(u128::from_be_bytes(*bits)).into());
    }
    let Some(location) = Location::accept(&id) else { return };
    let url = Url::parse(&id).expect("what is accepted parses");
    assert_eq!((url.as_str(), location.as_str()), (&*id, &*id), "read as it is spelt");
    assert_eq!((url.scheme(), url.port_or_known_default()), ("https", Some(443)));
    assert_eq!(url.domain(), Some(location.host()), "{id}");
    assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    assert!(Location::is_meant(&id));

    let Ok(document) = Document::read(body, &location) else { return };
    assert!((1..=NAME_CHARS_MAX).contains(&document.name.chars().count()), "{document:?}");
    assert!(!document.name.chars().any(char::is_control), "{document:?}");
    assert!((1..=32).contains(&document.redirect_uris.len()), "{document:?}");
    assert!(document.redirect_uris.iter().all(|uri| (1..=512).contains(&uri.len())));
    let client = Client {
        id: id.parse().expect("an address is an id"),
        name: document.name.clone(),
        registration: Registration::Document,
        redirect_uris: document.redirect_uris.clone(),
        approved_at: None,
        kind: ClientKind::Public,
        scopes: Scopes::all(),
        projects: ProjectAccess::All,
        created_at: Timestamp::from_millis(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    for uri in &document.redirect_uris {
        if callback::accept(uri, &client, &AuthSettings::default()).is_some() {
            let url = Url::parse(uri).expect("what is accepted parses");
            let host = url.host_str().unwrap_or_default();
            let known = KNOWN_HOSTS.contains(&host) || LOOPBACK.contains(&host);
            assert!(host == location.host() || known, "{id} sends to {uri}");
            assert!(url.username().is_empty() && url.fragment().is_none(), "{uri}");
        }
    }
}

/// No address that the standard library tells from the public internet is taken for a part of it.
fn judge_address(address: IpAddr) {
    if !is_public(address) {
        return;
    }
    let special = match address {
        IpAddr::V4(v4) => {
            v4.is_private() || v4.is_link_local() || v4.is_broadcast() || v4.is_documentation()
        }
        IpAddr::V6(v6) => {
            v6.is_unique_local() || v6.is_unicast_link_local() || v6.to_ipv4().is_some()
        }
    };
    let never = address.is_loopback() || address.is_multicast() || address.is_unspecified();
    assert!(!special && !never, "{address}");
}
