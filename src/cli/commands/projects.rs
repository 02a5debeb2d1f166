//! `gateway projects list|add|remove`: the `[projects]` of the configuration file.
use std::fs::File;
use std::path::{Path, PathBuf};

use gateway_os::folders;
use serde_json::json;

use crate::cli::args::ProjectsCommand;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::config::{self, Config, ConfigError, EditError, ProjectName, ProjectSection};
use crate::gateway::admin::Call;

/// Runs the command.
pub(in crate::cli) async fn run(
    context: &Context,
    command: ProjectsCommand,
) -> Result<(), CliError> {
    match command {
        ProjectsCommand::List => list(context),
        ProjectsCommand::Add { path, name, description, default } => {
            add(context, &path, name, description, default).await
        }
        ProjectsCommand::Remove { name } => remove(context, &name).await,
    }
}

fn list(context: &Context) -> Result<(), CliError> {
    let config = context.config()?.config;
    let default = config.default_project().map(|(name, _)| name.clone());
    let projects: Vec<_> = config
        .projects
        .iter()
        .map(|(name, project)| {
            json!({
                "name": name.as_str(),
                "path": project.path,
                "description": project.description,
                "default": default.as_ref() == Some(name),
                "executor": project.executor,
                "exists": project.path.is_dir(),
            })
        })
        .collect();
    let data = json!({ "schema": 1, "projects": projects });
    context.print(&data, || {
        if config.projects.is_empty() {
            return "no projects yet; add one with `gateway projects add PATH`".to_owned();
        }
        let lines = config.projects.iter().map(|(name, project)| {
            let mark = if default.as_ref() == Some(name) { "*" } else { " " };
            let gone = if project.path.is_dir() { "" } else { "  (no such folder)" };
            format!("{mark} {:<20} {}{gone}\n", name.as_str(), project.path.display())
        });
        lines.collect()
    })
}

async fn add(
    context: &Context,
    path: &Path,
    name: Option<String>,
    description: String,
    default: bool,
) -> Result<(), CliError> {
    let folder = folder(path)?;
    let state = &context.folders.state;
    let state = state.canonicalize().unwrap_or_else(|_| state.clone());
    if folder.starts_with(&state) || state.starts_with(&folder) {
        let message = format!("{} overlaps the gateway's own state folder", folder.display());
        return Err(CliError::failed(message)
            .hint(format!("choose a folder that neither holds nor lies in {}", state.display())));
    }
    let name = match name {
        Some(name) => name.parse::<ProjectName>().map_err(|error| {
            CliError::new(Exit::Usage, error).hint("use letters, digits, `-` and `_`")
        })?,
        None => ProjectName::for_folder(&folder),
    };
    let mut section = ProjectSection::new(folder.clone());
    section.description = description;
    section.default = default;
    edit(context, |text| config::add_project(text, &name, &section))?;
    tell_running(context).await?;
    let known = context.config()?.config.projects;
    let others = known.iter().filter(|(other, it)| **other != name && it.path == folder);
    let others: Vec<_> = others.map(|(other, _)| other.as_str()).collect();
    let data = json!({ "schema": 1, "name": name.as_str(), "path": folder });
    context.print(&data, || {
        let mut text = format!("added project {} ({})", name.as_str(), folder.display());
        if !others.is_empty() {
            text += &format!("\nnote: the same folder is project {} too", others.join(", "));
        }
        text
    })
}

async fn remove(context: &Context, name: &str) -> Result<(), CliError> {
    let name = name.parse::<ProjectName>().map_err(|error| {
        CliError::new(Exit::Usage, error).hint("`gateway projects list` names the projects")
    })?;
    edit(context, |text| config::remove_project(text, &name))?;
    tell_running(context).await?;
    let data = json!({ "schema": 1, "removed": name.as_str() });
    context.print(&data, || format!("removed project {}; its folder stays", name.as_str()))
}

fn folder(path: &Path) -> Result<PathBuf, CliError> {
    let folder = path.canonicalize().map_err(|error| {
        CliError::failed(format!("{}: {error}", shown(path))).hint("name a folder that exists")
    })?;
    // Configuration, logs and the chat carry the path as a line of text.
    if let Some(reason) = no_line_of_text(&folder) {
        let message = format!("{} cannot be a project: its path {reason}", shown(&folder));
        return Err(CliError::failed(message).hint("rename that folder and try again"));
    }
    if !folder.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(CliError::failed(message).hint("name the project's folder, not a file in it"));
    }
    if folder.components().any(|part| part.as_os_str() == ".git") {
        let message = format!("{} is where git keeps a repository", folder.display());
        return Err(CliError::failed(message).hint("name the folder that holds `.git`"));
    }
    Ok(folder)
}

/// Why a path cannot stand in a line of text.
fn no_line_of_text(path: &Path) -> Option<String> {
    let Some(text) = path.to_str() else { return Some("is not UTF-8 text".to_owned()) };
    let control = text.chars().find(|it| it.is_control())?;
    let what = match control {
        '\n' | '\r' => "a line break",
        '\t' => "a tab",
        _ => "a control character",
    };
    Some(format!("has {what} (U+{:04X})", u32::from(control)))
}

/// The path for people, escaped where a terminal would not show it as it is.
fn shown(path: &Path) -> String {
    match no_line_of_text(path) {
        Some(_) => format!("\"{}\"", path.to_string_lossy().escape_debug()),
        None => path.display().to_string(),
    }
}

/// Changes the configuration file: one command at a time, and only to what is valid as a whole.
fn edit(
    context: &Context,
    change: impl Fn(&str) -> Result<String, EditError>,
) -> Result<(), CliError> {
    // A link stays one: what it leads to is what is changed.
    let named = &context.folders.config_file;
    let file = named.canonicalize().unwrap_or_else(|_| named.clone());
    let cannot = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Permission, format!("cannot write {}: {error}", file.display()))
            .hint("check owner and permissions of the folder")
    };
    let Some(folder) = file.parent() else { return Err(cannot(&"it has no folder")) };
    if !folder.exists() {
        folders::private_dir(folder).map_err(|error| cannot(&error))?;
    }
    // Held until the end, also by a command that reads while another one writes.
    let lock = File::open(folder).map_err(|error| cannot(&error))?;
    lock.lock().map_err(|error| cannot(&error))?;
    let text = context.config_text()?.unwrap_or_default();
    Config::load(Some(named), Some(&text), &context.env, &context.no_overrides())?;
    let changed = change(&text).map_err(edit_error)?;
    // What is refused stands in no file whose lines anybody could look at.
    let refused =
        |error: ConfigError| CliError::new(Exit::Config, error.without_lines()).hint(error.hint());
    Config::load(Some(named), Some(&changed), &context.env, &context.no_overrides())
        .map_err(refused)?;
    folders::write_private(&file, changed.as_bytes()).map_err(|error| cannot(&error))
}

/// A running gateway takes the new projects over at once.
async fn tell_running(context: &Context) -> Result<(), CliError> {
    reach::call_running(context, &Call::Reload).await.map(|_| ())
}

fn edit_error(error: EditError) -> CliError {
    let hint = error.hint();
    CliError::new(Exit::Config, error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_no_line_of_text_is_refused_with_what_is_wrong_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |name: &str, exists: bool| {
            let path = dir.path().join(name);
            if exists {
                std::fs::create_dir(&path).unwrap();
            }
            folder(&path).unwrap_err().to_string()
        };
        for (name, reason) in [
            ("a\nb", "has a line break (U+000A)"),
            ("a\tb", "has a tab (U+0009)"),
            ("a\u{1b}[31mb", "has a control character (U+001B)"),
            ("a\u{9b}b", "has a control character (U+009B)"),
        ] {
            let told = refusal(name, true);
            assert!(told.contains(&format!("cannot be a project: its path {reason}")), "{told}");
            assert!(told.contains("hint: rename that folder"), "{told}");
            assert!(!told.contains(name), "it is shown as it is: {told}");
        }
        assert!(!refusal("x\u{1b}y", false).contains('\u{1b}'));
        let git = dir.path().join("x/.git/refs");
        std::fs::create_dir_all(&git).unwrap();
        assert!(folder(&git).unwrap_err().to_string().contains("the folder that holds `.git`"));
        let plain = dir.path().join("with space ä");
        std::fs::create_dir(&plain).unwrap();
        assert_eq!(folder(&plain).unwrap(), plain.canonicalize().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_at_all_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(std::ffi::OsStr::from_bytes(b"a\xff"));
        std::fs::create_dir(&path).unwrap();
        let told = folder(&path).unwrap_err().to_string();
        assert!(told.contains("is not UTF-8 text"), "{told}");
    }
}
