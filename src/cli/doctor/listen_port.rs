//! `listen-port`: whether the local address is free, or ours already.
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use futures::future::BoxFuture;
use gateway_os::lock::Holding;

use super::{Check, Finding, Verdict, World};

pub(super) struct ListenPort;

impl Check for ListenPort {
    fn id(&self) -> &'static str {
        "listen-port"
    }

    fn title(&self) -> &'static str {
        "the local address"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let address = world.config()?.server.listen.0;
    if let Some(status) = world.status().await {
        let local = status["local_url"].as_str().unwrap_or_default();
        if local.strip_prefix("http://").and_then(|text| text.parse().ok()) == Some(address) {
            return Ok(Finding::ok(format!("{address} is the running gateway's")));
        }
    }
    // Closed again at once; nobody can have connected in between to be surprised.
    match TcpListener::bind(address) {
        Ok(_free) if address.port() == 0 => {
            Ok(Finding::ok(format!("a free port of {} is taken at each start", address.ip())))
        }
        Ok(_free) => Ok(Finding::ok(format!("{address} is free"))),
        Err(error) => Ok(refused(world, address, &error)),
    }
}

fn refused(world: &World, address: SocketAddr, error: &std::io::Error) -> Finding {
    let local = |port: u16| {
        format!(
            "`[server] listen = \"127.0.0.1:{port}\"` in the configuration, or `gateway serve --listen 127.0.0.1:{port}`"
        )
    };
    match error.kind() {
        ErrorKind::AddrInUse => taken(world, address, &local(next(address.port()))),
        ErrorKind::PermissionDenied => Finding::fail(
            format!("{address} is not allowed"),
            format!("ports below 1024 need rights that you do not have: {error}"),
            format!("use a higher port: {}", local(8765)),
        ),
        _ => Finding::fail(
            format!("cannot listen on {address}"),
            format!("{error}: most likely it is no address of this machine"),
            format!("use the loopback address: {}", local(8765)),
        ),
    }
}

fn taken(world: &World, address: SocketAddr, elsewhere: &str) -> Finding {
    let holder = match world.holder() {
        Ok(Some(Holding::Held(Some(holder)))) => Some(holder.pid),
        _ => None,
    };
    let listener = world.machine.listener(address.port()).ok().flatten();
    match listener {
        Some(other) if Some(other.pid) == holder => {
            Finding::ok(format!("{address} is held by the gateway of pid {}", other.pid))
        }
        Some(other) => Finding::fail(
            format!("{address} is taken"),
            format!("`{}` (pid {}) listens there", other.name, other.pid),
            format!("end it: kill {}; or choose another port: {elsewhere}", other.pid),
        ),
        None => Finding::fail(
            format!("{address} is taken"),
            "another user's program listens there",
            format!(
                "choose another port: {elsewhere} (`sudo ss -ltnp 'sport = :{}'` names the program)",
                address.port()
            ),
        ),
    }
}

const fn next(port: u16) -> u16 {
    if port == u16::MAX { 8765 } else { port + 1 }
}
