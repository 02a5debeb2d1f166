//! The promises of loading, as seen by a caller.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const FILE: &str = "/home/ada/.config/gateway/config.toml";

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let home = [("HOME", "/home/ada")];
    home.iter().chain(pairs).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn load(text: &str) -> Result<Loaded, ConfigError> {
    load_with(text, &[], &Overrides::new("/work"))
}

fn load_with(text: &str, vars: &[(&str, &str)], flags: &Overrides) -> Result<Loaded, ConfigError> {
    Config::load(Some(Path::new(FILE)), Some(text), &env(vars), flags)
}

/// The texts of all problems of a config that must be refused.
fn refusals(text: &str) -> Vec<String> {
    let err = load(text).expect_err(text);
    err.problems().iter().map(ToString::to_string).collect()
}

/// The documented block of the README, as far as this version has its keys.
const DOCUMENTED: &str = include_str!("example.toml");

#[test]
fn the_documented_example_is_accepted_and_shows_the_defaults() {
    let loaded = load(DOCUMENTED).unwrap();
    let mut config = loaded.config;
    let project = config.projects.remove("my-api").unwrap();
    assert_eq!(project.path, Path::new("/home/ada/src/my-api"));
    assert_eq!(config, Config::default());
}

#[test]
fn an_empty_config_is_the_defaults() {
    for text in ["", "\u{feff}", "# nothing\n"] {
        assert_eq!(load(text).unwrap().config, Config::default());
    }
    let none = Config::load(None, None, &env(&[]), &Overrides::default()).unwrap();
    assert_eq!((none.config, none.file), (Config::default(), None));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let text = "[tasks]\nmax_concurrent = 4\ndefault_timeout = \"10m\"\n\n[limits]\nburst = 5\n";
    let vars = [("GATEWAY_TASKS__MAX_CONCURRENT", "5"), ("GATEWAY_TASKS__DEFAULT_TIMEOUT", "11m")];
    let flags = Overrides::new("/work").set("--max-concurrent", "tasks.max_concurrent", "6");
    let loaded = load_with(text, &vars, &flags).unwrap();
    assert_eq!(loaded.config.tasks.max_concurrent, 6);
    assert_eq!(Duration::from(loaded.config.tasks.default_timeout), Duration::from_secs(660));
    assert_eq!(loaded.config.limits.burst, 5);
    let origin = |key: &str| loaded.origin(&Key::dotted(key)).to_string();
    assert_eq!(origin("tasks.max_concurrent"), "--max-concurrent");
    assert_eq!(origin("tasks.default_timeout"), "GATEWAY_TASKS__DEFAULT_TIMEOUT");
    assert_eq!(origin("limits.burst"), format!("{FILE}:6"));
    assert_eq!(origin("limits.requests_per_minute"), "default");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_key() {
    assert_eq!(
        refusals("[server]\n\nlistn = \"127.0.0.1:1\"\n"),
        [format!("{FILE}:3: unknown key `server.listn`; did you mean `server.listen`?")]
    );
    assert_eq!(
        refusals("max_concurrent = 3\n"),
        [format!("{FILE}:1: unknown key `max_concurrent`; did you mean `tasks.max_concurrent`?")]
    );
    assert_eq!(
        refusals("[projects.a]\npath = \"/a\"\nexecuter = \"claude\"\n"),
        [format!(
            "{FILE}:3: unknown key `projects.a.executer`; did you mean `projects.a.executor`?"
        )]
    );
}

#[test]
fn keys_of_later_versions_are_unknown() {
    for text in [
        "[tasks]\nretention = \"90d\"\n",
        "[executors.claude]\nurl = \"http://127.0.0.1:8642\"\n",
        "[tunnel.command]\ncommand = [\"x\"]\n",
    ] {
        assert!(refusals(text)[0].contains("unknown key"), "{text}");
    }
}

#[test]
fn a_budget_of_nothing_or_beyond_what_holds_for_all_is_refused_with_a_hint() {
    let a = "[projects.a]\npath = \"/a\"\nbudget.";
    for (text, refusal) in [
        ("[budget]\nper_task_usd = 0\n".to_owned(), "that would allow nothing at all"),
        ("[budget]\nper_day_usd = -1.5\n".to_owned(), "that would allow nothing at all"),
        ("[budget]\nper_day_usd = 1e9\n".to_owned(), "more than a limit can be"),
        (format!("{a}turns = 0\n"), "a whole number from 1 to 100000"),
        (format!("{a}minutes = 0\n"), "a whole number from 1 to 10080"),
        (format!("{a}per_task_usd = 0.0\n"), "an amount of US dollars from 0.01 to 1000000"),
        (format!("{a}per_task_usd = 5.5\n"), "5.50, more than `budget.per_task_usd`, 5.00"),
        (format!("{a}per_day_usd = 26\n"), "26.00, more than `budget.per_day_usd`, 25.00"),
        (format!("{a}minutes = 121\n"), "121 minutes, more than `tasks.max_timeout`, \"2h\""),
    ] {
        let error = load(&text).expect_err(&text);
        assert!(error.to_string().contains(refusal), "{error}");
        assert!(error.hint().contains("set `") || error.hint().contains("raise `"), "{error:?}");
    }
    let set = load(&format!("{a}per_task_usd = 4\n")).unwrap().config.projects["a"].clone();
    assert_eq!(set.budget.per_task_usd.map(Usd::as_dollars), Some(4.0));
    assert_eq!((set.budget.per_day_usd, set.budget.turns, set.budget.minutes), (None, None, None));
}

#[test]
fn words_of_later_versions_are_refused_by_name() {
    for (text, word) in [
        ("[tunnel]\nprovider = \"cloudflare-named\"\n", "cloudflare-named"),
        ("[tunnel]\nprovider = \"command\"\n", "command"),
        ("[executors.codex]\nkind = \"acp\"\n", "acp"),
    ] {
        let refusals = refusals(text);
        let expected = format!("this version of gateway does not have `{word}`");
        assert!(refusals[0].contains(&expected), "{refusals:?}");
        assert_eq!(refusals.len(), 1, "{refusals:?}");
    }
}

#[test]
fn all_wrong_values_are_reported_at_once_with_what_is_allowed() {
    let text = "server = 3\n[tasks]\nmax_concurrent = \"three\"\noutput_bytes_max = \"lots\"\n\
                [limits]\nburst = 0\n[log]\nlevel = \"loud\"\n[secrets]\nbackend = 1979-05-27\n\
                [projects.a]\ndefault = \"yes\"\n";
    assert_eq!(
        refusals(text),
        [
            "1: `server` is 3; allowed: a table, written as `[server]`",
            "3: `tasks.max_concurrent` is \"three\"; allowed: a whole number from 1 to 64",
            "4: `tasks.output_bytes_max` is \"lots\": a size is a whole number and its unit (B, kB, \
             MB, GB, KiB, MiB, GiB); allowed: a size such as \"512kB\", \"10MB\", \"256MiB\" or \"2GB\"",
            "6: `limits.burst` is 0; allowed: a whole number from 1 to 1000000",
            "8: `log.level` is \"loud\": not one of the allowed words; allowed: \"error\", \"warn\", \
             \"info\", \"debug\", \"trace\"",
            "10: `secrets.backend` is the date 1979-05-27; allowed: \"keyring\", \"file\"",
            "11: `projects.a.path` is missing; allowed: a path in double quotes",
            "12: `projects.a.default` is \"yes\"; allowed: true or false",
        ]
        .map(|line| format!("{FILE}:{line}"))
    );
}

#[test]
fn contradictions_between_keys_are_refused() {
    for (text, part) in [
        ("[server]\nlisten = \"0.0.0.0:1\"", "`server.allow_lan` is false"),
        ("[tasks]\ndefault_timeout = \"3h\"", "longer than `tasks.max_timeout`"),
        ("[tasks]\nmax_timeout = \"10m\"", "longer than `tasks.max_timeout`"),
        ("[tasks]\nmax_timeout = \"5s\"", "from \"1m\" to \"7d\""),
        ("[auth]\nrefresh_ttl = \"1h\"", "shorter than `auth.access_ttl`"),
        ("[auth]\nregistration = []", "no client could ever connect"),
        ("[auth]\nredirect_uris = [\"cursor://x/cb\"]", "not in `auth.redirect_schemes`"),
        ("[auth]\nredirect_schemes = [\"javascript\"]", "never allowed"),
        ("[log]\nmax_bytes = \"1kB\"", "at least \"64kB\""),
        ("[projects.a]\npath = \"/a\"\nexecutor = \"codex\"", "the executors are \"claude\""),
        (
            "[projects.a]\npath = \"/a\"\ndefault = true\n[projects.b]\npath = \"/b\"\ndefault = true",
            "both true",
        ),
        ("[projects.a]\npath = \"\"", "is empty"),
        ("[projects.a]\npath = \"/a\"\nbranch_prefix = \"a b\"", "cannot hold ' '"),
        ("[projects.\"a b\"]\npath = \"/a\"", "a name begins with"),
        ("[executors.claude]\nenv_pass = [\"NGROK_AUTHTOKEN\"]", "an agent never gets it"),
        ("[executors.claude]\nenv_pass = [\"A=B\"]", "a name of letters"),
        (
            "[executors.fast]\nmodel = \"haiku\"",
            "`executors.fast.kind` is missing; allowed: \"claude\"",
        ),
        ("[executors.claude]\nmodel = \"--evil\"", "cannot begin with `-`"),
        ("[projects.a]\npath = \"/a\"\nallowed_tools = [\"-x\"]", "cannot begin with `-`"),
        ("[projects.a]\npath = \"/a\"\nallowed_tools = [\"\"]", "is empty"),
        ("[projects.a]\npath = \"/a\"\nallowed_tools = [\"Bash(\"]", "which is no rule"),
        ("[projects.a]\npath = \"/a\"\nallowed_tools = [\"Read Bash(ls)\"]", "which is no rule"),
        ("[projects.a]\npath = \"/a\"\ndescription = \"a\\u0007\"", "control characters"),
        ("[server]\npublic_url = \"http://a.example.org\"", "loopback host only"),
    ] {
        let refusals = refusals(text);
        assert!(refusals.len() == 1 && refusals[0].contains(part), "{text}\n{refusals:#?}");
        assert!(refusals[0].starts_with(FILE), "{refusals:?}");
    }
}

#[test]
fn a_lan_address_is_accepted_when_it_is_meant() {
    let loaded = load("[server]\nlisten = \"0.0.0.0:1\"\nallow_lan = true").unwrap();
    assert!(!loaded.config.server.listen.is_loopback());
}

#[test]
fn broken_toml_is_named_with_line_and_column() {
    let err = load("[server]\nlisten = 127.0.0.1:8765\n").unwrap_err();
    assert!(matches!(err, ConfigError::Syntax { line: 2, .. }), "{err:?}");
    assert!(err.to_string().starts_with(&format!("{FILE}:2:")), "{err}");
    assert!(matches!(load("[a]\n[a]\n").unwrap_err(), ConfigError::Syntax { line: 2, .. }));
}

#[test]
fn secrets_in_file_or_environment_are_refused_and_never_repeated() {
    let text = "[tunnel.ngrok]\nauthtoken = \"hunter2\"\nproxy_url = \"http://u:hunter2@p:1\"\n";
    let err =
        load_with(text, &[("GATEWAY_TUNNEL__NGROK__AUTHTOKEN", "hunter2")], &Overrides::new("/"));
    let err = err.unwrap_err();
    assert_eq!(err.problems().len(), 3);
    let all: Vec<_> = err.problems().iter().map(|p| format!("{p}{}{p:?}", p.hint())).collect();
    assert!(!all.concat().contains("hunter2") && !err.to_string().contains("hunter2"), "{all:#?}");
    assert!(err.problems()[0].hint().contains("gateway secrets set"));
}

#[test]
fn paths_are_absolute_and_start_where_they_were_written() {
    let text = "[log]\nfile = \"logs/g.log\"\n[tunnel.ngrok]\nca_file = \"./ca.pem\"\n\
                [executors.claude]\ncommand = \"~/bin/claude\"\n[projects.a]\npath = \"~\"\n";
    let flags =
        Overrides::new("/work").project("/b/repo").set("--cf", "tunnel.cloudflared.path", "bin/cf");
    let config = load_with(text, &[], &flags).unwrap().config;
    assert_eq!(config.log.file, Some(PathBuf::from("/home/ada/.config/gateway/logs/g.log")));
    assert_eq!(
        config.tunnel.ngrok.ca_file,
        Some(PathBuf::from("/home/ada/.config/gateway/ca.pem"))
    );
    assert_eq!(config.executors["claude"].command, Path::new("/home/ada/bin/claude"));
    assert_eq!(config.projects["a"].path, Path::new("/home/ada"));
    assert_eq!(config.projects["repo"].path, Path::new("/b/repo"));
    assert_eq!(config.tunnel.cloudflared.path, Some(PathBuf::from("/work/bin/cf")));
    assert_eq!(Config::default().executors["claude"].command, Path::new("claude"));
}

#[test]
fn a_home_that_is_not_known_is_an_error_not_a_guess() {
    let text = "[projects.a]\npath = \"~/a\"\n[projects.b]\npath = \"~eve/b\"\n";
    let err =
        Config::load(Some(Path::new(FILE)), Some(text), &BTreeMap::new(), &Overrides::default());
    let err = err.unwrap_err().to_string();
    assert!(err.contains("HOME is not set") && err.contains("only your own home"), "{err}");
}

#[test]
fn environment_values_are_read_as_their_keys_want_them() {
    let vars = [
        ("GATEWAY_CONFIG", "/x"),
        ("GATEWAY_STATE_DIR", "/x"),
        ("GATEWAY_SERVER__ALLOWED_HOSTS", "a.example.org, b.example.org"),
        ("GATEWAY_AUTH__REDIRECT_SCHEMES", "[\"cursor\", \"vscode\"]"),
        ("GATEWAY_TUNNEL__NGROK__DOMAIN", "x.example.org"),
        ("GATEWAY_SERVER__ALLOW_LAN", "true"),
        ("GATEWAY_PROJECTS__MY_API__DEFAULT", "true"),
        ("GATEWAY_PROJECTS__NEW__PATH", "/new"),
    ];
    let text = "[projects.my-api]\npath = \"/a\"\n";
    let config = load_with(text, &vars, &Overrides::new("/work")).unwrap().config;
    assert_eq!(config.server.allowed_hosts.len(), 2);
    assert_eq!(config.auth.redirect_schemes.len(), 2);
    assert_eq!(config.tunnel.ngrok.domain.unwrap().as_str(), "x.example.org");
    assert!(config.server.allow_lan && config.projects["my-api"].default);
    assert_eq!(config.projects["new"].path, Path::new("/new"));
}

#[test]
fn wrong_variables_are_named() {
    let vars = [
        ("GATEWAY_SERVER__LISTN", "x"),
        ("GATEWAY_LIMITS__BURST", "many"),
        ("GATEWAY_SERVER__ALLOW_LAN", "1"),
        ("GATEWAY_AUTH__REDIRECT_URIS", "[1]"),
        ("GATEWAY_TASKS__", "x"),
    ];
    let err = load_with("", &vars, &Overrides::new("/work")).unwrap_err().to_string();
    for (name, _) in vars {
        assert!(err.contains(name), "{name} in {err}");
    }
    assert!(err.contains("did you mean `server.listen`"), "{err}");
}

#[test]
fn a_variable_that_could_mean_two_projects_is_refused() {
    let text = "[projects.my-api]\npath = \"/a\"\n[projects.my_api]\npath = \"/b\"\n";
    let vars = [("GATEWAY_PROJECTS__MY_API__DEFAULT", "true")];
    let err = load_with(text, &vars, &Overrides::new("/work")).unwrap_err().to_string();
    assert!(err.contains("it could mean `projects.my-api` or `projects.my_api`"), "{err}");
}

#[test]
fn a_project_flag_takes_a_free_name_and_knows_its_folder_again() {
    let text = "[projects.repo]\npath = \"/a/repo\"\n";
    let names = |flags: &Overrides| -> Vec<String> {
        let config = load_with(text, &[], flags).unwrap().config;
        config.projects.keys().map(ToString::to_string).collect()
    };
    assert_eq!(names(&Overrides::new("/").project("/a/repo")), ["repo"]);
    assert_eq!(
        names(&Overrides::new("/").project("/b/repo").project("/b/repo")),
        ["repo", "repo-2"]
    );
    assert_eq!(names(&Overrides::new("/b").project("repo")), ["repo", "repo-2"]);
}

#[test]
fn the_default_project_is_the_marked_or_the_only_one() {
    let name =
        |text: &str| load(text).unwrap().config.default_project().map(|(name, _)| name.to_string());
    let (a, b) = ("[projects.a]\npath = \"/a\"\n", "[projects.b]\npath = \"/b\"\n");
    assert_eq!(name(""), None);
    assert_eq!(name(a), Some("a".to_owned()));
    assert_eq!(name(&format!("{a}{b}")), None);
    assert_eq!(name(&format!("{a}{b}default = true\n")), Some("b".to_owned()));
}

#[test]
fn the_block_of_the_design_is_accepted_without_naming_kinds() {
    let text = "[executors.claude]  # its name is its kind\ncommand = \"claude\"\n\
                owner_settings = false\nenv_pass = []\n";
    assert_eq!(load(text).unwrap().config, Config::default());
}

#[test]
fn the_example_has_every_key_of_the_schema_and_the_schema_has_every_key_of_it() {
    let loaded = load(DOCUMENTED).unwrap();
    let shape = |key: &Key| {
        let mut parts = key.parts().to_vec();
        if ["projects", "executors"].contains(&parts[0].as_str()) {
            parts[1] = "*".to_owned();
        }
        parts.join(".")
    };
    let in_example: std::collections::BTreeSet<_> = show::flatten(&loaded.config)
        .iter()
        .filter(|(key, _)| *loaded.origin(key) != Origin::Default)
        .map(|(key, _)| shape(key))
        .collect();
    let in_schema: std::collections::BTreeSet<_> =
        schema::leaves().iter().map(|(key, _)| key.parts().join(".")).collect();
    assert_eq!(in_example, in_schema);
}

#[test]
fn every_default_of_the_schema_is_what_an_empty_config_has() {
    let config = load("[projects.a]\npath = \"/a\"\n").unwrap().config;
    let values: BTreeMap<_, _> = show::flatten(&config).into_iter().collect();
    for (key, leaf) in schema::leaves() {
        let name = key.to_string().replace("projects.\"*\"", "projects.a");
        let key = Key::dotted(&name.replace("executors.\"*\"", "executors.claude"));
        if let Some(default) = leaf.get("default") {
            assert_eq!(Some(default), values.get(&key), "{key}");
        }
        assert!(leaf.get("description").is_some(), "{key} has no description");
    }
}

#[test]
fn what_is_shown_is_a_config_that_loads_to_the_same() {
    let text = format!("{DOCUMENTED}\n[projects.b]\npath = \"/b \\\"c\\\"\"\n");
    let loaded = load(&text).unwrap();
    let shown = loaded.show_text();
    assert!(shown.contains("tasks.max_concurrent = 3  # /home/ada"), "{shown}");
    assert!(shown.contains("projects.b.max_concurrent = 1  # default"), "{shown}");
    assert_eq!(load(&shown).unwrap().config, loaded.config);
    let json = loaded.show_json();
    assert_eq!(json["schema"], 1);
    let port = json["settings"].as_array().unwrap().iter().find(|s| s["key"] == "server.listen");
    assert_eq!(port.unwrap()["source"], "file");
}

#[test]
fn what_stands_after_an_equals_sign_in_env_pass_is_not_repeated() {
    let refusals = refusals("[executors.claude]\nenv_pass = [\"API_KEY=hunter2\"]");
    assert!(refusals[0].contains("API_KEY") && !refusals[0].contains("hunter2"), "{refusals:?}");
}

/// Every key with a name in place of `*`, and the example's value of it.
fn every_key() -> Vec<(Key, serde_json::Value)> {
    let values = show::flatten(&load(DOCUMENTED).unwrap().config);
    assert_eq!(values.len(), schema::leaves().len());
    values
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for (key, value) in every_key() {
        let parts: Vec<_> =
            key.parts().iter().map(|part| part.replace('-', "_").to_uppercase()).collect();
        let name = format!("GATEWAY_{}", parts.join("__"));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let loaded = load_with(DOCUMENTED, &[(&name, &text)], &Overrides::new("/work")).unwrap();
        assert_eq!(*loaded.origin(&key), Origin::Env { name });
        assert_eq!(loaded.config, load(DOCUMENTED).unwrap().config);
    }
}

#[test]
fn a_value_of_another_type_is_refused_for_every_key() {
    for (key, value) in every_key() {
        for wrong in
            ["1979-05-27", "{ a = 1 }", "[[1]]", "1.5", "99999999999", "true", "\"\\u0000\""]
        {
            let same_type = match &value {
                serde_json::Value::Bool(_) => wrong == "true",
                serde_json::Value::Number(number) if number.is_f64() => wrong == "1.5",
                serde_json::Value::String(_) => wrong.starts_with('"'),
                _ => false,
            };
            // A project needs its folder whatever else is wrong.
            let needs_path = key.to_string().starts_with("projects") && key.last() != "path";
            let path = if needs_path { "projects.my-api.path = \"/a\"\n" } else { "" };
            if same_type {
                continue;
            }
            let refusals = refusals(&format!("{path}{key} = {wrong}\n"));
            let expected = format!("`{key}` is ");
            assert!(
                refusals.len() == 1 && refusals[0].contains(&expected),
                "{key} {wrong} {refusals:?}"
            );
        }
    }
}

/// Texts that are nearly configs.
fn nearly_toml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "server",
            "tasks",
            "projects",
            "executors",
            "a",
            "claude",
            "listen",
            "path",
            "\"x y\"",
            "kind",
            "[",
            "]",
            "[[",
            "]]",
            ".",
            " = ",
            "\n",
            "\"",
            "3",
            "true",
            "1979-05-27",
            "nan",
            "{",
            "}",
            ",",
            "#",
            "~/x",
            "\"~\"",
            "\"/a\"",
            "default",
            "''",
            "tunnel",
            "ngrok",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ];
    proptest::collection::vec(word, 0..20).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn loading_never_panics_and_every_problem_has_words_and_a_hint(
        text in nearly_toml(),
        name in "GATEWAY_[A-Z_]{0,12}__[A-Z_.]{0,8}",
        value in "\\PC{0,8}",
    ) {
        if let Err(err) = load_with(&text, &[(&name, &value)], &Overrides::new("/work")) {
            prop_assert!(!err.to_string().is_empty() && !err.hint().is_empty());
            for problem in err.problems() {
                prop_assert!(!problem.hint().is_empty());
            }
        }
    }
}
