//! Whole runs of the Claude executor against a stand-in for the program, through the real shim.
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]
mod claude_support;

use std::collections::BTreeMap;
use std::path::Path;

use claude_support::whole::{Whole, failure_of};
use claude_support::{Bench, LONG, appears, items, offset};
use gateway::executor::claude::Claude;
use gateway::executor::{Availability, Executor, Item, Pace, Resume, Start};
use gateway::model::{Class, Decision, FailureKind, FollowUp, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

fn environment(root: &Path) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap();
    let home = root.join("home").display().to_string();
    [
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), home),
        ("XDG_RUNTIME_DIR".to_owned(), "/run/user/1".to_owned()),
        ("NGROK_AUTHTOKEN".to_owned(), "secret".to_owned()),
    ]
    .into()
}

fn bench() -> (TempDir, Bench) {
    let root = tempfile::tempdir().unwrap();
    let command = env!("CARGO_BIN_EXE_fake-claude");
    let bench = Bench::new(root.path(), command, environment(root.path()));
    (root, bench)
}

fn steps(steps: &Value) -> String {
    steps.to_string()
}

fn texts(items: &[Item]) -> Vec<String> {
    let text = |item: &Item| match item {
        Item::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

fn failure(verdict: &Verdict) -> FailureKind {
    match verdict {
        Verdict::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_ends_with_its_answer_and_leaves_no_process() {
    let (_root, bench) = bench();
    let run = bench.fresh(&steps(&json!([["text", "hello"], ["result", {"result": "bye"}]])));
    let (ended, reports) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("bye"));
    assert_eq!(ended.notes, Vec::<String>::new());
    let items = items(&reports);
    assert_eq!(items[0], Item::Started);
    assert_eq!(texts(&items), ["hello"]);
    assert!(
        items
            .iter()
            .any(|item| matches!(item, Item::Usage { turns: 1, cost } if cost.usd > Some(0.4)))
    );
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn the_agent_gets_the_command_line_and_nothing_of_ours() {
    let (_root, bench) = bench();
    let run = bench.fresh(&steps(&json!([["result", {}]])));
    run.ended().await;
    let stdout = std::fs::read_to_string(bench.path("run/stdout")).unwrap();
    let init: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(init["arguments"][0], "-p");
    assert_eq!(init["cwd"], bench.path("work").canonicalize().unwrap().to_str().unwrap());
    let names: Vec<&str> =
        init["environment"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(names.contains(&"GATEWAY_TASK"), "{names:?}");
    for name in ["XDG_RUNTIME_DIR", "NGROK_AUTHTOKEN"] {
        assert!(!names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn allowing_gives_the_input_back_and_denying_brings_the_words() {
    let input = json!({"command": "rm -rf x", "n": [1, null, "\u{2028}"]});
    for (decision, expected) in [
        (Decision::Allow, json!({"behavior": "allow", "updatedInput": input})),
        (
            Decision::Deny { message: "no, not that".into() },
            json!({"behavior": "deny", "message": "no, not that"}),
        ),
        (
            Decision::AllowEdited { input: json!({"command": "ls"}), class: Class::Exec },
            json!({"behavior": "allow", "updatedInput": {"command": "ls"}}),
        ),
    ] {
        let (_root, bench) = bench();
        let prompt = steps(&json!([["ask", "q1", "Bash", input], ["result", {}]]));
        let mut run = bench.fresh(&prompt);
        assert_eq!(run.question().await, "q1");
        run.answer("q1", decision.clone()).await;
        run.answer("q1", decision).await;
        let (ended, reports) = run.ended().await;
        assert_eq!(ended.verdict, Verdict::Completed);
        let items = items(&reports);
        let delivered = Item::AnswerDelivered { agent_ref: "q1".into() };
        assert!(items.contains(&delivered));
        let said = texts(&items).pop().unwrap();
        let said: Value = serde_json::from_str(said.strip_prefix("answered: ").unwrap()).unwrap();
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn the_second_result_after_a_background_command_is_the_answer() {
    let (_root, bench) = bench();
    let tasks = |tasks: Value| json!(["emit", {"type": "system", "subtype": "background_tasks_changed", "tasks": tasks}]);
    let gate = bench.path("gate");
    let prompt = steps(&json!([
        tasks(json!([{"task_id": "b"}])),
        ["result", {"result": "started"}],
        ["state", "idle"],
        ["meet", gate],
        tasks(json!([])),
        ["state", "running"],
        ["text", "it ended"],
        ["result", {"result": "it ended"}],
    ]));
    let run = bench.fresh(&prompt);
    appears(&gate).await;
    std::fs::write(bench.path("gate.go"), "").unwrap();
    let (ended, _) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("it ended"));
}

#[tokio::test]
async fn an_agent_that_reports_no_state_is_over_after_a_while_of_silence() {
    let (_root, mut bench) = bench();
    bench.settings.patience.settle = std::time::Duration::from_millis(50);
    let prompt = steps(&json!([["result", {}], ["stay"]]));
    let (ended, _) = bench.fresh(&prompt).ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.notes, Vec::<String>::new());
}

#[tokio::test]
async fn background_work_that_never_ends_does_not_hold_the_answer_for_ever() {
    let (_root, mut bench) = bench();
    bench.settings.patience.background = std::time::Duration::from_millis(50);
    let prompt = steps(&json!([
        ["emit", {"type": "system", "subtype": "task_started", "task_id": "b"}],
        ["result", {"result": "the server runs"}],
        ["state", "idle"],
        ["stay"],
    ]));
    let (ended, _) = bench.fresh(&prompt).ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("the server runs"));
    assert!(ended.notes.iter().any(|note| note.contains("background work")), "{:?}", ended.notes);
}

#[tokio::test]
async fn a_cancelled_agent_goes_at_the_first_step_and_its_question_is_withdrawn() {
    let (_root, bench) = bench();
    let mut run = bench.fresh(&steps(&json!([["ask", "q1", "Bash", {"command": "x"}]])));
    run.question().await;
    run.cancel(Pace::Orderly).await;
    run.cancel(Pace::Orderly).await;
    let (ended, reports) = run.ended().await;
    assert!(items(&reports).contains(&Item::PermissionWithdrawn { agent_ref: "q1".into() }));
    assert_eq!(failure(&ended.verdict), FailureKind::Agent);
    assert_eq!(
        ended.notes,
        ["the agent was ended because it was cancelled; it went after the end of its session"]
    );
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn what_ignores_every_word_and_signal_is_gone_in_eight_seconds_with_its_children() {
    let (_root, bench) = bench();
    let (first, second) = (bench.path("first"), bench.path("second"));
    let stubborn = |path: &Path| {
        format!("trap '' TERM INT HUP; echo $$ > {}; while :; do sleep 1; done", path.display())
    };
    let daemon = format!("setsid sh -c \"{}\" &", stubborn(&second).replace('$', "\\$"));
    let prompt = steps(&json!([
        ["spawn", stubborn(&first)],
        ["spawn", daemon],
        ["deaf"],
        ["text", "deaf"],
        ["hang"],
    ]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("deaf".into())).await;
    appears(&first).await;
    appears(&second).await;
    let begun = std::time::Instant::now();
    run.cancel(Pace::Orderly).await;
    let (ended, _) = run.ended().await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(ended.notes[0].ends_with("SIGKILL to all that was left"), "{:?}", ended.notes);
    assert!(bench.processes().is_empty());
    for path in [first, second] {
        let pid: u32 = std::fs::read_to_string(path).unwrap().trim().parse().unwrap();
        assert!(gateway_os::process::start_time(pid).is_err(), "{pid} is still there");
    }
}

#[tokio::test]
async fn an_emergency_takes_below_a_second_also_in_the_middle_of_a_slow_cancellation() {
    let (_root, bench) = bench();
    let mut run = bench.fresh(&steps(&json!([["deaf"], ["text", "deaf"], ["hang"]])));
    run.until(|item| *item == Item::Text("deaf".into())).await;
    run.cancel(Pace::Orderly).await;
    let begun = std::time::Instant::now();
    run.cancel(Pace::Emergency).await;
    let (_, _) = run.ended().await;
    // The promise is below a second; the machine that runs the tests may be busy.
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn an_agent_that_stays_after_its_answer_is_ended_and_the_answer_counts() {
    let (_root, mut bench) = bench();
    let quick = std::time::Duration::from_millis(100);
    bench.settings.patience.leave = quick;
    bench.settings.patience.end_session = quick;
    bench.settings.patience.signal = quick;
    let prompt =
        steps(&json!([["deaf"], ["result", {"result": "bye"}], ["state", "idle"], ["hang"]]));
    let (ended, _) = bench.fresh(&prompt).ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("bye"));
    assert!(ended.notes.iter().any(|note| note.contains("did not go")), "{:?}", ended.notes);
}

#[tokio::test]
async fn a_gateway_that_leaves_and_comes_back_loses_nothing_and_takes_nothing_twice() {
    let (_root, bench) = bench();
    let gate = bench.path("gate");
    let prompt = steps(&json!([
        ["text", "one"],
        ["text", "two"],
        ["meet", gate],
        ["text", "three"],
        ["ask", "q1", "Bash", {"command": "x"}],
        ["result", {"result": "four"}],
    ]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("two".into())).await;
    appears(&gate).await;
    let before = run.detached().await;
    assert!(!bench.processes().is_empty(), "the agent goes on");
    std::fs::write(bench.path("gate.go"), "").unwrap();
    // The agent asks while nobody listens.
    let mut run = bench.attach(&prompt, offset(&before));
    assert_eq!(run.question().await, "q1");
    let asked = run.detached().await;
    let mut run = bench.attach(&prompt, offset(&asked));
    // Asked before, so it is not asked again; the answer finds it all the same.
    run.answer("q1", Decision::Allow).await;
    run.until(|item| matches!(item, Item::AnswerDelivered { .. })).await;
    let (ended, after) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    let all = [items(&before), items(&asked), items(&after)].concat();
    let answered = r#"answered: {"behavior":"allow","updatedInput":{"command":"x"}}"#;
    assert_eq!(texts(&all), ["one", "two", "three", answered]);
    assert_eq!(all.iter().filter(|item| **item == Item::Started).count(), 1);
    let asked = all.iter().filter(|item| matches!(item, Item::PermissionAsked { .. })).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_run_that_ended_unseen_is_judged_from_what_it_left() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["text", "one"], ["result", {"result": "done"}]]));
    let (first, all) = bench.fresh(&prompt).ended().await;
    for report in [0, all[0].offset, offset(&all)] {
        let (again, reports) = bench.attach(&prompt, report).ended().await;
        assert_eq!(again, first);
        let seen: Vec<_> =
            items(&all).into_iter().rev().take(items(&reports).len()).rev().collect();
        assert_eq!(items(&reports), seen);
    }
}

#[tokio::test]
async fn a_run_that_was_never_started_is_started_once() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["text", "one"], ["result", {}]]));
    let (one, two) = tokio::join!(
        bench.attach(&prompt, 0).ended(),
        bench.run(bench.job(&prompt, Start::Fresh)).ended()
    );
    assert_eq!((one.0.verdict, two.0.verdict), (Verdict::Completed, Verdict::Completed));
    let stdout = std::fs::read_to_string(bench.path("run/stdout")).unwrap();
    assert_eq!(stdout.matches(r#""subtype":"init""#).count(), 1, "{stdout}");
}

fn kill_shim(bench: &Bench) {
    let state: Value =
        serde_json::from_slice(&std::fs::read(bench.path("run/shim.json")).unwrap()).unwrap();
    let shim = gateway_os::process::ProcessId::of(
        u32::try_from(state["shim"]["pid"].as_u64().unwrap()).unwrap(),
    )
    .unwrap();
    gateway_os::process::signal(&shim, gateway_os::process::Signal::Kill).unwrap();
}

#[tokio::test]
async fn an_agent_whose_shim_was_killed_is_ended_and_nobody_takes_its_word() {
    let (_root, bench) = bench();
    let prompt =
        steps(&json!([["deaf"], ["text", "on"], ["result", {"result": "all well"}], ["hang"]]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("on".into())).await;
    kill_shim(&bench);
    let (ended, _) = run.ended().await;
    let Verdict::Unknown(why) = &ended.verdict else { panic!("{:?}", ended.verdict) };
    assert!(why.contains("supervises the agent was killed"), "{why}");
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_shim_that_was_killed_while_no_gateway_ran_is_found_by_the_next_one() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["deaf"], ["text", "on"], ["hang"]]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("on".into())).await;
    run.detached().await;
    kill_shim(&bench);
    let (ended, _) = bench.attach(&prompt, 0).ended().await;
    assert!(matches!(ended.verdict, Verdict::Unknown(_)), "{:?}", ended.verdict);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_cancellation_may_meet_a_shim_that_was_killed() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["deaf"], ["text", "deaf"], ["hang"]]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("deaf".into())).await;
    kill_shim(&bench);
    run.cancel(Pace::Emergency).await;
    let (ended, _) = run.ended().await;
    assert!(matches!(ended.verdict, Verdict::Unknown(_)), "{:?}", ended.verdict);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn an_agent_whose_cost_rises_is_stopped_at_its_budget_with_all_it_started() {
    let (_root, bench) = bench();
    let whole = Whole::new(&bench);
    let pid = bench.path("pid");
    let stubborn = format!("trap '' TERM; echo $$ > {}; while :; do sleep 1; done", pid.display());
    let turn = |usd: f64| json!(["result", {"total_cost_usd": usd, "queued_turn_count": 1}]);
    let gate = bench.path("gate");
    let prompt = steps(&json!([
        ["spawn", stubborn],
        ["meet", gate],
        turn(0.2),
        ["text", "on"],
        turn(0.6),
        ["text", "and on"],
        ["hang"],
    ]));
    let task = whole.start(&prompt, 0.5).await;
    appears(&pid).await;
    std::fs::write(bench.path("gate.go"), "").unwrap();
    let over = whole.over(&task).await;
    let failure = failure_of(&over);
    assert_eq!(failure.kind, FailureKind::BudgetExhausted);
    assert!(failure.message.contains("$0.60 of $0.50"), "{}", failure.message);
    assert!((whole.spent().total() - 0.6).abs() < 1e-9, "{:?}", whole.spent());
    let pid: u32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    assert!(gateway_os::process::start_time(pid).is_err(), "{pid} is still there");
    // The agent had a brake of its own besides.
    let stdout = bench.path("tasks").join(task.id.as_str()).join("run/stdout");
    let stdout = std::fs::read_to_string(stdout).unwrap();
    let init: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    let arguments = init["arguments"].as_array().unwrap();
    assert!(arguments.contains(&json!("--max-budget-usd=0.5000")), "{arguments:?}");
}

#[tokio::test]
async fn an_exit_without_a_result_is_a_crash_and_stderr_tells_why() {
    let (_root, bench) = bench();
    let prompt =
        steps(&json!([["text", "working"], ["stderr", "Error: out of luck"], ["exit", 1]]));
    let (ended, _) = bench.fresh(&prompt).ended().await;
    let Verdict::Failed(failure) = ended.verdict else { panic!("{ended:?}") };
    assert_eq!(failure.kind, FailureKind::Crashed);
    assert!(failure.message.contains("exit code 1 without a result: Error: out of luck"));
    assert_eq!(ended.answer.as_deref(), Some("working"));
    let (_root, bench) = self::bench();
    let (ended, _) = bench.fresh(&steps(&json!([["die", 9]]))).ended().await;
    let Verdict::Failed(failure) = ended.verdict else { panic!("{ended:?}") };
    assert!(failure.message.contains("signal 9"), "{}", failure.message);
}

#[tokio::test]
async fn a_second_refusal_of_the_key_ends_the_run() {
    let (_root, bench) = bench();
    let retry = json!(["emit", {"type": "system", "subtype": "api_retry", "attempt": 1,
        "max_retries": 4, "error_status": 401, "error": "authentication_failed"}]);
    let (ended, reports) = bench.fresh(&steps(&json!([retry, retry, ["hang"]]))).ended().await;
    assert_eq!(failure(&ended.verdict), FailureKind::Authentication);
    let items = items(&reports);
    assert_eq!(items.iter().filter(|item| matches!(item, Item::Waiting(_))).count(), 2);
}

#[tokio::test]
async fn an_api_failure_is_a_failure_of_the_service() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["result", {"is_error": true, "terminal_reason": "api_error",
        "result": "API Error: 500 boom"}]]));
    let (ended, _) = bench.fresh(&prompt).ended().await;
    assert_eq!(failure(&ended.verdict), FailureKind::Api);
}

#[tokio::test]
async fn too_much_output_ends_the_run_as_such() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["text", "x".repeat(200_000)], ["hang"]]));
    let mut job = bench.job(&prompt, Start::Fresh);
    job.output_bytes_max = 100_000;
    let (ended, _) = bench.run(job).ended().await;
    assert_eq!(failure(&ended.verdict), FailureKind::OutputLimit);
}

#[tokio::test]
async fn a_line_of_five_megabytes_and_stray_lines_do_not_stop_a_run() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([
        ["text", "x".repeat(5 << 20)],
        ["raw", "a stray line"],
        ["raw", "{\"type\":\"assistant\",\"mess"],
        ["emit", {"type": "news"}],
        ["result", {}],
    ]));
    let mut job = bench.job(&prompt, Start::Fresh);
    job.output_bytes_max = 256 << 20;
    let (ended, reports) = bench.run(job).ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert!(ended.notes.iter().any(|note| note.contains("news (1)")), "{:?}", ended.notes);
    let items = items(&reports);
    assert!(texts(&items)[0].len() < 70_000, "cut for the store");
    assert!(items.iter().any(|item| matches!(item, Item::Note(note) if note.contains("a stray"))));
}

#[tokio::test]
async fn what_an_agent_leaves_behind_is_ended_and_told() {
    let (_root, bench) = bench();
    let pid = bench.path("pid");
    let command = format!("echo $$ > {}; while :; do sleep 1; done", pid.display());
    let gate = bench.path("gate");
    let prompt = steps(&json!([["spawn", command], ["meet", gate], ["result", {}]]));
    let run = bench.fresh(&prompt);
    appears(&pid).await;
    std::fs::write(bench.path("gate.go"), "").unwrap();
    let (ended, _) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert!(ended.notes[0].contains("left behind and ended"), "{:?}", ended.notes);
    assert!(bench.processes().is_empty());
}

#[tokio::test]
async fn a_missing_program_fails_the_task_with_the_way_to_install_it() {
    let (root, mut bench) = bench();
    bench.settings.command = root.path().join("missing").display().to_string();
    let (ended, _) = bench.fresh("hello").ended().await;
    let Verdict::Failed(failure) = ended.verdict else { panic!("{ended:?}") };
    assert_eq!(failure.kind, FailureKind::ExecutorUnavailable);
    assert!(failure.message.contains("npm install -g @anthropic-ai/claude-code"));
}

#[tokio::test]
async fn an_old_version_is_ready_with_a_warning() {
    let (_root, mut bench) = bench();
    let ready = |version: &str, warning| Availability::Ready { version: version.into(), warning };
    let probe = Claude::new(bench.settings.clone()).probe().await;
    assert_eq!(probe, ready("9.9.9", None));
    bench.settings.environment.insert("FAKE_CLAUDE_VERSION".into(), "2.0.30".into());
    let found = Claude::new(bench.settings.clone()).probe().await;
    let Availability::Ready { version, warning: Some(warning) } = found else {
        panic!("{found:?}")
    };
    assert_eq!(version, "2.0.30");
    assert!(warning.contains("2.1.76"), "{warning}");
}

#[tokio::test]
async fn a_slow_engine_slows_nothing_but_its_own_reading() {
    let (_root, bench) = bench();
    let mut script: Vec<Value> = (0..500).map(|n| json!(["text", n.to_string()])).collect();
    script.push(json!(["result", {}]));
    script.push(json!(["state", "idle"]));
    let run = bench.fresh(&Value::from(script).to_string());
    // Nothing is taken until the agent's whole output is written.
    let stdout = bench.path("run/stdout");
    let written = || std::fs::read_to_string(&stdout).unwrap_or_default();
    let whole = async {
        while !written().contains(r#""type":"result""#) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, whole).await.unwrap();
    let (ended, reports) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(texts(&items(&reports)), expected);
    assert!(reports.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
}

fn follow_up(text: &str) -> FollowUp {
    FollowUp { id: Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef), text: text.into() }
}

#[tokio::test]
async fn a_message_in_the_middle_of_a_turn_is_heard_once_although_it_is_brought_twice() {
    let (_root, bench) = bench();
    let gate = bench.path("gate");
    let prompt = steps(&json!([
        ["text", "one"],
        ["meet", gate],
        ["result", {"result": "too early"}],
        ["hear"],
        ["result", {"result": "bye"}],
    ]));
    let message = follow_up("/config and \u{2028} the docs\n");
    let mut run = bench.fresh(&prompt);
    run.until(|item| *item == Item::Text("one".into())).await;
    appears(&gate).await;
    run.say(&message).await;
    let delivered = |item: &Item| *item == Item::FollowUpDelivered { id: message.id };
    run.until(delivered).await;
    let before = run.detached().await;
    // The next gateway cannot know whether it arrived.
    let mut run = bench.attach(&prompt, offset(&before));
    run.say(&message).await;
    run.until(delivered).await;
    std::fs::write(bench.path("gate.go"), "").unwrap();
    let (ended, after) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("bye"));
    let heard = format!("heard: {}", message.text);
    assert_eq!(texts(&items(&after)), [heard]);
    let stdout = std::fs::read_to_string(bench.path("run/stdout")).unwrap();
    assert_eq!(stdout.matches(r#""state":"queued""#).count(), 1, "{stdout}");
}

#[tokio::test]
async fn a_message_just_after_the_answer_gets_an_answer_of_its_own() {
    let (_root, bench) = bench();
    let prompt = steps(&json!([["result", {}], ["hear"], ["result", {"result": "second"}]]));
    let mut run = bench.fresh(&prompt);
    run.until(|item| matches!(item, Item::Usage { .. })).await;
    run.say(&follow_up("one more thing")).await;
    let (ended, reports) = run.ended().await;
    assert_eq!(ended.verdict, Verdict::Completed);
    assert_eq!(ended.answer.as_deref(), Some("second"));
    assert_eq!(texts(&items(&reports)), ["heard: one more thing"]);
}

#[tokio::test]
async fn a_session_without_a_record_is_not_resumed_and_nothing_is_started() {
    let (_root, bench) = bench();
    let mut job = bench.job("[]", Start::Fresh);
    job.resume = Some(Resume { session_id: job.session_id, begun_in: None });
    let (ended, _) = bench.run(job).ended().await;
    let Verdict::Failed(failure) = ended.verdict else { panic!("{ended:?}") };
    assert!(failure.message.contains("has no record of session"), "{failure:?}");
    assert!(!bench.path("run/stdout").exists());
}
