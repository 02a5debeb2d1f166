//! `[log]`: what is logged and where.
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Size, blank_path, choice};

choice! {
    /// The least important lines that are logged.
    LogLevel {
        /// Only what failed.
        Error = "error",
        /// And what needs attention.
        Warn = "warn",
        /// And what happens.
        Info = "info",
        /// And why.
        Debug = "debug",
        /// Everything; secrets are masked at this level as well.
        Trace = "trace",
    }
}

/// What is logged and where.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// The least important lines that are logged: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
    /// A file to write the log to as well, one JSON object per line; empty for none.
    #[serde(with = "blank_path")]
    #[schemars(with = "String", extend("x-kind" = "path"))]
    pub file: Option<PathBuf>,
    /// The size at which the file is put aside and a new one begun, at least `64kB`.
    pub max_bytes: Size,
    /// How many files put aside are kept.
    #[schemars(range(min = 0, max = 100))]
    pub keep: u32,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: LogLevel::Info, file: None, max_bytes: Size::of_bytes(10_000_000), keep: 2 }
    }
}
