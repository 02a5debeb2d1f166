//! How long tasks took that were completed; what estimates are made from.
use rusqlite::params;

use super::error::StoreError;
use super::{ReadTx, WriteTx};
use crate::model::{Estimate, TaskSpec};

/// Only the newest so many count: what took long a year ago may be quick by now.
const SAMPLES_MAX: i64 = 50;

const LIKE_IN_PROJECT: &str = "SELECT millis FROM durations
    WHERE executor = ?1 AND model = ?2 AND project = ?3 ORDER BY number DESC LIMIT ?4";
const LIKE_ANYWHERE: &str = "SELECT millis FROM durations
    WHERE executor = ?1 AND model = ?2 ORDER BY number DESC LIMIT ?3";

impl WriteTx<'_> {
    /// Notes how long a completed task has worked, in milliseconds.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn add_duration(&mut self, spec: &TaskSpec, millis: u64) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO durations (executor, model, project, millis) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                spec.executor,
                spec.model.as_deref().unwrap_or_default(),
                spec.project,
                millis.cast_signed(),
            ])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// How long tasks like `spec` take: those of its project by the same executor and model, or, when
    /// they are too few, those of all projects. Reads at most a hundred rows of two indexes.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn estimate(&self, spec: &TaskSpec) -> Result<Option<Estimate>, StoreError> {
        let model = spec.model.as_deref().unwrap_or_default();
        let in_project = params![spec.executor, model, spec.project, SAMPLES_MAX];
        if let Some(estimate) = Estimate::of(self.durations(LIKE_IN_PROJECT, in_project)?) {
            return Ok(Some(estimate));
        }
        let anywhere = params![spec.executor, model, SAMPLES_MAX];
        Ok(Estimate::of(self.durations(LIKE_ANYWHERE, anywhere)?))
    }

    fn durations(
        &self,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<u64>, StoreError> {
        let millis = self
            .connection()
            .prepare_cached(sql)?
            .query_map(values, |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?
            .collect::<Result<_, _>>()?;
        Ok(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::memory;
    use super::*;
    use crate::clock::SeededEntropy;
    use crate::model::testing::a_task;
    use crate::store::Store;

    fn spec(project: &str, model: Option<&str>) -> TaskSpec {
        let spec = a_task(&SeededEntropy::new(1), "x").spec;
        TaskSpec { project: project.into(), model: model.map(str::to_owned), ..spec }
    }

    async fn took(store: &Store, spec: &TaskSpec, minutes: &[u64]) {
        for minutes in minutes {
            let (spec, millis) = (spec.clone(), minutes * 60_000);
            store.write(move |tx| tx.add_duration(&spec, millis)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn estimates_come_from_the_project_else_from_all_and_never_from_another_model() {
        let store = memory();
        let estimate = |spec: &TaskSpec| store.read(|tx| tx.estimate(spec)).unwrap();
        let (here, there) = (spec("a", None), spec("b", None));
        took(&store, &here, &[1, 2, 3, 4]).await;
        assert_eq!(estimate(&here), None, "four are too few");
        took(&store, &there, &[10; 5]).await;
        assert_eq!(estimate(&here).unwrap().samples, 9, "those of all projects");
        took(&store, &here, &[5]).await;
        let known = estimate(&here).unwrap();
        assert_eq!((known.median_secs, known.p80_secs, known.samples), (180, 240, 5));
        assert_eq!(estimate(&spec("a", Some("opus"))), None);
        let other = TaskSpec { executor: "other".into(), ..here };
        assert_eq!(estimate(&other), None);
    }

    #[tokio::test]
    async fn only_the_newest_tasks_count() {
        let store = memory();
        let spec = spec("a", None);
        took(&store, &spec, &[60; 10]).await;
        took(&store, &spec, &[1; 50]).await;
        let estimate = store.read(|tx| tx.estimate(&spec)).unwrap().unwrap();
        assert_eq!((estimate.p80_secs, estimate.samples), (60, 50));
    }

    #[test]
    fn an_estimate_reads_two_covering_indexes_and_sorts_nothing() {
        let store = memory();
        for sql in [LIKE_IN_PROJECT, LIKE_ANYWHERE] {
            let plan = store.read(|tx| tx.plan(sql)).unwrap();
            assert!(plan.contains("SEARCH durations USING COVERING INDEX"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
