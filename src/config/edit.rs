//! Changes to the text of a config file that leave everything else in it as it was.
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::section::ProjectSection;
use super::value::ProjectName;

/// Why the text of a config file could not be changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The file is not TOML, so it was not touched.
    #[error("the config file is not valid TOML: {0}")]
    Syntax(String),
    /// `projects` is something else than a table.
    #[error("`projects` in the config file is not a table")]
    NotATable,
    /// There is a project of this name already.
    #[error("the config file already has a project named `{0}`")]
    Exists(ProjectName),
    /// There is no project of this name.
    #[error("the config file has no project named `{0}`")]
    NotFound(ProjectName),
}

impl EditError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Syntax(_) | Self::NotATable => {
                "run `gateway config check` and correct the file first"
            }
            Self::Exists(_) => {
                "choose another name, or remove the project first with `gateway projects remove`"
            }
            Self::NotFound(_) => "`gateway projects list` names them",
        }
    }
}

/// The text with the project added at its end; keys at their defaults are left out.
///
/// # Errors
///
/// See [`EditError`]; the text is only changed when all is well.
pub fn add_project(
    text: &str,
    name: &ProjectName,
    project: &ProjectSection,
) -> Result<String, EditError> {
    let mut document = parse(text)?;
    let root = document.as_table_mut();
    let projects = root.entry("projects").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let is_inline = projects.is_inline_table();
    let is_dotted = projects.as_table().is_some_and(Table::is_dotted);
    let projects = projects.as_table_like_mut().ok_or(EditError::NotATable)?;
    if projects.contains_key(name.as_str()) {
        return Err(EditError::Exists(name.clone()));
    }
    let item = if is_inline {
        let mut entry = InlineTable::new();
        fill(&mut entry, project);
        Item::Value(Value::InlineTable(entry))
    } else {
        let mut entry = Table::new();
        // Below dotted keys TOML allows no header, so the new keys are dotted as well.
        entry.set_dotted(is_dotted);
        fill(&mut entry, project);
        Item::Table(entry)
    };
    projects.insert(name.as_str(), item);
    Ok(document.to_string())
}

/// The text without the project.
///
/// # Errors
///
/// See [`EditError`].
pub fn remove_project(text: &str, name: &ProjectName) -> Result<String, EditError> {
    let mut document = parse(text)?;
    let projects = document.as_table_mut().get_mut("projects");
    let projects = projects.ok_or_else(|| EditError::NotFound(name.clone()))?;
    let projects = projects.as_table_like_mut().ok_or(EditError::NotATable)?;
    projects.remove(name.as_str()).ok_or_else(|| EditError::NotFound(name.clone()))?;
    Ok(document.to_string())
}

fn parse(text: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|err: toml_edit::TomlError| EditError::Syntax(err.message().to_owned()))
}

/// Writes what differs from a project of defaults.
fn fill(entry: &mut dyn TableLike, project: &ProjectSection) {
    let plain = ProjectSection::new(project.path.clone());
    let mut set = |key: &str, value: Value| {
        entry.insert(key, Item::Value(value));
    };
    set("path", project.path.to_string_lossy().into_owned().into());
    if project.description != plain.description {
        set("description", project.description.as_str().into());
    }
    if project.default != plain.default {
        set("default", project.default.into());
    }
    if project.executor != plain.executor {
        set("executor", project.executor.as_str().into());
    }
    if project.allowed_tools != plain.allowed_tools {
        set("allowed_tools", Value::Array(project.allowed_tools.iter().collect::<Array>()));
    }
    if project.max_concurrent != plain.max_concurrent {
        set("max_concurrent", i64::from(project.max_concurrent).into());
    }
    if project.isolation != plain.isolation {
        set("isolation", project.isolation.as_str().into());
    }
    if project.branch_prefix != plain.branch_prefix {
        set("branch_prefix", project.branch_prefix.as_str().into());
    }
    if project.trust_project_config != plain.trust_project_config {
        set("trust_project_config", project.trust_project_config.into());
    }
}
