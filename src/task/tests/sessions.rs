//! Sessions that are handed over and gone on with, and messages to running agents.
use uuid::Uuid;

use super::*;
use crate::executor::Resume;
use crate::model::{FollowUp, LinkedSession};

fn session(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn link_of(caller: Caller, id: u128, project: &str, summary: &str) -> NewLink {
    let session = LinkedSession {
        session_id: session(id),
        summary: summary.into(),
        current_task: Some("the tests".into()),
        git_branch: None,
        turns: Some(3),
        files_modified: Vec::new(),
    };
    NewLink { session, project: Some(project.into()), caller }
}

fn client(name: &str) -> Caller {
    Caller::Client { client_id: name.parse().unwrap() }
}

#[tokio::test]
async fn a_session_handed_over_again_by_the_same_caller_is_the_same_task_with_new_words() {
    let bench = Bench::new();
    let (first, again) = bench.engine.link(link_of(client("a"), 1, "demo", "one")).await.unwrap();
    assert!(!again);
    assert_eq!((first.state.name(), first.spec.title().as_str()), ("linked", "one"));
    let (second, again) = bench.engine.link(link_of(client("a"), 1, "demo", "two")).await.unwrap();
    assert!(again);
    assert_eq!((second.id.clone(), second.spec.title().as_str()), (first.id, "two"));
    assert!(second.cursor > first.cursor, "nobody who waits would hear of it");
    assert_eq!(bench.store.read(|tx| tx.task(&second.id)).unwrap(), Some(second));
}

#[tokio::test]
async fn a_client_cannot_change_a_session_that_another_handed_over() {
    let bench = Bench::new();
    let (owners, _) = bench.engine.link(link_of(Caller::Owner, 1, "demo", "mine")).await.unwrap();
    let (clients, again) =
        bench.engine.link(link_of(client("a"), 1, "demo", "not mine")).await.unwrap();
    assert!(!again && clients.id != owners.id);
    assert_eq!(bench.store.read(|tx| tx.task(&owners.id)).unwrap(), Some(owners));
}

#[tokio::test]
async fn a_session_is_handed_over_into_a_known_project_and_into_one_only() {
    let bench = Bench::new();
    let refused = async |project: &str| {
        bench.engine.link(link_of(client("a"), 1, project, "x")).await.unwrap_err()
    };
    let unknown = LinkError::NoProject(NoProject::Unknown("nowhere".into()));
    assert_eq!(refused("nowhere").await, unknown);
    bench.engine.link(link_of(client("a"), 1, "demo", "x")).await.unwrap();
    assert_eq!(refused("other").await, LinkError::OtherProject);
}

#[tokio::test]
async fn a_client_hands_over_so_many_sessions_and_cancelling_one_makes_room() {
    let bench = Bench::new();
    let mut last = None;
    for n in 0..500 {
        last = Some(bench.engine.link(link_of(client("a"), n, "demo", "x")).await.unwrap().0);
    }
    let full = bench.engine.link(link_of(client("a"), 500, "demo", "x")).await.unwrap_err();
    assert_eq!(full, LinkError::TooMany(500));
    bench.engine.link(link_of(client("a"), 3, "demo", "an old one again")).await.unwrap();
    bench.engine.link(link_of(client("b"), 500, "demo", "another client")).await.unwrap();
    let gone = bench.engine.cancel(&last.unwrap().id, "test".into()).await.unwrap();
    assert_eq!(gone.state.name(), "cancelled");
    bench.engine.link(link_of(client("a"), 500, "demo", "x")).await.unwrap();
    let forgotten = bench.store.read(|tx| tx.tasks_of_session(session(499))).unwrap();
    assert_eq!(forgotten, []);
}

#[tokio::test]
async fn stopping_everything_lets_linked_sessions_be() {
    let bench = Bench::new();
    let (linked, _) = bench.engine.link(link_of(client("a"), 1, "demo", "x")).await.unwrap();
    assert_eq!(bench.engine.cancel_all("test".into(), None).await.unwrap(), []);
    assert_eq!(bench.store.read(|tx| tx.task(&linked.id)).unwrap(), Some(linked));
}

fn resuming(id: Uuid, project: &str) -> NewTask {
    let project = Some(project.to_owned());
    NewTask { session_id: Some(id), project, ..new_task("go on") }
}

#[tokio::test]
async fn an_ended_tasks_session_is_resumed_under_its_own_name() {
    let mut bench = Bench::new();
    let first = bench.start("one").await;
    let run = bench.next_run().await;
    let id = run.job.session_id;
    assert_eq!(run.job.resume, None);
    run.complete("done");
    bench.reaches(&first.id, "completed").await;
    let second = bench.engine.start(resuming(id, "demo")).await.unwrap().task;
    let run = bench.next_run().await;
    assert_eq!(run.job.session_id, id);
    assert_eq!(run.job.resume, Some(Resume { session_id: id, begun_in: None }));
    // The next gateway goes on with the same session.
    let mut bench = bench.killed_and_restarted();
    let run = bench.next_run().await;
    assert_eq!((run.job.task_id.clone(), run.job.session_id), (second.id, id));
    assert_eq!(run.job.resume, Some(Resume { session_id: id, begun_in: None }));
}

#[tokio::test]
async fn a_running_session_is_not_resumed_twice() {
    let mut bench = Bench::new();
    let first = bench.start("one").await;
    let run = bench.next_run().await;
    let id = run.job.session_id;
    let busy = bench.engine.start(resuming(id, "demo")).await.unwrap_err();
    assert_eq!(busy, StartError::SessionBusy(first.id.clone()));
    run.complete("done");
    bench.reaches(&first.id, "completed").await;
    // One that waits for its turn has the session already.
    let blocker = bench.start("two").await;
    let waiting = bench.engine.start(resuming(id, "demo")).await.unwrap().task;
    assert_eq!(waiting.state.name(), "queued");
    let busy = bench.engine.start(resuming(id, "demo")).await.unwrap_err();
    assert_eq!(busy, StartError::SessionBusy(waiting.id));
    drop(blocker);
}

#[tokio::test]
async fn a_repeated_call_to_resume_finds_the_task_that_the_first_one_started() {
    let mut bench = Bench::new();
    let first = bench.start("one").await;
    let run = bench.next_run().await;
    let id = run.job.session_id;
    run.complete("done");
    bench.reaches(&first.id, "completed").await;
    let keyed = || NewTask { idempotency_key: Some("k".into()), ..resuming(id, "demo") };
    let started = bench.engine.start(keyed()).await.unwrap();
    let again = bench.engine.start(keyed()).await.unwrap();
    assert!(again.existing);
    assert_eq!(again.task.id, started.task.id);
}

#[tokio::test]
async fn a_session_of_another_project_is_answered_like_none() {
    let mut bench = Bench::new();
    let first = bench.start("one").await;
    let run = bench.next_run().await;
    let id = run.job.session_id;
    let foreign = bench.engine.start(resuming(id, "other")).await.unwrap_err();
    assert_eq!(foreign, StartError::UnknownSession(id));
    run.complete("done");
    bench.reaches(&first.id, "completed").await;
    for (id, project) in [(id, "other"), (session(99), "demo")] {
        let refused = bench.engine.start(resuming(id, project)).await.unwrap_err();
        assert_eq!(refused, StartError::UnknownSession(id));
    }
}

#[tokio::test]
async fn a_linked_session_is_resumed_as_a_copy_that_must_have_begun_in_the_project() {
    let mut bench = Bench::new();
    let link = link_of(Caller::Owner, 1, "demo", "x");
    let (linked, _) = bench.engine.link(link).await.unwrap();
    bench.engine.start(resuming(session(1), "demo")).await.unwrap();
    let run = bench.next_run().await;
    assert_ne!(run.job.session_id, session(1), "the terminal's own session would be written to");
    let begun_in = Some(PathBuf::from("/home/owner/demo"));
    assert_eq!(run.job.resume, Some(Resume { session_id: session(1), begun_in }));
    assert_eq!(bench.store.read(|tx| tx.task(&linked.id)).unwrap().unwrap().state.name(), "linked");
}

fn follow_ups(task: &Task) -> usize {
    task.run.as_ref().map_or(0, |run| run.follow_ups.len())
}

#[tokio::test]
async fn a_message_reaches_a_running_agent_and_counts_once() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    let id = bench.engine.say(&task.id, "also the docs".into(), "test".into()).await.unwrap();
    let message = FollowUp { id, text: "also the docs".into() };
    assert_eq!(run.commands.recv().await.unwrap(), Command::Say(message));
    run.report(5, vec![Item::FollowUpDelivered { id }]).await;
    run.report(6, vec![Item::FollowUpDelivered { id }]).await;
    run.complete("");
    let task = bench.reaches(&task.id, "completed").await;
    assert_eq!(follow_ups(&task), 0);
    let events = bench.store.read(|tx| tx.last_events(&task.id, 0, 50)).unwrap();
    let is = |kind: &EventKind| matches!(kind, EventKind::FollowUpDelivered { message_id } if *message_id == id);
    assert_eq!(events.iter().filter(|event| is(&event.kind)).count(), 1, "{events:?}");
    let said = |kind: &EventKind| matches!(kind, EventKind::FollowUp { text, by, .. } if text == "also the docs" && by == "test");
    assert_eq!(events.iter().filter(|event| said(&event.kind)).count(), 1, "{events:?}");
}

#[tokio::test]
async fn after_a_crash_a_message_that_did_not_arrive_is_brought_again_under_its_own_name() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    bench.next_run().await;
    let id = bench.engine.say(&task.id, "wait".into(), "test".into()).await.unwrap();
    let mut bench = bench.killed_and_restarted();
    let mut run = bench.next_run().await;
    let message = FollowUp { id, text: "wait".into() };
    assert_eq!(run.commands.recv().await.unwrap(), Command::Say(message));
}

#[tokio::test]
async fn a_message_that_the_agent_never_had_is_told() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    let lost = bench.engine.say(&task.id, "one".into(), "test".into()).await.unwrap();
    bench.engine.say(&task.id, "two".into(), "test".into()).await.unwrap();
    run.report(5, vec![Item::FollowUpLost { id: lost, why: "it was going".into() }]).await;
    run.complete("");
    let task = bench.reaches(&task.id, "completed").await;
    assert_eq!(follow_ups(&task), 0);
    let events = bench.store.read(|tx| tx.last_events(&task.id, 0, 50)).unwrap();
    let noted = |part: &str| {
        events.iter().any(|it| matches!(&it.kind, EventKind::Note { text } if text.contains(part)))
    };
    assert!(noted("did not reach the agent: it was going"), "{events:?}");
    assert!(noted("before it had 1 of the messages"), "{events:?}");
}

#[tokio::test]
async fn a_message_that_nobody_can_hear_is_refused() {
    let mut bench = Bench::with(Settings { max_concurrent: 1, ..settings() });
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    let queued = bench.start("y").await;
    let say = async |bench: &Bench, id: &TaskId, text: &str| {
        bench.engine.say(id, text.into(), "test".into()).await.unwrap_err()
    };
    assert_eq!(say(&bench, &task.id, " ").await, SayError::Empty);
    let long = "x".repeat(1001);
    assert_eq!(say(&bench, &task.id, &long).await, SayError::TooLong { bytes: 1001, max: 1000 });
    let waits = SayError::NotRunning { id: queued.id.clone(), state: "queued" };
    assert_eq!(say(&bench, &queued.id, "z").await, waits);
    for _ in 0..8 {
        bench.engine.say(&task.id, "again".into(), "test".into()).await.unwrap();
    }
    assert_eq!(say(&bench, &task.id, "again").await, SayError::TooMany(8));
    run.complete("");
    bench.reaches(&task.id, "completed").await;
    let over = SayError::NotRunning { id: task.id.clone(), state: "completed" };
    assert_eq!(say(&bench, &task.id, "z").await, over);
}
