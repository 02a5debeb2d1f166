//! `gateway service install|uninstall|status`.
use std::path::{Path, PathBuf};

use gateway_os::folders;
use serde_json::json;

use crate::cli::args::ServiceCommand;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::service::{
    self, Cause, Commands, SearchPath, ServiceError, Spec, State, Step, Supervisor, User, Verdict,
};

/// Runs the command.
pub(in crate::cli) fn run(context: &Context, command: &ServiceCommand) -> Result<(), CliError> {
    let supervisor = service::supervisor(std::env::consts::OS, &user(context)?)?;
    let supervisor = supervisor.as_ref();
    match *command {
        ServiceCommand::Install { print } => install(context, supervisor, print),
        ServiceCommand::Uninstall { print } => uninstall(context, supervisor, print),
        ServiceCommand::Status { print } => status(context, supervisor, print),
    }
}

fn install(context: &Context, supervisor: &dyn Supervisor, print: bool) -> Result<(), CliError> {
    let path = context.env.get("PATH").map_or("", String::as_str);
    let path = SearchPath::of(path, &user(context)?.home, look);
    let spec = Spec::new(&std::env::current_exe()?, named_config(context), path.clone())?;
    let text = supervisor.render(&spec)?;
    if print {
        let data = json!({ "schema": 1, "unit": supervisor.unit(), "text": text });
        return context.print(&data, || text.clone());
    }
    // A service with a wrong configuration would only fail where nobody looks.
    let config = context.config()?.config;
    let mut commands = Commands::new(&context.env)?;
    let (state, changed) = service::install(supervisor, &text, &mut commands)?;
    if !context.global.quiet {
        for note in service::notes(&context.env, &config, &path, &mut commands) {
            eprintln!("note: {note}");
        }
    }
    let first = if changed { "installed" } else { "was installed already; nothing changed" };
    context.print(&as_json(&state), || format!("{first}\n{}", as_text(&state)))
}

fn uninstall(context: &Context, supervisor: &dyn Supervisor, print: bool) -> Result<(), CliError> {
    if print {
        let steps: Vec<String> = supervisor.uninstall().iter().map(Step::to_string).collect();
        let data = json!({ "schema": 1, "steps": steps });
        return context.print(&data, || steps.join("\n"));
    }
    let mut commands = Commands::new(&context.env)?;
    let removed = service::uninstall(supervisor, &mut commands)?;
    let data = json!({ "schema": 1, "removed": removed, "unit": supervisor.unit() });
    context.print(&data, || {
        let unit = supervisor.unit().display();
        if removed {
            format!("removed {unit}; configuration, tasks and secrets stay")
        } else {
            format!("there was no service ({unit})")
        }
    })
}

fn status(context: &Context, supervisor: &dyn Supervisor, print: bool) -> Result<(), CliError> {
    if print {
        let queries: Vec<String> = supervisor.queries().iter().map(ToString::to_string).collect();
        let data = json!({ "schema": 1, "commands": queries });
        return context.print(&data, || queries.join("\n"));
    }
    let state = supervisor.state(&mut Commands::new(&context.env)?)?;
    context.print(&as_json(&state), || as_text(&state))
}

fn as_json(state: &State) -> serde_json::Value {
    json!({
        "schema": 1,
        "installed": state.installed,
        "enabled": state.enabled,
        "running": state.running,
        "unit": state.unit,
        "detail": state.detail,
    })
}

fn as_text(state: &State) -> String {
    let word = |yes| if yes { "yes" } else { "no" };
    let detail = state.detail.as_ref().map_or(String::new(), |detail| format!(", {detail}"));
    format!(
        "installed  {}\nenabled    {}\nrunning    {}{detail}\nunit       {}",
        word(state.installed),
        word(state.enabled),
        word(state.running),
        state.unit.display()
    )
}

/// The configuration file that the service has to be told of, because it would look elsewhere.
fn named_config(context: &Context) -> Option<&Path> {
    let by_variable = context.env.get("GATEWAY_CONFIG").is_some_and(|file| !file.is_empty());
    let named = by_variable || context.global.config.is_some();
    named.then_some(context.folders.config_file.as_path())
}

fn user(context: &Context) -> Result<User, CliError> {
    let folder =
        |name: &str| context.env.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let no_home = || {
        CliError::new(Exit::Config, "the environment has no HOME, so a service cannot be told")
            .hint("set HOME to your home folder")
    };
    Ok(User {
        home: folder("HOME").or_else(|| folder("USERPROFILE")).ok_or_else(no_home)?,
        config_home: folder("XDG_CONFIG_HOME"),
        // Windows has none, and no service either.
        uid: gateway_os::process::user_id().unwrap_or_default(),
    })
}

/// How a folder of the `PATH` is.
fn look(folder: &Path) -> Verdict {
    match folders::others_may_write(folder) {
        Ok(false) => Verdict::Trusted,
        Ok(true) => Verdict::Writable,
        Err(_) => Verdict::Missing,
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let exit = match error.cause() {
            Cause::Unavailable => Exit::Unavailable,
            Cause::Permission => Exit::Permission,
            Cause::Failed => Exit::Failed,
        };
        let hint = error.hint();
        Self::new(exit, error).hint(hint)
    }
}
