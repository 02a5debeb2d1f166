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

/// The text with the project added at its end; keys at their defaults are left out. One that is to be
/// the default takes that from whichever was.
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
    if project.default {
        for (_, other) in projects.iter_mut() {
            if let Some(other) = other.as_table_like_mut() {
                other.remove("default");
            }
        }
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
    if project.chat_may_approve != plain.chat_may_approve {
        let classes = project.chat_may_approve.iter().map(|class| class.as_str());
        set("chat_may_approve", Value::Array(classes.collect::<Array>()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::{Config, Isolation, Overrides, RequestClass};

    fn load(text: &str) -> Config {
        let file = Path::new("/c/config.toml");
        Config::load(Some(file), Some(text), &BTreeMap::new(), &Overrides::default())
            .unwrap_or_else(|err| panic!("{err}\n{text}"))
            .config
    }

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    fn full() -> ProjectSection {
        ProjectSection {
            description: "says \"hello\"".to_owned(),
            default: true,
            allowed_tools: vec!["Read".to_owned(), "Bash(git diff *)".to_owned()],
            max_concurrent: 2,
            isolation: Isolation::None,
            branch_prefix: "bot/".parse().unwrap(),
            trust_project_config: true,
            chat_may_approve: vec![RequestClass::Read],
            ..ProjectSection::new(PathBuf::from("/src/b"))
        }
    }

    /// Every way in which a file may hold its projects.
    const SHAPES: [&str; 8] = [
        "",
        "# mine\n[tasks] # few\nmax_concurrent =   2 # not more\n",
        "[projects.a]\npath = \"/src/a\" # the first\n\n# the end\n",
        "[projects]\na = { path = \"/src/a\" }\n",
        "projects = { a = { path = \"/src/a\" } }\n[tasks]\nmax_concurrent = 2\n",
        "projects.a.path = \"/src/a\"\n[tasks]\nmax_concurrent = 2\n",
        "[projects]\na.path = \"/src/a\"\n",
        "[projects.a]\npath = \"/src/a\"\n[tasks]\nmax_concurrent = 2",
    ];

    #[test]
    fn an_added_project_is_read_back_and_all_else_stays() {
        for text in SHAPES {
            for project in [full(), ProjectSection::new(PathBuf::from("/src/b"))] {
                let added = add_project(text, &name("b"), &project).unwrap();
                let mut config = load(&added);
                assert_eq!(config.projects.remove("b"), Some(project), "{added}");
                assert_eq!(config, load(text), "{added}");
                for comment in text.lines().filter(|line| line.contains('#')) {
                    assert!(added.contains(comment), "{added}");
                }
            }
        }
    }

    #[test]
    fn a_removed_project_is_gone_and_all_else_stays() {
        for text in SHAPES {
            let added = add_project(text, &name("b"), &full()).unwrap();
            let removed = remove_project(&added, &name("b")).unwrap();
            assert_eq!(load(&removed), load(text), "{removed}");
        }
    }

    #[test]
    fn an_added_project_looks_as_one_would_write_it() {
        let text = "[tasks]\nmax_concurrent = 2\n";
        let added = add_project(text, &name("b"), &ProjectSection::new(PathBuf::from("/src/b")));
        assert_eq!(added.unwrap(), format!("{text}\n[projects.b]\npath = \"/src/b\"\n"));
    }

    #[test]
    fn what_cannot_be_edited_is_refused_with_a_cause() {
        let project = full();
        let a = "[projects.a]\npath = \"/a\"\n";
        assert_eq!(add_project(a, &name("a"), &project), Err(EditError::Exists(name("a"))));
        assert_eq!(remove_project(a, &name("b")), Err(EditError::NotFound(name("b"))));
        assert_eq!(remove_project("", &name("b")), Err(EditError::NotFound(name("b"))));
        assert_eq!(add_project("projects = 3", &name("b"), &project), Err(EditError::NotATable));
        assert_eq!(remove_project("[[projects]]", &name("b")), Err(EditError::NotATable));
        assert!(matches!(add_project("[", &name("b"), &project), Err(EditError::Syntax(_))));
    }
}
