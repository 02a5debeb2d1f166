//! The class of a `git` command, by the words after `git`.
use crate::model::Class;

/// Every word after `git` counts, also behind what looks like the end of the command.
pub(super) fn class_of<'a>(rest: impl Iterator<Item = &'a str>) -> Class {
    let rest: Vec<&str> = rest.collect();
    let any = |wanted: &[&str]| rest.iter().any(|word| wanted.contains(word));
    // git takes any beginning of a long option that is not ambiguous.
    let long = |starts: &[&str]| {
        rest.iter().any(|word| starts.iter().any(|start| word.starts_with(start)))
    };
    let short = |letters: &str| rest.iter().any(|word| flag(word, letters));
    let to_another = rest.iter().any(|word| word.starts_with('+') || word.contains(':'));
    let rewrites =
        any(&["push"]) && (short("fd") || long(&["--f", "--d", "--m", "--p"]) || to_another);
    let resets = any(&["reset"]) && long(&["--h", "--k", "--me"]);
    let removes = any(&["branch", "tag"]) && (short("DdfMm") || long(&["--d", "--f"]));
    let forgets = any(&["stash"]) && any(&["drop", "clear", "pop"]);
    let drops = any(&[
        "clean",
        "restore",
        "checkout",
        "gc",
        "prune",
        "reflog",
        "filter-branch",
        "filter-repo",
        "update-ref",
        "symbolic-ref",
        "config",
        "replace",
        "worktree",
        "bisect",
        "difftool",
        "mergetool",
    ]);
    // Configuration on the command line names programs to run.
    let configures = short("c") || long(&["--exec", "--config", "--upload", "--receive"]);
    if rewrites || resets || removes || forgets || drops || configures {
        return Class::Destructive;
    }
    let talks = any(&[
        "push",
        "pull",
        "fetch",
        "clone",
        "remote",
        "ls-remote",
        "submodule",
        "svn",
        "send-email",
        "request-pull",
        "archive",
        "lfs",
    ]);
    if talks { Class::Network } else { Class::Exec }
}

/// Whether `word` is a cluster of short options with one of `letters`.
pub(super) fn flag(word: &str, letters: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.contains(|c| letters.contains(c))
}
