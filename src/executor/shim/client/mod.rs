//! The gateway's side: starting a shim, finding one again, talking to it.
mod attach;
mod connection;
mod handle;
mod launch;

pub use self::attach::{Attachment, Loss, attach, end_leftovers, written_ids};
pub use self::handle::ShimHandle;
pub use self::launch::launch;
