//! The state of a working tree as a tree object, written with the gateway's own git directory,
//! index and ignore rules; the tree's own `.git` is neither read nor needed.
//!
//! Git walks the tree and applies ignore rules and line endings (filters have no driver here, so
//! files count as they are). What enters is decided path by path before git opens anything.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::future::join;
use gateway_os::folders::Durability;

use super::error::{Doing, ProjectError};
use super::git::{Call, Git, GitError, Stdin};
use super::note::Note;
use super::oid::Oid;
use super::path::RepoPath;
use super::platform;
use super::workspace::{Limits, blocking};

/// The longest list of changed paths that is read, in bytes.
pub(super) const LISTING_MAX: usize = 64 << 20;

/// How often a tree in which somebody works is read again.
const RACES_MAX: usize = 3;

/// How many notes of one kind are kept.
const NOTES_MAX: usize = 20;

/// Where a tree lies and what it is compared and written with.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The gateway's git directory.
    pub(super) git_dir: PathBuf,
    /// The root of the tree.
    pub(super) work_tree: PathBuf,
    /// An index of the gateway's own; changed here.
    pub(super) index: PathBuf,
    /// Where new objects go, when not into the git directory.
    pub(super) objects: Option<PathBuf>,
    /// Whether what is written into the git directory reaches the disk at once.
    pub(super) durability: Durability,
    /// Whether pipes and devices in git's way may be deleted: nobody works in the tree any more.
    pub(super) unblock: bool,
    /// Whether new files are looked at for Git LFS.
    pub(super) lfs: bool,
    /// What may enter.
    pub(super) limits: Limits,
}

/// The state of a working tree.
#[derive(Debug)]
pub(super) struct State {
    /// The tree object.
    pub(super) tree: Oid,
    /// What was left out.
    pub(super) notes: Vec<Note>,
}

/// The paths of a tree that differ from an index, each ended by NUL.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Tracked ones with another content.
    pub(super) changed: Vec<u8>,
    /// Tracked ones that are gone.
    pub(super) gone: Vec<u8>,
    /// New ones that are not ignored; a repository in the tree ends in a slash.
    pub(super) fresh: Vec<u8>,
}

/// What is to be done with the paths that differ from the index.
#[derive(Debug, Default)]
struct Plan {
    add: Vec<u8>,
    remove: Vec<u8>,
    files: usize,
    bytes: u64,
    notes: Vec<Note>,
}

impl Scope {
    fn call(&self, name: &'static str) -> Call {
        let call = Call::new(name)
            .own_dir(&self.git_dir)
            .work_tree(&self.work_tree)
            .index(&self.index)
            .setting("core.bare=false")
            .timeout(self.limits.git_timeout);
        match &self.objects {
            Some(objects) => call.objects(objects).alternate(&self.git_dir.join("objects")),
            None if self.durability == Durability::Synced => call.durable(),
            None => call,
        }
    }

    /// Writes the tree's state as a tree object. Cancel-safe: only the scope's own index and
    /// objects change.
    ///
    /// # Errors
    ///
    /// When the tree is not a plain folder any more, holds too much, or git fails.
    pub(super) async fn state(&self, git: &Git) -> Result<State, ProjectError> {
        match self.work_tree.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::TreeDeleted(self.work_tree.clone()));
            }
            Ok(_) | Err(_) => return Err(ProjectError::TreeReplaced(self.work_tree.clone())),
        }
        let mut notes = Vec::new();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.take(git).await {
                Ok(mut state) => {
                    state.notes.append(&mut notes);
                    return Ok(state);
                }
                Err(error) => error,
            };
            match error {
                // Git waits for ever at a pipe that is called `.gitignore` or `.gitattributes`.
                ProjectError::Git(GitError::TimedOut { .. }) if self.unblock && tries == 1 => {
                    notes.append(&mut self.unblock().await?);
                }
                // Somebody works in the tree: a file changed while it was read.
                ProjectError::Git(GitError::Failed { .. }) if tries < RACES_MAX => {}
                // An encoding that a file does not have makes git refuse all files.
                ProjectError::Git(GitError::Failed { .. }) if tries == RACES_MAX => {
                    self.ignore_attributes()?;
                    notes.push(Note::TakenAsIs);
                }
                other => return Err(other),
            }
        }
    }

    async fn take(&self, git: &Git) -> Result<State, ProjectError> {
        let diff = self.call("diff-files").args(["--raw", "-z", "--no-renames"]);
        let diff = diff.arg("--ignore-submodules=all").keep(LISTING_MAX);
        let fresh = self.call("ls-files").args(["-z", "-o", "--exclude-standard"]);
        let (diff, fresh) = join(git.run(diff), git.run(fresh.keep(LISTING_MAX))).await;
        let listing = Listing::of_diff(&self.listed(diff)?, self.listed(fresh)?);
        self.write(git, listing).await
    }

    /// [`Scope::state`] when it is known already what differs from the index; tried once.
    ///
    /// # Errors
    ///
    /// As [`Scope::state`].
    pub(super) async fn write(&self, git: &Git, listing: Listing) -> Result<State, ProjectError> {
        let scope = self.clone();
        let plan = blocking(move || scope.plan(listing)).await?;
        let mut notes = plan.notes;
        if !plan.remove.is_empty() {
            let call = self.call("update-index").args(["--force-remove", "-z", "--stdin"]);
            git.run(call.stdin(Stdin::Bytes(plan.remove))).await?;
        }
        if !plan.add.is_empty() {
            if self.lfs {
                self.note_lfs(git, &plan.add, &mut notes).await?;
            }
            let call = self.call("update-index").args(["--add", "--remove", "--replace"]);
            let call = call.args(["-z", "--stdin"]).stdin(Stdin::Bytes(plan.add));
            let answer = git.run(call).await?;
            for line in answer.stderr.split(|byte| *byte == b'\n') {
                if let Some(path) = line.strip_prefix(b"Ignoring path ") {
                    notes.push(Note::ForbiddenPath { path: RepoPath::from_bytes(path) });
                }
            }
        }
        self.note_submodules(git, &mut notes).await?;
        let written = git.run(self.call("write-tree")).await?;
        let unexpected = GitError::Unexpected { command: "write-tree", what: "no tree" };
        let tree = Oid::parse(written.text().as_bytes()).ok_or(unexpected)?;
        Ok(State { tree, notes: bounded(notes) })
    }

    /// Overrules the tree's attributes in the gateway's own git directory, for good.
    fn ignore_attributes(&self) -> Result<(), ProjectError> {
        let file = self.git_dir.join("info/attributes");
        let rule = "* -text !eol !crlf -working-tree-encoding -ident -filter\n";
        platform::write_file(&file, rule.as_bytes()).doing("writing", &file)
    }

    fn listed(
        &self,
        answer: Result<super::git::Output, GitError>,
    ) -> Result<Vec<u8>, ProjectError> {
        match answer {
            Ok(output) => Ok(output.stdout),
            Err(GitError::OutputTooLarge { .. }) => Err(self.too_large()),
            Err(other) => Err(other.into()),
        }
    }

    const fn too_large(&self) -> ProjectError {
        let Limits { files_max, bytes_max, .. } = self.limits;
        ProjectError::ChangesTooLarge { files_max, bytes_max }
    }

    fn plan(&self, listing: Listing) -> Result<Plan, ProjectError> {
        let Listing { changed, gone, fresh } = listing;
        let mut plan = Plan { remove: gone, ..Plan::default() };
        for path in records(&changed) {
            self.judge(path, true, &mut plan)?;
        }
        for path in records(&fresh) {
            match path.strip_suffix(b"/") {
                Some(folder) => {
                    plan.notes.push(Note::NestedRepository { path: RepoPath::from_bytes(folder) });
                }
                None => self.judge(path, false, &mut plan)?,
            }
        }
        Ok(plan)
    }

    /// Decides about one path that is not as the index has it.
    fn judge(&self, path: &[u8], tracked: bool, plan: &mut Plan) -> Result<(), ProjectError> {
        let shown = RepoPath::from_bytes(path);
        let Some(file) = shown.to_path().map(|path| self.work_tree.join(path)) else {
            plan.notes.push(Note::ForbiddenPath { path: shown });
            return Ok(());
        };
        let meta = match file.symlink_metadata() {
            Ok(meta) => meta,
            Err(_) if tracked => {
                plan.drop(path);
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        if meta.is_dir() {
            if tracked {
                plan.drop(path);
            }
            return Ok(());
        }
        if !meta.is_symlink() {
            if !meta.is_file() {
                plan.notes.push(Note::SpecialFile { path: shown });
                return Ok(());
            }
            if meta.len() > self.limits.file_bytes_max {
                plan.notes.push(Note::TooLarge { path: shown, bytes: meta.len() });
                return Ok(());
            }
            if !platform::is_readable(&file) {
                plan.notes.push(Note::Unreadable { path: shown });
                return Ok(());
            }
        }
        plan.files += 1;
        plan.bytes = plan.bytes.saturating_add(meta.len());
        if plan.files > self.limits.files_max || plan.bytes > self.limits.bytes_max {
            return Err(self.too_large());
        }
        push(&mut plan.add, path);
        Ok(())
    }

    /// Notes new files that Git LFS would keep elsewhere; the gateway runs no filter.
    async fn note_lfs(
        &self,
        git: &Git,
        added: &[u8],
        notes: &mut Vec<Note>,
    ) -> Result<(), ProjectError> {
        let call = self.call("check-attr").args(["-z", "--stdin", "filter"]).keep(LISTING_MAX);
        let answer = git.run(call.stdin(Stdin::Bytes(added.to_vec()))).await?;
        let fields: Vec<&[u8]> = answer.stdout.split(|byte| *byte == 0).collect();
        for [path, _, value] in fields.as_chunks::<3>().0 {
            let path = RepoPath::from_bytes(path);
            let file = path.to_path().map(|path| self.work_tree.join(path));
            let pointer = file.is_some_and(|file| is_pointer(&file));
            if *value == b"lfs" && !pointer {
                notes.push(Note::LfsFileCommitted { path });
            }
        }
        Ok(())
    }

    /// Notes submodules that were filled: where they stand now is not part of the state.
    async fn note_submodules(&self, git: &Git, notes: &mut Vec<Note>) -> Result<(), ProjectError> {
        if self.work_tree.join(".gitmodules").symlink_metadata().is_err() {
            return Ok(());
        }
        let listing =
            match git.run(self.call("ls-files").args(["-s", "-z"]).keep(LISTING_MAX)).await {
                Err(GitError::OutputTooLarge { .. }) => return Ok(()),
                other => other?,
            };
        for record in listing.records().filter(|record| record.starts_with(b"160000 ")) {
            let Some(tab) = record.iter().position(|byte| *byte == b'\t') else {
                continue;
            };
            let path = RepoPath::from_bytes(&record[tab + 1..]);
            let dot_git = path.to_path().map(|path| self.work_tree.join(path).join(".git"));
            if dot_git.is_some_and(|file| file.symlink_metadata().is_ok()) {
                notes.push(Note::SubmoduleMoved { path });
            }
        }
        Ok(())
    }

    /// Deletes pipes, sockets and devices that have the names of git's own files.
    async fn unblock(&self) -> Result<Vec<Note>, ProjectError> {
        let root = self.work_tree.clone();
        blocking(move || {
            let mut notes = Vec::new();
            for file in blockers(&root).doing("reading", &root)? {
                fs::remove_file(&file).doing("deleting", &file)?;
                let below = file.strip_prefix(&root).unwrap_or(&file);
                let bytes = platform::path_bytes(below).unwrap_or_default();
                notes.push(Note::Unblocked { path: RepoPath::from_bytes(&bytes) });
            }
            Ok(notes)
        })
        .await
    }
}

impl Listing {
    /// What `diff-files --raw -z` and `ls-files -z` say.
    fn of_diff(diff: &[u8], fresh: Vec<u8>) -> Self {
        let mut listing = Self { fresh, ..Self::default() };
        let mut records = records(diff);
        while let (Some(meta), Some(path)) = (records.next(), records.next()) {
            let gone = meta.last() == Some(&b'D');
            push(if gone { &mut listing.gone } else { &mut listing.changed }, path);
        }
        listing
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        let lists = [&self.changed, &self.gone, &self.fresh];
        lists.into_iter().map(|list| records(list).count()).sum()
    }

    /// Whether nothing differs that could enter.
    pub(super) fn is_empty(&self) -> bool {
        let nested = |path: &[u8]| path.ends_with(b"/");
        self.changed.is_empty() && self.gone.is_empty() && records(&self.fresh).all(nested)
    }
}

impl Plan {
    fn drop(&mut self, path: &[u8]) {
        push(&mut self.remove, path);
    }
}

/// Adds a path to a list of paths.
pub(super) fn push(list: &mut Vec<u8>, path: &[u8]) {
    list.extend_from_slice(path);
    list.push(0);
}

fn records(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// Special files called `.gitignore`, `.gitattributes` or `.gitmodules`, and in `.git` folders.
fn blockers(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if !kind.is_file() && !kind.is_symlink() {
                let name = entry.file_name();
                let in_git = folder.components().any(|part| part.as_os_str() == ".git");
                if in_git || name.to_string_lossy().starts_with(".git") {
                    found.push(entry.path());
                }
            }
        }
    }
    Ok(found)
}

/// Whether a file is a pointer of Git LFS.
fn is_pointer(file: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 42];
    let read = fs::File::open(file).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    start[..read].starts_with(b"version https://git-lfs.github.com/spec/v1")
}

/// Keeps the first notes of each kind and says how many more there were.
fn bounded(notes: Vec<Note>) -> Vec<Note> {
    let mut out: Vec<Note> = Vec::new();
    let mut more = 0;
    for note in notes {
        let kind = std::mem::discriminant(&note);
        let same = out.iter().filter(|kept| std::mem::discriminant(*kept) == kind).count();
        if same < NOTES_MAX {
            out.push(note);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        out.push(Note::More { count: more });
    }
    out
}

/// Copies an index with its time, by which git tells which entries it must look at again.
///
/// # Errors
///
/// When it cannot be read or written.
pub(super) fn copy_index(from: &Path, to: &Path) -> Result<(), ProjectError> {
    let time = fs::metadata(from).and_then(|meta| meta.modified()).doing("reading", from)?;
    let bytes = fs::read(from).doing("reading", from)?;
    platform::write_file(to, &bytes).doing("writing", to)?;
    let file = fs::File::options().write(true).open(to).doing("writing", to)?;
    file.set_modified(time).doing("writing", to)
}
