//! The quick tunnel against the fake `cloudflared`: what is promised of it, scenario by scenario.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, Served, options};
use gateway_tunnels::cloudflared::{QuickSettings, Timings};
use gateway_tunnels::testing::{Exit, FakeCloudflared, PublicClient, Run, Scenario};
use gateway_tunnels::{Note, ProviderConfig, Surroundings, TunnelEvent, TunnelState};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use tempfile::TempDir;
use tokio::time::timeout;

/// A fake in a folder of its own, and the gateway's side of it.
struct Bench {
    folder: TempDir,
    fake: FakeCloudflared,
    timings: Timings,
    environment: BTreeMap<OsString, OsString>,
    launcher: Vec<OsString>,
}

impl Bench {
    async fn new(scenario: Scenario) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let exe = Path::new(env!("CARGO_BIN_EXE_fake-cloudflared"));
        let fake = FakeCloudflared::install(exe, folder.path(), scenario).await.unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let timings = Timings { poll_every: Duration::from_millis(20), ..Timings::default() };
        Self { folder, fake, timings, environment: BTreeMap::new(), launcher: Vec::new() }
    }

    fn start(&self) -> Served {
        self.start_with(Some(self.fake.path().to_owned()))
    }

    fn start_with(&self, path: Option<std::path::PathBuf>) -> Served {
        let surroundings = Surroundings {
            environment: self.environment.clone(),
            runtime_dir: self.folder.path().join("run"),
            launcher: self.launcher.clone(),
        };
        let settings = QuickSettings { path, timings: self.timings };
        let provider = ProviderConfig::CloudflareQuick(settings).build(&surroundings);
        Served::start(provider, options())
    }

    async fn run(&self) -> Run {
        timeout(PATIENCE, self.fake.next_run()).await.expect("a start").unwrap()
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.fake.path().with_extension("calls")).unwrap_or_default()
    }

    fn run_dir_is_empty(&self) -> bool {
        std::fs::read_dir(self.folder.path().join("run")).unwrap().next().is_none()
    }
}

fn alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn retrying(served: &mut Served) -> (String, String, Duration) {
    served
        .event(|event| match event {
            TunnelEvent::Retrying { cause, after } => {
                Some((cause.code().to_owned(), cause.to_string(), *after))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_good_start_serves_and_a_close_leaves_nothing() {
    let bench = Bench::new(Scenario::default()).await;
    let served = bench.start();
    let run = bench.run().await;
    let url = served.until_up().await;
    assert_eq!(url.as_str(), "https://fake-words-for-tests.trycloudflare.com/");
    let mut client = PublicClient::connect(run.public_addr(), "public.test").await.unwrap();
    let request = Request::get("/hello")
        .header("cf-connecting-ip", "203.0.113.9")
        .body(Full::default())
        .unwrap();
    let reply = client.send(request).await.unwrap();
    assert!(reply.body.contains("host=fake-words-for-tests.trycloudflare.com"), "{}", reply.body);
    assert!(
        reply.body.contains(r#"peer=Header("cf-connecting-ip") cf=127.0.0.1"#),
        "{}",
        reply.body
    );
    let pid = run.pid();
    served.handle.close().await;
    assert!(matches!(*served.handle.state().borrow(), TunnelState::Closed));
    timeout(PATIENCE, run.gone()).await.unwrap();
    assert!(!alive(pid));
    assert!(bench.run_dir_is_empty());
}

#[tokio::test]
async fn event_streams_pass_event_by_event() {
    let bench = Bench::new(Scenario::default()).await;
    let served = bench.start();
    let run = bench.run().await;
    served.until_up().await;
    let mut client = PublicClient::connect(run.public_addr(), "public.test").await.unwrap();
    let request = Request::get("/sse").body(Full::default()).unwrap();
    let (_, mut body) = client.open(request).await.unwrap();
    for event in ["one", "two"] {
        served.sse.send(event).unwrap();
        let frame = timeout(PATIENCE, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {event}\n\n"));
    }
}

#[tokio::test]
async fn the_child_inherits_nothing_and_is_told_everything() {
    let mut bench = Bench::new(Scenario::default()).await;
    let home = bench.folder.path().join("home/.cloudflared");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config.yml"), "ingress:\n  - service: http_status:404\n").unwrap();
    for (name, value) in [
        ("HOME", home.parent().unwrap().to_str().unwrap()),
        ("TUNNEL_URL", "http://127.0.0.1:1"),
        ("TUNNEL_TOKEN", "planted"),
        ("TUNNEL_LOGLEVEL", "debug"),
        ("NO_AUTOUPDATE", "false"),
        ("NO_TLS_VERIFY", "true"),
        ("NGROK_AUTHTOKEN", "planted"),
        ("SSL_CERT_FILE", "/etc/ssl/ca.pem"),
    ] {
        bench.environment.insert(name.into(), value.into());
    }
    let served = bench.start();
    let run = bench.run().await;
    served.until_up().await;
    let names: Vec<&str> = run.env().keys().map(String::as_str).collect();
    assert_eq!(names, ["HOME", "SSL_CERT_FILE"]);
    let folder = bench.folder.path().join("run");
    assert!(Path::new(&run.env()["HOME"]).starts_with(&folder));
    assert!(run.cwd().starts_with(folder.canonicalize().unwrap()));

    let line = run.argv()[1..].join(" ");
    for wanted in [
        "tunnel --config ",
        " --no-autoupdate ",
        " --no-prechecks ",
        "--metrics 127.0.0.1:0",
        "--protocol auto",
        "--loglevel info",
        "--grace-period 5000ms",
    ] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
    assert!(!line.contains("planted") && !bench.calls().contains("planted"));
    assert!(run.config().contains("- service: \"unix:"), "{}", run.config());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let own = Path::new(&run.env()["HOME"]);
        assert_eq!(mode(own), 0o700);
        assert_eq!(mode(&own.join("config.yml")), 0o600);
        assert_eq!(mode(&own.join("origin.sock")), 0o600);
    }
}

#[tokio::test]
async fn an_older_version_gets_no_flag_it_does_not_know() {
    let scenario = Scenario { version: "2026.4.0".into(), ..Scenario::default() };
    let bench = Bench::new(scenario).await;
    let mut served = bench.start();
    let run = bench.run().await;
    served.until_up().await;
    assert!(!run.argv().iter().any(|word| word == "--no-prechecks"));
    let note = served.note(|note| matches!(note, Note::Executable { .. })).await;
    assert!(matches!(note, Note::Executable { old: false, .. }));

    bench
        .fake
        .set_scenario(Scenario { version: "2025.3.0".into(), ..Scenario::default() })
        .unwrap();
    let mut older = bench.start();
    older.until_up().await;
    let note = older.note(|note| matches!(note, Note::Executable { .. })).await;
    assert!(note.to_string().contains("more than a year old"), "{note}");
}

#[tokio::test]
async fn what_is_no_usable_cloudflared_is_named() {
    let bench = Bench::new(Scenario { version: "2023.1.0".into(), ..Scenario::default() }).await;
    let (code, told, hint) = bench.start().until_failed().await;
    assert_eq!(code, "cloudflared.too_old");
    assert!(told.contains("2023.1.0") && told.contains("2024.1.0"), "{told}");
    assert!(hint.unwrap().starts_with("update it: "));

    let garbage = Some("curl 8.1 of some kind".to_owned());
    bench.fake.set_scenario(Scenario { version_text: garbage, ..Scenario::default() }).unwrap();
    let (code, told, _) = bench.start().until_failed().await;
    assert_eq!(code, "cloudflared.not_cloudflared");
    assert!(told.contains("curl 8.1"), "{told}");

    let nowhere = bench.start_with(Some(bench.folder.path().join("nothing")));
    assert_eq!(nowhere.until_failed().await.0, "cloudflared.not_runnable");
}

#[tokio::test]
async fn the_executable_is_found_in_the_given_path() {
    let mut bench = Bench::new(Scenario::default()).await;
    bench.environment.insert("PATH".into(), bench.folder.path().into());
    let served = bench.start_with(None);
    bench.run().await;
    served.until_up().await;
}

#[tokio::test]
async fn a_slow_address_is_waited_for_and_a_missing_one_is_not() {
    let mut bench = Bench::new(Scenario { url_on_order: true, ..Scenario::default() }).await;
    let served = bench.start();
    let mut run = bench.run().await;
    assert!(matches!(*served.handle.state().borrow(), TunnelState::Connecting { .. }));
    run.order("url").await.unwrap();
    served.until_up().await;
    served.handle.close().await;

    bench.timings.url_within = Duration::from_millis(300);
    bench.fake.set_scenario(Scenario { url_never: true, ..Scenario::default() }).unwrap();
    let mut served = bench.start();
    let run = bench.run().await;
    let (code, told, _) = retrying(&mut served).await;
    assert_eq!(code, "cloudflared.url_late");
    assert!(told.contains("Requesting new quick Tunnel"), "the last words are told: {told}");
    timeout(PATIENCE, run.gone()).await.unwrap();
}

#[tokio::test]
async fn the_log_is_a_second_source_when_the_metrics_address_is_not_said() {
    let bench = Bench::new(Scenario { no_metrics_line: true, ..Scenario::default() }).await;
    let served = bench.start();
    bench.run().await;
    assert_eq!(served.until_up().await.host_str(), Some("fake-words-for-tests.trycloudflare.com"));
}

#[tokio::test]
async fn passing_exits_are_retried_with_what_the_owner_must_know() {
    let no_host = r#"failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup api.trycloudflare.com: no such host"#;
    let limited = r#"2026-11-20T05:41:06Z ERR Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character 'e' looking for beginning of value" status_code="429 Too Many Requests""#;
    let rows = [
        (no_host, "cloudflared.no_internet", 0..=60),
        (limited, "cloudflared.rate_limited", 300..=360),
        ("failed to parse quick Tunnel ID: invalid UUID length: 0", "cloudflared.refused", 0..=60),
        (
            "Could not lookup srv records on _v2-origintunneld._tcp.argotunnel.com: lookup",
            "cloudflared.edge_lookup",
            0..=60,
        ),
        ("tunnel not found", "cloudflared.exited", 0..=60),
    ];
    let bench = Bench::new(Scenario::default()).await;
    for (line, expected, waits) in rows {
        bench.fake.set_scenario(Scenario::exits(1, &[line])).unwrap();
        let mut served = bench.start();
        let (code, told, after) = retrying(&mut served).await;
        assert_eq!(code, expected, "{told}");
        assert!(waits.contains(&after.as_secs()), "{code} waits {after:?}");
        served.handle.close().await;
    }
    assert!(bench.run_dir_is_empty());
}

#[tokio::test]
async fn permanent_exits_are_not_retried() {
    let rows = [
        (255, "Provided Tunnel token is not valid.", "cloudflared.unauthorized"),
        (1, "open /x/config.yml: no such file or directory", "cloudflared.usage"),
        (
            1,
            "Error opening metrics server listener: failed to bind to address (127.0.0.1:1): address already in use",
            "cloudflared.usage",
        ),
        (1, "unknown protocol bogus, Available protocols: auto, quic, http2", "cloudflared.usage"),
    ];
    let bench = Bench::new(Scenario::default()).await;
    for (code, line, expected) in rows {
        bench.fake.set_scenario(Scenario::exits(code, &[line])).unwrap();
        assert_eq!(bench.start().until_failed().await.0, expected, "{line}");
    }
}

#[tokio::test]
async fn an_unknown_flag_ends_with_zero_and_is_no_success() {
    let mut help = vec!["Incorrect Usage. flag provided but not defined: -metrics".to_owned()];
    help.extend((0..300).map(|line| format!("   --flag-{line}  help")));
    let exit = Exit { code: 0, stderr: Vec::new(), stdout: help };
    let bench = Bench::new(Scenario { exit: Some(exit), ..Scenario::default() }).await;
    let (code, told, hint) = bench.start().until_failed().await;
    assert_eq!(code, "cloudflared.unknown_flag");
    assert!(told.contains("-metrics"), "{told}");
    assert!(hint.unwrap().contains("update it"));

    bench.fake.set_scenario(Scenario::exits(0, &["2026-11-20T05:41:06Z INF bye"])).unwrap();
    let (code, told, _) = retrying(&mut bench.start()).await;
    assert_eq!(code, "cloudflared.exited");
    assert!(told.contains("exit code 0"), "{told}");
}

#[tokio::test]
async fn a_rejected_secret_stops_the_child_for_good() {
    let bench = Bench::new(Scenario { unauthorized: true, ..Scenario::default() }).await;
    let served = bench.start();
    let run = bench.run().await;
    let (code, told, hint) = served.until_failed().await;
    assert_eq!(code, "cloudflared.unauthorized");
    assert!(told.contains("Invalid tunnel secret"), "{told}");
    assert!(hint.is_some());
    timeout(PATIENCE, run.gone()).await.unwrap();
}

#[tokio::test]
async fn blocked_udp_falls_back_to_http2_once() {
    let bench = Bench::new(Scenario { quic_blocked: true, ..Scenario::default() }).await;
    let mut served = bench.start();
    let first = bench.run().await;
    served.note(|note| *note == Note::Http2Fallback).await;
    timeout(PATIENCE, first.gone()).await.unwrap();
    let second = bench.run().await;
    assert!(second.argv().join(" ").contains("--protocol http2"));
    served.until_up().await;
}

#[tokio::test]
async fn a_lost_edge_keeps_process_and_address_and_a_long_loss_restarts() {
    let mut bench = Bench::new(Scenario::default()).await;
    let mut served = bench.start();
    let mut run = bench.run().await;
    let url = served.until_up().await;
    run.order("edge down").await.unwrap();
    let state = served.until(|state| matches!(state, TunnelState::Reconnecting { .. })).await;
    assert!(matches!(state, TunnelState::Reconnecting { url: Some(kept), .. } if kept == url));
    run.order("edge up").await.unwrap();
    assert_eq!(served.back_up().await, url);
    assert!(alive(run.pid()));
    served.handle.close().await;

    bench.timings.unready_for = Duration::from_millis(300);
    let mut served = bench.start();
    let mut run = bench.run().await;
    served.until_up().await;
    run.order("edge down").await.unwrap();
    let (code, ..) = retrying(&mut served).await;
    assert_eq!(code, "cloudflared.edge_lost");
    timeout(PATIENCE, run.gone()).await.unwrap();
}

#[tokio::test]
async fn a_child_that_dies_is_started_again_and_the_new_address_told() {
    let bench = Bench::new(Scenario::default()).await;
    let mut served = bench.start();
    let mut run = bench.run().await;
    served.until_up().await;
    let hostname = "second-name.trycloudflare.com".to_owned();
    bench.fake.set_scenario(Scenario { hostname, ..Scenario::default() }).unwrap();
    run.order("say the last straw").await.unwrap();
    run.order("exit 1").await.unwrap();
    let (code, told, _) = retrying(&mut served).await;
    assert_eq!(code, "cloudflared.exited");
    assert!(told.contains("exit code 1") && told.contains("the last straw"), "{told}");
    bench.run().await;
    let new = served
        .event(|event| match event {
            TunnelEvent::UrlChanged { new, .. } => Some(new.clone()),
            _ => None,
        })
        .await;
    assert_eq!(new.host_str(), Some("second-name.trycloudflare.com"));
}

#[tokio::test]
async fn a_killed_child_is_noticed_as_killed() {
    let bench = Bench::new(Scenario::default()).await;
    let mut served = bench.start();
    let mut run = bench.run().await;
    served.until_up().await;
    run.order("kill").await.unwrap();
    let (code, told, _) = retrying(&mut served).await;
    assert_eq!(code, "cloudflared.killed");
    assert!(told.contains("signal: 9"), "{told}");
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_with_its_grandchild() {
    let scenario = Scenario { ignore_sigterm: true, grandchild: true, ..Scenario::default() };
    let mut bench = Bench::new(scenario).await;
    bench.timings.kill_after = Duration::from_millis(200);
    let served = bench.start();
    let run = bench.run().await;
    served.until_up().await;
    let group = run.pid();
    assert_eq!(members(group).len(), 2);
    timeout(PATIENCE, served.handle.close()).await.unwrap();
    timeout(PATIENCE, run.gone()).await.unwrap();
    assert_eq!(members(group), Vec::<u32>::new());
}

/// The processes of a group that are not yet dead.
fn members(group: u32) -> Vec<u32> {
    let of_group = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        (fields[0] != "Z" && fields[2] == group.to_string()).then_some(pid)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).filter_map(of_group).collect()
}

#[tokio::test]
async fn an_aborted_supervisor_takes_the_child_along() {
    let bench = Bench::new(Scenario { ignore_sigterm: true, ..Scenario::default() }).await;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let served = {
        let _context = runtime.enter();
        bench.start()
    };
    let run = bench.run().await;
    runtime.shutdown_background();
    timeout(PATIENCE, run.gone()).await.unwrap();
    drop(served);
}

#[tokio::test]
async fn a_flood_of_lines_changes_nothing() {
    let bench = Bench::new(Scenario { odd_lines: true, ..Scenario::default() }).await;
    let mut served = bench.start();
    let mut run = bench.run().await;
    served.until_up().await;
    run.order("flood 200000").await.unwrap();
    let mut client = PublicClient::connect(run.public_addr(), "public.test").await.unwrap();
    for _ in 0..20 {
        assert!(client.get("/during").await.unwrap().status.is_success());
    }
    let note = served.note(|note| matches!(note, Note::LinesSuppressed { .. })).await;
    assert!(note.to_string().contains("suppressed"));
    run.order("exit 3").await.unwrap();
    let (_, told, _) = retrying(&mut served).await;
    assert!(told.len() < 6 * 512, "{} bytes", told.len());
}

#[tokio::test]
async fn secrets_in_the_childs_output_are_not_told() {
    let exit = Scenario::exits(
        1,
        &["2026-11-20T05:41:06Z ERR GET /?code=planted Authorization:[Bearer planted]"],
    );
    let bench = Bench::new(exit).await;
    let (_, told, _) = retrying(&mut bench.start()).await;
    assert!(told.contains("code=") && !told.contains("planted"), "{told}");
}

#[tokio::test]
async fn the_child_is_started_through_the_launcher() {
    let mut bench = Bench::new(Scenario::default()).await;
    // `env` execs its command, as a launcher must.
    bench.launcher = vec!["/usr/bin/env".into(), "LAUNCHED=yes".into()];
    let served = bench.start();
    let run = bench.run().await;
    served.until_up().await;
    assert_eq!(run.env().get("LAUNCHED").map(String::as_str), Some("yes"));
    served.handle.close().await;
    timeout(PATIENCE, run.gone()).await.unwrap();
}

#[tokio::test]
async fn folders_of_killed_gateways_are_removed_and_others_are_not() {
    let bench = Bench::new(Scenario::default()).await;
    let run_dir = bench.folder.path().join("run");
    let abandoned = run_dir.join("cfd-abandoned");
    std::fs::create_dir(&abandoned).unwrap();
    std::fs::write(abandoned.join("config.yml"), "").unwrap();
    let foreign = run_dir.join("other");
    std::fs::create_dir(&foreign).unwrap();
    let served = bench.start();
    let neighbour = bench.start();
    served.until_up().await;
    neighbour.until_up().await;
    assert!(!abandoned.exists() && foreign.exists());
    served.handle.close().await;
    neighbour.handle.close().await;
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_is_named() {
    let bench = Bench::new(Scenario::default()).await;
    let deep = bench.folder.path().join("run").join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let surroundings = Surroundings { runtime_dir: deep, ..Surroundings::default() };
    let settings =
        QuickSettings { path: Some(bench.fake.path().to_owned()), timings: bench.timings };
    let provider = ProviderConfig::CloudflareQuick(settings).build(&surroundings);
    let (code, told, hint) = Served::start(Arc::clone(&provider), options()).until_failed().await;
    assert_eq!(code, "cloudflared.folder");
    assert!(told.contains("too long"), "{told}");
    assert!(hint.unwrap().contains("GATEWAY_RUNTIME_DIR"));
}
