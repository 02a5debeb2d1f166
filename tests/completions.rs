//! The files in `completions/` are what `gateway completions SHELL` prints.
use std::process::Command;

/// The shells, and the names that they look for.
const FILES: [(&str, &str); 5] = [
    ("bash", "gateway.bash"),
    ("elvish", "gateway.elv"),
    ("fish", "gateway.fish"),
    ("powershell", "_gateway.ps1"),
    ("zsh", "_gateway"),
];

#[test]
fn the_committed_completions_are_the_generated_ones() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in FILES {
        let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["completions", shell])
            .output()
            .expect("the program runs");
        assert!(output.status.success());
        let path = folder.join(file);
        // Set to write the files anew after the command line has changed.
        if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
            std::fs::write(&path, &output.stdout).expect("the file can be written");
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        let cure = "run the test once with UPDATE_COMPLETIONS=1";
        assert!(committed == output.stdout, "{} is out of date: {cure}", path.display());
    }
}
