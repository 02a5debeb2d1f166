use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::fixture::*;
use super::schema::violation;
use crate::model::{ChangedFile, Estimate, TaskState};

async fn declared(stack: &Stack) -> Vec<Value> {
    let listed = stack.rpc("all", "tools/list", json!({})).await;
    listed.json["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_tool_is_declared_in_full() {
    let stack = Stack::new();
    for tool in declared(&stack).await {
        let name = tool["name"].as_str().unwrap();
        assert!(name.len() <= 64 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        assert!(!tool["title"].as_str().unwrap().is_empty());
        assert!(tool["description"].as_str().unwrap().len() > 40, "{name}");
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
        }
        let input = &tool["inputSchema"];
        assert_eq!(input["additionalProperties"], json!(false), "{name}");
        assert!(!tool.to_string().contains("$ref"), "{name}");
        for (property, schema) in input["properties"].as_object().unwrap() {
            assert!(schema["description"].as_str().unwrap().len() > 7, "{name}.{property}");
            assert_ne!(schema["type"], "object", "{name}.{property} is not flat");
        }
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
    }
}

const SESSION: &str = "3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b";

/// Properties, and another value for each.
type Varied = Vec<(&'static str, Value)>;

/// A tool, arguments it takes, and for each of its properties another value.
#[expect(clippy::too_many_lines, reason = "a table of all tools, an entry each")]
fn variations() -> Vec<(&'static str, Value, Varied)> {
    vec![
        (
            "start_task",
            json!({ "prompt": "x" }),
            vec![
                ("prompt", json!("y")),
                ("project", json!("beta")),
                ("executor", json!("hermes")),
                ("model", json!("opus")),
                ("plan_only", json!(true)),
                ("timeout_minutes", json!(7)),
                ("wait_seconds", json!(45)),
                ("idempotency_key", json!("k")),
                ("priority", json!("urgent")),
                ("budget_usd", json!(0.5)),
                ("base_branch", json!("main")),
                ("session_id", json!(SESSION)),
            ],
        ),
        (
            "check_task",
            json!({ "task_id": id(1) }),
            vec![
                ("task_id", json!(id(2))),
                ("cursor", json!("3")),
                ("wait_seconds", json!(45)),
                ("output_lines", json!(3)),
            ],
        ),
        (
            "get_result",
            json!({ "task_id": id(2) }),
            vec![("task_id", json!(id(3))), ("format", json!("full")), ("page", json!("5"))],
        ),
        (
            "list_tasks",
            json!({}),
            vec![
                ("state", json!("running")),
                ("project", json!("beta")),
                ("executor", json!("hermes")),
                ("since", json!("2h")),
                ("text", json!("words")),
                ("page", json!("3")),
            ],
        ),
        (
            "cancel_task",
            json!({ "task_id": id(1) }),
            vec![("task_id", json!("all")), ("revert", json!(true))],
        ),
        (
            "apply_task",
            json!({ "task_id": id(2), "action": "branch" }),
            vec![("task_id", json!(id(3))), ("action", json!("merge"))],
        ),
        (
            "read_file",
            json!({ "path": "src/main.rs" }),
            vec![
                ("path", json!("odd.bin")),
                ("project", json!("beta")),
                ("line_start", json!(2)),
                ("line_end", json!(7)),
                ("task_id", json!(id(2))),
            ],
        ),
        (
            "answer_task",
            json!({ "task_id": id(4), "decision": "deny" }),
            vec![("task_id", json!(id(6))), ("message", json!("not now"))],
        ),
        (
            "answer_task",
            json!({ "task_id": id(6), "answers": ["Red"] }),
            vec![("answers", json!(["Blue"]))],
        ),
        (
            "answer_task",
            json!({ "task_id": id(2), "request_id": request_id(2, 0), "decision": "deny" }),
            vec![("decision", json!("approve")), ("request_id", json!(request_id(2, 1)))],
        ),
        (
            "get_diff",
            json!({ "task_id": id(2) }),
            vec![
                ("task_id", json!(id(3))),
                ("path", json!("src")),
                ("stat_only", json!(true)),
                ("page", json!("5")),
            ],
        ),
        ("list_projects", json!({}), vec![]),
        ("whats_new", json!({}), vec![("cursor", json!("3")), ("detail", json!("full"))]),
        (
            "get_logs",
            json!({}),
            vec![
                ("task_id", json!(id(1))),
                ("level", json!("error")),
                ("since", json!("2031-01-01T00:00:00Z")),
                ("limit", json!(2)),
                ("cursor", json!("13")),
            ],
        ),
        (
            "push_session",
            json!({ "session_id": SESSION, "summary": "was at it" }),
            vec![
                ("session_id", json!(SESSION.replace('3', "4"))),
                ("summary", json!("was at something else")),
                ("project", json!("beta")),
                ("files_modified", json!(["src/lib.rs"])),
                ("current_task", json!("the tests")),
                ("git_branch", json!("topic")),
                ("turns", json!(7)),
            ],
        ),
    ]
}

/// What a call did and answered. A wait ends by shutting down, as nothing else happens here.
async fn effect(tool: &str, arguments: &Value) -> (Vec<String>, Value) {
    let stack = Stack::new();
    let ends_the_wait = async {
        let mut waiting = stack.tasks.waiting.subscribe();
        waiting.wait_for(|count| *count > 0).await.unwrap();
        stack.draining.cancel();
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = stack.call("all", tool, arguments.clone()) => result,
        () = ends_the_wait => unreachable!("it never ends"),
    };
    let is_refused = tool == "apply_task" && arguments["action"] != "branch";
    assert_eq!(result["isError"], json!(is_refused), "{tool} {arguments}: {result}");
    (stack.tasks.calls(), result)
}

#[tokio::test]
async fn every_property_of_every_tool_does_something() {
    let stack = Stack::new();
    let variations = variations();
    for tool in declared(&stack).await {
        let name = tool["name"].as_str().unwrap();
        let entries = || variations.iter().filter(|(it, _, _)| *it == name);
        let properties: BTreeSet<&str> = tool["inputSchema"]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let varied = entries().flat_map(|(_, _, varied)| varied);
        assert_eq!(properties, varied.map(|(name, _)| *name).collect(), "{name}");
        for (_, base, varied) in entries() {
            let without = effect(name, base).await;
            for (property, value) in varied {
                let mut arguments = base.clone();
                arguments[*property] = value.clone();
                let with = effect(name, &arguments).await;
                assert_ne!(with, without, "{name}.{property} does nothing");
            }
        }
    }
}

#[tokio::test]
async fn every_answer_fits_its_schema_and_says_what_comes_next() {
    let stack = Stack::new();
    let declared = declared(&stack).await;
    for (name, base, varied) in variations() {
        let tool = declared.iter().find(|tool| tool["name"] == name).unwrap();
        let mut calls = vec![base.clone()];
        calls.extend(varied.into_iter().map(|(property, value)| {
            let mut arguments = base.clone();
            arguments[property] = value;
            arguments
        }));
        for n in 1..=6 {
            // What one task asks does not answer another.
            if base["task_id"].is_string() && name != "answer_task" {
                let mut arguments = base.clone();
                arguments["task_id"] = json!(id(n));
                calls.push(arguments);
            }
        }
        for arguments in calls {
            let (_, result) = effect(name, &arguments).await;
            if result["isError"] == json!(true) {
                continue;
            }
            let structured = &result["structuredContent"];
            assert_eq!(violation(&tool["outputSchema"], structured), None, "{name} {arguments}");
            let next = structured["next"].as_str().unwrap();
            let first = text(&result).lines().next().unwrap();
            assert!(first.ends_with(&format!("next={next}")), "{first}");
            if structured["cursor"].is_string() && structured["task_id"].is_string() {
                let (state, task) = (&structured["state"], &structured["task_id"]);
                let line = format!(
                    "state={} task={} next={next}",
                    state.as_str().unwrap(),
                    task.as_str().unwrap()
                );
                assert_eq!(first, line);
            }
            // The second block repeats the facts that the first does not show.
            let brief: Value = result["content"][1]["text"]
                .as_str()
                .map_or(json!({}), |text| serde_json::from_str(text).unwrap());
            for (name, value) in brief.as_object().unwrap() {
                assert_eq!(value, &structured[name]);
            }
        }
    }
}

fn size(result: &Value) -> usize {
    let texts = result["content"].as_array().unwrap().iter();
    let texts: usize = texts.map(|block| block["text"].as_str().unwrap().chars().count()).sum();
    texts + result["structuredContent"].to_string().chars().count()
}

#[tokio::test]
async fn no_answer_is_longer_than_100_000_characters_and_pages_lose_nothing() {
    let stack = Stack::new();
    // The worst there is: every character costs two when escaped.
    let long = "\"\\\n".repeat(40_000);
    *stack.tasks.diff.lock().unwrap() = long.clone();
    let mut state = completed(&long);
    if let TaskState::Completed { outcome, .. } = &mut state {
        let file = |n| ChangedFile { status: 'M', path: format!("{n}/{}", "p\"".repeat(2_000)) };
        outcome.changed = (0..5_000).map(file).collect();
        outcome.notes = vec!["n".repeat(10_000); 500];
    }
    stack.tasks.change(2, state);
    for (tool, field, format) in [
        ("get_result", "answer", Some("summary")),
        ("get_result", "answer", Some("full")),
        ("get_result", "answer", Some("json")),
        ("get_diff", "diff", None),
    ] {
        let (mut joined, mut page) = (String::new(), None);
        loop {
            let mut arguments = json!({ "task_id": id(2) });
            if let Some(format) = format {
                arguments["format"] = json!(format);
            }
            if let Some(page) = &page {
                arguments["page"] = json!(page);
            }
            let result = stack.call("all", tool, arguments).await;
            assert!(size(&result) <= 100_000, "{tool} {format:?}: {}", size(&result));
            assert!(!text(&result).contains("[cut"), "{tool} {format:?}");
            let structured = &result["structuredContent"];
            joined.push_str(structured[field].as_str().unwrap());
            match structured["next_page"].as_str() {
                Some(next) => page = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(joined, long, "{tool} {format:?}");
    }
    let started =
        stack.call("all", "check_task", json!({ "task_id": id(1), "output_lines": 200 })).await;
    assert!(size(&started) <= 100_000);
}

#[tokio::test]
async fn the_owner_is_named_when_the_agent_waits() {
    let stack = Stack::new();
    let result = stack.call("all", "check_task", json!({ "task_id": id(4) })).await;
    let said = text(&result);
    assert!(said.contains("asks leave to use Bash (destructive): rm -r build"), "{said}");
    let request = result["structuredContent"]["request"]["request_id"].as_str().unwrap();
    let command = format!("gateway tasks approve {} --request {request}`", id(4));
    assert!(said.contains(&command), "{said}");
    assert_eq!(result["structuredContent"]["request"]["tool"], "Bash");
}

#[tokio::test]
async fn a_cancelled_task_is_explained_in_the_words_that_its_owner_reads() {
    let stack = Stack::new();
    for tool in ["check_task", "get_result"] {
        let result = stack.call("all", tool, json!({ "task_id": id(5) })).await;
        let words = crate::model::CancelReason::Deadline.to_string();
        assert_eq!(result["structuredContent"]["reason"], json!(words), "{tool}");
        assert!(text(&result).contains(&format!("Reason: {words}")), "{result}");
    }
}

#[tokio::test]
async fn cancelling_twice_or_too_late_changes_nothing_and_is_no_error() {
    let stack = Stack::new();
    let first = stack.call("all", "cancel_task", json!({ "task_id": id(1) })).await;
    assert!(text(&first).starts_with("state=cancelling"), "{first}");
    for n in [1, 2] {
        let again = stack.call("all", "cancel_task", json!({ "task_id": id(n) })).await;
        assert!(text(&again).contains("nothing changed"), "{again}");
    }
}

#[tokio::test]
async fn a_chat_cannot_merge_or_discard_and_is_told_what_the_owner_types() {
    let stack = Stack::new();
    for action in ["merge", "discard"] {
        let arguments = json!({ "task_id": id(2), "action": action });
        let refused = stack.call("all", "apply_task", arguments).await;
        let said = error(&refused);
        assert!(said.contains("needs the owner's own hand; nothing was changed"), "{said}");
        assert!(said.contains(&format!("`gateway tasks apply {} {action}`", id(2))), "{said}");
    }
    let kept = stack.call("all", "apply_task", json!({ "task_id": id(2), "action": "branch" }));
    assert!(text(&kept.await).contains("kept as the branch gateway/x"));
}

#[tokio::test]
async fn cancelling_never_discards_and_revert_is_told_what_the_owner_types() {
    let stack = Stack::new();
    for (task, named) in [(json!(id(1)), id(1).to_string()), (json!("all"), "TASK".to_owned())] {
        let arguments = json!({ "task_id": task, "revert": true });
        let result = stack.call("all", "cancel_task", arguments).await;
        let command = format!("gateway tasks apply {named} discard");
        assert_eq!(result["structuredContent"]["owner_command"], json!(command), "{result}");
        assert!(text(&result).contains("The work is kept: to discard it"), "{result}");
    }
    let calls = stack.tasks.calls();
    assert!(calls.iter().all(|call| call.starts_with("cancel")), "{calls:?}");
}

#[tokio::test]
async fn a_caller_held_to_a_project_reads_and_applies_nothing_of_another() {
    let stack = Stack::new();
    for (tool, arguments) in [
        ("read_file", json!({ "path": "x", "project": "beta" })),
        ("read_file", json!({ "path": "x", "task_id": id(2) })),
        ("apply_task", json!({ "task_id": id(2), "action": "branch" })),
    ] {
        let said = stack.call("held", tool, arguments.clone()).await;
        assert!(error(&said).contains("there is no"), "{tool} {arguments}: {said}");
    }
    let own = stack.call("held", "read_file", json!({ "path": "x" })).await;
    assert_eq!(own["structuredContent"]["project"], "alpha");
    assert!(stack.tasks.calls().iter().all(|call| !call.contains("beta")));
}

#[tokio::test]
async fn a_file_is_shown_with_what_to_know_about_it_and_steers_nothing() {
    let stack = Stack::new();
    let result = stack.call("all", "read_file", json!({ "path": "a.rs", "line_start": 3 })).await;
    let said = text(&result);
    for words in
        ["Lines 3 to 3 of 9", "no UTF-8 were replaced", "a line was too long", "line_start 4"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!result.to_string().contains("\\u001b"), "{result}");
    assert_eq!(result["structuredContent"]["next_line"], 4);
    let binary = stack.call("all", "read_file", json!({ "path": "odd.bin" })).await;
    assert!(text(&binary).contains("A binary file of 5 bytes"), "{binary}");
}

#[tokio::test]
async fn a_repeated_start_says_that_it_found_the_first() {
    let stack = Stack::new();
    let result =
        stack.call("all", "start_task", json!({ "prompt": "x", "idempotency_key": "known" })).await;
    assert_eq!(result["structuredContent"]["existing"], json!(true));
    assert_eq!(result["structuredContent"]["task_id"], json!(id(1)));
}

#[tokio::test]
async fn a_waiting_task_tells_its_place_and_who_holds_the_places() {
    let stack = Stack::new();
    let asking = stack.tasks.get(&id(4)).unwrap().state;
    stack.tasks.change(2, asking);
    let result = stack.call("all", "check_task", json!({ "task_id": id(6) })).await;
    let said = text(&result);
    assert!(said.contains("Place 2 of 3 in the queue, priority normal."), "{said}");
    let (running, asks) = (id(1), id(2));
    let held = format!("it is held by {running}, {asks} (waits for an answer).");
    assert!(said.contains(&held), "{said}");
    assert_eq!(result["structuredContent"]["place"], json!(2));
    // Who is held to a project learns nothing of the others.
    let started = stack.call("held", "start_task", json!({ "prompt": "x" })).await;
    let said = text(&started);
    assert!(said.contains(&format!("it is held by {running}.")), "{said}");
    assert!(!said.contains(asks.as_str()), "{said}");
    assert_eq!(started["structuredContent"]["place"], json!(2));
}

#[tokio::test]
async fn how_long_it_takes_is_said_when_it_is_known_and_as_long_as_it_helps() {
    let stack = Stack::new();
    let check = async |n| stack.call("all", "check_task", json!({ "task_id": id(n) })).await;
    assert!(check(1).await["structuredContent"]["estimate"].is_null(), "nothing is invented");
    for n in [1, 2] {
        let mut tasks = stack.tasks.tasks.lock().unwrap();
        tasks.get_mut(&id(n)).unwrap().spec.estimate =
            Some(Estimate { median_secs: 240, p80_secs: 540, samples: 7 });
    }
    let sentence = "Such a task usually takes about 4 min (4 of 5 within 9 min).";
    let running = check(1).await;
    assert!(text(&running).contains(sentence), "{running}");
    assert_eq!(running["structuredContent"]["estimate"], json!(sentence));
    let arguments = json!({ "prompt": "x", "idempotency_key": "known" });
    let started = stack.call("all", "start_task", arguments).await;
    assert_eq!(started["structuredContent"]["estimate"], json!(sentence));
    assert!(check(2).await["structuredContent"]["estimate"].is_null(), "it is over");
}

#[tokio::test]
async fn a_cost_that_nobody_told_is_said_to_be_unknown() {
    let stack = Stack::new();
    for n in [1, 2] {
        stack.tasks.tasks.lock().unwrap().get_mut(&id(n)).unwrap().cost.usd = None;
    }
    for (tool, n, words) in [("check_task", 1, "cost: unknown"), ("get_result", 2, "Cost: unknown")]
    {
        let result = stack.call("all", tool, json!({ "task_id": id(n) })).await;
        assert!(text(&result).contains(words), "{result}");
        let cost = &result["structuredContent"]["cost"];
        assert!(cost["usd"].is_null() && cost["input_tokens"] == 1000, "{cost}");
    }
}

#[tokio::test]
async fn a_start_that_ended_in_failure_says_why() {
    let stack = Stack::new();
    let failed = stack.tasks.get(&id(3)).unwrap().state;
    stack.tasks.change(1, failed);
    let arguments = json!({ "prompt": "x", "idempotency_key": "known", "wait_seconds": 45 });
    let result = stack.call("all", "start_task", arguments).await;
    assert!(text(&result).contains("Reason: the agent crashed"), "{result}");
    assert_eq!(result["structuredContent"]["reason"], json!("the agent crashed"));
}

#[tokio::test]
async fn an_unfinished_task_has_no_result_and_says_how_to_wait_for_it() {
    let stack = Stack::new();
    for n in [1, 4, 6] {
        let result = stack.call("all", "get_result", json!({ "task_id": id(n) })).await;
        assert!(text(&result).contains("next=check_task"), "{result}");
        assert!(result["structuredContent"]["answer"].is_null());
    }
}
