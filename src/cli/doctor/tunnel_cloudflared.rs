//! `tunnel-cloudflared`: whether it is there and new enough, where it is used.
use futures::future::BoxFuture;
use gateway_tunnels::cloudflared::{self, CloudflaredError};

use super::{Check, Finding, Skipped, Verdict, World};
use crate::config::TunnelProvider;

pub(super) struct Cloudflared;

impl Check for Cloudflared {
    fn id(&self) -> &'static str {
        "tunnel-cloudflared"
    }

    fn title(&self) -> &'static str {
        "cloudflared"
    }

    fn limit(&self) -> std::time::Duration {
        // Its first start after an update can take ten seconds.
        std::time::Duration::from_secs(15)
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let config = world.config()?;
    let wanted = match config.tunnel.provider {
        TunnelProvider::CloudflareQuick => true,
        TunnelProvider::Auto if config.server.public_url.is_none() => false,
        _ => return Err(Skipped::because("cloudflared is not used")),
    };
    let path = match world.cloudflared() {
        Ok(path) => path,
        Err(CloudflaredError::Missing { .. }) if !wanted => {
            return Err(Skipped::because(
                "not installed, and nothing in the configuration needs it",
            ));
        }
        Err(error) => return Ok(broken(&error)),
    };
    Ok(match cloudflared::version(&path, &world.os_env()).await {
        Ok(version) if version.is_old() => Finding::warn(
            format!("cloudflared {version} is old"),
            format!("{}: Cloudflare supports a version for one year", path.display()),
            "update it with what installed it (such as `sudo apt install --only-upgrade cloudflared`), \
             or `cloudflared update`",
        ),
        Ok(version) => Finding::ok(format!("cloudflared {version} ({})", path.display())),
        Err(error) => broken(&error),
    })
}

fn broken(error: &CloudflaredError) -> Finding {
    let summary = match error {
        CloudflaredError::Missing { .. } => "cloudflared is not installed",
        CloudflaredError::TooOld { .. } => "cloudflared is too old",
        _ => "cloudflared cannot be used",
    };
    let fix = error.hint().unwrap_or_else(|| "install it again, or use ngrok".to_owned());
    Finding::fail(summary, error.to_string(), fix)
}
