//! What was spent, by day and project. A day is one of the workstation's calendar: SQLite asks the C
//! library for it, so that a change of the clocks or of the time zone needs nothing here.
use rusqlite::params;

use super::error::StoreError;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::model::DaySpending;

impl WriteTx<'_> {
    /// Adds US dollars to what a project has spent today.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn add_spending(&mut self, project: &str, usd: f64) -> Result<(), StoreError> {
        self.connection()
            .prepare_cached(
                "INSERT INTO spending (day, project, usd)
                 VALUES (date(?1 / 1000, 'unixepoch', 'localtime'), ?2, ?3)
                 ON CONFLICT DO UPDATE SET usd = usd + excluded.usd",
            )?
            .execute(params![self.now().as_millis(), project, usd])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// What was spent on the day of `now`: a row for each project that spent anything.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn spending(&self, now: Timestamp) -> Result<DaySpending, StoreError> {
        let millis = now.as_millis();
        let projects = self
            .connection()
            .prepare_cached(
                "SELECT project, usd FROM spending
                 WHERE day = date(?1 / 1000, 'unixepoch', 'localtime')",
            )?
            .query_map([millis], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let ends_at_secs: i64 = self
            .connection()
            .prepare_cached(
                "SELECT CAST(strftime('%s', ?1 / 1000, 'unixepoch', 'localtime', 'start of day',
                     '+1 day', 'utc') AS INTEGER)",
            )?
            .query_row([millis], |row| row.get(0))?;
        Ok(DaySpending { projects, ends_at: Timestamp::from_millis(ends_at_secs * 1000) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::store::Store;

    async fn spend(store: &Store, project: &'static str, usd: f64) {
        store.write(move |tx| tx.add_spending(project, usd)).await.unwrap();
    }

    #[tokio::test]
    async fn a_day_sums_by_project_and_ends_at_the_next_midnight_of_the_workstation() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_153_266_120)));
        let store = Store::in_memory(clock.clone()).unwrap();
        let spending = |now| store.read(|tx| tx.spending(now)).unwrap();
        let now = || crate::clock::Clock::now(&*clock);
        spend(&store, "a", 0.5).await;
        spend(&store, "a", 0.25).await;
        spend(&store, "b", 1.0).await;
        let today = spending(now());
        assert_eq!((today.of("a"), today.of("b"), today.of("c")), (0.75, 1.0, 0.0));
        assert!((today.total() - 1.75).abs() < 1e-9);
        let left = today.ends_at.since(now());
        // A day of changing clocks has 25 hours.
        assert!(left > Duration::ZERO && left <= Duration::from_hours(25), "{left:?}");

        clock.advance(left.checked_sub(Duration::from_millis(1)).unwrap());
        spend(&store, "a", 0.25).await;
        let spent = |usd| BTreeMap::from([("a".to_owned(), usd), ("b".to_owned(), 1.0)]);
        assert_eq!(spending(now()).projects, spent(1.0), "the last moment of the day");
        clock.advance(Duration::from_millis(1));
        assert_eq!(spending(now()).projects, BTreeMap::new(), "the first moment of the next");
        assert!(spending(now()).ends_at > today.ends_at);
    }

    #[test]
    fn a_day_is_found_by_its_key_and_not_by_looking_through_all() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        let store = Store::in_memory(clock).unwrap();
        let plan = store.read(|tx| tx.plan("SELECT project, usd FROM spending WHERE day = 'x'"));
        assert!(plan.unwrap().contains("USING PRIMARY KEY (day=?)"));
    }
}
