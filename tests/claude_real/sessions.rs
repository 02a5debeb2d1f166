//! Sessions that are gone on with in another folder, and messages in the middle of a turn.
use gateway::executor::{Job, Resume};
use gateway::model::{Cost, FollowUp};
use uuid::Uuid;

use super::*;

/// A place of another task: a work folder of its own, the same Claude Code.
fn another(root: &Path, model: &Model, name: &str) -> Bench {
    Bench::new(&root.join(name), &claude(), environment(root, model.port))
}

fn going_on(bench: &Bench, session_id: Uuid, copied_from: Option<&Path>) -> Job {
    let mut job = bench.job("[scenario:hello] and then", Start::Fresh);
    if copied_from.is_none() {
        job.session_id = session_id;
    }
    let begun_in = copied_from.map(|path| path.canonicalize().unwrap());
    job.resume = Some(Resume { session_id, begun_in });
    job
}

fn cost(reports: &[Report]) -> Cost {
    let last = items(reports).into_iter().rev().find_map(|item| match item {
        Item::Usage { cost, .. } => Some(cost),
        _ => None,
    });
    last.unwrap()
}

fn same(one: Cost, other: Cost) -> bool {
    let usd = |cost: Cost| cost.usd.unwrap_or(-1.0);
    (usd(one) - usd(other)).abs() < 1e-9
}

/// The texts of the conversation in the newest request.
fn history(model: &Model) -> String {
    let log = std::fs::read_to_string(&model.log).unwrap();
    let newest: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    newest["body"]["messages"].to_string()
}

fn records(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let folders = std::fs::read_dir(root.join("home/.claude/projects")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let records = paths.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    records.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

async fn first_words(bench: &Bench) -> Cost {
    let (ended, reports) = bench.fresh("[scenario:hello] the first words").ended().await;
    assert_completed(&ended);
    cost(&reports)
}

#[tokio::test]
async fn a_resumed_session_knows_what_was_said_although_it_works_in_another_clone() {
    let (root, model, bench) = set_up();
    let first = first_words(&bench).await;
    assert!(first.usd.is_some_and(|usd| usd > 0.0));
    // The clone of an ended task may be gone.
    std::fs::remove_dir_all(bench.path("work")).unwrap();
    for name in ["second", "third"] {
        let next = another(root.path(), &model, name);
        let job = going_on(&next, bench.session_id(), None);
        let (ended, reports) = next.run(job).ended().await;
        assert_completed(&ended);
        let history = history(&model);
        assert!(history.contains("the first words") && history.contains("and then"), "{history}");
        let work = next.path("work").canonicalize().unwrap();
        assert!(history.contains(work.to_str().unwrap()), "it does not know its folder: {history}");
        // Each is told its own part of what the session has cost.
        let own = cost(&reports);
        assert!(same(own, first), "{own:?} after {first:?}");
        assert_eq!(own.input_tokens, first.input_tokens);
        assert_eq!(records(root.path()).len(), 1, "the session was copied");
    }
}

#[tokio::test]
async fn a_terminals_session_is_gone_on_with_in_a_copy_and_stays_as_it_is() {
    let (root, model, bench) = set_up();
    let first = first_words(&bench).await;
    let before = records(root.path());
    let next = another(root.path(), &model, "second");
    let job = going_on(&next, bench.session_id(), Some(&bench.path("work")));
    let (ended, reports) = next.run(job).ended().await;
    assert_completed(&ended);
    assert!(history(&model).contains("the first words"));
    assert!(same(cost(&reports), first), "{:?}", cost(&reports));
    let after = records(root.path());
    assert_eq!(after.len(), 2);
    assert!(after.contains(&before[0]), "the terminal's session was written to");
}

#[tokio::test]
async fn a_session_that_began_elsewhere_is_not_resumed_as_one_of_this_project() {
    let (root, model, bench) = set_up();
    first_words(&bench).await;
    let requests = std::fs::read_to_string(&model.log).unwrap();
    let next = another(root.path(), &model, "second");
    // Handed over as one of `second`; it began in the first bench's folder.
    let job = going_on(&next, bench.session_id(), Some(&next.path("work")));
    let (ended, _) = next.run(job).ended().await;
    let Verdict::Failed(failure) = &ended.verdict else { panic!("{ended:?}") };
    assert!(failure.message.contains("did not begin in this project"), "{failure:?}");
    assert_eq!(std::fs::read_to_string(&model.log).unwrap(), requests, "the model was asked");
}

#[tokio::test]
async fn what_was_allowed_in_a_session_before_is_asked_again_when_it_is_resumed() {
    let (root, model, bench) = set_up();
    let mut run = bench.fresh("[scenario:edit-file file=notes.txt word=once] please");
    let question = run.question().await;
    run.answer(&question, Decision::Allow).await;
    assert_completed(&run.ended().await.0);
    let next = another(root.path(), &model, "second");
    let mut job = going_on(&next, bench.session_id(), None);
    job.prompt = "[scenario:edit-file file=notes.txt word=twice] please".to_owned();
    let mut run = next.run(job);
    let question = run.question().await;
    run.answer(&question, Decision::Deny { message: "no".to_owned() }).await;
    run.ended().await;
    assert!(!next.work("notes.txt").exists());
}

#[tokio::test]
async fn a_message_in_the_middle_of_a_turn_reaches_the_model_once() {
    let (_root, model, bench) = set_up();
    let mut run = bench.fresh("[scenario:gated gate=middle] please");
    model.waits_at("middle").await;
    let text = "[scenario:hello] and the docs, too".to_owned();
    let message = FollowUp { id: Uuid::from_u128(0x4def_8123_4567), text };
    run.say(&message).await;
    run.until(|item| *item == Item::FollowUpDelivered { id: message.id }).await;
    // A second gateway brings it again.
    run.say(&message).await;
    model.open("middle");
    let (ended, _) = run.ended().await;
    assert_completed(&ended);
    assert_eq!(answer(&ended), "Hello from the scripted model.");
    let history = history(&model);
    assert_eq!(history.matches("and the docs, too").count(), 1, "{history}");
    assert!(bench.processes().is_empty());
}
