//! A server for the MCP conformance suite: the suite's own tools, prompts and resources behind the very
//! stack that answers `/mcp` in the product, guard and sessions included, with everybody signed in.
//!
//! Prints `listening on ADDRESS` and serves until it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of the tests: it speaks on stdout, and whatever it does not expect is a bug"
)]
#![allow(deprecated, reason = "the suite examines what the newest revision deprecates, too")]
mod inputs;
mod prompts;
mod resources;
mod server;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use gateway::clock::{Clock, OsEntropy, SystemClock};
use gateway::http::{
    ConnectionLimits, Guard, GuardParts, Hosts, IngressKind, RateLimit, Routes, Server,
    with_common_routes,
};
use gateway::mcp::{Authenticate, Endpoint, Mount, Principal};
use gateway::model::{Caller, Scope, Scopes};
use gateway::store::Store;
use gateway::trace::{GrantTrace, Trace};
use http::Response;
use http::request::Parts;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The suite brings no tokens: the product's own sign-in is examined by its other half.
#[derive(Debug)]
struct Everybody;

impl Authenticate for Everybody {
    fn authenticate(&self, _: &Parts) -> Result<Principal, Box<Response<Body>>> {
        Ok(Principal {
            key: "suite".into(),
            caller: Caller::Owner,
            scopes: Scopes::of_tools(),
            projects: None,
            trace: GrantTrace::default(),
        })
    }

    fn insufficient_scope(&self, _: &Parts, _: &Principal, _: Scope) -> Response<Body> {
        unreachable!("everybody has every scope")
    }

    fn connect_page(&self, _: &Parts) -> Response<Body> {
        unreachable!("everybody has a token")
    }

    fn ended(&self, _: &Principal) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::main]
async fn main() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Store::in_memory(clock.clone()).unwrap();
    let mount = Mount { auth: Arc::new(Everybody), clock: clock.clone(), store };
    let endpoint = Endpoint::mount(server::Fixtures::default(), mount);
    let draining = CancellationToken::new();
    let guard = Guard::new(GuardParts {
        routes: Routes::new(("/mcp", Arc::new(endpoint)), with_common_routes(Router::new())),
        hosts: Hosts::new(watch::channel(None).1, Vec::new()),
        limit: Arc::new(RateLimit::new(1_000_000, 1_000_000, clock.clone())),
        trusted_proxies: Vec::new(),
        trace: Trace::new(clock.clone()),
        entropy: Arc::new(OsEntropy),
        draining: draining.clone(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());
    let server = Server::new(guard, ConnectionLimits::default(), draining);
    server.accept_from(listener, IngressKind::Local);
    std::future::pending::<()>().await;
}
