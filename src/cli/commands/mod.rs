//! The commands, one file each.
pub(super) mod clients;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod devices;
pub(super) mod doctor;
pub(super) mod man;
pub(super) mod mint_client;
pub(super) mod mint_token;
pub(super) mod pair;
pub(super) mod projects;
pub(super) mod push_session;
pub(super) mod secrets;
pub(super) mod serve;
pub(super) mod service;
pub(super) mod status;
pub(super) mod tasks;
