//! macOS: an agent of the user's login session under launchd. Written from launchd.plist(5) and
//! launchctl(1); not tried on a Mac yet.
//!
//! The text is `install/gateway.plist` with the command line and `PATH` filled in.
use std::path::{Path, PathBuf};

use super::{
    Invocation, Output, RunError, Runner, ServiceError, Spec, State, Step, Supervisor, UnitText,
    User,
};

const TEMPLATE: &str = include_str!("../../../install/gateway.plist");
const ARGUMENTS: &str = "\t\t<string>/usr/local/bin/gateway</string>\n\
    \t\t<string>serve</string>\n\t\t<string>--no-open</string>\n";
const SEARCH_PATH: &str =
    "\t\t<string>/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin</string>\n";
const LABEL: &str = "dev.gateway.gateway";

/// launchd, as the user's own part of it.
#[derive(Debug)]
pub(super) struct Launchd {
    unit: PathBuf,
    domain: String,
    target: String,
}

impl Launchd {
    pub(super) fn new(user: &User) -> Self {
        let domain = format!("gui/{}", user.uid);
        Self {
            unit: user.home.join("Library/LaunchAgents").join(format!("{LABEL}.plist")),
            target: format!("{domain}/{LABEL}"),
            domain,
        }
    }

    fn bootstrap(&self) -> Step {
        Step::Run(Invocation::new(
            "launchctl",
            &["bootstrap", &self.domain, &self.unit.display().to_string()],
        ))
    }

    fn parse(&self, disabled: &str, service: &Output) -> State {
        let switched_off = disabled.lines().any(|line| {
            line.contains(&format!("\"{LABEL}\""))
                && (line.ends_with("=> disabled") || line.ends_with("=> true"))
        });
        let mut lines = service.stdout.lines().map(str::trim);
        let detail = lines.find_map(|line| line.strip_prefix("state = ")).map(str::to_owned);
        let installed = service.success || self.unit.exists();
        State {
            installed,
            enabled: installed && !switched_off,
            running: service.success && detail.as_deref() == Some("running"),
            unit: self.unit.clone(),
            detail: detail.filter(|_| service.success),
        }
    }
}

impl Supervisor for Launchd {
    fn unit(&self) -> &Path {
        &self.unit
    }

    fn render(&self, spec: &Spec) -> Result<String, ServiceError> {
        let string = |text: &str| format!("\t\t<string>{}</string>\n", in_xml(text));
        let words = std::iter::once(spec.program()).chain(spec.arguments());
        let arguments: String = words.map(string).collect();
        Ok(TEMPLATE.replacen(ARGUMENTS, &arguments, 1).replacen(
            SEARCH_PATH,
            &string(spec.search_path()),
            1,
        ))
    }

    fn queries(&self) -> Vec<Invocation> {
        vec![
            Invocation::new("launchctl", &["print-disabled", &self.domain]),
            Invocation::new("launchctl", &["print", &self.target]),
        ]
    }

    fn state(&self, runner: &mut dyn Runner) -> Result<State, ServiceError> {
        let unreachable = |said| ServiceError::Unreachable {
            said,
            cure: "log in at the Mac's own screen once: an agent belongs to that session",
        };
        let mut answers = Vec::new();
        for query in self.queries() {
            answers.push(runner.run(&query).map_err(|error| match error {
                RunError::Missing => ServiceError::NoTool {
                    program: "launchctl",
                    instead: "run `gateway serve` in a terminal",
                },
                other => unreachable(other.to_string()),
            })?);
        }
        let [disabled, service] = answers.as_slice() else {
            return Err(unreachable("it was not asked".to_owned()));
        };
        if !disabled.success {
            return Err(unreachable(disabled.said()));
        }
        Ok(self.parse(&disabled.stdout, service))
    }

    fn install(&self, state: &State, on_disk: &UnitText, wanted: &str) -> Vec<Step> {
        let changed = !matches!(on_disk, UnitText::Text(text) if text == wanted);
        if !changed && state.running && state.enabled {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if changed {
            steps.push(Step::Write { path: self.unit.clone(), text: wanted.to_owned() });
        }
        steps.push(Step::Run(Invocation::new("launchctl", &["enable", &self.target])));
        // A loaded agent keeps its old text; bootstrap refuses one that is loaded.
        steps.push(Step::Try(Invocation::new("launchctl", &["bootout", &self.target])));
        steps.push(self.bootstrap());
        steps
    }

    fn uninstall(&self) -> Vec<Step> {
        vec![
            Step::Try(Invocation::new("launchctl", &["bootout", &self.target])),
            Step::Remove { path: self.unit.clone() },
        ]
    }
}

fn in_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::service::{SearchPath, Verdict};

    fn launchd() -> Launchd {
        Launchd::new(&User { home: "/Users/u".into(), config_home: None, uid: 501 })
    }

    #[test]
    fn the_plist_is_the_template_with_command_line_and_path_filled_in() {
        for part in [ARGUMENTS, SEARCH_PATH] {
            assert_eq!(TEMPLATE.matches(part).count(), 1, "the template has {part:?} once");
        }
        let path = SearchPath::of("/a&b", Path::new("/Users/u"), |_| Verdict::Trusted);
        let program = Path::new("/Users/u/.local/bin/gateway");
        let spec = Spec::new(program, Some(Path::new("/c<d>.toml")), path).unwrap();
        let plist = launchd().render(&spec).unwrap();
        let expected = TEMPLATE
            .replace(
                ARGUMENTS,
                "\t\t<string>/Users/u/.local/bin/gateway</string>\n\
                 \t\t<string>--config</string>\n\
                 \t\t<string>/c&lt;d&gt;.toml</string>\n\
                 \t\t<string>serve</string>\n\
                 \t\t<string>--no-open</string>\n",
            )
            .replace(SEARCH_PATH, "\t\t<string>/a&amp;b:/usr/local/bin:/usr/bin:/bin</string>\n");
        assert_eq!(plist, expected);
    }

    #[test]
    fn what_launchctl_prints_becomes_a_state() {
        let printed = "gui/501/dev.gateway.gateway = {\n\tactive count = 1\n\tstate = running\n\tpid = 7\n}\n";
        let service = Output { success: true, stdout: printed.to_owned(), ..Output::default() };
        let state = launchd().parse("disabled services = {\n}\n", &service);
        assert!(state.installed && state.enabled && state.running);
        assert_eq!(state.detail.as_deref(), Some("running"));
        let state = launchd().parse("\t\"dev.gateway.gateway\" => disabled\n", &service);
        assert!(!state.enabled);
        assert_eq!(
            launchd().parse("", &Output::default()),
            State { unit: launchd().unit, ..State::default() }
        );
    }

    #[test]
    fn installing_again_changes_nothing_while_it_runs_as_it_should() {
        let state = State { installed: true, enabled: true, running: true, ..State::default() };
        assert_eq!(launchd().install(&state, &UnitText::Text("a".to_owned()), "a"), []);
        let lines: Vec<String> = launchd()
            .install(&state, &UnitText::Text("a".to_owned()), "b")
            .iter()
            .map(Step::to_string)
            .collect();
        assert_eq!(
            lines[1..],
            [
                "launchctl enable gui/501/dev.gateway.gateway",
                "launchctl bootout gui/501/dev.gateway.gateway || true",
                "launchctl bootstrap gui/501 \
                 /Users/u/Library/LaunchAgents/dev.gateway.gateway.plist",
            ]
        );
    }
}
