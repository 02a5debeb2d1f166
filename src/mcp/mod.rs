//! The MCP server: `/mcp` in both eras of the protocol, and its tools; the only user of `rmcp`.
//!
//! [`Endpoint`] is the route. A request meets [`Authenticate`] first, then the checks of form,
//! session and scope in `endpoint`, then rmcp, then a tool. Tools reach the engine only through
//! [`Tasks`]. A new tool is one file in `tools/` and one line in its table.
pub mod client;
mod endpoint;
mod head;
mod kept;
mod message;
mod patience;
mod principal;
mod replay;
mod reply;
mod resources;
mod server;
mod session;
mod tasks;
mod tools;
mod watch;
pub use self::endpoint::{Endpoint, McpParts, Mount};
pub use self::principal::{Authenticate, Principal};
pub use self::tasks::{
    Admitted, AnswerError, ApplyError, CancelError, Diff, DiffError, DiffOptions, FileLines,
    LogQuery, NewTask, NewsPage, NewsQuery, Place, ProjectView, ReadError, StartError, TaskChange,
    TaskPage, TaskQuery, Tasks, Unavailable, WantedFile,
};

#[cfg(test)]
mod tests;
