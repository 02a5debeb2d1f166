//! The bounds around fetching, on a network that is made up.
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::http::{Ingress, IngressKind};

/// A network that is written down: names, and answers.
#[derive(Debug, Default)]
pub(crate) struct PaperNetwork {
    addresses: Mutex<HashMap<String, Vec<IpAddr>>>,
    answers: Mutex<HashMap<String, Response<Bytes>>>,
    /// How many documents were got.
    pub(crate) gets: AtomicUsize,
    /// Where the last one was got from.
    pinned: Mutex<Vec<IpAddr>>,
}

impl PaperNetwork {
    pub(crate) fn publish(&self, url: &str, document: &Value, cache: &str) {
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("cache-control", cache)
            .body(Bytes::from(document.to_string()));
        self.answer(url, response.unwrap());
    }

    fn answer(&self, url: &str, response: Response<Bytes>) {
        self.answers.lock().unwrap().insert(url.to_owned(), response);
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        let public = vec!["1.1.1.1".parse().unwrap()];
        self.addresses.lock().unwrap().entry(host).or_insert(public);
    }

    fn name(&self, host: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.addresses.lock().unwrap().insert(host.to_owned(), addresses);
    }

    pub(crate) fn gets(&self) -> usize {
        self.gets.load(Ordering::SeqCst)
    }
}

impl Fetch for PaperNetwork {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Vec<IpAddr>> {
        let found = self.addresses.lock().unwrap().get(host).cloned().unwrap_or_default();
        Box::pin(async move { found })
    }

    fn get<'a>(
        &'a self,
        url: &'a Url,
        addresses: &'a [IpAddr],
    ) -> BoxFuture<'a, Result<Response<Bytes>, FetchError>> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        *self.pinned.lock().unwrap() = addresses.to_vec();
        let found = self.answers.lock().unwrap().get(url.as_str()).cloned();
        Box::pin(async move {
            // Gives others a turn, as a real network does.
            tokio::task::yield_now().await;
            found.ok_or(FetchError::Unreachable)
        })
    }
}

/// A network on which nothing ever comes.
#[derive(Debug)]
struct Silence;

impl Fetch for Silence {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Vec<IpAddr>> {
        Box::pin(std::future::pending())
    }

    fn get<'a>(
        &'a self,
        _: &'a Url,
        _: &'a [IpAddr],
    ) -> BoxFuture<'a, Result<Response<Bytes>, FetchError>> {
        Box::pin(std::future::pending())
    }
}

const ID: &str = "https://app.example/client.json";

pub(crate) fn document(id: &str) -> Value {
    json!({
        "client_id": id,
        "client_name": "App",
        "redirect_uris": ["http://localhost/callback"],
    })
}

fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(0).after(Duration::from_secs(secs))
}

fn from(n: u32) -> Source {
    let client = Some(Ipv4Addr::from_bits(0x0102_0000 + n).into());
    Source::of(Ingress { kind: IngressKind::Tunnel, client })
}

fn location(id: &str) -> Location {
    Location::accept(id).unwrap()
}

fn lab() -> (Arc<PaperNetwork>, Documents) {
    let network = Arc::<PaperNetwork>::default();
    let documents = Documents::new(network.clone());
    (network, documents)
}

async fn read(documents: &Documents, secs: u64) -> Found {
    documents.read(&location(ID), true, from(u32::try_from(secs).unwrap()), at(secs)).await
}

fn why(found: Found) -> String {
    found.unwrap_err().to_string()
}

#[tokio::test]
async fn a_document_is_fetched_once_and_kept_as_its_server_says() {
    let (network, documents) = lab();
    network.publish(ID, &document(ID), "max-age=600");
    assert_eq!(read(&documents, 0).await.unwrap().name, "App");
    read(&documents, 599).await.unwrap();
    assert_eq!(network.gets(), 1);
    read(&documents, 600).await.unwrap();
    assert_eq!(network.gets(), 2);
}

#[tokio::test]
async fn one_that_may_not_be_kept_is_known_while_its_page_can_be_answered() {
    let (network, documents) = lab();
    network.publish(ID, &document(ID), "no-store");
    read(&documents, 0).await.unwrap();
    assert!(documents.known(&location(ID), at(15 * 60)).is_some());
    assert!(documents.known(&location(ID), at(16 * 60)).is_none());
    read(&documents, 1).await.unwrap();
    assert_eq!(network.gets(), 2, "but another request reads it again");
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_minute() {
    let (network, documents) = lab();
    network.name("app.example", &["1.1.1.1"]);
    assert!(why(read(&documents, 0).await).contains("does not answer"));
    network.publish(ID, &document(ID), "max-age=600");
    assert!(read(&documents, 59).await.is_err());
    assert_eq!(network.gets(), 1);
    assert!(documents.known(&location(ID), at(59)).is_none());
    assert!(read(&documents, 60).await.is_ok());
}

#[tokio::test]
async fn only_public_addresses_are_asked_and_they_are_pinned() {
    let (network, documents) = lab();
    network.publish(ID, &document(ID), "max-age=600");
    for (n, private) in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:1.1.1.1"]
        .into_iter()
        .enumerate()
    {
        network.name("app.example", &[private]);
        let found = read(&documents, 60 * n as u64).await;
        assert!(why(found).contains("no public address"), "{private}");
    }
    network.name("app.example", &[]);
    assert!(why(read(&documents, 600).await).contains("no public address"));
    assert_eq!(network.gets(), 0);
    network.name("app.example", &["192.168.0.1", "1.1.1.1", "fe80::1"]);
    read(&documents, 660).await.unwrap();
    assert_eq!(*network.pinned.lock().unwrap(), ["1.1.1.1".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn every_answer_that_is_no_document_is_refused() {
    let (network, documents) = lab();
    let answer = |status: u16, kind: &str, body: String| {
        let response = Response::builder().status(status).header("content-type", kind);
        response.body(Bytes::from(body)).unwrap()
    };
    let good = document(ID).to_string();
    for (n, (response, part)) in [
        (answer(302, "application/json", good.clone()), "status 200"),
        (answer(404, "application/json", good.clone()), "status 200"),
        (answer(200, "text/html", good.clone()), "does not call it JSON"),
        (answer(200, "application/json", "x".repeat(BYTES_MAX + 1)), "larger than 64 KiB"),
        (answer(200, "application/json", "[]".into()), "not a JSON object"),
        (
            answer(200, "application/json", document("https://app.example/other").to_string()),
            "not its own address",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        network.answer(ID, response);
        let error = why(read(&documents, 60 * n as u64).await);
        assert!(error.contains(part) && error.contains("app.example"), "{error}");
    }
    network.answer(ID, answer(200, "Application/oauth+JSON; charset=utf-8", good));
    assert!(read(&documents, 3600).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_silent_is_given_up_after_five_seconds() {
    let documents = Documents::new(Arc::new(Silence));
    let began = tokio::time::Instant::now();
    assert!(why(read(&documents, 0).await).contains("longer than 5 s"));
    assert_eq!(began.elapsed(), TIME_MAX);
}

#[tokio::test]
async fn outside_of_the_window_only_known_hosts_are_asked() {
    let (network, documents) = lab();
    network.publish(ID, &document(ID), "max-age=600");
    let closed = documents.read(&location(ID), false, from(1), at(0)).await;
    assert_eq!(closed, Err(DocumentError::WindowClosed));
    let own = "https://chatgpt.com/oauth/abc123/client.json";
    network.publish(own, &document(own), "max-age=600");
    assert!(documents.read(&location(own), false, from(1), at(0)).await.is_ok());
    assert_eq!(network.gets(), 1);
    // Read in the window, it counts outside of it for as long as it is fresh.
    documents.read(&location(ID), true, from(1), at(0)).await.unwrap();
    documents.read(&location(ID), false, from(1), at(599)).await.unwrap();
    let closed = documents.read(&location(ID), false, from(1), at(600)).await;
    assert_eq!(closed, Err(DocumentError::WindowClosed));
}

#[tokio::test]
async fn built_in_copies_need_no_network() {
    let documents = Documents::new(Arc::new(Silence));
    let claude = location("https://claude.ai/oauth/mcp-oauth-client-metadata");
    let found = documents.read(&claude, false, from(1), at(0)).await.unwrap();
    assert_eq!(found.name, "Claude");
    assert_eq!(documents.known(&claude, at(0)), Some(found));
}

#[tokio::test]
async fn fetches_are_counted_by_address_in_total_and_at_once() {
    let (network, documents) = lab();
    let read = async |n: u32, source: Source| {
        let id = format!("https://app.example/{n}");
        network.publish(&id, &document(&id), "max-age=600");
        documents.read(&location(&id), true, source, at(0)).await
    };
    for n in 0..3 {
        read(n, from(0)).await.unwrap();
    }
    assert_eq!(read(3, from(0)).await, Err(DocumentError::Busy), "one address has had its share");
    for n in 4..7 {
        read(n, from(n)).await.unwrap();
    }
    assert_eq!(read(7, from(7)).await, Err(DocumentError::Busy), "and so has everybody");
    let own = "https://chatgpt.com/oauth/abc123/client.json";
    network.publish(own, &document(own), "max-age=600");
    let known = documents.read(&location(own), true, from(8), at(0)).await;
    assert!(known.is_ok(), "known hosts have a share of their own");

    let documents = Documents::new(Arc::new(Silence));
    let locations: Vec<Location> =
        (0..5).map(|n| location(&format!("https://app.example/{n}"))).collect();
    let mut waiting: Vec<_> = (0_u32..)
        .zip(&locations)
        .map(|(n, location)| Box::pin(documents.read(location, true, from(n), at(0))))
        .collect();
    for (n, read) in waiting.iter_mut().enumerate() {
        let first = futures::poll!(read);
        match n {
            0..4 => assert!(first.is_pending()),
            _ => assert_eq!(first, std::task::Poll::Ready(Err(DocumentError::Busy))),
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_more_than_can_be_fetched_while_a_page_lives() {
    let per_way =
        FETCHES.0.burst + u32::try_from(KEPT.as_secs() / FETCHES.0.refill.as_secs()).unwrap();
    assert!(2 * usize::try_from(per_way).unwrap() <= ENTRIES_MAX);
    let (_, documents) = lab();
    let found: Found = Ok(Arc::new(Document { name: "x".into(), redirect_uris: Vec::new() }));
    for n in 0..1_000_u64 {
        let kept_until = at(100_000);
        let entry =
            Entry { found: found.clone(), fetched_at: at(n), fresh_until: kept_until, kept_until };
        documents.keep(&location(&format!("https://app.example/{n}")), entry, at(n));
    }
    assert_eq!(documents.lock().len(), ENTRIES_MAX);
    assert!(documents.known(&location("https://app.example/999"), at(1_000)).is_some());
    assert!(documents.known(&location("https://app.example/0"), at(1_000)).is_none());
}
