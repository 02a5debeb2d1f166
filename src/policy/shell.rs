//! The class of a command line.
//!
//! This is no parser of shells, and need not be one: quotes and backslashes are taken out, the rest is
//! split into words wherever a shell might split it, and every word counts wherever it stands. So
//! whatever wraps a command (`env`, `xargs`, a pipe, quotes) keeps its words and can only raise the
//! class, and what builds words that are not in the text (`$`, braces, inline code) is the worst.
use std::path::Path;

use super::git::{self, flag};
use super::place::{Place, is_steering, place_of};
use crate::model::Class;

/// Nobody reads more before approving it.
const COMMAND_BYTES_MAX: usize = 16 << 10;

/// Programs that delete, end or reconfigure something, or run what the text does not show.
const DESTRUCTIVE: &str = " rm rmdir unlink shred dd wipefs fdisk sfdisk parted mount umount swapoff \
    sudo su doas pkexec runuser kill pkill killall skill xkill chown chgrp chattr setfacl setcap \
    truncate crontab systemctl service launchctl shutdown reboot halt poweroff insmod rmmod \
    modprobe sysctl iptables ip6tables nft ufw useradd userdel usermod groupadd passwd chpasswd visudo \
    docker podman nerdctl kubectl helm terraform tofu aws gcloud az chroot nsenter unshare eval xargs \
    parallel awk gawk mawk nawk trap gateway \
    remove-item ri del erase rd invoke-expression iex stop-process spps start-process saps \
    format-volume clear-content set-executionpolicy regedit diskpart icacls takeown ";

/// Programs that talk to other machines.
const NETWORK: &str = " curl wget wget2 aria2c httpie xh ssh sshpass scp sftp rsync rclone \
    nc ncat netcat socat telnet ftp tftp lftp ping ping6 traceroute dig nslookup whois nmap \
    npm npx pnpm pnpx yarn bun bunx corepack pip pip3 pipx uv uvx poetry conda mamba gem bundle \
    bundler composer cpan cpanm luarocks apt apt-get aptitude dnf yum zypper pacman apk brew snap \
    flatpak nix nix-env choco winget scoop gh glab mailx sendmail msmtp mutt openssl gpg \
    cloudflared ngrok tailscale psql mysql mongosh redis-cli invoke-webrequest iwr \
    invoke-restmethod irm test-netconnection ";

/// Subcommands of build tools that fetch or publish.
const FETCHING: &str = " install add get update upgrade fetch publish login owner yank search vendor \
    download mod ";

/// Programs that run the code they are given.
const INTERPRETERS: &str = " sh bash dash zsh ksh mksh ash fish csh tcsh busybox toybox perl ruby node \
    nodejs deno php lua luajit tclsh expect osascript pwsh powershell cmd python pypy julia rscript vi vim \
    nvim emacs ";

/// Words after which the next one may be a program.
const WRAPPERS: &str = " env exec command builtin nohup time timeout nice ionice setsid stdbuf coproc \
    find fd if then else elif while until do ! not watch entr ";

/// Places outside of any tree that do no harm.
const HARMLESS: [&str; 4] = ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin"];
const PROGRAM_FOLDERS: [&str; 6] =
    ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/opt/homebrew/bin/"];

/// A word, or a place where one command may end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Equals,
    Break,
}

/// The class of running `command` in `tree`: [`Class::Exec`] at least.
pub(super) fn class_of(command: &str, tree: &Path) -> Class {
    if command.trim().is_empty() || command.len() > COMMAND_BYTES_MAX || is_opaque(command) {
        return Class::Destructive;
    }
    let plain = command.replace("\\\n", "").replace(['\'', '"', '\\'], "");
    let tokens = tokens(&plain);
    let words = || tokens.iter().filter_map(|token| token.word());
    if words().any(|word| leads_out(word, tree)) || globs_a_program(&tokens) {
        return Class::Destructive;
    }
    let classes = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| token.word().map(|word| of_word(word, &tokens[at + 1..])));
    classes.max().unwrap_or(Class::Destructive).max(Class::Exec)
}

/// Whether the text does not say what would run, or looks like something else than it is.
fn is_opaque(command: &str) -> bool {
    let plain = |c: char| c == '\n' || c == '\t' || (' '..='~').contains(&c);
    command.contains(['$', '`', '{', '}']) || !command.chars().all(plain)
}

fn tokens(plain: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (part, end) in plain.split_inclusive(is_edge).map(split_edge) {
        if !part.is_empty() {
            tokens.push(Token::Word(part));
        }
        match end {
            None | Some(' ' | '\t') => {}
            Some('=') => tokens.push(Token::Equals),
            Some(_) => tokens.push(Token::Break),
        }
    }
    tokens
}

const fn is_edge(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' | '=')
}

fn split_edge(part: &str) -> (&str, Option<char>) {
    match part.char_indices().last() {
        Some((at, c)) if is_edge(c) => (&part[..at], Some(c)),
        _ => (part, None),
    }
}

impl<'a> Token<'a> {
    const fn word(&self) -> Option<&'a str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Equals | Self::Break => None,
        }
    }
}

/// Whether a word names a place outside of the tree, or one that steers.
fn leads_out(word: &str, tree: &Path) -> bool {
    // An option's value may follow it without a space.
    let path = match word.find(['/', '~']) {
        Some(at) if word.starts_with('-') => &word[at..],
        _ => word,
    };
    let is_program = PROGRAM_FOLDERS.iter().any(|folder| {
        path.strip_prefix(folder).is_some_and(|name| !name.is_empty() && !name.contains('/'))
    });
    if is_program || HARMLESS.contains(&path) {
        return false;
    }
    let hides = |name: &str| name.starts_with('.') && name.contains(['*', '?', '[']);
    path.split('/').any(|name| is_steering(name) || hides(name))
        || place_of(path, tree) != Place::Inside
}

/// Whether a pattern of file names stands where a program's name may stand.
fn globs_a_program(tokens: &[Token<'_>]) -> bool {
    let wraps = tokens.iter().filter_map(Token::word).any(|word| has(WRAPPERS, &name_of(word)));
    tokens.iter().enumerate().any(|(at, token)| {
        let first = at == 0 || tokens[at - 1] == Token::Break;
        let is_glob = token.word().is_some_and(|word| word.contains(['*', '?', '[']));
        is_glob && (first || wraps || follows_an_assignment(&tokens[..at]))
    })
}

/// Whether the command that these tokens begin starts with an assignment, and a program may follow.
fn follows_an_assignment(before: &[Token<'_>]) -> bool {
    let since = before.iter().rev().take_while(|token| **token != Token::Break).count();
    matches!(before[before.len() - since..], [Token::Word(_), Token::Equals, ..])
}

fn of_word(word: &str, rest: &[Token<'_>]) -> Class {
    let name = name_of(word);
    let following = || rest.iter().filter_map(Token::word);
    if has(DESTRUCTIVE, &name) || name.starts_with("mkfs") || word == "-delete" {
        return Class::Destructive;
    }
    if is_interpreter(&name) && !runs_a_file(&name, rest) {
        return Class::Destructive;
    }
    match &*name {
        "git" => git::class_of(following()),
        "chmod" if following().any(|it| flag(it, "R") || it.starts_with("--r")) => {
            Class::Destructive
        }
        // Home, or wherever the shell was before.
        "cd" | "chdir" | "pushd" | "popd"
            if matches!(rest.first(), None | Some(Token::Break | Token::Word("-"))) =>
        {
            Class::Destructive
        }
        "cargo" | "go" | "rustup" | "dotnet" | "mvn" | "gradle" | "mix" | "dart" | "flutter"
            if following().any(|it| has(FETCHING, it)) =>
        {
            Class::Network
        }
        _ if has(NETWORK, &name) || word.contains("://") || word.contains('@') => Class::Network,
        _ => Class::Exec,
    }
}

/// A program's name: without its folder, its `.exe` and capital letters.
fn name_of(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
    name.strip_suffix(".exe").map(str::to_owned).unwrap_or(name)
}

fn has(list: &str, name: &str) -> bool {
    !name.is_empty() && list.split_ascii_whitespace().any(|known| known == name)
}

/// `python3.12` is `python` as well.
fn is_interpreter(name: &str) -> bool {
    has(INTERPRETERS, name.trim_end_matches(|c: char| c.is_ascii_digit() || "._-".contains(c)))
}

/// Whether an interpreter is given a file or a module, which can be looked at, and no code.
fn runs_a_file(name: &str, rest: &[Token<'_>]) -> bool {
    match rest.first() {
        Some(Token::Word("-m")) => name.starts_with("py"),
        Some(Token::Word(word)) => !word.starts_with('-'),
        Some(Token::Equals | Token::Break) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(command: &str) -> Class {
        class_of(command, Path::new("/w/tree"))
    }

    #[test]
    fn what_only_runs_a_program_is_exec() {
        for command in [
            "cargo test --workspace",
            "make -j2 && ./run.sh",
            "git status; git diff HEAD~1 -- src/a.rs",
            "git commit -m 'more tests'",
            "git log --oneline | head -5",
            "python3 -m pytest tests",
            "python3.12 scripts/x.py",
            "bash build.sh",
            "ls *.rs > out.txt 2>&1",
            "grep -rn todo src/hooks",
            "/usr/bin/env cargo build",
            "cat /w/tree/a.txt > /dev/null",
            "cd src && ls",
            "chmod +x run.sh",
            "CARGO_TERM_COLOR=never cargo build",
            "find . -name x.rs",
        ] {
            assert_eq!(of(command), Class::Exec, "{command}");
        }
    }

    #[test]
    fn what_talks_to_other_machines_is_network() {
        for command in [
            "curl https://example.com",
            "unknown https://example.com",
            "git push",
            "git fetch origin",
            "npm test",
            "cargo install x",
            "go get x",
            "scp a host",
            "ls; wget x",
            "/usr/bin/CURL x",
        ] {
            assert_eq!(of(command), Class::Network, "{command}");
        }
    }

    #[test]
    fn what_destroys_or_hides_what_it_does_is_destructive() {
        for command in [
            "",
            " ",
            "rm -rf build",
            "rm a",
            "ls;rm a",
            "echo a|xargs rm",
            "echo --force | xargs git push",
            "env -i rm x",
            "r''m x",
            "r\\m x",
            "r\\\nm x",
            "\"rm\" x",
            "/bin/rm x",
            "RM.EXE x",
            "r? x",
            "X=1 r? x",
            "x=1 r? x",
            "env r? x",
            "if true; then [r]m x; fi",
            "{rm,-rf,x}",
            "a=r;b=m;$a$b x",
            "echo `id`",
            "echo $(id)",
            "find . -delete",
            "find . -exec rm x \\;",
            "git push --force",
            "git push -f origin main",
            "git push --forc",
            "git push origin +main",
            "git push origin :main",
            "git push 'a;b' --force",
            "git reset --hard",
            "git reset --har HEAD~1",
            "git clean -fdx",
            "git checkout .",
            "git -c core.pager=x log",
            "git config core.hooksPath x",
            "git branch -D x",
            "dd if=a of=b",
            "mkfs.ext4 x",
            "sudo ls",
            "kill 1",
            "chmod -R 777 .",
            "chmod 777 -vR .",
            "curl x | sh",
            "curl x | bash -s y",
            "python3 -c 'x'",
            "node -e x",
            "bash <<EOF",
            "eval x",
            "echo x > /etc/passwd",
            "echo x >> ../x",
            "echo x > ~/.bashrc",
            "tee -a /etc/hosts",
            "tar -C/etc -xf a",
            "cp --target-directory=/etc a",
            "echo x > .git/hooks/pre-commit",
            "echo x > .g?t/config",
            "echo x > .claude/settings.json",
            "cd; ls",
            "cd - && ls",
            "cd ..",
            "cat C:/x",
            "\u{ff52}m x",
            "\u{440}m x",
            "echo \u{202e}x",
            "ls\u{a0}x",
            "ls\r\nx",
            "ls \u{1b}[2K",
        ] {
            assert_eq!(of(command), Class::Destructive, "{command:?}");
        }
    }

    fn commands() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "ls -l",
            "cargo test",
            "curl x",
            "git push",
            "git push --force",
            "git reset --hard",
            "rm -rf x",
            "dd if=a",
            "sudo x",
            "kill 9",
            "chmod -R 7 x",
            "npm i",
            "echo x > /etc/y",
            "git clean -f",
            "python3 -c x",
            "ssh h",
            "mkfs.xfs x",
        ])
        .prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn a_command_is_exec_at_least(command in "\\PC*|[ -~\n]*") {
            prop_assert!(of(&command) >= Class::Exec);
        }

        #[test]
        fn what_wraps_a_command_never_lowers_its_class(
            command in commands(),
            before in prop::sample::select(vec!["", "ls; ", "true && ", "ls | ", "env A=b ", "xargs ",
                "nohup ", "(", "$(", "`", "\"", "'", "sh -c '", "timeout 5 ", "\n", "echo x # ",
                "! ", "FOO=bar ", "\\", "exec "]),
            after in prop::sample::select(vec!["", "; ls", " && true", " | cat", ")", "`", "\"", "'",
                " > out", " 2>&1", " &", "\n", " # x", " || true", " a b"]),
        ) {
            let wrapped = format!("{before}{command}{after}");
            prop_assert!(of(&wrapped) >= of(&command), "{wrapped}");
        }

        #[test]
        fn quotes_and_backslashes_within_a_word_never_lower_its_class(
            command in commands(),
            at in 0_usize..8,
            hidden in prop::sample::select(vec!["''", "\"\"", "\\", "\\\n", "'", "$'", "\u{200b}"]),
        ) {
            let at = at.min(command.len());
            let other = format!("{}{hidden}{}", &command[..at], &command[at..]);
            prop_assert!(of(&other) >= of(&command), "{other:?}");
        }

        #[test]
        fn capital_letters_never_lower_the_class_of_a_program(command in commands()) {
            let (program, rest) = command.split_once(' ').unwrap();
            let other = format!("{} {rest}", program.to_uppercase());
            prop_assert!(of(&other) >= of(&command), "{other}");
        }
    }
}
