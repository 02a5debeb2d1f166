//! `[tasks]`: bounds on tasks.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Size, Span, choice};

choice! {
    /// What happens to running agents when gateway is told to stop.
    OnShutdown {
        /// They go on; the next gateway takes them up again.
        Detach = "detach",
        /// gateway waits for them to end.
        Wait = "wait",
        /// They are cancelled.
        Cancel = "cancel",
    }
}

/// How many tasks run, how long, and how much they may write.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TasksSection {
    /// How many tasks run at once over all projects; further ones wait.
    #[schemars(range(min = 1, max = 64))]
    pub max_concurrent: u32,
    /// How long a task may run when it does not say; at most `max_timeout`.
    pub default_timeout: Span,
    /// The longest time that a task may ask for.
    pub max_timeout: Span,
    /// How much an agent may write to its output before its task is ended.
    pub output_bytes_max: Size,
    /// What happens to running agents when gateway stops: `detach` (they go on and are taken up
    /// again), `wait` or `cancel`.
    pub on_shutdown: OnShutdown,
}

impl Default for TasksSection {
    fn default() -> Self {
        Self {
            max_concurrent: 3,
            default_timeout: Span::of_secs(30 * 60),
            max_timeout: Span::of_secs(2 * 3_600),
            output_bytes_max: Size::of_bytes(256_000_000),
            on_shutdown: OnShutdown::Detach,
        }
    }
}
