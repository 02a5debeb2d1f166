//! `gateway doctor --public`: what a client does that knows nothing but the connector's URL, through
//! the public address and as the programs do it that matter.
//!
//! It asks as each of the known clients calls itself, compares the metadata in all their places, and
//! signs in once, with a client that exists for this walk alone and the consent code of this terminal.
mod documents;
mod greetings;
mod name;

use serde_json::Value;
use url::Url;

use super::visitor::{self, Credentials, Visitor};
use super::walk::{Named, Step, Trouble, Walk};
use super::{Finding, Line, Skipped, World};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::reach;
use crate::clock::{Entropy, OsEntropy};
use crate::gateway::admin::Call;

/// The steps, in their order.
const STEPS: &[Named] = &[
    ("public-name", "hosted clients cannot find the public address"),
    ("public-challenge", "a client is not told how to sign in"),
    ("public-metadata", "the metadata is not the same in all its places"),
    ("public-discovery", "a client cannot find out how to sign in"),
    ("public-client", "no client could be made for the walk"),
    ("public-sign-in", "a client cannot sign in"),
    ("public-refresh", "a client cannot stay signed in"),
    ("public-tools", "the tools cannot be listed"),
    ("public-revoke", "a client's tokens cannot be revoked"),
    ("public-end", "the client of the walk could not be removed"),
];
const CURE: &str = "run `gateway doctor` and cure what it names first; then look at the tunnel or proxy \
    between the public address and the gateway (`gateway status`)";
/// Who asks where it does not matter.
const AGENT: &str = concat!("gateway-doctor/", env!("CARGO_PKG_VERSION"));

/// Goes the whole way once; a line for each step, and at last what to paste into which client.
pub(in crate::cli) async fn run(context: &Context, world: &World) -> Vec<Line> {
    let base = match address(world).await {
        Ok(base) => base,
        Err(skipped) => return vec![Line::new(STEPS[0].0, Err(skipped))],
    };
    let mut walk = Walk::new(STEPS, CURE);
    let front = base.as_str().trim_end_matches('/').to_owned();
    if let Some(visitor) = outside(&mut walk, &base, &front).await
        && let Some(client) = walk.step(mint(context, visitor)).await
    {
        let Guest { mut visitor, client_id } = client;
        sign_in(&mut walk, context, &mut visitor).await;
        // Whatever happened before, the client ends.
        walk.skip_to("public-end");
        walk.step(remove(context, client_id)).await;
    }
    let mut lines = walk.finish();
    let paste = Finding::ok("what to paste where").detail(paste(&front));
    lines.push(Line::new("public-paste", Ok(paste)));
    lines
}

/// The address that the running gateway is known by.
async fn address(world: &World) -> Result<Url, Skipped> {
    let Some(status) = world.status().await else {
        return Err(Skipped::because("no gateway answers; start it with `gateway serve`"));
    };
    let url = status["public_url"].as_str().and_then(|url| Url::parse(url).ok());
    url.ok_or_else(|| Skipped::because("the gateway has no public address: this machine only"))
}

/// What needs no client.
async fn outside(walk: &mut Walk, base: &Url, front: &str) -> Option<Visitor> {
    walk.step(name::look(base)).await?;
    walk.step(greetings::look(front)).await?;
    walk.step(documents::look(front)).await?;
    let discover = async {
        let http = visitor::http(AGENT).build().map_err(Trouble::from)?;
        let nobody = Credentials { client_id: String::new(), secret: None };
        Visitor::discover(http, front, nobody).await
    };
    walk.step(discover).await
}

/// A visitor with a client of its own.
struct Guest {
    visitor: Visitor,
    client_id: String,
}

async fn mint(context: &Context, visitor: Visitor) -> Step<Guest> {
    let entropy: &dyn Entropy = &OsEntropy;
    let suffix: String = entropy.bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect();
    let call = Call::MintClient {
        name: format!("doctor-{suffix}"),
        scopes: Vec::new(),
        projects: Vec::new(),
        public: true,
        rotate: false,
    };
    let client = ask(context, call).await?;
    let client_id = visitor::text(&client["client_id"], "client_id")?;
    let visitor = visitor.with_client(client_id.clone());
    Ok(("a client without a secret, for this walk alone".to_owned(), Guest { visitor, client_id }))
}

async fn sign_in(walk: &mut Walk, context: &Context, visitor: &mut Visitor) -> Option<()> {
    let code = async {
        let pairing = ask(context, Call::Pair).await?;
        visitor::text(&pairing["code"], "code")
    };
    walk.step(visitor.sign_in(code)).await?;
    walk.step(visitor.refresh()).await?;
    walk.step(visitor.tools()).await?;
    walk.step(visitor.revoke()).await
}

async fn remove(context: &Context, client: String) -> Step<()> {
    let removed = ask(context, Call::ForgetClient { client: client.clone() }).await;
    removed.map_err(|trouble| trouble.with_fix(format!("gateway clients revoke {client}")))?;
    Ok(("its client is removed".to_owned(), ()))
}

/// Asks the running gateway as its owner.
async fn ask(context: &Context, call: Call) -> Result<Value, Trouble> {
    let answered = reach::call_running(context, &call).await;
    answered.map_err(trouble)?.ok_or_else(|| Trouble::new("the gateway has ended meanwhile"))
}

fn trouble(error: CliError) -> Trouble {
    let trouble = Trouble::new(error.message);
    match error.hint {
        Some(hint) => trouble.with_fix(hint),
        None => trouble,
    }
}

/// The lines for each client.
fn paste(front: &str) -> String {
    let url = format!("{front}/mcp");
    format!(
        "Claude (web, desktop; the phone follows): Settings > Connectors > Add custom connector: {url}\n\
         Claude Code: claude mcp add --transport http gateway {url}\n\
         Codex:       codex mcp add gateway --url {url}\n\
         others:      npx mcp-remote {url}\n\
         id and secret for clients that ask for them: gateway mint-client"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_to_paste_carry_the_connector_url_and_no_secret() {
        insta::assert_snapshot!(paste("https://h.example"));
    }
}
