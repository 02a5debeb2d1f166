//! `public-url`: whether the public address leads here, asked from outside as a client would.
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Check, Finding, Skipped, Status, Verdict, World};
use crate::auth::metadata::PROTECTED_RESOURCE;

pub(super) struct PublicAddress;

impl Check for PublicAddress {
    fn id(&self) -> &'static str {
        "public-url"
    }

    fn title(&self) -> &'static str {
        "the public address"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let Some(status) = world.status().await else { return without_gateway(world).await };
    let tunnel = &status["tunnel"];
    let provider = tunnel["provider"].as_str().unwrap_or("unknown");
    let state = tunnel["state"].as_str().unwrap_or("unknown");
    let (told, hint) = (tunnel["detail"].as_str(), tunnel["hint"].as_str());
    if state == "failed" {
        let cause = told.unwrap_or("the gateway does not say why");
        let fix = hint.map_or("restart the gateway".to_owned(), |hint| {
            format!("{hint}; then restart the gateway")
        });
        return Ok(Finding::fail(format!("the tunnel {provider} does not open"), cause, fix));
    }
    let Some(url) = status["public_url"].as_str() else {
        return match provider {
            "none" => {
                Err(Skipped::because("no tunnel and no server.public_url: this machine only"))
            }
            _ => Ok(Finding::warn(
                format!("the tunnel {provider} is not up yet ({state})"),
                told.unwrap_or("it is still being opened"),
                hint.unwrap_or(
                    "run `gateway doctor --only public-url` again in a minute; `gateway status` \
                     shows it",
                ),
            )),
        };
    };
    let found = ask(world, url).await;
    if provider == "none" && found.status == Status::Ok {
        let config = world.config()?;
        if config.server.trusted_proxies.is_empty() {
            return Ok(nameless_visitors(url));
        }
    }
    Ok(found)
}

/// A proxy of the owner's that is not believed makes all the world one visitor.
fn nameless_visitors(url: &str) -> Finding {
    Finding::warn(
        format!("{url} leads to this gateway, which cannot tell its visitors apart"),
        "every request comes from your own proxy, and `server.trusted_proxies` does not name it, so \
         strangers can use up the sign-ins and requests per minute that are meant for you",
        "set `server.trusted_proxies` to the address that the proxy connects from, such as \
         [\"127.0.0.1\"], let it set X-Forwarded-For, and restart the gateway",
    )
}

/// The metadata that every client begins with must name this very address.
async fn ask(world: &World, url: &str) -> Finding {
    let page = match world.machine.fetch(&format!("{url}{PROTECTED_RESOURCE}")).await {
        Ok(page) => page,
        Err(cause) => {
            return Finding::fail(
                format!("{url} does not answer"),
                cause,
                "check the internet connection and the tunnel (`gateway status`); with a proxy of \
                 your own, that it runs and its name leads to it",
            );
        }
    };
    let resource = serde_json::from_str::<Value>(&page.body).ok();
    let resource = resource.as_ref().and_then(|value| value["resource"].as_str());
    let expected = format!("{url}/mcp");
    match (page.status, resource) {
        (200, Some(resource)) if resource == expected => {
            Finding::ok(format!("{url} leads to this gateway"))
        }
        (200, Some(other)) => Finding::fail(
            format!("{url} leads to another gateway"),
            format!("its metadata names {other}"),
            "correct `server.public_url`, or let the proxy pass the Host header on unchanged",
        ),
        (403, _) => Finding::fail(
            format!("{url} is refused before it reaches the gateway"),
            "the edge answers 403: bot rules of the provider",
            "at Cloudflare allow /mcp and /.well-known/* in Security > WAF, and switch off Bot \
             Fight Mode and \"Block AI bots\" for this host",
        ),
        (421, _) => Finding::fail(
            format!("the gateway does not know the name in {url}"),
            "it answers 421 (Misdirected Request)",
            "set `server.public_url` to the address that clients use, or add the name to \
             `server.allowed_hosts`",
        ),
        (status, _) => Finding::fail(
            format!("{url} does not lead to this gateway"),
            format!("its metadata answers with HTTP {status}"),
            "check that the tunnel or proxy passes requests to the local address of `gateway status`",
        ),
    }
}

/// Without a gateway only the name can be looked at.
async fn without_gateway(world: &World) -> Verdict {
    let url = world.config()?.server.public_url.as_ref().map(ToString::to_string);
    let Some(url) = url else {
        return Err(Skipped::because("no gateway runs, and no server.public_url is set"));
    };
    let host = url::Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let Some(host) = host else { return Err(Skipped::because("server.public_url has no host")) };
    let bare = host.trim_matches(['[', ']']);
    Ok(match world.machine.resolve(bare).await {
        Ok(()) => Finding::ok(format!("{host} has an address; start the gateway to test the rest")),
        Err(cause) => Finding::fail(
            format!("nobody can find {host}"),
            format!("the host of server.public_url does not resolve: {cause}"),
            "correct `server.public_url`, or add the name to your DNS",
        ),
    })
}
