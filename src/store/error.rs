//! Why the database did not do what it was asked.
use std::path::PathBuf;

/// A failure of the database, without any of the data.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// The file cannot be written.
    #[error("the database cannot be written")]
    ReadOnly,
    /// The file cannot be opened.
    #[error("the database {0} cannot be opened")]
    CannotOpen(PathBuf),
    /// The file is damaged, or is no database.
    #[error("the database is damaged")]
    Corrupt,
    /// A newer gateway made the file.
    #[error("the database has schema {found}, this gateway knows {known}: a newer gateway made it")]
    NewerSchema {
        /// Version in the file.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// A row holds what this gateway cannot read.
    #[error("a row of {table} cannot be read: {detail}")]
    Malformed {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Anything else SQLite reports.
    #[error("the database failed: {0}")]
    Database(String),
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
    /// A closure panicked; what it wrote was undone.
    #[error("a database operation failed inside the gateway")]
    Panicked,
}

impl StoreError {
    /// What the owner can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::DiskFull => "free some space; the gateway goes on by itself",
            Self::ReadOnly | Self::CannotOpen(_) => {
                "check owner and permissions of the state folder (`gateway config path` names it)"
            }
            Self::Corrupt | Self::Malformed { .. } => {
                "stop the gateway and put back a copy of gateway.db, or move it away to begin anew"
            }
            Self::NewerSchema { .. } => {
                "install the newer gateway again, or restore gateway.db.v*.bak from the state folder"
            }
            Self::Database(_) | Self::Closed | Self::Panicked => {
                "run `gateway doctor`; the log has the details"
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            _ => Self::Database(error.to_string()),
        }
    }
}
