//! How a client proves itself at `/token` and `/revoke` (RFC 6749 §2.3): pure.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use super::digest::{OpaqueToken, same};
use super::error::OAuthError;
use super::params::{Params, decode};
use crate::clock::Timestamp;
use crate::model::{Client, ClientId, ClientKind, ClientSecret};

/// Longest accepted secret, in bytes.
const SECRET_BYTES_MAX: usize = 512;

/// Who a client says it is, and the proof it brought.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) client_id: ClientId,
    secret: Option<OpaqueToken>,
    /// Whether they came by HTTP Basic.
    pub(super) basic: bool,
}

impl Credentials {
    /// Reads them from where `client_secret_basic`, `client_secret_post` or `none` put them.
    ///
    /// # Errors
    ///
    /// `invalid_request` when two methods are mixed, `invalid_client` when there is no client.
    pub(super) fn read(headers: &HeaderMap, params: &Params) -> Result<Self, OAuthError> {
        let (named, secret) = (params.text("client_id")?, params.text("client_secret")?);
        let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
        let first = authorization.next();
        if authorization.next().is_some() {
            return Err(OAuthError::InvalidRequest("two Authorization headers were sent".into()));
        }
        let Some(value) = first else {
            let client_id = named.and_then(|id| id.parse().ok());
            let client_id = client_id.ok_or(OAuthError::InvalidClient { basic: false })?;
            return Ok(Self { client_id, secret: accept(secret, false)?, basic: false });
        };
        let refused = OAuthError::InvalidClient { basic: true };
        let (id, basic_secret) = parse_basic(value.as_bytes()).ok_or(refused.clone())?;
        if secret.is_some() {
            let text = "the client secret was sent twice: in the header and in the body";
            return Err(OAuthError::InvalidRequest(text.into()));
        }
        if named.is_some_and(|named| named != id) {
            let text = "client_id in the body is not the one in the Authorization header";
            return Err(OAuthError::InvalidRequest(text.into()));
        }
        let client_id = id.parse().map_err(|_| refused)?;
        let secret = Some(basic_secret.as_str()).filter(|secret| !secret.is_empty());
        Ok(Self { client_id, secret: accept(secret, true)?, basic: true })
    }

    /// Whether they prove that `client` is the one that asks.
    pub(super) fn prove(&self, client: &Client, now: Timestamp) -> bool {
        match (&client.kind, &self.secret) {
            (ClientKind::Public, None) => true,
            (ClientKind::Public, Some(_)) | (ClientKind::Confidential { .. }, None) => false,
            (ClientKind::Confidential { secrets }, Some(presented)) => {
                let presented = presented.digest();
                let fits = |secret: &&ClientSecret| {
                    same(&secret.digest, &presented) & secret.is_valid(now)
                };
                // No early end: how many secrets there are is nobody's business.
                secrets.iter().filter(fits).count() > 0
            }
        }
    }
}

fn accept(secret: Option<&str>, basic: bool) -> Result<Option<OpaqueToken>, OAuthError> {
    match secret {
        Some(secret) if secret.len() > SECRET_BYTES_MAX => Err(OAuthError::InvalidClient { basic }),
        secret => Ok(secret.map(OpaqueToken::new)),
    }
}

/// Id and secret of a Basic header, each form-encoded (RFC 6749 §2.3.1).
pub(super) fn parse_basic(value: &[u8]) -> Option<(String, String)> {
    let value = std::str::from_utf8(value).ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 8 * 1024 {
        return None;
    }
    let pair = STANDARD.decode(encoded.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let text = |part: &[u8]| String::from_utf8(decode(part)).ok();
    Some((text(&pair[..colon])?, text(&pair[colon + 1..])?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(pair: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(pair)).into_bytes()
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let parsed = parse_basic(&basic("https%3A%2F%2Fa.example%2Fc:s%2B%3A+x"));
        assert_eq!(parsed, Some(("https://a.example/c".into(), "s+: x".into())));
        assert_eq!(parse_basic(b"bAsIc YTpi"), Some(("a".into(), "b".into())));
        for bad in [&b""[..], b"Basic", b"Basic ", b"Basic !", b"Basic YQ==", b"Bearer YTpi"] {
            assert_eq!(parse_basic(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn two_methods_at_once_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, basic("a:b").try_into().unwrap());
        let read = |body: &[u8]| Credentials::read(&headers, &Params::parse(body).unwrap());
        assert_eq!(read(b"client_secret=b").unwrap_err().code(), "invalid_request");
        assert_eq!(read(b"client_id=z").unwrap_err().code(), "invalid_request");
        let credentials = read(b"client_id=a").unwrap();
        assert!(credentials.basic && credentials.client_id.as_str() == "a");
    }

    #[test]
    fn what_no_client_sends_is_too_long() {
        let secret = |bytes: usize| {
            let body = format!("client_id=a&client_secret={}", "x".repeat(bytes));
            Credentials::read(&HeaderMap::new(), &Params::parse(body.as_bytes()).unwrap())
        };
        assert!(secret(SECRET_BYTES_MAX).is_ok());
        assert_eq!(secret(SECRET_BYTES_MAX + 1).unwrap_err().code(), "invalid_client");
        let header = |bytes: usize| parse_basic(&basic(&format!("a:{}", "x".repeat(bytes - 2))));
        assert!(header(6 * 1024).is_some());
        assert_eq!(header(6 * 1024 + 1), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(value in proptest::collection::vec(any::<u8>(), 0..128)) {
            parse_basic(&value);
            parse_basic(&basic(&String::from_utf8_lossy(&value)));
        }
    }
}
