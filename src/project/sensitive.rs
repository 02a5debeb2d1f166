//! Which names of files and folders hold secrets: git's own folders, environment files, keys and
//! credentials. [`is_sensitive`] judges one name of a path, as every file system that a project may
//! lie on would read it, so that no spelling gets around it.
use std::ffi::OsStr;

use gateway_os::beneath::Place;

use crate::model::steers;

/// Folders of programs that keep keys and tokens in them; as files they are none of our business.
const ANYWHERE: &[&str] = &[
    ".ssh",
    ".aws",
    ".gnupg",
    ".azure",
    ".kube",
    ".docker",
    ".gcloud",
    "gcloud",
    ".vault-token",
    ".password-store",
];

/// Files that hold credentials.
const FILES: &[&str] = &[
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".terraformrc",
    ".s3cfg",
    ".boto",
    ".dockercfg",
    ".secrets",
    ".secret",
    "kubeconfig",
    "shadow",
    "htpasswd",
    ".yarnrc.yml",
];

/// Endings of keys, key stores and states that hold secrets.
const ENDINGS: &[&str] = &[
    ".pem",
    ".key",
    ".p8",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".kdb",
    ".ppk",
    ".tfstate",
    ".tfstate.backup",
    ".tfvars",
    ".ovpn",
    ".keytab",
    ".age",
    ".gpg",
];

/// Beginnings of private keys, as `ssh-keygen` names them.
const KEYS: &[&str] = &["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];

/// Names that say so themselves, when the ending is that of data and not of source code.
const TELLING: &[&str] = &["credential", "secret", "service-account", "service_account"];

/// Endings of data.
const DATA: &[&str] = &[
    "",
    "json",
    "yml",
    "yaml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "txt",
    "xml",
    "properties",
    "env",
    "enc",
    "csv",
    "db",
];

/// Whether files of this name, or below a folder of this name, are not to be shown.
pub(super) fn is_sensitive(name: &OsStr, place: Place) -> bool {
    let name = folded(&name.to_string_lossy());
    let name = name.as_str();
    // `git~1` is how Windows spells `.git` in eight letters.
    let of_git = name == ".git" || name.strip_suffix(".git").is_some() || name.starts_with("git~");
    if of_git || name.starts_with(".env") || ANYWHERE.contains(&name) {
        return true;
    }
    if place == Place::Folder {
        return false;
    }
    let stem = name.trim_start_matches('.');
    let (stem, ending) = stem.rsplit_once('.').unwrap_or((stem, ""));
    let data = DATA.contains(&ending);
    FILES.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || (KEYS.iter().any(|key| name.starts_with(key)) && ending != "pub")
        || (data && TELLING.iter().any(|word| stem.contains(word)))
}

/// A name as the most forgiving file system reads it: without case, without what does not show,
/// without dots and spaces at its end, without a stream's name.
fn folded(name: &str) -> String {
    let plain = |c: char| match c {
        // Full-width forms.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    let shows = |c: &char| !steers(*c) && !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{34f}');
    // Both ways: the long s and the Kelvin sign have an ASCII letter on one of them only.
    let upper = name.chars().filter(shows).map(plain).flat_map(char::to_uppercase);
    let folded: String = upper.flat_map(char::to_lowercase).collect();
    let name = match folded.split_once(':') {
        Some((name, _)) => name,
        None => &folded,
    };
    name.trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(names: &[&str], place: Place) -> Vec<bool> {
        names.iter().map(|name| is_sensitive(OsStr::new(name), place)).collect()
    }

    #[test]
    fn secrets_are_known_in_every_spelling() {
        let names = [
            ".git",
            ".GIT",
            ".git.",
            ".git ",
            ".git::$INDEX_ALLOCATION",
            "GIT~1",
            ".g\u{200c}it",
            "．git",
            ".gıt",
            "bare.git",
            ".env",
            ".env.local",
            ".ENV",
            ".envrc",
            ".env:stream",
            "ID_RSA",
            "id_ed25519_work",
            "server.pem",
            "tls.KEY",
            "a.p12",
            ".netrc",
            ".npmrc",
            "credentials",
            "credentials.json",
            "aws-credentials.yml",
            "secrets.toml",
            ".secret",
            "client_secret.json",
            "terraform.tfstate",
            ".\u{17f}\u{17f}h",
            ".aws",
            ".pgpass",
            ".p\u{212a}ey.key",
        ];
        for (name, refused) in names.iter().zip(judged(&names, Place::File)) {
            assert!(refused, "{name}");
        }
        let folders = [".git", ".Git", ".env", ".ssh", ".aws", ".kube", "modules.git"];
        assert_eq!(judged(&folders, Place::Folder), [true; 7]);
    }

    #[test]
    fn source_code_and_public_keys_are_shown() {
        let names = [
            "credentials.rs",
            "secret.py",
            "secrets_test.go",
            "main.rs",
            ".gitignore",
            "git.rs",
            ".gitattributes",
            "id_rsa.pub",
            "keys.md",
            "environment.ts",
            "key",
            "keyboard.c",
            ".github",
            "digital.txt",
        ];
        for (name, refused) in names.iter().zip(judged(&names, Place::File)) {
            assert!(!refused, "{name}");
        }
        assert_eq!(judged(&["secrets", "src", ".github"], Place::Folder), [false; 3]);
    }
}
