//! Promises of installing and removing, against a service manager that only remembers.
use super::*;

/// Answers each command line with what was prepared for its beginning; success and silence else.
#[derive(Default)]
struct Scripted {
    answers: Vec<(&'static str, Result<Output, RunError>)>,
    ran: Vec<String>,
}

impl Scripted {
    fn answering(mut self, start: &'static str, answer: Result<Output, RunError>) -> Self {
        self.answers.push((start, answer));
        self
    }
}

impl Runner for Scripted {
    fn run(&mut self, invocation: &Invocation) -> Result<Output, RunError> {
        let line = invocation.to_string();
        let answer = self.answers.iter().position(|(start, _)| line.starts_with(start));
        self.ran.push(line);
        match answer {
            // The last answer for a beginning stays.
            Some(at) => {
                let start = self.answers[at].0;
                let more = self.answers.iter().filter(|(other, _)| *other == start).count() > 1;
                if more { self.answers.remove(at).1 } else { again(&self.answers[at].1) }
            }
            None => Ok(Output { success: true, ..Output::default() }),
        }
    }
}

fn again(answer: &Result<Output, RunError>) -> Result<Output, RunError> {
    match answer {
        Ok(output) => Ok(output.clone()),
        Err(RunError::Missing) => Err(RunError::Missing),
        Err(_) => Err(RunError::TimedOut),
    }
}

fn shows(text: &str) -> Output {
    Output { success: true, stdout: text.to_owned(), ..Output::default() }
}

fn no_bus() -> Output {
    let stderr = "Failed to connect to bus: No medium found\n".to_owned();
    Output { success: false, stderr, ..Output::default() }
}

const SHOW: &str = "systemctl --user show gateway.service";
const ABSENT: &str = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n";
const ACTIVE: &str =
    "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n";

fn linux(home: &Path) -> Box<dyn Supervisor> {
    let user = User { home: home.to_owned(), config_home: None, uid: 1000 };
    supervisor("linux", &user).unwrap()
}

#[test]
fn installing_writes_the_unit_and_starts_it_and_again_does_nothing() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    let mut systemd =
        Scripted::default().answering(SHOW, Ok(shows(ABSENT))).answering(SHOW, Ok(shows(ACTIVE)));
    let (state, changed) = install(&*service, "[Unit]\n", &mut systemd).unwrap();
    assert!(changed && state.running && state.enabled);
    assert_eq!(std::fs::read_to_string(service.unit()).unwrap(), "[Unit]\n");
    assert!(systemd.ran.contains(&"systemctl --user restart gateway.service".to_owned()));

    let mut systemd = Scripted::default().answering(SHOW, Ok(shows(ACTIVE)));
    let (_, changed) = install(&*service, "[Unit]\n", &mut systemd).unwrap();
    assert!(!changed);
    assert!(systemd.ran.iter().all(|line| line.starts_with(SHOW)), "{:?}", systemd.ran);
}

#[test]
fn a_service_manager_out_of_reach_is_unavailable_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    for (answer, word) in [(Ok(no_bus()), "No medium found"), (Err(RunError::TimedOut), "60 s")] {
        let mut systemd = Scripted::default().answering(SHOW, answer);
        let error = install(&*service, "[Unit]\n", &mut systemd).unwrap_err();
        assert_eq!(error.cause(), Cause::Unavailable);
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.hint().contains("loginctl enable-linger"), "{}", error.hint());
    }
    let mut none = Scripted::default().answering(SHOW, Err(RunError::Missing));
    let error = install(&*service, "[Unit]\n", &mut none).unwrap_err();
    assert_eq!(error.cause(), Cause::Unavailable);
    assert!(error.to_string().contains("systemctl is not installed"), "{error}");
    assert_eq!(UnitText::read(service.unit()).unwrap(), UnitText::Missing);
}

#[test]
fn removing_twice_is_fine_and_so_is_removing_where_nothing_runs_services() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    std::fs::create_dir_all(service.unit().parent().unwrap()).unwrap();
    std::fs::write(service.unit(), "[Unit]\n").unwrap();
    let mut systemd =
        Scripted::default().answering(SHOW, Ok(shows(ACTIVE))).answering(SHOW, Ok(shows(ABSENT)));
    assert!(uninstall(&*service, &mut systemd).unwrap());
    assert!(!service.unit().exists());
    assert!(systemd.ran.contains(&"systemctl --user stop gateway.service".to_owned()));
    assert!(!uninstall(&*service, &mut systemd).unwrap());
    let mut none = Scripted::default().answering(SHOW, Ok(no_bus()));
    assert!(!uninstall(&*service, &mut none).unwrap());
}

#[test]
fn an_installed_service_is_not_removed_behind_the_back_of_its_manager() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    std::fs::create_dir_all(service.unit().parent().unwrap()).unwrap();
    std::fs::write(service.unit(), "[Unit]\n").unwrap();
    let mut none = Scripted::default().answering(SHOW, Ok(no_bus()));
    let error = uninstall(&*service, &mut none).unwrap_err();
    assert_eq!(error.cause(), Cause::Unavailable);
    assert!(service.unit().exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_unit_that_is_a_link_belongs_to_something_else() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    std::fs::create_dir_all(service.unit().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/null", service.unit()).unwrap();
    let mut systemd = Scripted::default().answering(SHOW, Ok(shows(ABSENT)));
    let error = install(&*service, "[Unit]\n", &mut systemd).unwrap_err();
    assert!(matches!(error, ServiceError::Foreign { .. }), "{error}");
}

#[test]
fn a_packaged_unit_is_left_to_its_package() {
    let home = tempfile::tempdir().unwrap();
    let service = linux(home.path());
    let packaged = format!("{ACTIVE}FragmentPath=/usr/lib/systemd/user/gateway.service\n");
    let mut systemd = Scripted::default().answering(SHOW, Ok(shows(&packaged)));
    let error = uninstall(&*service, &mut systemd).unwrap_err();
    assert!(error.to_string().contains("/usr/lib/systemd/user"), "{error}");
}

#[test]
fn systems_without_services_say_so() {
    let user = User { home: "/home/u".into(), config_home: None, uid: 1 };
    for (os, name) in [("windows", "Windows"), ("freebsd", "freebsd")] {
        let Err(error) = supervisor(os, &user) else { panic!("{os} is not supported") };
        assert_eq!(error.cause(), Cause::Unavailable);
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.hint().contains("gateway serve"), "{}", error.hint());
    }
}
