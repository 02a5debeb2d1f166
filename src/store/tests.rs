use std::sync::Arc;

use super::*;
use crate::clock::{ManualClock, SeededEntropy, SystemClock, Timestamp};
use crate::model::testing::a_task;
use crate::model::{EventKind, Task, TaskId, TaskState};

pub(super) fn memory() -> Store {
    Store::in_memory(Arc::new(ManualClock::new(Timestamp::from_millis(5)))).unwrap()
}

async fn insert(store: &Store, mut task: Task) -> Task {
    store
        .write(move |tx| {
            tx.insert_task(&mut task)?;
            Ok::<_, StoreError>(task)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_task_reads_back_as_it_was_written_also_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    let task = insert(&store, a_task(&SeededEntropy::new(1), "hello")).await;
    assert_eq!(store.read(|tx| tx.task(&task.id)).unwrap(), Some(task.clone()));
    store.close();
    drop(store);
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    assert_eq!(store.read(|tx| tx.task(&task.id)).unwrap(), Some(task.clone()));
    assert_eq!(*store.committed().borrow(), task.cursor);
}

#[tokio::test]
async fn a_remembered_task_is_the_one_last_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Arc::new(SystemClock)).unwrap();
    let mut task = insert(&store, a_task(&SeededEntropy::new(1), "hello")).await;
    assert_eq!(store.task(&TaskId::random(&SeededEntropy::new(2))).unwrap(), None);
    for turns in 1..20 {
        assert_eq!(store.task(&task.id).unwrap().as_deref(), Some(&task));
        let again = store.task(&task.id).unwrap().unwrap();
        assert!(Arc::ptr_eq(&again, &store.task(&task.id).unwrap().unwrap()));
        task.progress.turns = turns;
        let mut next = task.clone();
        task = store
            .write(move |tx| {
                tx.update_task(&mut next, &[])?;
                Ok::<_, StoreError>(next)
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_task_that_changes_while_it_is_read_is_not_remembered_as_it_was() {
    let store = memory();
    let task = insert(&store, a_task(&SeededEntropy::new(1), "hello")).await;
    let remembered = RememberedTasks::default();
    let old = || {
        remembered.forget(std::slice::from_ref(&task.id));
        Ok(Some(task.clone()))
    };
    remembered.get(&task.id, old).unwrap();
    assert_eq!(remembered.get(&task.id, || Ok(None)).unwrap(), None);
}

#[tokio::test]
async fn a_failing_closure_undoes_only_itself_and_leaves_no_event() {
    let store = memory();
    let entropy = SeededEntropy::new(1);
    let lost = a_task(&entropy, "lost");
    let id = lost.id.clone();
    let result: Result<(), StoreError> = store
        .write(move |tx| {
            let mut lost = lost;
            tx.insert_task(&mut lost)?;
            Err(StoreError::Closed)
        })
        .await;
    assert_eq!(result, Err(StoreError::Closed));
    assert_eq!(store.read(|tx| tx.task(&id)).unwrap(), None);
    let kept = insert(&store, a_task(&entropy, "kept")).await;
    assert_eq!(kept.cursor, 1, "a sequence number was wasted");
}

#[tokio::test]
async fn a_panicking_closure_neither_ends_the_writer_nor_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Arc::new(SystemClock)).unwrap();
    let panics = store.write(|_: &mut WriteTx<'_>| -> Result<(), StoreError> { panic!("planted") });
    let works = insert(&store, a_task(&SeededEntropy::new(1), "fine"));
    let (panicked, task) = tokio::join!(panics, works);
    assert_eq!(panicked, Err(StoreError::Panicked));
    assert!(store.read(|tx| tx.task(&task.id)).unwrap().is_some());
}

#[tokio::test]
async fn concurrent_writers_all_commit_and_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Arc::new(SystemClock)).unwrap();
    let entropy = SeededEntropy::new(1);
    let writes = (0..200).map(|n| insert(&store, a_task(&entropy, &format!("task {n}"))));
    let tasks = futures::future::join_all(writes).await;
    let mut cursors: Vec<u64> = tasks.iter().map(|task| task.cursor).collect();
    cursors.sort_unstable();
    assert_eq!(cursors, (1..=200).collect::<Vec<u64>>());
}

#[tokio::test]
async fn registrations_that_race_for_the_last_places_take_no_more_than_there_are() {
    use crate::model::{Client, ClientId, ClientKind, ProjectAccess, Registration, Scopes};
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Arc::new(SystemClock)).unwrap();
    let now = SystemClock.now();
    let entropy = SeededEntropy::new(1);
    let register = |_| {
        let client = Client {
            id: ClientId::random(&entropy),
            name: "x".into(),
            registration: Registration::Dynamic,
            redirect_uris: Vec::new(),
            approved_at: None,
            kind: ClientKind::Public,
            scopes: Scopes::all(),
            projects: ProjectAccess::All,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        store.write(move |tx| tx.insert_registration(&client, now, 3).map(|()| client.id))
    };
    let racing = futures::future::join_all((0..64).map(register)).await;
    let kept = store.read(|tx| tx.clients()).unwrap();
    assert_eq!(kept.len(), 3);
    let last: Vec<ClientId> = racing[61..].iter().map(|id| id.clone().unwrap()).collect();
    assert!(kept.iter().all(|client| last.contains(&client.id)), "the newest stay");
}

#[tokio::test]
async fn a_subscriber_sees_every_event_once_in_order_from_any_point() {
    let store = memory();
    let entropy = SeededEntropy::new(1);
    let mut task = insert(&store, a_task(&entropy, "x")).await;
    let mut follower = store.subscribe(task.cursor);
    for n in 0..600 {
        let mut changed = task.clone();
        task = store
            .write(move |tx| {
                tx.update_task(&mut changed, &[EventKind::Note { text: n.to_string() }])?;
                Ok::<_, StoreError>(changed)
            })
            .await
            .unwrap();
    }
    for n in 0..600 {
        let event = follower.next().await.unwrap();
        assert_eq!(event.kind, EventKind::Note { text: n.to_string() });
        assert_eq!(event.seq, n + 2);
    }
}

#[tokio::test]
async fn a_waiting_subscriber_wakes_at_the_commit() {
    let store = memory();
    let mut follower = store.subscribe(0);
    let (event, task) =
        tokio::join!(follower.next(), insert(&store, a_task(&SeededEntropy::new(1), "x")));
    assert_eq!(event.unwrap().task_id, task.id);
}

#[tokio::test]
async fn lists_filter_by_every_field_and_page_through() {
    let store = memory();
    let entropy = SeededEntropy::new(1);
    for n in 0..25 {
        let mut task = a_task(&entropy, &format!("fix bug number{n} in \"parser\""));
        task.spec.project = if n % 2 == 0 { "even".into() } else { "odd".into() };
        insert(&store, task).await;
    }
    let list = |filter: TaskFilter| store.read(|tx| tx.list_tasks(&filter)).unwrap();
    let page = list(TaskFilter { limit: 10, ..TaskFilter::default() });
    assert_eq!(page.tasks.len(), 10);
    assert_eq!(page.tasks[0].spec.prompt, "fix bug number24 in \"parser\"");
    let rest = list(TaskFilter { limit: 100, before: page.next, ..TaskFilter::default() });
    assert_eq!((rest.tasks.len(), rest.next), (15, None));
    let odd =
        TaskFilter { projects: Some(vec!["odd".into()]), limit: 100, ..TaskFilter::default() };
    assert_eq!(list(odd).tasks.len(), 12);
    let text = |text: &str| {
        list(TaskFilter { text: Some(text.into()), limit: 100, ..TaskFilter::default() })
            .tasks
            .len()
    };
    assert_eq!(text("number7"), 1);
    assert_eq!(text("pars BUG"), 25);
    assert_eq!(text("nowhere"), 0);
    assert_eq!(text("\" OR * NEAR("), 0, "query syntax is text");
    let done = TaskFilter { states: vec!["completed"], limit: 10, ..TaskFilter::default() };
    assert!(list(done).tasks.is_empty());
    let since = Some(Timestamp::from_millis(2));
    assert!(list(TaskFilter { since, limit: 10, ..TaskFilter::default() }).tasks.is_empty());
}

#[test]
fn a_database_of_a_newer_gateway_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    drop(Store::open(&path, Arc::new(SystemClock)).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 9_999).unwrap();
    drop(connection);
    let error = Store::open(&path, Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9_999, .. }), "{error:?}");
}

#[test]
fn an_older_database_is_migrated_and_a_private_copy_of_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    schema::make_older(&path, 1).unwrap();
    let older = Connection::open(&path).unwrap();
    older.execute("INSERT INTO events (at, task_id, body) VALUES (1, 't', '{}')", []).unwrap();
    drop(older);
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    assert_eq!(*store.committed().borrow(), 1, "the old rows are there");
    drop(store);
    let backup = dir.path().join("gateway.db.v1.bak");
    let kept = Connection::open(&backup).unwrap();
    let version: i64 = kept.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    assert!(gateway_os::private_file::open_private(&backup).is_ok(), "others can read the copy");
    // A second start finds nothing to do.
    drop(Store::open(&path, Arc::new(SystemClock)).unwrap());
}

#[tokio::test]
async fn clients_made_before_others_could_register_are_the_owners_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    schema::make_older(&path, 2).unwrap();
    let older = Connection::open(&path).unwrap();
    let body = r#"{"id":"gw_old","name":"claude","registration":"static","kind":{"kind":"public"},
        "scopes":"observe","projects":"all","created_at":1,"expires_at":null,"revoked_at":null,
        "last_used_at":null}"#;
    let insert = "INSERT INTO clients (id, created_at, body) VALUES ('gw_old', 1, ?1)";
    older.execute(insert, [body]).unwrap();
    drop(older);
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    let pruned = store.write(|tx| tx.prune_registrations(tx.now())).await;
    assert_eq!(pruned, Ok::<_, StoreError>(0));
    let client = store.read(|tx| tx.clients()).unwrap().remove(0);
    assert_eq!(client.registration, crate::model::Registration::Static);
    assert!(client.redirect_uris.is_empty() && client.approved_at.is_none());
    assert!(client.is_approved(crate::clock::Timestamp::from_millis(2)));
}

#[test]
fn a_file_that_is_no_database_is_named_as_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    std::fs::write(&path, "this is not a database, whatever its name may say".repeat(100)).unwrap();
    assert_eq!(Store::open(&path, Arc::new(SystemClock)).unwrap_err(), StoreError::Corrupt);
}

#[tokio::test]
async fn a_closed_store_refuses_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.db"), Arc::new(SystemClock)).unwrap();
    store.close();
    assert_eq!(store.write(|_| Ok::<_, StoreError>(())).await, Err(StoreError::Closed));
}

/// A database with so many events, one in a hundred of them news, of two projects in turn.
fn crowded(path: &std::path::Path, events: u32) -> Store {
    drop(Store::open(path, Arc::new(SystemClock)).unwrap());
    let connection = Connection::open(path).unwrap();
    connection
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO events (at, task_id, body, news)
             SELECT i, '00000000000000000000000001', '{\"event\":\"queued\"}',
                 CASE WHEN i % 100 = 0 THEN CASE WHEN i % 200 = 0 THEN 'alpha' ELSE 'beta' END END
             FROM n",
            [events],
        )
        .unwrap();
    drop(connection);
    Store::open(path, Arc::new(SystemClock)).unwrap()
}

#[test]
fn news_and_logs_cost_the_same_among_a_thousand_events_and_a_million() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = [1_000_u32, 1_000_000];
    let fastest = sizes.map(|size| {
        let store = crowded(&dir.path().join(format!("{size}.db")), size);
        let (held, newest) = (["alpha".to_owned()], u64::from(size));
        let task: TaskId = "00000000000000000000000001".parse().unwrap();
        let once = || {
            let begun = std::time::Instant::now();
            store
                .read(|tx| {
                    tx.open_tasks(None)?;
                    for projects in [None, Some(&held[..])] {
                        assert_eq!(tx.news(projects, NewsOrder::After(0), 5)?.len(), 5);
                        assert_eq!(tx.news(projects, NewsOrder::After(newest), 5)?.len(), 0);
                        assert_eq!(tx.news(projects, NewsOrder::Before(newest + 1), 5)?.len(), 5);
                    }
                    assert_eq!(tx.events_before(&task, newest / 2, 50)?.len(), 50);
                    Ok::<_, StoreError>(())
                })
                .unwrap();
            begun.elapsed()
        };
        (0..50).map(|_| once()).min().unwrap()
    });
    // Reading them all would take a thousand times as long.
    assert!(fastest[1] < fastest[0] * 2, "{sizes:?} events: {fastest:?}");
}

#[test]
fn what_an_older_gateway_logged_is_news_too_and_its_sessions_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    schema::make_older(&path, 5).unwrap();
    let older = Connection::open(&path).unwrap();
    let id = "00000000000000000000000001";
    let session = uuid::Uuid::from_u128(7);
    // As they were written before: without the fields that came since.
    let spec = r#"{"prompt":"old","project":"demo","executor":"claude","model":null,"plan_only":false,
        "timeout_secs":60,"idempotency_key":null,"caller":{"by":"owner"}}"#;
    let body = format!(
        r#"{{"state":{{"state":"running","started_at":1,"phase":"agent"}},
            "progress":{{"text":"","activity":"","turns":0}},
            "cost":{{"usd":0.0,"input_tokens":0,"output_tokens":0}},"workspace":null,
            "run":{{"dir":"/run","session_id":"{session}","offset":3}}}}"#
    );
    older
        .execute(
            "INSERT INTO tasks (id, state, project, executor, created_at, updated_at, cursor, spec, body)
             VALUES (?1, 'running', 'demo', 'claude', 1, 1, 4, ?2, ?3)",
            [id, spec, &body],
        )
        .unwrap();
    for event in [
        r#"{"event":"queued"}"#,
        r#"{"event":"started","session_id":null,"reattached":true}"#,
        r#"{"event":"text","text":"x"}"#,
        r#"{"event":"started","session_id":null,"reattached":false}"#,
    ] {
        let insert = "INSERT INTO events (at, task_id, body) VALUES (1, ?1, ?2)";
        older.execute(insert, [id, event]).unwrap();
    }
    drop(older);
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    let news = store.read(|tx| tx.news(None, NewsOrder::After(0), 9)).unwrap();
    assert_eq!(news.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 4]);
    assert!(news.iter().all(|event| event.kind.is_news()));
    let found = store.read(|tx| tx.tasks_of_session(session)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].session_id(), Some(session));
    assert_eq!(found[0].spec.resume, None);
}

fn linked(entropy: &SeededEntropy, summary: &str) -> Task {
    let session = crate::model::LinkedSession {
        session_id: uuid::Uuid::from_u128(7),
        summary: summary.into(),
        current_task: None,
        git_branch: None,
        turns: None,
        files_modified: Vec::new(),
    };
    let state = TaskState::Linked { at: Timestamp::from_millis(1), session: Box::new(session) };
    Task { state, ..a_task(entropy, summary) }
}

#[tokio::test]
async fn a_session_that_is_handed_over_again_is_found_by_its_new_words_only() {
    let store = memory();
    let entropy = SeededEntropy::new(1);
    let mut task = insert(&store, linked(&entropy, "sorting the parser")).await;
    let other = linked(&entropy, "another");
    let twice = store.write(move |tx| tx.insert_task(&mut other.clone())).await;
    assert!(twice.is_err(), "one caller has a session twice");
    task.spec.prompt = "writing the docs".into();
    let mut again = task.clone();
    store.write(move |tx| tx.relink_task(&mut again)).await.unwrap();
    let hits = |text: &str| {
        let filter = TaskFilter { text: Some(text.into()), limit: 9, ..TaskFilter::default() };
        store.read(|tx| tx.list_tasks(&filter)).unwrap().tasks.len()
    };
    assert_eq!((hits("parser"), hits("docs")), (0, 1));
    let news = store.read(|tx| tx.news(None, NewsOrder::After(0), 9)).unwrap();
    assert_eq!(news.len(), 2, "each hand-over is news: {news:?}");
}
