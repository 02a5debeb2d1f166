//! Runs delegated tasks: admits, queues, starts, watches and settles them.
//!
//! [`Engine`] is the only writer of task state; everyone else holds an [`EngineHandle`]. A task runs
//! at most once: whatever must be known to find it again is stored before the step that needs it.
//! A new executor does not touch this module: see [`crate::executor`].
mod admission;
mod budget;
mod classing;
mod decision;
mod drive;
mod engine;
mod error;
mod grant;
mod handle;
mod news;
mod queue;
mod report;
mod settings;
#[cfg(test)]
mod tests;

pub use self::budget::Budget;
pub use self::engine::Engine;
pub use self::error::{AnswerError, CancelError, LinkError, SayError, StartError};
pub use self::handle::{Admitted, EngineHandle, NewLink, NewTask, Standing, Waits};
pub use self::settings::{
    NoProject, OnShutdown, Prepared, ProjectRules, Settings, Settled, Surroundings, WorkspaceError,
    Workspaces,
};
