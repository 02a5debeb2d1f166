//! Opens the TCP connection to ngrok, directly or through the owner's proxy.
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Request};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::error::NgrokError;
use crate::connection::Io;
use crate::error::chain;

/// A byte stream to `host:port`, without Nagle's delay. The caller bounds the time.
pub(super) async fn open(
    host: &str,
    port: u16,
    proxy: Option<&Url>,
) -> Result<Box<dyn Io>, NgrokError> {
    let Some(proxy) = proxy else { return Ok(Box::new(tcp(host, port).await?)) };
    match proxy.scheme() {
        "http" => through_http(proxy, host, port).await,
        "socks5" | "socks5h" => through_socks(proxy, host, port).await,
        scheme => Err(NgrokError::ProxyKind { scheme: scheme.to_owned() }),
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, NgrokError> {
    let unreachable = |error: std::io::Error| NgrokError::Unreachable {
        address: format!("{host}:{port}"),
        reason: error.to_string(),
    };
    let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

/// The proxy's own host and port.
fn address_of(proxy: &Url, default_port: u16) -> (String, u16) {
    let host = proxy.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    (host, proxy.port().unwrap_or(default_port))
}

async fn through_http(proxy: &Url, host: &str, port: u16) -> Result<Box<dyn Io>, NgrokError> {
    let (proxy_host, proxy_port) = address_of(proxy, 80);
    let refused = |reason: String| NgrokError::Proxy {
        address: format!("{proxy_host}:{proxy_port}"),
        reason,
    };
    let stream = tcp(&proxy_host, proxy_port).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| refused(chain(&error)))?;
    // Ends with the upgraded connection, or when that is dropped.
    tokio::spawn(connection.with_upgrades());
    let target = format!("{host}:{port}");
    let mut request = Request::connect(&target).header(HOST, &target);
    if let Some(credentials) = basic_credentials(proxy) {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let request = request.body(Empty::new()).map_err(|error| refused(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| refused(chain(&error)))?;
    if !response.status().is_success() {
        return Err(refused(response.status().to_string()));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| refused(chain(&error)))?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// RFC 7617 credentials of the proxy's URL.
fn basic_credentials(proxy: &Url) -> Option<HeaderValue> {
    if proxy.username().is_empty() {
        return None;
    }
    let (user, password) = credentials(proxy);
    let encoded = base64(format!("{user}:{password}").as_bytes());
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn credentials(proxy: &Url) -> (String, String) {
    (percent_decoded(proxy.username()), percent_decoded(proxy.password().unwrap_or_default()))
}

fn percent_decoded(text: &str) -> String {
    // `form_urlencoded` would turn `+` into a space; in user information it is itself.
    url::form_urlencoded::parse(format!("v={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let sextet = (group >> (18 - 6 * index)) as usize & 63;
            text.push(if index <= chunk.len() { ALPHABET[sextet] as char } else { '=' });
        }
    }
    text
}

async fn through_socks(proxy: &Url, host: &str, port: u16) -> Result<Box<dyn Io>, NgrokError> {
    let (proxy_host, proxy_port) = address_of(proxy, 1080);
    let stream = tcp(&proxy_host, proxy_port).await?;
    let refused = |error: tokio_socks::Error| NgrokError::Proxy {
        address: format!("{proxy_host}:{proxy_port}"),
        reason: chain(&error),
    };
    let target = (host, port);
    let stream = if proxy.username().is_empty() {
        tokio_socks::tcp::Socks5Stream::connect_with_socket(stream, target).await
    } else {
        let (user, password) = credentials(proxy);
        tokio_socks::tcp::Socks5Stream::connect_with_password_and_socket(
            stream, target, &user, &password,
        )
        .await
    };
    Ok(Box::new(stream.map_err(refused)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_vectors_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn proxy_credentials_are_decoded_and_marked_sensitive() {
        let proxy = Url::parse("http://user:p%40ss+word@proxy.example:3128").unwrap();
        let header = basic_credentials(&proxy).unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header, format!("Basic {}", base64(b"user:p@ss+word")).as_str());
        assert!(basic_credentials(&Url::parse("http://proxy.example").unwrap()).is_none());
    }
}
