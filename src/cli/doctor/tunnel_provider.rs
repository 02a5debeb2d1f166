//! `tunnel-provider`: which tunnel would be opened, and why.
use futures::future::BoxFuture;

use super::{Check, Finding, Verdict, World};
use crate::config::TunnelProvider;
use crate::gateway::tunnel;

pub(super) struct TunnelChoice;

impl Check for TunnelChoice {
    fn id(&self) -> &'static str {
        "tunnel-provider"
    }

    fn title(&self) -> &'static str {
        "the choice of a tunnel"
    }

    fn limit(&self) -> std::time::Duration {
        // A keyring has 10 s to answer, and may have calls before this one.
        std::time::Duration::from_secs(35)
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let config = world.config()?;
    let secrets = world.secrets()?;
    let choice = match tunnel::choose(config, secrets, &world.env, true).await {
        Ok(choice) => choice,
        Err((cause, fix)) => return Ok(Finding::fail("the tunnel cannot be opened", cause, fix)),
    };
    let automatic = config.tunnel.provider == TunnelProvider::Auto;
    if let Some(url) = config.server.public_url.as_ref().filter(|_| choice.name == "none") {
        return Ok(Finding::ok(format!("none: your own proxy serves {url}")));
    }
    if automatic && choice.name == "none" {
        return Ok(Finding::warn(
            "no tunnel would be opened",
            "there is no ngrok authtoken and no cloudflared, so only this machine can connect",
            "gateway secrets set ngrok-authtoken (a free one: \
             https://dashboard.ngrok.com/get-started/your-authtoken), or install cloudflared",
        ));
    }
    let how = if automatic { " (chosen by `auto`)" } else { "" };
    let found = Finding::ok(format!("{}{how}", choice.name));
    Ok(match choice.remarks.join("\n") {
        remarks if remarks.is_empty() => found,
        remarks => found.detail(remarks),
    })
}
