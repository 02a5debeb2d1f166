//! The authorization server as clients, browsers and strangers meet it: through its routes, on a
//! store in memory, with time that is set.
mod harness;

mod attacks;
mod authorize;
mod bearer;
mod consent;
mod described;
mod documents;
mod family;
mod pairing;
mod registration;
mod requests;
mod token;
mod trace;
