//! Broken state: lock, database, secrets, clients.
use gateway_os::lock::{ExclusiveLock, Holder};

use super::lab::Lab;
use crate::cli::doctor::Status::{Fail, Ok, Skip, Warn};
use crate::clock::Timestamp;
use crate::secret::{Absence, KeyringError, Lock, SecretName, Vault};
use crate::store::Examination;
use std::time::Duration;

fn hold(lab: &Lab, pid: u32, command: &str) -> ExclusiveLock {
    let holder = Holder { pid, command: command.to_owned(), since_millis: 0 };
    ExclusiveLock::acquire(&lab.at("state/gateway.lock"), &holder).unwrap()
}

#[tokio::test]
async fn a_second_gateway_that_nobody_can_reach_is_named_with_its_pid() {
    let lab = Lab::healthy().await;
    let _held = hold(&lab, 4242, "gateway serve");
    lab.finds("state-lock", Fail, "`gateway serve` (pid 4242) holds the lock", "kill 4242").await;
}

#[tokio::test]
async fn another_command_at_work_is_a_warning() {
    let lab = Lab::healthy().await;
    let _held = hold(&lab, 4242, "gateway mint-client");
    lab.finds("state-lock", Warn, "`gateway mint-client` (pid 4242)", "wait until it has ended")
        .await;
}

#[tokio::test]
async fn the_running_gateway_may_hold_the_lock() {
    let lab = Lab::healthy().await;
    let _held = hold(&lab, std::process::id(), "gateway serve");
    lab.running(Lab::status());
    let finding = lab.look("state-lock").await.finding;
    assert_eq!(finding.status, Ok, "{finding:?}");
    assert!(finding.summary.contains("held by the running gateway"));
}

#[tokio::test]
async fn a_database_of_a_newer_gateway_is_a_failure() {
    let lab = Lab::healthy().await;
    let database = rusqlite::Connection::open(lab.at("state/gateway.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    lab.finds("database", Fail, "schema 99", "install the newer gateway").await;
    assert_eq!(lab.look("clients").await.finding.status, Skip);
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_by_the_next_start() {
    let lab = Lab::healthy().await;
    let database = rusqlite::Connection::open(lab.at("state/gateway.db")).unwrap();
    database.pragma_update(None, "user_version", Examination::schema_known() - 1).unwrap();
    let finding = lab.look("database").await.finding;
    assert_eq!(finding.status, Ok);
    assert!(finding.summary.contains("brought up to date by the next start"), "{finding:?}");
    assert_eq!(lab.look("clients").await.finding.status, Skip);
}

#[tokio::test]
async fn a_damaged_database_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    std::fs::write(lab.at("state/gateway.db"), "not a database at all".repeat(500)).unwrap();
    let line = lab.finds("database", Fail, "the database is damaged", "put back a copy").await;
    let fix = line.finding.fix.unwrap();
    let begin = fix.split_once("): ").unwrap().1.split_once("; gateway").unwrap().0;
    lab.follow(begin);
    assert_eq!(lab.look("database").await.finding.status, Ok);
}

#[tokio::test]
async fn a_database_that_others_can_read_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    lab.follow(&format!("chmod 644 {}", lab.at("state/gateway.db").display()));
    let line = lab.finds("database", Fail, "has mode 644", "chmod 600").await;
    lab.follow(&line.finding.fix.unwrap());
    assert_eq!(lab.look("database").await.finding.status, Ok);
}

#[tokio::test]
async fn no_keyring_is_a_failure_that_names_the_file_instead() {
    let lab = Lab::healthy().await;
    lab.vault.fail_with(Some(|| KeyringError::Absent(Absence::NoSessionBus).into()));
    lab.finds("secrets", Fail, "this session has no message bus", "backend = \"file\"").await;
    let skipped = lab.look("clients").await.finding;
    assert!(skipped.summary.contains("see `secrets`"), "{skipped:?}");
}

#[tokio::test]
async fn a_session_bus_without_a_keyring_is_a_failure_that_names_the_packages() {
    let lab = Lab::healthy().await;
    lab.vault.fail_with(Some(|| KeyringError::Absent(Absence::NoDaemon).into()));
    lab.finds("secrets", Fail, "no program on the session bus", "gnome-keyring").await;
}

#[tokio::test]
async fn a_locked_keyring_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.vault.fail_with(Some(|| KeyringError::Locked(Lock::Closed).into()));
    lab.finds("secrets", Fail, "the keyring is locked", "unlock it").await;
}

#[tokio::test]
async fn a_keyring_that_waits_for_its_prompt_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.vault.fail_with(Some(|| KeyringError::TimedOut(Duration::from_secs(10)).into()));
    lab.finds("secrets", Fail, "did not answer within 10 s", "answer its prompt").await;
}

#[tokio::test]
async fn a_secrets_file_that_others_can_read_is_cured_by_the_command_it_names() {
    let mut lab = Lab::healthy().await;
    lab.file_vault = true;
    lab.config += "[secrets]\nbackend = \"file\"\n";
    let folder = lab.at("state/secrets");
    gateway_os::folders::private_dir(&folder).unwrap();
    let file = folder.join("secrets.json");
    std::fs::write(&file, r#"{"schema":1,"secrets":{}}"#).unwrap();
    lab.follow(&format!("chmod 644 {}", file.display()));
    let line = lab.finds("secrets", Fail, "open to other users (mode 0644)", "chmod 600").await;
    let fix = line.finding.fix.unwrap();
    lab.follow(fix.split('`').nth(1).unwrap());
    assert_eq!(lab.look("secrets").await.finding.status, Ok);
}

#[tokio::test]
async fn a_variable_that_is_no_secret_is_a_failure_that_does_not_show_it() {
    let mut lab = Lab::healthy().await;
    lab.env.insert("NGROK_AUTHTOKEN".to_owned(), "planted\tsecret".to_owned());
    lab.config += "[secrets]\nbackend = \"file\"\n";
    let line =
        lab.finds("secrets", Fail, "NGROK_AUTHTOKEN", "correct or unset NGROK_AUTHTOKEN").await;
    assert!(!format!("{line:?}").contains("planted"), "{line:?}");
}

#[tokio::test]
async fn no_client_is_a_warning() {
    let lab = Lab::healthy().await;
    std::fs::remove_file(lab.at("state/gateway.db")).unwrap();
    lab.finds("clients", Warn, "no client was made yet", "gateway mint-client").await;
}

#[tokio::test]
async fn clients_that_have_all_expired_are_a_warning() {
    let lab = Lab::healthy().await;
    let database = rusqlite::Connection::open(lab.at("state/gateway.db")).unwrap();
    database.execute("UPDATE clients SET body = json_set(body, '$.revoked_at', 1)", []).unwrap();
    lab.finds("clients", Warn, "every client is revoked or has expired", "gateway mint-client")
        .await;
}

#[tokio::test]
async fn a_token_is_told_as_such_and_lacks_no_secret() {
    let lab = Lab::healthy().await;
    lab.mint("backup").await;
    let database = rusqlite::Connection::open(lab.at("state/gateway.db")).unwrap();
    let make_token = "UPDATE clients SET body = json_set(body, '$.registration', 'token',
        '$.kind.secrets', json('[]')) WHERE body ->> '$.name' = 'backup'";
    assert_eq!(database.execute(make_token, []).unwrap(), 1);
    let finding = lab.look("clients").await.finding;
    assert_eq!(finding.status, Ok, "{finding:?}");
    assert!(finding.summary.ends_with(" can sign in; backup can call with a token"), "{finding:?}");
}

#[tokio::test]
async fn a_client_whose_secret_is_lost_is_named() {
    let lab = Lab::healthy().await;
    let client = lab.mint("phone").await;
    let name = SecretName::client(client.id.as_str()).unwrap();
    assert!(lab.vault.delete(&name).await.unwrap());
    let fix = "gateway mint-client --rotate --name phone";
    let line = lab.finds("clients", Warn, name.as_str(), fix).await;
    assert!(line.finding.summary.contains("phone"));
}

#[tokio::test]
async fn a_clock_that_is_wrong_makes_no_client_disappear() {
    let lab = Lab::healthy().await;
    lab.clock.set(Timestamp::from_millis(0));
    assert_eq!(lab.look("clients").await.finding.status, Ok);
}
