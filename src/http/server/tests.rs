use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::*;
use crate::clock::{ManualClock, SeededEntropy, Timestamp};
use crate::http::{AcceptWith, GuardParts, Hosts, PublicOrigin, RateLimit, with_common_routes};
use crate::trace::Trace;

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: t.example\r\n\r\n";

struct Handed(DuplexStream, Peer);

impl From<Handed> for Arrival {
    fn from(Handed(io, peer): Handed) -> Self {
        Self { io: Box::new(io), peer, local: None }
    }
}

struct Harness {
    server: Server,
    connections: mpsc::Sender<Handed>,
    entered: watch::Receiver<usize>,
}

impl Harness {
    fn new(limits: ConnectionLimits) -> Self {
        let draining = CancellationToken::new();
        let (enter, entered) = watch::channel(0);
        let enter = Arc::new(enter);
        let entering = enter.clone();
        let waited_for = draining.clone();
        let routes = Router::new()
            .route(
                "/waits",
                get(move || async move {
                    entering.send_modify(|count| *count += 1);
                    waited_for.cancelled().await;
                    "woken"
                }),
            )
            .route("/reads", post(|_: bytes::Bytes| async { "read" }))
            .route(
                "/streams",
                get(|| async {
                    let silent = futures::stream::pending::<Result<&'static str, Infallible>>();
                    ([("content-type", "text/event-stream")], Body::from_stream(silent))
                }),
            )
            .route(
                "/hangs",
                get(move || async move {
                    enter.send_modify(|count| *count += 1);
                    std::future::pending::<()>().await;
                }),
            );
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        let guard = Guard::new(GuardParts {
            routes: with_common_routes(routes).into(),
            hosts: Hosts::new(
                watch::channel(PublicOrigin::parse("https://t.example").ok()).1,
                Vec::new(),
            ),
            limit: Arc::new(RateLimit::new(1_000, 1_000, clock.clone())),
            trusted_proxies: Vec::new(),
            trace: Trace::new(clock),
            entropy: Arc::new(SeededEntropy::new(3)),
            draining: draining.clone(),
        });
        let server = Server::new(guard, limits, draining);
        let (connections, incoming) = mpsc::channel(8);
        server.accept_from(incoming, IngressKind::Tunnel);
        Self { server, connections, entered }
    }

    async fn connect_from(&self, address: [u8; 4]) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let peer = Peer::Address(address.into());
        self.connections.send(Handed(theirs, peer)).await.unwrap();
        ours
    }

    async fn connect(&self) -> DuplexStream {
        self.connect_from([192, 0, 2, 1]).await
    }
}

/// Reads until the server closes.
async fn rest(io: &mut DuplexStream) -> String {
    let mut out = Vec::new();
    // A connection cut off mid-way is an end as well.
    let _ = io.read_to_end(&mut out).await;
    String::from_utf8_lossy(&out).into_owned()
}

async fn head(io: &mut DuplexStream) -> String {
    let mut out = Vec::new();
    while !out.ends_with(b"\r\n\r\n") {
        match io.read_u8().await {
            Ok(byte) => out.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(out).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_connection_serves_several_requests_and_is_closed_after_half_a_minute_of_silence() {
    let harness = Harness::new(ConnectionLimits::default());
    let mut io = harness.connect().await;
    for _ in 0..3 {
        io.write_all(GET.as_bytes()).await.unwrap();
        assert!(head(&mut io).await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let began = Instant::now();
    assert_eq!(rest(&mut io).await, "");
    let silent = began.elapsed() + Duration::from_secs(20);
    assert!((29..32).contains(&silent.as_secs()), "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_is_given_up_after_ten_seconds() {
    for bytes in ["", "GET /heal", "GET / HTTP/1.1\r\nhost: t.example\r\nx: "] {
        let harness = Harness::new(ConnectionLimits::default());
        let mut io = harness.connect().await;
        io.write_all(bytes.as_bytes()).await.unwrap();
        let began = Instant::now();
        let (mut reading, mut writing) = tokio::io::split(io);
        let trickle = tokio::spawn(async move {
            while writing.write_all(b"a").await.is_ok() && !bytes.is_empty() {
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
            std::future::pending::<()>().await;
        });
        let mut out = Vec::new();
        let _ = reading.read_to_end(&mut out).await;
        let took = began.elapsed().as_secs();
        assert!((9..=12).contains(&took), "{bytes:?}: {took} s");
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_and_long_work_and_streams_are_not() {
    let mut harness = Harness::new(ConnectionLimits::default());
    let mut missing = harness.connect().await;
    let post = b"POST /reads HTTP/1.1\r\nhost: t.example\r\ncontent-length: 5\r\n\r\n";
    missing.write_all(post).await.unwrap();
    let began = Instant::now();
    let said = rest(&mut missing).await;
    assert!(said.ends_with("the body did not arrive in time"), "{said}");
    assert!((30..36).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());

    let (mut waits, mut streams) = (harness.connect().await, harness.connect().await);
    waits.write_all(b"GET /waits HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    streams.write_all(b"GET /streams HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    assert!(head(&mut streams).await.starts_with("HTTP/1.1 200"));
    harness.entered.wait_for(|count| *count == 1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(harness.server.open_connections(), 2);
    tokio::join!(harness.server.shutdown(), async {
        assert!(rest(&mut waits).await.ends_with("woken"));
    });
}

#[tokio::test]
async fn an_oversized_head_is_431() {
    let harness = Harness::new(ConnectionLimits::default());
    let mut io = harness.connect().await;
    let long = "x".repeat(HEAD_BYTES_MAX);
    let _ = io
        .write_all(format!("GET / HTTP/1.1\r\nhost: t.example\r\nx: {long}\r\n\r\n").as_bytes())
        .await;
    assert!(head(&mut io).await.starts_with("HTTP/1.1 431"));
    let mut io = harness.connect().await;
    let many = "x: y\r\n".repeat(101);
    let _ =
        io.write_all(format!("GET / HTTP/1.1\r\nhost: t.example\r\n{many}\r\n").as_bytes()).await;
    assert!(head(&mut io).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn one_address_holds_only_its_share_and_gives_it_back() {
    let harness = Harness::new(ConnectionLimits { per_kind: 3, per_address: 2 });
    let mut first = harness.connect().await;
    let mut second = harness.connect().await;
    for io in [&mut first, &mut second] {
        io.write_all(GET.as_bytes()).await.unwrap();
        assert!(head(io).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(rest(&mut harness.connect().await).await, "", "the third of one address");
    let mut other = harness.connect_from([192, 0, 2, 2]).await;
    other.write_all(GET.as_bytes()).await.unwrap();
    assert!(head(&mut other).await.starts_with("HTTP/1.1 200"));
    drop(first);
    while harness.server.open_connections() > 2 {
        tokio::task::yield_now().await;
    }
    let mut again = harness.connect().await;
    again.write_all(GET.as_bytes()).await.unwrap();
    assert!(head(&mut again).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_longest_makes_room_and_who_is_worked_for_never_does() {
    let mut harness = Harness::new(ConnectionLimits { per_kind: 4, per_address: 64 });
    let mut at_work = harness.connect().await;
    at_work.write_all(b"GET /waits HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    harness.entered.wait_for(|count| *count == 1).await.unwrap();
    let mut silent = harness.connect().await;
    silent.write_all(b"GET /").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut slow_body = harness.connect().await;
    let head_of_body = b"POST /reads HTTP/1.1\r\nhost: t.example\r\ncontent-length: 9\r\n\r\n";
    slow_body.write_all(head_of_body).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut idle = harness.connect().await;
    idle.write_all(GET.as_bytes()).await.unwrap();
    assert!(head(&mut idle).await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(Duration::from_secs(1)).await;

    // Each newcomer is heard, and the next in the row is gone for it.
    let mut newcomers = Vec::new();
    for gone in [&mut silent, &mut slow_body, &mut idle] {
        let mut newcomer = harness.connect().await;
        newcomer.write_all(GET.as_bytes()).await.unwrap();
        assert!(head(&mut newcomer).await.starts_with("HTTP/1.1 200"));
        assert_eq!(rest(gone).await, "");
        newcomers.push(newcomer);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(harness.server.open_connections(), 4);

    // When everybody is worked for there is no room.
    for io in &mut newcomers {
        io.write_all(b"GET /waits HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    }
    harness.entered.wait_for(|count| *count == 4).await.unwrap();
    assert_eq!(rest(&mut harness.connect().await).await, "");
    drop(newcomers);
    let (answered, ()) = tokio::join!(rest(&mut at_work), harness.server.shutdown());
    assert!(answered.ends_with("woken"), "{answered}");
}

#[tokio::test(start_paused = true)]
async fn shutting_down_wakes_long_waits_and_cuts_off_what_hangs() {
    let mut harness = Harness::new(ConnectionLimits::default());
    let (mut waits, mut hangs) = (harness.connect().await, harness.connect().await);
    let mut idle = harness.connect().await;
    waits.write_all(b"GET /waits HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    hangs.write_all(b"GET /hangs HTTP/1.1\r\nhost: t.example\r\n\r\n").await.unwrap();
    harness.entered.wait_for(|count| *count == 2).await.unwrap();
    let began = Instant::now();
    let woken = async {
        let said = rest(&mut waits).await;
        assert!(said.ends_with("woken"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    };
    let cut = async {
        assert_eq!(rest(&mut hangs).await, "");
        rest(&mut idle).await;
    };
    tokio::join!(harness.server.shutdown(), woken, cut);
    assert!((10..12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(harness.server.open_connections(), 0);
    assert!(harness.connections.send(Handed(tokio::io::duplex(1).0, Peer::Unknown)).await.is_err());
}

#[tokio::test]
async fn a_refused_peer_costs_the_next_one_nothing() {
    let harness = Harness::new(ConnectionLimits::default());
    let (mut ours, theirs) = tokio::io::duplex(64 << 10);
    let mut arrivals = vec![
        None,
        Some(Ok(Arrival { io: Box::new(theirs), peer: Peer::Unknown, local: None })),
        Some(Err(std::io::ErrorKind::PermissionDenied.into())),
    ];
    let next = move || std::future::ready(arrivals.pop().flatten()).boxed();
    harness.server.accept_from(AcceptWith(next), IngressKind::Admin);
    ours.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(head(&mut ours).await.starts_with("HTTP/1.1 200"));
}
