use axum::Router;
use std::net::IpAddr;

use axum::routing::{get, post};
use futures::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use tokio::sync::watch;

use super::*;
use crate::clock::{ManualClock, SeededEntropy, Timestamp};
use crate::http::{Origin, PublicOrigin, read_whole, with_common_routes};

fn guard(per_minute: u32, burst: u32) -> Guard {
    let routes = Router::new()
        .route("/panic", get(|| async { panic!("on purpose") as &'static str }))
        .route(
            "/seen",
            get(|request: Request<Body>| async move {
                let ingress = request.extensions().get::<Ingress>().copied().unwrap();
                let origin = request.extensions().get::<Origin>().cloned().unwrap();
                format!("{:?} {:?} {origin}", ingress.kind, ingress.client)
            }),
        )
        .route(
            "/read",
            post(|request: Request<Body>| async move {
                match read_whole(request.into_body()).await {
                    Ok(bytes) => bytes.len().to_string(),
                    Err(err) => err.to_string(),
                }
            }),
        );
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let tunnel = PublicOrigin::parse("https://t.example").unwrap();
    Guard::new(GuardParts {
        routes: with_common_routes(routes).into(),
        hosts: Hosts::new(watch::channel(Some(tunnel)).1, Vec::new()),
        limit: Arc::new(RateLimit::new(per_minute, burst, clock)),
        trusted_proxies: Vec::new(),
        trace: Trace::new(Arc::new(ManualClock::new(Timestamp::from_millis(0)))),
        entropy: Arc::new(SeededEntropy::new(3)),
        draining: CancellationToken::new(),
    })
}

fn local() -> ConnectionFacts {
    let local = Some("127.0.0.1:8765".parse().unwrap());
    let peer = Peer::Address(IpAddr::from([127, 0, 0, 1]));
    ConnectionFacts { way: Way { kind: IngressKind::Local, local }, peer }
}

fn tunnel(peer: Peer) -> ConnectionFacts {
    ConnectionFacts { way: Way { kind: IngressKind::Tunnel, local: None }, peer }
}

fn request(method: Method, uri: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:8765");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn get_request(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
    request(Method::GET, uri, headers, Body::empty())
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_route_sees_the_way_in_and_the_origin_and_each_answer_has_an_id() {
    let guard = guard(300, 200);
    let response = guard.respond(&local(), get_request("/seen", &[])).await;
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(id.len(), 16);
    assert_eq!(text(response).await, "Local Some(127.0.0.1) http://127.0.0.1:8765");
    let next = guard.respond(&local(), get_request("/seen", &[])).await;
    assert_ne!(next.headers()["x-request-id"].to_str().unwrap(), id);
}

#[tokio::test]
async fn a_panic_is_a_500_with_nothing_but_an_id() {
    let response = guard(300, 200).respond(&local(), get_request("/panic", &[])).await;
    assert_eq!(response.status(), 500);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let said = text(response).await;
    assert!(said.contains(&id) && !said.contains("purpose"), "{said}");
}

#[tokio::test]
async fn the_client_of_a_header_connection_is_in_its_one_header_and_nowhere_else() {
    let guard = guard(300, 200);
    let name = HeaderName::from_static("cf-connecting-ip");
    let host = ("host", "t.example");
    let forged = ("x-forwarded-for", "198.51.100.1");
    for (peer, headers, client) in [
        (
            Peer::Header(name.clone()),
            vec![("cf-connecting-ip", "192.0.2.7"), forged],
            "Some(192.0.2.7)",
        ),
        (
            Peer::Header(name.clone()),
            vec![("cf-connecting-ip", "192.0.2.7"), ("cf-connecting-ip", "192.0.2.8")],
            "None",
        ),
        (Peer::Header(name.clone()), vec![("cf-connecting-ip", "nonsense")], "None"),
        (Peer::Header(name), vec![forged], "None"),
        (Peer::Unknown, vec![("cf-connecting-ip", "192.0.2.7"), forged], "None"),
        (
            Peer::Address([203, 0, 113, 1].into()),
            vec![("cf-connecting-ip", "192.0.2.7"), forged],
            "Some(203.0.113.1)",
        ),
    ] {
        let mut headers = headers;
        headers.push(host);
        let response = guard.respond(&tunnel(peer.clone()), get_request("/seen", &headers)).await;
        let seen = text(response).await;
        assert!(seen == format!("Tunnel {client} https://t.example"), "{peer:?}: {seen}");
    }
}

#[tokio::test]
async fn a_forged_address_does_not_buy_another_bucket() {
    let guard = guard(60, 2);
    let host = ("host", "t.example");
    let peer = tunnel(Peer::Address([203, 0, 113, 1].into()));
    let mut refused = 0;
    for n in 0..10 {
        let forged = format!("192.0.2.{n}");
        let headers = [host, ("x-forwarded-for", forged.as_str()), ("cf-connecting-ip", &forged)];
        let response = guard.respond(&peer, get_request("/seen", &headers)).await;
        refused += usize::from(response.status() == 429);
    }
    assert_eq!(refused, 8);
    let other = tunnel(Peer::Address([203, 0, 113, 2].into()));
    assert_eq!(guard.respond(&other, get_request("/seen", &[host])).await.status(), 200);
}

#[tokio::test]
async fn bodies_are_bounded_announced_or_not() {
    let guard = guard(300, 200);
    let over = || "x".repeat(BYTES_MAX + 1);
    let announced = request(Method::POST, "/read", &[], Body::from(over()));
    assert_eq!(guard.respond(&local(), announced).await.status(), 413);
    let chunks = futures::stream::iter([Ok::<_, std::convert::Infallible>(over())]);
    let streamed = request(Method::POST, "/read", &[], Body::from_stream(chunks));
    assert_eq!(text(guard.respond(&local(), streamed).await).await, "the body is too large");
    let fits = request(Method::POST, "/read", &[], Body::from("x".repeat(BYTES_MAX)));
    assert_eq!(text(guard.respond(&local(), fits).await).await, BYTES_MAX.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_is_given_up() {
    let guard = guard(300, 200);
    let trickle = futures::stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        Ok::<_, std::convert::Infallible>("x")
    });
    let slow = request(Method::POST, "/read", &[], Body::from_stream(trickle));
    assert_eq!(text(guard.respond(&local(), slow).await).await, "the body did not arrive in time");
}

#[tokio::test]
async fn contradictory_framing_and_endless_targets_are_refused() {
    let guard = guard(300, 200);
    let both = [("transfer-encoding", "chunked"), ("content-length", "3")];
    let smuggled = request(Method::POST, "/read", &both, Body::from("abc"));
    assert_eq!(guard.respond(&local(), smuggled).await.status(), 400);
    let long = format!("/{}", "x".repeat(TARGET_BYTES_MAX));
    assert_eq!(guard.respond(&local(), get_request(&long, &[])).await.status(), 414);
}

#[tokio::test]
async fn every_answer_carries_the_protective_headers() {
    let guard = guard(300, 3);
    let page = [("accept", "text/html"), ("authorization", "Bearer gwa_x")];
    for (uri, host, more) in [
        ("/healthz", "127.0.0.1:8765", &[][..]),
        ("/nothing", "127.0.0.1:8765", &[]),
        ("/panic", "127.0.0.1:8765", &[]),
        ("/seen", "127.0.0.1:8765", &[]),
        ("/seen", "evil.example", &[]),
        ("/nothing", "127.0.0.1:8765", &page),
        ("/panic", "127.0.0.1:8765", &page),
        ("/seen", "evil.example", &page),
    ] {
        let asked: Vec<_> = [("host", host)].iter().chain(more).copied().collect();
        let response = guard.respond(&local(), get_request(uri, &asked)).await;
        let headers = response.headers();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(headers[name], value, "{uri} {asked:?} {name}");
        }
        assert!(headers.contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_say_what_there_is_in_the_form_that_is_read() {
    let guard = guard(300, 200);
    let healthy = guard.respond(&local(), get_request("/healthz", &[])).await;
    assert_eq!(healthy.status(), 200);
    assert_eq!(text(healthy).await, "");
    let missing = guard.respond(&local(), get_request("/nothing", &[])).await;
    assert_eq!(missing.status(), 404);
    let said: serde_json::Value = serde_json::from_str(&text(missing).await).unwrap();
    assert_eq!(said["error"], "not_found");
    let page = guard.respond(&local(), get_request("/nothing", &[("accept", "text/html")])).await;
    assert!(text(page).await.starts_with("<!DOCTYPE html>"));
    let wrong = request(Method::DELETE, "/seen", &[], Body::empty());
    let wrong = guard.respond(&local(), wrong).await;
    assert_eq!(wrong.status(), 405);
    assert!(wrong.headers()["allow"].to_str().unwrap().contains("GET"));
    let head = request(Method::HEAD, "/healthz", &[], Body::empty());
    assert_eq!(guard.respond(&local(), head).await.status(), 200);
}

#[tokio::test]
async fn the_admin_socket_is_not_counted_and_takes_no_pages() {
    let guard = guard(1, 1);
    let admin =
        ConnectionFacts { way: Way { kind: IngressKind::Admin, local: None }, peer: Peer::Unknown };
    let host = ("host", "localhost");
    for _ in 0..5 {
        assert_eq!(guard.respond(&admin, get_request("/seen", &[host])).await.status(), 200);
    }
    let page = get_request("/seen", &[host, ("origin", "http://localhost")]);
    assert_eq!(guard.respond(&admin, page).await.status(), 403);
}
