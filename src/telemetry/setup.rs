//! From settings to the subscriber of the process.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;

use super::file::RotatingFile;
use super::filter::{Verbosity, targets};
use super::format::{LogFormat, Style, colours, format};
use super::line::{Line, LineLayer};
use super::sink::{LineWriter, Sink};
use crate::clock::Clock;
use crate::config::{LogLevel, LogSection};

/// How long the end of the process waits for its last lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// What is logged, how and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configured level.
    pub level: LogLevel,
    /// What `-q` and `-v` make of it.
    pub verbosity: Verbosity,
    /// The format of stderr; the file is always JSON.
    pub format: LogFormat,
    /// Whether stderr is a terminal.
    pub is_terminal: bool,
    /// Whether stderr may have colours.
    pub colours: bool,
    /// The log file, when there is one.
    pub file: Option<FileSettings>,
}

/// A log file and its bounds.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// Where it is; its folder must exist.
    pub path: PathBuf,
    /// The size at which it is put aside.
    pub max_bytes: u64,
    /// How many put aside are kept.
    pub keep: u32,
}

impl Settings {
    /// The settings of the section `log`, the flags, and what stderr and `env` allow.
    #[must_use]
    pub fn new(
        log: &LogSection,
        format: LogFormat,
        verbosity: Verbosity,
        env: &BTreeMap<String, String>,
        is_terminal: bool,
    ) -> Self {
        let file = log.file.clone().map(|path| FileSettings {
            path,
            max_bytes: log.max_bytes.as_bytes(),
            keep: log.keep,
        });
        let colours = colours(env, is_terminal);
        Self { level: log.level, verbosity, format, is_terminal, colours, file }
    }
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log file cannot be opened.
    #[error("the log file {} cannot be opened: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no thread to write with.
    #[error("no thread for the log could be started: {0}")]
    Thread(#[source] io::Error),
    /// The process has a subscriber already.
    #[error("logging was started twice in one process")]
    AlreadyStarted,
}

impl TelemetryError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "create its folder, or set `log.file` to a file you can write, or to \"\" for none"
            }
            Self::Thread(_) => "close other programs or raise the limit of processes (`ulimit -u`)",
            Self::AlreadyStarted => "this is a fault in gateway; please report it",
        }
    }
}

/// Logging as it runs; dropping it waits up to two seconds for the last lines.
pub struct Telemetry {
    verbosity: Verbosity,
    filter: reload::Handle<Targets, Registry>,
    stderr: Sink,
    file: Option<Sink>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").field("lost_lines", &self.lost_lines()).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Takes up another configured level; `-q` and `-v` still count.
    pub fn set_level(&self, configured: LogLevel) {
        let filter = targets(self.verbosity.apply(configured));
        // It fails only when the subscriber is gone, and nothing is logged then.
        let _ = self.filter.modify(|current| *current = filter);
    }

    /// How many lines were lost since the start, because an output did not keep up or failed.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.stderr.lost() + self.file.as_ref().map_or(0, Sink::lost)
    }

    /// Why the log file cannot be written at present, for `status` and `doctor`.
    #[must_use]
    pub fn file_failure(&self) -> Option<String> {
        self.file.as_ref().and_then(Sink::failure)
    }

    /// Waits until all lines so far are written, at most two seconds for each output; call it before
    /// [`std::process::exit`], which drops nothing.
    pub fn flush(&self) {
        for sink in std::iter::once(&self.stderr).chain(&self.file) {
            sink.flush(FLUSH_LIMIT);
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Starts logging for the whole process, to stderr and to the file of `settings`.
///
/// # Errors
///
/// See [`TelemetryError`].
pub fn start(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Telemetry, TelemetryError> {
    let (subscriber, telemetry) = build(settings, clock, Box::new(io::stderr()))?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| TelemetryError::AlreadyStarted)?;
    Ok(telemetry)
}

/// The subscriber and its handle, writing to `stderr`.
fn build(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    stderr: Box<dyn Write + Send>,
) -> Result<(impl Subscriber + Send + Sync, Telemetry), TelemetryError> {
    let style = match (settings.format, settings.is_terminal) {
        (LogFormat::Pretty, _) | (LogFormat::Auto, true) => {
            Style::Pretty { colours: settings.colours }
        }
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Style::Json,
    };
    let writer = Stream { out: stderr, style, clock: Arc::clone(&clock) };
    let stderr = Sink::start("log-stderr", writer).map_err(TelemetryError::Thread)?;
    let mut outputs = vec![(style, stderr.clone())];
    let mut file = None;
    if let Some(FileSettings { path, max_bytes, keep }) = &settings.file {
        let log = RotatingFile::open(path.clone(), *max_bytes, *keep, Arc::clone(&clock))
            .map_err(|source| TelemetryError::File { path: path.clone(), source })?;
        let sink = Sink::start("log-file", log).map_err(TelemetryError::Thread)?;
        outputs.push((Style::Json, sink.clone()));
        file = Some(sink);
    }
    let (filter, handle) = reload::Layer::new(targets(settings.verbosity.apply(settings.level)));
    let layer = LineLayer { clock, outputs }.with_filter(filter);
    let telemetry = Telemetry { verbosity: settings.verbosity, filter: handle, stderr, file };
    Ok((Registry::default().with(layer), telemetry))
}

/// A stream such as stderr.
struct Stream {
    out: Box<dyn Write + Send>,
    style: Style,
    clock: Arc<dyn Clock>,
}

impl LineWriter for Stream {
    fn write_line(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(line.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn report(&self, lost: u64) -> String {
        let message = format!("{lost} log lines were lost here: stderr did not keep up");
        let target = "gateway::telemetry";
        let line = Line {
            level: tracing::Level::WARN,
            target,
            message: &message,
            fields: &[],
            spans: &[],
        };
        format(self.style, self.clock.now(), &line)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
