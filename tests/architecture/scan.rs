//! Reads Rust sources as tokens, so that comments and texts are never taken for code, and finds what
//! the tables speak of.
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::table::CRATES;

/// A source file as tokens.
pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    tokens: Vec<TokenTree>,
}

/// Something the tables may forbid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// A path into this module of the crate.
    Module(String),
    /// A path into this crate, one of those that are held to a place.
    Crate(String),
    /// A condition on the system.
    SystemCfg,
    /// A look into the environment.
    Environment,
    /// A child process that is started without being noted as one of ours.
    UnnotedChild,
}

impl Source {
    pub(crate) fn parse(path: String, text: &str) -> Self {
        let tokens = TokenStream::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path, tokens: tokens.into_iter().collect() }
    }

    /// The module of `src/` that it is part of; none for the roots and other crates.
    pub(crate) fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let name = below.split('/').next()?.trim_end_matches(".rs");
        (name != "lib" && name != "main").then_some(name)
    }

    /// How many modules lie between it and the crate's root.
    fn depth(&self) -> usize {
        let below = self.path.split("src/").nth(1).unwrap_or_default();
        let folders = below.matches('/').count();
        let own = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| below.ends_with(name));
        folders + usize::from(!own)
    }
}

/// Everything in a file that the tables may forbid, outside of tests.
pub(crate) fn findings(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    walk(&source.tokens, source.depth(), &mut found);
    found
}

/// The files (and folders, ending in `/`) of modules that exist only in tests.
pub(crate) fn test_files(source: &Source) -> Vec<String> {
    let own = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = source.path.trim_end_matches(".rs");
    let root = ["/mod", "/lib", "/main"].iter().any(|name| stem.ends_with(name));
    let folder = if root { own } else { stem };
    let mut files = Vec::new();
    for (at, tree) in source.tokens.iter().enumerate() {
        let Some(attribute) = attribute(&source.tokens, at) else { continue };
        if !is_test(attribute) || !matches!(tree, TokenTree::Punct(_)) {
            continue;
        }
        let item = &source.tokens[at..after_item(&source.tokens, at)];
        let module = item.iter().position(|tree| is_ident(tree, "mod"));
        if let (Some(at), Some(TokenTree::Punct(_))) = (module, item.last()) {
            files.push(format!("{folder}/{}.rs", item[at + 1]));
            files.push(format!("{folder}/{}/", item[at + 1]));
        }
    }
    files
}

fn walk(trees: &[TokenTree], depth: usize, found: &mut Vec<Finding>) {
    let mut at = 0;
    while at < trees.len() {
        if attribute(trees, at).is_some_and(is_test) {
            at = after_item(trees, at);
            continue;
        }
        look(trees, at, depth, found);
        if let TokenTree::Group(group) = &trees[at] {
            let module =
                group.delimiter() == Delimiter::Brace && at >= 2 && is_ident(&trees[at - 2], "mod");
            let before = found.len();
            walk(&inside(group), depth + usize::from(module), found);
            if at >= 4 && is_ident(&trees[at - 1], "start") && is_ident(&trees[at - 4], "children")
            {
                let inside = found.split_off(before);
                found.extend(inside.into_iter().filter(|one| *one != Finding::UnnotedChild));
            }
        }
        at += 1;
    }
}

/// What begins at `at`.
fn look(trees: &[TokenTree], at: usize, depth: usize, found: &mut Vec<Finding>) {
    let TokenTree::Ident(ident) = &trees[at] else { return };
    let name = ident.to_string();
    let next = |offset: usize| trees.get(at + offset);
    match name.as_str() {
        "crate" => modules(trees, at + 1, found),
        // Only the first of a row of them: the others follow it.
        "super" if !after_path_separator(trees, at) || self_before(trees, at) => {
            let mut supers = 1;
            let mut end = at + 1;
            while is_separator(trees, end)
                && trees.get(end + 2).is_some_and(|t| is_ident(t, "super"))
            {
                supers += 1;
                end += 3;
            }
            if supers == depth {
                modules(trees, end, found);
            }
        }
        "cfg" | "cfg_attr" => {
            let bang = matches!(next(1), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
            if let Some(TokenTree::Group(group)) = next(1 + usize::from(bang))
                && names_system(group)
            {
                found.push(Finding::SystemCfg);
            }
        }
        "env" if is_separator(trees, at + 1) => {
            let reads = |tree: &TokenTree| {
                ["var", "var_os", "vars", "vars_os"].iter().any(|name| is_ident(tree, name))
            };
            let read = match next(3) {
                Some(TokenTree::Group(group)) => inside(group).iter().any(reads),
                Some(tree) => reads(tree),
                None => false,
            };
            if read {
                found.push(Finding::Environment);
            }
        }
        // Only a command's take no argument.
        "spawn" | "output" if at > 0 && is_dot(&trees[at - 1]) => {
            if let Some(TokenTree::Group(arguments)) = next(1)
                && arguments.stream().is_empty()
            {
                found.push(Finding::UnnotedChild);
            }
        }
        _ => {}
    }
    let held = CRATES.iter().any(|(held, _)| *held == name);
    let begins = !after_path_separator(trees, at) || global_path(trees, at);
    let used = is_separator(trees, at + 1) || (at > 0 && is_ident(&trees[at - 1], "use"));
    if held && begins && used {
        found.push(Finding::Crate(name));
    }
}

fn is_dot(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '.')
}

/// The modules named behind `crate` (or a row of `super` that ends there), at `at`: `::name`, or
/// `::{name, name::…}`.
fn modules(trees: &[TokenTree], at: usize, found: &mut Vec<Finding>) {
    if !is_separator(trees, at) {
        return;
    }
    match trees.get(at + 2) {
        Some(TokenTree::Ident(name)) => found.push(Finding::Module(name.to_string())),
        Some(TokenTree::Group(group)) => {
            let inside = inside(group);
            for part in
                inside.split(|tree| matches!(tree, TokenTree::Punct(p) if p.as_char() == ','))
            {
                if let Some(TokenTree::Ident(name)) = part.first() {
                    found.push(Finding::Module(name.to_string()));
                }
            }
        }
        _ => {}
    }
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_ident(tree: &TokenTree, name: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if *ident == name)
}

/// Whether `::` stands at `at`.
fn is_separator(trees: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn after_path_separator(trees: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_separator(trees, at - 2)
}

/// Whether the `::` before `at` has nothing before it, as in `::rmcp`.
fn global_path(trees: &[TokenTree], at: usize) -> bool {
    at == 2
        || !matches!(trees.get(at.wrapping_sub(3)), Some(TokenTree::Ident(ident)) if *ident != "use")
}

/// Whether `self::` stands before `at`.
fn self_before(trees: &[TokenTree], at: usize) -> bool {
    at >= 3 && is_ident(&trees[at - 3], "self")
}

/// The attribute `#[…]` that begins at `at`, without its brackets.
fn attribute(trees: &[TokenTree], at: usize) -> Option<&Group> {
    match (&trees[at], trees.get(at + 1)) {
        (TokenTree::Punct(punct), Some(TokenTree::Group(group)))
            if punct.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group)
        }
        _ => None,
    }
}

/// Whether an attribute is a `cfg` that holds only in tests.
fn is_test(attribute: &Group) -> bool {
    match inside(attribute).as_slice() {
        [name, TokenTree::Group(condition)] if is_ident(name, "cfg") => requires_test(condition),
        _ => false,
    }
}

fn requires_test(condition: &Group) -> bool {
    let trees = inside(condition);
    trees.iter().enumerate().any(|(at, tree)| match tree {
        TokenTree::Ident(name) => *name == "test",
        TokenTree::Group(group) => {
            at > 0 && is_ident(&trees[at - 1], "all") && requires_test(group)
        }
        _ => false,
    })
}

/// Whether a condition speaks of the system, at any depth.
fn names_system(condition: &Group) -> bool {
    const NAMES: [&str; 6] =
        ["unix", "windows", "target_os", "target_family", "target_env", "target_vendor"];
    inside(condition).iter().any(|tree| match tree {
        TokenTree::Group(group) => names_system(group),
        tree => NAMES.iter().any(|name| is_ident(tree, name)),
    })
}

/// The end of the item whose attributes begin at `at`: behind its `;`, or behind its braces.
fn after_item(trees: &[TokenTree], at: usize) -> usize {
    let mut at = at;
    while at < trees.len() && attribute(trees, at).is_some() {
        at += 2;
    }
    // The braces of `use a::{b, c};` do not end it.
    let import = trees[at..].iter().take(4).any(|tree| is_ident(tree, "use"));
    while at < trees.len() {
        match &trees[at] {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return at + 1,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !import => {
                return at + 1;
            }
            _ => at += 1,
        }
    }
    at
}
