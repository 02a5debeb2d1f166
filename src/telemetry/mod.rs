//! What gateway says about itself: lines to stderr and to a file, without secrets.
//!
//! [`start`] installs the one subscriber of the process. Both outputs take lines over a bounded
//! queue and a thread of their own, so that a paused terminal or a slow disk never holds up a
//! request; lines that found no room are counted and the count is reported. Every value goes
//! through [`scrub()`] and loses its control characters before it becomes part of a line. Libraries that
//! are known to print secrets or whole frames are held at `info` at any level.
mod cause;
mod escape;
mod file;
mod filter;
mod format;
mod line;
mod redacted;
mod scrub;
mod setup;
mod sink;

pub use self::cause::root_cause;
pub use self::filter::Verbosity;
pub use self::format::{LogFormat, colours};
pub use self::redacted::Redacted;
pub use self::scrub::scrub;
pub use self::setup::{FileSettings, Settings, Telemetry, TelemetryError, start};
