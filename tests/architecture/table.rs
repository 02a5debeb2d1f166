//! The tables: layers, crates that one module keeps to itself, and places.

/// A module of `src/`.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    /// It may use every module of a lower layer.
    pub(crate) layer: u8,
    /// The modules of its own layer that it may use, each with the reason.
    pub(crate) peers: &'static [(&'static str, &'static str)],
}

const fn module(
    layer: u8,
    name: &'static str,
    peers: &'static [(&'static str, &'static str)],
) -> Module {
    Module { name, layer, peers }
}

/// The modules, lowest layer first.
pub(crate) const MODULES: &[Module] = &[
    module(0, "clock", &[]),
    module(0, "model", &[("clock", "states say when")]),
    module(0, "policy", &[("model", "it classes the requests of the model")]),
    module(0, "config", &[]),
    module(0, "qr", &[]),
    module(
        0,
        "telemetry",
        &[
            ("clock", "log lines and files say when"),
            ("config", "its settings are a section"),
            ("model", "one rule tells which characters can forge a line"),
        ],
    ),
    module(
        0,
        "trace",
        &[("clock", "its entries say when"), ("model", "its entries say which client")],
    ),
    module(1, "store", &[]),
    module(1, "secret", &[]),
    module(1, "http", &[]),
    module(1, "audit", &[("store", "an audit row shares the transaction of what it is about")]),
    module(2, "auth", &[]),
    module(2, "project", &[]),
    module(2, "executor", &[]),
    module(
        2,
        "task",
        &[
            ("executor", "the engine starts and watches runs"),
            ("project", "a run works in a clone of a project"),
        ],
    ),
    module(2, "bridge", &[]),
    module(2, "notify", &[]),
    module(2, "import", &[]),
    module(3, "mcp", &[]),
    module(3, "web", &[]),
    module(4, "gateway", &[]),
    module(5, "cli", &[]),
];

/// Crates and the one folder that may use each.
pub(crate) const CRATES: &[(&str, &str)] = &[
    ("rmcp", "src/mcp/"),
    ("rusqlite", "src/store/"),
    ("keyring", "src/secret/"),
    ("anyhow", "src/cli/"),
];

/// What belongs to one place alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// Code that differs between systems.
    SystemCfg,
    /// Reading the process's environment.
    Environment,
    /// Starting a child process that the gateway would take for an adopted orphan.
    UnnotedChild,
}

impl Place {
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::SystemCfg => "what differs between systems belongs to os/",
            Self::Environment => "reading the environment belongs to src/cli/context.rs",
            Self::UnnotedChild => "children of `gateway serve` start through os/src/children.rs",
        }
    }
}

/// Where each of them is allowed, with the reason.
pub(crate) const PLACES: &[(Place, &str, &str)] = &[
    (Place::SystemCfg, "os/src/", "its purpose"),
    (Place::Environment, "src/cli/context.rs", "its purpose"),
    (Place::UnnotedChild, "os/src/launch.rs", "the shim's, and callers that note it themselves"),
    (Place::UnnotedChild, "src/cli/doctor/", "a process of its own, which adopts nothing"),
    (Place::UnnotedChild, "src/cli/service/", "a process of its own, which adopts nothing"),
    (Place::UnnotedChild, "tunnels/src/testing/", "a process of its own, which adopts nothing"),
    (Place::SystemCfg, "tunnels/src/process.rs", "to be moved to os/"),
    (Place::SystemCfg, "src/project/platform.rs", "to be moved to os/"),
    (
        Place::Environment,
        "tunnels/src/testing/",
        "a test double that is a program of its own reports the environment it was given",
    ),
];
