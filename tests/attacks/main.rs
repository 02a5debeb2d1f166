//! Attacks, each named by what the attacker cannot do, over real connections against a whole gateway.
//!
//! One module is one theme. A case that a test beside the code has already is not here a second time:
//! `docs/attacks.md` is the index of all of them, by the document that asks for each, and `index`
//! holds it against the sources. A new attack is a test here and a line there.
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails the test")]
mod harness;

mod agent_input;
mod approvals;
mod bodies;
mod brakes;
mod clients;
mod codes;
mod consent;
mod documents;
mod exposure;
mod floods;
mod headers;
mod host_and_origin;
mod index;
mod pairing;
mod pkce;
mod redirects;
mod registration;
mod registration_words;
mod resource;
mod secrets;
mod sessions;
mod static_tokens;
mod tokens;
