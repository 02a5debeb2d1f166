//! The permission relay: who may answer what, and what an answer means.
use serde_json::{Value, json};

use super::*;
use crate::model::{Answer, Choice, Class, ClientId, Question, Request, RequestId, RequestKind};
use crate::policy::NotYours;

fn chat() -> Answerer {
    Answerer::Chat { client_id: "phone".parse::<ClientId>().unwrap() }
}

fn wants(agent_ref: &str, tool: &str, input: Value) -> Item {
    let preview = "preview".to_owned();
    Item::PermissionAsked { agent_ref: agent_ref.into(), tool: tool.into(), input, preview }
}

fn runs(agent_ref: &str, command: &str) -> Item {
    wants(agent_ref, "Bash", json!({ "command": command }))
}

fn plans(agent_ref: &str) -> Item {
    let (plan, preview) = ("1. do it".into(), "1. do it".into());
    Item::PlanAsked { agent_ref: agent_ref.into(), plan, preview }
}

fn questions(agent_ref: &str) -> Item {
    let question = |text: &str, several, labels: [&str; 2]| Question {
        text: text.into(),
        header: String::new(),
        several,
        choices: labels.map(|it| Choice { label: it.into(), about: String::new() }).into(),
    };
    let questions = vec![
        question("Which color?", false, ["Red", "Blue"]),
        question("Which sizes?", true, ["S", "L"]),
    ];
    let preview = "Which color?".into();
    Item::QuestionAsked { agent_ref: agent_ref.into(), questions, preview }
}

impl Bench {
    /// A run that asks `items`.
    async fn asking(&mut self, items: Vec<Item>) -> (Task, FakeRun) {
        let task = self.start("x").await;
        let run = self.next_run().await;
        run.report(1, items).await;
        (self.reaches(&task.id, "needs_input").await, run)
    }

    fn requests(&self, task: &Task) -> Vec<Request> {
        self.store.read(|tx| tx.requests_of(&task.id)).unwrap()
    }

    async fn reply(&self, id: &RequestId, reply: Reply) -> Result<Request, AnswerError> {
        self.engine.answer(id, reply, Answerer::Terminal).await
    }
}

impl FakeRun {
    /// The next decision that reaches the agent, and on what.
    async fn decision(&mut self) -> (String, Decision) {
        match self.commands.recv().await.unwrap() {
            Command::Answer { agent_ref, decision } => (agent_ref, decision),
            other => panic!("{other:?}"),
        }
    }
}

fn class(request: &Request) -> Class {
    match &request.kind {
        RequestKind::Permission { class, .. } => *class,
        other => panic!("{other:?}"),
    }
}

fn deny(message: &str) -> Reply {
    Reply::Deny { message: Some(message.to_owned()) }
}

#[tokio::test]
async fn a_request_is_classed_when_it_is_stored() {
    let mut bench = Bench::new();
    let (task, run) = bench.asking(vec![runs("r1", "make")]).await;
    let inside = task.workspace.as_ref().unwrap().dir.join("a.rs");
    let write = |path: &str| json!({ "file_path": path, "content": "" });
    run.report(
        2,
        vec![
            wants("r2", "Write", write(inside.to_str().unwrap())),
            wants("r3", "Write", write("/etc/passwd")),
            wants("r4", "WebFetch", json!({ "url": "https://x" })),
            runs("r5", "rm -rf /"),
            Item::Text("all asked".into()),
        ],
    )
    .await;
    bench.engine.wait(&task.id, task.cursor, Duration::from_secs(60)).await.unwrap();
    let classes: Vec<Class> = bench.requests(&task).iter().map(class).collect();
    assert_eq!(
        classes,
        [Class::Exec, Class::Write, Class::Destructive, Class::Network, Class::Destructive]
    );
}

#[tokio::test]
async fn a_chat_approves_by_its_projects_policy_and_what_it_may_not_stays_open() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![runs("r1", "make")]).await;
    let id = bench.requests(&task).remove(0).id;
    let refused = bench.engine.answer(&id, Reply::Approve, chat()).await.unwrap_err();
    assert_eq!(refused, AnswerError::NotYours(NotYours::Class(Class::Exec)));
    assert_eq!(bench.requests(&task)[0].state, RequestState::Open);
    *bench.workspaces.chat_may.lock().unwrap() = [Class::Exec].into_iter().collect();
    let request = bench.engine.answer(&id, Reply::Approve, chat()).await.unwrap();
    let RequestState::Answered { answer, .. } = request.state else { panic!("{request:?}") };
    assert_eq!(answer, Answer { decision: Decision::Allow, by: chat() });
    assert_eq!(run.decision().await, ("r1".to_owned(), Decision::Allow));
}

#[tokio::test]
async fn a_chat_of_a_project_that_left_the_configuration_approves_nothing_and_denies() {
    let mut bench = Bench::new();
    let file = json!({ "file_path": "a", "content": "" });
    let (task, mut run) = bench.asking(vec![wants("r1", "Write", file)]).await;
    *bench.workspaces.chat_may.lock().unwrap() = ChatMay::nothing();
    let id = bench.requests(&task).remove(0).id;
    let refused = bench.engine.answer(&id, Reply::Approve, chat()).await.unwrap_err();
    assert_eq!(refused, AnswerError::NotYours(NotYours::Class(Class::Write)));
    bench.engine.answer(&id, deny("not now"), chat()).await.unwrap();
    let message = "not now".to_owned();
    assert_eq!(run.decision().await, ("r1".to_owned(), Decision::Deny { message }));
}

#[tokio::test]
async fn of_two_answers_at_once_the_first_counts_and_the_second_is_told() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![runs("r1", "make")]).await;
    let id = bench.requests(&task).remove(0).id;
    let (first, second) =
        tokio::join!(bench.reply(&id, Reply::Approve), bench.reply(&id, deny("no")));
    assert_eq!(second.unwrap_err(), AnswerError::Closed("allowed"));
    assert_eq!(first.unwrap().state.name(), "allowed");
    assert_eq!(run.decision().await.1, Decision::Allow);
    assert!(run.commands.try_recv().is_err());
}

#[tokio::test]
async fn an_edited_input_reaches_the_agent_and_is_classed_again() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![runs("r1", "rm -rf build")]).await;
    let id = bench.requests(&task).remove(0).id;
    let edited = |input| Reply::Edited { input };
    let input = json!({ "command": "make clean" });
    let by_chat = bench.engine.answer(&id, edited(input.clone()), chat()).await.unwrap_err();
    assert_eq!(by_chat, AnswerError::NotYours(NotYours::Terms));
    let no_object = bench.reply(&id, edited(json!("make"))).await.unwrap_err();
    assert!(matches!(no_object, AnswerError::Unfit(_)), "{no_object}");
    bench.reply(&id, edited(input.clone())).await.unwrap();
    let (_, decision) = run.decision().await;
    assert_eq!(decision, Decision::AllowEdited { input, class: Class::Exec });
}

#[tokio::test]
async fn a_grant_answers_the_very_same_in_its_task_until_it_ends() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![runs("r1", "make")]).await;
    let id = bench.requests(&task).remove(0).id;
    assert_eq!(
        bench.engine.answer(&id, Reply::Always, chat()).await.unwrap_err(),
        AnswerError::NotYours(NotYours::Terms)
    );
    bench.reply(&id, Reply::Always).await.unwrap();
    assert!(matches!(run.decision().await.1, Decision::AllowAgain { .. }));

    // The same again, in other words about it: answered, and told.
    let same = json!({ "command": "make", "description": "build it" });
    run.report(2, vec![wants("r2", "Bash", same)]).await;
    assert_eq!(run.decision().await, ("r2".to_owned(), Decision::Allow));
    let granted = bench.requests(&task).remove(1);
    let RequestState::Answered { answer, .. } = &granted.state else { panic!("{granted:?}") };
    assert_eq!(answer.by, Answerer::Grant { request_id: id.clone() });
    let events = bench.store.read(|tx| tx.last_events(&task.id, 0, 1)).unwrap();
    let EventKind::Note { text } = &events[0].kind else { panic!("{events:?}") };
    assert!(text.contains("as the owner granted it") && text.contains(id.as_str()), "{text}");

    // Anything else asks.
    for (n, other) in (3..).zip([
        runs("o1", "make all"),
        wants("o2", "PowerShell", json!({ "command": "make" })),
        wants("o3", "Bash", json!({ "command": "make", "run_in_background": true })),
    ]) {
        run.report(n, vec![other]).await;
        let task = bench.reaches(&task.id, "needs_input").await;
        let open = bench.requests(&task).pop().unwrap();
        bench.reply(&open.id, deny("no")).await.unwrap();
        run.decision().await;
        bench.reaches(&task.id, "running").await;
    }
}

#[tokio::test]
async fn a_grant_ends_after_eight_hours_and_is_no_other_tasks() {
    let long = Duration::from_secs(24 * 3600);
    let mut bench =
        Bench::with(Settings { max_timeout: long, default_timeout: long, ..settings() });
    let (task, mut run) = bench.asking(vec![runs("r1", "make")]).await;
    let id = bench.requests(&task).remove(0).id;
    bench.reply(&id, Reply::Always).await.unwrap();
    run.decision().await;
    bench.clock.advance(Duration::from_secs(8 * 3600 - 1));
    run.report(2, vec![runs("r2", "make")]).await;
    assert_eq!(run.decision().await.0, "r2");
    bench.clock.advance(Duration::from_secs(1));
    run.report(3, vec![runs("r3", "make")]).await;
    bench.reaches(&task.id, "needs_input").await;

    let mut new = new_task("y");
    new.project = Some("other".into());
    let other = bench.engine.start(new).await.unwrap().task;
    let run = bench.next_run().await;
    run.report(1, vec![runs("r1", "make")]).await;
    bench.reaches(&other.id, "needs_input").await;
}

#[tokio::test]
async fn after_a_crash_a_grant_still_holds_and_its_answer_is_given_again() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![runs("r1", "make")]).await;
    let id = bench.requests(&task).remove(0).id;
    bench.reply(&id, Reply::Always).await.unwrap();
    run.decision().await;
    run.report(2, vec![runs("r2", "make")]).await;
    run.decision().await;
    run.report(3, vec![Item::AnswerDelivered { agent_ref: "r1".into() }]).await;
    bench.engine.wait(&task.id, u64::MAX - 1, Duration::ZERO).await.unwrap();
    let mut bench = bench.killed_and_restarted();
    let mut run = bench.next_run().await;
    loop {
        let (agent_ref, decision) = run.decision().await;
        if agent_ref == "r2" {
            assert_eq!(decision, Decision::Allow);
            break;
        }
    }
    run.report(4, vec![runs("r4", "make")]).await;
    assert_eq!(run.decision().await, ("r4".to_owned(), Decision::Allow));
}

#[tokio::test]
async fn a_question_is_answered_with_its_choices_by_chat_or_owner() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![questions("q1")]).await;
    let id = bench.requests(&task).remove(0).id;
    let answers = |given: &[&str]| Reply::Answers {
        answers: given.iter().map(|&it| it.to_owned()).collect(),
    };
    for (reply, words) in [
        (answers(&["Red"]), "there are 2 questions and 1 answers"),
        (answers(&["3", "1"]), "3 is none of the 2 choices"),
        (answers(&["1", " "]), "an answer is empty"),
        (Reply::Approve, "it is a question"),
    ] {
        let error = bench.reply(&id, reply).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let request = bench.engine.answer(&id, answers(&["2", "s, L"]), chat()).await.unwrap();
    assert_eq!(request.state.name(), "answered");
    let (_, Decision::Answers { answers }) = run.decision().await else { panic!("no answers") };
    let answers: Vec<(&str, &str)> =
        answers.iter().map(|(asked, answer)| (asked.as_str(), answer.as_str())).collect();
    assert_eq!(answers, [("Which color?", "Blue"), ("Which sizes?", "S, L")]);
}

#[tokio::test]
async fn a_plan_is_approved_by_the_owner_alone_and_sent_back_by_the_chat() {
    let mut bench = Bench::new();
    let (task, mut run) = bench.asking(vec![plans("p1"), plans("p2"), plans("p3")]).await;
    let requests = bench.requests(&task);
    let by_chat = bench.engine.answer(&requests[0].id, Reply::Approve, chat()).await.unwrap_err();
    assert_eq!(by_chat, AnswerError::NotYours(NotYours::Plan));
    let changes = Reply::Answers { answers: vec!["smaller steps".into()] };
    bench.engine.answer(&requests[0].id, changes, chat()).await.unwrap();
    let message = "smaller steps".to_owned();
    assert_eq!(run.decision().await, ("p1".to_owned(), Decision::Deny { message }));
    bench.engine.answer(&requests[1].id, Reply::Deny { message: None }, chat()).await.unwrap();
    let (_, Decision::Deny { message }) = run.decision().await else { panic!("not denied") };
    assert!(message.contains("give the whole plan as your final answer"), "{message}");
    assert!(bench.reply(&requests[2].id, Reply::Always).await.is_err());
    bench.reply(&requests[2].id, Reply::Approve).await.unwrap();
    assert_eq!(run.decision().await, ("p3".to_owned(), Decision::Allow));
}

#[tokio::test]
async fn silence_lets_a_plan_be_the_answer() {
    let mut bench = Bench::new();
    let (_, mut run) = bench.asking(vec![plans("p1")]).await;
    bench.clock.advance(Duration::from_secs(3600));
    let (_, Decision::Deny { message }) = run.decision().await else { panic!("not denied") };
    assert_eq!(
        message,
        "no answer from the owner; give the whole plan as your final answer and stop"
    );
}
