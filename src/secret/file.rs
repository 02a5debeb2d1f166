//! [`FileVault`]: secrets in one file that only its owner reads.
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway_os::folders::{PrivateDirError, check_private_dir, private_dir, write_private};
use gateway_os::lock::{ExclusiveLock, Holder, LockError};
use gateway_os::private_file::open_private;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::value::ExposedSecret;
use super::{FileVaultError, Listed, Secret, SecretError, SecretName, Source, Vault};
use crate::clock::Clock;

/// Version of the file's layout.
const SCHEMA: u32 = 1;
/// Room for some eight hundred secrets of the largest size.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// The file's name, and how `write_private` begins the names of files that will take its place.
const FILE_NAME: &str = "secrets.json";
const NEW_PREFIX: &str = ".secrets.json.";
/// How often a writer looks whether the one before it has finished.
const LOCK_RETRY: Duration = Duration::from_millis(10);
/// Looks before a writer gives up: five seconds' worth, while one write takes milliseconds.
const LOCK_TRIES: u32 = 500;

/// Secrets in `secrets.json` (mode 0600) inside a folder of its own (mode 0700).
///
/// Every read looks at the file afresh, so several processes may share it. A writer holds the
/// folder's lock file, writes a new file and renames it into place: readers see the old secrets or
/// the new ones, also after a crash. A file or folder that others can open is refused, not repaired:
/// its secrets may be known already.
#[derive(Clone, Debug)]
pub struct FileVault {
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    file: PathBuf,
    lock: PathBuf,
}

/// The file's layout.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    schema: u32,
    secrets: BTreeMap<SecretName, ExposedSecret>,
}

/// As much of the layout as every version of it has.
#[derive(Deserialize)]
struct Head {
    schema: u32,
}

impl FileVault {
    /// The vault in `folder`, which is made when the first secret is set.
    #[must_use]
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let (file, lock) = (folder.join(FILE_NAME), folder.join("secrets.lock"));
        Self { place: Arc::new(Place { folder, file, lock }), clock }
    }

    /// Changes the secrets under the lock; writes them when `change` says that it changed any.
    async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut BTreeMap<SecretName, ExposedSecret>) -> (bool, R) + Send + 'static,
    ) -> Result<R, FileVaultError> {
        let lock = self.lock().await?;
        self.blocking(move |place| {
            // Moved in here so that the lock is held to the end, even if nobody waits for it.
            let _held = lock;
            let mut contents = place.read()?;
            let (changed, result) = change(&mut contents.secrets);
            if changed {
                place.write(&contents)?;
            }
            Ok(result)
        })
        .await
    }

    async fn lock(&self) -> Result<ExclusiveLock, FileVaultError> {
        self.blocking(|place| Ok(private_dir(&place.folder)?)).await?;
        let mut tries_left = LOCK_TRIES;
        loop {
            let holder = Holder {
                pid: std::process::id(),
                command: "gateway, changing secrets".into(),
                since_millis: self.clock.now().as_millis(),
            };
            let taken = self
                .blocking(move |place| Ok(ExclusiveLock::acquire(&place.lock, &holder)))
                .await?;
            match taken {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held { .. }) if tries_left > 0 => {
                    tries_left -= 1;
                    self.clock.sleep(LOCK_RETRY).await;
                }
                Err(source @ LockError::Held { .. }) => {
                    return Err(FileVaultError::Busy { path: self.place.file.clone(), source });
                }
                Err(LockError::Io(source)) => {
                    let path = self.place.lock.clone();
                    return Err(FileVaultError::Io { action: "lock", path, source });
                }
            }
        }
    }

    async fn read(&self) -> Result<BTreeMap<SecretName, ExposedSecret>, FileVaultError> {
        self.blocking(|place| place.read().map(|contents| contents.secrets)).await
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<R, FileVaultError> + Send + 'static,
    ) -> Result<R, FileVaultError> {
        let place = Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || work(&place)).await.unwrap_or_else(|error| {
            let path = self.place.file.clone();
            Err(FileVaultError::Io { action: "use", path, source: error.into() })
        })
    }
}

impl Place {
    fn read(&self) -> Result<Contents, FileVaultError> {
        let empty = Contents { schema: SCHEMA, secrets: BTreeMap::new() };
        match check_private_dir(&self.folder) {
            Err(PrivateDirError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(empty);
            }
            checked => checked?,
        }
        let Some(file) = open_private(&self.file)? else { return Ok(empty) };
        // Reserved at once: a growing buffer would leave unwiped copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX + 1));
        let mut bounded = file.take(FILE_BYTES_MAX as u64 + 1);
        bounded.read_to_end(&mut text).map_err(|source| self.io_error("read", source))?;
        if text.len() > FILE_BYTES_MAX {
            return Err(self.full());
        }
        let head: Head = serde_json::from_slice(&text).map_err(|error| self.damaged(&error))?;
        if head.schema > SCHEMA {
            return Err(FileVaultError::Newer { path: self.file.clone(), schema: head.schema });
        }
        serde_json::from_slice(&text).map_err(|error| self.damaged(&error))
    }

    fn write(&self, contents: &Contents) -> Result<(), FileVaultError> {
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX));
        serde_json::to_writer_pretty(&mut *text, contents)
            .map_err(|error| self.io_error("write", error.into()))?;
        if text.len() > FILE_BYTES_MAX {
            return Err(self.full());
        }
        let put = || {
            self.remove_leftovers()?;
            write_private(&self.file, &text)
        };
        put().map_err(|source| self.io_error("write", source))
    }

    /// Removes what a writer that was killed has left; the lock says that no other is at work.
    fn remove_leftovers(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(NEW_PREFIX) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes and removes a file, to find out about a full disk or a read-only folder.
    fn try_out(&self) -> Result<(), FileVaultError> {
        private_dir(&self.folder)?;
        let probe = self.folder.join(format!(".probe.{}", std::process::id()));
        let written = write_private(&probe, b"{}").and_then(|()| std::fs::remove_file(&probe));
        match written {
            // Another call of this process has removed it already.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(|source| self.io_error("write beside", source)),
        }
    }

    fn io_error(&self, action: &'static str, source: std::io::Error) -> FileVaultError {
        FileVaultError::Io { action, path: self.file.clone(), source }
    }

    /// Only the place of the fault: `serde_json`'s texts quote what they found.
    fn damaged(&self, error: &serde_json::Error) -> FileVaultError {
        let path = self.file.clone();
        FileVaultError::Damaged { path, line: error.line(), column: error.column() }
    }

    fn full(&self) -> FileVaultError {
        FileVaultError::Full { path: self.file.clone(), bytes_max: FILE_BYTES_MAX }
    }
}

impl Vault for FileVault {
    fn source(&self) -> Source {
        Source::File
    }

    fn get<'a>(
        &'a self,
        name: &'a SecretName,
    ) -> BoxFuture<'a, Result<Option<Secret>, SecretError>> {
        async move { Ok(self.read().await?.remove(name).map(|exposed| exposed.0)) }.boxed()
    }

    fn set<'a>(
        &'a self,
        name: &'a SecretName,
        secret: &'a Secret,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        let (name, secret) = (name.clone(), ExposedSecret(secret.clone()));
        let change = self.change(|secrets| {
            secrets.insert(name, secret);
            (true, ())
        });
        async move { Ok(change.await?) }.boxed()
    }

    fn delete<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<bool, SecretError>> {
        let name = name.clone();
        let change = self.change(move |secrets| {
            let was_there = secrets.remove(&name).is_some();
            (was_there, was_there)
        });
        async move { Ok(change.await?) }.boxed()
    }

    fn list<'a>(
        &'a self,
        known: &'a [SecretName],
    ) -> BoxFuture<'a, Result<Vec<Listed>, SecretError>> {
        async move {
            let mut kept = self.read().await?;
            let mut listed: Vec<Listed> = known
                .iter()
                .map(|name| Listed { name: name.clone(), present: kept.contains_key(name) })
                .collect();
            kept.retain(|name, _| !known.contains(name));
            listed.extend(kept.into_keys().map(|name| Listed { name, present: true }));
            Ok(listed)
        }
        .boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<(), SecretError>> {
        async move {
            self.blocking(|place| {
                place.try_out()?;
                place.read().map(drop)
            })
            .await?;
            Ok(())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::clock::{ManualClock, SystemClock, Timestamp};
    use crate::secret::SECRET_BYTES_MAX;

    const NAME: SecretName = SecretName::NGROK_AUTHTOKEN;

    fn vault_in(state: &TempDir) -> FileVault {
        FileVault::new(state.path().join("secrets"), Arc::new(SystemClock))
    }

    fn secret(text: &str) -> Secret {
        Secret::parse(text.to_owned()).unwrap()
    }

    /// A vault that holds one secret, and its file.
    async fn filled(state: &TempDir) -> (FileVault, PathBuf) {
        let vault = vault_in(state);
        vault.set(&NAME, &secret("hunter2")).await.unwrap();
        (vault, state.path().join("secrets/secrets.json"))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    async fn refusal(vault: &FileVault) -> FileVaultError {
        let read = vault.get(&NAME).await.unwrap_err();
        let write = vault.set(&NAME, &secret("new")).await.unwrap_err();
        let status = vault.status().await.unwrap_err();
        assert_eq!(read.to_string(), write.to_string());
        assert_eq!(read.to_string(), status.to_string());
        assert!(!read.to_string().contains("hunter2") && !read.hint().contains("hunter2"));
        let SecretError::File(error) = read else { panic!("{read}") };
        error
    }

    #[tokio::test]
    async fn a_secret_is_kept_replaced_listed_and_deleted() {
        let state = tempfile::tempdir().unwrap();
        let vault = vault_in(&state);
        let client = SecretName::client("gw-1").unwrap();
        assert_eq!(vault.get(&NAME).await.unwrap(), None);
        assert!(!vault.delete(&NAME).await.unwrap());
        for text in ["one", "two \"quoted\" ä"] {
            vault.set(&NAME, &secret(text)).await.unwrap();
            assert_eq!(vault_in(&state).get(&NAME).await.unwrap(), Some(secret(text)));
        }
        vault.set(&client, &secret("three")).await.unwrap();
        let listed = vault.list(&[SecretName::HERMES_API_KEY, NAME]).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|l| (l.name.as_str(), l.present)).collect();
        assert_eq!(
            listed,
            [("hermes-api-key", false), ("ngrok-authtoken", true), ("client/gw-1", true)]
        );
        assert!(vault.delete(&NAME).await.unwrap());
        assert_eq!(vault.get(&NAME).await.unwrap(), None);
        vault.status().await.unwrap();
    }

    #[tokio::test]
    async fn everything_made_is_for_the_owner_alone_and_nothing_else_is_left() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        vault.status().await.unwrap();
        let folder = state.path().join("secrets");
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_eq!(mode(&folder.join("secrets.lock")), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_a_killed_writer_left_is_gone_after_the_next_write() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        let left = file.with_file_name(".secrets.json.1-0");
        fs::write(&left, "hunter2").unwrap();
        vault.set(&NAME, &secret("new")).await.unwrap();
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn reading_makes_nothing() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(vault_in(&state).get(&NAME).await.unwrap(), None);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_file_that_others_can_open_is_refused_and_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        for open in [0o640, 0o604, 0o620] {
            fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
            let error = refusal(&vault).await;
            let path = file.display();
            assert_eq!(
                error.to_string(),
                format!("{path} is open to other users (mode {open:04o})")
            );
            assert!(error.hint().contains(&format!("chmod 600 {path}")), "{}", error.hint());
            assert_eq!(mode(&file), open);
        }
    }

    #[tokio::test]
    async fn a_folder_that_others_can_open_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let (vault, _) = filled(&state).await;
        let folder = state.path().join("secrets");
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let error = refusal(&vault).await;
        assert!(error.to_string().contains("is open to others (mode 755)"), "{error}");
    }

    #[tokio::test]
    async fn a_link_or_a_folder_in_place_of_the_file_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        let elsewhere = state.path().join("elsewhere.json");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(matches!(refusal(&vault).await, FileVaultError::NotAFile { .. }));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(refusal(&vault).await, FileVaultError::NotAFile { .. }));
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_with_the_place_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        for (text, place) in [
            ("", "line 1, column 0"),
            ("{\n  \"schema\": 1,\n  \"secrets\": {\"a\": \"hunter2", "line 3, column 27"),
            ("{\"schema\": \"hunter2\", \"secrets\": {}}", "line 1, column 20"),
            ("{\"schema\": 1, \"secrets\": {\"../a\": \"hunter2\"}}", "line 1, column 32"),
            ("{\"schema\": 1, \"secrets\": {\"a\": \"\"}}", "line 1, column 34"),
            ("{\"schema\": 1, \"secrets\": {}, \"hunter2\": 1}", "line 1, column 38"),
        ] {
            fs::write(&file, text).unwrap();
            let error = refusal(&vault).await;
            assert_eq!(error.to_string(), format!("{} is damaged at {place}", file.display()));
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[tokio::test]
    async fn a_file_of_a_newer_schema_is_refused_and_kept() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        fs::write(&file, "{\"schema\": 2, \"vaults\": []}").unwrap();
        assert!(matches!(refusal(&vault).await, FileVaultError::Newer { schema: 2, .. }));
        assert!(fs::read_to_string(&file).unwrap().contains("vaults"));
    }

    #[tokio::test]
    async fn a_full_file_takes_no_more_and_loses_nothing() {
        let state = tempfile::tempdir().unwrap();
        let (vault, file) = filled(&state).await;
        let filler = "f".repeat(FILE_BYTES_MAX);
        fs::write(&file, format!("{{\"schema\": 1, \"secrets\": {{}}}}{filler}")).unwrap();
        assert!(matches!(refusal(&vault).await, FileVaultError::Full { .. }));

        let large = ExposedSecret(secret(&"s".repeat(SECRET_BYTES_MAX)));
        let many = (0..810).map(|i| (SecretName::parse(&format!("n{i}")).unwrap(), large.clone()));
        let contents = Contents { schema: SCHEMA, secrets: many.collect() };
        fs::write(&file, serde_json::to_vec(&contents).unwrap()).unwrap();
        let error = vault.set(&NAME, &secret(&"s".repeat(SECRET_BYTES_MAX))).await.unwrap_err();
        assert!(matches!(error, SecretError::File(FileVaultError::Full { .. })), "{error}");
        assert_eq!(vault.list(&[]).await.unwrap().len(), 810);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writers_at_the_same_time_lose_no_secret() {
        let state = tempfile::tempdir().unwrap();
        let names: Vec<_> =
            (0..24).map(|i| SecretName::client(&format!("gw-{i}")).unwrap()).collect();
        let writers = names.iter().map(|name| {
            // A vault of its own each, as another process would have.
            let (vault, name) = (vault_in(&state), name.clone());
            tokio::spawn(async move { vault.set(&name, &secret("kept")).await })
        });
        for written in futures::future::join_all(writers).await {
            written.unwrap().unwrap();
        }
        let listed = vault_in(&state).list(&names).await.unwrap();
        assert_eq!(listed.len(), 24);
        assert!(listed.iter().all(|listed| listed.present));
    }

    #[tokio::test]
    async fn a_writer_gives_up_on_a_lock_that_is_never_released_and_readers_do_not_care() {
        let state = tempfile::tempdir().unwrap();
        let (_, file) = filled(&state).await;
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        let vault = FileVault::new(state.path().join("secrets"), clock.clone());
        let held = File::open(file.with_file_name("secrets.lock")).unwrap();
        held.lock().unwrap();
        let time_passes = async {
            loop {
                clock.advance(LOCK_RETRY);
                tokio::task::yield_now().await;
            }
        };
        let error = tokio::select! {
            set = async { vault.set(&NAME, &secret("new")).await } => set.unwrap_err(),
            () = time_passes => unreachable!("time passes for ever"),
        };
        assert!(matches!(error, SecretError::File(FileVaultError::Busy { .. })), "{error}");
        assert_eq!(vault.get(&NAME).await.unwrap(), Some(secret("hunter2")));
    }

    #[tokio::test]
    async fn a_write_that_nobody_waits_for_ends_under_its_lock() {
        let state = tempfile::tempdir().unwrap();
        let (vault, _) = filled(&state).await;
        for _ in 0..20 {
            let (client, text) = (SecretName::client("gw-1").unwrap(), secret("x"));
            let set = vault.set(&client, &text);
            // Dropped at whatever point it has reached after one poll.
            assert!(futures::poll!(Box::pin(set)).is_pending());
        }
        vault.set(&NAME, &secret("last")).await.unwrap();
        assert_eq!(vault.get(&NAME).await.unwrap(), Some(secret("last")));
    }
}
