//! The whole gateway, started and ended in this process.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway_os::folders::Folders;

use super::admin::{Call, CallErrorKind};
use super::workspaces::ProjectWorkspaces;
use super::{Gateway, Owner, Setup};
use crate::clock::{OsEntropy, SeededEntropy, SystemClock};
use crate::config::{Config, Overrides};
use crate::model::testing::a_task;
use crate::model::{
    Client, ClientKind, Device, DeviceId, ProjectAccess, ProjectBudget, Registration, RequestId,
    Scopes, Task, TaskId, TaskState, TokenDigest,
};
use crate::task::{Budget, Workspaces as _};

mod apply;
mod sessions;
mod trace;

const SETTINGS: &str = "
server.listen = \"127.0.0.1:0\"
tunnel.provider = \"none\"
secrets.backend = \"file\"
";

fn setup(folder: &Path) -> Setup {
    setup_that_reads(folder, Arc::default())
}

/// The settings of every test, followed by what `more` holds at the time.
fn setup_that_reads(folder: &Path, more: Arc<Mutex<String>>) -> Setup {
    let env = BTreeMap::from([("HOME".to_owned(), folder.display().to_string())]);
    let (load_env, cwd) = (env.clone(), folder.to_owned());
    let load = move || {
        let text = format!("{SETTINGS}{}", more.lock().unwrap());
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
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    }
}

#[test]
fn a_gateway_that_listens_at_all_addresses_is_asked_at_the_loopback_one() {
    for (local, asked) in [
        ("0.0.0.0:8765", "127.0.0.1:8765"),
        ("[::]:8765", "[::1]:8765"),
        ("192.0.2.1:8765", "192.0.2.1:8765"),
    ] {
        let asked_at = super::serve::asked_at(local.parse().unwrap());
        assert_eq!(asked_at.to_string(), asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_told_to_end_ends_and_frees_its_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let gateway = Gateway::start(setup(folder.path())).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), gateway.shut_down()).await;
        ended.expect("it is still shutting down");
    }
}

#[tokio::test]
async fn tasks_of_a_project_that_never_was_are_refused_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("alpha");
    std::fs::create_dir(&project).unwrap();
    let setup = setup(folder.path());
    let flags = Overrides::new(folder.path()).project(&project);
    let config = Config::load(None, Some(SETTINGS), &setup.env, &flags).unwrap().config;
    let (owner, _state) =
        Owner::alone(&setup.folders, &config, &setup.env, setup.clock.clone()).unwrap();
    let list = |name: &str, states: &[&str]| {
        let states = states.iter().map(ToString::to_string).collect();
        owner.call(Call::ListTasks { states, project: Some(name.to_owned()), limit: 5 })
    };
    assert_eq!(list("alpha", &[]).await.unwrap()["tasks"], serde_json::json!([]));
    let refused = list("alhpa", &[]).await.unwrap_err();
    assert!(refused.message.contains("\"alhpa\"; did you mean alpha?"), "{refused}");
    assert!(refused.hint.contains("gateway projects list"), "{}", refused.hint);
    // One that was removed since is no mistake, whatever else is asked.
    let mut old = a_task(&SeededEntropy::new(2), "x");
    old.spec.project = "removed".to_owned();
    owner.store.write(move |tx| tx.insert_task(&mut old)).await.unwrap();
    assert_eq!(list("removed", &[]).await.unwrap()["tasks"].as_array().unwrap().len(), 1);
    list("removed", &["failed"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_counts_for_the_owner_from_the_reload_that_brings_it_to_the_one_that_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("alpha");
    std::fs::create_dir(&project).unwrap();
    let more = Arc::<Mutex<String>>::default();
    let gateway = Gateway::start(setup_that_reads(folder.path(), more.clone())).await.unwrap();
    let mint = |name: &str| {
        gateway.owner().call(Call::MintClient {
            name: name.to_owned(),
            scopes: Vec::new(),
            projects: vec!["alpha".to_owned()],
            public: true,
            rotate: false,
        })
    };
    let list = || {
        let project = Some("alpha".to_owned());
        gateway.owner().call(Call::ListTasks { states: Vec::new(), project, limit: 5 })
    };
    list().await.unwrap_err();

    *more.lock().unwrap() = format!("projects.alpha.path = {:?}", project.display().to_string());
    gateway.reload().await.unwrap();
    mint("one").await.unwrap();
    list().await.unwrap();

    std::fs::remove_dir(&project).unwrap();
    gateway.reload().await.unwrap();
    let problems = gateway.status()["problems"].to_string();
    assert!(problems.contains("alpha"), "{problems}");

    more.lock().unwrap().clear();
    gateway.reload().await.unwrap();
    assert_eq!(gateway.status()["problems"], serde_json::json!([]));
    mint("two").await.unwrap_err();
    list().await.unwrap_err();
    gateway.shut_down().await;
}

#[tokio::test]
async fn a_place_for_the_secret_is_told_of_a_client_that_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path());
    let (owner, _state) =
        Owner::alone(&setup.folders, &setup.loaded.config, &setup.env, setup.clock).unwrap();
    let mint = |name: &str, public: bool| {
        owner.call(Call::MintClient {
            name: name.to_owned(),
            scopes: Vec::new(),
            projects: Vec::new(),
            public,
            rotate: false,
        })
    };
    let public = mint("public", true).await.unwrap();
    assert!(public["client_secret"].is_null() && public["kept_in"].is_null(), "{public}");
    let confidential = mint("confidential", false).await.unwrap();
    assert!(confidential["client_secret"].is_string(), "{confidential}");
    assert_eq!(confidential["kept_in"], "secrets file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_is_made_that_a_closed_way_keeps_out() {
    let folder = tempfile::tempdir().unwrap();
    let closed = "auth.registration = [\"cimd\"]\n".to_owned();
    let setup = setup_that_reads(folder.path(), Arc::new(Mutex::new(closed)));
    let gateway = Gateway::start(setup).await.unwrap();
    assert_eq!(gateway.mint_first_client().await.unwrap(), None);
    let mint = Call::MintClient {
        name: "claude".into(),
        scopes: Vec::new(),
        projects: Vec::new(),
        public: true,
        rotate: false,
    };
    let refused = gateway.owner().call(mint).await.unwrap_err();
    assert!(refused.message.contains("leaves out \"static\""), "{refused}");
    gateway.shut_down().await;
}

#[tokio::test]
async fn a_name_that_a_stranger_chose_never_stands_for_the_owners_client() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path());
    let (owner, _state) =
        Owner::alone(&setup.folders, &setup.loaded.config, &setup.env, setup.clock.clone())
            .unwrap();
    let register = async |id: &str, approved: bool| {
        let now = setup.clock.now();
        let client = Client {
            id: id.parse().unwrap(),
            name: "claude".into(),
            registration: Registration::Dynamic,
            redirect_uris: vec!["http://localhost/callback".into()],
            approved_at: approved.then_some(now),
            kind: ClientKind::Public,
            scopes: Scopes::all(),
            projects: ProjectAccess::All,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        owner.store.write(move |tx| tx.save_client(&client)).await.unwrap();
    };
    let revoke = |client: &str| owner.call(Call::RevokeClient { client: client.to_owned() });
    register("gw_waiting", false).await;
    revoke("claude").await.unwrap_err();
    register("gw_one", true).await;
    let mint = Call::MintClient {
        name: "claude".into(),
        scopes: Vec::new(),
        projects: Vec::new(),
        public: true,
        rotate: false,
    };
    let own = owner.call(mint).await.unwrap()["client_id"].clone();
    assert_eq!(revoke("claude").await.unwrap()["client_id"], own, "the owner's own comes first");
    register("gw_two", true).await;
    let refused = revoke("claude").await.unwrap_err();
    assert!(refused.message.contains("2 clients called claude"), "{refused}");
    assert_eq!(revoke("gw_two").await.unwrap()["client_id"], "gw_two");
    let listed = owner.call(Call::ListClients).await.unwrap();
    let states: Vec<_> = listed["clients"].as_array().unwrap().iter().collect();
    let of = |id: &str| states.iter().find(|it| it["client_id"] == id).unwrap();
    assert_eq!(
        (&of("gw_waiting")["state"], &of("gw_waiting")["kind"]),
        (&"waiting".into(), &"dcr".into())
    );
    assert_eq!(of("gw_one")["state"], "active");
    assert!(of("gw_one")["approved_at"].is_string() && of("gw_waiting")["approved_at"].is_null());
    assert_eq!(of("gw_two")["state"], "revoked");

    owner.call(Call::ForgetClient { client: "gw_one".to_owned() }).await.unwrap();
    let left = owner.call(Call::ListClients).await.unwrap();
    assert!(left["clients"].as_array().unwrap().iter().all(|it| it["client_id"] != "gw_one"));
    assert_eq!(left["clients"].as_array().unwrap().len(), states.len() - 1);
}

#[tokio::test]
async fn a_scope_that_there_is_not_is_wrong_usage_and_what_is_named_twice_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("alpha");
    std::fs::create_dir(&project).unwrap();
    let more = format!("projects.alpha.path = {:?}", project.display().to_string());
    let setup = setup_that_reads(folder.path(), Arc::new(Mutex::new(more)));
    let (owner, _state) =
        Owner::alone(&setup.folders, &setup.loaded.config, &setup.env, setup.clock.clone())
            .unwrap();
    let client = |scope: &str| Call::MintClient {
        name: "claude".into(),
        scopes: vec![scope.to_owned(); 2],
        projects: vec!["alpha".to_owned(); 2],
        public: true,
        rotate: false,
    };
    let token = |scope: &str| Call::MintToken {
        name: "backup".into(),
        scopes: vec![scope.to_owned(); 2],
        projects: vec!["alpha".to_owned(); 2],
        lifetime_secs: 3600,
        anywhere: false,
    };
    for (call, scopes) in [
        (client("everything"), "observe, files, run, offline_access"),
        (token("offline_access"), "observe, files, run"),
    ] {
        let refused = owner.call(call).await.unwrap_err();
        assert_eq!(refused.kind, CallErrorKind::Usage, "{refused}");
        assert_eq!(refused.hint, format!("use {scopes}"));
    }
    owner.call(client("observe")).await.unwrap();
    owner.call(token("observe")).await.unwrap();
    let listed = owner.call(Call::ListClients).await.unwrap();
    let clients = listed["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 2);
    for client in clients {
        assert_eq!(client["projects"], serde_json::json!(["alpha"]), "{client}");
        assert!(!client["scopes"].to_string().replacen("observe", "", 1).contains("observe"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_names_the_keys_that_wait_for_a_restart_until_they_are_as_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let more = Arc::<Mutex<String>>::default();
    let gateway = Gateway::start(setup_that_reads(folder.path(), more.clone())).await.unwrap();
    let waiting = || gateway.status()["needs_restart"].clone();
    assert_eq!(waiting(), serde_json::json!([]));

    *more.lock().unwrap() = "limits.burst = 7\nlog.level = \"debug\"\n".to_owned();
    gateway.reload().await.unwrap();
    assert_eq!(waiting(), serde_json::json!(["limits.burst"]));
    // Another reload changes nothing about that, and neither does one that is refused.
    gateway.reload().await.unwrap();
    *more.lock().unwrap() = "limits".to_owned();
    gateway.reload().await.unwrap_err();
    assert_eq!(waiting(), serde_json::json!(["limits.burst"]));

    more.lock().unwrap().clear();
    gateway.reload().await.unwrap();
    assert_eq!(waiting(), serde_json::json!([]));
    gateway.shut_down().await;
}

#[tokio::test]
async fn a_revoked_device_is_told_as_such_and_is_no_device_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path());
    let (owner, _state) =
        Owner::alone(&setup.folders, &setup.loaded.config, &setup.env, setup.clock).unwrap();
    let now = owner.clock.now();
    let pair = async |n: u8| {
        let device = Device {
            id: DeviceId::random(&SeededEntropy::new(n.into())),
            name: format!("Safari on iPhone {n}"),
            cookie: TokenDigest::from_bytes([n; 32]),
            created_at: now,
            expires_at: now.after(Duration::from_secs(1000)),
            last_used_at: None,
            revoked_at: None,
        };
        let row = device.clone();
        owner.store.write(move |tx| tx.insert_device(&row)).await.unwrap();
        device.id.as_str().to_owned()
    };
    let states = async || {
        let listed = owner.call(Call::ListDevices).await.unwrap();
        let devices = listed["devices"].as_array().unwrap().clone();
        devices.iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let revoke = |device: &str| owner.call(Call::RevokeDevice { device: device.to_owned() });
    assert!(states().await.is_empty());
    let one = pair(1).await;
    pair(2).await;
    pair(3).await;
    assert_eq!(states().await, ["paired"; 3]);

    assert_eq!(revoke(&one).await.unwrap()["revoked"], serde_json::json!([one]));
    assert_eq!(states().await.iter().filter(|state| *state == "revoked").count(), 1);
    let error = revoke(&one).await.unwrap_err();
    assert!(error.hint.contains("gateway devices list"), "{error:?}");

    revoke("all").await.unwrap();
    assert_eq!(states().await, ["revoked"; 3]);
    assert_eq!(revoke("all").await.unwrap()["revoked"], serde_json::json!([]));
}

#[test]
fn every_budget_of_the_configuration_reaches_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("alpha");
    std::fs::create_dir(&project).unwrap();
    let more = format!(
        "budget.per_task_usd = 4\nbudget.per_day_usd = 20\nprojects.alpha.path = {project:?}\n\
         projects.alpha.budget = {{ per_task_usd = 2.5, per_day_usd = 7, turns = 30, minutes = 45 }}\n"
    );
    let Setup { loaded, folders, env, clock, .. } =
        setup_that_reads(folder.path(), Arc::new(Mutex::new(more)));
    let engine = super::settings::of_engine(&loaded.config, &folders);
    assert_eq!(engine.budget, Budget { per_task_usd: 4.0, per_day_usd: 20.0 });
    let workspaces = ProjectWorkspaces::new(&loaded.config, &folders, &env, clock);
    let expected = ProjectBudget {
        per_task_usd: Some(2.5),
        per_day_usd: Some(7.0),
        turns: Some(30),
        minutes: Some(45),
    };
    assert_eq!(workspaces.rules(Some("alpha")).unwrap().budget, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_tells_what_today_has_cost_and_may_cost_also_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("alpha");
    std::fs::create_dir(&project).unwrap();
    let more = Arc::new(Mutex::new(String::new()));
    let gateway = Gateway::start(setup_that_reads(folder.path(), more.clone())).await.unwrap();
    let owner = gateway.owner();
    owner.store.write(|tx| tx.add_spending("alpha", 1.5)).await.unwrap();
    let budget = async || owner.call(Call::Status).await.unwrap()["budget"].clone();
    assert_eq!(budget().await["spent_usd"], 1.5);
    assert_eq!(
        (&budget().await["per_day_usd"], budget().await["projects"].as_array()),
        (&25.0.into(), Some(&Vec::new()))
    );
    *more.lock().unwrap() = format!(
        "budget.per_day_usd = 9\nprojects.alpha.path = {project:?}\n\
         projects.alpha.budget.per_day_usd = 2.5\n"
    );
    gateway.reload().await.unwrap();
    assert_eq!(budget().await["per_day_usd"], 9.0);
    let of_alpha = serde_json::json!(
        [{ "project": "alpha", "spent_usd": 1.5, "per_day_usd": 2.5 }]
    );
    assert_eq!(budget().await["projects"], of_alpha);
    gateway.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_wait_for_the_owner_are_told_apart_from_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(setup(folder.path())).await.unwrap();
    let owner = gateway.owner();
    let status = async || owner.call(Call::Status).await.unwrap();
    assert!(status().await["waiting"].is_null());
    // Straight into the database, behind the engine's back: only the numbers count here.
    let queued = a_task(&SeededEntropy::new(2), "x");
    let entropy = SeededEntropy::new(3);
    let (id, request_id) = (TaskId::random(&entropy), RequestId::random(&entropy));
    let state = TaskState::NeedsInput { started_at: queued.created_at, request_id };
    let asking = Task { id, state, ..queued.clone() };
    for mut task in [queued, asking] {
        owner.store.write(move |tx| tx.insert_task(&mut task)).await.unwrap();
    }
    let status = status().await;
    let waiting = status["waiting"].as_str().unwrap();
    assert!(waiting.starts_with("1 queued, while 1 hold"), "{waiting}");
    assert_eq!(status["problems"], serde_json::json!([]), "doctor has no cure for these");
    gateway.shut_down().await;
}
