//! Injected time and randomness: the only places that ask the system for either.
//!
//! Everything that decides by time or makes a secret takes a [`Clock`] or an [`Entropy`], so that a
//! test can set the one and seed the other.
mod entropy;
mod time;
pub use self::entropy::{Entropy, OsEntropy, SeededEntropy};
pub use self::time::{Clock, ManualClock, SystemClock, Timestamp};
