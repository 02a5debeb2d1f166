//! Brings a line to the agent, once, however long that takes.
use std::sync::Arc;
use std::time::Duration;

use super::message::Message;
use crate::clock::Clock;
use crate::executor::shim::{Attachment, ShimError, ShimHandle, attach};

/// Between two tries.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Delivered {
    /// The agent has it.
    Yes,
    /// It never will, and why.
    Never(String),
}

/// Writes the line until the agent has it or cannot have it any more. Cancel-safe: the shim knows
/// the line by its id and writes it once.
pub(super) async fn deliver(
    mut handle: ShimHandle,
    message: Message,
    clock: Arc<dyn Clock>,
) -> Delivered {
    loop {
        match handle.write(&message.id, &message.line).await {
            Ok(()) => return Delivered::Yes,
            Err(
                ShimError::NotWritten
                | ShimError::WritePending
                | ShimError::Busy
                | ShimError::Disconnected,
            ) => clock.sleep(AGAIN_AFTER).await,
            Err(ShimError::Unresponsive) => {
                clock.sleep(AGAIN_AFTER).await;
                if let Ok(Attachment::Alive(again)) = attach(handle.folder()).await {
                    handle = again;
                }
            }
            Err(error) => return Delivered::Never(error.to_string()),
        }
    }
}
