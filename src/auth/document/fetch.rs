//! Fetching one document from where it was decided to be: the only part that meets the network.
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use url::Url;

use super::{BYTES_MAX, TIME_MAX};

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchError {
    /// The host did not answer, or not as HTTPS servers do.
    Unreachable,
    /// The body is larger than any document.
    TooLarge,
}

/// The network, as far as documents need it.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The addresses of a host; none when it has none.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Vec<IpAddr>>;

    /// Gets `url` from one of `addresses`, whatever any name server says by now: without a proxy,
    /// without following redirects, and up to 64 KiB.
    fn get<'a>(
        &'a self,
        url: &'a Url,
        addresses: &'a [IpAddr],
    ) -> BoxFuture<'a, Result<Response<Bytes>, FetchError>>;
}

/// The real network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Internet;

impl Fetch for Internet {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Vec<IpAddr>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 443)).await;
            found.map(|all| all.map(|socket| socket.ip()).collect()).unwrap_or_default()
        })
    }

    fn get<'a>(
        &'a self,
        url: &'a Url,
        addresses: &'a [IpAddr],
    ) -> BoxFuture<'a, Result<Response<Bytes>, FetchError>> {
        Box::pin(async move {
            let client = pinned(url, addresses).await.ok_or(FetchError::Unreachable)?;
            let request = client.get(url.clone()).header(http::header::ACCEPT, "application/json");
            let mut answer = request.send().await.map_err(|_| FetchError::Unreachable)?;
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(|_| FetchError::Unreachable)? {
                if body.len() + chunk.len() > BYTES_MAX {
                    return Err(FetchError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        })
    }
}

/// A client that knows no other address of the host than these. Loading the system's certificates
/// takes long enough to be kept off the threads that answer requests.
async fn pinned(url: &Url, addresses: &[IpAddr]) -> Option<reqwest::Client> {
    let host = url.host_str()?.to_owned();
    let port = url.port_or_known_default()?;
    let sockets: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    let built = tokio::task::spawn_blocking(move || {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME_MAX)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("gateway/", env!("CARGO_PKG_VERSION")))
            .resolve_to_addrs(&host, &sockets)
            .build()
    });
    let client = built.await.ok()?;
    client
        .inspect_err(|error| tracing::warn!(%error, "documents of clients cannot be fetched"))
        .ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request on loopback with `answer` and returns what was asked.
    async fn serve(listener: TcpListener, answer: String) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        // Who has read enough hangs up.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        String::from_utf8(asked).unwrap()
    }

    async fn fetch(answer: &str) -> (Result<Response<Bytes>, FetchError>, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // A name that no name server knows: only the pinned address leads anywhere.
        let url = Url::parse(&format!("http://client.invalid:{port}/client.json")).unwrap();
        let addresses = ["127.0.0.1".parse().unwrap()];
        let (fetched, asked) =
            tokio::join!(Internet.get(&url, &addresses), serve(listener, answer.to_owned()));
        (fetched, asked)
    }

    #[tokio::test]
    async fn the_pinned_address_is_asked_for_the_named_host() {
        let answer = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\n{}";
        let (fetched, asked) = fetch(answer).await;
        let fetched = fetched.unwrap();
        assert_eq!((fetched.status().as_u16(), &fetched.body()[..]), (200, &b"{}"[..]));
        assert_eq!(fetched.headers()["cache-control"], "max-age=60");
        assert!(asked.starts_with("GET /client.json HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("host: client.invalid:"), "{asked}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_a_way() {
        let answer =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(fetch(answer).await.0.unwrap().status().as_u16(), 302);
    }

    #[tokio::test]
    async fn a_body_of_more_than_64_kib_is_given_up() {
        let fits = "x".repeat(BYTES_MAX);
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(fetch(&format!("{head}{fits}")).await.0.unwrap().body().len(), BYTES_MAX);
        let more = format!("{head}{fits}x");
        assert_eq!(fetch(&more).await.0.unwrap_err(), FetchError::TooLarge);
    }

    #[tokio::test]
    async fn what_is_no_http_is_unreachable() {
        assert_eq!(fetch("hello\r\n\r\n").await.0.unwrap_err(), FetchError::Unreachable);
        assert!(Internet.resolve("client.invalid").await.is_empty());
    }
}
