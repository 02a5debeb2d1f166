//! The keyring's entries, and what its answers mean: see the table in `KeyringError`'s variants.
use keyring::Error as PlatformError;
use keyring::v1::Entry;

use super::super::value::ExposedSecret;
use super::super::{Absence, KeyringError, Lock, Secret};
use super::wire::{Reply, Request, readable};

/// The name under which desktop tools show our entries: attribute `service`.
const SERVICE: &str = "gateway";
/// Start of the name of an entry that is set and deleted to find out whether the keyring is open.
/// No [`SecretName`](super::super::SecretName) begins with a dot.
const PROBE: &str = ".probe-";

/// A store of texts by user name, as the `keyring` crate gives us one.
pub(super) trait Entries {
    fn get(&self, user: &str) -> Result<Option<String>, KeyringError>;
    fn set(&self, user: &str, text: &str) -> Result<(), KeyringError>;
    /// Whether there was an entry.
    fn delete(&self, user: &str) -> Result<bool, KeyringError>;
}

/// Carries out one request. `secret` is what `set` keeps.
pub(super) fn perform(
    entries: &impl Entries,
    request: &Request,
    secret: Option<&Secret>,
) -> Result<Reply, KeyringError> {
    match request {
        Request::Get(name) => match get(entries, name.as_str())? {
            None => Ok(Reply::Missing),
            Some(text) => Secret::parse(text)
                .map(|secret| Reply::Secret { value: ExposedSecret(secret) })
                .map_err(|error| {
                    KeyringError::Failed(format!("it holds no secret of ours: {error}"))
                }),
        },
        Request::Set(name) => {
            let secret =
                secret.ok_or_else(|| KeyringError::Failed("no secret was given".into()))?;
            entries.set(name.as_str(), secret.expose())?;
            Ok(Reply::Done)
        }
        Request::Delete(name) => {
            // A locked keyring looks empty, so nothing is "missing" before it has been seen open.
            let deleted = entries.delete(name.as_str())?
                || (probe(entries).map(|()| entries.delete(name.as_str()))??);
            Ok(if deleted { Reply::Done } else { Reply::Missing })
        }
        Request::List(names) => {
            probe(entries)?;
            let mut present = Vec::new();
            for name in names {
                if entries.get(name.as_str())?.map(zeroize::Zeroizing::new).is_some() {
                    present.push(name.clone());
                }
            }
            Ok(Reply::Present { names: present })
        }
        Request::Status => probe(entries).map(|()| Reply::Done),
    }
}

/// Looks a second time once the keyring has been seen open: the probe's prompt may have opened it.
fn get(entries: &impl Entries, user: &str) -> Result<Option<String>, KeyringError> {
    if let Some(text) = entries.get(user)? {
        return Ok(Some(text));
    }
    probe(entries)?;
    entries.get(user)
}

/// Each process has a probe of its own: GNOME's keyring fails a call whose entry goes away meanwhile.
fn probe(entries: &impl Entries) -> Result<(), KeyringError> {
    let user = format!("{PROBE}{}", std::process::id());
    entries.set(&user, "probe")?;
    entries.delete(&user).map(drop)
}

/// The platform's own keyring.
#[derive(Debug)]
pub(super) struct OsEntries(());

impl OsEntries {
    /// Opens the store. It stays as it is now for the life of the process.
    pub(super) fn open() -> Result<Self, KeyringError> {
        match Entry::store_status() {
            Ok(()) => Ok(Self(())),
            Err(error) => Err(meaning(error)),
        }
    }
}

fn entry(user: &str) -> Result<Entry, KeyringError> {
    Entry::new(SERVICE, user).map_err(|error| meaning(&error))
}

impl Entries for OsEntries {
    fn get(&self, user: &str) -> Result<Option<String>, KeyringError> {
        match entry(user)?.get_password() {
            Ok(text) => Ok(Some(text)),
            Err(PlatformError::NoEntry) => Ok(None),
            Err(error) => Err(meaning(&error)),
        }
    }

    fn set(&self, user: &str, text: &str) -> Result<(), KeyringError> {
        entry(user)?.set_password(text).map_err(|error| meaning(&error))
    }

    fn delete(&self, user: &str) -> Result<bool, KeyringError> {
        match entry(user)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(PlatformError::NoEntry) => Ok(false),
            Err(error) => Err(meaning(&error)),
        }
    }
}

/// Reads the crate's error. Its sources belong to crates below it, so their texts have to do; the
/// end-to-end test against a real keyring notices when they change.
fn meaning(error: &PlatformError) -> KeyringError {
    match error {
        PlatformError::PlatformFailure(source) => platform_failure(&source.to_string()),
        PlatformError::NoStorageAccess(source) => no_access(&source.to_string()),
        // These carry what was read, so nothing of them is repeated.
        PlatformError::BadEncoding(_) | PlatformError::BadDataFormat(..) => {
            KeyringError::Failed("the entry holds something that is no text".into())
        }
        PlatformError::Ambiguous(entries) => {
            KeyringError::Failed(format!("{} entries have the same name", entries.len()))
        }
        other => KeyringError::Failed(readable(&other.to_string())),
    }
}

fn platform_failure(text: &str) -> KeyringError {
    const NO_BUS: [&str; 2] =
        ["Failed to connect to address", "no secret service provider or dbus session found"];
    const NO_DAEMON: [&str; 3] = [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.Spawn.",
    ];
    // The bus says so of a call whose receiver leaves it; `NoReply` alone also names a time-out.
    const ENDED: [&str; 1] = ["recipient disconnected from message bus without replying"];
    let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    if has(&NO_BUS) {
        KeyringError::Absent(Absence::NoSessionBus)
    } else if has(&NO_DAEMON) {
        KeyringError::Absent(Absence::NoDaemon)
    } else if has(&ENDED) {
        KeyringError::Ended
    } else {
        KeyringError::Failed(readable(text))
    }
}

/// `secret-service` says "no result" when there is no default collection.
fn no_access(text: &str) -> KeyringError {
    let never_made = text.contains("result not returned");
    KeyringError::Locked(if never_made { Lock::NeverMade } else { Lock::Closed })
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::*;
    use crate::secret::SecretName;

    /// Behaves like GNOME's keyring: empty to readers while locked, and writers get its prompt.
    #[derive(Default)]
    struct FakeEntries {
        kept: RefCell<BTreeMap<String, String>>,
        locked: Cell<bool>,
        prompt_is_answered: bool,
    }

    impl FakeEntries {
        fn holding(name: &SecretName) -> Self {
            let fake = Self::default();
            fake.kept.borrow_mut().insert(name.to_string(), "kept".into());
            fake
        }

        fn prompt(&self) -> Result<(), KeyringError> {
            if self.prompt_is_answered {
                self.locked.set(false);
            }
            if self.locked.get() { Err(KeyringError::Locked(Lock::Closed)) } else { Ok(()) }
        }
    }

    impl Entries for FakeEntries {
        fn get(&self, user: &str) -> Result<Option<String>, KeyringError> {
            Ok(self.kept.borrow().get(user).filter(|_| !self.locked.get()).cloned())
        }

        fn set(&self, user: &str, text: &str) -> Result<(), KeyringError> {
            self.prompt()?;
            self.kept.borrow_mut().insert(user.into(), text.into());
            Ok(())
        }

        fn delete(&self, user: &str) -> Result<bool, KeyringError> {
            Ok(!self.locked.get() && self.kept.borrow_mut().remove(user).is_some())
        }
    }

    const NAME: SecretName = SecretName::NGROK_AUTHTOKEN;

    fn kept() -> Reply {
        Reply::Secret { value: ExposedSecret(Secret::parse("kept".into()).unwrap()) }
    }

    fn requests() -> [Request; 4] {
        [Request::Get(NAME), Request::Delete(NAME), Request::List(vec![NAME]), Request::Status]
    }

    #[test]
    fn a_locked_keyring_is_never_taken_for_an_empty_one() {
        for request in requests() {
            let entries = FakeEntries::holding(&NAME);
            entries.locked.set(true);
            let error = perform(&entries, &request, None).unwrap_err();
            assert!(matches!(error, KeyringError::Locked(Lock::Closed)), "{request:?}: {error}");
        }
    }

    #[test]
    fn a_prompt_that_is_answered_in_time_opens_the_keyring_for_the_same_call() {
        for (request, reply) in requests().into_iter().zip([
            kept(),
            Reply::Done,
            Reply::Present { names: vec![NAME] },
            Reply::Done,
        ]) {
            let entries = FakeEntries { prompt_is_answered: true, ..FakeEntries::holding(&NAME) };
            entries.locked.set(true);
            assert_eq!(perform(&entries, &request, None).unwrap(), reply, "{request:?}");
        }
    }

    #[test]
    fn an_open_keyring_tells_what_is_missing_and_keeps_no_probe() {
        let entries = FakeEntries::default();
        for request in [Request::Get(NAME), Request::Delete(NAME)] {
            assert_eq!(perform(&entries, &request, None).unwrap(), Reply::Missing);
        }
        let secret = Secret::parse("kept".into()).unwrap();
        assert_eq!(perform(&entries, &Request::Set(NAME), Some(&secret)).unwrap(), Reply::Done);
        assert_eq!(perform(&entries, &Request::Get(NAME), None).unwrap(), kept());
        assert_eq!(entries.kept.borrow().keys().collect::<Vec<_>>(), [NAME.as_str()]);
    }

    #[test]
    fn the_texts_of_the_crates_below_are_told_apart() {
        let ended = "zbus error: org.freedesktop.DBus.Error.NoReply: Message recipient \
                     disconnected from message bus without replying";
        let silent = "org.freedesktop.DBus.Error.NoReply: timed out";
        let failure = |text: &str| meaning(&PlatformError::PlatformFailure(text.into()));
        let access = |text: &str| meaning(&PlatformError::NoStorageAccess(text.into()));
        let bus = "zbus error: Failed to connect to address `unix:path=/run/user/1/bus`: No such \
                   file or directory (os error 2)";
        let unknown = "zbus error: org.freedesktop.DBus.Error.ServiceUnknown: The name \
                       org.freedesktop.secrets was not provided by any .service files";
        for (error, text) in [
            (failure(bus), "there is no keyring here: this session has no message bus"),
            (
                failure(unknown),
                "there is no keyring here: no program on the session bus keeps secrets",
            ),
            (failure("Crypto error: x"), "the keyring failed: Crypto error: x"),
            (failure(ended), "the keyring's program ended during the call"),
            (failure(silent), "the keyring failed: org.freedesktop.DBus.Error.NoReply: timed out"),
            (access("SS error: prompt dismissed"), "the keyring is locked"),
            (
                access("SS error: result not returned from SS API"),
                "the keyring is locked: it was never set up",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn an_entry_that_is_no_text_is_not_quoted() {
        let error = meaning(&PlatformError::BadEncoding(b"hunter2\xff".to_vec()));
        assert_eq!(
            error.to_string(),
            "the keyring failed: the entry holds something that is no text"
        );
    }
}
