//! The schema and its history. A change is a new entry at the end of [`MIGRATIONS`], never an edit.
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;

/// Statements that lead from one schema version to the next; the first makes version 1.
const MIGRATIONS: &[&str] = &[
    // 1: tasks, their events and requests.
    "CREATE TABLE tasks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        project TEXT NOT NULL,
        executor TEXT NOT NULL,
        client_id TEXT,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        cursor INTEGER NOT NULL,
        spec TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX tasks_by_state ON tasks (state, number);
    CREATE INDEX tasks_by_project ON tasks (project, number);
    CREATE INDEX tasks_by_executor ON tasks (executor, number);
    CREATE INDEX tasks_by_update ON tasks (updated_at);
    CREATE UNIQUE INDEX tasks_by_key ON tasks (ifnull(client_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    CREATE VIRTUAL TABLE task_text USING fts5 (prompt, content = '', tokenize = 'unicode61');
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        task_id TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_task ON events (task_id, seq);
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        task_id TEXT NOT NULL,
        agent_ref TEXT NOT NULL,
        state TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (task_id, agent_ref)
    ) STRICT;
    CREATE INDEX requests_by_state ON requests (state, number);",
    // 2: clients, codes, token families, devices. Secrets only as SHA-256 digests.
    "CREATE TABLE clients (
        id TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE codes (
        digest BLOB PRIMARY KEY,
        family_id TEXT NOT NULL,
        client_id TEXT NOT NULL,
        redirect_uri TEXT NOT NULL,
        code_challenge TEXT NOT NULL,
        scopes TEXT NOT NULL,
        audience TEXT NOT NULL,
        device_id TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        consumed_at INTEGER
    ) STRICT;
    CREATE INDEX codes_by_family ON codes (family_id);
    CREATE TABLE token_families (
        id TEXT PRIMARY KEY,
        client_id TEXT NOT NULL,
        scopes TEXT NOT NULL,
        audience TEXT NOT NULL,
        device_id TEXT,
        created_at INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        newest_used INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        last_used_at INTEGER,
        revoked_at INTEGER,
        revoked_reason TEXT
    ) STRICT;
    CREATE INDEX token_families_by_client ON token_families (client_id);
    CREATE TABLE tokens (
        digest BLOB PRIMARY KEY,
        family_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        generation INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        superseded_at INTEGER,
        salt BLOB
    ) STRICT;
    CREATE INDEX tokens_by_family ON tokens (family_id, generation);
    CREATE TABLE devices (
        id TEXT PRIMARY KEY,
        cookie BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        last_used_at INTEGER,
        revoked_at INTEGER
    ) STRICT;",
    // 3: clients that register themselves wait for the owner; the columns repeat what the body says.
    "ALTER TABLE clients ADD COLUMN registration TEXT NOT NULL DEFAULT 'static';
    ALTER TABLE clients ADD COLUMN approved_at INTEGER;
    CREATE INDEX clients_waiting ON clients (created_at)
        WHERE registration = 'dcr' AND approved_at IS NULL;",
    // 4: sessions of the MCP revisions with a handshake.
    "CREATE TABLE mcp_sessions (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        used_at INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX mcp_sessions_by_owner ON mcp_sessions (owner, used_at);
    CREATE INDEX mcp_sessions_by_use ON mcp_sessions (used_at);",
    // 5: a client may be a token, and a family's audience a word. A gateway from before would stumble
    // over such a row, so that it must not open the database; the tables are as they were.
    "",
    // 6: what each day has cost, and how long completed tasks took.
    "CREATE TABLE spending (
        day TEXT NOT NULL,
        project TEXT NOT NULL,
        usd REAL NOT NULL,
        PRIMARY KEY (day, project)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE durations (
        number INTEGER PRIMARY KEY,
        executor TEXT NOT NULL,
        model TEXT NOT NULL,
        project TEXT NOT NULL,
        millis INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX durations_by_project ON durations (executor, model, project, number, millis);
    CREATE INDEX durations_by_executor ON durations (executor, model, number, millis);",
    // 7: the agent's session of each task, and a linked one once for each who hands it over; what is
    // news in the log, by its project.
    "ALTER TABLE tasks ADD COLUMN session_id TEXT;
    UPDATE tasks SET session_id = json_extract(body, '$.run.session_id');
    CREATE INDEX tasks_by_session ON tasks (session_id, number) WHERE session_id IS NOT NULL;
    CREATE UNIQUE INDEX tasks_linked ON tasks (ifnull(client_id, ''), session_id)
        WHERE state = 'linked';
    ALTER TABLE events ADD COLUMN news TEXT;
    UPDATE events SET news = (SELECT project FROM tasks WHERE tasks.id = events.task_id)
        WHERE json_extract(body, '$.event') IN ('queued', 'request_opened', 'request_closed', 'ended')
            OR (json_extract(body, '$.event') = 'started' AND NOT json_extract(body, '$.reattached'));
    CREATE INDEX events_news ON events (news, seq) WHERE news IS NOT NULL;
    CREATE INDEX events_news_of_all ON events (seq) WHERE news IS NOT NULL;",
];

/// The newest schema version known here.
pub(super) const fn newest() -> i64 {
    #[expect(clippy::cast_possible_wrap, reason = "a handful of migrations")]
    let newest = MIGRATIONS.len() as i64;
    newest
}

/// Opens the write connection: WAL, and every commit on disk before it is answered.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|_| StoreError::CannotOpen(path.to_path_buf()))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings `connection` to the newest schema, keeping a copy of the file it changes.
pub(super) fn migrate(connection: &mut Connection, path: Option<&Path>) -> Result<(), StoreError> {
    let known = newest();
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known || found < 0 {
        return Err(StoreError::NewerSchema { found, known });
    }
    if found == known {
        return Ok(());
    }
    if let (Some(path), true) = (path, found > 0) {
        let backup = backup_path(path, found);
        // Made before SQLite would make it, so that nobody else may read it. One that an earlier try
        // left is written over.
        match gateway_os::folders::create_private(&backup) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(StoreError::CannotOpen(backup));
            }
            _ => connection.backup("main", backup, None::<fn(_)>)?,
        }
    }
    let from = usize::try_from(found).unwrap_or(0);
    let transaction = connection.transaction()?;
    for statements in &MIGRATIONS[from..] {
        transaction.execute_batch(statements)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Makes a database of the first `version` migrations, as an older gateway left it.
#[cfg(test)]
pub(super) fn make_older(path: &Path, version: usize) -> Result<(), StoreError> {
    let connection = open_for_writing(path)?;
    for statements in &MIGRATIONS[..version] {
        connection.execute_batch(statements)?;
    }
    connection.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    Ok(())
}

fn backup_path(path: &Path, version: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}.bak"));
    PathBuf::from(name)
}
