//! Diffs between a task's base and its state, in pages, from objects alone.
use std::path::Path;

use gateway_os::folders::Durability;
use serde::{Deserialize, Serialize};

use super::error::{Doing, ProjectError};
use super::git::{Call, Git, GitError};
use super::leftovers::{Scope, copy_index};
use super::oid::Oid;
use super::path::RepoPath;
use super::platform;
use super::registry::Project;
use super::workspace::{Base, Workspace, Workspaces, blocking};

/// Switches of every diff: nothing of a repository's drivers, colours or prefixes.
const PLAIN: &[&str] = &[
    "-r",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--find-renames",
    "-l1000",
    "--submodule=short",
    "--ignore-submodules=none",
];

/// What part of a diff is wanted.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// A file or folder, relative to the repository's root; everything when `None`.
    pub path: Option<String>,
    /// Whether the text is left out.
    pub stat_only: bool,
    /// The most bytes of text on a page.
    pub max_bytes: usize,
    /// Where the page begins: 0, or [`Diff::next`] of the page before.
    pub offset: u64,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { path: None, stat_only: false, max_bytes: 60_000, offset: 0 }
    }
}

/// A page of a diff.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// Unified diff; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// All files that differ, whatever the page.
    pub files: Vec<FileChange>,
    /// Their sums.
    pub stat: DiffStat,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// Sums over changed files.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct DiffStat {
    /// How many files.
    pub files: usize,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

impl DiffStat {
    /// The sums over `files`.
    #[must_use]
    pub fn of(files: &[FileChange]) -> Self {
        Self {
            files: files.len(),
            insertions: files.iter().filter_map(|file| file.insertions).sum(),
            deletions: files.iter().filter_map(|file| file.deletions).sum(),
        }
    }
}

/// A file that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct FileChange {
    /// Where it is; for a deleted file, where it was.
    pub path: RepoPath,
    /// Where it was, when it was renamed or copied.
    pub old_path: Option<RepoPath>,
    /// git's letter: `A`dded, `M`odified, `D`eleted, `R`enamed, `C`opied, `T`ype changed.
    pub status: char,
    /// Lines added; `None` for a binary file.
    pub insertions: Option<u64>,
    /// Lines removed; `None` for a binary file.
    pub deletions: Option<u64>,
}

impl Workspaces {
    /// The difference between the base and the settled result; any time while the gateway keeps it.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NotSettled`], or what kept git from answering.
    pub async fn diff_settled(
        &self,
        workspace: &Workspace,
        options: &DiffOptions,
    ) -> Result<Diff, ProjectError> {
        workspace.renew_config()?;
        let settled = self.settled(workspace)?;
        let empty = workspace.format.empty_tree();
        let head = settled.head.unwrap_or(empty);
        let call = || workspace.call("diff-tree");
        page(&self.git, &call, &workspace.base_tree(), &head, options).await
    }

    /// The difference between the base and the tree as it is now, also while the task runs.
    ///
    /// Nothing in the tree is changed. Pages of a running task may not fit together.
    ///
    /// # Errors
    ///
    /// As [`Workspaces::settle`].
    pub async fn diff_running(
        &self,
        workspace: &Workspace,
        options: &DiffOptions,
    ) -> Result<Diff, ProjectError> {
        workspace.renew_config()?;
        let scratch = workspace.scratch();
        platform::private_dir(&scratch).doing("making", &scratch)?;
        let dir = tempfile::Builder::new()
            .prefix("snapshot-")
            .tempdir_in(&scratch)
            .doing("making a folder in", &scratch)?;
        let (objects, index) = (dir.path().join("objects"), dir.path().join("index"));
        platform::private_dir(&objects).doing("making", &objects)?;
        let (from, to) = (workspace.base_index(), index.clone());
        blocking(move || copy_index(&from, &to)).await?;
        let scope = Scope {
            git_dir: workspace.git_dir(),
            work_tree: workspace.tree.clone(),
            index,
            objects: Some(objects.clone()),
            durability: Durability::Synced,
            unblock: false,
            lfs: false,
            limits: self.limits,
        };
        let state = scope.state(&self.git).await?;
        let call = || workspace.call("diff-tree").alternate(&objects);
        page(&self.git, &call, &workspace.base_tree(), &state.tree, options).await
    }

    /// The difference between two commits of the owner's repository: a published result whose
    /// workspace is gone.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Gone`] when the commits are no longer there.
    pub async fn diff_published(
        &self,
        project: &Project,
        base: &Base,
        head: &Oid,
        options: &DiffOptions,
    ) -> Result<Diff, ProjectError> {
        let Some((repository, view)) = self.view(project).await? else {
            return Err(ProjectError::Gone);
        };
        for commit in base.commit().into_iter().chain([head]) {
            if view.commit(&self.git, commit.as_str()).await?.is_none() {
                return Err(ProjectError::Gone);
            }
        }
        let empty = repository.settings.format.empty_tree();
        let base = base.commit().unwrap_or(&empty);
        page(&self.git, &|| view.call("diff-tree"), base, head, options).await
    }
}

pub(super) async fn page(
    git: &Git,
    call: &(dyn Fn() -> Call + Sync),
    base: &Oid,
    head: &Oid,
    options: &DiffOptions,
) -> Result<Diff, ProjectError> {
    let path = options.path.as_deref().map(checked).transpose()?.filter(|path| !path.is_empty());
    let files = files(git, call(), base, head, path).await?;
    let stat = DiffStat::of(&files);
    if options.stat_only {
        return Ok(Diff { text: String::new(), files, stat, next: None });
    }
    // Room for one whole character, so that every page moves on.
    let keep = options.max_bytes.max(4);
    let mut text = compared(call(), base, head, path)
        .args(["-p", "--src-prefix=a/", "--dst-prefix=b/"])
        .window(options.offset, keep);
    text = text.timeout(std::time::Duration::from_secs(60));
    let output = git.run(text).await?;
    let mut bytes = output.stdout;
    if output.more {
        bytes.truncate(whole(&bytes));
    }
    let next = output.more.then(|| options.offset + bytes.len() as u64);
    Ok(Diff { text: String::from_utf8_lossy(&bytes).into_owned(), files, stat, next })
}

/// The files that differ between two commits or trees.
///
/// # Errors
///
/// When git cannot tell.
pub(super) async fn files(
    git: &Git,
    call: Call,
    base: &Oid,
    head: &Oid,
    path: Option<&str>,
) -> Result<Vec<FileChange>, ProjectError> {
    let call = compared(call, base, head, path).args(["--raw", "--numstat", "-z"]);
    let output = git.run(call.keep(64 << 20)).await?;
    let unexpected = GitError::Unexpected { command: "diff-tree", what: "a list without order" };
    parse(&output.stdout).ok_or_else(|| unexpected.into())
}

fn compared(call: Call, base: &Oid, head: &Oid, path: Option<&str>) -> Call {
    let call = call.args(PLAIN.iter().copied()).revision(base.as_str()).revision(head.as_str());
    match path {
        Some(path) => call.path(path),
        None => call.no_paths(),
    }
}

/// A path that can be inside a repository, in git's form.
fn checked(path: &str) -> Result<&str, ProjectError> {
    let outside = Path::new(path).components().any(|part| {
        !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir)
    });
    if outside || path.contains('\0') {
        return Err(ProjectError::BadPath);
    }
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    Ok(if path == "." { "" } else { path.trim_end_matches('/') })
}

/// Where a page may end: after its last line, or else before a character that is cut.
fn whole(bytes: &[u8]) -> usize {
    if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n')
        && newline >= bytes.len() / 2
    {
        return newline + 1;
    }
    let tail = bytes.len().saturating_sub(3);
    for start in (tail..bytes.len()).rev() {
        let needs = match bytes[start] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => continue,
        };
        return if start + needs > bytes.len() { start } else { bytes.len() };
    }
    bytes.len()
}

/// Reads `--raw --numstat -z`: first all raw records, then the numbers in the same order.
fn parse(listing: &[u8]) -> Option<Vec<FileChange>> {
    let mut fields = listing.split(|byte| *byte == 0).peekable();
    let mut files = Vec::new();
    while let Some(meta) = fields.next_if(|field| field.first() == Some(&b':')) {
        let letter = meta.rsplit(|byte| *byte == b' ').next()?.first()?;
        let status = char::from(*letter);
        let first = RepoPath::from_bytes(fields.next()?);
        let (path, old_path) = if matches!(status, 'R' | 'C') {
            (RepoPath::from_bytes(fields.next()?), Some(first))
        } else {
            (first, None)
        };
        files.push(FileChange { path, old_path, status, insertions: None, deletions: None });
    }
    for file in &mut files {
        let numbers = fields.next()?;
        let mut parts = numbers.splitn(3, |byte| *byte == b'\t');
        let number = |part: Option<&[u8]>| std::str::from_utf8(part?).ok()?.parse().ok();
        file.insertions = number(parts.next());
        file.deletions = number(parts.next());
        if parts.next()?.is_empty() {
            fields.next()?;
            fields.next()?;
        }
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_after_a_line_or_before_a_cut_character() {
        assert_eq!(whole(b"+one\n+two\n+thr"), 10);
        assert_eq!(whole("aaaé".as_bytes()), 5);
        assert_eq!(whole(&"aaaé".as_bytes()[..4]), 3);
        assert_eq!(whole(&"aaa😀".as_bytes()[..6]), 3);
        assert_eq!(whole(b"\xff\xff\xff\xff"), 4);
        assert_eq!(whole(b"\n+loooooooong"), 13);
    }

    #[test]
    fn a_path_cannot_leave_the_repository() {
        for bad in ["/etc", "../x", "a/../../b", "a\0b"] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        for (given, wanted) in [(".", ""), ("./a//", "a"), ("-rf", "-rf"), (":(glob)*", ":(glob)*")]
        {
            assert_eq!(checked(given).unwrap(), wanted);
        }
    }
}
