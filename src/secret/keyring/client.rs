//! [`KeyringVault`]: starts a helper process for each call and reads its answer.
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gateway_os::children;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::super::{
    Absence, KeyringError, Listed, Lock, Secret, SecretError, SecretName, Source, Vault,
};
use super::HELPER_COMMAND;
use super::helper::LIMIT_DEFAULT;
use super::wire::{NAMES_MAX, REPLY_BYTES_MAX, Reply, Request};
use crate::clock::Clock;

/// By how much the helper gives up before it is killed, so that its own answer arrives.
const GRACE: Duration = Duration::from_secs(1);
/// The variables that lead to a keyring, of all platforms. Nothing else is passed on.
const VARIABLES: [&str; 12] = [
    "APPDATA",
    "DBUS_SESSION_BUS_ADDRESS",
    "HOME",
    "LOCALAPPDATA",
    "LOGNAME",
    "SYSTEMROOT",
    "TMPDIR",
    "USER",
    "USERDOMAIN",
    "USERNAME",
    "USERPROFILE",
    "XDG_RUNTIME_DIR",
];

/// How to start the process that talks to the keyring.
#[derive(Clone, Debug)]
pub struct HelperCommand {
    program: PathBuf,
    args: Vec<OsString>,
}

impl HelperCommand {
    /// Our own binary with its hidden subcommand.
    ///
    /// On Linux pass `/proc/self/exe`: it starts the build that is running, also after an upgrade
    /// has replaced the file.
    #[must_use]
    pub fn own_binary(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: vec![HELPER_COMMAND.into()] }
    }

    #[cfg(test)]
    fn shell(script: &str) -> Self {
        let args = vec!["-c".into(), script.into(), "sh".into()];
        Self { program: "/bin/sh".into(), args }
    }
}

/// Secrets in the OS keyring under the service `gateway`.
#[derive(Debug)]
pub struct KeyringVault {
    helper: HelperCommand,
    environment: Vec<(OsString, OsString)>,
    clock: Arc<dyn Clock>,
    limit: Duration,
    /// One call at a time, waiting within its own limit: two prompts at once leave GNOME's keyring
    /// unable to answer anybody, and no owner wants to see two.
    turn: Mutex<()>,
}

impl KeyringVault {
    /// The keyring that `environment` leads to; only what names the session is taken from it.
    #[must_use]
    pub fn new(
        helper: HelperCommand,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // Windows spells some of them in mixed case.
        let passed =
            |name: &OsString| VARIABLES.iter().any(|known| name.eq_ignore_ascii_case(known));
        let environment = environment.into_iter().filter(|(name, _)| passed(name)).collect();
        Self { helper, environment, clock, limit: LIMIT_DEFAULT, turn: Mutex::default() }
    }

    /// Waits `limit` instead of 10 s for the keyring, or for somebody to answer its prompt.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Asks a fresh helper. It is killed when the limit passes or this future is dropped.
    async fn ask(&self, request: &Request, secret: Option<&Secret>) -> Result<Reply, KeyringError> {
        let answer = async {
            let _turn = self.turn.lock().await;
            match exchange(self.start(request)?, secret).await? {
                // GNOME's daemon can abort on another program's call. The bus starts it again,
                // locked or open, and every request may be repeated.
                Reply::Ended => exchange(self.start(request)?, secret).await,
                reply => Ok(reply),
            }
        };
        let reply = tokio::select! {
            biased; // an answer that has arrived counts
            reply = answer => reply?,
            () = self.clock.sleep(self.limit + GRACE) => Reply::TimedOut,
        };
        match reply {
            Reply::NoSessionBus => Err(KeyringError::Absent(Absence::NoSessionBus)),
            Reply::NoDaemon => Err(KeyringError::Absent(Absence::NoDaemon)),
            Reply::Locked => Err(KeyringError::Locked(Lock::Closed)),
            Reply::NeverMade => Err(KeyringError::Locked(Lock::NeverMade)),
            Reply::TimedOut => Err(KeyringError::TimedOut(self.limit)),
            Reply::Ended => Err(KeyringError::Ended),
            Reply::Failed { text } => Err(KeyringError::Failed(text)),
            Reply::Done | Reply::Secret { .. } | Reply::Missing | Reply::Present { .. } => {
                Ok(reply)
            }
        }
    }

    fn start(&self, request: &Request) -> Result<Child, KeyringError> {
        children::start(|| {
            Command::new(&self.helper.program)
                .args(&self.helper.args)
                .args(request.to_args(self.limit))
                .env_clear()
                .envs(self.environment.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
        })
        .map_err(KeyringError::HelperStart)
    }
}

/// Sends the secret, if any, and reads the reply.
async fn exchange(mut helper: Child, secret: Option<&Secret>) -> Result<Reply, KeyringError> {
    let mut stdin = helper.stdin.take().expect("stdin was piped at the start");
    let stdout = helper.stdout.take().expect("stdout was piped at the start");
    if let Some(secret) = secret {
        // A helper that ended early has its reason in the reply, or in the lack of one.
        let _ = stdin.write_all(secret.expose().as_bytes()).await;
    }
    drop(stdin);
    // Reserved at once: a growing buffer would leave unwiped copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(REPLY_BYTES_MAX + 1));
    let no_answer = |why: String| {
        KeyringError::Failed(format!("the process that talks to it gave no answer: {why}"))
    };
    stdout
        .take(REPLY_BYTES_MAX as u64 + 1)
        .read_to_end(&mut text)
        .await
        .map_err(|error| no_answer(error.to_string()))?;
    if text.len() > REPLY_BYTES_MAX {
        return Err(no_answer("its output is too long".into()));
    }
    let status = helper.wait().await.map_err(|error| no_answer(error.to_string()))?;
    // serde_json's texts quote what they found, so only the status is told.
    serde_json::from_slice(&text).map_err(|_| no_answer(status.to_string()))
}

fn unexpected() -> KeyringError {
    KeyringError::Failed("the process that talks to it answered something else".into())
}

impl Vault for KeyringVault {
    fn source(&self) -> Source {
        Source::Keyring
    }

    fn get<'a>(
        &'a self,
        name: &'a SecretName,
    ) -> BoxFuture<'a, Result<Option<Secret>, SecretError>> {
        async move {
            match self.ask(&Request::Get(name.clone()), None).await? {
                Reply::Secret { value } => Ok(Some(value.0)),
                Reply::Missing => Ok(None),
                _ => Err(unexpected().into()),
            }
        }
        .boxed()
    }

    fn set<'a>(
        &'a self,
        name: &'a SecretName,
        secret: &'a Secret,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        async move {
            match self.ask(&Request::Set(name.clone()), Some(secret)).await? {
                Reply::Done => Ok(()),
                _ => Err(unexpected().into()),
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<bool, SecretError>> {
        async move {
            match self.ask(&Request::Delete(name.clone()), None).await? {
                Reply::Done => Ok(true),
                Reply::Missing => Ok(false),
                _ => Err(unexpected().into()),
            }
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        known: &'a [SecretName],
    ) -> BoxFuture<'a, Result<Vec<Listed>, SecretError>> {
        async move {
            let mut listed = Vec::with_capacity(known.len());
            for names in known.chunks(NAMES_MAX) {
                let Reply::Present { names: present } =
                    self.ask(&Request::List(names.to_vec()), None).await?
                else {
                    return Err(unexpected().into());
                };
                let is_present = |name| present.contains(name);
                listed.extend(
                    names.iter().map(|n| Listed { name: n.clone(), present: is_present(n) }),
                );
            }
            Ok(listed)
        }
        .boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<(), SecretError>> {
        async move {
            match self.ask(&Request::Status, None).await? {
                Reply::Done => Ok(()),
                _ => Err(unexpected().into()),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;
    use crate::clock::{ManualClock, SystemClock, Timestamp};

    const NAME: SecretName = SecretName::NGROK_AUTHTOKEN;

    /// A vault whose helper is a shell script.
    fn scripted(script: &str) -> KeyringVault {
        let environment = [("HOME", "/home/me"), ("NGROK_AUTHTOKEN", "hunter2")]
            .map(|(name, value)| (name.into(), value.into()));
        KeyringVault::new(HelperCommand::shell(script), environment, Arc::new(SystemClock))
    }

    fn secret(text: &str) -> Secret {
        Secret::parse(text.to_owned()).unwrap()
    }

    async fn failure(script: &str) -> String {
        let error = scripted(script).get(&NAME).await.unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.to_string()
    }

    #[tokio::test]
    async fn the_answers_of_the_helper_are_the_vaults() {
        let vault = scripted(r#"echo '{"reply":"secret","value":"kept"}'"#);
        assert_eq!(vault.get(&NAME).await.unwrap(), Some(secret("kept")));
        let vault = scripted(r#"echo '{"reply":"missing"}'"#);
        assert_eq!(vault.get(&NAME).await.unwrap(), None);
        assert!(!vault.delete(&NAME).await.unwrap());
        let vault = scripted(r#"echo '{"reply":"done"}'"#);
        vault.set(&NAME, &secret("kept")).await.unwrap();
        vault.status().await.unwrap();
        assert!(vault.delete(&NAME).await.unwrap());
        let vault = scripted(r#"echo '{"reply":"present","names":["ngrok-authtoken"]}'"#);
        let listed = vault.list(&[SecretName::HERMES_API_KEY, NAME]).await.unwrap();
        assert_eq!(listed.iter().map(|l| l.present).collect::<Vec<_>>(), [false, true]);
    }

    #[tokio::test]
    async fn a_secret_reaches_the_helper_on_stdin_alone_and_no_other_variable_does() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let vault = scripted(&format!(
            r#"{{ cat; echo; echo "$@"; env; }} > {}; echo '{{"reply":"done"}}'"#,
            seen.display()
        ));
        vault.set(&NAME, &secret("kept")).await.unwrap();
        let seen = std::fs::read_to_string(seen).unwrap();
        let mut lines = seen.lines();
        assert_eq!(lines.next(), Some("kept"));
        assert_eq!(lines.next(), Some("--limit-ms 10000 set ngrok-authtoken"));
        let rest: Vec<_> = lines.collect();
        assert!(rest.contains(&"HOME=/home/me"), "{rest:?}");
        assert!(!seen.contains("NGROK_AUTHTOKEN"), "{rest:?}");
        assert_eq!(seen.matches("kept").count(), 1);
    }

    #[tokio::test]
    async fn calls_at_the_same_time_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let busy = folder.path().join("busy");
        let vault = scripted(&format!(
            r#"mkdir {0} && rmdir {0} && echo '{{"reply":"done"}}'"#,
            busy.display()
        ));
        let calls = (0..16).map(|_| vault.status());
        for answer in futures::future::join_all(calls).await {
            answer.unwrap();
        }
    }

    #[tokio::test]
    async fn a_keyring_whose_program_ends_is_asked_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("once");
        let vault = scripted(&format!(
            r#"if mkdir {}; then echo '{{"reply":"ended"}}'; else [ "$4" = ngrok-authtoken ] && cat >&2 && echo '{{"reply":"done"}}'; fi"#,
            once.display()
        ));
        vault.set(&NAME, &secret("kept")).await.unwrap();
        let again = failure(r#"echo '{"reply":"ended"}'"#).await;
        assert_eq!(again, "the keyring's program ended during the call");
    }

    #[tokio::test]
    async fn every_refusal_has_its_text_and_a_hint_that_names_the_way_out() {
        for (reply, text) in [
            ("no-session-bus", "there is no keyring here: this session has no message bus"),
            ("no-daemon", "there is no keyring here: no program on the session bus keeps secrets"),
            ("locked", "the keyring is locked"),
            ("never-made", "the keyring is locked: it was never set up"),
            ("timed-out", "the keyring did not answer within 10 s"),
        ] {
            let vault = scripted(&format!(r#"echo '{{"reply":"{reply}"}}'"#));
            let error = vault.status().await.unwrap_err();
            assert_eq!(error.to_string(), text);
            assert!(error.hint().contains("`secrets.backend = \"file\"`"), "{}", error.hint());
        }
        let failed = failure(r#"echo '{"reply":"failed","text":"Crypto error"}'"#).await;
        assert_eq!(failed, "the keyring failed: Crypto error");
    }

    #[tokio::test]
    async fn a_helper_that_talks_nonsense_is_an_error_that_quotes_nothing() {
        let prefix = "the keyring failed: the process that talks to it ";
        for (script, text) in [
            ("exit 3", "gave no answer: exit status: 3"),
            ("kill -9 $$", "gave no answer: signal: 9 (SIGKILL)"),
            ("echo hunter2", "gave no answer: exit status: 0"),
            (r#"echo '{"reply":"hunter2"}'"#, "gave no answer: exit status: 0"),
            (r#"echo '{"reply":"secret","value":""}'"#, "gave no answer: exit status: 0"),
            (r#"echo '{"reply":"done"}'"#, "answered something else"),
            ("while :; do echo hunter2; done", "gave no answer: its output is too long"),
        ] {
            assert_eq!(failure(script).await, format!("{prefix}{text}"), "{script}");
        }
    }

    #[tokio::test]
    async fn a_helper_that_cannot_start_is_told() {
        let helper = HelperCommand::own_binary("/nowhere/gateway");
        let vault = KeyringVault::new(helper, [], Arc::new(SystemClock));
        let error = vault.get(&NAME).await.unwrap_err();
        assert!(matches!(error, SecretError::Keyring(KeyringError::HelperStart(_))), "{error}");
    }

    /// A vault whose helper hangs, and the read end of a pipe that closes when the helper is dead.
    fn hanging(folder: &tempfile::TempDir, clock: Arc<dyn Clock>) -> (KeyringVault, String) {
        let fifo = folder.path().join("alive");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let fifo = fifo.display().to_string();
        let helper = HelperCommand::shell(&format!("exec 3>{fifo}; echo up >&3; exec sleep 1000"));
        (KeyringVault::new(helper, [], clock), fifo)
    }

    fn wait_until_up(fifo: &str) -> BufReader<File> {
        let mut alive = BufReader::new(File::open(fifo).unwrap());
        let mut line = String::new();
        alive.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        alive
    }

    fn wait_until_dead(mut alive: BufReader<File>) {
        assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_killed_when_the_limit_passes() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        let (vault, fifo) = hanging(&folder, clock.clone());
        let vault = vault.with_limit(Duration::from_secs(3));
        let time_passes = async {
            let alive = tokio::task::spawn_blocking(move || wait_until_up(&fifo)).await.unwrap();
            clock.advance(Duration::from_secs(4));
            alive
        };
        let (got, alive) = tokio::join!(vault.get(&NAME), time_passes);
        let error = got.unwrap_err();
        assert_eq!(error.to_string(), "the keyring did not answer within 3 s");
        tokio::task::spawn_blocking(move || wait_until_dead(alive)).await.unwrap();
    }

    #[tokio::test]
    async fn a_helper_is_killed_when_nobody_waits_for_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, fifo) = hanging(&folder, Arc::new(SystemClock));
        let alive = tokio::select! {
            got = vault.get(&NAME) => panic!("{got:?}"),
            alive = tokio::task::spawn_blocking(move || wait_until_up(&fifo)) => alive.unwrap(),
        };
        tokio::task::spawn_blocking(move || wait_until_dead(alive)).await.unwrap();
    }
}
