//! Claude Code as an executor.
//!
//! The program runs in print mode with JSON lines in both directions, below a
//! [shim](super::shim): it outlives the gateway, and the next one reads its output again from the
//! start to be where the last one was. Everything between the bytes and the contract is pure:
//! [`argv`] and [`environment`] go in, [`event`] and [`conversation`] come out, [`verdict`] judges
//! the end. A new flag is a line in [`argv`], a new event a variant in [`event`].
mod argv;
mod ask;
mod conversation;
mod delivery;
mod ending;
mod environment;
mod event;
mod ladder;
mod lines;
mod locate;
mod login;
mod message;
mod preview;
mod probe;
mod questions;
#[cfg(test)]
mod replay;
mod resumed;
mod run;
mod settings;
mod start;
mod transcript;
mod turn;
mod verdict;

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};

pub use self::environment::{EnvPass, InvalidEnvPass};
pub use self::login::Login;
pub use self::settings::{ClaudeSettings, Patience};
pub use self::transcript::{Gist, gist};
use super::contract::{Availability, Capabilities, Executor, Job, Link, RunEnd};

/// Does tasks with Claude Code.
#[derive(Clone, Debug)]
pub struct Claude {
    settings: Arc<ClaudeSettings>,
}

impl Claude {
    /// An executor with these settings; looks for nothing yet.
    #[must_use]
    pub fn new(settings: ClaudeSettings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Executor for Claude {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            model: true,
            plan_only: true,
            permissions: true,
            survives_restart: true,
            cost: true,
            resume: true,
            follow_up: true,
        }
    }

    fn probe(&self) -> BoxFuture<'_, Availability> {
        let environment =
            environment::of_agent(&self.settings.environment, &self.settings.env_pass);
        async move { probe::availability(&self.settings.command, &environment).await }.boxed()
    }

    fn run(&self, job: Job, link: Link) -> BoxFuture<'static, RunEnd> {
        run::run(self.settings.clone(), job, link).boxed()
    }
}
