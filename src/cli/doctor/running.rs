//! `running`: whether a gateway runs, of this version, and without complaints of its own.
use futures::future::BoxFuture;

use super::world::Running as State;
use super::{Check, Finding, Verdict, World};

pub(super) struct Running;

impl Check for Running {
    fn id(&self) -> &'static str {
        "running"
    }

    fn title(&self) -> &'static str {
        "the running gateway"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let status = match world.running().await {
        State::No => return Ok(Finding::ok("no gateway runs; `gateway serve` starts one")),
        State::Broken(cause) => {
            let end = match world.holder() {
                Ok(Some(gateway_os::lock::Holding::Held(Some(holder)))) => {
                    format!("restart it: kill {}; then `gateway serve`", holder.pid)
                }
                _ => "stop it and start `gateway serve` again".to_owned(),
            };
            return Ok(Finding::fail("the running gateway cannot be asked", cause, end));
        }
        State::Yes(status) => status,
    };
    let pid = &status["pid"];
    let local = status["local_url"].as_str().unwrap_or("an unknown address");
    let version = status["version"].as_str().unwrap_or("an unknown version");
    let own = env!("CARGO_PKG_VERSION");
    let other = (version != own).then(|| {
        Finding::warn(
            "the running gateway is of another version",
            format!("it is {version}, and this program is {own}"),
            format!(
                "restart it: kill {pid} and `gateway serve`; as a service: systemctl --user restart \
                 gateway (agents go on meanwhile)"
            ),
        )
    });
    let problems = status["problems"].as_array().map_or(&[][..], Vec::as_slice);
    let complaints = problems.iter().filter_map(|problem| problem.as_str()).map(|problem| {
        Finding::warn(
            "the running gateway has a problem",
            problem,
            "correct it (`gateway config check`), then: kill -HUP ".to_owned() + &pid.to_string(),
        )
    });
    let well = format!("gateway {version} (pid {pid}) at {local}");
    Ok(Finding::of_all(other.into_iter().chain(complaints), well))
}
