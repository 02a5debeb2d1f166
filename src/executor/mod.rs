//! Agents that do the work: the contract between the task engine and whatever runs an agent.
//!
//! The engine calls [`Executor::run`] once per run and owns the future; everything the agent does
//! comes back as [`Report`]s through a bounded channel, everything the engine wants goes in as
//! [`Command`]s. An executor never touches the store. A new executor is a new module here and one
//! line where the composition root fills the [`Registry`].
pub mod claude;
mod contract;
mod registry;
pub mod shim;
pub use self::contract::{
    Availability, Capabilities, Command, Ended, Executor, Item, Job, Link, Pace, Report, Resume,
    RunEnd, Start,
};
pub use self::registry::Registry;
