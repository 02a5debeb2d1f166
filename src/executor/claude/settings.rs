//! What the composition root decides about this executor.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::launch::Executable;

use super::environment::EnvPass;
use crate::clock::Clock;

/// How Claude Code is found, started and ended.
#[derive(Clone)]
pub struct ClaudeSettings {
    /// `executors.claude.command`: a name to look for in `PATH`, or a path.
    pub command: String,
    /// `executors.claude.owner_settings`: whether the owner's own settings of Claude Code count.
    pub owner_settings: bool,
    /// `executors.claude.env_pass`: what the agent gets besides the allow-list.
    pub env_pass: EnvPass,
    /// `executors.claude.model`: the model of tasks that name none; the agent's own choice otherwise.
    pub model: Option<String>,
    /// The gateway's own environment, from which the agent's is picked.
    pub environment: BTreeMap<String, String>,
    /// The gateway's own program, started again as the shim.
    pub gateway: Arc<Executable>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long to wait for what.
    pub patience: Patience,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// Silence after a result before the session counts as over, where it does not say so.
    pub settle: Duration,
    /// Silence after a result while background tasks still run.
    pub background: Duration,
    /// From our farewell to the agent's end.
    pub leave: Duration,
    /// Cancelling: from the interrupt to the turn's result.
    pub interrupt: Duration,
    /// Cancelling: from the farewell to the next step.
    pub end_session: Duration,
    /// Cancelling: from SIGINT, and again from SIGTERM, to the next step.
    pub signal: Duration,
    /// Cancelling: from the last SIGTERM to all processes to SIGKILL.
    pub sweep: Duration,
    /// Emergency: from the interrupt to SIGKILL.
    pub emergency: Duration,
}

impl Default for Patience {
    /// Contract C10: eight seconds in all for an orderly cancellation.
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(2),
            background: Duration::from_secs(600),
            leave: Duration::from_secs(5),
            interrupt: Duration::from_secs(2),
            end_session: Duration::from_secs(1),
            signal: Duration::from_secs(2),
            sweep: Duration::from_millis(500),
            emergency: Duration::from_millis(300),
        }
    }
}

/// Values of the environment may be secrets and are not shown.
impl fmt::Debug for ClaudeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaudeSettings")
            .field("command", &self.command)
            .field("owner_settings", &self.owner_settings)
            .field("env_pass", &self.env_pass)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
