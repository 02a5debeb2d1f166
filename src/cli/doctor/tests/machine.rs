//! Broken machines: environment, configuration, folders, disk, clock, limits.
use gateway_os::disk::Space;
use gateway_os::limits::Limit;

use super::lab::Lab;
use crate::cli::doctor::Status::{Fail, Ok, Warn};
use crate::clock::Timestamp;

#[tokio::test]
async fn a_typo_in_the_configuration_is_named_with_the_nearest_key() {
    let mut lab = Lab::healthy().await;
    lab.config += "[tasks]\nmax_concurent = 2\n";
    let cause = "unknown key `tasks.max_concurent`; did you mean `tasks.max_concurrent`?";
    lab.finds("config", Fail, cause, "write `tasks.max_concurrent`").await;
    let skipped = lab.look("listen-port").await.finding;
    assert_eq!(skipped.summary, "the configuration is not valid: see `config`");
}

#[tokio::test]
async fn a_value_of_a_wrong_type_is_named_with_what_is_allowed() {
    let mut lab = Lab::healthy().await;
    lab.config += "[tasks]\nmax_concurrent = \"many\"\n";
    lab.finds(
        "config",
        Fail,
        "`tasks.max_concurrent` is \"many\"",
        "set `tasks.max_concurrent` to",
    )
    .await;
}

#[tokio::test]
async fn a_configuration_that_is_no_toml_is_named_with_its_line() {
    let mut lab = Lab::healthy().await;
    lab.config = "[server\nlisten = 1".to_owned();
    lab.finds("config", Fail, "config.toml:1:", "gateway config check").await;
}

#[tokio::test]
async fn a_configuration_that_everybody_may_write_is_a_failure() {
    let lab = Lab::healthy().await;
    drop(lab.world());
    let file = lab.at("home/.config/gateway/config.toml");
    lab.path(&file, |facts| facts.mode = Some(0o646));
    lab.finds("config", Fail, "has mode 646", "chmod 600 ").await;
}

#[tokio::test]
async fn a_configuration_of_another_user_is_a_failure() {
    let lab = Lab::healthy().await;
    drop(lab.world());
    let file = lab.at("home/.config/gateway/config.toml");
    lab.path(&file, |facts| facts.uid = Some(4242));
    lab.finds("config", Fail, "belongs to user 4242", "sudo chown").await;
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_written_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.path(&lab.at("state"), |facts| facts.writable = false);
    lab.finds("folders", Fail, "does not let you make files", "GATEWAY_STATE_DIR").await;
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_made_is_a_failure() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir_all(lab.at("state")).unwrap();
    lab.path(&lab.at(""), |facts| facts.writable = false);
    lab.path(lab.at("state").parent().unwrap(), |facts| facts.writable = false);
    lab.finds("folders", Fail, "does not let you make files", "chmod u+rwx").await;
}

#[tokio::test]
async fn a_state_folder_that_others_can_read_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    lab.follow(&format!("chmod 755 {}", lab.at("state").display()));
    let line = lab.finds("folders", Fail, "has mode 755", "chmod 700 ").await;
    lab.follow(&line.finding.fix.unwrap());
    assert_eq!(lab.look("folders").await.finding.status, Ok);
}

#[tokio::test]
async fn a_state_folder_of_another_user_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.path(&lab.at("state"), |facts| facts.uid = Some(4242));
    lab.finds("folders", Fail, "belongs to user 4242", "sudo chown -R").await;
}

#[tokio::test]
async fn a_file_in_place_of_the_runtime_folder_is_a_failure() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir(lab.at("run")).unwrap();
    std::fs::write(lab.at("run"), "").unwrap();
    lab.finds("folders", Fail, "is something else", "GATEWAY_RUNTIME_DIR").await;
}

#[tokio::test]
async fn a_full_disk_is_a_failure_and_a_nearly_full_one_a_warning() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| facts.space = Space { free: 40_000_000, total: 90_000_000_000 });
    lab.finds("disk", Fail, "40.0 MB of 90.0 GB are free", "du -xh").await;
    lab.machine(|facts| facts.space.free = 400_000_000);
    lab.finds("disk", Warn, "400.0 MB of 90.0 GB are free", "GATEWAY_STATE_DIR").await;
}

#[tokio::test]
async fn a_clock_before_this_program_was_made_is_wrong() {
    let lab = Lab::healthy().await;
    lab.clock.set(Timestamp::from_millis(0));
    lab.finds("clock", Fail, "1970-01-01", "timedatectl set-ntp true").await;
    lab.clock.set(Timestamp::from_millis(4_102_444_800_000));
    lab.finds("clock", Fail, "2100-01-01", "timedatectl").await;
}

#[tokio::test]
async fn a_clock_behind_the_database_is_wrong() {
    let lab = Lab::healthy().await;
    let database = rusqlite::Connection::open(lab.at("state/gateway.db")).unwrap();
    let tomorrow = super::lab::NOON.as_millis() + 86_400_000;
    database
        .execute("INSERT INTO events (at, task_id, body) VALUES (?1, 't', '{}')", [tomorrow])
        .unwrap();
    lab.finds("clock", Fail, "newest event in the database is of 2026-11-21", "timedatectl").await;
}

#[tokio::test]
async fn a_low_limit_of_open_files_is_a_warning_with_what_can_be_done_about_it() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| facts.open_files.soft = Some(256));
    lab.finds("limits", Warn, "may hold 256 files open", "ulimit -n 16384").await;
    lab.machine(|facts| facts.open_files = Limit { soft: Some(256), hard: Some(256) });
    lab.finds("limits", Warn, "256", "/etc/security/limits.conf").await;
}

#[tokio::test]
async fn few_watches_are_a_warning() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| facts.watches = 128);
    lab.finds("limits", Warn, "max_user_watches is 128", "sysctl").await;
}

#[tokio::test]
async fn little_memory_is_a_warning_with_a_number_of_tasks_that_fits() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| facts.memory = 340_000_000);
    lab.finds("memory", Warn, "340.0 MB are free, and 3 agents", "max_concurrent = 2").await;
    lab.machine(|facts| facts.memory = 1_000);
    lab.finds("memory", Warn, "1.0 kB are free", "max_concurrent = 1").await;
}

#[tokio::test]
async fn no_home_is_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.env.remove("HOME");
    lab.finds("environment", Fail, "HOME is not set", "set HOME").await;
    lab.env.insert("HOME".to_owned(), "/nonexistent/home".to_owned());
    lab.finds("environment", Fail, "/nonexistent/home", "set HOME").await;
}

#[tokio::test]
async fn relative_folders_in_path_are_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.env.insert("PATH".to_owned(), format!("bin::{}", lab.env["PATH"]));
    lab.finds("environment", Warn, "another folder in every project", "take them out").await;
}

#[tokio::test]
async fn a_temporary_folder_that_is_missing_is_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.env.insert("TMPDIR".to_owned(), "/nonexistent/tmp".to_owned());
    lab.finds("environment", Warn, "/nonexistent/tmp", "unset TMPDIR").await;
}

#[tokio::test]
async fn a_variable_that_should_be_passed_and_is_not_set_is_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.config += "[executors.claude]\nenv_pass = [\"ANTHROPIC_API_KEY\"]\n";
    lab.finds("environment", Warn, "env_pass names ANTHROPIC_API_KEY", "env_pass").await;
}

#[tokio::test]
async fn a_terminal_that_is_too_narrow_for_the_code_is_a_warning() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| facts.columns = Some(30));
    lab.finds("terminal", Warn, "has 30 columns", "gateway pair --qr-file").await;
}
