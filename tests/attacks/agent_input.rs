//! What a chat sends on its way to an agent: values that would become flags, paths, commands. And what
//! is kept from the agent itself. All of it with the real program and a stand-in for the agent.
use std::path::{Path, PathBuf};

use gateway_os::program::make_script;
use serde_json::{Value, json};

use crate::harness::*;

/// A gateway whose agent notes how it was started.
struct Bench {
    gateway: TestGateway,
    notes: PathBuf,
    token: String,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("notes");
        let agent = folder.path().join("agent");
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let (kept, claude) = (notes.display(), env!("CARGO_BIN_EXE_fake-claude"));
        make_script(
            &agent,
            &format!(
                "#!/bin/sh\nif [ \"$1\" != --version ]; then printf '%s\\n' \"$@\" > '{kept}.args'; \
                 env > '{kept}.env'; tr '\\0' '\\n' < /proc/$PPID/cmdline > '{kept}.parent'; fi\n\
                 exec '{claude}' \"$@\"\n"
            ),
        )
        .unwrap();
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let gateway = TestGateway::process(&format!(
            "executors.claude.command = {}\nprojects.alpha.path = {}\n",
            quoted(&agent),
            quoted(&project)
        ))
        .await;
        let client = gateway.mint("one").await;
        let token = gateway.sign_in(&client).await.access;
        Self { gateway, notes, token, client, _folder: folder }
    }

    async fn tool(&self, name: &str, arguments: Value) -> Value {
        let answer = self.gateway.tool(&self.token, name, arguments).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["result"].clone()
    }

    /// Starts a task and waits until it is over; the lines of the agent's command line.
    async fn arguments_of(&self, mut arguments: Value) -> Vec<String> {
        arguments["wait_seconds"] = json!(45);
        let started = self.tool("start_task", arguments.clone()).await;
        let content = &started["structuredContent"];
        assert!(started["isError"] != true, "{arguments}: {started}");
        let state = content["state"].as_str().unwrap();
        assert!(["completed", "failed"].contains(&state), "{arguments}: {started}");
        self.note("args").lines().map(str::to_owned).collect()
    }

    fn note(&self, what: &str) -> String {
        std::fs::read_to_string(self.notes.with_extension(what)).unwrap()
    }
}

/// The command line without what is different each time.
fn shape(arguments: &[String]) -> Vec<String> {
    let name = |argument: &String| {
        let (name, _) = argument.split_once('=').unwrap_or((argument, ""));
        name.to_owned()
    };
    arguments.iter().map(name).collect()
}

#[tokio::test]
async fn no_prompt_becomes_a_flag_a_path_or_a_command() {
    let bench = Bench::start().await;
    let usual = shape(&bench.arguments_of(json!({ "prompt": "[[\"result\", {}]]" })).await);
    assert!(usual.len() > 3, "{usual:?}");
    for prompt in [
        "--dangerously-skip-permissions",
        "--permission-mode=bypassPermissions",
        "--mcp-config={\"mcpServers\":{\"x\":{\"command\":\"touch\",\"args\":[\"/tmp/x\"]}}}",
        "-c",
        "--",
        "/config set x y",
        "@/etc/passwd",
        "$(touch pwned)",
        "`touch pwned`; touch pwned | touch pwned",
        "one\n--continue\ntwo\r\n--resume=x",
        "\u{202e}--print",
    ] {
        let arguments = bench.arguments_of(json!({ "prompt": prompt })).await;
        assert_eq!(shape(&arguments), usual, "{prompt}");
        let line = arguments.join("\n");
        assert!(!line.contains("pwned") && !line.contains("bypass"), "{prompt}: {line}");
    }
    assert!(!Path::new("pwned").exists());
}

#[tokio::test]
async fn no_other_property_of_a_start_becomes_a_flag() {
    let bench = Bench::start().await;
    for (name, value) in [
        ("model", "--dangerously-skip-permissions"),
        ("model", "-x"),
        ("model", "opus --continue"),
        ("model", "opus\n--continue"),
        ("project", "--add-dir=/"),
        ("project", "../alpha"),
        ("project", "/etc"),
        ("executor", "--help"),
        ("executor", "/bin/sh"),
        ("executor", "claude;sh"),
    ] {
        let refused = bench.tool("start_task", json!({ "prompt": "x", name: value })).await;
        assert_eq!(refused["isError"], true, "{name}={value}: {refused}");
    }
    assert!(!bench.notes.with_extension("args").exists(), "no agent was started");
}

#[tokio::test]
async fn a_property_that_nobody_knows_starts_nothing() {
    let bench = Bench::start().await;
    for name in [
        "--mcp-config",
        "args",
        "env",
        "cwd",
        "command",
        "allowed_tools",
        "permission_mode",
        "session_id",
        "resume",
        "cliPath",
    ] {
        let refused = bench.tool("start_task", json!({ "prompt": "x", name: "--continue" })).await;
        assert_eq!(refused["isError"], true, "{name}: {refused}");
    }
    assert!(!bench.notes.with_extension("args").exists(), "no agent was started");
}

#[tokio::test]
async fn an_idempotency_key_is_a_text_and_finds_the_callers_task_only() {
    let bench = Bench::start().await;
    let prompt = "[[\"result\", {}]]";
    let usual = shape(&bench.arguments_of(json!({ "prompt": prompt })).await);
    for key in ["--resume=x", "../../x", "' OR 1=1 --", "a\nb"] {
        let started = json!({ "prompt": prompt, "idempotency_key": key });
        assert_eq!(shape(&bench.arguments_of(started).await), usual, "{key}");
    }
    let other = bench.gateway.mint("other").await;
    let other = bench.gateway.sign_in(&other).await.access;
    let again = json!({ "prompt": prompt, "idempotency_key": "a\nb", "wait_seconds": 45 });
    let answer = bench.gateway.tool(&other, "start_task", again).await.json();
    let content = &answer["result"]["structuredContent"];
    assert_ne!(content["existing"], true, "another client's key is its own: {answer}");
}

#[tokio::test]
async fn the_agent_is_handed_no_secret_of_the_gateways() {
    let bench = Bench::start().await;
    bench.arguments_of(json!({ "prompt": "[[\"result\", {}]]" })).await;
    let seen = [bench.note("args"), bench.note("env"), bench.note("parent")].concat();
    let runtime = bench.gateway.folder().join("run").display().to_string();
    for secret in [
        "2planted_authtoken",
        bench.token.as_str(),
        bench.client.secret.as_deref().unwrap(),
        &bench.client.id,
        "NGROK",
        &runtime,
    ] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}

#[tokio::test]
async fn what_an_agent_writes_carries_no_control_character_to_the_chat() {
    let bench = Bench::start().await;
    let hostile = "\u{1b}]0;x\u{7}\u{1b}[2J\u{202e}txt\u{200b}\u{9b}31m";
    let steps = json!([["text", hostile], ["result", { "result": hostile }]]).to_string();
    let started = bench.tool("start_task", json!({ "prompt": steps, "wait_seconds": 45 })).await;
    let task = started["structuredContent"]["task_id"].clone();
    let checked = json!({ "task_id": task, "output_lines": 20 });
    for (tool, arguments) in [("check_task", checked), ("get_result", json!({ "task_id": task }))] {
        let shown = bench.tool(tool, arguments).await;
        for block in shown["content"].as_array().unwrap() {
            let text = block["text"].as_str().unwrap();
            for bad in ['\u{1b}', '\u{7}', '\u{202e}', '\u{200b}', '\u{9b}'] {
                assert!(!text.contains(bad), "{tool}: {text:?}");
            }
        }
    }
}

#[tokio::test]
async fn ids_of_tasks_that_are_none_reach_nothing() {
    let bench = Bench::start().await;
    for id in [
        "",
        "-x",
        "--all",
        "ALL",
        "../../etc/passwd",
        "0",
        "00000000000000000000000000'",
        "0000000000000000000000000\n",
        &"0".repeat(10_000),
    ] {
        for tool in ["check_task", "get_result", "cancel_task", "get_diff"] {
            let refused = bench.tool(tool, json!({ "task_id": id })).await;
            assert_eq!(refused["isError"], true, "{tool} {id:?}: {refused}");
        }
    }
    for path in
        ["../../etc/passwd", "/etc/passwd", "--output=x", ":(top)x", "a\0b", ".git/config/.."]
    {
        let refused =
            bench.tool("get_diff", json!({ "task_id": "0".repeat(26), "path": path })).await;
        assert_eq!(refused["isError"], true, "{path}: {refused}");
    }
}
