//! The fake executable itself: flags, lines, metrics server, signals and orders.
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use gateway_os::process::{ProcessId, Signal, signal};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Exit, Report, Scenario, Sidecar, proxy, sidecar_of};

/// Flags of `tunnel` that take a value, and those that do not, with the version they came in.
const VALUED: &[(&str, &str)] = &[
    ("--config", ""),
    ("--metrics", ""),
    ("--protocol", ""),
    ("--loglevel", ""),
    ("--transport-loglevel", ""),
    ("--output", "2025.6.1"),
    ("--logfile", ""),
    ("--pidfile", ""),
    ("--edge-ip-version", ""),
    ("--grace-period", ""),
    ("--retries", ""),
    ("--label", ""),
    ("--url", ""),
    ("--token", ""),
    ("--token-file", "2025.4.0"),
];
const BARE: &[(&str, &str)] = &[("--no-autoupdate", ""), ("--no-prechecks", "2026.5.0")];
const TIME: &str = "2026-11-20T05:41:06Z";

/// Runs the fake; the binary's whole `main`.
#[must_use]
pub fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().collect();
    if argv.get(1).is_some_and(|word| word == HOLD_PIPES) {
        // The grandchild: holds what it inherited until it is killed.
        loop {
            std::thread::park();
        }
    }
    let executable = PathBuf::from(argv.first().map_or("", String::as_str));
    let sidecar = match std::fs::read(sidecar_of(&executable)) {
        Ok(text) => match serde_json::from_slice::<Sidecar>(&text) {
            Ok(sidecar) => sidecar,
            Err(error) => return refuse(&format!("the scenario file is wrong: {error}")),
        },
        Err(_) => Sidecar::default(),
    };
    record(&executable, &argv);
    if argv.get(1).is_some_and(|word| word == "--version") {
        println!("{}", version_text(&sidecar.scenario));
        return ExitCode::SUCCESS;
    }
    let flags = match Flags::parse(&argv, &sidecar.scenario.version) {
        Ok(flags) => flags,
        Err(unknown) => return usage(&unknown),
    };
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(run(sidecar, flags, argv, &executable)),
        Err(error) => refuse(&error.to_string()),
    }
}

const HOLD_PIPES: &str = "__hold_pipes";

fn refuse(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(1)
}

fn version_text(scenario: &Scenario) -> String {
    let usual = || format!("cloudflared version {} (built 2026-08-20-1102 UTC)", scenario.version);
    scenario.version_text.clone().unwrap_or_else(usual)
}

/// An unknown flag: help on stdout and exit 0, as the real one does it.
fn usage(flag: &str) -> ExitCode {
    println!("Incorrect Usage. flag provided but not defined: {}\n", flag.trim_start_matches('-'));
    println!("NAME:\n   cloudflared tunnel - Use Cloudflare Tunnel");
    for line in 0..200 {
        println!("   --help-line-{line}  words");
    }
    ExitCode::SUCCESS
}

/// Appends the command line to `cloudflared.calls`, one JSON array per line.
fn record(executable: &Path, argv: &[String]) {
    let calls = executable.with_extension("calls");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(calls);
    if let (Ok(mut file), Ok(line)) = (file, serde_json::to_string(argv)) {
        // A read-only folder only loses the record.
        let _ = writeln!(file, "{line}");
    }
}

struct Flags(BTreeMap<String, String>);

impl Flags {
    fn parse(argv: &[String], version: &str) -> Result<Self, String> {
        let known = |table: &[(&str, &str)], flag: &str| {
            table.iter().any(|(name, since)| *name == flag && at_least(version, since))
        };
        let mut flags = BTreeMap::new();
        let mut words = argv.iter().skip(1).filter(|word| *word != "tunnel");
        while let Some(word) = words.next() {
            if known(VALUED, word) {
                let value = words.next().cloned().unwrap_or_default();
                flags.insert(word.clone(), value);
            } else if known(BARE, word) {
                flags.insert(word.clone(), String::new());
            } else {
                return Err(word.clone());
            }
        }
        Ok(Self(flags))
    }

    fn get(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(String::as_str)
    }
}

/// Whether a dotted version is `since` or newer; everything is newer than an empty one.
fn at_least(version: &str, since: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u32> { text.split('.').map_while(|n| n.parse().ok()).collect() };
    since.is_empty() || numbers(version) >= numbers(since)
}

/// What the tasks of a running fake share.
struct Fake {
    scenario: Scenario,
    hostname: watch::Sender<String>,
    ready: watch::Sender<bool>,
}

async fn run(sidecar: Sidecar, flags: Flags, argv: Vec<String>, executable: &Path) -> ExitCode {
    let scenario = sidecar.scenario;
    odd_beginning(&scenario);
    if let Some(exit) = &scenario.exit {
        return leave(exit);
    }
    let config = flags.get("--config").and_then(|path| std::fs::read_to_string(path).ok());
    let Some(config) = config else {
        let path = flags.get("--config").unwrap_or_default();
        return refuse(&format!("open {path}: no such file or directory"));
    };
    if scenario.grandchild {
        let own = std::env::current_exe().unwrap_or_else(|_| executable.to_owned());
        // Held for its effect; the group's end is its end.
        let _ = std::process::Command::new(own)
            .arg(HOLD_PIPES)
            .stdin(std::process::Stdio::null())
            .spawn();
    }
    let origin = proxy::Origin::of_config(&config, flags.get("--url").unwrap_or_default());
    let fake = Arc::new(Fake {
        scenario,
        hostname: watch::Sender::default(),
        ready: watch::Sender::default(),
    });
    let Ok(public) = proxy::listen(origin, fake.scenario.clone()).await else {
        return refuse("no loopback port");
    };
    let report = Report {
        pid: std::process::id(),
        argv,
        env: std::env::vars().collect(),
        cwd: std::env::current_dir().unwrap_or_default().display().to_string(),
        public_addr: public,
        config,
    };
    let terminated = crate::process::termination(fake.scenario.ignore_sigterm);
    let orders = announce(&report, sidecar.report_to, executable).await;
    tokio::spawn(start_up(Arc::clone(&fake), flags));
    tokio::select! {
        () = terminated => {
            info("Initiating graceful shutdown due to signal terminated ...");
            fake.ready.send_replace(false);
            info("Unregistered tunnel connection connIndex=0 event=0 ip=127.0.0.1");
            ExitCode::SUCCESS
        }
        code = obey(orders, &fake) => code,
    }
}

fn odd_beginning(scenario: &Scenario) {
    if let Some(words) = &scenario.say {
        info(words);
    }
    if scenario.odd_lines {
        write_err(&vec![b'x'; 1 << 20]);
        write_err(b"\n\xff\xfe not utf-8 \x80\n");
    }
}

fn leave(exit: &Exit) -> ExitCode {
    for line in &exit.stdout {
        println!("{line}");
    }
    for line in &exit.stderr {
        write_err(format!("{line}\n").as_bytes());
    }
    ExitCode::from(exit.code)
}

/// Reports to whoever installed the fake, and into `cloudflared.run.json` for scripts.
async fn announce(
    report: &Report,
    report_to: Option<SocketAddr>,
    executable: &Path,
) -> Option<TcpStream> {
    let text = serde_json::to_string(report).unwrap_or_default();
    let temporary = executable.with_extension("run.json.new");
    if std::fs::write(&temporary, &text).is_ok() {
        // Whoever waits for the file reads it whole.
        let _ = std::fs::rename(temporary, executable.with_extension("run.json"));
    }
    let mut stream = TcpStream::connect(report_to?).await.ok()?;
    stream.write_all(format!("{text}\n").as_bytes()).await.ok()?;
    Some(stream)
}

/// Writes the lines of a start, in the real order.
async fn start_up(fake: Arc<Fake>, flags: Flags) {
    let scenario = &fake.scenario;
    info(
        "Thank you for trying Cloudflare Tunnel. (https://www.cloudflare.com/website-terms/) see https://developers.cloudflare.com/cloudflare-one/",
    );
    info("Requesting new quick Tunnel on trycloudflare.com...");
    if scenario.url_never {
        return;
    }
    if !scenario.url_on_order {
        give_url(&fake);
    }
    // Good starts have lines like this one.
    line(
        "ERR",
        "Failed to fetch features, default to disable error=\"lookup cfd-features.argotunnel.com: no such host\"",
    );
    let Ok(metrics) =
        serve_metrics(Arc::clone(&fake), flags.get("--metrics").unwrap_or("localhost:0")).await
    else {
        line("ERR", "Error opening metrics server listener: failed to bind to address");
        std::process::exit(1);
    };
    let protocol = flags.get("--protocol").unwrap_or("quic");
    info(&format!("Initial protocol {protocol}"));
    if !scenario.no_metrics_line {
        info(&format!("Starting metrics server on {metrics}/metrics"));
    }
    if scenario.unauthorized {
        for wait in ["2s", "4s", "8s", "16s"] {
            line(
                "ERR",
                "Register tunnel error from server side error=\"Unauthorized: Invalid tunnel secret\" connIndex=0 event=0 ip=127.0.0.1",
            );
            info(&format!("Retrying connection in up to {wait} connIndex=0"));
        }
        return;
    }
    if scenario.quic_blocked && protocol != "http2" {
        for _ in 0..4 {
            line(
                "ERR",
                "Failed to dial a quic connection error=\"failed to dial to edge with quic: timeout: no recent network activity\" connIndex=0",
            );
        }
        return;
    }
    let _ = fake.hostname.subscribe().wait_for(|name| !name.is_empty()).await;
    register(&fake);
    if let Some(pidfile) = flags.get("--pidfile") {
        let _ = std::fs::write(pidfile, std::process::id().to_string());
    }
}

fn give_url(fake: &Fake) {
    let host = &fake.scenario.hostname;
    info("+--------------------------------------------------------------+");
    info(
        "|  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |",
    );
    info(&format!("|  https://{host}  |"));
    info("+--------------------------------------------------------------+");
    fake.hostname.send_replace(host.clone());
}

fn register(fake: &Fake) {
    fake.ready.send_replace(true);
    info(
        "Registered tunnel connection connIndex=0 connection=00000000-0000-0000-0000-000000000000 event=0 ip=127.0.0.1 location=LOOP01 protocol=http2",
    );
}

/// Carries out the installer's orders; without an installer there are none.
async fn obey(orders: Option<TcpStream>, fake: &Fake) -> ExitCode {
    let Some(orders) = orders else { return std::future::pending().await };
    let mut lines = BufReader::new(orders).lines();
    while let Ok(Some(order)) = lines.next_line().await {
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("edge", "down") => {
                fake.ready.send_replace(false);
                line("WRN", "Serve tunnel error error=\"connection with edge closed\" connIndex=0");
            }
            ("edge", "up") => register(fake),
            ("url", _) => give_url(fake),
            ("say", words) => info(words),
            ("flood", count) => flood(count.parse().unwrap_or(0)),
            ("exit", code) => return ExitCode::from(code.parse().unwrap_or(1)),
            ("kill", _) => {
                if let Ok(own) = ProcessId::current() {
                    let _ = signal(&own, Signal::Kill);
                }
            }
            _ => line("ERR", "unknown order"),
        }
    }
    std::future::pending().await
}

fn flood(count: u64) {
    // On its own thread: a full pipe blocks it, not the fake.
    std::thread::spawn(move || {
        for number in 0..count {
            info(&format!("flood line {number} of {count} with some more words in it"));
        }
        info("the flood is over");
    });
}

async fn serve_metrics(fake: Arc<Fake>, address: &str) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let fake = Arc::clone(&fake);
            let service = service_fn(move |request| {
                let answer = metrics_answer(&fake, &request);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}

fn metrics_answer(fake: &Fake, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let ready = *fake.ready.borrow();
    let (status, body) = match request.uri().path() {
        "/ready" => {
            let code = if ready { 200 } else { 503 };
            let body = serde_json::json!({
                "status": code, "readyConnections": u8::from(ready),
                "connectorId": "00000000-0000-0000-0000-000000000000",
            });
            (StatusCode::from_u16(code).unwrap_or_default(), body.to_string())
        }
        "/quicktunnel" => {
            let hostname = fake.hostname.borrow().clone();
            (StatusCode::OK, serde_json::json!({"hostname": hostname}).to_string())
        }
        "/healthcheck" => (StatusCode::OK, "OK\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}

fn info(words: &str) {
    line("INF", words);
}

fn line(level: &str, words: &str) {
    write_err(format!("{TIME} {level} {words}\n").as_bytes());
}

/// Writes to stderr, and dies as the real one does when nobody reads it any more.
fn write_err(bytes: &[u8]) {
    if std::io::stderr().lock().write_all(bytes).is_err() {
        // 128 + SIGPIPE.
        std::process::exit(141);
    }
}
