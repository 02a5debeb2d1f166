//! The ngrok provider against the loopback edge: what is promised of it, scenario by scenario.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
mod common;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{PATIENCE, Served, options};
use gateway_tunnels::ngrok::{Ca, NgrokProvider, NgrokSettings};
use gateway_tunnels::testing::{Command, NgrokEdge, PublicClient};
use gateway_tunnels::{
    Authtoken, LOUDEST_LEVEL, Limits, Note, SECRET_LOG_TARGETS, TunnelEvent, TunnelState,
};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use tokio::time::timeout;
use tracing_subscriber::layer::SubscriberExt;

const TOKEN: &str = "2planted_authtoken";

fn settings(edge: &NgrokEdge) -> NgrokSettings {
    NgrokSettings {
        server_addr: Some(edge.agent_addr().to_string()),
        ca: Ca::Pem(edge.ca_pem().to_owned()),
        ..NgrokSettings::new(Authtoken::new(TOKEN))
    }
}

fn start(settings: NgrokSettings) -> Served {
    Served::start(Arc::new(NgrokProvider::new(settings)), options())
}

async fn client(edge: &NgrokEdge, url: &url::Url) -> PublicClient {
    PublicClient::connect(edge.public_addr(), url.host_str().unwrap()).await.unwrap()
}

#[tokio::test]
async fn requests_and_event_streams_pass_and_the_address_survives_three_drops() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    let url = served.until_up().await;
    let reply = client(&edge, &url).await.get("/hello").await.unwrap();
    assert!(reply.body.contains("path=/hello"), "{}", reply.body);
    assert!(reply.body.contains("peer=Known(127.0.0.1:"), "{}", reply.body);
    assert!(reply.body.contains("proto=https"), "{}", reply.body);

    let request = Request::get("/sse").body(Full::default()).unwrap();
    let (_, mut body) = client(&edge, &url).await.open(request).await.unwrap();
    for event in ["one", "two"] {
        served.sse.send(event).unwrap();
        let frame = timeout(PATIENCE, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {event}\n\n"));
    }

    for drop in 1..=3 {
        edge.drop_sessions();
        assert_eq!(served.back_up().await, url, "drop {drop}");
        let reply = client(&edge, &url).await.get("/again").await.unwrap();
        assert!(reply.body.contains("path=/again"));
    }
    let seen = edge.until(|seen| seen.sessions_open == 1).await;
    assert_eq!((seen.auths.len(), seen.binds.len()), (4, 4));
    let first = &seen.auths[0];
    assert_eq!((first.client_id.as_str(), first.cookie.as_str()), ("", ""));
    assert!(first.user_agent.starts_with("gateway/"), "{}", first.user_agent);
    assert_eq!(seen.binds[0].forwards_to, "gateway");
    for (auth, bind) in seen.auths.iter().zip(&seen.binds).skip(1) {
        assert_eq!(auth.client_id, seen.auths[1].client_id);
        assert_eq!(auth.cookie, format!("cookie-of-{}", auth.client_id));
        assert_eq!(bind.id, seen.binds[1].id);
        assert_eq!(bind.url, url.as_str().trim_end_matches('/'));
    }
}

#[tokio::test]
async fn a_hundred_drops_leave_one_session_and_the_same_address() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    let url = served.until_up().await;
    for _ in 0..100 {
        edge.drop_sessions();
        assert_eq!(served.back_up().await, url);
    }
    let seen = edge.until(|seen| seen.sessions_open == 1).await;
    assert_eq!(seen.auths.len(), 101);
    assert!(client(&edge, &url).await.get("/").await.unwrap().status.is_success());
}

#[tokio::test]
async fn a_rejected_authtoken_is_permanent_after_one_try_and_names_the_cure() {
    let edge = NgrokEdge::start().await.unwrap();
    edge.turn(|knobs| {
        knobs.auth_error = Some("The authtoken is not valid.\n\nERR_NGROK_107\n".into());
    });
    let served = start(settings(&edge));
    let (code, told, hint) = served.until_failed().await;
    assert_eq!(code, "ngrok.authtoken_rejected");
    assert!(told.contains("ERR_NGROK_107") && told.contains("not valid"), "{told}");
    assert!(!told.contains(TOKEN));
    assert!(hint.unwrap().contains("gateway secrets set ngrok-authtoken"));
    assert_eq!(edge.seen().auths.len(), 1);
    served.handle.close().await;
    assert!(matches!(*served.handle.state().borrow(), TunnelState::Closed));
}

#[tokio::test]
async fn an_authtoken_rejected_during_a_reconnect_is_permanent_too() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    served.until_up().await;
    edge.turn(|knobs| knobs.auth_error = Some("revoked\n\nERR_NGROK_107\n".into()));
    edge.drop_sessions();
    assert_eq!(served.until_failed().await.0, "ngrok.authtoken_rejected");
    assert_eq!(edge.seen().auths.len(), 2);
}

#[tokio::test]
async fn an_empty_authtoken_is_refused_without_asking_ngrok() {
    let served = start(NgrokSettings::new(Authtoken::new("  ")));
    assert_eq!(served.until_failed().await.0, "ngrok.authtoken_missing");
}

#[tokio::test]
async fn a_foreign_certificate_is_tried_three_times_and_then_given_up() {
    let edge = NgrokEdge::start().await.unwrap();
    let other = NgrokEdge::start().await.unwrap();
    let served = start(NgrokSettings { ca: Ca::Pem(other.ca_pem().to_owned()), ..settings(&edge) });
    let (code, told, hint) = served.until_failed().await;
    assert_eq!(code, "ngrok.untrusted_tls");
    assert!(told.contains("3 tries") && told.contains("intercepts TLS"), "{told}");
    assert!(hint.unwrap().contains("ca_file"));
    assert_eq!(edge.seen().tcp_accepted, 3);
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let served = start(NgrokSettings {
        ca: Ca::File(file.path().to_owned()),
        ..NgrokSettings::new(Authtoken::new(TOKEN))
    });
    let (code, told, _) = served.until_failed().await;
    assert_eq!(code, "ngrok.ca_file");
    assert!(told.contains(&file.path().display().to_string()), "{told}");
}

#[tokio::test]
async fn a_refused_connection_is_retried() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut served = start(NgrokSettings {
        server_addr: Some(free.to_string()),
        ..NgrokSettings::new(Authtoken::new(TOKEN))
    });
    let cause = served
        .event(|event| match event {
            TunnelEvent::Retrying { cause, .. } => Some(cause.clone()),
            _ => None,
        })
        .await;
    assert_eq!(cause.code(), "ngrok.unreachable");
    assert!(cause.to_string().contains(&free.to_string()));
    served.handle.close().await;
}

#[tokio::test]
async fn a_domain_in_use_is_retried_slowly_and_leaves_no_session_behind() {
    let edge = NgrokEdge::start().await.unwrap();
    edge.turn(|knobs| {
        knobs.bind_error = Some("The endpoint is already online.\n\nERR_NGROK_334\n".into());
    });
    let mut served = start(NgrokSettings { domain: Some("mine.test".into()), ..settings(&edge) });
    let (cause, after) = served
        .event(|event| match event {
            TunnelEvent::Retrying { cause, after } => Some((cause.clone(), *after)),
            _ => None,
        })
        .await;
    assert_eq!(cause.code(), "ngrok.domain_in_use");
    assert!((5..=60).contains(&after.as_secs()), "{after:?}");
    assert_eq!(edge.seen().binds[0].domain, "mine.test");
    timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 0)).await.unwrap();
}

#[tokio::test]
async fn muted_heartbeats_cut_the_link_and_it_is_bound_again() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(NgrokSettings {
        heartbeat_interval: Duration::from_millis(200),
        heartbeat_tolerance: Duration::from_millis(200),
        ..settings(&edge)
    });
    let url = served.until_up().await;
    timeout(PATIENCE, edge.until(|seen| seen.heartbeats > 1)).await.unwrap();
    edge.turn(|knobs| knobs.mute_heartbeats = true);
    let cause = served
        .event(|event| match event {
            TunnelEvent::Lost { cause } => Some(cause.code()),
            _ => None,
        })
        .await;
    assert_eq!(cause, "ngrok.heartbeat_lost");
    edge.turn(|knobs| knobs.mute_heartbeats = false);
    assert_eq!(served.back_up().await, url);
    timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 1)).await.unwrap();
}

#[tokio::test]
async fn a_clean_stop_unbinds_and_leaves_no_session_at_the_edge() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    served.until_up().await;
    timeout(Duration::from_secs(3), served.handle.close()).await.unwrap();
    assert!(matches!(*served.handle.state().borrow(), TunnelState::Closed));
    let seen = timeout(Duration::from_secs(1), edge.until(|seen| seen.sessions_open == 0)).await;
    assert!(seen.unwrap().unbinds >= 1);
}

#[tokio::test]
async fn a_dropped_handle_closes_the_tunnel_too() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    served.until_up().await;
    drop(served);
    timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 0)).await.unwrap();
}

#[tokio::test]
async fn a_closed_tunnel_leaves_no_task_behind() {
    let edge = NgrokEdge::start().await.unwrap();
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for _ in 0..3 {
        let served = start(settings(&edge));
        served.until_up().await;
        served.handle.close().await;
    }
    let gone = async {
        while metrics.num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    let left = timeout(PATIENCE, gone).await;
    assert!(left.is_ok(), "{before} tasks before, {} after", metrics.num_alive_tasks());
}

#[tokio::test]
async fn six_hundred_idle_connections_do_not_keep_a_healthy_visitor_out() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut options = options();
    // All of the flood comes from one address here; the whole tunnel's limit is the one on trial.
    options.limits = Limits { per_address_max: usize::MAX, ..Limits::default() };
    let mut served = Served::start(Arc::new(NgrokProvider::new(settings(&edge))), options);
    let url = served.until_up().await;
    let mut healthy = client(&edge, &url).await;
    healthy.get("/before").await.unwrap();
    let mut held = Vec::new();
    for _ in 0..12 {
        held.extend(edge.hold(50, url.host_str().unwrap()).await.unwrap());
        let proxied = u64::try_from(held.len()).unwrap();
        timeout(PATIENCE, edge.until(|seen| seen.proxied >= proxied)).await.unwrap();
        assert!(healthy.get("/during").await.unwrap().status.is_success());
        let reply = client(&edge, &url).await.get("/newcomer").await.unwrap();
        assert!(reply.status.is_success());
    }
    served.note(|note| matches!(note, Note::ConnectionsEvicted { .. })).await;
    let seen = timeout(PATIENCE, edge.until(|seen| seen.proxying <= 400)).await.unwrap();
    assert_eq!((seen.sessions_open, seen.auths.len()), (1, 1));
}

#[tokio::test]
async fn connections_that_are_never_introduced_do_not_hold_up_others() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    let url = served.until_up().await;
    let _beginnings = edge.half_open(300).await.unwrap();
    for _ in 0..100 {
        let reply = timeout(PATIENCE, async { client(&edge, &url).await.get("/after").await });
        assert!(reply.await.unwrap().unwrap().status.is_success());
    }
    assert_eq!(edge.seen().auths.len(), 1);
}

#[tokio::test]
async fn a_wedged_session_is_replaced() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(NgrokSettings {
        heartbeat_interval: Duration::from_millis(200),
        heartbeat_tolerance: Duration::from_millis(200),
        ..settings(&edge)
    });
    served.until_up().await;
    // More than are held back: what is passed on then makes the crate's two loops wait for each
    // other, and it does not even notice that its link is cut.
    let _beginnings = edge.half_open(700).await.unwrap();
    let url = served.back_up().await;
    assert!(client(&edge, &url).await.get("/").await.unwrap().status.is_success());
    let seen = timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 1)).await.unwrap();
    assert_eq!(seen.auths.last().unwrap().client_id, "", "a fresh session");
}

async fn a_burst_is_survived() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut options = options();
    options.limits = Limits { per_address_max: usize::MAX, ..Limits::default() };
    let served = Served::start(Arc::new(NgrokProvider::new(settings(&edge))), options);
    let url = served.until_up().await;
    let _held = edge.hold(1000, url.host_str().unwrap()).await.unwrap();
    timeout(PATIENCE, edge.until(|seen| seen.proxied >= 1000)).await.unwrap();
    // While the gate catches up, a newcomer may be turned away like everybody else.
    let served_again = async {
        while !client(&edge, &url).await.get("/after").await.is_ok_and(|r| r.status.is_success()) {}
    };
    timeout(PATIENCE, served_again).await.unwrap();
    // A thousand in the same instant may still meet the crate's limit of 512 streams, because it
    // lets go of refused ones in its own time. That costs one reconnect, never the service.
    let seen = timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 1)).await.unwrap();
    assert!(seen.auths.len() <= 2, "{} sessions", seen.auths.len());
}

#[tokio::test]
async fn a_burst_of_connections_does_not_end_the_service_on_one_thread() {
    a_burst_is_survived().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_connections_does_not_end_the_service_on_many_threads() {
    a_burst_is_survived().await;
}

#[tokio::test]
async fn one_address_cannot_hold_more_than_its_share() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    let url = served.until_up().await;
    let _held = edge.hold(100, url.host_str().unwrap()).await.unwrap();
    timeout(PATIENCE, edge.until(|seen| seen.proxied >= 100 && seen.proxying <= 32)).await.unwrap();
    let reply = client(&edge, &url).await.get("/same-address").await.unwrap();
    assert!(reply.status.is_success());
}

#[tokio::test]
async fn service_is_back_within_two_seconds_of_the_edge() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    let url = served.until_up().await;
    edge.refuse_tcp(true).await;
    edge.drop_sessions();
    let mut refused = 0;
    served
        .event(|event| match event {
            TunnelEvent::Retrying { cause, .. } if cause.code() == "ngrok.unreachable" => {
                refused += 1;
                (refused >= 3).then_some(())
            }
            _ => None,
        })
        .await;
    edge.refuse_tcp(false).await;
    let back = timeout(Duration::from_secs(2), served.back_up()).await.expect("within two seconds");
    assert_eq!(back, url);
    assert!(client(&edge, &url).await.get("/").await.unwrap().status.is_success());
}

#[tokio::test]
async fn a_new_url_on_rebind_is_noticed_and_told() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    let old = served.until_up().await;
    edge.turn(|knobs| knobs.rebind_url = Some("https://moved.ngrok-free.test".into()));
    edge.drop_sessions();
    let (was, new) = served
        .event(|event| match event {
            TunnelEvent::UrlChanged { old, new } => Some((old.clone(), new.clone())),
            _ => None,
        })
        .await;
    assert_eq!((was, new.as_str()), (old, "https://moved.ngrok-free.test/"));
    let reply = client(&edge, &new).await.get("/").await.unwrap();
    assert!(reply.body.contains("host=moved.ngrok-free.test"));
}

#[tokio::test]
async fn a_new_id_on_rebind_opens_a_fresh_session() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    served.until_up().await;
    edge.turn(|knobs| knobs.rebind_id = Some("another".into()));
    edge.drop_sessions();
    let url = served.back_up().await;
    assert!(client(&edge, &url).await.get("/").await.unwrap().status.is_success());
    let seen = timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 1)).await.unwrap();
    assert_eq!(seen.binds.last().unwrap().id, "");
}

#[tokio::test]
async fn dashboard_commands_stop_restart_and_refuse_updates() {
    let edge = NgrokEdge::start().await.unwrap();
    let mut served = start(settings(&edge));
    let url = served.until_up().await;

    let answers = edge.command(Command::Update("9.9.9".into())).await.unwrap();
    assert!(answers[0].as_ref().unwrap().contains("updated by its owner"));
    served.note(|note| *note == Note::UpdateRefused { version: "9.9.9".into() }).await;

    assert_eq!(edge.command(Command::Restart).await.unwrap(), [None]);
    assert_eq!(served.back_up().await, url);

    assert_eq!(edge.command(Command::Stop).await.unwrap(), [None]);
    let (code, told, _) = served.until_failed().await;
    assert_eq!(code, "ngrok.stopped");
    assert!(told.contains("stopped from the dashboard"), "{told}");
    timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 0)).await.unwrap();
}

#[tokio::test]
async fn a_tunnel_stopped_by_the_service_says_why() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    served.until_up().await;
    edge.stop_tunnels("closed by policy", Some("ERR_NGROK_9999")).await.unwrap();
    let (code, told, _) = served.until_failed().await;
    assert_eq!(code, "ngrok.stopped");
    assert!(told.contains("closed by policy") && told.contains("ERR_NGROK_9999"), "{told}");
}

/// Collects what is logged at any level, capped as the gateway caps it.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_authtoken_is_in_no_log_at_trace() {
    let captured = Captured::default();
    let writer = captured.clone();
    let capped = SECRET_LOG_TARGETS.iter().map(|target| (*target, LOUDEST_LEVEL));
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(tracing::Level::TRACE)
        .with_targets(capped);
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let subscriber =
        tracing_subscriber::registry().with(tracing_subscriber::Layer::with_filter(layer, filter));
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // This test's own target would be capped: it is called like the crate.
            tracing::trace!(target: "anything", "the quietest line");
            let edge = NgrokEdge::start().await.unwrap();
            let mut served = start(settings(&edge));
            served.until_up().await;
            edge.drop_sessions();
            served.back_up().await;
            assert_eq!(edge.seen().auths[1].authtoken, TOKEN);
            served.handle.close().await;
        });
    });
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the tunnel is up"), "the capture works");
    assert!(log.contains("the quietest line"), "the capture is loud");
    assert!(!log.contains(TOKEN), "the authtoken is in the log");
}

/// A proxy that answers CONNECT and demands these credentials.
async fn connect_proxy(credentials: &'static str) -> std::net::SocketAddr {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = Vec::new();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push(line.trim().to_ascii_lowercase());
                }
                let wanted =
                    format!("proxy-authorization: basic {}", credentials.to_ascii_lowercase());
                if !head.contains(&wanted) {
                    let refusal =
                        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(refusal).await.unwrap();
                    return;
                }
                let target = head[0].split(' ').nth(1).unwrap().to_owned();
                let mut onward = tokio::net::TcpStream::connect(target).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn an_http_proxy_with_credentials_is_gone_through() {
    let edge = NgrokEdge::start().await.unwrap();
    let proxy = connect_proxy("dXNlcjpwQHNz").await;
    let proxy_url = Some(format!("http://user:p%40ss@{proxy}").parse().unwrap());
    let mut served = start(NgrokSettings { proxy_url, ..settings(&edge) });
    let url = served.until_up().await;
    assert!(client(&edge, &url).await.get("/").await.unwrap().status.is_success());
    edge.drop_sessions();
    assert_eq!(served.back_up().await, url);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let edge = NgrokEdge::start().await.unwrap();
    let proxy = connect_proxy("other").await;
    let proxy_url = Some(format!("http://user:planted@{proxy}").parse().unwrap());
    let settings = NgrokSettings { proxy_url, ..settings(&edge) };
    assert!(!format!("{settings:?}").contains("planted"));
    let mut served = start(settings);
    let cause = served
        .event(|event| match event {
            TunnelEvent::Retrying { cause, .. } => Some(cause.clone()),
            _ => None,
        })
        .await;
    assert_eq!(cause.code(), "ngrok.proxy");
    let told = cause.to_string();
    assert!(told.contains("407") && told.contains(&proxy.to_string()), "{told}");
    assert!(!told.contains("planted"));
}

#[tokio::test]
async fn a_socks_proxy_is_gone_through() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
    let edge = NgrokEdge::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let agent_addr = edge.agent_addr();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // RFC 1928: a greeting that offers "no authentication", then CONNECT to an IPv4 address.
        stream.read_exact(&mut [0; 3]).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 10];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
        stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await.unwrap();
        let mut onward = tokio::net::TcpStream::connect(agent_addr).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut onward).await;
    });
    let proxy_url = Some(format!("socks5://{proxy}").parse().unwrap());
    let served = start(NgrokSettings { proxy_url, ..settings(&edge) });
    served.until_up().await;
}

#[tokio::test]
async fn an_unsupported_proxy_is_refused_with_the_kinds_that_work() {
    let proxy_url = Some("ftp://proxy.example".parse().unwrap());
    let served = start(NgrokSettings { proxy_url, ..NgrokSettings::new(Authtoken::new(TOKEN)) });
    let (code, _, hint) = served.until_failed().await;
    assert_eq!(code, "ngrok.proxy_kind");
    assert!(hint.unwrap().contains("socks5:"));
}

#[tokio::test]
async fn a_rebind_that_stays_unanswered_is_cut_by_closing() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    served.until_up().await;
    edge.turn(|knobs| knobs.mute_binds = true);
    edge.drop_sessions();
    timeout(PATIENCE, edge.until(|seen| seen.auths.len() == 2)).await.unwrap();
    assert!(matches!(*served.handle.state().borrow(), TunnelState::Reconnecting { .. }));
    timeout(Duration::from_secs(3), served.handle.close()).await.unwrap();
    timeout(PATIENCE, edge.until(|seen| seen.sessions_open == 0)).await.unwrap();
}

#[tokio::test]
async fn a_buffering_edge_holds_event_streams_back_and_a_browser_meets_the_interstitial() {
    let edge = NgrokEdge::start().await.unwrap();
    let served = start(settings(&edge));
    let url = served.until_up().await;
    edge.turn(|knobs| {
        knobs.buffer_get_sse = true;
        knobs.interstitial = true;
    });
    let browser = Request::get("/").header("user-agent", "Mozilla/5.0").body(Full::default());
    let reply = client(&edge, &url).await.send(browser.unwrap()).await.unwrap();
    assert_eq!(reply.headers["ngrok-error-code"], "ERR_NGROK_6024");
    let sse = Request::get("/sse").header("accept", "text/event-stream").body(Full::default());
    let mut visitor = client(&edge, &url).await;
    let open = tokio::spawn(async move { visitor.send(sse.unwrap()).await.unwrap() });
    timeout(PATIENCE, edge.until(|seen| seen.proxying == 1)).await.unwrap();
    let sent = async {
        while served.sse.send("one").is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, sent).await.unwrap();
    assert!(!open.is_finished());
    served.sse.send("end").unwrap();
    assert!(timeout(PATIENCE, open).await.unwrap().unwrap().body.contains("data: one"));
    let reply =
        PublicClient::connect(edge.public_addr(), "nobody.test").await.unwrap().get("/").await;
    assert_eq!(reply.unwrap().headers["ngrok-error-code"], "ERR_NGROK_3200");
}
