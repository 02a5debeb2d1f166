//! `gateway push-session`, as a hook of Claude Code runs it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const HOOK: &str = r#"{"session_id":"3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b","cwd":"/tmp",
    "transcript_path":"/nowhere/x.jsonl","hook_event_name":"SessionEnd","reason":"exit"}"#;

fn push(home: &Path, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .arg("push-session")
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn without_a_gateway_the_hook_says_so_and_neither_fails_nor_waits() {
    let home = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let done = push(home.path(), HOOK);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said, "the session was not handed over: no gateway is running\n");
    assert!(done.stdout.is_empty());
    // It took no lock and made no database.
    let made = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(made, 0, "a hook without a gateway left something behind");
}

#[test]
fn what_no_hook_gives_is_an_error_that_blocks_no_session() {
    let home = tempfile::tempdir().unwrap();
    for input in ["", "{}", r#"{"session_id":"--help","cwd":"/"}"#] {
        let done = push(home.path(), input);
        // Claude Code takes 2 for an order to go on.
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("hint: "), "{done:?}");
    }
}
