//! A whole gateway in this process, and the ways of its owner, its clients and its enemies to it.
mod child;
mod flow;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::clock::{Clock, ManualClock, OsEntropy, Timestamp};
use gateway::config::{Config, Overrides};
use gateway::gateway::admin::{Call, CallError};
use gateway::gateway::{Gateway, Setup};
use gateway_os::folders::Folders;
use gateway_tunnels::testing::NgrokEdge;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::child::*;
pub(crate) use self::flow::*;
pub(crate) use self::wire::*;

/// The name of the owner's own reverse proxy, under which the gateway is on the internet.
pub(crate) const PUBLIC: &str = "h.example";
/// The tunnel's name, where there is one.
pub(crate) const TUNNEL: &str = "t.example";

/// Most tests are about rights, not rates: what counts requests stays out of their way.
const UNLIMITED: &str = "limits.requests_per_minute = 1000000\nlimits.burst = 1000000\n";
const BEHIND_A_PROXY: &str =
    "server.public_url = \"https://h.example\"\nserver.trusted_proxies = [\"127.0.0.1\"]\n";
const EVERYWHERE: &str = "server.listen = \"127.0.0.1:0\"\nsecrets.backend = \"file\"\n";
const NO_TUNNEL: &str = "tunnel.provider = \"none\"\n";

/// Where the gateway runs.
enum Life {
    /// In this process, by a clock that stands still.
    Inside(Box<Gateway>),
    /// As the program itself.
    Process(Box<Program>),
}

/// A running gateway. Requests go to the public name unless they name another host.
pub(crate) struct TestGateway {
    life: Life,
    pub(crate) clock: Arc<ManualClock>,
    /// Where connections are made.
    pub(crate) address: SocketAddr,
    /// The name that requests are sent to.
    pub(crate) host: String,
    /// The origin that they see.
    pub(crate) origin: String,
    /// The tunnel's edge, whose public side takes connections too.
    pub(crate) edge: Option<NgrokEdge>,
    settings: Arc<Mutex<String>>,
    folder: TempDir,
}

impl TestGateway {
    /// Behind a reverse proxy of the owner's that names each visitor; no limits on rates.
    pub(crate) async fn start() -> Self {
        Self::with(&[UNLIMITED, BEHIND_A_PROXY, NO_TUNNEL].concat(), None).await
    }

    /// The same with more settings.
    pub(crate) async fn start_with(settings: &str) -> Self {
        Self::with(&[UNLIMITED, BEHIND_A_PROXY, NO_TUNNEL, settings].concat(), None).await
    }

    /// The same with these limits on rates.
    pub(crate) async fn limited(per_minute: u32, burst: u32) -> Self {
        let limits = format!("limits.requests_per_minute = {per_minute}\nlimits.burst = {burst}\n");
        Self::with(&[&limits, BEHIND_A_PROXY, NO_TUNNEL].concat(), None).await
    }

    /// Without any public name: requests go to the loopback address.
    pub(crate) async fn local(settings: &str) -> Self {
        let mut gateway = Self::with(&[NO_TUNNEL, settings].concat(), None).await;
        gateway.host = gateway.address.to_string();
        gateway.origin = format!("http://{}", gateway.host);
        gateway
    }

    /// Behind a tunnel: requests go to the edge's public side, under the tunnel's name.
    pub(crate) async fn tunnelled(settings: &str) -> Self {
        let edge = NgrokEdge::start().await.unwrap();
        let text = format!(
            "tunnel.provider = \"ngrok\"\ntunnel.ngrok.domain = \"{TUNNEL}\"\n\
             tunnel.ngrok.server_addr = \"localhost:{}\"\n{settings}",
            edge.agent_addr().port()
        );
        let mut gateway = Self::with(&text, Some(edge)).await;
        TUNNEL.clone_into(&mut gateway.host);
        gateway.origin = format!("https://{TUNNEL}");
        // From the moment when the address is known it is answered to; that it leads here cannot be
        // proven, because no name server knows it.
        let mut state = gateway.inside().tunnel_state();
        let named = state.wait_for(|state| state.url().is_some());
        tokio::time::timeout(LONG, named).await.expect("the tunnel opens").unwrap();
        let answered = async {
            while gateway.send(Ask::get("/healthz")).await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, answered).await.expect("the tunnel's name is answered to");
        gateway
    }

    async fn with(settings: &str, edge: Option<NgrokEdge>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = [EVERYWHERE, settings].concat();
        if let Some(edge) = &edge {
            let ca_file = folder.path().join("edge.pem");
            std::fs::write(&ca_file, edge.ca_pem()).unwrap();
            settings
                .push_str(&format!("tunnel.ngrok.ca_file = {:?}\n", ca_file.display().to_string()));
        }
        let settings = Arc::new(Mutex::new(settings));
        // The moment of the system, because the tunnel's certificates are of today.
        let clock = Arc::new(ManualClock::new(gateway::clock::SystemClock.now()));
        let setup = setup(folder.path(), settings.clone(), clock.clone());
        let running = Gateway::start(setup).await.unwrap();
        let address = address(&running.status());
        let life = Life::Inside(Box::new(running));
        let (host, origin) = (PUBLIC.to_owned(), format!("https://{PUBLIC}"));
        Self { life, clock, address, host, origin, edge, settings, folder }
    }

    /// The program itself, behind a reverse proxy of the owner's and with the usual limits.
    pub(crate) async fn process(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = [EVERYWHERE, BEHIND_A_PROXY, NO_TUNNEL, settings].concat();
        let (program, ready) = Program::start(folder.path(), &settings).await;
        let clock = Arc::new(ManualClock::new(gateway::clock::SystemClock.now()));
        let (host, origin) = (PUBLIC.to_owned(), format!("https://{PUBLIC}"));
        let (address, life) = (address(&ready), Life::Process(Box::new(program)));
        let settings = Arc::new(Mutex::new(settings));
        Self { life, clock, address, host, origin, edge: None, settings, folder }
    }

    fn inside(&self) -> &Gateway {
        match &self.life {
            Life::Inside(gateway) => gateway,
            Life::Process(_) => panic!("only a gateway in this process can do that"),
        }
    }

    pub(crate) fn program(&self) -> &Program {
        match &self.life {
            Life::Process(program) => program,
            Life::Inside(_) => panic!("only a process can tell that"),
        }
    }

    /// Ends this gateway and starts another one in its place.
    pub(crate) async fn restart(self) -> Self {
        let Self { life, clock, settings, folder, host, origin, .. } = self;
        let Life::Inside(running) = life else {
            panic!("only a gateway in this process does that")
        };
        running.shut_down().await;
        let setup = setup(folder.path(), settings.clone(), clock.clone());
        let running = Gateway::start(setup).await.unwrap();
        let address = address(&running.status());
        let life = Life::Inside(Box::new(running));
        Self { life, clock, address, host, origin, edge: None, settings, folder }
    }

    /// Ends the program in order; its log is complete then.
    pub(crate) async fn end_program(&mut self) {
        match &mut self.life {
            Life::Process(program) => program.end().await,
            Life::Inside(_) => panic!("only a process ends"),
        }
    }

    /// Replaces a part of the settings, and has that taken over.
    pub(crate) async fn reload(&self, from: &str, to: &str) {
        let text = self.settings.lock().unwrap().clone();
        assert!(text.contains(from), "{text}");
        *self.settings.lock().unwrap() = text.replace(from, to);
        self.inside().reload().await.unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A call of the owner at the terminal.
    pub(crate) async fn try_call(&self, call: Call) -> Result<Value, CallError> {
        match &self.life {
            Life::Inside(gateway) => gateway.owner().call(call).await,
            Life::Process(program) => Ok(program.call(&call).await),
        }
    }

    pub(crate) async fn call(&self, call: Call) -> Value {
        self.try_call(call).await.unwrap()
    }

    /// Where a connection to the usual name is made.
    pub(crate) fn door(&self) -> SocketAddr {
        let edge = self.edge.as_ref().filter(|_| self.host == TUNNEL);
        edge.map_or(self.address, NgrokEdge::public_addr)
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(self.door()).await
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        self.try_send(&ask).await.unwrap_or_else(|| panic!("no answer to {ask:?}"))
    }

    /// Like [`Self::send`]; `None` when the connection is closed without an answer.
    pub(crate) async fn try_send(&self, ask: &Ask) -> Option<Answer> {
        let mut wire = self.wire().await;
        wire.write(&ask.bytes(&self.host)).await;
        wire.answer(ask.method == "HEAD").await
    }

    /// Sends bytes on a connection of its own; the first answer, if there is any.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        let mut wire = self.wire().await;
        wire.write(bytes.as_ref()).await;
        wire.answer(false).await
    }
}

/// The address of the loopback listener, from a status.
fn address(status: &Value) -> SocketAddr {
    let local = status["local_url"].as_str().unwrap();
    local.strip_prefix("http://").unwrap().parse().unwrap()
}

fn setup(folder: &Path, settings: Arc<Mutex<String>>, clock: Arc<ManualClock>) -> Setup {
    let env = BTreeMap::from([
        ("HOME".to_owned(), folder.display().to_string()),
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ("NGROK_AUTHTOKEN".to_owned(), "2planted_authtoken".to_owned()),
    ]);
    let (load_env, cwd) = (env.clone(), folder.to_owned());
    let load = move || {
        let text = settings.lock().unwrap().clone();
        Config::load(None, Some(&text), &load_env, &Overrides::new(&cwd))
    };
    Setup {
        loaded: load().unwrap(),
        load_config: Arc::new(load),
        set_log_level: Arc::new(|_| {}),
        folders: Folders {
            config_file: folder.join("config.toml"),
            state: folder.join("state"),
            runtime: folder.join("run"),
        },
        env,
        on_terminal: false,
        clock,
        entropy: Arc::new(OsEntropy),
    }
}
