//! `gateway doctor` as a whole program: exit codes, shapes, and the whole way of a client.
#![expect(clippy::unwrap_used, reason = "a test says by failing what it expected")]
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the program in a home of its own, with the machine's own programs.
fn gateway(home: &TempDir, env: &[(&str, &str)], args: &[&str]) -> Output {
    let path = std::env::var_os("PATH").expect("tests run with a PATH");
    Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .envs(env.iter().copied())
        .output()
        .unwrap()
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write_config(home: &TempDir, text: &str) {
    let folder = home.path().join(".config/gateway");
    gateway_os::folders::private_dir(&folder).unwrap();
    gateway_os::folders::write_private(&folder.join("config.toml"), text.as_bytes()).unwrap();
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn checks(output: &Output) -> Vec<Value> {
    let json: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(json["schema"], 1);
    json["checks"].as_array().unwrap().clone()
}

#[test]
fn without_a_home_there_is_a_report_all_the_same() {
    let home = home();
    // Empty counts as not set.
    for (arguments, is_json) in [(vec!["doctor"], false), (vec!["doctor", "--json"], true)] {
        let output = gateway(&home, &[("HOME", "")], &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        if is_json {
            let checks = checks(&output);
            assert_eq!(checks[0]["id"], "environment");
            assert_eq!(checks[0]["status"], "fail");
            assert!(checks[0]["fix"].as_str().unwrap().contains("HOME"), "{checks:?}");
        } else {
            assert!(stdout(&output).starts_with("FAIL  environment  "), "{output:?}");
        }
    }
}

#[test]
fn a_check_that_is_well_ends_with_0_and_one_that_is_not_with_1_and_a_hint() {
    let home = home();
    let well = gateway(&home, &[], &["doctor", "--only", "git"]);
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    assert!(stdout(&well).starts_with("ok    git  git "), "{}", stdout(&well));
    write_config(&home, "[tasks]\nmax_concurent = 2\n");
    let bad = gateway(&home, &[], &["doctor", "--only", "config"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(stdout(&bad).contains("did you mean `tasks.max_concurrent`?"), "{}", stdout(&bad));
    assert!(stderr(&bad).contains("hint: follow the cures above"), "{}", stderr(&bad));
}

#[test]
fn a_warning_ends_with_1_only_when_strict() {
    let home = home();
    let warned = gateway(&home, &[], &["doctor", "--only", "projects"]);
    assert_eq!(warned.status.code(), Some(0), "{warned:?}");
    let strict = gateway(&home, &[], &["doctor", "--only", "projects", "--strict", "--json"]);
    assert_eq!(strict.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&strict.stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["checks"][0]["status"], "warn");
}

#[test]
fn an_unknown_check_is_a_usage_error_that_names_the_nearest() {
    let asked = gateway(&home(), &[], &["doctor", "--only", "listen-prot"]);
    assert_eq!(asked.status.code(), Some(2));
    assert!(stderr(&asked).contains("did you mean `listen-port`?"), "{}", stderr(&asked));
    assert!(stderr(&asked).contains("hint: the checks are version, "), "{}", stderr(&asked));
    assert!(stdout(&asked).is_empty());
}

#[test]
fn everything_is_looked_at_in_an_empty_home_and_nothing_is_made_there() {
    let home = home();
    let looked =
        gateway(&home, &[("NGROK_AUTHTOKEN", "2planted_secret_text\"")], &["doctor", "--json"]);
    let ids: Vec<String> = checks(&looked)
        .iter()
        .map(|check| {
            for key in ["id", "status", "summary"] {
                assert!(check[key].is_string(), "{check}");
            }
            let bad = matches!(check["status"].as_str(), Some("warn" | "fail"));
            assert_eq!(check["fix"].is_string(), bad, "{check}");
            assert!(!bad || check["detail"].is_string(), "{check}");
            check["id"].as_str().unwrap().to_owned()
        })
        .collect();
    for id in ["config", "secrets", "listen-port", "executor-claude", "tunnel-ngrok", "service"] {
        assert!(ids.iter().any(|it| it == id), "{id}: {ids:?}");
    }
    assert!(!stdout(&looked).contains("planted"), "{}", stdout(&looked));
    let made: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    // What a real Claude Code on this machine makes when it is asked is its own affair.
    let ours = made
        .into_iter()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| !name.to_string_lossy().starts_with(".claude"));
    assert_eq!(ours.count(), 0);
}

#[test]
fn a_pipe_gets_no_colours() {
    let looked = gateway(&home(), &[("TERM", "xterm-256color")], &["doctor", "--only", "version"]);
    assert!(!stdout(&looked).contains('\u{1b}'));
}

/// What is left in a folder that only the trial used.
fn leftovers(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_whole_way_of_a_client_is_walked_and_leaves_nothing_behind() {
    let (home, temporary) = (home(), tempfile::tempdir().unwrap());
    let place = temporary.path().to_str().unwrap();
    let walked =
        gateway(&home, &[("TMPDIR", place)], &["doctor", "--deep", "--only", "version", "--json"]);
    let steps: Vec<(String, String)> = checks(&walked)
        .iter()
        .map(|check| {
            let text = |key: &str| check[key].as_str().unwrap().to_owned();
            (text("id"), text("status"))
        })
        .collect();
    let expected = [
        "version",
        "deep-start",
        "deep-discovery",
        "deep-sign-in",
        "deep-refresh",
        "deep-tools",
        "deep-task",
        "deep-diff",
        "deep-revoke",
        "deep-stop",
    ];
    assert_eq!(steps, expected.map(|id| (id.to_owned(), "ok".to_owned())), "{}", stdout(&walked));
    assert_eq!(walked.status.code(), Some(0));
    assert_eq!(leftovers(temporary.path()), 0);
    assert_eq!(leftovers(home.path()), 0, "the owner's home is not touched");
}

#[test]
fn a_trial_that_cannot_begin_names_why_and_skips_the_rest() {
    let home = home();
    let walked = gateway(
        &home,
        &[("PATH", "/nonexistent")],
        &["doctor", "--deep", "--only", "version", "--json"],
    );
    let checks = checks(&walked);
    assert_eq!(checks[1]["status"], "fail");
    assert!(
        checks[1]["detail"].as_str().unwrap().contains("git cannot be started"),
        "{}",
        checks[1]
    );
    assert!(checks[2..].iter().all(|check| check["status"] == "skip"), "{checks:?}");
    assert_eq!(walked.status.code(), Some(1));
}
