//! Where configuration, state and sockets live, and files nobody else may read.
//!
//! The environment is a parameter. `GATEWAY_CONFIG`, `GATEWAY_STATE_DIR` and `GATEWAY_RUNTIME_DIR`
//! win over the system's own rules.
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The program's name in folder names.
const PROGRAM: &str = "gateway";

/// The places of one installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Folders {
    /// The configuration file; it need not exist.
    pub config_file: PathBuf,
    /// The database, tasks and their work.
    pub state: PathBuf,
    /// The admin socket. It may vanish at logout, so nothing else belongs there.
    pub runtime: PathBuf,
}

/// Why the places cannot be told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FoldersError {
    /// The variable that everything else hangs on is missing.
    #[error(
        "the environment has no usable {variable}; set it, or GATEWAY_CONFIG and GATEWAY_STATE_DIR"
    )]
    NoHome {
        /// Its name.
        variable: &'static str,
    },
    /// An override that would mean another place from every folder.
    #[error("{variable} must be an absolute path, not {}", path.display())]
    Relative {
        /// The override's name.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
    },
}

impl Folders {
    /// Computes the places from an environment: `lookup` gives a variable's value.
    ///
    /// # Errors
    ///
    /// [`FoldersError`] when neither an override nor the system's variables tell.
    pub fn from_environment(
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, FoldersError> {
        let get = |name: &str| lookup(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state = match absolute("GATEWAY_STATE_DIR", get("GATEWAY_STATE_DIR"))? {
            Some(folder) => folder,
            None => native::state(&get)?,
        };
        let config_file = match absolute("GATEWAY_CONFIG", get("GATEWAY_CONFIG"))? {
            Some(file) => file,
            None => native::config(&get)?.join("config.toml"),
        };
        let runtime = absolute("GATEWAY_RUNTIME_DIR", get("GATEWAY_RUNTIME_DIR"))?
            .or_else(|| native::runtime(&get))
            .unwrap_or_else(|| state.clone());
        Ok(Self { config_file, state, runtime })
    }
}

fn absolute(
    variable: &'static str,
    path: Option<PathBuf>,
) -> Result<Option<PathBuf>, FoldersError> {
    match path {
        Some(path) if !path.is_absolute() => Err(FoldersError::Relative { variable, path }),
        other => Ok(other),
    }
}

/// The XDG base directory specification; a relative value counts as not set.
#[cfg(all(unix, not(target_os = "macos")))]
mod native {
    use super::{FoldersError, PROGRAM, PathBuf};

    fn base(
        get: &impl Fn(&str) -> Option<PathBuf>,
        variable: &str,
        below_home: &str,
    ) -> Result<PathBuf, FoldersError> {
        if let Some(folder) = get(variable).filter(|path| path.is_absolute()) {
            return Ok(folder.join(PROGRAM));
        }
        let home = get("HOME").filter(|path| path.is_absolute());
        let home = home.ok_or(FoldersError::NoHome { variable: "HOME" })?;
        Ok(home.join(below_home).join(PROGRAM))
    }

    pub(super) fn config(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        base(get, "XDG_CONFIG_HOME", ".config")
    }

    pub(super) fn state(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        base(get, "XDG_STATE_HOME", ".local/state")
    }

    pub(super) fn runtime(get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        Some(get("XDG_RUNTIME_DIR").filter(|path| path.is_absolute())?.join(PROGRAM))
    }
}

/// `~/Library/Application Support/gateway`.
#[cfg(target_os = "macos")]
mod native {
    use super::{FoldersError, PROGRAM, PathBuf};

    pub(super) fn config(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        let home = get("HOME").filter(|path| path.is_absolute());
        let home = home.ok_or(FoldersError::NoHome { variable: "HOME" })?;
        Ok(home.join("Library/Application Support").join(PROGRAM))
    }

    pub(super) fn state(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        Ok(config(get)?.join("state"))
    }

    pub(super) fn runtime(_get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        None
    }
}

/// `%APPDATA%\gateway` and `%LOCALAPPDATA%\gateway`.
#[cfg(windows)]
mod native {
    use super::{FoldersError, PROGRAM, PathBuf};

    pub(super) fn config(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        let base = get("APPDATA").ok_or(FoldersError::NoHome { variable: "APPDATA" })?;
        Ok(base.join(PROGRAM))
    }

    pub(super) fn state(get: &impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, FoldersError> {
        let base = get("LOCALAPPDATA").ok_or(FoldersError::NoHome { variable: "LOCALAPPDATA" })?;
        Ok(base.join(PROGRAM).join("state"))
    }

    pub(super) fn runtime(_get: &impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        None
    }
}

/// Why a folder cannot hold private things.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDirError {
    /// The path is taken by something else.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else could exchange what is in it.
    #[error("{} belongs to another user (uid {uid}); use a folder of your own", path.display())]
    OtherOwner {
        /// The path.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// Somebody else could look into it.
    #[error("{} is open to others (mode {mode:03o}); run: chmod 700 '{}'", path.display(), path.display())]
    TooOpen {
        /// The path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Makes a folder (and its parents) that only this user can enter, or proves that it is one.
///
/// # Errors
///
/// [`PrivateDirError`]; an existing folder that is too open is named, never changed.
pub fn private_dir(path: &Path) -> Result<(), PrivateDirError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(PrivateDirError::NotAFolder { path: path.to_owned() })
        }
        Err(source) => Err(PrivateDirError::Io { path: path.to_owned(), source }),
        Ok(()) => check_private_dir(path),
    }
}

/// Proves that only this user can enter an existing folder. On Windows the profile's own access
/// rules are trusted.
///
/// # Errors
///
/// [`PrivateDirError`].
pub fn check_private_dir(path: &Path) -> Result<(), PrivateDirError> {
    let meta = fs::metadata(path)
        .map_err(|source| PrivateDirError::Io { path: path.to_owned(), source })?;
    if !meta.is_dir() {
        return Err(PrivateDirError::NotAFolder { path: path.to_owned() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (uid, mode) = (meta.uid(), meta.mode() & 0o777);
        if uid != rustix::process::geteuid().as_raw() {
            return Err(PrivateDirError::OtherOwner { path: path.to_owned(), uid });
        }
        if mode & 0o077 != 0 {
            return Err(PrivateDirError::TooOpen { path: path.to_owned(), mode });
        }
    }
    Ok(())
}

/// One folder, told from a later one of the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FolderIdentity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FolderIdentity {
    /// The identity of the folder that is at `path` now.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::metadata(path)?;
        if !meta.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self { device_and_inode: (meta.dev(), meta.ino()) })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Whether it is surely at `path` no more; not when that cannot be told now.
    #[must_use]
    pub fn is_gone_from(&self, path: &Path) -> bool {
        match Self::of(path) {
            Ok(found) => found != *self,
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            }
        }
    }
}

/// Whether other users could put files into an existing folder: it belongs to one of them, or its
/// mode lets everybody write. Its group is trusted, as Debian does for `/usr/local/bin`. On Windows
/// the system's own access rules are trusted.
///
/// # Errors
///
/// When it is no folder, or cannot be looked at.
pub fn others_may_write(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    if !meta.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = [0, rustix::process::geteuid().as_raw()].contains(&meta.uid());
        Ok(!own || meta.mode() & 0o002 != 0)
    }
    #[cfg(not(unix))]
    Ok(false)
}

/// Whether a write survives a power cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Survives a power cut; costs a flush to the disk.
    Synced,
    /// Survives the process, not the machine.
    Cached,
}

/// Writes a file that only this user can read, replacing an old one all at once; synced.
///
/// # Errors
///
/// When the file system refuses; the old content stays then.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_private(path, bytes, Durability::Synced)
}

/// [`write_private`] with a choice of how durable.
///
/// # Errors
///
/// When the file system refuses; the old content stays then.
pub fn replace_private(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let temporary = write_beside(path, bytes, durability)?;
    fs::rename(&temporary, path).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder(path, durability)
}

/// Writes a private file that must not exist yet: of several callers exactly one succeeds, and
/// nobody ever sees it half written.
///
/// # Errors
///
/// `AlreadyExists` for all but the first.
pub fn claim_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_beside(path, bytes, Durability::Cached)?;
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    linked
}

/// Creates a private file that must not exist yet, open for appending.
///
/// # Errors
///
/// `AlreadyExists`, or when the file system refuses.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes `bytes` to a new file in the folder of `path` and gives its name.
fn write_beside(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // Unique among processes by the pid and within one by the counter; a leftover of a process
    // that had this pid before is in the way only once.
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_file_name(format!(".{name}.{}-{serial}", std::process::id()));
    let create = || match create_private(&temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary)?;
            create_private(&temporary)
        }
        other => other,
    };
    let write = |mut file: File| {
        file.write_all(bytes)?;
        if durability == Durability::Synced { file.sync_all() } else { Ok(()) }
    };
    create().and_then(write).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    Ok(temporary)
}

/// Makes the new name durable as well as the content.
fn sync_folder(path: &Path, durability: Durability) -> io::Result<()> {
    if cfg!(unix)
        && durability == Durability::Synced
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folders(pairs: &[(&str, &str)]) -> Result<Folders, FoldersError> {
        Folders::from_environment(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_base_directory_specification_decides() {
        let found = folders(&[("HOME", "/home/u"), ("XDG_RUNTIME_DIR", "/run/user/1")]).unwrap();
        assert_eq!(found.config_file, Path::new("/home/u/.config/gateway/config.toml"));
        assert_eq!(found.state, Path::new("/home/u/.local/state/gateway"));
        assert_eq!(found.runtime, Path::new("/run/user/1/gateway"));
        let found = folders(&[
            ("HOME", "/home/u"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "relative"),
        ]);
        let found = found.unwrap();
        assert_eq!(found.config_file, Path::new("/c/gateway/config.toml"));
        assert_eq!(found.state, Path::new("/home/u/.local/state/gateway"));
        assert_eq!(found.runtime, found.state, "without a runtime folder the state folder serves");
    }

    #[test]
    fn overrides_win_and_need_no_home() {
        let found = folders(&[
            ("GATEWAY_CONFIG", "/x/c.toml"),
            ("GATEWAY_STATE_DIR", "/x/s"),
            ("GATEWAY_RUNTIME_DIR", "/x/r"),
        ]);
        let found = found.unwrap();
        assert_eq!(found.config_file, Path::new("/x/c.toml"));
        assert_eq!(
            (found.state.as_path(), found.runtime.as_path()),
            (Path::new("/x/s"), Path::new("/x/r"))
        );
        assert_eq!(folders(&[]), Err(FoldersError::NoHome { variable: "HOME" }));
        let relative = folders(&[("HOME", "/h"), ("GATEWAY_STATE_DIR", "s")]).unwrap_err();
        assert!(relative.to_string().contains("GATEWAY_STATE_DIR must be an absolute path"));
    }

    #[test]
    fn a_private_folder_is_0700_and_an_open_one_is_refused_untouched() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        private_dir(&folder).unwrap();
        private_dir(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        let error = private_dir(&folder).unwrap_err();
        assert!(matches!(error, PrivateDirError::TooOpen { mode: 0o750, .. }), "{error}");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o750);
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(private_dir(&file), Err(PrivateDirError::NotAFolder { .. })));
    }

    #[test]
    fn folders_that_everybody_may_write_are_told_from_the_owners() {
        let root = tempfile::tempdir().unwrap();
        assert!(!others_may_write(root.path()).unwrap());
        assert!(!others_may_write(Path::new("/usr/bin")).unwrap());
        // Sticky or not: anybody can add a program that is not there yet.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(others_may_write(root.path()).unwrap());
        assert!(others_may_write(&root.path().join("missing")).is_err());
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(others_may_write(&file).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_private_file_is_0600_and_replaced_without_leftovers() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("secret");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_claim_succeeds_once() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("claim");
        claim_private(&file, b"first").unwrap();
        let error = claim_private(&file, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"first");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_gone_when_removed_or_replaced_and_not_when_it_is_written_to() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a");
        fs::create_dir(&folder).unwrap();
        let identity = FolderIdentity::of(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        assert!(!identity.is_gone_from(&folder));
        fs::rename(&folder, root.path().join("b")).unwrap();
        assert!(identity.is_gone_from(&folder));
        fs::create_dir(&folder).unwrap();
        assert_eq!(identity.is_gone_from(&folder), cfg!(unix));
        assert!(identity.is_gone_from(&root.path().join("b/file")));
        assert!(!identity.is_gone_from(&root.path().join("b")));
    }
}
