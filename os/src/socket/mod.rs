//! Unix sockets in private folders: long paths, stale files, and both kinds of caller.
//!
//! [`Listener`] and [`Stream`] never block and belong to processes without a runtime (the shim);
//! [`AsyncListener`] and [`AsyncStream`] are their tokio forms. A socket file is 0600 and lives in
//! a 0700 folder, so that nobody else ever reaches it, also not between bind and chmod.
mod asynchronous;
#[cfg(unix)]
mod path;
mod plain;
pub use self::asynchronous::{AsyncListener, AsyncStream};
pub use self::plain::{InputPipe, Listener, Stream};
