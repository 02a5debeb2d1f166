#!/usr/bin/env bash
# `gateway service` under a live systemd user manager: install, status, reload, restart, crash, wrong
# configuration, uninstall, with a process beside the gateway that stands for a running agent.
# Run as root: e2e/service.sh [PROGRAM] (default: target/debug/gateway).
#
# The manager runs in namespaces of its own (mounts, processes, network, control groups) with a
# scratch home, so that nothing of this machine is touched. Debian packages are installed when missing.
# shellcheck disable=SC2153,SC2317 # it runs itself again inside; traps and checks call functions
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${1:-$root/target/debug/gateway}")
[ -x "$program" ] || { echo "error: $program is not there; cargo build makes it" >&2; exit 2; }

if [ -z "${INSIDE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "error: only root may make the namespaces" >&2; exit 2; }
    for tool in systemctl dbus-daemon unshare python3; do
        command -v "$tool" >/dev/null && continue
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq systemd dbus util-linux python3 >/dev/null
    done
    scratch=$(mktemp -d)
    # The manager takes the group it starts in for its own, so it gets one below ours.
    groups=()
    for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ -e "$hierarchy/cgroup.procs" ] || continue
        mkdir "$hierarchy/gateway-e2e.$$"
        groups+=("$hierarchy/gateway-e2e.$$")
    done
    clean() {
        for group in "${groups[@]}"; do
            echo $$ >"${group%/*}/cgroup.procs"
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :
        done
        rm -rf "$scratch"
    }
    trap clean EXIT
    for group in "${groups[@]}"; do echo $$ >"$group/cgroup.procs"; done
    INSIDE=1 SCRATCH=$scratch unshare --mount --pid --net --cgroup --fork --mount-proc --kill-child \
        bash "${BASH_SOURCE[0]}" "$program"
    exit
fi

# --- inside -----------------------------------------------------------------------------------------

passed=0
failed=0
check() { # promise, command...
    local promise=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok   $promise"
    else
        failed=$((failed + 1))
        echo "FAIL $promise"
    fi
}
eventually() { # command...: for up to 20 s
    local n
    for ((n = 0; n < 200; n++)); do
        if "$@" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    "$@"
}

ip link set lo up 2>/dev/null || :
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0 # the first is how systemd's tools tell that it runs
chmod 700 /run/user/0
export HOME=$SCRATCH/home XDG_RUNTIME_DIR=/run/user/0 USER=root LC_ALL=C
export DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/0/bus
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME
mkdir -p "$HOME/.local/bin" "$HOME/.config/gateway"
gateway=$HOME/.local/bin/gateway
cp "$program" "$gateway"
export PATH=$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin
config=$HOME/.config/gateway/config.toml
good='[server]
listen = "127.0.0.1:0"
[secrets]
backend = "file"
[tunnel]
provider = "none"'
echo "$good" >"$config"

dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile >"$SCRATCH/dbus.log" 2>&1 &
eventually test -S /run/user/0/bus
env -i HOME="$HOME" XDG_RUNTIME_DIR=/run/user/0 DBUS_SESSION_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS" \
    PATH=/usr/bin:/bin /lib/systemd/systemd --user --log-target=console >"$SCRATCH/manager.log" 2>&1 &
if ! eventually systemctl --user show-environment >/dev/null; then
    sed 's/^/     /' "$SCRATCH/manager.log"
    echo 'error: no systemd user manager can run here' >&2
    exit 1
fi

# field NAME: of the status, as JSON writes it.
field() { gateway service status --json | python3 -c 'import json,sys; print(json.dumps(json.load(sys.stdin)[sys.argv[1]]))' "$1"; }
is() { [ "$("${@:2}")" = "$1" ]; }
property() { systemctl --user show gateway.service --property="$1" --value; }
main_pid() { property MainPID; }
answers() { gateway status >/dev/null 2>&1; }
alive() { kill -0 "$1"; }

check 'before: not installed' is false field installed
check 'it installs' env NGROK_AUTHTOKEN=planted-secret gateway service install
check 'installed' is true field installed
check 'enabled' is true field enabled
check 'running' is true field running
check 'the unit is where it says' is "\"$HOME/.config/systemd/user/gateway.service\"" field unit
check 'the gateway answers its socket' eventually answers
environment() { tr '\0' '\n' <"/proc/$(main_pid)/environ"; }
has_path() { environment | grep -xF "PATH=$PATH" >/dev/null; }
check 'its PATH is that of the shell' has_path
no_secret() { ! environment | grep -F planted-secret >/dev/null; }
check 'and nothing else is' no_secret
first=$(main_pid)
again=$(gateway service install)
check 'installing again says that nothing changed' grep -q 'nothing changed' <<<"$again"
check 'and leaves it running' is "$first" main_pid

# A process in the service's group stands for a shim with its agent.
setsid sleep 600 &
agent=$!
for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    group=$hierarchy$(property ControlGroup)
    [ ! -w "$group/cgroup.procs" ] || echo "$agent" >"$group/cgroup.procs"
done
in_service() { grep -F gateway.service "/proc/$agent/cgroup" >/dev/null; }
check 'the agent is part of the service' in_service

check 'it reloads' systemctl --user reload gateway.service
check 'in the same process' is "$first" main_pid
check 'it restarts' systemctl --user restart gateway.service
check 'and answers again' eventually answers
second=$(main_pid)
check 'as another process' test "$second" != "$first"
check 'the agent outlived the restart' alive "$agent"

kill -9 "$second"
started_again() { [ "$(main_pid)" != "$second" ] && answers; }
check 'killed, it is started again' eventually started_again
check 'the agent outlived the crash' alive "$agent"

echo 'nonsense = 1' >"$config"
systemctl --user restart gateway.service 2>/dev/null || :
gave_up() { [ "$(property ActiveState)" = failed ]; }
check 'a wrong configuration ends it' eventually gave_up
check 'for good' is 0 property NRestarts
check 'with the exit status in the answer' is '"failed: exit-code, exit status 78"' field detail
check 'not running' is false field running
check 'and it is not installed anew with such a configuration' \
    is 78 bash -c 'gateway service install >/dev/null 2>&1; echo $?'
echo "$good" >"$config"
check 'mended, install starts it again' gateway service install
check 'and it answers' eventually answers

# Upgrade through install.sh: the service runs the new program, the agent goes on.
third=$(main_pid)
cp "$program" "$SCRATCH/newer"
echo >>"$SCRATCH/newer"
check 'install.sh --service upgrades it' sh "$root/install/install.sh" --binary "$SCRATCH/newer" --service
check 'and it answers' eventually answers
check 'as another process' test "$(main_pid)" != "$third"
runs_new() { cmp -s "/proc/$(main_pid)/exe" "$SCRATCH/newer"; }
check 'of the new program' runs_new
check 'the agent outlived the upgrade' alive "$agent"

check 'it uninstalls' gateway service uninstall
check 'the file is gone' test ! -e "$HOME/.config/systemd/user/gateway.service"
check 'and its link' test ! -e "$HOME/.config/systemd/user/default.target.wants/gateway.service"
check 'not installed' is false field installed
check 'not running' is false field running
gone() { ! answers; }
check 'nobody answers' gone
check 'the agent goes on to its end' alive "$agent"
check 'configuration stays' test -e "$config"
check 'it uninstalls again' gateway service uninstall

echo
echo 'Not run here: a login session that ends (lingering), launchd, Windows.'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
