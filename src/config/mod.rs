//! What the owner may set: one struct per section, read from file, environment and flags.
//!
//! The structs below [`Config`] are the whole truth. Their doc comments and attributes become the JSON
//! schema, and the schema is what loading checks keys, types and ranges against, so that a key
//! exists in one place only. The rule: no key that does nothing. A new key is a field, a row in
//! the table of `reload.rs`, and, where it depends on others, a line in `validate.rs`.
//!
//! Nothing here reads the environment, the clock or a file: [`Config::load`] gets all of them as
//! values and remembers where every setting came from.
mod edit;
mod env;
mod error;
mod file;
mod key;
mod layers;
mod load;
mod overrides;
mod paths;
mod reload;
mod schema;
mod section;
mod show;
#[cfg(test)]
mod tests;
mod validate;
mod value;

pub use self::edit::{EditError, add_project, remove_project};
pub use self::error::{Cause, ConfigError, Problem};
pub use self::key::{Key, Origin};
pub use self::load::Loaded;
pub use self::overrides::Overrides;
pub use self::reload::{KeyChange, changes};
pub use self::schema::json_schema;
pub use self::section::{
    AuthSection, BudgetSection, ClaudeExecutor, CloudflaredSection, Config, ConsentMode,
    ExecutorKind, Isolation, LimitsSection, LogLevel, LogSection, NgrokSection, OnShutdown,
    ProjectBudgetSection, ProjectSection, Registration, RequestClass, SecretsBackend,
    SecretsSection, ServerSection, TasksSection, TunnelProvider, TunnelSection,
};
pub use self::value::{
    HostName, InvalidValue, ListenAddr, Network, ProjectName, ProxyUrl, PublicUrl, RedirectScheme,
    RedirectUri, RefPrefix, ServerAddr, Size, Span, Usd,
};
