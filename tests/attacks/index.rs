//! Holds `docs/attacks.md` and `docs/threat-model.md` against the sources: a test that a document names
//! exists, and every attack of this program is in the index.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the tests in a source file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let (mut names, mut marked) = (BTreeSet::new(), false);
    for line in text.lines().map(str::trim) {
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let signature = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let name = signature.and_then(|rest| rest.split_once('(')).map(|(name, _)| name);
        if let Some(name) = name.filter(|_| std::mem::take(&mut marked)) {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Every test of this program, as `module::name`.
fn own_tests() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/attacks")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|it| it == "rs") {
            let module = file.file_stem().unwrap().to_string_lossy().into_owned();
            all.extend(tests_in(&file).into_iter().map(|name| format!("{module}::{name}")));
        }
    }
    all
}

/// What a document names between backquotes as `module::name` or `path/to/file.rs::name`.
fn named_in(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(document)).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|it| it.contains("::")).map(str::to_owned).collect()
}

fn file_of(name: &str) -> Option<(PathBuf, &str)> {
    let (place, test) = name.rsplit_once("::")?;
    let in_file = Path::new(place).extension().is_some_and(|it| it == "rs");
    let file = if in_file { place.to_owned() } else { format!("tests/attacks/{place}.rs") };
    Some((root().join(file), test))
}

#[test]
fn every_test_that_a_document_names_exists() {
    for document in ["attacks.md", "threat-model.md", "parity.md"] {
        let named = named_in(document);
        assert!(named.len() > 10, "{document} names only {} tests", named.len());
        let missing: Vec<_> = named
            .iter()
            .filter(|name| {
                let found = file_of(name);
                !found.is_some_and(|(file, test)| tests_in(&file).contains(test))
            })
            .collect();
        assert!(missing.is_empty(), "{document} names what is not there: {missing:#?}");
    }
}

#[test]
fn every_attack_of_this_program_is_in_the_index() {
    let named: BTreeSet<_> = named_in("attacks.md").into_iter().collect();
    let own = own_tests();
    assert!(own.len() >= 150, "only {} tests were found", own.len());
    let missing: Vec<_> =
        own.difference(&named).filter(|name| !name.starts_with("index::")).collect();
    assert!(missing.is_empty(), "not in docs/attacks.md: {missing:#?}");
}
