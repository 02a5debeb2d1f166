//! Moving whole object files between stores: hard links where the disk allows, copies elsewhere.
//!
//! Only files with the names that git gives to objects and packs are taken, and only regular ones:
//! no alternates, no commit-graph, no pack index over several packs, no promisor marks.
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Doing, ProjectError};
use super::owner::small_file;
use super::platform;

/// How deep alternates of alternates are followed, as in git.
const ALTERNATES_DEPTH: usize = 5;

/// How often a store that changes while it is read is read again.
const PASSES: usize = 4;

/// Links or copies all objects of the store `from`, and of the stores it borrows from, into `to`.
///
/// A pack that vanishes meanwhile (the owner's `git gc`) makes it read the store again.
///
/// # Errors
///
/// When a file can be neither linked nor copied.
pub(super) fn take_all(from: &Path, to: &Path) -> Result<(), ProjectError> {
    for store in with_alternates(from) {
        let mut before = pack_names(&store);
        for _ in 0..PASSES {
            take_store(&store, to)?;
            let after = pack_names(&store);
            if after == before {
                break;
            }
            before = after;
        }
    }
    Ok(())
}

/// Makes the object files that `known` does not have survive a power cut.
///
/// # Errors
///
/// When a file cannot be read or does not reach the disk.
pub(super) fn sync_new(store: &Path, known: &Path) -> Result<(), ProjectError> {
    for file in object_files(store).filter(|file| !known.join(file).exists()) {
        let file = store.join(file);
        fs::File::open(&file).and_then(|file| file.sync_all()).doing("writing", &file)?;
    }
    Ok(())
}

/// What came of [`take_new`].
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// How many files.
    pub(super) files: usize,
    /// Their size in bytes.
    pub(super) bytes: u64,
    /// Whether the store borrows from others, which was ignored.
    pub(super) alternates: bool,
    /// Whether the limits were reached.
    pub(super) cut: bool,
}

/// Links or copies the object files of a stranger's store that `known` does not have.
///
/// # Errors
///
/// When a file can be neither linked nor copied.
pub(super) fn take_new(
    from: &Path,
    known: &Path,
    to: &Path,
    files_max: usize,
    bytes_max: u64,
) -> Result<Taken, ProjectError> {
    let mut taken = Taken {
        alternates: ["info/alternates", "info/http-alternates"]
            .iter()
            .any(|name| from.join(name).symlink_metadata().is_ok()),
        ..Taken::default()
    };
    for file in object_files(from) {
        let source = from.join(&file);
        let Ok(meta) = source.symlink_metadata() else {
            continue;
        };
        if known.join(&file).exists() {
            continue;
        }
        taken.files += 1;
        taken.bytes = taken.bytes.saturating_add(meta.len());
        if taken.files > files_max || taken.bytes > bytes_max {
            taken.cut = true;
            return Ok(taken);
        }
        link_or_copy(&source, &to.join(&file))?;
    }
    Ok(taken)
}

/// Links `from` to `to`, or copies it when the disk does not allow links; both may exist already.
///
/// # Errors
///
/// When neither works, but for a source that vanished.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> Result<(), ProjectError> {
    if let Some(folder) = to.parent().filter(|folder| !folder.is_dir()) {
        platform::private_dir(folder).doing("making", folder)?;
    }
    let linked = match fs::hard_link(from, to) {
        Err(error) if !is_settled(&error) => fs::copy(from, to).map(drop),
        other => other,
    };
    match linked {
        Err(error) if !is_settled(&error) => Err(error).doing("copying", from),
        _ => Ok(()),
    }
}

/// Whether the file is there already, or there no more.
fn is_settled(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound)
}

fn take_store(store: &Path, to: &Path) -> Result<(), ProjectError> {
    let mut made = HashSet::new();
    for file in object_files(store) {
        let target = to.join(&file);
        if let Some(folder) = target.parent()
            && made.insert(folder.to_owned())
        {
            platform::private_dir(folder).doing("making", folder)?;
        }
        link_or_copy(&store.join(&file), &target)?;
    }
    Ok(())
}

/// The object files of a store, relative to it; each pack comes before its index.
fn object_files(store: &Path) -> impl Iterator<Item = PathBuf> {
    let mut packs: Vec<PathBuf> =
        pack_names(store).into_iter().map(|name| Path::new("pack").join(name)).collect();
    packs.sort_by_key(|path| path.extension().is_some_and(|end| end == "idx"));
    let fans = names(store).into_iter().filter(|name| name.len() == 2 && is_hex(name));
    let fans: Vec<PathBuf> =
        fans.map(|fan| store.join(fan)).filter(|fan| is_real_dir(fan)).collect();
    let loose = fans.into_iter().flat_map(|fan| {
        let name = PathBuf::from(fan.file_name().unwrap_or_default());
        let entries = fs::read_dir(&fan).into_iter().flatten().flatten();
        entries.filter_map(move |entry| {
            let file = entry.file_name().into_string().ok()?;
            let ok = matches!(file.len(), 38 | 62) && is_hex(&file) && is_real_file(&entry);
            ok.then(|| name.join(file))
        })
    });
    packs.into_iter().chain(loose)
}

/// The names of packs and their indexes.
fn pack_names(store: &Path) -> BTreeSet<String> {
    let folder = store.join("pack");
    if !is_real_dir(&folder) {
        return BTreeSet::new();
    }
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(is_real_file)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let stem = name.strip_suffix(".pack").or_else(|| name.strip_suffix(".idx"));
            let hash = stem.and_then(|stem| stem.strip_prefix("pack-"));
            hash.is_some_and(|hash| matches!(hash.len(), 40 | 64) && is_hex(hash))
        })
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_real_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

fn is_real_file(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_file())
}

/// A store of the owner's and those it borrows from, nearest first.
fn with_alternates(store: &Path) -> Vec<PathBuf> {
    let mut all = vec![store.to_owned()];
    let mut layer = vec![store.to_owned()];
    for _ in 0..ALTERNATES_DEPTH {
        layer = layer.iter().flat_map(|store| alternates(store)).collect();
        layer.retain(|next| next.is_dir() && !all.contains(next));
        all.extend(layer.iter().cloned());
    }
    all
}

fn alternates(store: &Path) -> Vec<PathBuf> {
    let bytes = small_file(&store.join("info/alternates")).unwrap_or_default();
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && line[0] != b'#')
        .filter_map(|line| platform::path_from_bytes(line.to_vec()))
        .filter_map(|path| store.join(path).canonicalize().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_with_the_names_of_objects_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let good =
            ["ab/".to_owned() + &"c".repeat(38), format!("pack/pack-{}.pack", "d".repeat(40))];
        let bad = [
            "info/alternates".to_owned(),
            "info/commit-graph".to_owned(),
            "pack/multi-pack-index".to_owned(),
            "AB/".to_owned() + &"c".repeat(38),
            "ab/".to_owned() + &"c".repeat(37),
            "abc/x".to_owned(),
            format!("pack/pack-{}.promisor", "d".repeat(40)),
        ];
        for name in good.iter().chain(&bad) {
            fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
            fs::write(from.join(name), name).unwrap();
        }
        platform::symlink(Path::new("/etc/passwd"), &from.join("ab").join("d".repeat(38))).unwrap();
        let taken = take_new(&from, &dir.path().join("none"), &to, 10, 1 << 20).unwrap();
        assert!(taken.alternates);
        assert_eq!(taken.files, 2);
        let mut got: Vec<_> = object_files(&to).collect();
        got.sort();
        let mut wanted: Vec<_> = good.iter().map(PathBuf::from).collect();
        wanted.sort();
        assert_eq!(got, wanted);
        assert!(take_new(&from, &dir.path().join("none"), &to, 1, 1 << 20).unwrap().cut);
    }
}
