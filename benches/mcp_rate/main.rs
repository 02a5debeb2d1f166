//! How many `tools/call check_task` a second the product answers, with authorization on, against a
//! bare rmcp server with one trivial tool, built from the same lock file.
//!
//! Both servers run in this process and are asked over TCP by the same client in turns of a second,
//! so that what else the machine does meets both. Ours is all that `gateway serve` starts: guard,
//! rate limit, bearer check over a real database, engine, and a look-up of a stored task.
//! `cargo bench --bench mcp_rate [-- ROUNDS]`; the figure that counts is the ratio.
mod bare;
mod client;
mod ours;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gateway::model::TaskId;
use serde_json::json;

use self::client::{Connection, Era};

const BEARER: &str = "bench-bench-bench-bench-bench-bench-bench-1";
/// One turn of one server.
const TURN: Duration = Duration::from_secs(1);
/// Connections at once.
const CLIENTS: usize = 2;
/// The budget: this share of the bare server's rate.
const RATIO_MIN: f64 = 0.8;

fn main() {
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing and wants a short run.
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(5);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (gateway, ours, task) = runtime.block_on(ours::start(folder.path()));
    let bare = runtime.block_on(bare::serve());
    for era in [Era::Modern, Era::Legacy] {
        compare(era, ours, bare, &task, rounds);
    }
    runtime.block_on(gateway.shut_down());
    runtime.shutdown_background();
}

fn compare(era: Era, ours: SocketAddr, bare: SocketAddr, task: &TaskId, rounds: usize) {
    // Warm both up.
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    turn(era, ours, task);
    turn(era, bare, task);
    for _ in 0..rounds {
        of_bare.push(turn(era, bare, task));
        of_ours.push(turn(era, ours, task));
    }
    let (ours, bare) = (median(of_ours), median(of_bare));
    let ratio = ours / bare;
    let figure = json!({
        "figure": format!("tools/call check_task, {era:?} protocol, against bare rmcp"),
        "unit": "ratio", "median": (ratio * 1000.0).round() / 1000.0, "n": rounds,
        "gateway_per_second": ours.round(), "bare_per_second": bare.round(),
        "budget": RATIO_MIN, "met": ratio >= RATIO_MIN,
    });
    println!("{figure}");
    let verdict = if ratio >= RATIO_MIN { "met" } else { "NOT met" };
    println!(
        "{era:?}: gateway {ours:.0}/s, bare rmcp {bare:.0}/s, ratio {ratio:.2} (budget {RATIO_MIN}: {verdict})"
    );
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Calls a second during one turn.
fn turn(era: Era, server: SocketAddr, task: &TaskId) -> f64 {
    let began = Instant::now();
    let counts: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Connection::connect(era, server, task);
                    let mut count = 0;
                    while began.elapsed() < TURN {
                        client.call();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = counts as f64 / began.elapsed().as_secs_f64();
    rate
}
