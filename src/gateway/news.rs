//! What the tool `whats_new` is told: a page of the news, and what is open.
use crate::mcp::{NewsPage, NewsQuery};
use crate::store::{NewsOrder, ReadTx, StoreError};

/// Reads a page. Its cursor was read before the events: what is committed meanwhile is either on the
/// page or after the cursor.
pub(super) fn page(tx: &ReadTx<'_>, query: &NewsQuery) -> Result<NewsPage, StoreError> {
    let newest = tx.newest_event()?;
    let projects = query.projects.as_deref();
    let open = tx.open_tasks(projects)?;
    let Some(after) = query.after else {
        let order = NewsOrder::Before(newest.saturating_add(1));
        let mut events = tx.news(projects, order, query.limit + 1)?;
        events.retain(|event| event.at >= query.since);
        let more = events.len() > query.limit;
        events.truncate(query.limit);
        events.reverse();
        return Ok(NewsPage { events, cursor: newest, more, open });
    };
    let mut events = tx.news(projects, NewsOrder::After(after), query.limit + 1)?;
    let more = events.len() > query.limit;
    events.truncate(query.limit);
    let last = events.last().map_or(after, |event| event.seq);
    // A cursor that is ahead of the log is none of this log: the caller is told, see the tool.
    let cursor = if more { last } else { newest.max(if events.is_empty() { 0 } else { last }) };
    Ok(NewsPage { events, cursor, more, open })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::{ManualClock, SeededEntropy, Timestamp};
    use crate::model::testing::a_task;
    use crate::model::{Event, EventKind, Task};
    use crate::store::Store;

    const PROJECTS: [&str; 3] = ["alpha", "beta", "gamma"];

    /// What happens to the gateway.
    #[derive(Clone, Debug)]
    enum Step {
        /// A task of this project comes.
        Begin(usize),
        /// Something happens to the nth task.
        Happens(usize, bool),
        /// The nth reader looks, at pages of so many events.
        Look(usize, usize),
        /// The gateway is started again.
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => (0..PROJECTS.len()).prop_map(Step::Begin),
            8 => (any::<usize>(), any::<bool>()).prop_map(|(n, news)| Step::Happens(n, news)),
            4 => (0..3_usize, 1..6_usize).prop_map(|(reader, limit)| Step::Look(reader, limit)),
            1 => Just(Step::Restart),
        ]
    }

    /// Somebody who looks now and then, held to projects or not.
    struct Reader {
        projects: Option<Vec<String>>,
        cursor: u64,
        told: Vec<u64>,
    }

    impl Reader {
        /// Looks once; whether there is more.
        fn look(&mut self, store: &Store, limit: usize) -> bool {
            let query = NewsQuery {
                projects: self.projects.clone(),
                after: Some(self.cursor),
                since: Timestamp::default(),
                limit,
            };
            let found = store.read(|tx| page(tx, &query)).unwrap();
            assert!(found.cursor >= self.cursor, "the cursor went back");
            assert!(found.events.len() <= limit);
            self.cursor = found.cursor;
            self.told.extend(found.events.iter().map(|event| event.seq));
            found.more
        }

        fn sees(&self, project: &str) -> bool {
            self.projects.as_ref().is_none_or(|held| held.iter().any(|it| it == project))
        }
    }

    fn open(path: &Path) -> Store {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        Store::open(&path.join("gateway.db"), clock).unwrap()
    }

    async fn insert(store: &Store, project: &str, entropy: &SeededEntropy) -> Task {
        let mut new = a_task(entropy, "x");
        new.spec.project = project.into();
        let stored = store.write(move |tx| {
            tx.insert_task(&mut new)?;
            Ok::<_, StoreError>(new)
        });
        stored.await.unwrap()
    }

    async fn happens(store: &Store, task: &mut Task, kind: EventKind) {
        let mut changed = task.clone();
        let stored = store.write(move |tx| {
            tx.update_task(&mut changed, &[kind])?;
            Ok::<_, StoreError>(changed)
        });
        *task = stored.await.unwrap();
    }

    fn ended() -> EventKind {
        EventKind::Ended { state: "completed".into(), summary: "done".into() }
    }

    async fn course(steps: Vec<Step>) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let entropy = SeededEntropy::new(1);
        let mut tasks: Vec<Task> = Vec::new();
        let held = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        let mut readers = [None, held(&["alpha"]), held(&["beta", "gamma"])]
            .map(|projects| Reader { projects, cursor: 0, told: Vec::new() });
        // What is news, and whose.
        let mut news: Vec<(u64, &str)> = Vec::new();
        for step in steps {
            match step {
                Step::Begin(project) => {
                    let task = insert(&store, PROJECTS[project], &entropy).await;
                    news.push((task.cursor, PROJECTS[project]));
                    tasks.push(task);
                }
                Step::Happens(n, is_news) if !tasks.is_empty() => {
                    let n = n % tasks.len();
                    let note = EventKind::Note { text: "on the way".into() };
                    let kind = if is_news { ended() } else { note };
                    happens(&store, &mut tasks[n], kind).await;
                    let project = PROJECTS.iter().find(|it| **it == tasks[n].spec.project).unwrap();
                    news.extend(is_news.then_some((tasks[n].cursor, *project)));
                }
                Step::Happens(..) => {}
                Step::Look(reader, limit) => {
                    readers[reader].look(&store, limit);
                }
                Step::Restart => {
                    store.close();
                    drop(store);
                    store = open(folder.path());
                }
            }
        }
        for reader in &mut readers {
            while reader.look(&store, 2) {}
            let seen = news.iter().filter(|(_, project)| reader.sees(project));
            let expected: Vec<u64> = seen.map(|(seq, _)| *seq).collect();
            assert_eq!(reader.told, expected, "{:?}", reader.projects);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn whatever_happens_each_reader_is_told_all_of_its_news_once(
            steps in proptest::collection::vec(step(), 0..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(course(steps));
        }
    }

    #[tokio::test]
    async fn without_a_cursor_it_is_the_last_day_and_what_is_open_and_later_calls_go_on_from_now() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let store = Store::in_memory(clock.clone()).unwrap();
        let entropy = SeededEntropy::new(1);
        let old = insert(&store, "alpha", &entropy).await;
        clock.advance(std::time::Duration::from_secs(90_000));
        let new = insert(&store, "beta", &entropy).await;
        let since = Timestamp::from_millis(1_000 + 90_000_000 - 86_400_000);
        let look = |after, projects: Option<&[&str]>| {
            let projects = projects.map(|names| names.iter().map(ToString::to_string).collect());
            store.read(|tx| page(tx, &NewsQuery { projects, after, since, limit: 10 })).unwrap()
        };
        let seqs = |events: &[Event]| events.iter().map(|event| event.seq).collect::<Vec<_>>();
        let first = look(None, None);
        assert_eq!(seqs(&first.events), [new.cursor]);
        let ids: Vec<_> = first.open.iter().map(|task| task.id.clone()).collect();
        assert_eq!(ids, [old.id.clone(), new.id.clone()]);
        assert_eq!(look(Some(first.cursor), None).events, []);
        // One who is held to a project hears of nothing else, and is not told that there was any.
        let held = look(None, Some(&["alpha"]));
        assert_eq!((held.events.len(), held.open.len()), (0, 1));
        let third = insert(&store, "beta", &entropy).await;
        assert_eq!(seqs(&look(Some(first.cursor), None).events), [third.cursor]);
        assert_eq!(look(Some(held.cursor), Some(&["alpha"])).events, []);
    }
}
