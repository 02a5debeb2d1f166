//! Which lines are wanted, and the libraries that are never heard below `info`.
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::config::LogLevel;

/// Libraries whose lower levels print frames, headers or secrets (TRACE of `muxado` has the
/// authtoken, DEBUG of `ngrok` passwords), or drown everything else. A name covers all that begin
/// with it.
pub(super) const CAPPED: [&str; 9] =
    ["muxado", "ngrok", "hyper", "h2", "reqwest", "rustls", "tower", "want", "zbus"];

/// rmcp tells at `info` of every single request that it was served.
const CHATTY: &str = "rmcp";

/// rmcp tells at `error` of every client that hung up before its answer, such as the end of each
/// `subscriptions/listen`. What fails for a reason of ours is an answer, and logged where it is made.
const HANG_UPS: &str = "rmcp::service";

/// How `-q` and `-v` change the configured level: so many steps down or up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verbosity {
    /// How often `-q` was given.
    pub quiet: u8,
    /// How often `-v` was given.
    pub verbose: u8,
}

impl Verbosity {
    /// The level that counts when the config says `configured`.
    #[must_use]
    pub fn apply(self, configured: LogLevel) -> LogLevel {
        const STEPS: [LogLevel; 5] =
            [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        let from = STEPS.iter().position(|step| *step == configured).unwrap_or(2);
        let to = (from + usize::from(self.verbose)).saturating_sub(usize::from(self.quiet));
        STEPS[to.min(STEPS.len() - 1)]
    }
}

/// The filter of `level`.
pub(super) fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    let capped = LevelFilter::from_level(level.min(Level::INFO));
    let hang_ups = if level >= Level::DEBUG { LevelFilter::WARN } else { LevelFilter::OFF };
    Targets::new()
        .with_default(LevelFilter::from_level(level))
        .with_targets(CAPPED.map(|target| (target, capped)))
        .with_target(CHATTY, LevelFilter::from_level(level.min(Level::WARN)))
        .with_target(HANG_UPS, hang_ups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_and_verbose_move_the_configured_level() {
        let apply = |quiet, verbose, level| Verbosity { quiet, verbose }.apply(level);
        assert_eq!(apply(0, 0, LogLevel::Info), LogLevel::Info);
        assert_eq!(apply(0, 1, LogLevel::Info), LogLevel::Debug);
        assert_eq!(apply(0, 9, LogLevel::Info), LogLevel::Trace);
        assert_eq!(apply(1, 0, LogLevel::Info), LogLevel::Warn);
        assert_eq!(apply(200, 0, LogLevel::Trace), LogLevel::Error);
        assert_eq!(apply(1, 1, LogLevel::Warn), LogLevel::Warn);
    }

    #[test]
    fn libraries_that_print_secrets_stay_at_info_at_any_level() {
        let trace = targets(LogLevel::Trace);
        for target in ["muxado::session", "ngrok", "hyper_util::client"] {
            assert!(!trace.would_enable(target, &Level::DEBUG), "{target}");
            assert!(trace.would_enable(target, &Level::INFO), "{target}");
        }
        assert!(!trace.would_enable("rmcp::service", &Level::INFO));
        for target in ["gateway::auth", "gateway_tunnels::ngrok"] {
            assert!(trace.would_enable(target, &Level::TRACE), "{target}");
        }
        assert!(!targets(LogLevel::Error).would_enable("ngrok", &Level::INFO));
    }

    #[test]
    fn a_client_that_hung_up_is_told_of_only_to_who_asks_for_detail() {
        let told = |level| targets(level).would_enable("rmcp::service", &Level::ERROR);
        assert!(!told(LogLevel::Error) && !told(LogLevel::Info) && told(LogLevel::Debug));
        assert!(targets(LogLevel::Error).would_enable("rmcp::transport", &Level::ERROR));
    }
}
