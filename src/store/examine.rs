//! Looking at a database without being its gateway: for `gateway doctor`.
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::StoreError;
use super::reader::ReadTx;
use super::schema;
use crate::clock::Timestamp;

/// Statements of SQLite's machine between two looks at the clock.
const STEPS: std::ffi::c_int = 10_000;

/// A database opened to be looked at: never migrated, never written.
#[derive(Debug)]
pub struct Examination {
    connection: Connection,
    schema: i64,
}

/// What a bounded look for damage found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Soundness {
    /// No damage.
    Sound,
    /// No damage in the part that was read within the time.
    Unfinished,
}

impl Examination {
    /// Opens the database at `path`, also while a gateway uses it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerSchema`], [`StoreError::Corrupt`], or what else SQLite says.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|_| StoreError::CannotOpen(path.to_path_buf()))?;
        connection.busy_timeout(Duration::from_secs(2))?;
        let schema: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let known = schema::newest();
        if schema > known || schema < 0 {
            return Err(StoreError::NewerSchema { found: schema, known });
        }
        Ok(Self { connection, schema })
    }

    /// The schema's version; a gateway that starts brings it to [`Self::schema_known`].
    #[must_use]
    pub const fn schema(&self) -> i64 {
        self.schema
    }

    /// The newest schema that this program knows.
    #[must_use]
    pub const fn schema_known() -> i64 {
        schema::newest()
    }

    /// Looks for damage, for at most `limit`. Blocking.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when there is some, else what SQLite says.
    pub fn check(&mut self, limit: Duration) -> Result<Soundness, StoreError> {
        let until = Instant::now() + limit;
        self.connection.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
        let found =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        self.connection.progress_handler(0, None::<fn() -> bool>)?;
        match found {
            Ok(answer) if answer == "ok" => Ok(Soundness::Sound),
            Ok(_) => Err(StoreError::Corrupt),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Ok(Soundness::Unfinished)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The moment of the newest event, when there is one.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn newest_event(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.schema == 0 {
            return Ok(None);
        }
        let sql = "SELECT (SELECT at FROM events ORDER BY seq DESC LIMIT 1)";
        let at: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0))?;
        Ok(at.map(Timestamp::from_millis))
    }

    /// Runs look-ups; only where [`Self::schema`] is the newest, or they find no tables.
    ///
    /// # Errors
    ///
    /// What `work` returns.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        work(&ReadTx::new(&self.connection))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::ManualClock;
    use crate::store::Store;

    fn made(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("gateway.db");
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(5)));
        Store::open(&path, clock).unwrap().close();
        path
    }

    #[test]
    fn a_sound_database_is_examined_beside_its_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(5)));
        let _running = Store::open(&path, clock).unwrap();
        let mut examination = Examination::open(&path).unwrap();
        assert_eq!(examination.schema(), Examination::schema_known());
        assert_eq!(examination.check(Duration::from_secs(60)).unwrap(), Soundness::Sound);
        assert_eq!(examination.newest_event().unwrap(), None);
    }

    #[test]
    fn damage_and_a_newer_schema_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let newer = StoreError::NewerSchema { found: 99, known: Examination::schema_known() };
        assert_eq!(Examination::open(&path).unwrap_err(), newer);
        std::fs::write(&path, "this is no database, whatever its name says".repeat(100)).unwrap();
        assert_eq!(Examination::open(&path).unwrap_err(), StoreError::Corrupt);
        let missing = Examination::open(&folder.path().join("none.db")).unwrap_err();
        assert!(matches!(missing, StoreError::CannotOpen(_)), "{missing}");
    }

    #[test]
    fn a_torn_page_is_damage() {
        use std::io::{Seek, SeekFrom, Write};
        let folder = tempfile::tempdir().unwrap();
        let path = made(folder.path());
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(4096)).unwrap();
        file.write_all(&[0x5a; 4096 * 2]).unwrap();
        drop(file);
        let found =
            Examination::open(&path).and_then(|mut open| open.check(Duration::from_secs(60)));
        assert_eq!(found.unwrap_err(), StoreError::Corrupt);
    }
}
