//! The mounted service with a fake engine and a fake token check, behind the real guard.
mod answers;
mod bad_input;
mod both_eras;
mod fixture;
mod flood;
mod fuzz;
mod reading;
mod refusals;
mod resources;
mod schema;
mod sdk;
mod sessions;
mod streams;
mod tools;
mod waiting;
