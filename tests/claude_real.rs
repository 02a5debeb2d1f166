//! The Claude executor against the real Claude Code, on a scripted model: no account, no cost.
//!
//! `GATEWAY_E2E_CLAUDE=/path/to/claude cargo test --features e2e --test claude_real`. Needs
//! `python3`, which plays the model (`e2e/scripted_model.py`).
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]
mod claude_support;
#[path = "claude_real/sessions.rs"]
mod sessions;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use claude_support::whole::{Whole, failure_of};
use claude_support::{Bench, LONG, appears, items};
use gateway::executor::claude::Claude;
use gateway::executor::{Availability, Ended, Executor, Item, Pace, Report, Start};
use gateway::model::{Class, Decision, FailureKind, TaskId, Verdict, answers_to};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Who the driving process is, see [`driving_process`].
const DRIVER: &str = "GATEWAY_TEST_DRIVER";

fn claude() -> String {
    std::env::var("GATEWAY_E2E_CLAUDE").expect(
        "GATEWAY_E2E_CLAUDE must name the claude program, such as \
         node_modules/.bin/claude after `npm install @anthropic-ai/claude-code@2.1.328`",
    )
}

/// The scripted model; ends with the test.
struct Model {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Model {
    fn start(root: &Path) -> Self {
        let e2e = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e");
        let log = root.join("requests.jsonl");
        let mut child = std::process::Command::new("python3")
            .arg(e2e.join("scripted_model.py"))
            .args(["--port", "0", "--log-bodies", "--scenarios"])
            .arg(e2e.join("claude_scenarios.json"))
            .arg("--log")
            .arg(&log)
            .args(["--parent-pid", &std::process::id().to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is needed to play the model");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port, log }
    }

    fn call(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = "HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        write!(stream, "{request} {head}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Waits until a request waits at the gate: the agent is surely in that turn.
    async fn waits_at(&self, gate: &str) {
        let begun = Instant::now();
        loop {
            let gates: Value = serde_json::from_str(&self.call("GET /control/gates")).unwrap();
            if gates["waiting"][gate].as_u64().is_some_and(|waiting| waiting > 0) {
                return;
            }
            assert!(begun.elapsed() < LONG, "nobody came to the gate {gate}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn open(&self, gate: &str) {
        self.call(&format!("POST /control/gates/{gate}"));
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn environment(root: &Path, port: u16) -> BTreeMap<String, String> {
    let home = root.join("home");
    let text = |path: &Path| path.display().to_string();
    [
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", text(&home)),
        ("CLAUDE_CONFIG_DIR", text(&home.join(".claude"))),
        ("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{port}")),
        ("ANTHROPIC_API_KEY", "not-a-real-key".to_owned()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ("DISABLE_TELEMETRY", "1".to_owned()),
        ("CLAUDE_CODE_MAX_RETRIES", "2".to_owned()),
        // What must not arrive: as if the gateway ran in a session, started by Claude Code.
        ("CLAUDECODE", "1".to_owned()),
        ("XDG_RUNTIME_DIR", "/run/user/0".to_owned()),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/0/bus".to_owned()),
        ("NGROK_AUTHTOKEN", "ngrok-secret".to_owned()),
        ("GATEWAY_SERVER__LISTEN", "127.0.0.1:1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn bench_on(root: &Path, port: u16) -> Bench {
    Bench::new(root, &claude(), environment(root, port))
}

fn set_up() -> (TempDir, Model, Bench) {
    let root = tempfile::tempdir().unwrap();
    let model = Model::start(root.path());
    let bench = bench_on(root.path(), model.port);
    (root, model, bench)
}

/// A shell script in the work folder, started by `sh NAME`.
fn script(bench: &Bench, name: &str, text: &str) {
    std::fs::write(bench.work(name), text).unwrap();
}

fn answer(ended: &Ended) -> &str {
    ended.answer.as_deref().unwrap_or_default()
}

fn failure(ended: &Ended) -> FailureKind {
    match &ended.verdict {
        Verdict::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

fn assert_completed(ended: &Ended) {
    assert_eq!(ended.verdict, Verdict::Completed, "{ended:#?}");
}

#[tokio::test]
async fn the_program_is_found_and_tells_its_version() {
    let (_root, _model, bench) = set_up();
    let found = Claude::new(bench.settings).probe().await;
    let Availability::Ready { warning: None, .. } = found else { panic!("{found:?}") };
}

#[tokio::test]
async fn hello_is_answered_with_turns_cost_and_nothing_to_remark() {
    let (_root, _model, bench) = set_up();
    let (ended, reports) = bench.fresh("[scenario:hello] hi").ended().await;
    assert_completed(&ended);
    assert_eq!(answer(&ended), "Hello from the scripted model.");
    assert_eq!(ended.notes, Vec::<String>::new());
    let items = items(&reports);
    assert_eq!(items[0], Item::Started);
    let Some(Item::Usage { turns: 1, cost }) =
        items.iter().rfind(|item| matches!(item, Item::Usage { .. }))
    else {
        panic!("{items:?}");
    };
    assert!(cost.usd > Some(0.0) && cost.input_tokens > 0 && cost.output_tokens > 0);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn prompts_arrive_byte_for_byte() {
    let long =
        format!("[scenario:hello] {}\nlast", "line \u{2028} \"q\" \\ \t\u{1f600}\r\n".repeat(5000));
    for prompt in ["--help", "; rm -rf / #", "-", long.as_str()] {
        let (_root, model, bench) = set_up();
        let (ended, _) = bench.fresh(prompt).ended().await;
        assert_completed(&ended);
        let log = std::fs::read_to_string(&model.log).unwrap();
        let quoted = serde_json::to_string(prompt).unwrap();
        let arrived = log.lines().any(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            contains_text(&entry, prompt)
        });
        assert!(arrived, "{quoted:.200}");
        let run = std::fs::read_to_string(bench.path("run/spec.json")).unwrap();
        let spec: Value = serde_json::from_str(&run).unwrap();
        assert!(!spec["argv"].as_array().unwrap().iter().any(|arg| arg == prompt));
    }
}

fn contains_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(values) => values.iter().any(|value| contains_text(value, text)),
        Value::Object(map) => map.values().any(|value| contains_text(value, text)),
        _ => false,
    }
}

#[tokio::test]
async fn a_prompt_is_words_no_command_of_the_program_and_no_way_to_read_a_file() {
    let (_root, _model, bench) = set_up();
    let (ended, _) = bench.fresh("/config permissionMode=acceptEdits").ended().await;
    assert_completed(&ended);
    assert!(answer(&ended).starts_with("echo: /config"), "{}", answer(&ended));
    assert!(!bench.path("home/.claude/settings.json").exists());

    let (_root, model, bench) = set_up();
    let secret = bench.path("secret");
    std::fs::write(&secret, "the-owners-secret").unwrap();
    let (ended, _) = bench.fresh(&format!("look at @{} please", secret.display())).ended().await;
    assert_completed(&ended);
    let log = std::fs::read_to_string(&model.log).unwrap();
    assert!(log.contains("look at @") && !log.contains("the-owners-secret"));
}

#[tokio::test]
async fn an_allowed_edit_is_made_and_told() {
    let (_root, _model, bench) = set_up();
    let mut run = bench.fresh("[scenario:edit-file file=notes.txt word=again] please");
    let question = run.question().await;
    assert!(!bench.work("notes.txt").exists());
    run.answer(&question, Decision::Allow).await;
    let (ended, reports) = run.ended().await;
    assert_completed(&ended);
    assert_eq!(std::fs::read_to_string(bench.work("notes.txt")).unwrap(), "hello again\n");
    assert!(items(&reports).contains(&Item::FileTouched(bench.work("notes.txt"))));
}

#[tokio::test]
async fn the_words_of_a_denial_reach_the_model() {
    let (_root, _model, bench) = set_up();
    let folder = bench.work("scratch");
    std::fs::create_dir(&folder).unwrap();
    let mut run = bench.fresh(&format!("[scenario:delete dir={}] please", folder.display()));
    let question = run.question().await;
    let message = "No: keep it.\nAsk again \u{2014} tomorrow".to_owned();
    run.answer(&question, Decision::Deny { message: message.clone() }).await;
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert!(folder.exists());
    assert!(answer(&ended).contains(&message), "{}", answer(&ended));
}

#[tokio::test]
async fn a_question_comes_with_its_choices_and_is_answered_by_them() {
    let (_root, _model, bench) = set_up();
    let mut run = bench.fresh("[scenario:ask-more] please");
    let asked = run.until(|item| matches!(item, Item::QuestionAsked { .. })).await;
    let Item::QuestionAsked { agent_ref, questions, .. } = asked else { panic!("{asked:?}") };
    let given = ["2".to_owned(), "S, L".to_owned()];
    let answers = answers_to(&questions, &given).unwrap();
    run.answer(&agent_ref, Decision::Answers { answers }).await;
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    for part in [r#""Which color?"="Blue""#, r#""Which sizes?"="S, L""#] {
        assert!(answer(&ended).contains(part), "{}", answer(&ended));
    }
}

#[tokio::test]
async fn a_question_is_answered_by_the_words_of_a_denial() {
    let (_root, _model, bench) = set_up();
    let mut run = bench.fresh("[scenario:ask] please");
    let question = run.question().await;
    run.answer(&question, Decision::Deny { message: "Blue".into() }).await;
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert!(answer(&ended).contains("Blue"), "{}", answer(&ended));
}

#[tokio::test]
async fn an_input_that_the_owner_edited_is_what_runs() {
    let (_root, _model, bench) = set_up();
    let mut run = bench.fresh("[scenario:bash cmd=\"touch asked\"] please");
    let question = run.question().await;
    let input = json!({"command": "touch edited", "description": "x"});
    run.answer(&question, Decision::AllowEdited { input, class: Class::Exec }).await;
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert!(bench.work("edited").exists() && !bench.work("asked").exists());
}

#[tokio::test]
async fn an_approved_plan_is_carried_out_and_every_step_asks() {
    let (_root, _model, bench) = set_up();
    let mut job = bench.job("[scenario:plan-then-write] x", Start::Fresh);
    job.plan_only = true;
    let mut run = bench.run(job);
    let asked = run.until(|item| matches!(item, Item::PlanAsked { .. })).await;
    let Item::PlanAsked { agent_ref, plan, .. } = asked else { panic!("{asked:?}") };
    assert_eq!(plan, "1. write it");
    run.answer(&agent_ref, Decision::Allow).await;
    let asked = run.until(|item| matches!(item, Item::PermissionAsked { .. })).await;
    let Item::PermissionAsked { agent_ref, tool, .. } = asked else { panic!("{asked:?}") };
    assert!(tool == "Write" && !bench.work("notes.txt").exists());
    run.answer(&agent_ref, Decision::Allow).await;
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert!(bench.work("notes.txt").exists());
}

#[tokio::test]
async fn a_tool_that_the_project_allows_does_not_ask() {
    let (_root, _model, bench) = set_up();
    let mut job = bench.job("[scenario:bash cmd=\"touch made\"] please", Start::Fresh);
    job.allowed_tools = vec!["Read".into(), "Bash(touch *)".into()];
    let (ended, reports) = bench.run(job).ended().await;
    assert_completed(&ended);
    assert!(bench.work("made").exists());
    assert!(!items(&reports).iter().any(|item| matches!(item, Item::PermissionAsked { .. })));
}

#[tokio::test]
async fn an_allow_rule_of_the_owner_does_not_answer_for_the_owner() {
    for owner_settings in [false, true] {
        let (_root, _model, mut bench) = set_up();
        bench.settings.owner_settings = owner_settings;
        let settings = bench.path("home/.claude/settings.json");
        std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
        let allow = json!({"permissions": {"allow": ["Bash(touch *)", "Bash", "Write", "Edit"]}});
        std::fs::write(&settings, allow.to_string()).unwrap();
        let mut run = bench.fresh("[scenario:bash cmd=\"touch made\"] please");
        let question = run.question().await;
        assert!(!bench.work("made").exists());
        run.answer(&question, Decision::Deny { message: "no".into() }).await;
        let (ended, _) = run.ended().await;
        assert_completed(&ended);
        assert!(!bench.work("made").exists());
    }
}

#[tokio::test]
async fn an_untrusted_projects_hook_and_servers_do_not_run() {
    for trusted in [false, true] {
        let (_root, _model, bench) = set_up();
        let (hooked, served) = (bench.path("hooked"), bench.path("served"));
        let hook = json!({"hooks": {"SessionStart": [{"hooks": [
            {"type": "command", "command": format!("touch {}", hooked.display())}]}]}});
        std::fs::create_dir(bench.work(".claude")).unwrap();
        std::fs::write(bench.work(".claude/settings.json"), hook.to_string()).unwrap();
        script(&bench, "server.sh", &format!("touch {}\n", served.display()));
        let servers =
            json!({"mcpServers": {"x": {"command": "sh", "args": [bench.work("server.sh")]}}});
        std::fs::write(bench.work(".mcp.json"), servers.to_string()).unwrap();
        let mut job = bench.job("[scenario:hello] hi", Start::Fresh);
        job.trust_project_config = trusted;
        let (ended, _) = bench.run(job).ended().await;
        assert_completed(&ended);
        assert_eq!((hooked.exists(), served.exists()), (trusted, trusted));
    }
}

#[tokio::test]
async fn planning_changes_nothing_and_asks_nobody() {
    for (prompt, refused_by_us) in [
        ("[scenario:edit-file file=notes.txt] x", true),
        // Claude Code refuses commands by itself in plan mode.
        ("[scenario:bash cmd=\"touch notes.txt\"] x", false),
    ] {
        let (_root, _model, bench) = set_up();
        let mut job = bench.job(prompt, Start::Fresh);
        job.plan_only = true;
        job.allowed_tools = vec!["Write".into(), "Bash(touch *)".into()];
        let (ended, reports) = bench.run(job).ended().await;
        assert_completed(&ended);
        assert!(!bench.work("notes.txt").exists());
        assert!(!items(&reports).iter().any(|item| matches!(item, Item::PermissionAsked { .. })));
        assert!(!refused_by_us || answer(&ended).contains("only plans"), "{}", answer(&ended));
    }
}

#[tokio::test]
async fn a_plan_that_is_sent_back_changes_nothing() {
    let (_root, _model, bench) = set_up();
    let mut job = bench.job("[scenario:plan-then-write] x", Start::Fresh);
    job.plan_only = true;
    let mut run = bench.run(job);
    let question = run.question().await;
    run.answer(&question, Decision::Deny { message: "smaller steps".into() }).await;
    let (ended, reports) = run.ended().await;
    assert_completed(&ended);
    assert!(!bench.work("notes.txt").exists());
    assert!(!items(&reports).iter().any(|item| matches!(item, Item::PermissionAsked { .. })));
    assert!(answer(&ended).contains("only plans"), "{}", answer(&ended));
}

#[tokio::test]
async fn a_command_of_the_agent_cannot_talk_to_its_shim() {
    let (_root, _model, bench) = set_up();
    let socket = bench.path("run/shim.sock");
    let talk = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(10)\n\
         s.connect('{}')\nopen('heard', 'w').write(s.recv(4096).decode())\n",
        socket.display()
    );
    script(&bench, "talk.py", &talk);
    let mut job = bench.job("[scenario:bash cmd=\"python3 talk.py\"] x", Start::Fresh);
    job.allowed_tools = vec!["Bash(python3 talk.py)".into()];
    let (ended, _) = bench.run(job).ended().await;
    assert_completed(&ended);
    let heard = std::fs::read_to_string(bench.work("heard")).unwrap_or_default();
    assert!(!heard.contains("hello"), "{heard}");
}

#[tokio::test]
async fn the_agents_commands_see_no_secret_and_no_way_to_the_gateway() {
    let (_root, _model, bench) = set_up();
    script(&bench, "names.sh", "env | sort > seen\n");
    let mut job = bench.job("[scenario:bash cmd=\"sh names.sh\"] x", Start::Fresh);
    job.allowed_tools = vec!["Bash(sh names.sh)".into()];
    let (ended, _) = bench.run(job).ended().await;
    assert_completed(&ended);
    let seen = std::fs::read_to_string(bench.work("seen")).unwrap();
    assert!(seen.contains(&format!("GATEWAY_TASK={}", bench.task_id)), "{seen}");
    for part in ["XDG_RUNTIME_DIR", "DBUS_", "NGROK", "GATEWAY_SERVER", "ngrok-secret"] {
        assert!(!seen.contains(part), "{part} in {seen}");
    }
}

#[tokio::test]
async fn a_cancelled_command_stops_at_once_and_leaves_nothing() {
    let (_root, _model, bench) = set_up();
    let file = bench.work("ticks.txt");
    let mut run = bench.fresh(&format!("[scenario:ticks n=100000 file={}] x", file.display()));
    let question = run.question().await;
    run.answer(&question, Decision::Allow).await;
    appears(&file).await;
    run.cancel(Pace::Orderly).await;
    let begun = Instant::now();
    let (ended, _) = run.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(ended.notes.iter().any(|note| note.contains("cancelled")), "{:?}", ended.notes);
    assert!(bench.processes().is_empty());
    let ticks = std::fs::read(&file).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(std::fs::read(&file).unwrap(), ticks, "nobody is left to write");
}

#[tokio::test]
async fn a_cancelled_turn_whose_model_is_silent_ends() {
    for (pace, within) in [(Pace::Orderly, 8), (Pace::Emergency, 3)] {
        let (_root, _model, bench) = set_up();
        let mut run = bench.fresh("[scenario:hang] x");
        run.until(|item| *item == Item::Started).await;
        run.cancel(pace).await;
        let begun = Instant::now();
        run.ended().await;
        assert!(begun.elapsed() < Duration::from_secs(within), "{:?}", begun.elapsed());
        assert!(bench.processes().is_empty());
    }
}

#[tokio::test]
async fn children_that_ignore_signals_or_left_the_session_are_gone_after_a_cancellation() {
    let (_root, _model, bench) = set_up();
    let stubborn = "trap '' TERM INT HUP; echo $$ >> pids; while :; do sleep 0.1; done";
    script(&bench, "stubborn.sh", stubborn);
    script(
        &bench,
        "family.sh",
        "setsid sh stubborn.sh >/dev/null 2>&1 & sh stubborn.sh & \
         (setsid sh stubborn.sh </dev/null >/dev/null 2>&1 &) ; sh stubborn.sh",
    );
    let mut run = bench.fresh("[scenario:bash cmd=\"sh family.sh\"] x");
    let question = run.question().await;
    run.answer(&question, Decision::Allow).await;
    let pids = || -> Vec<u32> {
        let text = std::fs::read_to_string(bench.work("pids")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    let begun = Instant::now();
    while pids().len() < 4 {
        assert!(begun.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    run.cancel(Pace::Orderly).await;
    let begun = Instant::now();
    run.ended().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for pid in pids() {
        assert!(gateway_os::process::start_time(pid).is_err(), "{pid} is still there");
    }
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_background_commands_end_gives_the_answer() {
    let (_root, _model, bench) = set_up();
    script(&bench, "wait.sh", "while ! test -e go; do sleep 0.05; done; echo done");
    let mut run = bench.fresh("[scenario:background cmd=\"sh wait.sh\"] x");
    let question = run.question().await;
    run.answer(&question, Decision::Allow).await;
    run.until(|item| *item == Item::Text("Started.".into())).await;
    std::fs::write(bench.work("go"), "").unwrap();
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert_eq!(answer(&ended), "The background command ended.");
}

#[tokio::test]
async fn a_background_command_that_ended_during_the_turn_still_gets_its_own_turn() {
    let (_root, model, bench) = set_up();
    let mut run = bench.fresh("[scenario:background-in-turn cmd=\"touch ended\" gate=bit] x");
    let question = run.question().await;
    run.answer(&question, Decision::Allow).await;
    model.waits_at("bit").await;
    appears(&bench.work("ended")).await;
    // Claude Code notices the end of a command some time after it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    model.open("bit");
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert_eq!(answer(&ended), "The background command ended.");
}

#[tokio::test]
async fn a_broken_service_and_a_refused_key_are_told_apart() {
    let (_root, _model, bench) = set_up();
    let (ended, reports) = bench.fresh("[scenario:always500] x").ended().await;
    assert_eq!(failure(&ended), FailureKind::Api);
    assert!(items(&reports).iter().any(|item| matches!(item, Item::Waiting(_))));
    let (_root, _model, bench) = set_up();
    let (ended, _) = bench.fresh("[scenario:unauthorized] x").ended().await;
    assert_eq!(failure(&ended), FailureKind::Authentication);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_task_that_reaches_its_budget_is_ended_and_says_so_with_figures() {
    // A call of the scripted model costs $0.0008: the first is within the budget, the second beyond.
    let (_root, _model, bench) = set_up();
    let whole = Whole::new(&bench);
    let task = whole.start("[scenario:bash cmd=true] x", 0.001).await;
    let over = whole.over(&task).await;
    let failure = failure_of(&over);
    assert_eq!(failure.kind, FailureKind::BudgetExhausted);
    let figures = "$0.0016 of $0.0010 (budget_usd of the task)";
    assert!(failure.message.contains(figures), "{}", failure.message);
    assert!(over.cost.usd > Some(0.001), "{:?}", over.cost);
    assert_eq!(Some(whole.spent().total()), over.cost.usd);
    let left = gateway_os::process::processes_with_marker("GATEWAY_TASK", task.id.as_str());
    assert!(left.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_takes_all_its_turns_is_ended_by_the_agents_own_brake() {
    let (_root, _model, bench) = set_up();
    let mut job = bench.job("[scenario:bash cmd=true] x", Start::Fresh);
    job.allowed_tools = vec!["Bash(true)".into()];
    job.turns_max = Some(1);
    let (ended, _) = bench.run(job).ended().await;
    assert_eq!(failure(&ended), FailureKind::BudgetExhausted);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_killed_agent_is_a_crash() {
    let (_root, model, bench) = set_up();
    let run = bench.fresh("[scenario:gated gate=killed] x");
    model.waits_at("killed").await;
    let state: Value =
        serde_json::from_slice(&std::fs::read(bench.path("run/shim.json")).unwrap()).unwrap();
    let pid = u32::try_from(state["agent"]["pid"].as_u64().unwrap()).unwrap();
    let agent = gateway_os::process::ProcessId::of(pid).unwrap();
    gateway_os::process::signal(&agent, gateway_os::process::Signal::Kill).unwrap();
    let (ended, _) = run.ended().await;
    assert_eq!(failure(&ended), FailureKind::Crashed);
}

/// One process that drives a run, stores its reports and may be killed.
struct Driver {
    child: Child,
    root: PathBuf,
}

impl Driver {
    fn start(bench: &Bench, port: u16, trial: &Trial) -> Self {
        let who = json!({
            "root": bench.root, "port": port, "prompt": trial.prompt, "rules": trial.rules,
            "dies_at_result": trial.moment == Moment::Result, "task_id": bench.task_id.as_str(),
        });
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "driving_process", "--ignored", "--nocapture"])
            .env(DRIVER, who.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, root: bench.root.clone() }
    }

    fn kill(&mut self) -> Vec<(u64, Vec<String>)> {
        let _ = self.child.kill();
        self.dead()
    }

    fn dead(&mut self) -> Vec<(u64, Vec<String>)> {
        let _ = self.child.wait();
        let stored = std::fs::read_to_string(self.root.join("stored")).unwrap_or_default();
        // A torn last line was not stored.
        let whole = &stored[..stored.rfind('\n').map_or(0, |at| at + 1)];
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn named(reports: &[Report]) -> Vec<String> {
    items(reports).iter().map(name).collect()
}

/// An item without what differs from run to run.
fn name(item: &Item) -> String {
    match item {
        Item::PermissionAsked { tool, .. } => format!("asked {tool}"),
        Item::AnswerDelivered { .. } => "delivered".to_owned(),
        Item::FileTouched(path) => format!("wrote {:?}", path.file_name()),
        Item::Activity { tool, .. } => format!("used {tool}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "the process that another test starts and kills"]
async fn driving_process() {
    let who: Value = serde_json::from_str(&std::env::var(DRIVER).unwrap()).unwrap();
    let root = PathBuf::from(who["root"].as_str().unwrap());
    let port = u16::try_from(who["port"].as_u64().unwrap()).unwrap();
    let mut bench = bench_on(&root, port);
    bench.task_id = who["task_id"].as_str().unwrap().parse::<TaskId>().unwrap();
    let prompt = who["prompt"].as_str().unwrap();
    let mut job = bench.job(prompt, Start::Fresh);
    job.allowed_tools = serde_json::from_value(who["rules"].clone()).unwrap();
    let mut run = bench.run(job);
    let mut stored =
        std::fs::File::options().create(true).append(true).open(root.join("stored")).unwrap();
    loop {
        let before = run.taken.len();
        run.until(|_| true).await;
        for report in &run.taken[before..] {
            let names: Vec<String> = report.items.iter().map(name).collect();
            let line = serde_json::to_string(&(report.offset, &names)).unwrap();
            stored.write_all(format!("{line}\n").as_bytes()).unwrap();
            let is_result =
                |item: &Item| matches!(item, Item::Usage { cost, .. } if cost.usd > Some(0.0));
            if who["dies_at_result"] == true && report.items.iter().any(is_result) {
                let me = gateway_os::process::ProcessId::current().unwrap();
                gateway_os::process::signal(&me, gateway_os::process::Signal::Kill).unwrap();
            }
        }
    }
}

/// When the gateway is killed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Moment {
    Streaming,
    ToolRunning,
    Asking,
    Result,
}

/// A task, and the moment at which its gateway is killed.
#[derive(Debug)]
struct Trial {
    prompt: &'static str,
    rules: &'static [&'static str],
    moment: Moment,
}

impl Trial {
    fn prepare(bench: &Bench) {
        let wait =
            "echo run >> runs; touch started; while ! test -e go; do sleep 0.05; done; echo done";
        script(bench, "wait.sh", wait);
    }

    /// Until the moment is there.
    async fn come(&self, model: &Model, bench: &Bench) {
        match self.moment {
            Moment::Streaming => model.waits_at("stream").await,
            Moment::ToolRunning => appears(&bench.work("started")).await,
            Moment::Asking => drop(question_in(bench).await),
            Moment::Result => {}
        }
    }

    /// What lets the agent go on.
    async fn release(&self, model: &Model, bench: &Bench, run: &claude_support::Running) {
        match self.moment {
            Moment::Streaming => model.open("stream"),
            Moment::ToolRunning => std::fs::write(bench.work("go"), "").unwrap(),
            Moment::Asking => run.answer(&question_in(bench).await, Decision::Allow).await,
            Moment::Result => {}
        }
    }

    /// The same task undisturbed, and with its gateway killed at the moment.
    async fn ends_the_same(&self) {
        let (_root, model, bench) = set_up();
        Self::prepare(&bench);
        let mut job = bench.job(self.prompt, Start::Fresh);
        job.allowed_tools = self.rules.iter().map(|&rule| rule.to_owned()).collect();
        let run = bench.run(job);
        self.come(&model, &bench).await;
        self.release(&model, &bench, &run).await;
        let (undisturbed, reports) = run.ended().await;
        assert_completed(&undisturbed);
        let expected = named(&reports);

        let (_root, model, bench) = set_up();
        Self::prepare(&bench);
        let mut driver = Driver::start(&bench, model.port, self);
        let stored = if self.moment == Moment::Result {
            driver.dead()
        } else {
            self.come(&model, &bench).await;
            driver.kill()
        };
        let offset = stored.last().map_or(0, |(offset, _)| *offset);
        let mut names: Vec<String> = stored.into_iter().flat_map(|(_, names)| names).collect();
        let run = bench.attach(self.prompt, offset);
        self.release(&model, &bench, &run).await;
        let (ended, reports) = run.ended().await;
        names.extend(named(&reports));
        assert_eq!(ended, undisturbed);
        // When the delivery of an answer is told among the rest is not promised.
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(names), sorted(expected));
        let runs = std::fs::read_to_string(bench.work("runs")).unwrap_or_default();
        assert!(runs.lines().count() <= 1, "the command ran twice");
        assert!(bench.processes().is_empty());
    }
}

/// The name of the question that stands in the agent's output.
async fn question_in(bench: &Bench) -> String {
    let begun = Instant::now();
    loop {
        let output = std::fs::read_to_string(bench.path("run/stdout")).unwrap_or_default();
        let found = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|event| event["request"]["subtype"] == "can_use_tool");
        if let Some(event) = found {
            return event["request_id"].as_str().unwrap().to_owned();
        }
        assert!(begun.elapsed() < LONG, "no question came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn killed_while_the_model_streams_the_task_ends_as_if_nothing_had_been() {
    let prompt = "[scenario:gated gate=stream] x";
    Trial { prompt, rules: &[], moment: Moment::Streaming }.ends_the_same().await;
}

#[tokio::test]
async fn killed_while_a_command_runs_the_task_ends_as_if_nothing_had_been() {
    let prompt = "[scenario:bash cmd=\"sh wait.sh\"] x";
    let rules = &["Bash(sh wait.sh)"];
    Trial { prompt, rules, moment: Moment::ToolRunning }.ends_the_same().await;
}

#[tokio::test]
async fn killed_while_a_question_waits_the_task_ends_as_if_nothing_had_been() {
    let prompt = "[scenario:edit-file file=notes.txt] x";
    Trial { prompt, rules: &[], moment: Moment::Asking }.ends_the_same().await;
}

#[tokio::test]
async fn killed_just_after_the_result_the_task_ends_as_if_nothing_had_been() {
    let prompt = "[scenario:hello] x";
    Trial { prompt, rules: &[], moment: Moment::Result }.ends_the_same().await;
}
