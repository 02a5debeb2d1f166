//! The doubles as processes, as whole-program scripts use them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

struct Edge {
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Edge {
    async fn answer(&mut self) -> Value {
        let line = timeout(PATIENCE, self.answers.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn order(&mut self, order: &str) -> Value {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        self.answer().await
    }
}

#[tokio::test]
async fn the_edge_process_tells_its_addresses_obeys_orders_and_ends_with_its_input() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_loopback-ngrok-edge"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let orders = process.stdin.take().unwrap();
    let answers = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut edge = Edge { orders, answers };
    let hello = edge.answer().await;
    for address in ["agent_addr", "public_addr"] {
        assert!(hello[address].as_str().unwrap().starts_with("127.0.0.1:"), "{hello}");
    }
    let ca = std::fs::read_to_string(hello["ca_pem_path"].as_str().unwrap()).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));
    for order in [
        "mute-heartbeats on",
        "refuse on",
        "refuse off",
        "auth-error no\\n\\nERR_NGROK_107\\n",
        "drop",
    ] {
        assert_eq!(edge.order(order).await["ok"], true, "{order}");
    }
    assert_eq!(edge.order("seen").await["sessions_open"], 0);
    assert_eq!(edge.order("dance").await["ok"], false);
    drop(edge);
    assert!(timeout(PATIENCE, process.wait()).await.unwrap().unwrap().success());
}
