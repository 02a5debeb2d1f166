//! Which tunnel is opened, and how its address reaches everybody who must know it.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use gateway_os::launch::{ExecOptions, exec_prefix, own_program};
use gateway_tunnels::cloudflared::QuickSettings;
use gateway_tunnels::ngrok::{Ca, NgrokSettings};
use gateway_tunnels::{
    Authtoken, ClientAddress, Connection, Jitter, Options, ProviderConfig, Surroundings, Tunnel,
    TunnelHandle, TunnelState, Verify, VerifyError,
};
use http::HeaderName;
use tokio::sync::{mpsc, watch};
use url::Url;

use super::probe::Probe;
use crate::clock::Entropy;
use crate::config::{Config, TunnelProvider};
use crate::http::{Arrival, Peer, PublicOrigin};
use crate::secret::{SecretName, Secrets};

/// How often a tunnel that is up proves that its address still leads here.
const REVERIFY_EVERY: Duration = Duration::from_secs(300);

/// The tunnel that was chosen, and why.
#[derive(Debug)]
pub(crate) struct Choice {
    /// What to open.
    pub(crate) provider: ProviderConfig,
    /// Its name in status and logs.
    pub(crate) name: &'static str,
    /// Why there is none, or what would be better, with the cure; lines for people.
    pub(crate) remarks: Vec<String>,
}

/// Chooses the tunnel that the configuration asks for.
///
/// `auto` opens a public address only when `on_terminal`: somebody sees it happen there.
///
/// # Errors
///
/// A sentence and a hint, when a provider that was named cannot be used.
pub(crate) async fn choose(
    config: &Config,
    secrets: &Secrets,
    env: &BTreeMap<String, String>,
    on_terminal: bool,
) -> Result<Choice, (String, String)> {
    if config.server.public_url.is_some() && config.tunnel.provider == TunnelProvider::Auto {
        return Ok(none(vec!["server.public_url is set: no tunnel is opened".to_owned()]));
    }
    match config.tunnel.provider {
        TunnelProvider::None => Ok(none(Vec::new())),
        TunnelProvider::Ngrok => match authtoken(secrets).await {
            Ok(Some(token)) => Ok(ngrok(config, token)),
            Ok(None) => Err((
                "the tunnel ngrok needs an authtoken, and there is none".to_owned(),
                "store yours with `gateway secrets set ngrok-authtoken`, or set NGROK_AUTHTOKEN"
                    .to_owned(),
            )),
            Err(error) => {
                Err((format!("the ngrok authtoken cannot be read: {error}"), error.hint()))
            }
        },
        TunnelProvider::CloudflareQuick => Ok(cloudflare_quick(config, Vec::new())),
        TunnelProvider::Auto if !on_terminal => Ok(none(vec![
            "no tunnel: `auto` opens a public address only on a terminal; name a provider in \
             [tunnel] or with --tunnel"
                .to_owned(),
        ])),
        TunnelProvider::Auto => Ok(automatic(config, secrets, env).await),
    }
}

async fn automatic(config: &Config, secrets: &Secrets, env: &BTreeMap<String, String>) -> Choice {
    // A vault that does not answer is told elsewhere; it is no reason to open nothing.
    if let Ok(Some(token)) = authtoken(secrets).await {
        let mut choice = ngrok(config, token);
        choice.remarks.push(
            "opening a public address through ngrok; stop it with Ctrl-C, or use --tunnel none"
                .to_owned(),
        );
        return choice;
    }
    let environment = os_environment(env);
    let path = config.tunnel.cloudflared.path.as_deref();
    if gateway_tunnels::cloudflared::find(path, &environment).is_ok() {
        let remark = "opening a public address through a Cloudflare quick tunnel; stop it with \
                      Ctrl-C, or use --tunnel none";
        return cloudflare_quick(config, vec![remark.to_owned()]);
    }
    none(vec![
        "no tunnel: there is no ngrok authtoken and no cloudflared, so only this machine can \
         connect"
            .to_owned(),
        "store a free ngrok authtoken with `gateway secrets set ngrok-authtoken`, or install \
         cloudflared, and start again"
            .to_owned(),
    ])
}

async fn authtoken(secrets: &Secrets) -> Result<Option<Authtoken>, crate::secret::SecretError> {
    let found = secrets.find(&SecretName::NGROK_AUTHTOKEN).await?;
    Ok(found.map(|found| Authtoken::new(found.secret.expose())))
}

const fn none(remarks: Vec<String>) -> Choice {
    Choice { provider: ProviderConfig::None, name: "none", remarks }
}

fn ngrok(config: &Config, token: Authtoken) -> Choice {
    let section = &config.tunnel.ngrok;
    let mut settings = NgrokSettings::new(token);
    settings.domain = section.domain.as_ref().map(ToString::to_string);
    settings.server_addr = section.server_addr.as_ref().map(ToString::to_string);
    if let Some(file) = &section.ca_file {
        settings.ca = Ca::File(file.clone());
    }
    settings.proxy_url = section.proxy_url.as_ref().and_then(|url| url.to_string().parse().ok());
    let remarks = if section.domain.is_none() {
        vec![
            "for an address that stays the same set tunnel.ngrok.domain to the free dev domain of \
             your ngrok account"
                .to_owned(),
        ]
    } else {
        Vec::new()
    };
    Choice { provider: ProviderConfig::Ngrok(settings), name: "ngrok", remarks }
}

fn cloudflare_quick(config: &Config, mut remarks: Vec<String>) -> Choice {
    let settings =
        QuickSettings { path: config.tunnel.cloudflared.path.clone(), ..QuickSettings::default() };
    remarks.push(
        "a quick tunnel gets a new address at each start; for one that stays use ngrok's free dev \
         domain"
            .to_owned(),
    );
    let provider = ProviderConfig::CloudflareQuick(settings);
    Choice { provider, name: "cloudflare-quick", remarks }
}

fn os_environment(env: &BTreeMap<String, String>) -> BTreeMap<OsString, OsString> {
    env.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Starts the chosen tunnel. Its connections arrive on the receiver.
#[must_use]
pub(super) fn start(
    provider: ProviderConfig,
    env: &BTreeMap<String, String>,
    runtime_dir: &Path,
    probe: Probe,
    entropy: Arc<dyn Entropy>,
) -> (TunnelHandle, mpsc::Receiver<Connection>) {
    let surroundings = Surroundings {
        environment: os_environment(env),
        runtime_dir: runtime_dir.to_path_buf(),
        launcher: launcher(),
    };
    let mut options = Options::new(Arc::new(EntropyJitter(entropy)));
    options.verify = Arc::new(PublicCheck(probe));
    options.reverify_every = Some(REVERIFY_EVERY);
    Tunnel::start(provider.build(&surroundings), options)
}

/// Starts children so that they end with this process. The provider gives each a group of its own,
/// which keeps Ctrl-C from it; the leader of a group cannot start a session.
fn launcher() -> Vec<OsString> {
    let options = ExecOptions { session: false, group: false, die_with_parent: true };
    exec_prefix(&own_program(), options)
}

/// Keeps `origin` at the tunnel's address until the tunnel is over.
pub(super) async fn follow(
    mut state: watch::Receiver<TunnelState>,
    origin: watch::Sender<Option<PublicOrigin>>,
) {
    loop {
        let url = state.borrow_and_update().url().cloned();
        // An address that is being got back stays in force: clients may be waiting for it.
        let reconnecting = matches!(*state.borrow(), TunnelState::Reconnecting { .. });
        if !reconnecting {
            let now = url.as_ref().and_then(|url| PublicOrigin::parse(origin_text(url)).ok());
            origin.send_if_modified(|current| {
                let changed = *current != now;
                *current = now;
                changed
            });
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn origin_text(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

/// A tunnel's connection as the HTTP server takes it.
impl From<Connection> for Arrival {
    fn from(connection: Connection) -> Self {
        let peer = match connection.peer {
            ClientAddress::Known(address) => Peer::Address(address.ip().to_canonical()),
            ClientAddress::Header(name) => {
                HeaderName::from_bytes(name.as_bytes()).map_or(Peer::Unknown, Peer::Header)
            }
            ClientAddress::Unknown => Peer::Unknown,
        };
        Self { io: Box::new(connection.io), peer, local: None }
    }
}

#[derive(Debug)]
struct EntropyJitter(Arc<dyn Entropy>);

impl Jitter for EntropyJitter {
    fn draw(&self, ceiling: Duration) -> Duration {
        let random = u32::from_be_bytes(self.0.bytes());
        ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[derive(Debug)]
struct PublicCheck(Probe);

impl Verify for PublicCheck {
    fn verify<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Result<(), VerifyError>> {
        Box::pin(self.0.ask(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_leads_a_group_already_is_not_asked_to_start_a_session_or_group() {
        let words = launcher();
        assert!(words.iter().any(|word| word.to_string_lossy().starts_with("--die-with=")));
        assert!(!words.iter().any(|word| word == "--session" || word == "--group"), "{words:?}");
    }
}
