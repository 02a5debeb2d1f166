//! Holds the layers of the program: who may import whom, who may use which crate, and what belongs
//! to one place alone. The tables are in [`table`]; a new module needs a line there. Tests are
//! exempt, in `#[cfg(test)]` modules and in the files that such modules are in.
mod scan;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::scan::{Finding, Source};
use self::table::{CRATES, MODULES, PLACES, Place};

/// One breach, as a line for people.
fn breaches(source: &Source) -> Vec<String> {
    let file = source.path.as_str();
    let mut found = Vec::new();
    for finding in scan::findings(source) {
        let wrong = match &finding {
            Finding::Module(to) => source.module().and_then(|from| wrong_edge(from, to)),
            Finding::Crate(name) => wrong_crate(file, name),
            Finding::SystemCfg => elsewhere(file, Place::SystemCfg),
            Finding::Environment => elsewhere(file, Place::Environment),
            Finding::UnnotedChild => elsewhere(file, Place::UnnotedChild),
        };
        found.extend(wrong.map(|wrong| format!("{file}: {wrong}")));
    }
    found.sort();
    found.dedup();
    found
}

fn wrong_edge(from: &str, to: &str) -> Option<String> {
    let find = |name: &str| MODULES.iter().find(|module| module.name == name);
    if from == to {
        return None;
    }
    let Some(from) = find(from) else { return Some(format!("{from} is not in the table")) };
    let Some(to) = find(to) else { return Some(format!("{to} is not in the table")) };
    let peer = from.peers.iter().any(|(name, _)| *name == to.name);
    let allowed = to.layer < from.layer || (to.layer == from.layer && peer);
    let (f, t) = (from.layer, to.layer);
    (!allowed).then(|| format!("{} (layer {f}) may not use {} (layer {t})", from.name, to.name))
}

fn wrong_crate(file: &str, name: &str) -> Option<String> {
    let (_, home) = CRATES.iter().find(|(held, _)| *held == name)?;
    (!file.starts_with(home)).then(|| format!("only {home} may use {name}"))
}

fn elsewhere(file: &str, place: Place) -> Option<String> {
    let allowed = PLACES.iter().any(|(kind, path, _)| *kind == place && file.starts_with(path));
    (!allowed).then(|| place.rule().to_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below the three `src` folders that is no test.
fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tunnels/src", "os/src"] {
        collect(&root().join(folder), &mut files);
    }
    let sources: Vec<Source> = files.into_iter().map(|path| read(&path)).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(scan::test_files).collect();
    let is_test = |path: &str| tests.iter().any(|test| path.starts_with(test.as_str()));
    sources.into_iter().filter(|source| !is_test(&source.path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is part of the repository") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(path: &Path) -> Source {
    let name = path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/");
    Source::parse(name, &fs::read_to_string(path).expect("sources are UTF-8"))
}

#[test]
fn imports_go_downward_and_what_belongs_to_one_place_stays_there() {
    let breaches: Vec<String> = sources().iter().flat_map(breaches).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name != "lib" && name != "main" {
            names.insert(name);
        }
    }
    let known: BTreeSet<String> = MODULES.iter().map(|module| module.name.to_owned()).collect();
    let unknown: Vec<&String> = names.difference(&known).collect();
    assert!(unknown.is_empty(), "add to tests/architecture/table.rs: {unknown:?}");
    assert_eq!(known.len(), MODULES.len(), "a module has two lines");
}

#[test]
fn exceptions_are_needed_and_name_modules_of_the_same_layer() {
    let sources = sources();
    for (kind, path, _) in PLACES {
        let used = sources.iter().filter(|source| source.path.starts_with(path)).any(|source| {
            scan::findings(source).iter().any(|finding| match finding {
                Finding::SystemCfg => *kind == Place::SystemCfg,
                Finding::Environment => *kind == Place::Environment,
                Finding::UnnotedChild => *kind == Place::UnnotedChild,
                Finding::Module(_) | Finding::Crate(_) => false,
            })
        });
        assert!(used, "{path} needs its exception no more: {kind:?}");
    }
    for module in MODULES {
        for (peer, reason) in module.peers {
            let peer = MODULES.iter().find(|other| other.name == *peer);
            let peer = peer.unwrap_or_else(|| panic!("{}: unknown peer", module.name));
            assert_eq!(peer.layer, module.layer, "{} needs no exception", module.name);
            assert!(!reason.is_empty());
        }
    }
}

/// What is found in `text` as a file at `path`.
fn planted(path: &str, text: &str) -> Vec<String> {
    breaches(&Source::parse(path.to_owned(), text))
}

#[test]
fn planted_breaches_are_caught() {
    for (path, text, breach) in [
        ("src/store/x.rs", "use crate::web::Page;", "store (layer 1) may not use web"),
        ("src/store/x.rs", "use crate::{model::Task, gateway::Parts};", "may not use gateway"),
        ("src/store/x.rs", "use crate::{model::{Task}, secret};", "may not use secret"),
        ("src/store/x.rs", "fn f() { crate::cli::main(); }", "may not use cli"),
        ("src/store/x.rs", "fn f() { call!(a, crate::cli::main()) }", "may not use cli"),
        ("src/store/x.rs", "macro_rules! m { () => { $crate::cli::main() } }", "may not use cli"),
        ("src/store/mod.rs", "use super::web::Page;", "may not use web"),
        ("src/store/x/y.rs", "use super::super::super::{web, model};", "may not use web"),
        ("src/store/x.rs", "mod inner { use super::super::super::web; }", "may not use web"),
        ("src/auth/x.rs", "use crate::task::Engine;", "auth (layer 2) may not use task (layer 2)"),
        ("src/model/x.rs", "use crate::config::Config;", "may not use config"),
        ("src/task/x.rs", "use crate::newcomer::X;", "newcomer is not in the table"),
        ("src/task/x.rs", "use rusqlite::Connection;", "only src/store/ may use rusqlite"),
        ("src/web/x.rs", "fn f(e: ::rmcp::ErrorData) {}", "only src/mcp/ may use rmcp"),
        ("src/web/x.rs", "use keyring as k;", "only src/secret/ may use keyring"),
        ("src/web/x.rs", "use {std::io, anyhow::Context};", "only src/cli/ may use anyhow"),
        ("src/web/x.rs", "fn f() { Command::new(\"git\").spawn(); }", "os/src/children.rs"),
        ("src/web/x.rs", "fn f() { let o = c.output().await; }", "os/src/children.rs"),
        ("src/web/x.rs", "#[cfg(unix)] fn f() {}", "belongs to os/"),
        ("src/web/x.rs", "#[cfg(all(not(windows), feature = \"a\"))] fn f() {}", "belongs to os/"),
        ("tunnels/src/x.rs", "fn f() -> bool { cfg!(target_os = \"linux\") }", "belongs to os/"),
        ("src/web/x.rs", "#[cfg_attr(windows, path = \"w.rs\")] mod m;", "belongs to os/"),
        ("src/web/x.rs", "fn f() { std::env::var(\"HOME\"); }", "belongs to src/cli/context.rs"),
        ("os/src/x.rs", "use std::env::{self, vars_os};", "belongs to src/cli/context.rs"),
        ("src/web/x.rs", "#[cfg(not(test))] use crate::cli::main;", "may not use cli"),
    ] {
        let found = planted(path, text);
        assert!(found.iter().any(|line| line.contains(breach)), "{path}: {text}\n{found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_taken_for_a_breach() {
    for (path, text) in [
        ("src/task/x.rs", "use crate::{executor::Run, model::Task, store::Store};"),
        ("src/task/x.rs", "use super::queue; use crate::task::engine;"),
        ("src/task/x.rs", "// use crate::web::Page;\n/// [`crate::web::Page`]\nfn f() {}"),
        ("src/task/x.rs", "const A: &str = \"use crate::web\"; const B: &str = r#\"rmcp::\"#;"),
        ("src/task/x.rs", "#[cfg(test)] mod tests { use crate::web::Page; use rusqlite::x; }"),
        ("src/task/x.rs", "#[cfg(test)] use crate::web::Page; fn f() {}"),
        ("src/task/x.rs", "#[cfg(all(test, unix))] #[allow(x)] fn f() { crate::web::g() }"),
        ("src/task/x.rs", "#[cfg(feature = \"unix\")] fn f() {}"),
        ("src/secret/mod.rs", "mod keyring; pub use self::keyring::Vault;"),
        ("src/task/x.rs", "use crate::secret::keyring::Vault;"),
        ("os/src/x.rs", "#[cfg(unix)] fn f() {}"),
        ("src/web/x.rs", "fn f() { std::env::current_exe(); env!(\"CARGO_PKG_VERSION\"); }"),
    ] {
        assert_eq!(planted(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn files_of_test_modules_are_known_from_where_they_are_declared() {
    let source = Source::parse(
        "src/task/mod.rs".to_owned(),
        "mod queue; #[cfg(test)] mod tests; #[cfg(test)] pub(crate) mod replay;",
    );
    assert_eq!(
        scan::test_files(&source),
        ["src/task/tests.rs", "src/task/tests/", "src/task/replay.rs", "src/task/replay/"]
    );
}
