//! Program files: whether one can be run, and making a small one.
use std::io;
use std::path::Path;

/// Whether `path` is a file that somebody may run. On Windows every file counts.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    let Ok(meta) = path.metadata() else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        meta.is_file() && meta.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    meta.is_file()
}

/// Makes a shell script that only this user can read and run; it must not exist yet.
///
/// # Errors
///
/// When the file system refuses; `Unsupported` where scripts cannot be run as programs.
pub fn make_script(path: &Path, text: &str) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o700).open(path)?;
        file.write_all(text.as_bytes())
    }
    #[cfg(not(unix))]
    {
        let _ = (path, text);
        Err(crate::unsupported("running a script as a program"))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_was_made_can_be_run_and_a_text_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let (script, text) = (folder.path().join("script"), folder.path().join("text"));
        make_script(&script, "#!/bin/sh\nexit 7\n").unwrap();
        std::fs::write(&text, "").unwrap();
        assert!(is_executable(&script) && !is_executable(&text) && !is_executable(folder.path()));
        assert_eq!(std::process::Command::new(&script).status().unwrap().code(), Some(7));
        assert!(make_script(&script, "").is_err());
    }
}
