//! How many `tools/call check_task` a second the product answers, with authorization on, against a
//! bare rmcp server with one trivial tool, built from the same lock file.
//!
//! Both servers run in this process and are asked over TCP by the same client in short
//! turns, so that what else the machine does meets both. Besides the rate, calls for each second of
//! processor time are counted, client included, which a busy machine moves less. Ours is all that `gateway serve` starts: guard,
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
const TURN: Duration = Duration::from_millis(250);
/// Connections at once.
const CLIENTS: usize = 2;
/// The budget: this share of the bare server's rate.
const RATIO_MIN: f64 = 0.8;

fn main() {
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing and wants a short run.
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(20);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let telemetry = ours::log(folder.path());
    let (gateway, ours, task) = runtime.block_on(ours::start(folder.path()));
    let bare = runtime.block_on(bare::serve());
    for era in [Era::Modern, Era::Legacy] {
        compare(era, ours, bare, &task, rounds);
    }
    runtime.block_on(gateway.shut_down());
    runtime.shutdown_background();
    drop(telemetry);
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
    for (per, which) in [("second", Turn::rate as fn(&Turn) -> f64), ("CPU second", Turn::economy)]
    {
        let by = |turns: &[Turn]| median(turns.iter().map(which).collect());
        let (ours, bare) = (by(&of_ours), by(&of_bare));
        tell(era, per, rounds, ours, bare);
    }
}

fn tell(era: Era, per: &str, rounds: usize, ours: f64, bare: f64) {
    let ratio = ours / bare;
    let met = ratio >= RATIO_MIN;
    let figure = json!({
        "figure": format!("tools/call check_task per {per}, {era:?} protocol, against bare rmcp"),
        "unit": "ratio", "median": (ratio * 1000.0).round() / 1000.0, "n": rounds,
        "gateway": ours.round(), "bare": bare.round(), "budget": RATIO_MIN, "met": met,
    });
    println!("{figure}");
    println!(
        "{era:?}: gateway {ours:.0}, bare rmcp {bare:.0} calls per {per}, ratio {ratio:.2} (budget \
         {RATIO_MIN}: {})",
        if met { "met" } else { "NOT met" }
    );
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What one turn came to.
struct Turn {
    calls: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.calls / self.seconds
    }

    fn economy(&self) -> f64 {
        self.calls / self.cpu_seconds
    }
}

/// Processor time of all threads of this process so far (`proc_pid_stat(5)`, `utime` and `stime`).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is there");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    // A tick is 10 ms on every Linux (sysconf(_SC_CLK_TCK) is 100).
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Calls for the length of one turn.
fn turn(era: Era, server: SocketAddr, task: &TaskId) -> Turn {
    let (began, cpu_began) = (Instant::now(), cpu_seconds());
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
    let calls = counts as f64;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu_began);
    Turn { calls, seconds, cpu_seconds: cpu_seconds.max(0.01) }
}
