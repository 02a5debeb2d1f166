//! Sections of the configuration as the parts take them.
use std::time::Duration;

use gateway_os::folders::Folders;

use crate::auth::AuthSettings;
use crate::config::{self, Config};
use crate::model::Registration;
use crate::task::{Budget, OnShutdown, Settings};

/// Longest prompt, in bytes.
const PROMPT_BYTES_MAX: usize = 102_400;
/// Tasks that may wait.
const QUEUED_MAX: usize = 1_000;
/// Time an unanswered request waits before it counts as refused.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3_600);

/// `[auth]`.
pub(super) fn of_auth(config: &Config) -> AuthSettings {
    let section = &config.auth;
    AuthSettings {
        access_ttl: section.access_ttl.into(),
        refresh_ttl: section.refresh_ttl.into(),
        registration: section.registration.iter().map(|way| of_way(*way)).collect(),
        redirect_uris: section.redirect_uris.iter().map(ToString::to_string).collect(),
        redirect_schemes: section.redirect_schemes.iter().map(ToString::to_string).collect(),
        ..AuthSettings::default()
    }
}

const fn of_way(way: config::Registration) -> Registration {
    match way {
        config::Registration::Static => Registration::Static,
        config::Registration::Document => Registration::Document,
        config::Registration::Dynamic => Registration::Dynamic,
    }
}

/// `[tasks]` and `[budget]`.
pub(super) fn of_engine(config: &Config, folders: &Folders) -> Settings {
    let section = &config.tasks;
    Settings {
        max_concurrent: usize::try_from(section.max_concurrent).unwrap_or(1),
        queued_max: QUEUED_MAX,
        default_timeout: section.default_timeout.into(),
        max_timeout: section.max_timeout.into(),
        budget: Budget {
            per_task_usd: config.budget.per_task_usd.as_dollars(),
            per_day_usd: config.budget.per_day_usd.as_dollars(),
        },
        prompt_bytes_max: PROMPT_BYTES_MAX,
        output_bytes_max: section.output_bytes_max.as_bytes(),
        request_timeout: REQUEST_TIMEOUT,
        tasks_dir: folders.state.join("tasks"),
        on_shutdown: match section.on_shutdown {
            config::OnShutdown::Detach => OnShutdown::Detach,
            config::OnShutdown::Wait => OnShutdown::Wait,
            config::OnShutdown::Cancel => OnShutdown::Cancel,
        },
    }
}
