//! A chat that was talked into it tries to be the owner: to approve what it may not, or to change what
//! it may. All of it through the tools, with the real program and a stand-in for the agent.
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::*;

/// A gateway whose task asks for something.
struct Bench {
    gateway: TestGateway,
    token: String,
    task: String,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// The agent asks leave to use `tool`, in a project with these settings besides.
    async fn asking(settings: &str, tool: &str, input: Value) -> Self {
        Self::playing(settings, &json!([["ask", "r1", tool, input], ["result", {}]])).await
    }

    /// The agent plays these steps, and has come to a question.
    async fn playing(settings: &str, steps: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project: PathBuf = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        let gateway = TestGateway::process(&format!(
            "executors.claude.command = {:?}\nprojects.alpha.path = {:?}\n{settings}",
            env!("CARGO_BIN_EXE_fake-claude"),
            project.display().to_string()
        ))
        .await;
        let client = gateway.mint("one").await;
        let token = gateway.sign_in(&client).await.access;
        let mut bench = Self { gateway, token, task: String::new(), _folder: folder };
        let started = bench.tool("start_task", json!({ "prompt": steps.to_string() })).await;
        bench.task = started["structuredContent"]["task_id"].as_str().unwrap().to_owned();
        bench.until("needs_input").await;
        bench
    }

    async fn tool(&self, name: &str, arguments: Value) -> Value {
        let answer = self.gateway.tool(&self.token, name, arguments).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["result"].clone()
    }

    /// What `check_task` says when the task is in this state.
    async fn until(&self, state: &str) -> Value {
        let mut cursor = json!("0");
        loop {
            let arguments = json!({ "task_id": self.task, "cursor": cursor, "wait_seconds": 45, "output_lines": 20 });
            let checked = self.tool("check_task", arguments).await["structuredContent"].clone();
            if checked["state"] == state {
                return checked;
            }
            assert_ne!(checked["next"], "get_result", "was to become {state}: {checked}");
            cursor = checked["cursor"].clone();
        }
    }

    async fn answer(&self, mut arguments: Value) -> Value {
        arguments["task_id"] = json!(self.task);
        self.tool("answer_task", arguments).await
    }

    /// What a command of the owner prints.
    async fn owner(&self, arguments: &[&str]) -> String {
        let home = self.gateway.folder();
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .env("GATEWAY_RUNTIME_DIR", home.join("run"))
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The chat approves, is refused and told whose it is, and nothing has happened.
    async fn is_the_owners(&self, class: &str) {
        let refused = self.answer(json!({ "decision": "approve" })).await;
        assert_eq!(refused["isError"], true, "{refused}");
        let said = refused["content"][0]["text"].as_str().unwrap();
        assert!(said.contains(&format!("only the owner may approve what is {class}")), "{said}");
        assert!(said.contains(&format!("gateway tasks approve {}", self.task)), "{said}");
        let request = self.until("needs_input").await["request"].clone();
        assert_eq!((&request["class"], &request["may_approve"]), (&json!(class), &json!("owner")));
    }
}

#[tokio::test]
async fn a_chat_cannot_approve_what_runs_a_program() {
    let bench = Bench::asking("", "Bash", json!({ "command": "make" })).await;
    bench.is_the_owners("exec").await;
}

#[tokio::test]
async fn a_chat_cannot_approve_what_talks_to_other_machines() {
    let bench = Bench::asking("", "WebFetch", json!({ "url": "https://example.com" })).await;
    bench.is_the_owners("network").await;
}

#[tokio::test]
async fn a_chat_cannot_approve_what_destroys() {
    let bench = Bench::asking("", "Write", json!({ "file_path": "/etc/passwd" })).await;
    bench.is_the_owners("destructive").await;
}

#[tokio::test]
async fn a_chat_cannot_let_an_agent_carry_out_its_plan() {
    let bench = Bench::asking("", "ExitPlanMode", json!({ "plan": "1. do it" })).await;
    let refused = bench.answer(json!({ "decision": "approve" })).await;
    let said = refused["content"][0]["text"].as_str().unwrap();
    assert!(said.contains("only the owner may let the agent carry out its plan"), "{said}");
    assert_eq!(bench.until("needs_input").await["request"]["plan"], "1. do it");
}

#[tokio::test]
async fn a_chat_cannot_loosen_a_policy_or_the_terms_of_a_request() {
    let bench = Bench::asking("", "Bash", json!({ "command": "make" })).await;
    for (name, value) in [
        ("chat_may_approve", json!(["exec"])),
        ("class", json!("read")),
        ("always", json!(true)),
        ("input", json!({ "command": "ls" })),
        ("edit", json!({ "command": "ls" })),
        ("by", json!("terminal")),
        ("decision", json!("always")),
    ] {
        let mut arguments = json!({ "decision": "approve" });
        arguments[name] = value;
        let refused = bench.answer(arguments).await;
        assert_eq!(refused["isError"], true, "{name}: {refused}");
    }
    for name in ["chat_may_approve", "allowed_tools", "policy", "permission_mode"] {
        let arguments = json!({ "prompt": "x", name: ["exec"] });
        let refused = bench.tool("start_task", arguments).await;
        assert_eq!(refused["isError"], true, "{name}: {refused}");
    }
    bench.is_the_owners("exec").await;
}

#[tokio::test]
async fn what_the_owner_tightened_is_not_the_chats_and_what_he_loosened_is() {
    let write = json!({ "file_path": "a.txt", "content": "x" });
    let tightened = "projects.alpha.chat_may_approve = []\n";
    let bench = Bench::asking(tightened, "Write", write.clone()).await;
    bench.is_the_owners("write").await;
    let denied = bench.answer(json!({ "decision": "deny", "message": "not now" })).await;
    assert_eq!(denied["structuredContent"]["outcome"], "denied", "{denied}");
    let output = bench.until("completed").await["output"].to_string();
    assert!(output.contains("not now"), "{output}");

    let bench = Bench::asking("", "Write", write).await;
    let allowed = bench.answer(json!({ "decision": "approve" })).await;
    assert_eq!(allowed["structuredContent"]["outcome"], "allowed", "{allowed}");
    assert!(bench.until("completed").await["output"].to_string().contains("updatedInput"));

    let loosened = "projects.alpha.chat_may_approve = [\"exec\"]\n";
    let bench = Bench::asking(loosened, "Bash", json!({ "command": "make" })).await;
    let allowed = bench.answer(json!({ "decision": "approve" })).await;
    assert_eq!(allowed["structuredContent"]["outcome"], "allowed", "{allowed}");
    bench.until("completed").await;
}

#[tokio::test]
async fn what_the_chat_cannot_the_owner_does_by_the_commands_that_it_is_told() {
    let bench = Bench::asking("", "Bash", json!({ "command": "rm -rf x" })).await;
    bench.is_the_owners("destructive").await;
    let asking = bench.owner(&["tasks", "list", "--asking"]).await;
    assert!(asking.contains("rm -rf x (destructive)"), "{asking}");
    let edit = r#"{"command":"ls"}"#;
    let told = bench.owner(&["tasks", "approve", &bench.task, "--edit", edit]).await;
    assert!(told.starts_with("allowed: rm -rf x"), "{told}");
    let output = bench.until("completed").await["output"].to_string();
    assert!(output.contains("ls") && !output.contains("rm -rf"), "{output}");
    let shown: Value =
        serde_json::from_str(&bench.owner(&["--json", "tasks", "show", &bench.task]).await)
            .unwrap();
    let decision = &shown["requests"][0]["answer"]["decision"];
    assert_eq!(
        (&decision["decision"], &decision["class"]),
        (&json!("allow_edited"), &json!("exec"))
    );

    let same = json!({ "command": "make" });
    let steps = json!([["ask", "r1", "Bash", same], ["ask", "r2", "Bash", same], ["result", {}]]);
    let bench = Bench::playing("", &steps).await;
    bench.owner(&["tasks", "approve", &bench.task, "--always"]).await;
    let shown = bench.until("completed").await;
    assert!(shown["output"].to_string().contains("as the owner granted it"), "{shown}");

    let questions = json!({ "questions": [{ "question": "Which color?", "header": "Color",
        "multiSelect": false, "options": [{ "label": "Red" }, { "label": "Blue" }] }] });
    let bench = Bench::asking("", "AskUserQuestion", questions).await;
    bench.owner(&["tasks", "answer", &bench.task, "2"]).await;
    let output = bench.until("completed").await["output"].to_string();
    assert!(output.contains("Blue"), "{output}");
}
