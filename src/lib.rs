//! The whole of `gateway`, so that tests, benches and fuzz targets can reach it; `main.rs` only
//! calls [`cli::main`].
//!
//! Layers, lowest first; imports go downward only (`tests/architecture.rs` holds the table):
//! `model`, `policy`, `config`, `clock`, `qr`, `telemetry`, `trace` →
//! `store`, `secret`, `http`, `audit` → `auth`, `project`, `executor`, `task` → `mcp`, `web` → `gateway` → `cli`.
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod executor;
pub mod gateway;
pub mod http;
pub mod mcp;
pub mod model;
pub mod policy;
pub mod project;
pub mod qr;
pub mod secret;
pub mod store;
pub mod task;
pub mod telemetry;
pub mod trace;
pub mod web;
