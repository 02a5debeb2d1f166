//! `tunnel-ngrok`: the authtoken and the settings of ngrok, where it is used.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::config::TunnelProvider;
use crate::secret::{Found, SecretName, Source};

/// Tokens that ngrok gives out have 40 to 50 characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=100;
const DASHBOARD: &str = "copy it from https://dashboard.ngrok.com/get-started/your-authtoken";

pub(super) struct Ngrok;

impl Check for Ngrok {
    fn id(&self) -> &'static str {
        "tunnel-ngrok"
    }

    fn title(&self) -> &'static str {
        "ngrok's settings"
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
    let wanted = match config.tunnel.provider {
        TunnelProvider::Ngrok => true,
        TunnelProvider::Auto if config.server.public_url.is_none() => false,
        _ => return Err(Skipped::because("ngrok is not used")),
    };
    let found = world.secrets()?.find(&SecretName::NGROK_AUTHTOKEN).await;
    let token = match found {
        Ok(Some(found)) => found,
        Ok(None) if wanted => return Ok(missing()),
        Ok(None) => return Err(Skipped::because("there is no ngrok authtoken")),
        Err(error) => return Err(Skipped::because(format!("{error}: see `secrets`"))),
    };
    let faults = [implausible(&token), certificates(world)];
    let domain = config.tunnel.ngrok.domain.as_ref();
    let domain = domain.map_or("an address of ngrok's choice".to_owned(), ToString::to_string);
    let well = format!("an authtoken from the {}, {domain}", token.source);
    Ok(Finding::of_all(faults.into_iter().flatten(), well))
}

fn missing() -> Finding {
    Finding::fail(
        "there is no ngrok authtoken",
        "`tunnel.provider` is ngrok, which needs the token of your account",
        format!("{DASHBOARD}, then: gateway secrets set ngrok-authtoken"),
    )
}

/// Says what is wrong with a token without showing it.
fn implausible(token: &Found) -> Option<Finding> {
    let text = token.secret.expose().trim();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let cause = if text.contains(char::is_whitespace) {
        "it has blanks in it: paste the token alone, not the whole command"
    } else if let Some(odd) = text.chars().find(|c| !known(*c)) {
        &format!("it has {odd:?} in it; tokens are letters, digits and _")
    } else if !LENGTHS.contains(&text.len()) {
        &format!("it has {} characters; tokens have 40 to 50", text.len())
    } else {
        return None;
    };
    let replace = match token.source {
        Source::Environment(variable) => format!(
            "then: export {variable}=TOKEN (or unset it, and gateway secrets set ngrok-authtoken)"
        ),
        _ => "then: gateway secrets set ngrok-authtoken".to_owned(),
    };
    Some(Finding::fail(
        "the ngrok authtoken is none",
        format!("the one from the {}: {cause}", token.source),
        format!("{DASHBOARD}, {replace}"),
    ))
}

fn certificates(world: &World) -> Option<Finding> {
    let file = world.config().ok()?.tunnel.ngrok.ca_file.as_ref()?;
    let error = std::fs::File::open(file).err()?;
    Some(Finding::fail(
        "the certificates for ngrok's server cannot be read",
        format!("tunnel.ngrok.ca_file names {}: {error}", file.display()),
        "correct `tunnel.ngrok.ca_file`, or remove it to trust ngrok's own",
    ))
}
