//! The gateway as a service of the user's login session: what `gateway service` does.
//!
//! One file per system ([`systemd`], [`launchd`], [`windows`]), each of which renders the template
//! of `install/` and says in [`Step`]s what has to happen; [`carry_out`] does it. Nothing in those
//! files touches the system, so that all of them are tested everywhere. A new system is a new file
//! and a line in [`supervisor`].
mod error;
mod launchd;
mod notes;
mod search_path;
mod spec;
mod step;
mod systemd;
mod windows;

use std::path::{Path, PathBuf};

pub(super) use self::error::{Cause, ServiceError};
pub(super) use self::notes::notes;
pub(super) use self::search_path::{SearchPath, Verdict};
pub(super) use self::spec::{Spec, UnitText};
pub(super) use self::step::{Commands, Invocation, Output, RunError, Runner, Step, carry_out};

/// What is known of the service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct State {
    /// There is a service file.
    pub(super) installed: bool,
    /// It starts at login.
    pub(super) enabled: bool,
    /// It runs now.
    pub(super) running: bool,
    /// The service file that counts.
    pub(super) unit: PathBuf,
    /// More about how it runs or why it does not, in the system's words.
    pub(super) detail: Option<String>,
}

/// What starts and watches services on one kind of system.
pub(super) trait Supervisor {
    /// Where the service file belongs.
    fn unit(&self) -> &Path;

    /// The service file of `spec`.
    fn render(&self, spec: &Spec) -> Result<String, ServiceError>;

    /// The commands that [`Supervisor::state`] runs.
    fn queries(&self) -> Vec<Invocation>;

    /// Asks the system.
    fn state(&self, runner: &mut dyn Runner) -> Result<State, ServiceError>;

    /// What installs and starts the service; little or nothing when it is as it should be.
    fn install(&self, state: &State, on_disk: &UnitText, wanted: &str) -> Vec<Step>;

    /// What stops and removes the service.
    fn uninstall(&self) -> Vec<Step>;
}

/// The user whose service it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct User {
    /// The home folder; absolute.
    pub(super) home: PathBuf,
    /// `$XDG_CONFIG_HOME`, when it is set.
    pub(super) config_home: Option<PathBuf>,
    /// The numeric id.
    pub(super) uid: u32,
}

/// The supervisor of a system, by the name that Rust gives it (`std::env::consts::OS`).
///
/// # Errors
///
/// [`ServiceError::Unsupported`] where the gateway cannot be a service.
pub(super) fn supervisor(os: &str, user: &User) -> Result<Box<dyn Supervisor>, ServiceError> {
    match os {
        "linux" => Ok(Box::new(systemd::Systemd::new(user))),
        "macos" => Ok(Box::new(launchd::Launchd::new(user))),
        "windows" => Err(windows::unsupported()),
        other => Err(ServiceError::Unsupported {
            system: other.to_owned(),
            instead: "run `gateway serve` from whatever starts programs at login there".to_owned(),
        }),
    }
}

/// Stops and removes the service, and tells whether there was one. Where there is no service file,
/// nobody who could run it is a fine answer.
///
/// # Errors
///
/// When there is a service file and the system cannot be reached, or refuses.
pub(super) fn uninstall(
    supervisor: &dyn Supervisor,
    runner: &mut dyn Runner,
) -> Result<bool, ServiceError> {
    let on_disk = UnitText::read(supervisor.unit())?;
    let state = match supervisor.state(runner) {
        Ok(state) => state,
        Err(error) if on_disk == UnitText::Missing && error.cause() == Cause::Unavailable => {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    if on_disk == UnitText::Missing {
        if state.installed && state.unit != supervisor.unit() {
            return Err(ServiceError::Foreign { unit: state.unit });
        }
        if !state.running && !state.enabled {
            return Ok(false);
        }
    }
    carry_out(&supervisor.uninstall(), runner)?;
    Ok(true)
}

/// Installs and starts the service, and tells how it is now and whether anything changed.
///
/// # Errors
///
/// When the system cannot be reached or refuses; what was done until then stays.
pub(super) fn install(
    supervisor: &dyn Supervisor,
    wanted: &str,
    runner: &mut dyn Runner,
) -> Result<(State, bool), ServiceError> {
    let before = supervisor.state(runner)?;
    let on_disk = UnitText::read(supervisor.unit())?;
    if on_disk == UnitText::Link {
        return Err(ServiceError::Foreign { unit: supervisor.unit().to_owned() });
    }
    let steps = supervisor.install(&before, &on_disk, wanted);
    carry_out(&steps, runner)?;
    let after = supervisor.state(runner)?;
    let changed = before != after || steps.iter().any(|step| matches!(step, Step::Write { .. }));
    Ok((after, changed))
}

#[cfg(test)]
mod tests;
