//! Git directories that the gateway writes itself, file by file, so that nothing in them is
//! inherited from a template, a configuration or a stranger.
use std::path::Path;

use gateway_os::folders::{Durability, replace_private};

use super::error::{Doing, ProjectError};
use super::oid::{ObjectFormat, Oid};
use super::owner::Settings;
use super::platform;

/// Who commits by default in a repository, written into its configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Identity {
    /// `user.name`.
    pub(super) name: Option<String>,
    /// `user.email`.
    pub(super) email: Option<String>,
}

/// Writes an empty git directory: HEAD on `branch`, its own config, no hooks, no remotes.
///
/// # Errors
///
/// When a file or folder cannot be written.
pub(super) fn write(
    dir: &Path,
    branch: &str,
    bare: bool,
    settings: &Settings,
    identity: &Identity,
) -> Result<(), ProjectError> {
    for folder in ["objects/pack", "objects/info", "refs/heads", "refs/tags", "info"] {
        let folder = dir.join(folder);
        platform::private_dir(&folder).doing("making", &folder)?;
    }
    let file = |name: &str, text: String| {
        let path = dir.join(name);
        platform::write_file(&path, text.as_bytes()).doing("writing", &path)
    };
    file("config", config(bare, settings, false, identity))?;
    file("HEAD", format!("ref: refs/heads/{branch}\n"))
}

/// Writes a ref that is none yet, in a git directory that git does not change meanwhile.
///
/// # Errors
///
/// When the file or its folder cannot be written.
pub(super) fn write_ref(
    dir: &Path,
    name: &str,
    to: &Oid,
    durability: Durability,
) -> Result<(), ProjectError> {
    let file = dir.join(name);
    let folder = file.parent().unwrap_or(dir);
    platform::private_dir(folder).doing("making", folder)?;
    replace_private(&file, format!("{to}\n").as_bytes(), durability).doing("writing", &file)
}

/// The text of a git directory's configuration.
pub(super) fn config(
    bare: bool,
    settings: &Settings,
    reftable: bool,
    identity: &Identity,
) -> String {
    let sha256 = settings.format == ObjectFormat::Sha256;
    let version = u8::from(sha256 || reftable);
    let mut out = format!("[core]\n\trepositoryformatversion = {version}\n\tbare = {bare}\n");
    for (key, value) in &settings.core {
        out.extend(["\t", key, " = ", value, "\n"]);
    }
    if version == 1 {
        out += "[extensions]\n";
    }
    if sha256 {
        out += "\tobjectFormat = sha256\n";
    }
    if reftable {
        out += "\trefStorage = reftable\n";
    }
    if identity.name.is_some() || identity.email.is_some() {
        out += "[user]\n";
    }
    for (key, value) in [("name", &identity.name), ("email", &identity.email)] {
        if let Some(value) = value {
            out.extend(["\t", key, " = \"", &escaped(value), "\"\n"]);
        }
    }
    out
}

/// A value inside the double quotes of a configuration file.
fn escaped(value: &str) -> String {
    value
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_line() {
        let name = Some("A \"B\" \\ C\n[core]\nhooksPath = /evil".to_owned());
        let identity = Identity { name, email: None };
        let text = config(false, &Settings::default(), false, &identity);
        assert!(
            text.ends_with("\tname = \"A \\\"B\\\" \\\\ C[core]hooksPath = /evil\"\n"),
            "{text}"
        );
        assert_eq!(text.lines().filter(|line| line.starts_with('[')).count(), 2);
    }
}
