//! Every input that was kept, through the fuzz target it was kept for.
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use gateway::gateway::fuzz::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

#[test]
fn every_kept_input_keeps_the_promise_of_its_target() {
    for target in TARGETS {
        let folder = corpus().join(target.name);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            // A finding's own words come first; this tells which file it was.
            eprintln!("{}", path.display());
            (target.run)(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{folder:?} is empty");
    }
}

#[test]
fn every_folder_belongs_to_a_target() {
    let folders = fs::read_dir(corpus()).unwrap();
    let folders: BTreeSet<_> = folders.map(|folder| folder.unwrap().file_name()).collect();
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.into()).collect();
    assert_eq!(folders, targets);
}
