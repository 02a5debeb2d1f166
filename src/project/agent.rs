//! [`AgentRefs`]: what an agent's `.git` says, read as plain files and never believed.
//!
//! No git runs here, no symbolic link is followed, and every text is checked before it is used.
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::branch::BranchName;
use super::oid::Oid;

/// The largest loose ref that is read, in bytes.
const REF_MAX: u64 = 4096;
/// The largest `packed-refs` that is read, in bytes.
const PACKED_MAX: u64 = 32 << 20;
/// The most loose refs that are looked at.
const LOOSE_MAX: usize = 10_000;

/// What an agent's `.git` says.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct AgentRefs {
    /// The branch that HEAD names, when it names one.
    pub(super) head_branch: Option<String>,
    /// The commit that HEAD leads to.
    pub(super) head: Option<Oid>,
    /// Branches (without `refs/heads/`) and, under its own name, the stash.
    pub(super) tips: BTreeMap<String, Oid>,
}

impl AgentRefs {
    /// Reads the git directory of a task's tree.
    ///
    /// # Errors
    ///
    /// A text saying what is wrong with it.
    pub(super) fn read(git_dir: &Path) -> Result<Self, String> {
        match git_dir.symlink_metadata() {
            Err(_) => return Err("it was deleted".to_owned()),
            Ok(meta) if meta.is_symlink() => return Err("it is a symbolic link".to_owned()),
            Ok(meta) if !meta.is_dir() => return Err("it is no folder".to_owned()),
            Ok(_) => {}
        }
        let heads_real = ["refs", "refs/heads"].iter().all(|name| is_real_dir(&git_dir.join(name)));
        if !heads_real {
            return Err("its refs are not plain files".to_owned());
        }
        let mut tips = packed(git_dir);
        let mut left = LOOSE_MAX;
        loose(&git_dir.join("refs/heads"), "", 0, &mut left, &mut tips);
        if let Some(stash) = plain(&git_dir.join("refs/stash"), REF_MAX).and_then(|b| oid(&b)) {
            tips.insert("refs/stash".to_owned(), stash);
        }
        let head = plain(&git_dir.join("HEAD"), REF_MAX)
            .ok_or_else(|| "its HEAD cannot be read".to_owned())?;
        let (head_branch, head) = match head.strip_prefix(b"ref: refs/heads/") {
            Some(name) => {
                let name = String::from_utf8_lossy(trimmed(name)).into_owned();
                if name.parse::<BranchName>().is_err() {
                    return Err("its HEAD names no branch".to_owned());
                }
                let tip = tips.get(&name).cloned();
                (Some(name), tip)
            }
            None => match oid(&head) {
                Some(commit) => (None, Some(commit)),
                None => return Err("its HEAD names no branch and no commit".to_owned()),
            },
        };
        Ok(Self { head_branch, head, tips })
    }
}

/// Branches and the stash of `packed-refs`.
fn packed(git_dir: &Path) -> BTreeMap<String, Oid> {
    let bytes = plain(&git_dir.join("packed-refs"), PACKED_MAX).unwrap_or_default();
    let mut out = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else {
            continue;
        };
        let (Some(tip), Ok(name)) =
            (Oid::parse(&line[..space]), std::str::from_utf8(&line[space + 1..]))
        else {
            continue;
        };
        if name == "refs/stash" {
            out.insert(name.to_owned(), tip);
        } else if let Some(branch) = name.strip_prefix("refs/heads/")
            && branch.parse::<BranchName>().is_ok()
        {
            out.insert(branch.to_owned(), tip);
        }
    }
    out
}

/// Loose branches below `folder`, over those of `packed-refs`.
fn loose(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut usize,
    out: &mut BTreeMap<String, Oid>,
) {
    if depth > 8 || !is_real_dir(folder) {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(rest) = left.checked_sub(1) else {
            return;
        };
        *left = rest;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                loose(&entry.path(), &format!("{name}/"), depth + 1, left, out);
            }
            Ok(kind) if kind.is_file() && name.parse::<BranchName>().is_ok() => {
                if let Some(tip) = plain(&entry.path(), REF_MAX).and_then(|bytes| oid(&bytes)) {
                    out.insert(name, tip);
                }
            }
            _ => {}
        }
    }
}

/// The content of a regular file of at most `max` bytes.
fn plain(path: &Path, max: u64) -> Option<Vec<u8>> {
    let meta = path.symlink_metadata().ok()?;
    if !meta.is_file() || meta.len() > max {
        return None;
    }
    let mut out = Vec::new();
    fs::File::open(path).ok()?.take(max).read_to_end(&mut out).ok()?;
    Some(out)
}

fn oid(bytes: &[u8]) -> Option<Oid> {
    Oid::parse(trimmed(bytes))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

fn is_real_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

#[cfg(test)]
mod tests {
    use super::super::platform;
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn git_dir(head: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("refs/heads/gateway")).unwrap();
        fs::write(dir.path().join("HEAD"), head).unwrap();
        dir
    }

    #[test]
    fn loose_refs_stand_over_packed_ones_and_strange_ones_are_passed_over() {
        let dir = git_dir("ref: refs/heads/gateway/t\n");
        let packed = format!(
            "# pack-refs with: peeled\n{A} refs/heads/gateway/t\n{A} refs/heads/-x\n^{B}\n\
             zz refs/heads/y\n{A} refs/heads/../../evil\n{B} refs/stash\n"
        );
        fs::write(dir.path().join("packed-refs"), packed).unwrap();
        fs::write(dir.path().join("refs/heads/gateway/t"), format!("{B}\n")).unwrap();
        fs::write(dir.path().join("refs/heads/-rf"), format!("{B}\n")).unwrap();
        fs::write(dir.path().join("refs/heads/sym"), "ref: refs/heads/gateway/t\n").unwrap();
        platform::symlink(Path::new("/etc/passwd"), &dir.path().join("refs/heads/link")).unwrap();
        let refs = AgentRefs::read(dir.path()).unwrap();
        assert_eq!(refs.head_branch.as_deref(), Some("gateway/t"));
        assert_eq!(refs.head.unwrap().as_str(), B);
        let names: Vec<_> = refs.tips.keys().map(String::as_str).collect();
        assert_eq!(names, ["gateway/t", "refs/stash"]);
    }

    #[test]
    fn a_head_that_names_no_branch_and_no_commit_is_refused() {
        for bad in ["", "ref: refs/heads/-x", "ref: refs/heads/../../x", "ref: /etc/passwd", "zz"] {
            let dir = git_dir(bad);
            assert!(AgentRefs::read(dir.path()).is_err(), "{bad}");
        }
        let dir = git_dir(A);
        assert_eq!(AgentRefs::read(dir.path()).unwrap().head_branch, None);
    }

    #[test]
    fn refs_behind_a_symbolic_link_are_not_read() {
        let elsewhere = git_dir(A);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        platform::symlink(&elsewhere.path().join("refs"), &dir.path().join("refs")).unwrap();
        assert!(AgentRefs::read(dir.path()).is_err());
        let link = dir.path().join("link");
        platform::symlink(elsewhere.path(), &link).unwrap();
        assert_eq!(AgentRefs::read(&link), Err("it is a symbolic link".to_owned()));
    }
}
