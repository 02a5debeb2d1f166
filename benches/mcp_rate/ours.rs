//! The product: the gateway as `gateway serve` composes it, in this process.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway::auth::OpaqueToken;
use gateway::clock::{Clock, OsEntropy, SystemClock, Timestamp};
use gateway::config::{Config, Overrides};
use gateway::gateway::{Gateway, Setup};
use gateway::model::{
    Audience, Client, ClientId, ClientKind, FamilyId, ProjectAccess, Registration, Scopes, Task,
    TaskId, Token, TokenFamily, TokenKind,
};
use gateway::store::{Store, StoreError};
use gateway::telemetry::{self, LogFormat, Telemetry, Verbosity};
use gateway_os::folders::Folders;
use serde_json::json;

use crate::BEARER;

/// The largest that the configuration takes: the rate is what is measured, not its limit.
const SETTINGS: &str = "
[server]
listen = \"127.0.0.1:0\"
[tunnel]
provider = \"none\"
[secrets]
backend = \"file\"
[limits]
requests_per_minute = 1000000
burst = 1000000
";

/// Logs as a service does: `info` to a file, as JSON.
pub(crate) fn log(folder: &Path) -> Telemetry {
    let config = Config::load(None, None, &BTreeMap::new(), &Overrides::new(folder));
    let mut log = config.expect("no settings are valid").config.log;
    log.file = Some(folder.join("gateway.log"));
    let settings = telemetry::Settings::new(
        &log,
        LogFormat::Json,
        Verbosity { quiet: 0, verbose: 0 },
        &BTreeMap::new(),
        false,
    );
    telemetry::start(&settings, Arc::new(SystemClock)).expect("logging starts")
}

/// Starts it with its folders below `folder`; answers with its address and a task to ask for.
///
/// Client, token and task are written by a second connection to its database, once its origin is
/// known; its engine does not know the task and leaves it queued.
pub(crate) async fn start(folder: &Path) -> (Gateway, SocketAddr, TaskId) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let folders = Folders {
        config_file: folder.join("config.toml"),
        state: folder.join("state"),
        runtime: folder.join("run"),
    };
    let home = folder.display().to_string();
    let env = BTreeMap::from([("HOME".to_owned(), home)]);
    let (load_env, load_cwd) = (env.clone(), folder.to_owned());
    let load = move || Config::load(None, Some(SETTINGS), &load_env, &Overrides::new(&load_cwd));
    let setup = Setup {
        loaded: load().expect("the settings are valid"),
        load_config: Arc::new(load),
        set_log_level: Arc::new(|_| {}),
        folders: folders.clone(),
        env,
        on_terminal: false,
        clock: clock.clone(),
        entropy: Arc::new(OsEntropy),
    };
    let gateway = Gateway::start(setup).await.expect("the gateway starts");
    let status = gateway.status();
    let origin = status["local_url"].as_str().expect("a running gateway has an address");
    let address = origin.trim_start_matches("http://").parse().expect("an address");
    let store = Store::open(&folders.state.join("gateway.db"), clock.clone()).expect("a database");
    let task = fill(&store, origin, clock.now()).await.expect("rows");
    store.close();
    (gateway, address, task)
}

/// A client with a good token for `origin`, and a task.
async fn fill(store: &Store, origin: &str, now: Timestamp) -> Result<TaskId, StoreError> {
    let client_id = ClientId::random(&OsEntropy);
    let family_id = FamilyId::random(&OsEntropy);
    let expires_at = now.after(Duration::from_secs(3600));
    let client = Client {
        id: client_id.clone(),
        name: "bench".into(),
        registration: Registration::Static,
        redirect_uris: Vec::new(),
        approved_at: None,
        kind: ClientKind::Public,
        scopes: Scopes::all(),
        projects: ProjectAccess::All,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let family = TokenFamily {
        id: family_id.clone(),
        client_id,
        scopes: Scopes::all(),
        audience: Audience::of(origin),
        device_id: None,
        created_at: now,
        generation: 0,
        newest_used: true,
        expires_at,
        last_used_at: None,
        revoked: None,
    };
    let token = Token {
        digest: OpaqueToken::new(BEARER).digest(),
        family_id,
        kind: TokenKind::Access,
        generation: 0,
        expires_at,
        superseded: None,
    };
    let task = json!({
        "id": TaskId::random(&OsEntropy), "created_at": now, "updated_at": now, "cursor": 0,
        "waited_ms": 0, "state": { "state": "queued" }, "workspace": null, "run": null,
        "spec": {
            "prompt": "fix the bug", "project": "bench", "executor": "claude", "model": null,
            "plan_only": false, "timeout_secs": 1800, "idempotency_key": null,
            "caller": { "by": "owner" },
        },
    });
    let mut task: Task = serde_json::from_value(task).expect("the shape of a task");
    let id = task.id.clone();
    store
        .write(move |tx| {
            tx.save_client(&client)?;
            tx.save_family(&family)?;
            tx.save_token(&token)?;
            tx.insert_task(&mut task)
        })
        .await?;
    Ok(id)
}
