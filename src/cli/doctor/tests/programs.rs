//! Broken programs and projects: Claude Code, git, folders.
use super::lab::{Lab, PLANTED};
use crate::cli::doctor::Status::{Fail, Ok, Skip, Warn};

#[tokio::test]
async fn no_claude_is_a_failure_with_the_way_to_install_it() {
    let lab = Lab::healthy().await;
    lab.remove_program("claude");
    lab.finds(
        "executor-claude",
        Fail,
        "neither in PATH",
        "npm install -g @anthropic-ai/claude-code",
    )
    .await;
    assert_eq!(lab.look("claude-login").await.finding.status, Skip);
}

#[tokio::test]
async fn a_claude_at_a_configured_place_that_is_not_there_is_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.config += "[executors.claude]\ncommand = \"/nonexistent/claude\"\n";
    lab.finds("executor-claude", Fail, "/nonexistent/claude", "executors.claude.command").await;
}

#[tokio::test]
async fn a_claude_that_is_too_old_is_a_warning() {
    let lab = Lab::healthy().await;
    lab.claude("2.0.30", r#"{"loggedIn": true}"#);
    lab.finds("executor-claude", Warn, "2.0.30 is older than", "claude update").await;
}

#[tokio::test]
async fn a_claude_that_breaks_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.program("claude", "exit 3");
    lab.finds("executor-claude", Fail, "exit status: 3", "claude --version").await;
}

#[tokio::test]
async fn a_claude_that_is_not_signed_in_is_a_warning() {
    let lab = Lab::healthy().await;
    lab.claude("2.1.328", r#"{"loggedIn": false, "authMethod": "none"}"#);
    lab.finds("claude-login", Warn, "every task would fail", "claude auth login").await;
}

#[tokio::test]
async fn a_key_that_is_set_here_and_does_not_reach_the_agent_is_named_and_not_shown() {
    let mut lab = Lab::healthy().await;
    // Signed in only where the key arrives, as the real program is.
    lab.program(
        "claude",
        "test -n \"$ANTHROPIC_API_KEY\" && echo '{\"loggedIn\": true}' || echo '{\"loggedIn\": false}'",
    );
    lab.env.insert("ANTHROPIC_API_KEY".to_owned(), PLANTED.to_owned());
    let cause = "ANTHROPIC_API_KEY is set here, but it is not passed to agents";
    let line = lab.finds("claude-login", Warn, cause, "env_pass = [\"ANTHROPIC_API_KEY\"]").await;
    assert!(!format!("{line:?}").contains(PLANTED));
    lab.config += "[executors.claude]\nenv_pass = [\"ANTHROPIC_API_KEY\"]\n";
    assert_eq!(lab.look("claude-login").await.finding.status, Ok);
}

#[tokio::test]
async fn a_claude_that_cannot_tell_whether_it_is_signed_in_is_a_warning() {
    let lab = Lab::healthy().await;
    lab.program("claude", "echo 'Unknown command: auth'");
    lab.finds("claude-login", Warn, "Unknown command", "claude update").await;
}

#[tokio::test]
async fn a_folder_that_claude_cannot_write_is_a_failure() {
    let lab = Lab::healthy().await;
    std::fs::create_dir(lab.at("home/.claude")).unwrap();
    lab.path(&lab.at("home/.claude"), |facts| facts.writable = false);
    lab.finds("claude-folder", Fail, "no session can begin", "sudo chown -R").await;
}

#[tokio::test]
async fn no_git_is_a_failure_and_projects_are_not_judged_without_it() {
    let lab = Lab::healthy().await;
    lab.remove_program("git");
    lab.finds("git", Fail, "no `git` in PATH", "apt install git").await;
    let skipped = lab.look("projects").await.finding;
    assert_eq!((skipped.status, skipped.summary.as_str()), (Skip, "no usable git: see `git`"));
}

#[tokio::test]
async fn a_git_that_is_too_old_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.program("git", "echo 'git version 2.20.1'");
    lab.finds("git", Fail, "git 2.20.1 is too old", "update it to").await;
}

#[tokio::test]
async fn no_project_is_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.config = "[server]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    lab.finds("projects", Warn, "no folder that they may work in", "gateway projects add").await;
}

#[tokio::test]
async fn a_project_whose_folder_is_missing_is_a_failure_also_without_git() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir_all(lab.at("project")).unwrap();
    lab.finds("projects", Fail, "cannot be opened", "gateway projects remove api").await;
    lab.remove_program("git");
    lab.finds("projects", Fail, "cannot be opened", "gateway projects remove api").await;
}

#[tokio::test]
async fn a_project_that_is_a_file_is_a_failure() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir_all(lab.at("project")).unwrap();
    std::fs::write(lab.at("project"), "").unwrap();
    lab.finds("projects", Fail, "is not a folder", "name its folder").await;
}

#[tokio::test]
async fn a_project_in_the_state_folder_is_refused() {
    let mut lab = Lab::healthy().await;
    lab.config = format!("[projects.api]\npath = {:?}\n", lab.at("state").display().to_string());
    lab.finds("projects", Fail, "state folder", "name a folder apart from it").await;
}

#[tokio::test]
async fn a_project_without_git_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir_all(lab.at("project/.git")).unwrap();
    let line = lab.finds("projects", Warn, "has no .git", "git -C ").await;
    lab.follow(&line.finding.fix.unwrap());
    assert_eq!(lab.look("projects").await.finding.status, Ok);
}

#[tokio::test]
async fn a_project_without_a_commit_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    std::fs::remove_dir_all(lab.at("project/.git")).unwrap();
    lab.git(&["init", "-q", "-b", "main"]);
    let line = lab.finds("projects", Warn, "its branch main is empty", "--allow-empty -m").await;
    lab.follow(&line.finding.fix.unwrap());
    assert_eq!(lab.look("projects").await.finding.status, Ok);
}

#[tokio::test]
async fn a_project_on_no_branch_is_cured_by_the_command_it_names() {
    let lab = Lab::healthy().await;
    lab.git(&["checkout", "-q", "--detach"]);
    let line = lab.finds("projects", Warn, "its HEAD is detached at", "switch -").await;
    let fix = line.finding.fix.unwrap();
    lab.follow(fix.split_once("; or").unwrap().0);
    assert_eq!(lab.look("projects").await.finding.status, Ok);
}

#[tokio::test]
async fn a_broken_repository_is_a_failure() {
    let lab = Lab::healthy().await;
    std::fs::write(lab.at("project/.git/HEAD"), "nonsense").unwrap();
    lab.finds("projects", Fail, "", "fsck").await;
}

#[tokio::test]
async fn one_bad_project_of_several_names_itself() {
    let mut lab = Lab::healthy().await;
    lab.config += "[projects.gone]\npath = \"/nonexistent/gone\"\n";
    let line =
        lab.finds("projects", Fail, "/nonexistent/gone", "gateway projects remove gone").await;
    assert!(line.finding.summary.contains("gone"));
}
