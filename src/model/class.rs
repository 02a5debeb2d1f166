//! How much an agent's request can do.
use std::fmt;

use serde::{Deserialize, Serialize};

/// The classes of requests, the most harmless first. One that cannot be told counts as the worst.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Looks at files of the task.
    Read,
    /// Changes files below the task's folder.
    Write,
    /// Runs a program.
    Exec,
    /// Talks to other machines.
    Network,
    /// Deletes, overwrites history, reaches outside of the task's folder or cannot be judged.
    #[default]
    Destructive,
}

impl Class {
    /// All of them, the most harmless first.
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::Exec, Self::Network, Self::Destructive];

    /// The word for it, in configuration and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Exec => "exec",
            Self::Network => "network",
            Self::Destructive => "destructive",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
