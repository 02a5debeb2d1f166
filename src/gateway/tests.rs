//! The whole gateway, started and ended in this process.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::folders::Folders;

use super::{Gateway, Setup};
use crate::clock::{OsEntropy, SystemClock};
use crate::config::{Config, Overrides};

const SETTINGS: &str = "
server.listen = \"127.0.0.1:0\"
tunnel.provider = \"none\"
secrets.backend = \"file\"
";

fn setup(folder: &Path) -> Setup {
    let env = BTreeMap::from([("HOME".to_owned(), folder.display().to_string())]);
    let (load_env, cwd) = (env.clone(), folder.to_owned());
    let load = move || Config::load(None, Some(SETTINGS), &load_env, &Overrides::new(&cwd));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_told_to_end_ends_and_frees_its_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let gateway = Gateway::start(setup(folder.path())).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), gateway.shut_down()).await;
        ended.expect("it is still shutting down");
    }
}
