//! Reaching the gateway: the running one over its admin socket, or its state directly.
use std::sync::Arc;

use gateway_os::peer::{Peer, PeerPolicy, PeerVerdict};
use serde_json::Value;

use super::context::Context;
use super::error::{CliError, Exit};
use crate::clock::SystemClock;
use crate::gateway::admin::{AdminClient, AdminClientError, Call, CallError, CallErrorKind};
use crate::gateway::{Owner, StartupError, StateError};

/// Makes one call, of the running gateway or, when none runs, of its state folder.
///
/// # Errors
///
/// What the call answers, or why nobody can answer it.
pub(super) async fn call(context: &Context, call: Call) -> Result<Value, CliError> {
    match AdminClient::new(&context.folders.runtime).call(&call).await {
        Err(AdminClientError::NotRunning) => alone(context, call).await,
        other => other.map_err(CliError::from),
    }
}

/// Makes one call of the running gateway; none when no gateway runs.
///
/// # Errors
///
/// What the call answers, or how the connection broke.
pub(super) async fn call_running(
    context: &Context,
    call: &Call,
) -> Result<Option<Value>, CliError> {
    match AdminClient::new(&context.folders.runtime).call(call).await {
        Err(AdminClientError::NotRunning) => Ok(None),
        other => Ok(Some(other?)),
    }
}

async fn alone(context: &Context, call: Call) -> Result<Value, CliError> {
    let loaded = context.config()?;
    let clock = Arc::new(SystemClock);
    // The state is held, and with it its lock, until the call is answered.
    let (owner, _state) = Owner::alone(&context.folders, &loaded.config, &context.env, clock)?;
    Ok(owner.call(call).await?)
}

/// Refuses to act for a process that an agent started: such a process is not the owner.
///
/// # Errors
///
/// Exit 77 below a task's agent.
pub(super) fn refuse_agents() -> Result<(), CliError> {
    refuse(&PeerPolicy::beside(None))
}

/// Refuses to act for what the running gateway has adopted from an agent's killed shim: it has no
/// shim above itself any more, and may have cleared its environment.
///
/// # Errors
///
/// Exit 77 below the gateway.
pub(super) fn refuse_orphans(context: &Context) -> Result<(), CliError> {
    match AdminClient::new(&context.folders.runtime).listener() {
        Some(gateway) => refuse(&PeerPolicy::beside(Some(gateway))),
        None => Ok(()),
    }
}

fn refuse(policy: &PeerPolicy) -> Result<(), CliError> {
    let Ok(uid) = gateway_os::process::user_id() else { return Ok(()) };
    let own = Peer { uid, pid: std::process::id() };
    match policy.verdict(own) {
        PeerVerdict::FromTask => {
            let message = "this command belongs to the owner; a task's agent may not use it";
            Err(CliError::new(Exit::Permission, message)
                .hint("ask the owner, or run it in a terminal of your own"))
        }
        _ => Ok(()),
    }
}

impl From<AdminClientError> for CliError {
    fn from(error: AdminClientError) -> Self {
        match error {
            AdminClientError::Refused(error) => error.into(),
            AdminClientError::NotRunning => {
                Self::new(Exit::Unavailable, error).hint("start it with `gateway serve`")
            }
            AdminClientError::Silent { pid } => {
                let hint = pid.map_or_else(
                    || "end it, then run `gateway serve`; its tasks go on".to_owned(),
                    |pid| {
                        format!(
                            "let it go on with `kill -CONT {pid}`, or end it with `kill -KILL \
                             {pid}` and run `gateway serve`; its tasks go on"
                        )
                    },
                );
                Self::new(Exit::Unavailable, error).hint(hint)
            }
            AdminClientError::Broken(_) | AdminClientError::Protocol(_) => {
                Self::failed(error).hint("restart the gateway, then run `gateway doctor`")
            }
        }
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        let exit = match error.kind {
            CallErrorKind::Invalid | CallErrorKind::Failed => Exit::Failed,
            CallErrorKind::Usage => Exit::Usage,
            CallErrorKind::Unavailable => Exit::Unavailable,
            CallErrorKind::Permission => Exit::Permission,
            CallErrorKind::Config => Exit::Config,
        };
        Self::new(exit, &error.message).hint(&error.hint)
    }
}

impl From<StartupError> for CliError {
    fn from(error: StartupError) -> Self {
        let hint = error.hint();
        let exit = match error {
            StartupError::State(error) => return error.into(),
            StartupError::Folder(_) => Exit::Permission,
            StartupError::Setting(_) | StartupError::Secret(_) => Exit::Config,
            StartupError::Listen { .. } | StartupError::Tunnel { .. } => Exit::Unavailable,
            StartupError::Store(_) | StartupError::System(_) => Exit::Failed,
        };
        Self::new(exit, error).hint(hint)
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let hint = error.hint();
        let exit = match error {
            StateError::Locked(_) => Exit::Unavailable,
            StateError::Folder(_) | StateError::Write { .. } => Exit::Permission,
            StateError::Store(_) => Exit::Failed,
        };
        Self::new(exit, error).hint(hint)
    }
}
