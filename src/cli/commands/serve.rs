//! `gateway serve`.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use gateway_os::control::{Request, Requests};
use gateway_os::terminal;
use gateway_tunnels::TunnelState;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::cli::args::{LogFormatArg, ServeArgs};
use crate::cli::browser;
use crate::cli::commands::pair;
use crate::cli::context::{Context, print_text, read_config};
use crate::cli::error::CliError;
use crate::clock::{Clock, OsEntropy, SystemClock};
use crate::config::{Config, ConfigError, Overrides};
use crate::gateway::admin::{AdminClient, AdminClientError, Call, CallError};
use crate::gateway::{Gateway, LoadConfig, Setup, orphans};
use crate::telemetry::{self, LogFormat, Telemetry, Verbosity};

/// Exit code of a gateway that was told twice to end.
const NOW: i32 = 1;

/// Runs the gateway until it is told to end.
pub(in crate::cli) fn run(context: &Context, args: &ServeArgs) -> Result<(), CliError> {
    let overrides = overrides(context, args);
    let loaded = context.config_with(&overrides)?;
    let telemetry = start_log(context, &loaded.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().min(4)))
        .enable_all()
        .build()?;
    let telemetry = Arc::new(telemetry);
    let setup = setup(context, overrides, loaded, &telemetry);
    runtime.block_on(serve(context, args, setup, &telemetry))
}

fn overrides(context: &Context, args: &ServeArgs) -> Overrides {
    let mut overrides = context.no_overrides();
    let flags = [
        ("--tunnel", "tunnel.provider", &args.tunnel),
        ("--listen", "server.listen", &args.listen),
        ("--public-url", "server.public_url", &args.public_url),
    ];
    for (flag, key, value) in flags {
        if let Some(value) = value {
            overrides = overrides.set(flag, key, value.as_str());
        }
    }
    args.projects.iter().fold(overrides, |overrides, path| overrides.project(path))
}

fn start_log(context: &Context, config: &Config) -> Result<Telemetry, CliError> {
    let format = match context.global.log_format {
        LogFormatArg::Auto => LogFormat::Auto,
        LogFormatArg::Pretty => LogFormat::Pretty,
        LogFormatArg::Json => LogFormat::Json,
    };
    // On a terminal the lines of `serve` itself say what happens; the log speaks up when needed.
    let calm = terminal::stderr_is_terminal() && context.global.verbose == 0;
    let quiet = if context.global.quiet { 2 } else { u8::from(calm) };
    let verbosity = Verbosity { quiet, verbose: context.global.verbose };
    if let Some(folder) = config.log.file.as_deref().and_then(std::path::Path::parent) {
        std::fs::create_dir_all(folder)?;
    }
    let is_terminal = terminal::stderr_is_terminal();
    let settings =
        telemetry::Settings::new(&config.log, format, verbosity, &context.env, is_terminal);
    telemetry::start(&settings, Arc::new(SystemClock)).map_err(|error| {
        let hint = error.hint();
        CliError::failed(error).hint(hint)
    })
}

fn setup(
    context: &Context,
    overrides: Overrides,
    loaded: crate::config::Loaded,
    telemetry: &Arc<Telemetry>,
) -> Setup {
    let log = telemetry.clone();
    Setup {
        loaded,
        load_config: load_again(
            context.folders.config_file.clone(),
            context.env.clone(),
            context.global.config.is_some(),
            overrides,
        ),
        set_log_level: Arc::new(move |level| log.set_level(level)),
        folders: context.folders.clone(),
        env: context.env.clone(),
        on_terminal: terminal::stdout_is_terminal(),
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        entropy: Arc::new(OsEntropy),
    }
}

/// Loads the configuration of a running gateway again, under the flags of its start.
fn load_again(
    file: PathBuf,
    env: BTreeMap<String, String>,
    named: bool,
    overrides: Overrides,
) -> LoadConfig {
    Arc::new(move || {
        // As at the start: a file that has gone away stands for the defaults unless `--config` named
        // it; one that is there and cannot be read stands for nothing.
        let text = read_config(&file)?;
        if text.is_none() && named {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(ConfigError::unreadable(&file, &error));
        }
        Config::load(Some(&file), text.as_deref(), &env, &overrides)
    })
}

async fn serve(
    context: &Context,
    args: &ServeArgs,
    setup: Setup,
    telemetry: &Telemetry,
) -> Result<(), CliError> {
    let mut requests = Requests::listen()?;
    let running = tokio::select! {
        running = running(context) => running?,
        () = end(&mut requests) => return Ok(()),
    };
    if let Some(status) = running {
        return already_running(context, &status);
    }
    orphans::adopt();
    let _reaping = AbortOnDropHandle::new(tokio::spawn(orphans::reap(setup.clock.clone())));
    let gateway = tokio::select! {
        gateway = Gateway::start(setup) => gateway?,
        // A start that is given up leaves what a crash would; the next one takes it from there.
        () = end(&mut requests) => return Ok(()),
    };
    let first_client = gateway.mint_first_client().await;
    let mut screen = Screen { context, args, opened: false };
    screen.greet(&gateway, first_client)?;
    let mut tunnel = gateway.tunnel_state();
    screen.show_when_settled(&gateway, &tunnel.borrow_and_update().clone()).await?;
    loop {
        tokio::select! {
            changed = tunnel.changed(), if !tunnel.borrow().is_final() => {
                if changed.is_ok() {
                    let state = tunnel.borrow_and_update().clone();
                    screen.show_when_settled(&gateway, &state).await?;
                }
            }
            request = requests.next() => match request {
                Request::End => break,
                // What came of it is in the log and in the status.
                Request::Reload => drop(gateway.reload().await),
            }
        }
    }
    screen.say("shutting down; agents that are running go on (see tasks.on_shutdown)")?;
    tokio::select! {
        () = gateway.shut_down() => Ok(()),
        () = end(&mut requests) => {
            telemetry.flush();
            // The second signal means now: what is not on disk yet was not acknowledged either.
            std::process::exit(NOW);
        }
    }
}

/// The status of a gateway that runs already. One that is there and silent is an error.
async fn running(context: &Context) -> Result<Option<Value>, CliError> {
    match AdminClient::new(&context.folders.runtime).call(&Call::Status).await {
        Ok(status) => Ok(Some(status)),
        Err(error @ AdminClientError::Silent { .. }) => Err(error.into()),
        // Whatever else is in its place, the lock of the state folder decides.
        Err(_) => Ok(None),
    }
}

/// The next request to end.
async fn end(requests: &mut Requests) {
    while requests.next().await != Request::End {}
}

/// `serve` twice is no mistake: the second one tells about the first.
fn already_running(context: &Context, status: &Value) -> Result<(), CliError> {
    let pid = &status["pid"];
    let local = status["local_url"].as_str().unwrap_or_default();
    context.print(status, || {
        format!("a gateway is running already (pid {pid}) at {local}; see `gateway status`")
    })
}

/// What `serve` prints. Everything goes to stdout; with `--json` one object per line.
struct Screen<'a> {
    context: &'a Context,
    args: &'a ServeArgs,
    opened: bool,
}

impl Screen<'_> {
    fn greet(
        &self,
        gateway: &Gateway,
        first_client: Result<Option<Value>, CallError>,
    ) -> Result<(), CliError> {
        let status = gateway.status();
        if self.context.global.json {
            let problem = first_client
                .err()
                .map(|error| json!({ "message": error.message, "hint": error.hint }));
            return self.json(json!({
                "schema": 1,
                "event": "started",
                "local_url": status["local_url"],
                "remarks": gateway.remarks(),
                "client_problem": problem,
            }));
        }
        let version = env!("CARGO_PKG_VERSION");
        let local = status["local_url"].as_str().unwrap_or_default();
        self.say(&format!("gateway {version} at {local}"))?;
        for remark in gateway.remarks() {
            self.say(&format!("note: {remark}"))?;
        }
        match first_client {
            Ok(None) => Ok(()),
            Ok(Some(client)) => self.say(&first_client_lines(&client)),
            Err(error) => {
                self.say(&format!("note: secrets cannot be kept or shown: {}", error.message))?;
                self.say(&format!("hint: {}", error.hint))
            }
        }
    }

    /// Prints link and code once the tunnel's address is known to work, or is known not to come.
    async fn show_when_settled(
        &mut self,
        gateway: &Gateway,
        state: &TunnelState,
    ) -> Result<(), CliError> {
        match state {
            TunnelState::Off | TunnelState::Up { .. } => self.show_link(gateway).await,
            TunnelState::Failed { told, hint, .. } => {
                self.event("tunnel_failed", told, hint.as_deref())?;
                self.show_link(gateway).await
            }
            TunnelState::Verifying { url, problem: Some(problem) } => self.event(
                "tunnel_checking",
                &format!("{url} does not answer yet: {problem}"),
                None,
            ),
            TunnelState::Reconnecting { cause, .. } => self.event(
                "tunnel_lost",
                &format!("the tunnel is gone: {cause}; reconnecting"),
                state.hint().as_deref(),
            ),
            TunnelState::Connecting { .. }
            | TunnelState::Verifying { .. }
            | TunnelState::Closed => Ok(()),
        }
    }

    async fn show_link(&mut self, gateway: &Gateway) -> Result<(), CliError> {
        let status = gateway.status();
        let base = status["public_url"].as_str().or(status["local_url"].as_str());
        let bare = format!("{}/mcp", base.unwrap_or_default());
        let on_terminal = terminal::stdout_is_terminal();
        // The fragment is a secret: only a terminal and the file that was asked for carry it.
        let pairing = if (on_terminal && !self.context.global.json) || self.args.qr_file.is_some() {
            Some(gateway.owner().call(Call::Pair).await?)
        } else {
            None
        };
        if let (Some(pairing), Some(file)) = (&pairing, &self.args.qr_file) {
            pair::write_qr_file(pairing, file)?;
        }
        if self.context.global.json {
            return self.json(json!({
                "schema": 1,
                "event": "ready",
                "local_url": status["local_url"],
                "public_url": status["public_url"],
                "connector_url": bare,
            }));
        }
        if let Some(pairing) = pairing.filter(|_| on_terminal) {
            let url = pairing["url"].as_str().unwrap_or_default();
            print_text(&pair::drawing(self.context, url))?;
            self.say(&format!("pair   {url}"))?;
            self.say(&format!("code   {}", pairing["code"].as_str().unwrap_or_default()))?;
            self.open_browser(url);
        }
        self.say(&format!("connector  {bare}"))
    }

    /// Opens the pairing page in the owner's browser, once, where there is a desktop to do so.
    fn open_browser(&mut self, url: &str) {
        if self.args.no_open || self.opened || !url.starts_with("https://") {
            return;
        }
        self.opened = true;
        browser::open(url, &self.context.folders.runtime, &self.context.env);
    }

    fn event(&self, name: &str, text: &str, hint: Option<&str>) -> Result<(), CliError> {
        if self.context.global.json {
            return self.json(json!({ "schema": 1, "event": name, "text": text, "hint": hint }));
        }
        self.say(text)?;
        hint.map_or(Ok(()), |hint| self.say(&format!("hint: {hint}")))
    }

    fn say(&self, text: &str) -> Result<(), CliError> {
        if self.context.global.json || self.context.global.quiet {
            return Ok(());
        }
        print_text(&format!("{}\n", text.trim_end()))
    }

    #[expect(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        reason = "one of the ways to print"
    )]
    fn json(&self, value: Value) -> Result<(), CliError> {
        print_text(&format!("{value}\n"))
    }
}

/// A new client's credentials are shown to somebody who sees them, and to nobody else.
fn first_client_lines(client: &Value) -> String {
    let text = |key: &str| client[key].as_str().unwrap_or_default();
    let mut lines = format!("client id      {}\n", text("client_id"));
    if terminal::stdout_is_terminal() {
        lines += &format!("client secret  {}\n", text("client_secret"));
        lines += &format!("               shown once; it is kept in the {}", text("kept_in"));
    } else {
        lines += &format!("client secret  kept in the {}", text("kept_in"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_takes_the_defaults_for_no_file_and_for_no_other_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let home = folder.path().display().to_string();
        let env = BTreeMap::from([("HOME".to_owned(), home)]);
        let again =
            |named| load_again(file.clone(), env.clone(), named, Overrides::new(folder.path()));
        let load = again(false);
        let told = |name: &str| {
            let error = load().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot read {}: ", file.display())),
                "{name}: {error}"
            );
        };
        assert_eq!(load().unwrap().config, Config::default());
        let gone = again(true)().unwrap_err().to_string();
        assert!(gone.starts_with(&format!("cannot read {}: ", file.display())), "{gone}");
        std::fs::write(&file, b"[log]\nlevel = \"d\xe9bug\"\n").unwrap();
        told("Latin-1");
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        told("a folder");
    }
}
