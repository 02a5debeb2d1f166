//! Keeps a command-line agent alive without the gateway, and finds it again.
//!
//! An agent runs below a *shim*: our own binary under the hidden subcommand `__shim`, in a session
//! of its own, adopting orphans, holding the agent's standard input open. Output goes straight to
//! files, so a gateway that dies takes nothing with it; the next one [`attach`]es through the
//! folder of the run, where everything lives:
//!
//! | file | holds |
//! |---|---|
//! | `spec.json` | the [`ShimSpec`]; values of the environment are removed once the agent runs |
//! | `shim.json` | the [`ShimState`]: who shim and agent are; its creation is the claim to the run |
//! | `shim.sock` | requests, one JSON object a line; processes of a task are refused |
//! | `stdout`, `stderr` | what the agent wrote |
//! | `written` | the ids of the lines the agent's standard input has taken |
//! | `exit.json` | the [`ExitRecord`], once every process of the run is gone |
//!
//! The shim's side ([`hidden_command`]) is one thread on the standard library; the gateway's side
//! is [`ShimHandle`] and [`OutputTail`].
mod client;
mod error;
mod protocol;
mod record;
mod server;
mod spec;
mod stderr;
mod sweep;
mod tail;

pub use self::client::{Attachment, Loss, ShimHandle, attach, end_leftovers, launch, written_ids};
pub use self::error::ShimError;
pub use self::protocol::{AgentSignal, InputState, Phase, Status};
pub use self::record::{EndCause, ExitRecord, ShimState, SweptProcess};
pub use self::server::{hidden_command, shim_main};
pub use self::spec::{InvalidSpec, ShimSpec, StdinLine};
pub use self::stderr::{StderrEnd, end_of_stderr};
pub use self::tail::{OutputLine, OutputStream, OutputTail};

/// Names of the files of a run, relative to its folder.
mod file {
    pub(super) const SPEC: &str = "spec.json";
    pub(super) const STATE: &str = "shim.json";
    pub(super) const SOCKET: &str = "shim.sock";
    pub(super) const STDOUT: &str = "stdout";
    pub(super) const STDERR: &str = "stderr";
    pub(super) const WRITTEN: &str = "written";
    pub(super) const EXIT: &str = "exit.json";
    pub(super) const LOG: &str = "shim.log";
}
