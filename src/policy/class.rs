//! The class of a request, by the tool and its input.
use std::path::Path;

use serde_json::Value;

use super::place::{Place, place_of};
use super::shell;
use crate::model::Class;

/// Tools that look at nothing but the task and its own notes.
const HARMLESS: [&str; 5] = ["EnterPlanMode", "TodoRead", "TodoWrite", "TaskList", "ToolSearch"];

/// The class of using `tool` with `input` by an agent that works in `tree`.
///
/// Paths are compared as text: whether a symbolic link stands below the tree is for the caller to
/// look at, see [`file_of`].
#[must_use]
pub fn class_of(tool: &str, input: &Value, tree: &Path) -> Class {
    match tool {
        _ if HARMLESS.contains(&tool) => Class::Read,
        "Read" | "NotebookRead" | "Glob" | "Grep" | "LS" => of_reading(tool, input, tree),
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => of_writing(tool, input, tree),
        "Bash" | "PowerShell" | "Monitor" => {
            let command = input.get("command").and_then(Value::as_str);
            command.map_or(Class::Destructive, |command| shell::class_of(command, tree))
        }
        "WebFetch" | "WebSearch" => Class::Network,
        // Tools of MCP servers, and whatever the next version of an agent brings.
        _ => Class::Exec,
    }
}

/// The file or folder that a file tool names in its input; none for other tools.
#[must_use]
pub fn file_of<'a>(tool: &str, input: &'a Value) -> Option<&'a str> {
    let key = match tool {
        "Read" | "Write" | "Edit" | "MultiEdit" => "file_path",
        "NotebookRead" | "NotebookEdit" => "notebook_path",
        "Glob" | "Grep" | "LS" => "path",
        _ => return None,
    };
    input.get(key).and_then(Value::as_str)
}

/// Reading elsewhere shows the chat what only the owner may see, as running a program would.
fn of_reading(tool: &str, input: &Value, tree: &Path) -> Class {
    let searches = matches!(tool, "Glob" | "Grep" | "LS");
    let pattern = input.get("pattern").and_then(Value::as_str).filter(|_| tool == "Glob");
    let places = [file_of(tool, input), pattern];
    if places[0].is_none() && !searches {
        return Class::Exec;
    }
    let inside = places.into_iter().flatten().all(|path| place_of(path, tree) == Place::Inside);
    if inside { Class::Read } else { Class::Exec }
}

fn of_writing(tool: &str, input: &Value, tree: &Path) -> Class {
    match file_of(tool, input).map(|path| place_of(path, tree)) {
        Some(Place::Inside) => Class::Write,
        Some(Place::Steering | Place::Outside) | None => Class::Destructive,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(tool: &str, input: &Value) -> Class {
        class_of(tool, input, Path::new("/state/work/t/tree"))
    }

    #[test]
    fn each_tool_has_its_class() {
        let file = |path: &str| json!({ "file_path": path });
        for (tool, input, class) in [
            ("Read", file("/state/work/t/tree/src/a.rs"), Class::Read),
            ("Read", file("/home/owner/.ssh/id_ed25519"), Class::Exec),
            ("Read", json!({}), Class::Exec),
            ("Grep", json!({ "pattern": "/etc/passwd" }), Class::Read),
            ("Grep", json!({ "pattern": "x", "path": "/etc" }), Class::Exec),
            ("Glob", json!({ "pattern": "**/*.rs" }), Class::Read),
            ("Glob", json!({ "pattern": "/home/*/.ssh/*" }), Class::Exec),
            ("Write", file("/state/work/t/tree/a.txt"), Class::Write),
            ("Edit", file("src/a.rs"), Class::Write),
            ("NotebookEdit", json!({ "notebook_path": "n.ipynb" }), Class::Write),
            ("NotebookEdit", file("n.ipynb"), Class::Destructive),
            ("Write", file("/etc/passwd"), Class::Destructive),
            ("Write", file("../x"), Class::Destructive),
            ("Write", file(".git/hooks/pre-commit"), Class::Destructive),
            ("Write", json!({}), Class::Destructive),
            ("Write", json!({ "file_path": ["a"] }), Class::Destructive),
            ("Bash", json!({ "command": "cargo test" }), Class::Exec),
            ("Bash", json!({}), Class::Destructive),
            ("WebFetch", json!({ "url": "https://example.com" }), Class::Network),
            ("WebSearch", json!({}), Class::Network),
            ("mcp__github__get_issue", json!({}), Class::Exec),
            ("Task", json!({}), Class::Exec),
            ("TodoWrite", json!({}), Class::Read),
            ("write", file("a"), Class::Exec),
            ("Read\u{200b}", file("a"), Class::Exec),
        ] {
            assert_eq!(of(tool, &input), class, "{tool} {input}");
        }
    }

    proptest! {
        #[test]
        fn a_path_of_any_shape_is_written_below_the_tree_or_destructive(path in ".*") {
            let class = of("Write", &json!({ "file_path": path }));
            prop_assert!(matches!(class, Class::Write | Class::Destructive));
            if class == Class::Write {
                let inside = path.strip_prefix("/state/work/t/tree/").unwrap_or(&path);
                prop_assert!(!inside.starts_with(['/', '~']));
                prop_assert!(inside.split(['/', '\\']).all(|part| part != ".."));
            }
        }

        #[test]
        fn climbing_is_never_a_write(before in "[a-z/]{0,12}", after in "[a-z/]{0,12}") {
            let path = format!("{before}/../{after}");
            prop_assert_eq!(of("Edit", &json!({ "file_path": path })), Class::Destructive);
        }

        #[test]
        fn a_tool_of_any_name_is_never_less_than_exec_unless_it_is_known(name in "\\PC*") {
            let known = ["Read", "NotebookRead", "Glob", "Grep", "LS", "Write", "Edit", "MultiEdit",
                "NotebookEdit"];
            let is_known = known.contains(&&*name) || HARMLESS.contains(&&*name);
            prop_assert!(is_known || of(&name, &Value::Null) >= Class::Exec);
        }
    }
}
