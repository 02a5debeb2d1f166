#!/bin/sh
# Installs gateway for this user, from the clone this file is in or from a prebuilt program. It asks
# nothing, may be run again at any time, and says what it did. `--help` shows the options.
set -eu

usage() {
    cat <<'USAGE'
Install gateway for the user who runs this.

usage: install.sh [--binary FILE] [--prefix DIR] [--service | --run]
       install.sh --uninstall [--purge] [--prefix DIR]

  --binary FILE  install this prebuilt program instead of building the clone
  --prefix DIR   install below DIR (default: ~/.local)
  --service      also run it as a service of your login session
  --run          start `gateway serve` when all is installed
  --uninstall    remove what this script installed, and the service; data stays
  --purge        with --uninstall: remove configuration, tasks and stored secrets too
  --help         show this

Installed are the program (DIR/bin), completions for bash, zsh and fish, and the
manual pages. Building needs Rust (cargo). git and a C compiler are installed
when they are missing and this is run as root on a Debian or Fedora system;
elsewhere the command that installs them is told.
USAGE
}

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*"; }
fail() { # message, hint, exit code
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit "${3:-1}"
}
wrong() { fail "$1" 'see install.sh --help' 2; }

# --- the command line ---------------------------------------------------------------------------

binary='' prefix='' service='' run='' uninstall='' purge=''
while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
        --binary=* | --prefix=*)
            value=${option#*=}
            option=${option%%=*}
            ;;
        --binary | --prefix)
            [ $# -gt 0 ] || wrong "$option needs a value"
            value=$1
            shift
            ;;
    esac
    case $option in
        --binary) binary=$value ;;
        --prefix) prefix=$value ;;
        --service) service=1 ;;
        --run) run=1 ;;
        --uninstall) uninstall=1 ;;
        --purge) purge=1 ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) wrong "$option is not an option" ;;
    esac
    case $option in
        --binary | --prefix) [ -n "$value" ] || wrong "$option needs a value" ;;
    esac
done
if [ -n "$purge" ] && [ -z "$uninstall" ]; then wrong '--purge goes with --uninstall'; fi
if [ -n "$service" ] && [ -n "$run" ]; then wrong 'a service runs already: leave out --run'; fi
if [ -n "$uninstall" ] && [ -n "$binary$service$run" ]; then
    wrong '--uninstall goes with --purge and --prefix only'
fi

# --- where things go ----------------------------------------------------------------------------

case ${HOME:-} in
    /*) ;;
    *) fail 'HOME is not set to an absolute path' 'run this in a login shell of the user it is for' ;;
esac
if [ "$(id -u)" = 0 ] && [ "${SUDO_USER:-root}" != root ]; then
    fail "gateway is installed for one user, and this would be for root instead of $SUDO_USER" \
        'run this without sudo: everything goes below your own home folder' 77
fi
if [ -z "$prefix" ]; then prefix=$HOME/.local; fi
case $prefix in
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
esac
while [ "${prefix%/}" != "$prefix" ]; do prefix=${prefix%/}; done
newline='
'
case $prefix$HOME in
    *"$newline"*) fail 'a path with a line break in it cannot be installed to' 'choose another --prefix' ;;
esac

# bash and fish look into the user's data folder; zsh is told a folder, and man looks beside bin.
data=$prefix/share
if [ "$prefix" = "$HOME/.local" ]; then
    case ${XDG_DATA_HOME:-} in
        /*) data=$XDG_DATA_HOME ;;
    esac
fi
program=$prefix/bin/gateway
bash_folder=$data/bash-completion/completions
fish_folder=$data/fish/vendor_completions.d
zsh_folder=$prefix/share/zsh/site-functions
man_folder=$prefix/share/man/man1
# What this script installed, one path a line; how --uninstall and upgrades know what is ours.
manifest=$prefix/share/gateway/installed

# --- removing -----------------------------------------------------------------------------------

# Whether a line of the manifest has the shape of something that this script writes.
ours() {
    case $1 in
        */../* | */./*) return 1 ;;
        "$program" | /*/bash-completion/completions/gateway | /*/zsh/site-functions/_gateway) return 0 ;;
        /*/fish/vendor_completions.d/gateway.fish) return 0 ;;
        "$man_folder"/gateway.1 | "$man_folder"/gateway-*.1) return 0 ;;
        *) return 1 ;;
    esac
}

# Removes a folder of data, a task's read-only files and all; a link loses only itself.
drop_folder() {
    if [ -L "$1" ]; then
        rm -f "$1"
        note "$1 was a link; what it led to stays"
    elif [ -e "$1" ]; then
        find "$1" -type d ! -perm -u+wx -exec chmod u+rwx {} + 2>/dev/null || :
        rm -rf "$1" || fail "cannot remove all of $1" 'remove the rest by hand'
        say "removed $1"
    fi
}

purge_secrets() {
    case $(uname -s) in
        Darwin)
            # One entry a call; the end is the first that finds none.
            while security delete-generic-password -s gateway >/dev/null 2>&1; do
                say 'removed a secret from the keychain'
            done
            ;;
        *)
            if [ -z "${DBUS_SESSION_BUS_ADDRESS:-}" ]; then
                note 'secrets in a keyring, if any, stay: there is no session bus here'
            elif ! command -v secret-tool >/dev/null 2>&1; then
                note 'secrets in the keyring, if any, stay: remove the entries of service "gateway"' \
                    'with your keyring program, or install secret-tool and run: secret-tool clear service gateway'
            elif timeout 20 secret-tool clear service gateway </dev/null >/dev/null 2>&1; then
                say 'removed the secrets of gateway from the keyring, if there were any'
            else
                # It answers 1 as well when there was nothing to remove.
                note 'no secret was removed from the keyring: it holds none, or it is locked;' \
                    'to look: secret-tool search --all service gateway'
            fi
            ;;
    esac
}

# The folder with the gateway's state that a purge removes.
state_folder() {
    if [ "$(uname -s)" = Darwin ]; then
        printf '%s\n' "$HOME/Library/Application Support/gateway/state"
    else
        case ${XDG_STATE_HOME:-} in
            /*) printf '%s\n' "$XDG_STATE_HOME/gateway" ;;
            *) printf '%s\n' "$HOME/.local/state/gateway" ;;
        esac
    fi
}

# The processes that keep agents alive, which outlive the gateway on purpose. A run tells its own in
# run/shim.json; a process of that id which is something else by now does not count.
living_runs() {
    for record in "$(state_folder)"/tasks/*/run/shim.json; do
        [ -f "$record" ] || continue
        pid=$(tr -d ' \n' <"$record" | sed -n 's/.*"shim":{[^}]*"pid":\([0-9][0-9]*\).*/\1/p')
        [ -n "$pid" ] || continue
        if [ -d /proc/self ]; then
            words=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" || :)
        else
            words=$(ps -o args= -p "$pid" || :)
        fi 2>/dev/null
        case $words in
            *' __shim '*) printf '%s\n' "$pid" ;;
        esac
    done
}

# Whether a gateway runs, be it one that is stuck.
is_up() {
    case $("$program" status 2>&1 >/dev/null && echo answered) in
        *answered | *'did not answer'*) return 0 ;;
        *) return 1 ;;
    esac
}

# Removing the folders of agents that work would leave them working where nobody finds them.
refuse_living_runs() { # how many seconds they have to end
    left=$1
    while pids=$(living_runs | tr '\n' ' ') && [ -n "$pids" ]; do
        if [ "$left" = 0 ]; then
            pids=${pids% }
            fail "agents of tasks are running (process $pids), so nothing was removed" \
                "end them with their processes: kill $pids; then run this again"
        fi
        left=$((left - 1))
        sleep 1
    done
}

purge_data() {
    if [ "$(uname -s)" = Darwin ]; then
        drop_folder "$HOME/Library/Application Support/gateway"
    else
        case ${XDG_CONFIG_HOME:-} in
            /*) drop_folder "$XDG_CONFIG_HOME/gateway" ;;
            *) drop_folder "$HOME/.config/gateway" ;;
        esac
        drop_folder "$(state_folder)"
        case ${XDG_RUNTIME_DIR:-} in
            /*) drop_folder "$XDG_RUNTIME_DIR/gateway" ;;
        esac
    fi
    # Whatever else is in a place that the user named is not this script's to remove.
    for named in "${GATEWAY_CONFIG:-}" "${GATEWAY_STATE_DIR:-}" "${GATEWAY_RUNTIME_DIR:-}"; do
        if [ -n "$named" ] && [ -e "$named" ]; then note "$named stays: a GATEWAY_ variable names it"; fi
    done
    note 'branches gateway/* that tasks left in your repositories stay'
}

run_uninstall() {
    if [ -n "$purge" ]; then
        patience=0
        if [ -x "$program" ] && "$program" status >/dev/null 2>&1; then
            # Agents are asked to end before they are made to.
            if "$program" tasks cancel all; then patience=30; else note 'running tasks could not be cancelled'; fi
        fi
        refuse_living_runs "$patience"
    fi
    if [ -x "$program" ]; then
        if ! "$program" service uninstall; then
            fail 'the service could not be removed, so nothing else was' 'follow the hint above, then run this again'
        fi
        if [ -n "$purge" ] && is_up; then
            fail 'a gateway is still running, so its data was not removed' 'end it (Ctrl-C where it runs; gateway status names one that is stuck), then run this again'
        fi
    fi
    if [ -f "$manifest" ]; then
        pages=0
        while IFS= read -r file; do
            if ! ours "$file"; then
                note "left $file alone: this script does not install such a file"
            elif [ -e "$file" ] || [ -L "$file" ]; then
                rm -f "$file"
                case $file in
                    "$man_folder"/*) pages=$((pages + 1)) ;;
                    *) say "removed $file" ;;
                esac
                [ "$file" = "$program" ] || rmdir "${file%/*}" 2>/dev/null || :
            fi
        done <"$manifest"
        if [ "$pages" != 0 ]; then say "removed $pages manual pages from $man_folder"; fi
        rm -f "$manifest"
        rmdir "${manifest%/*}" 2>/dev/null || :
    else
        say "nothing is installed below $prefix by this script"
    fi
    if [ -n "$purge" ]; then
        purge_secrets
        purge_data
    else
        say 'configuration, tasks and secrets stay; --uninstall --purge removes them too'
    fi
}

if [ -n "$uninstall" ]; then
    run_uninstall
    exit 0
fi

# --- what must be there -------------------------------------------------------------------------

# Tasks work in clones, which git makes; the database and the cryptography are compiled from C.
have_tools() {
    command -v git >/dev/null 2>&1 && { [ -n "$binary" ] || command -v "${CC:-cc}" >/dev/null 2>&1; }
}

install_tools() {
    have_tools && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say 'installing git and a C compiler with apt-get'
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends git gcc libc6-dev; } >/dev/null </dev/null || :
    elif [ "$(id -u)" = 0 ] && command -v dnf >/dev/null 2>&1; then
        say 'installing git and a C compiler with dnf'
        dnf install -y -q git gcc >/dev/null </dev/null || :
    fi
    have_tools || fail 'git or a C compiler is missing' \
        'install them (Debian: sudo apt-get install git gcc libc6-dev; Fedora: sudo dnf install git gcc; macOS: xcode-select --install) and run this again' 69
}

# --- building -----------------------------------------------------------------------------------

build() {
    # A script that came through a pipe has no folder of its own.
    case $0 in
        */*) here=$(CDPATH='' cd -- "${0%/*}" && pwd) ;;
        *.sh) here=$(pwd) ;;
        *) here='' ;;
    esac
    root=${here%/install}
    if [ -z "$here" ] || ! grep -qs '^name = "gateway"$' "$root/Cargo.toml"; then
        fail 'there is no clone around this script to build' \
            'run install/install.sh of a clone, or name a prebuilt program with --binary FILE'
    fi
    cargo=$(command -v cargo || :)
    if [ -z "$cargo" ] && [ -x "$HOME/.cargo/bin/cargo" ]; then cargo=$HOME/.cargo/bin/cargo; fi
    if [ -z "$cargo" ]; then
        fail 'cargo is not installed, so the clone cannot be built' \
            'install Rust (see https://rustup.rs) and run this again, or name a prebuilt program with --binary FILE' 69
    fi
    say "building $root (some minutes the first time)"
    # The target folder is named, so that a setting of the user's cannot put the program elsewhere.
    "$cargo" build --release --locked --bin gateway \
        --manifest-path "$root/Cargo.toml" --target-dir "$root/target" </dev/null ||
        fail 'the build failed' 'the lines above say why; an old Rust is cured by: rustup update'
    binary=$root/target/release/gateway
}

install_tools
if [ -z "$binary" ]; then
    build
elif [ ! -f "$binary" ]; then
    fail "$binary is not a file" 'name the prebuilt program after --binary'
fi

# --- installing ---------------------------------------------------------------------------------

staging=$(mktemp -d "${TMPDIR:-/tmp}/gateway-install.XXXXXX")
pending=''
trap 'rm -rf "$staging"; [ -z "$pending" ] || rm -f "$pending"' EXIT
trap 'exit 1' HUP INT TERM

# Everything is made before anything is changed. The staged copy is what is run: FILE itself may be
# on a medium without execute permission.
cp "$binary" "$staging/gateway"
chmod 755 "$staging/gateway"
version=$("$staging/gateway" --version </dev/null 2>/dev/null) ||
    fail "$binary does not run here" "it has to be built for $(uname -s) on $(uname -m)"
case $version in
    'gateway '*) ;;
    *) fail "$binary is not gateway: it calls itself \"$version\"" 'name the prebuilt program after --binary' ;;
esac
for shell in bash zsh fish; do
    "$staging/gateway" completions "$shell" >"$staging/$shell" </dev/null
done
"$staging/gateway" man "$staging/man" </dev/null

changed=0
# Puts a staged file in its place, all at once: a program that runs goes on with its old file.
place() { # staged file, destination, mode
    printf '%s\n' "$2" >>"$staging/installed"
    if [ -f "$2" ] && [ ! -L "$2" ] && cmp -s "$1" "$2"; then
        [ -z "$(find "$2" ! -perm "$3")" ] || chmod "$3" "$2"
        return 0
    fi
    folder=${2%/*}
    pending=$2.new.$$
    if ! { mkdir -p "$folder" && cp "$1" "$pending" && chmod "$3" "$pending" && mv -f "$pending" "$2"; }; then
        fail "cannot write $2" 'choose a --prefix that you may write'
    fi
    pending=''
    changed=$((changed + 1))
    case $2 in
        # Some forty pages; they are counted below.
        "$man_folder"/*) ;;
        *) say "installed $2" ;;
    esac
}

if [ -d "$program" ]; then fail "$program is a folder" 'move it away, or choose another --prefix'; fi
before=$changed
place "$staging/gateway" "$program" 755
program_changed=$((changed - before))
place "$staging/bash" "$bash_folder/gateway" 644
place "$staging/zsh" "$zsh_folder/_gateway" 644
place "$staging/fish" "$fish_folder/gateway.fish" 644
before=$changed
for page in "$staging"/man/*.1; do
    place "$page" "$man_folder/${page##*/}" 644
done
if [ "$changed" != "$before" ]; then
    say "installed $((changed - before)) manual pages in $man_folder"
fi
# What an older version installed and this one does not have any more.
if [ -f "$manifest" ]; then
    while IFS= read -r file; do
        if ours "$file" && [ -f "$file" ] && ! grep -qxF -e "$file" "$staging/installed"; then
            rm -f "$file"
            changed=$((changed + 1))
            say "removed $file, which $version does not have"
        fi
    done <"$manifest"
fi
if ! cmp -s "$staging/installed" "$manifest"; then
    mkdir -p "${manifest%/*}"
    cp "$staging/installed" "$manifest.new.$$"
    mv -f "$manifest.new.$$" "$manifest"
fi

if [ "$changed" = 0 ]; then
    say "$version is installed already; nothing changed"
else
    say "$version is installed"
fi

# --- the service, and what is left to the user --------------------------------------------------

running() { "$program" service status --json 2>/dev/null </dev/null | grep -q '"running": true'; }

if [ -n "$service" ]; then
    if [ "$program_changed" != 0 ] && running; then restart=1; else restart=''; fi
    "$program" service install </dev/null || {
        code=$?
        printf 'error: gateway is installed, its service is not\nhint: %s\n' \
            'follow the hint above, then run this again' >&2
        exit "$code"
    }
    # The same service file with a new program behind it: agents outlive this.
    if [ -n "$restart" ]; then
        case $(uname -s) in
            Darwin) launchctl kickstart -k "gui/$(id -u)/dev.gateway.gateway" ;;
            *) systemctl --user restart gateway.service ;;
        esac
        say 'restarted the service with the new program'
    fi
elif [ "$program_changed" != 0 ] && running; then
    note 'the service goes on with the old program until you run this again with --service'
fi

case :${PATH:-}: in
    *":$prefix/bin:"*) ;;
    *) note "$prefix/bin is not in your PATH; add to your shell's profile: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
if [ "$changed" != 0 ] && command -v zsh >/dev/null 2>&1; then
    note "for completions in zsh, add to ~/.zshrc before compinit: fpath=(\"$zsh_folder\" \$fpath)"
fi
if [ -n "$run" ]; then
    say "starting $program serve"
    exec "$program" serve
fi
[ -n "$service" ] || say "next: $program serve"
