//! Connections and what is known about each: accept loops, ingress tags, the guard, event streams,
//! error pages.
//!
//! Every request carries two extensions by the time a route sees it: its [`Ingress`] and the
//! [`Origin`] it was sent to; with a bearer token also a [`BearerTicket`]. Nothing is granted because
//! of a peer's address.
//!
//! A new way in is a [`Listener`]; a new check of every request is a step in [`Guard`].
mod arrival;
mod body;
mod common;
mod forwarded;
mod guard;
mod hosts;
mod ingress;
mod limit;
mod pace;
mod page;
mod routes;
mod server;
mod unread;
pub use self::arrival::{AcceptWith, Arrival, Io, Listener, Peer};
pub use self::body::{BodyError, infallible, read_whole};
pub use self::common::with_common_routes;
pub use self::forwarded::TrustedProxy;
pub use self::guard::{ConnectionFacts, Guard, GuardParts};
pub use self::hosts::{HostError, Hosts, InvalidOrigin, PublicOrigin, Way, page_may_call};
pub use self::ingress::{Ingress, IngressKind, Origin};
pub use self::limit::{BearerTicket, RateLimit, RetryAfter};
pub use self::page::{ErrorAnswer, wants_html};
pub use self::routes::{Route, Routes};
pub use self::server::{ConnectionLimits, Server};
