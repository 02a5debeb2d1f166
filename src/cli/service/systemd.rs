//! Linux: a unit of the systemd user manager.
//!
//! The text is `install/gateway.service` with two lines filled in. The syntax of values is that of
//! systemd.syntax(7) and systemd.service(5), "Command lines"; what `show` prints is systemctl(1).
use std::path::{Path, PathBuf};

use super::{
    Invocation, RunError, Runner, ServiceError, Spec, State, Step, Supervisor, UnitText, User,
};

const TEMPLATE: &str = include_str!("../../../install/gateway.service");
const EXEC_START: &str = "ExecStart=\"%h/.local/bin/gateway\" serve --no-open\n";
const ENVIRONMENT: &str = "Environment=\"PATH=%h/.local/bin:/usr/local/bin:/usr/bin:/bin\"\n";
const UNIT: &str = "gateway.service";
const PROPERTIES: &str =
    "LoadState,FragmentPath,UnitFileState,ActiveState,SubState,Result,ExecMainStatus";

/// The systemd user manager.
#[derive(Debug)]
pub(super) struct Systemd {
    unit: PathBuf,
}

impl Systemd {
    pub(super) fn new(user: &User) -> Self {
        let config = user.config_home.clone().unwrap_or_else(|| user.home.join(".config"));
        Self { unit: config.join("systemd/user").join(UNIT) }
    }

    fn parse(&self, shown: &str) -> State {
        let get = |name: &str| {
            let mut lines = shown.lines().filter_map(|line| line.split_once('='));
            lines.find_map(|(key, value)| (key == name).then_some(value)).unwrap_or_default()
        };
        let active = get("ActiveState");
        let fragment = get("FragmentPath");
        let detail = match (active, get("SubState")) {
            ("", _) | ("inactive", "dead") => None,
            ("failed", _) => {
                Some(format!("failed: {}, exit status {}", get("Result"), get("ExecMainStatus")))
            }
            (active, "auto-restart") => {
                let status = get("ExecMainStatus");
                Some(format!("{active}: it ended with exit status {status} and is started again"))
            }
            (active, sub) => Some(format!("{active} ({sub})")),
        };
        State {
            installed: get("LoadState") == "loaded" || self.unit.exists(),
            enabled: matches!(get("UnitFileState"), "enabled" | "enabled-runtime"),
            running: matches!(active, "active" | "reloading" | "refreshing"),
            unit: if fragment.is_empty() { self.unit.clone() } else { fragment.into() },
            detail,
        }
    }
}

impl Supervisor for Systemd {
    fn unit(&self) -> &Path {
        &self.unit
    }

    fn render(&self, spec: &Spec) -> Result<String, ServiceError> {
        let mut command = format!("ExecStart={}", in_quotes(spec.program()));
        for argument in spec.arguments() {
            command.push(' ');
            // Words of our own stand bare, as a person would write them.
            let bare = argument.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            command.push_str(&if bare { argument.to_owned() } else { in_quotes(argument) });
        }
        let path = format!("PATH={}", spec.search_path());
        let environment = format!("Environment={}", in_quotes(&path));
        Ok(TEMPLATE.replacen(EXEC_START, &(command + "\n"), 1).replacen(
            ENVIRONMENT,
            &(environment + "\n"),
            1,
        ))
    }

    fn queries(&self) -> Vec<Invocation> {
        vec![systemctl(&["show", UNIT, "--property", PROPERTIES])]
    }

    fn state(&self, runner: &mut dyn Runner) -> Result<State, ServiceError> {
        let unreachable = |said: String| ServiceError::Unreachable {
            said,
            cure: "log in as this user at the machine or by ssh (`su` and `sudo` start no session), \
                   or run `sudo loginctl enable-linger USER` once, then \
                   `export XDG_RUNTIME_DIR=/run/user/$(id -u)`; in a container run `gateway serve`",
        };
        let query = systemctl(&["show", UNIT, "--property", PROPERTIES]);
        match runner.run(&query) {
            Ok(output) if output.success => Ok(self.parse(&output.stdout)),
            Ok(output) => Err(unreachable(output.said())),
            Err(RunError::Missing) => Err(ServiceError::NoTool {
                program: "systemctl",
                instead: "start `gateway serve` from your init system; \
                          `gateway service install --print` shows what a unit would hold",
            }),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    fn install(&self, state: &State, on_disk: &UnitText, wanted: &str) -> Vec<Step> {
        let changed = !matches!(on_disk, UnitText::Text(text) if text == wanted);
        let mut steps = Vec::new();
        if changed {
            steps.push(Step::Write { path: self.unit.clone(), text: wanted.to_owned() });
            steps.push(Step::Run(systemctl(&["daemon-reload"])));
        }
        if changed || !state.enabled {
            steps.push(Step::Run(systemctl(&["enable", UNIT])));
        }
        if changed || !state.running {
            // One that has failed too often would be refused a start.
            steps.push(Step::Try(systemctl(&["reset-failed", UNIT])));
            steps.push(Step::Run(systemctl(&["restart", UNIT])));
        }
        steps
    }

    fn uninstall(&self) -> Vec<Step> {
        vec![
            // Fails when the file is gone already, or was never read.
            Step::Try(systemctl(&["disable", UNIT])),
            Step::Try(systemctl(&["stop", UNIT])),
            Step::Remove { path: self.unit.clone() },
            Step::Run(systemctl(&["daemon-reload"])),
            Step::Try(systemctl(&["reset-failed", UNIT])),
        ]
    }
}

fn systemctl(args: &[&str]) -> Invocation {
    Invocation::new("systemctl", &[&["--user"], args].concat())
}

/// A value in double quotes. `%` begins a specifier. [`Spec`] lets no quote, backslash or dollar
/// sign into paths of the command line; in `PATH` a dollar sign means itself.
fn in_quotes(value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::service::{SearchPath, Verdict};

    fn systemd() -> Systemd {
        Systemd::new(&User { home: "/home/u".into(), config_home: None, uid: 1000 })
    }

    fn spec(program: &str, config: Option<&str>, path: &str) -> Spec {
        let path = SearchPath::of(path, Path::new("/home/u"), |_| Verdict::Trusted);
        Spec::new(Path::new(program), config.map(Path::new), path).unwrap()
    }

    #[test]
    fn the_unit_is_the_template_with_two_lines_filled_in() {
        for line in [EXEC_START, ENVIRONMENT] {
            assert_eq!(TEMPLATE.matches(line).count(), 1, "the template has {line:?} once");
        }
        let spec = spec("/home/u/.local/bin/gateway", None, "/home/u/bin:/usr/bin");
        let unit = systemd().render(&spec).unwrap();
        let differing: Vec<(&str, &str)> =
            TEMPLATE.lines().zip(unit.lines()).filter(|(old, new)| old != new).collect();
        assert_eq!(unit.lines().count(), TEMPLATE.lines().count());
        assert_eq!(
            differing,
            [
                (EXEC_START.trim_end(), "ExecStart=\"/home/u/.local/bin/gateway\" serve --no-open"),
                (
                    ENVIRONMENT.trim_end(),
                    "Environment=\"PATH=/home/u/bin:/usr/bin:/usr/local/bin:/bin\""
                ),
            ]
        );
    }

    #[test]
    fn odd_paths_are_quoted_as_systemd_reads_them() {
        let spec = spec("/opt/100% a/gateway", Some("/home/u/my conf.toml"), "/a b:/c%h:/d\"e\\f");
        let unit = systemd().render(&spec).unwrap();
        let exec = "ExecStart=\"/opt/100%% a/gateway\" --config \"/home/u/my conf.toml\" serve --no-open\n";
        assert!(unit.contains(exec), "{unit}");
        assert!(unit.contains("\"PATH=/a b:/c%%h:/d\\\"e\\\\f:/usr/local/bin:"), "{unit}");
    }

    #[test]
    fn the_units_settings_let_agents_outlive_the_gateway_and_do_their_work() {
        let set = |line: &str| TEMPLATE.lines().any(|l| l == line);
        for line in [
            "KillMode=process",
            "Restart=on-failure",
            "RestartPreventExitStatus=2 77 78",
            "OOMPolicy=continue",
        ] {
            assert!(set(line), "{line}");
        }
        assert!(!TEMPLATE.lines().any(|line| line.starts_with("NoNewPrivileges=")));
    }

    const RUNNING: &str = "Result=success\nExecMainStatus=0\nLoadState=loaded\nActiveState=active\n\
        SubState=running\nFragmentPath=/home/u/.config/systemd/user/gateway.service\n\
        UnitFileState=enabled\n";

    #[test]
    fn what_systemctl_shows_becomes_a_state() {
        let unit = PathBuf::from("/home/u/.config/systemd/user/gateway.service");
        let running = State {
            installed: true,
            enabled: true,
            running: true,
            unit: unit.clone(),
            detail: Some("active (running)".to_owned()),
        };
        assert_eq!(systemd().parse(RUNNING), running);
        let absent = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nFragmentPath=\n\
            UnitFileState=\n";
        assert_eq!(systemd().parse(absent), State { unit, ..State::default() });
        let failed = RUNNING
            .replace("active\n", "failed\n")
            .replace("Result=success", "Result=exit-code")
            .replace("ExecMainStatus=0", "ExecMainStatus=78");
        let failed = systemd().parse(&failed);
        assert!(failed.installed && !failed.running);
        assert_eq!(failed.detail.as_deref(), Some("failed: exit-code, exit status 78"));
    }

    #[test]
    fn installing_again_changes_nothing_while_it_runs_as_it_should() {
        let state = systemd().parse(RUNNING);
        let wanted = "unit".to_owned();
        assert_eq!(systemd().install(&state, &UnitText::Text(wanted.clone()), &wanted), []);
        let stopped = State { running: false, ..state.clone() };
        let steps = systemd().install(&stopped, &UnitText::Text(wanted.clone()), &wanted);
        assert!(!steps.iter().any(|step| matches!(step, Step::Write { .. })), "{steps:?}");
        let lines: Vec<String> = systemd()
            .install(&state, &UnitText::Text("old".to_owned()), &wanted)
            .iter()
            .map(Step::to_string)
            .collect();
        assert_eq!(
            lines[1..],
            [
                "systemctl --user daemon-reload",
                "systemctl --user enable gateway.service",
                "systemctl --user reset-failed gateway.service || true",
                "systemctl --user restart gateway.service",
            ]
        );
    }
}
