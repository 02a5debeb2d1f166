//! `service`: whether the service is installed as it should be, and runs.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::cli::service::Cause;
use crate::config::TunnelProvider;

pub(super) struct Service;

impl Check for Service {
    fn id(&self) -> &'static str {
        "service"
    }

    fn title(&self) -> &'static str {
        "the service"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let facts = match world.machine.service(&world.env).await {
        Ok(facts) => facts,
        Err(error) if error.cause() == Cause::Unavailable => {
            return Err(Skipped::because(error.to_string()));
        }
        Err(error) => {
            return Ok(Finding::warn(
                "the service cannot be asked after",
                error.to_string(),
                error.hint(),
            ));
        }
    };
    let state = &facts.state;
    if !state.installed {
        return Ok(Finding::ok("not installed; `gateway service install` runs it at login"));
    }
    let stopped = (!state.running).then(|| {
        let told = state.detail.as_deref().unwrap_or("it was stopped");
        Finding::warn(
            "the service is installed and does not run",
            format!("{}: {told}", state.unit.display()),
            "systemctl --user restart gateway; if it ends again: journalctl --user -u gateway -n 50",
        )
    });
    let disabled = (!state.enabled).then(|| {
        Finding::warn(
            "the service does not start at login",
            format!("{} is not enabled", state.unit.display()),
            "gateway service install",
        )
    });
    let kills = facts.kill_mode.as_deref().filter(|mode| *mode != "process").map(|mode| {
        Finding::fail(
            "a restart of the service would kill running agents",
            format!("its KillMode is {mode}, from an edited unit or a drop-in"),
            "gateway service install; if a drop-in sets it: systemctl --user revert gateway",
        )
    });
    let auto = world.config().is_ok_and(|config| {
        config.tunnel.provider == TunnelProvider::Auto && config.server.public_url.is_none()
    });
    let no_tunnel = auto.then(|| {
        Finding::warn(
            "the service opens no tunnel",
            "`auto` opens a public address only where somebody watches: on a terminal",
            "name one in the configuration: `[tunnel] provider = \"ngrok\"` or \"cloudflare-quick\"; \
             or `provider = \"none\"` when this is meant",
        )
    });
    let all = [kills, stopped, disabled, no_tunnel].into_iter().flatten();
    Ok(Finding::of_all(all, format!("installed and running ({})", state.unit.display())))
}
