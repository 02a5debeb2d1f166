//! The composition root: configuration → parts → routes → lifecycle. The only place that knows
//! everything; nothing below it knows more than its own layer.
//!
//! [`Gateway`] is a running one, [`Owner`] answers its owner, [`admin`] carries the owner's calls.
mod address;
pub mod admin;
mod apply;
mod authenticate;
mod clients;
mod devices;
pub(crate) mod executors;
mod files;
#[cfg(feature = "testing")]
pub mod fuzz;
mod news;
pub(crate) mod orphans;
mod owner;
mod probe;
mod requests;
mod serve;
mod sessions;
mod settings;
mod state;
#[cfg(feature = "testing")]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tools;
pub(crate) mod tunnel;
pub mod vault;
mod view;
mod workspaces;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use gateway_os::folders::{Folders, PrivateDirError};
use tokio::sync::watch;

pub use self::owner::{Owner, Running};
pub use self::serve::{Gateway, LoadConfig, SetLogLevel, Setup};
pub use self::state::{State, StateError};
use self::tools::Shown;
pub use self::view::{
    ConnectionView, EventPage, OpenRequestView, RequestView, StepPage, StepView, TaskDetail,
    TaskView,
};
pub use self::workspaces::ProjectWorkspaces;
use crate::auth::AuthorizationServer;
use crate::clock::{Clock, OsEntropy};
use crate::config::Config;
use crate::secret::SecretError;
use crate::store::StoreError;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A folder cannot be made, or others can look into it.
    #[error(transparent)]
    Folder(#[from] PrivateDirError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The tunnel that was asked for cannot be opened.
    #[error("{message}")]
    Tunnel {
        /// Why.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// A setting that no check of the configuration finds.
    #[error("{0}")]
    Setting(String),
    /// A secret in the environment is none.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refuses something basic.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl StartupError {
    #[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
    fn setting(error: impl ToString) -> Self {
        Self::Setting(error.to_string())
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::State(error) => error.hint(),
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                "another program uses the port: stop it, or choose another with --listen \
                 127.0.0.1:0"
                    .to_owned()
            }
            Self::Listen { .. } => "choose an address of this machine with --listen".to_owned(),
            Self::Tunnel { hint, .. } => hint.clone(),
            Self::Setting(_) => "correct it; `gateway config path` names the file".to_owned(),
            Self::Secret(error) => error.hint(),
            Self::Store(error) => error.hint().to_owned(),
            Self::Folder(_) => {
                "check owner and permissions; `gateway config path` names the folders".to_owned()
            }
            Self::System(_) => "run `gateway doctor`".to_owned(),
        }
    }
}

impl Owner {
    /// An owner's side without a running gateway: takes the state folder's lock for itself.
    ///
    /// # Errors
    ///
    /// When another process uses the state folder, or it cannot be used at all.
    pub fn alone(
        folders: &Folders,
        config: &Config,
        env: &BTreeMap<String, String>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, State), StartupError> {
        let state = State::open(folders, "gateway", &clock)?;
        let entropy = Arc::new(OsEntropy);
        let store = state.store.clone();
        let auth_settings = settings::of_auth(config);
        let auth = AuthorizationServer::new(store.clone(), clock.clone(), entropy, auth_settings)
            .map_err(StartupError::setting)?;
        let secrets = vault::secrets(config, folders, env)?;
        let clients = clients::Clients::new(auth.clone(), secrets, clock.clone());
        let workspaces = ProjectWorkspaces::new(config, folders, env, clock.clone());
        // Nothing is reloaded here: the projects stay what they are now.
        let (_, shown) = watch::channel(Shown::of(config, workspaces));
        Ok((Self { store, clock, clients, auth, shown, running: None }, state))
    }
}

/// Makes ring the process's cryptography, once; harmless to repeat.
pub(crate) fn install_crypto() {
    // It fails only when one is installed already, and nothing here installs another.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
