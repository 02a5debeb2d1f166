//! `whats_new`, `get_logs`, and sessions that are handed over: what callers read, and what they may.
use serde_json::{Value, json};

use super::fixture::*;
use crate::mcp::NewsPage;
use crate::model::{Event, EventKind, LinkedSession, TaskState};

const SESSION: &str = "3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b";

#[tokio::test]
async fn what_is_new_is_told_in_a_breath_what_needs_an_answer_first() {
    let stack = Stack::new();
    let brief = stack.call("all", "whats_new", json!({ "cursor": "10" })).await;
    insta::assert_snapshot!("whats_new_brief", text(&brief));
    let full = stack.call("all", "whats_new", json!({ "cursor": "10", "detail": "full" })).await;
    insta::assert_snapshot!("whats_new_full", text(&full));
    let first = stack.call("all", "whats_new", json!({})).await;
    insta::assert_snapshot!("whats_new_without_a_cursor", text(&first));
}

#[tokio::test]
async fn nothing_new_is_said_to_be_nothing() {
    let stack = Stack::new();
    *stack.tasks.news.lock().unwrap() = NewsPage { cursor: 20, ..NewsPage::default() };
    let none = stack.call("all", "whats_new", json!({ "cursor": "20" })).await;
    assert_eq!(text(&none), "state=idle new=0 cursor=20 next=nothing\nNothing is new.");
    let foreign = stack.call("all", "whats_new", json!({ "cursor": "21" })).await;
    assert!(error(&foreign).contains("leave `cursor` out"), "{foreign}");
}

#[tokio::test]
async fn a_brief_answer_has_400_characters_at_most_and_counts_what_it_does_not_name() {
    let stack = Stack::new();
    let summary = "ü \u{202e} \u{1b}[1m ".repeat(40);
    let event = |seq: u64| {
        let state = ["completed", "failed", "cancelled"][usize::try_from(seq % 3).unwrap()];
        let kind = EventKind::Ended { state: state.into(), summary: summary.clone() };
        Event { seq, at: NOW, task_id: id(100 + seq), kind }
    };
    {
        let mut tasks = stack.tasks.tasks.lock().unwrap();
        for n in 100..1_100 {
            let mut one = task(n, "beta", completed("x"));
            one.spec.prompt = "long title ".repeat(30);
            tasks.insert(one.id.clone(), one);
        }
    }
    for count in [1, 2, 5, 30, 1_000] {
        let events: Vec<Event> = (0..count).map(event).collect();
        let page = NewsPage { events, cursor: u64::MAX / 2, more: true, open: Vec::new() };
        *stack.tasks.news.lock().unwrap() = page;
        let result = stack.call("all", "whats_new", json!({ "cursor": "1" })).await;
        let said = text(&result);
        assert!(said.chars().count() <= 400, "{count}: {} {said}", said.chars().count());
        assert!(!said.contains(['\u{202e}', '\u{1b}']), "{said}");
        let named = result["structuredContent"]["news"].as_array().unwrap().len();
        let counted: usize = said
            .lines()
            .filter(|line| line.starts_with("And") || line.starts_with("Tasks:"))
            .flat_map(|line| line.split(|c: char| !c.is_ascii_digit()))
            .filter_map(|digits| digits.parse::<usize>().ok())
            .sum();
        assert_eq!(named + counted, usize::try_from(count).unwrap(), "{said}");
        assert!(named > 0, "{said}");
    }
}

#[tokio::test]
async fn a_client_held_to_a_project_asks_for_its_news_and_logs_only() {
    let stack = Stack::new();
    let told = stack.call("held", "whats_new", json!({ "detail": "full" })).await;
    let calls = stack.tasks.calls().concat();
    assert!(calls.contains(r#"projects: Some(["alpha"])"#), "{calls}");
    // Even if the store told of others, nothing of theirs would be said.
    assert!(!told.to_string().contains("beta"), "{told}");
    assert_eq!(told["structuredContent"]["open"]["queued"], 0);

    let stack = Stack::new();
    stack.call("held", "get_logs", json!({})).await;
    let calls = stack.tasks.calls().concat();
    assert!(calls.contains(r#"projects: Some(["alpha"])"#), "{calls}");
    let foreign = stack.call("held", "get_logs", json!({ "task_id": id(2) })).await;
    let unknown = stack.call("held", "get_logs", json!({ "task_id": id(77) })).await;
    let same =
        |result: &Value| error(result).replace(id(2).as_str(), "X").replace(id(77).as_str(), "X");
    assert_eq!(same(&foreign), same(&unknown));
}

#[tokio::test]
async fn logs_are_read_by_level_and_moment_and_page_by_page() {
    let stack = Stack::new();
    let lines = async |arguments: Value| {
        let result = stack.call("all", "get_logs", arguments).await;
        let lines = result["structuredContent"]["lines"].as_array().unwrap();
        let lines: Vec<String> = lines.iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        (lines, result["structuredContent"]["next_cursor"].as_str().map(str::to_owned))
    };
    let (all, next) = lines(json!({})).await;
    assert_eq!((all.len(), next), (4, None));
    assert!(all[0].contains(" warning ") && all[0].contains("asks: rm -r build"), "{all:?}");
    assert!(all[1].contains(" error ") && all[3].contains(" info "), "{all:?}");
    assert_eq!(lines(json!({ "level": "error" })).await.0, all[1..2]);
    assert_eq!(lines(json!({ "level": "warning" })).await.0, all[..2]);
    assert!(lines(json!({ "since": "2031-01-01T00:00:00Z" })).await.0.is_empty());
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let mut arguments = json!({ "limit": 3 });
        if let Some(cursor) = &cursor {
            arguments["cursor"] = json!(cursor);
        }
        let (page, next) = lines(arguments).await;
        paged.extend(page);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn logs_hide_secrets_and_say_what_was_dropped() {
    let stack = Stack::new();
    let words = format!("{} client_secret=hunter2hunter2", "€".repeat(100));
    let kind = EventKind::Ended { state: "failed".into(), summary: words };
    let event = Event { seq: 1, at: NOW, task_id: id(3), kind };
    stack.tasks.news.lock().unwrap().events = vec![event];
    let result = stack.call("all", "get_logs", json!({ "task_id": id(3) })).await;
    let said = result.to_string();
    assert!(!said.contains("hunter2") && !said.contains("abcdef"), "{said}");
    let structured = &result["structuredContent"];
    let line = structured["lines"][0].as_str().unwrap();
    assert!(line.contains("… (+") && line.ends_with(" bytes)"), "{line}");
    assert!(structured["stderr"].as_str().unwrap().contains("Bearer ***"), "{structured}");
    assert!(!structured["stderr"].as_str().unwrap().contains('\u{1b}'), "{structured}");
    assert_eq!(structured["stderr_dropped_bytes"], 7);
    assert!(text(&result).contains("stderr (7 bytes before this dropped):"), "{result}");
}

#[tokio::test]
async fn oversize_summaries_odd_session_ids_and_unknown_projects_are_refused_by_name() {
    let stack = Stack::new();
    let push = async |arguments: Value| stack.call("all", "push_session", arguments).await;
    let long = push(json!({ "session_id": SESSION, "summary": "x".repeat(3_000_000) })).await;
    assert!(error(&long).contains("`summary` has 3000000 bytes"), "{long}");
    for odd in ["", "--dangerously-skip-permissions", "../../x", "3f2a9c1e5b7d4e8f9a0b1c2d3e4f5a6b"]
    {
        let refused = push(json!({ "session_id": odd, "summary": "x" })).await;
        assert!(error(&refused).contains("`session_id` must be a session's UUID"), "{refused}");
    }
    let many = json!({ "session_id": SESSION, "summary": "x", "files_modified": vec!["f"; 201] });
    assert!(error(&push(many).await).contains("`files_modified`"));
    assert_eq!(stack.tasks.calls(), [""; 0]);
    let unknown = json!({ "session_id": SESSION, "summary": "x", "project": "aplha" });
    let refused = push(unknown).await;
    assert!(error(&refused).contains("there is no project `aplha`"), "{refused}");
    // A client held to a project hands nothing over elsewhere.
    let elsewhere = json!({ "session_id": SESSION, "summary": "x", "project": "beta" });
    let refused = stack.call("held", "push_session", elsewhere).await;
    assert!(error(&refused).contains("there is no project `beta`"), "{refused}");
    assert!(stack.tasks.calls().iter().all(|call| !call.contains("beta")));
}

#[tokio::test]
async fn a_session_that_was_handed_over_is_shown_with_how_to_go_on() {
    let stack = Stack::new();
    let arguments = json!({
        "session_id": SESSION, "summary": "Sorted the parser.", "current_task": "the tests",
        "git_branch": "topic", "turns": 7, "files_modified": ["src/lib.rs"],
    });
    let pushed = stack.call("all", "push_session", arguments).await;
    assert!(text(&pushed).starts_with("state=linked"), "{pushed}");
    let linked = id(8);
    for tool in ["check_task", "get_result"] {
        let shown = stack.call("all", tool, json!({ "task_id": linked })).await;
        let said = text(&shown);
        for part in [SESSION, "Sorted the parser.", "the tests", "topic", "src/lib.rs", "Turns: 7"]
        {
            assert!(said.contains(part), "{tool}: {said}");
        }
        assert!(said.lines().next().unwrap().ends_with("next=start_task"), "{said}");
        assert_eq!(shown["structuredContent"]["session_id"], SESSION);
    }
    stack.call("all", "list_tasks", json!({ "state": "linked" })).await;
    assert!(stack.tasks.calls().last().unwrap().contains(r#"states: ["linked"]"#));
    stack.call("all", "list_tasks", json!({ "state": "finished" })).await;
    assert!(!stack.tasks.calls().last().unwrap().contains("linked"));
}

#[tokio::test]
async fn the_session_of_a_task_is_shown_so_that_it_can_be_gone_on_with() {
    let stack = Stack::new();
    let session = SESSION.parse().unwrap();
    {
        let mut tasks = stack.tasks.tasks.lock().unwrap();
        let run = crate::model::Run {
            dir: "/secret/run".into(),
            session_id: session,
            offset: 0,
            follow_ups: Vec::new(),
        };
        tasks.get_mut(&id(2)).unwrap().run = Some(run);
    }
    for tool in ["check_task", "get_result"] {
        let shown = stack.call("all", tool, json!({ "task_id": id(2) })).await;
        assert_eq!(shown["structuredContent"]["session_id"], SESSION, "{tool}");
    }
    stack.call("all", "start_task", json!({ "prompt": "x", "session_id": SESSION })).await;
    let asked = stack.tasks.calls().concat();
    assert!(asked.contains(&format!("session_id: Some({SESSION})")), "{asked}");
}

#[tokio::test]
async fn handing_over_and_going_on_need_the_scope_run_and_reading_only_observe() {
    let stack = Stack::new();
    let push = json!({ "session_id": SESSION, "summary": "x" });
    let call = json!({ "name": "push_session", "arguments": push });
    assert_eq!(stack.rpc("observer", "tools/call", call).await.status, 403);
    for tool in ["whats_new", "get_logs"] {
        stack.call("observer", tool, json!({})).await;
        let call = json!({ "name": tool, "arguments": {} });
        assert_eq!(stack.rpc("runner", "tools/call", call).await.status, 403, "{tool}");
    }
}

#[test]
fn a_linked_session_is_let_go_by_cancelling_it() {
    let session = LinkedSession {
        session_id: SESSION.parse().unwrap(),
        summary: "x".into(),
        current_task: None,
        git_branch: None,
        turns: None,
        files_modified: Vec::new(),
    };
    let linked = TaskState::Linked { at: NOW, session: Box::new(session) };
    assert!(!linked.is_final() && !linked.is_active());
    let gone = linked.cancel(crate::model::CancelReason::Shutdown, NOW).unwrap();
    assert_eq!(gone.name(), "cancelled");
}
