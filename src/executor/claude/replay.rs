//! Recorded sessions of real versions, read line by line: what they add up to is promised here.
use serde_json::Value;

use super::conversation::{Conversation, Rest};
use super::verdict::{Evidence, Exit};
use crate::executor::{Ended, Item};
use crate::model::{Cost, Decision, FailureKind, Verdict};

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("recorded/", $name, ".jsonl"))
    };
}

const FINE: Exit = Exit::Recorded { code: Some(0), signal: None };

fn fresh() -> Conversation {
    Conversation::new("/home/owner/w".as_ref(), false, Cost::default())
}

fn read(conversation: &mut Conversation, stream: &str) -> Vec<Item> {
    stream.lines().flat_map(|line| conversation.take(line.as_bytes()).items).collect()
}

fn end(conversation: &Conversation, exit: Exit) -> Ended {
    super::verdict::of(Evidence {
        conversation,
        exit,
        ended_by_us: None,
        stderr: String::new(),
        notes: Vec::new(),
    })
}

fn failure(ended: &Ended) -> FailureKind {
    match &ended.verdict {
        Verdict::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

/// The stream up to and with the `nth` line (from 1) that contains `part`.
fn until<'a>(stream: &'a str, part: &str, nth: usize) -> &'a str {
    let (at, _) = stream.match_indices(part).nth(nth - 1).unwrap();
    let rest = stream[at..].find('\n').unwrap();
    &stream[..=at + rest]
}

#[test]
fn an_edit_is_asked_for_done_and_over_in_both_versions() {
    for stream in [recorded!("edit-2.1.328"), recorded!("edit-2.1.197")] {
        let mut conversation = fresh();
        let items = read(&mut conversation, stream);
        assert!(items.contains(&Item::Started));
        assert!(items.contains(&Item::Text("Writing.".into())));
        let touched = Item::FileTouched("/home/owner/w/a.txt".into());
        assert_eq!(items.iter().filter(|item| **item == touched).count(), 1, "{items:?}");
        assert!(items.iter().any(
            |item| matches!(item, Item::PermissionAsked { tool, input, preview, .. }
            if tool == "Write" && input["content"] == "hello world\n"
                && preview == "a.txt")
        ));
        let activities = items.iter().filter(|item| matches!(item, Item::Activity { .. })).count();
        assert_eq!(activities, 1);
        let Some(Item::Usage { turns: 2, cost }) =
            items.iter().rfind(|item| matches!(item, Item::Usage { .. }))
        else {
            panic!("{items:?}");
        };
        assert!(cost.usd > Some(0.0015) && cost.input_tokens == 200 && cost.output_tokens == 40);
        assert!(conversation.is_over() && conversation.rest() == Rest::Idle);
        assert_eq!(conversation.unknown_note(), None);
        let ended = end(&conversation, FINE);
        assert_eq!(ended.verdict, Verdict::Completed);
        assert!(ended.answer.unwrap().starts_with("Wrote it: File created"));
    }
}

#[test]
fn a_background_command_keeps_the_run_going_and_the_second_result_is_the_answer() {
    for stream in [
        recorded!("background-2.1.328"),
        recorded!("background-2.1.197"),
        recorded!("background-in-turn-2.1.328"),
        recorded!("background-in-turn-2.1.197"),
    ] {
        let mut conversation = fresh();
        for (nth, line) in stream.lines().enumerate() {
            conversation.take(line.as_bytes());
            let last = nth + 1 >= stream.lines().count() - 1;
            // Only silence ends a run that is settling, and none of these lines is followed by it.
            let ends = conversation.is_over() && conversation.rest() == Rest::Idle;
            assert!(last || !ends, "line {nth}: {line}");
        }
        let ended = end(&conversation, FINE);
        assert_eq!(ended.verdict, Verdict::Completed);
        assert_eq!(ended.answer.as_deref(), Some("The background command ended."));
    }
}

#[test]
fn after_a_result_only_the_background_is_waited_for() {
    let stream = until(recorded!("background-2.1.328"), "\"state\":\"idle\"", 1);
    let mut conversation = fresh();
    read(&mut conversation, stream);
    assert!(conversation.waits_for_background() && !conversation.is_over());
    // Killed from outside now: the answer that is there counts.
    let killed = Exit::Recorded { code: None, signal: Some(9) };
    assert_eq!(end(&conversation, killed).verdict, Verdict::Completed);
}

#[test]
fn a_crash_in_the_turn_after_a_background_command_is_a_crash() {
    let stream = until(recorded!("background-2.1.328"), "\"subtype\":\"init\"", 2);
    let mut conversation = fresh();
    read(&mut conversation, stream);
    assert_eq!(conversation.rest(), Rest::Busy);
    let killed = Exit::Recorded { code: None, signal: Some(9) };
    let ended = end(&conversation, killed);
    assert_eq!(failure(&ended), FailureKind::Crashed);
    assert_eq!(ended.answer.as_deref(), Some("Started."));
}

#[test]
fn a_turn_cut_short_by_our_farewell_takes_no_answer_back() {
    let success = r#"{"type":"result","subtype":"success","is_error":false,"result":"done"}"#;
    let farewell = r#"{"type":"control_response","response":{"subtype":"success","request_id":"gateway-end-session"}}"#;
    let cut = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming"}"#;
    let mut conversation = fresh();
    read(&mut conversation, &[success, farewell, cut].join("\n"));
    assert_eq!(end(&conversation, FINE).verdict, Verdict::Completed);
    let mut conversation = fresh();
    read(&mut conversation, &[success, cut].join("\n"));
    assert_eq!(failure(&end(&conversation, FINE)), FailureKind::Agent);
}

#[test]
fn a_question_is_shown_with_its_choices() {
    let mut conversation = fresh();
    let items = read(&mut conversation, recorded!("question-2.1.328"));
    let asked = items.iter().find_map(|item| match item {
        Item::QuestionAsked { questions, preview, .. } => Some((questions, preview)),
        _ => None,
    });
    let (questions, preview) = asked.unwrap();
    assert_eq!(preview, "Which color? [Red | Blue]");
    let labels: Vec<&str> = questions[0].choices.iter().map(|it| it.label.as_str()).collect();
    assert_eq!((questions[0].text.as_str(), &labels[..]), ("Which color?", &["Red", "Blue"][..]));
}

#[test]
fn an_interrupted_turn_withdraws_its_question() {
    for stream in [recorded!("interrupted-2.1.328"), recorded!("interrupted-2.1.197")] {
        let mut conversation = fresh();
        let items = read(&mut conversation, stream);
        let asked = items.iter().find_map(|item| match item {
            Item::PermissionAsked { agent_ref, .. } => Some(agent_ref.clone()),
            _ => None,
        });
        let agent_ref = asked.unwrap();
        assert!(items.contains(&Item::PermissionWithdrawn { agent_ref: agent_ref.clone() }));
        assert!(conversation.question(&agent_ref).is_none());
        assert_eq!(failure(&end(&conversation, FINE)), FailureKind::Agent);
    }
}

#[test]
fn a_refused_key_and_a_broken_service_are_told_apart() {
    let mut conversation = fresh();
    let items = read(&mut conversation, recorded!("unauthorized-2.1.328"));
    assert!(conversation.is_refused());
    assert!(items.iter().any(|item| matches!(item, Item::Waiting(why) if why.contains("401"))));
    // An API failure is a "success" in the stream, and the exit code 1 decides nothing.
    assert_eq!(failure(&end(&conversation, FINE)), FailureKind::Authentication);
    let mut conversation = fresh();
    read(&mut conversation, recorded!("always500-2.1.328"));
    assert!(!conversation.is_refused());
    let ended = end(&conversation, FINE);
    assert_eq!(failure(&ended), FailureKind::Api);
    assert!(ended.answer.unwrap().contains("500"));
}

#[test]
fn one_refusal_that_passes_is_no_refused_key() {
    let stream = until(recorded!("unauthorized-2.1.328"), "api_retry", 1);
    let mut conversation = fresh();
    read(&mut conversation, stream);
    assert!(!conversation.is_refused());
}

#[test]
fn shuffled_keys_unknown_events_and_stray_lines_change_nothing_but_the_notes() {
    for stream in [recorded!("edit-2.1.328"), recorded!("background-2.1.197")] {
        let mut plain = fresh();
        let expected = read(&mut plain, stream);
        let mut conversation = fresh();
        let mut items = Vec::new();
        for line in stream.lines() {
            // serde_json sorts the keys, which is a shuffle here.
            let sorted = serde_json::from_str::<Value>(line).unwrap().to_string();
            items.extend(conversation.take(sorted.as_bytes()).items);
            for other in ["{\"type\":\"news\"}", "", "\u{1b}[0mwarning: x", "{\"type\":\"assist"] {
                let stray = conversation.take(other.as_bytes()).items;
                assert!(stray.iter().all(|item| matches!(item, Item::Note(_))));
            }
        }
        assert_eq!(items, expected);
        assert!(conversation.unknown_note().unwrap().contains("news"));
        assert_eq!(end(&conversation, FINE).verdict, Verdict::Completed);
    }
}

#[test]
fn reading_a_stream_again_gives_the_same_state_and_no_other_news() {
    let stream = recorded!("deny-2.1.328");
    let whole = read(&mut fresh(), stream);
    for split in 0..=stream.lines().count() {
        let mut before = fresh();
        let first: Vec<Item> = stream
            .lines()
            .take(split)
            .flat_map(|line| before.take(line.as_bytes()).items)
            .collect();
        let mut again = fresh();
        for line in stream.lines().take(split) {
            again.take(line.as_bytes());
        }
        let rest: Vec<Item> =
            stream.lines().skip(split).flat_map(|line| again.take(line.as_bytes()).items).collect();
        assert_eq!([first, rest].concat(), whole);
    }
}

#[test]
fn planning_refuses_what_would_change_something_without_asking_anybody() {
    let mut conversation = Conversation::new("/w".as_ref(), true, Cost::default());
    let mut ask = |tool: &str, input: &str| conversation.take(asks(tool, input).as_bytes());
    for tool in ["Write", "Bash", "Something"] {
        let taken = ask(tool, "{}");
        assert!(!taken.items.iter().any(|item| matches!(item, Item::PermissionAsked { .. })));
        assert_eq!(taken.replies.len(), 1);
        assert!(taken.replies[0].line.contains("\"deny\""));
    }
    for tool in ["AskUserQuestion", "Read"] {
        let taken = ask(tool, "{}");
        assert!(matches!(taken.items[..], [Item::PermissionAsked { .. }]));
        assert!(taken.replies.is_empty());
    }
}

fn asks(tool: &str, input: &str) -> String {
    format!(
        r#"{{"type":"control_request","request_id":"{tool}","request":{{"subtype":"can_use_tool","tool_name":"{tool}","input":{input}}}}}"#
    )
}

#[test]
fn a_plan_is_asked_for_with_its_text_wherever_the_program_told_it() {
    let planned = |lines: &[&str]| {
        let mut conversation = Conversation::new("/w".as_ref(), true, Cost::default());
        let items = read(&mut conversation, &lines.join("\n"));
        match items.last() {
            Some(Item::PlanAsked { plan, .. }) => plan.clone(),
            other => panic!("{other:?}"),
        }
    };
    let words = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"My plan: x"}]}}"#;
    let used = r#"{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","name":"ExitPlanMode","input":{"plan":"1. do it"}}]}}"#;
    assert_eq!(planned(&[words, used, &asks("ExitPlanMode", r#"{"plan":"2. this"}"#)]), "2. this");
    assert_eq!(planned(&[words, used, &asks("ExitPlanMode", "{}")]), "1. do it");
    assert_eq!(planned(&[words, &asks("ExitPlanMode", "{}")]), "My plan: x");
    assert_eq!(planned(&[&asks("ExitPlanMode", "{}")]), "(the agent gave no plan)");
}

#[test]
fn after_an_approved_plan_the_agent_asks_as_any_other_does() {
    let mut conversation = Conversation::new("/w".as_ref(), true, Cost::default());
    let mode = |mode: &str| {
        format!(r#"{{"type":"system","subtype":"status","status":null,"permissionMode":"{mode}"}}"#)
    };
    let refused = |conversation: &mut Conversation| {
        !conversation.take(asks("Write", "{}").as_bytes()).replies.is_empty()
    };
    assert!(refused(&mut conversation));
    conversation.take(mode("default").as_bytes());
    assert!(!refused(&mut conversation));
    conversation.take(mode("plan").as_bytes());
    assert!(refused(&mut conversation), "it plans again");
}

#[test]
fn a_request_that_nobody_can_serve_is_answered() {
    let line =
        r#"{"type":"control_request","request_id":"r9","request":{"subtype":"elicitation"}}"#;
    let taken = fresh().take(line.as_bytes());
    assert!(taken.replies[0].line.contains("elicitation is not supported"));
}

#[test]
fn a_question_is_answered_once() {
    let mut conversation = fresh();
    let line = r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"x"}}}"#;
    conversation.take(line.as_bytes());
    let question = conversation.question("r").unwrap();
    let message = super::message::answer("r", &Decision::Allow, &question.input);
    assert!(message.line.contains(r#""updatedInput":{"command":"x"}"#));
    conversation.close("r");
    assert_eq!(conversation.question("r"), None);
}

#[test]
fn cost_is_what_came_after_the_sessions_earlier_end() {
    let earlier = Cost { usd: Some(0.001), input_tokens: 150, output_tokens: 30 };
    let mut conversation = Conversation::new("/w".as_ref(), false, earlier);
    let items = read(&mut conversation, recorded!("edit-2.1.328"));
    let Some(Item::Usage { cost, .. }) = items.last() else { panic!("{items:?}") };
    assert!((cost.usd.unwrap() - 0.0006).abs() < 1e-9);
    assert_eq!((cost.input_tokens, cost.output_tokens), (50, 10));
}

#[test]
fn without_a_result_the_end_of_stderr_tells_why() {
    let conversation = fresh();
    let judge = |exit, stderr: &str| {
        super::verdict::of(Evidence {
            conversation: &conversation,
            exit,
            ended_by_us: None,
            stderr: stderr.into(),
            notes: Vec::new(),
        })
        .verdict
    };
    let crashed = judge(Exit::Recorded { code: Some(1), signal: None }, "Error: session in use\n");
    let Verdict::Failed(failure) = crashed else { panic!("{crashed:?}") };
    assert_eq!(failure.kind, FailureKind::Crashed);
    assert_eq!(
        failure.message,
        "the agent ended with exit code 1 without a result: Error: session in use"
    );
    let missing = judge(Exit::NotStarted { error: "no such file".into() }, "");
    let Verdict::Failed(failure) = missing else { panic!("{missing:?}") };
    assert_eq!(failure.kind, FailureKind::ExecutorUnavailable);
    assert!(matches!(judge(Exit::Unrecorded, ""), Verdict::Unknown(_)));
}

#[test]
fn each_bad_result_has_its_own_kind() {
    let kind = |fields: &str| {
        let mut conversation = fresh();
        conversation.take(format!(r#"{{"type":"result",{fields}}}"#).as_bytes());
        failure(&end(&conversation, FINE))
    };
    let api = r#""subtype":"success","is_error":true,"terminal_reason":"api_error""#;
    let with = |text: &str| format!(r#"{api},"result":"{text}""#);
    assert_eq!(kind(&with("Not logged in · Please run /login")), FailureKind::Authentication);
    assert_eq!(kind(&with("Prompt is too long")), FailureKind::PromptTooLong);
    assert_eq!(kind(&with("API Error: 500 boom")), FailureKind::Api);
    assert_eq!(
        kind(r#""subtype":"error_max_turns","is_error":false"#),
        FailureKind::BudgetExhausted
    );
    assert_eq!(
        kind(r#""subtype":"error_max_budget_usd","is_error":true"#),
        FailureKind::BudgetExhausted
    );
    assert_eq!(
        kind(
            r#""subtype":"error_during_execution","is_error":false,"errors":["No conversation found"]"#
        ),
        FailureKind::Agent
    );
}
