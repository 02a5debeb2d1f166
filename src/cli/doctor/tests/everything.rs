//! The checks together: order, bounds, output, and what must never be in it.
use futures::future::BoxFuture;

use super::lab::{LONG, Lab, PLANTED};
use crate::cli::doctor::{self, CHECKS, Check, Finding, Status, Verdict, World};
use crate::secret::{KeyringError, Lock, SecretName};

#[tokio::test]
async fn a_healthy_set_up_has_nothing_to_say() {
    let lab = Lab::healthy().await;
    let report = lab.report().await;
    let bad = report.lines.iter().filter(|line| line.finding.status > Status::Ok);
    assert_eq!(bad.collect::<Vec<_>>(), Vec::<&doctor::Line>::new());
    assert!(report.is_ok());
    insta::assert_snapshot!("healthy", shown(&lab, &report));
}

#[tokio::test]
async fn a_broken_set_up_reads_like_this() {
    let mut lab = Lab::healthy().await;
    lab.remove_program("claude");
    lab.vault.fail_with(Some(|| KeyringError::Locked(Lock::Closed).into()));
    lab.machine(|facts| {
        facts.space.free = 40_000_000;
        facts.columns = None;
    });
    lab.config += "[projects.gone]\npath = \"/nonexistent/gone\"\n[projects.lost]\npath = \"/nonexistent/lost\"\n";
    let report = lab.report().await;
    assert!(!report.is_ok());
    insta::assert_snapshot!("broken", shown(&lab, &report));
}

/// The text without what differs between machines.
fn shown(lab: &Lab, report: &doctor::Report) -> String {
    let text = lab.anonymous(&report.text(false));
    let line = |line: &str| match line {
        line if line.contains("  version  ") => "[version]".to_owned(),
        line if line.contains("git version") || line.contains("  git  ") => "[git]".to_owned(),
        line if line.contains("  database  ") => "[database]".to_owned(),
        line => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let mut lab = Lab::healthy().await;
    for name in ["ANTHROPIC_API_KEY", "NGROK_AUTHTOKEN", "HERMES_API_KEY", "AWS_SECRET_ACCESS_KEY"]
    {
        lab.env.insert(name.to_owned(), format!("{PLANTED}\""));
    }
    lab.claude("2.1.328", r#"{"loggedIn": false}"#);
    lab.keep(SecretName::HERMES_API_KEY, PLANTED).await;
    lab.config += "[executors.claude]\nenv_pass = [\"NOT_SET\"]\n";
    let report = lab.report().await;
    let all = format!("{}{}{report:?}", report.text(true), report.json());
    assert!(!all.contains(PLANTED));
    assert!(report.count(Status::Fail) > 0, "the token is none: {all}");
}

#[tokio::test]
async fn with_no_configuration_the_rest_is_still_looked_at() {
    let mut lab = Lab::healthy().await;
    lab.config = "[".to_owned();
    let report = lab.report().await;
    for line in &report.lines {
        let finding = &line.finding;
        match line.id {
            "config" => assert_eq!(finding.status, Status::Fail),
            "git" | "disk" | "database" | "folders" => assert_eq!(finding.status, Status::Ok),
            _ => assert!(finding.status <= Status::Ok, "{line:?}"),
        }
    }
}

#[tokio::test]
async fn whatever_is_not_well_has_a_cause_and_a_cure_and_what_is_skipped_a_reason() {
    let lab = Lab::healthy().await;
    lab.vault.fail_with(Some(|| KeyringError::Locked(Lock::Closed).into()));
    std::fs::remove_dir_all(lab.at("project")).unwrap();
    lab.remove_program("git");
    lab.remove_program("claude");
    for line in lab.report().await.lines {
        let finding = line.finding;
        assert!(!finding.summary.is_empty());
        let told = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if finding.status > Status::Ok {
            assert!(told(&finding.detail) && told(&finding.fix), "{}: {finding:?}", line.id);
        }
    }
}

#[test]
fn ids_are_unique_and_written_in_small_letters() {
    let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id()).collect();
    assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn an_unknown_id_is_answered_with_the_nearest_one() {
    let asked = |id: &str| doctor::select(&[id.to_owned()]).err().map(|error| error.to_string());
    assert_eq!(asked("gitt").unwrap(), "there is no check \"gitt\"; did you mean `git`?");
    assert_eq!(
        asked("listen").unwrap(),
        "there is no check \"listen\"; did you mean `listen-port`?"
    );
    assert_eq!(asked("git"), None);
    let chosen =
        doctor::select(&["git".to_owned(), "config".to_owned(), "git".to_owned()]).unwrap();
    let ids: Vec<&str> = chosen.iter().map(|check| check.id()).collect();
    assert_eq!(ids, ["config", "git"], "in the table's order, each once");
}

/// A check that misbehaves.
enum Bad {
    Hangs,
    Panics,
    Well,
}

impl Check for Bad {
    fn id(&self) -> &'static str {
        match self {
            Self::Hangs => "hangs",
            Self::Panics => "panics",
            Self::Well => "well",
        }
    }
    fn title(&self) -> &'static str {
        "itself"
    }
    fn run<'a>(&'a self, _world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async {
            match self {
                Self::Hangs => tokio::time::sleep(LONG).await,
                Self::Panics => panic!("on purpose"),
                Self::Well => {}
            }
            Ok(Finding::ok("well"))
        })
    }
}

#[tokio::test]
async fn a_check_that_hangs_or_panics_is_its_own_failure_and_the_order_stays() {
    let lab = Lab::healthy().await;
    let world = lab.world();
    tokio::time::pause();
    let lines = doctor::run(&[&Bad::Hangs, &Bad::Panics, &Bad::Well], &world).await;
    let told: Vec<_> = lines.iter().map(|line| (line.id, line.finding.status)).collect();
    let expected = [("hangs", Status::Fail), ("panics", Status::Fail), ("well", Status::Ok)];
    assert_eq!(told, expected);
    assert_eq!(lines[0].finding.summary, "looking at itself took longer than 10 s");
    assert!(lines[1].finding.fix.as_ref().unwrap().contains("doctor --only panics"));
}
