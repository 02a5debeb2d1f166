//! Claude Code as an executor.
//!
//! The program runs in print mode with JSON lines in both directions, below a
//! [shim](super::shim): it outlives the gateway, and the next one reads its output again from the
//! start to be where the last one was. Everything between the bytes and the contract is pure:
//! [`argv`] and [`environment`] go in, [`event`] and [`conversation`] come out, [`verdict`] judges
//! the end. A new flag is a line in [`argv`], a new event a variant in [`event`].
mod argv;
mod conversation;
mod environment;
mod event;
mod locate;
mod message;
mod preview;
mod probe;
mod turn;
mod verdict;
#[cfg(test)]
mod replay;
