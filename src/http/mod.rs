//! Connections and what is known about each: accept loops, ingress tags, the guard, event streams,
//! error pages.
//!
//! Every request carries two extensions by the time a route sees it: its [`Ingress`] and the
//! [`Origin`] it was sent to. Nothing is granted because of a peer's address.
mod ingress;
pub use self::ingress::{Ingress, IngressKind, Origin};
