#!/usr/bin/env bash
# Drives a built `gateway` against the real GNOME keyring: unlocked, locked, never set up, absent.
#
#     e2e/keyring.sh BINARY [CASE]…
#
# Each case is a function `case_NAME` that runs in a session of its own (scratch HOME and
# XDG_RUNTIME_DIR) and states what it expects; CASE picks some of them. Exits 1 when an expectation
# does not hold, 2 when a tool is missing. Installs Debian's packages when run as root.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: $0 BINARY [CASE]…" >&2; exit 2; }
binary=$(realpath "$1")
self=$(realpath "$0")
shift
[ -x "$binary" ] || { echo "$binary is not a program" >&2; exit 2; }

install_tools() {
    local tool missing=0
    for tool in gnome-keyring-daemon dbus-run-session secret-tool python3 script; do
        command -v "$tool" >/dev/null || missing=1
    done
    [ "$missing" = 0 ] && return
    if [ "$(id -u)" != 0 ]; then
        echo "install gnome-keyring, dbus, libsecret-tools, python3 and bsdutils first" >&2
        exit 2
    fi
    apt-get update -qq
    apt-get install -y -qq gnome-keyring dbus libsecret-tools python3-minimal bsdutils >/dev/null
}

# ---- what a case can use -----------------------------------------------------------------------

# expect WHAT WANTED GOT: notes a mismatch and goes on, so that one run shows all of them.
expect() {
    if [ "$2" = "$3" ]; then
        echo "    ok: $1"
    else
        printf '    FAILED: %s\n      wanted: %s\n      got:    %s\n' "$1" "$2" "$3"
        touch "$SCRATCH/failed"
    fi
}

# ask OPERATION [NAME]…: the helper's reply to one request; stdin is passed on for `set`.
ask() {
    "$binary" __keyring "$@"
}

# Starts the daemon in this session, opening (or making) the login keyring with a password.
# Options are added to its own.
unlocked_daemon() {
    printf 'pw\n' | gnome-keyring-daemon --unlock --components=secrets --daemonize "$@" \
        >/dev/null 2>&1
    on_the_bus
}

# Starts the daemon in this session without a password.
locked_daemon() {
    gnome-keyring-daemon --components=secrets --daemonize >/dev/null 2>&1 </dev/null
    on_the_bus
}

# Waits until the daemon owns its name, which it does a moment after it has gone to the background:
# a request before that makes the bus start a second one, and now and then both go down.
on_the_bus() {
    local tries
    for tries in $(seq 500); do
        dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
            org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null |
            grep -q true && return
    done
    echo "the daemon is not on the bus after $tries looks" >&2
    return 1
}

# in_session FUNCTION [OPTION]…: runs it in a fresh session bus, which the options are for; HOME and
# its keyring files stay. This script is entered again for it.
in_session() {
    local function=$1
    shift
    INSIDE_FUNCTION=$function timeout 120 dbus-run-session "$@" -- \
        "$BASH" "$SELF" "$binary" 2>>"$SCRATCH/bus.log"
}

# ---- the cases -------------------------------------------------------------------------------------

# A daemon that was given the password: everything works and others can find our entries.
case_unlocked() {
    in_session unlocked_inside
}
unlocked_inside() {
    unlocked_daemon
    expect "status" '{"reply":"done"}' "$(ask status)"
    expect "a name never set is missing" '{"reply":"missing"}' "$(ask get ngrok-authtoken)"
    expect "deleting it says so" '{"reply":"missing"}' "$(ask delete ngrok-authtoken)"
    expect "set" '{"reply":"done"}' "$(printf 'one "1" ä' | ask set client/gw-1)"
    expect "get" '{"reply":"secret","value":"one \"1\" ä"}' "$(ask get client/gw-1)"
    expect "set again" '{"reply":"done"}' "$(printf two | ask set client/gw-1)"
    expect "the new value counts" '{"reply":"secret","value":"two"}' "$(ask get client/gw-1)"
    expect "list" '{"reply":"present","names":["client/gw-1"]}' \
        "$(ask list ngrok-authtoken client/gw-1 hermes-api-key)"
    expect "libsecret finds it under service gateway" two \
        "$(secret-tool lookup service gateway username client/gw-1)"
    expect "it is the only entry: no probe is left" 1 \
        "$(secret-tool search --all service gateway 2>&1 | grep -c '^attribute.username')"
    expect "delete" '{"reply":"done"}' "$(ask delete client/gw-1)"
    expect "it is gone" '{"reply":"missing"}' "$(ask get client/gw-1)"
    local long; long=$(head -c 1280 /dev/zero | tr '\0' s)
    expect "the longest secret" '{"reply":"done"}' "$(printf %s "$long" | ask set client/long)"
    expect "comes back" "{\"reply\":\"secret\",\"value\":\"$long\"}" "$(ask get client/long)"
    expect "an empty secret is refused" \
        '{"reply":"failed","text":"no secret arrived: a secret cannot be empty"}' \
        "$(ask set client/empty </dev/null)"
}

# Several processes at once: no call disturbs another, and no probe is left.
case_parallel() {
    in_session parallel_inside
}
parallel_inside() {
    unlocked_daemon
    local i
    for i in $(seq 16); do
        { printf 'secret-%s' "$i" | ask set "client/gw-$i"; ask status; ask get client/none; } \
            >"$SCRATCH/parallel.$i" &
    done
    wait
    for i in $(seq 16); do
        expect "process $i" '{"reply":"done"}{"reply":"done"}{"reply":"missing"}' \
            "$(cat "$SCRATCH/parallel.$i")"
        expect "its secret" "{\"reply\":\"secret\",\"value\":\"secret-$i\"}" \
            "$(ask get "client/gw-$i")"
    done
    expect "no probe is left" 16 \
        "$(secret-tool search --all service gateway 2>&1 | grep -c '^attribute.username')"
}

# A keyring with our secret in it whose password nobody gives: never taken for an empty one.
case_locked() {
    in_session locked_fill
    in_session locked_inside
    in_session locked_again_open
}
locked_fill() {
    unlocked_daemon
    expect "set while open" '{"reply":"done"}' "$(printf kept | ask set client/gw-1)"
}
locked_inside() {
    locked_daemon
    expect "status" '{"reply":"locked"}' "$(ask status)"
    expect "get of a kept secret" '{"reply":"locked"}' "$(ask get client/gw-1)"
    expect "get of another" '{"reply":"locked"}' "$(ask get ngrok-authtoken)"
    expect "list" '{"reply":"locked"}' "$(ask list client/gw-1 ngrok-authtoken)"
    expect "set" '{"reply":"locked"}' "$(printf new | ask set client/gw-2)"
    expect "set over a kept one" '{"reply":"locked"}' "$(printf new | ask set client/gw-1)"
    expect "delete of a kept one" '{"reply":"locked"}' "$(ask delete client/gw-1)"
    expect "delete of another" '{"reply":"locked"}' "$(ask delete client/gw-2)"
}
locked_again_open() {
    unlocked_daemon
    expect "the secret outlived it" '{"reply":"secret","value":"kept"}' "$(ask get client/gw-1)"
    expect "nothing else came in" '{"reply":"missing"}' "$(ask get client/gw-2)"
}

# The owner logs in while a program goes on running: its next call sees the open keyring.
case_unlocked_later() {
    in_session unlocked_later_inside
}
unlocked_later_inside() {
    locked_daemon
    expect "before" '{"reply":"never-made"}' "$(ask status)"
    unlocked_daemon --replace
    expect "after" '{"reply":"done"}' "$(ask status)"
}

# A daemon without a password and without any keyring file: a first login is still to come.
case_never_made() {
    in_session never_made_inside
}
never_made_inside() {
    locked_daemon
    expect "status" '{"reply":"never-made"}' "$(ask status)"
    expect "get" '{"reply":"never-made"}' "$(ask get client/gw-1)"
    expect "set" '{"reply":"never-made"}' "$(printf new | ask set client/gw-1)"
    expect "delete" '{"reply":"never-made"}' "$(ask delete client/gw-1)"
    expect "list" '{"reply":"never-made"}' "$(ask list client/gw-1)"
}

# A prompt that nobody answers: the helper gives up at its limit, exit status 0.
case_hanging() {
    in_session hanging_inside
}
hanging_inside() {
    # Owns the Secret Service's name and never answers.
    python3 - "$SCRATCH/owned" <<'PY' &
import os, socket, struct, sys, time

address = os.environ["DBUS_SESSION_BUS_ADDRESS"].split("path=")[1].split(",")[0]
bus = socket.socket(socket.AF_UNIX)
bus.connect(address)
bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
assert bus.recv(200).startswith(b"OK")
bus.sendall(b"BEGIN\r\n")

def call(serial, member, signature=b"", body=b""):
    def text(value):
        return struct.pack("<I", len(value)) + value + b"\0"
    fields = b""
    for code, kind, value in [
        (1, b"o", b"/org/freedesktop/DBus"), (2, b"s", b"org.freedesktop.DBus"),
        (3, b"s", member), (6, b"s", b"org.freedesktop.DBus"),
    ]:
        fields += b"\0" * (-len(fields) % 8) + bytes([code, 1]) + kind + b"\0" + text(value)
    if signature:
        fields += b"\0" * (-len(fields) % 8) + bytes([8, 1]) + b"g\0" + bytes([len(signature)]) + signature + b"\0"
    header = b"l\1\0\1" + struct.pack("<III", len(body), serial, len(fields)) + fields
    bus.sendall(header + b"\0" * (-len(header) % 8) + body)

name = b"org.freedesktop.secrets"
call(1, b"Hello")
call(2, b"RequestName", b"su", struct.pack("<I", len(name)) + name + b"\0" + struct.pack("<I", 4))
time.sleep(0.5)
assert b"NameAcquired" in bus.recv(65536)
open(sys.argv[1], "w").close()
while bus.recv(65536):
    pass
PY
    local owner=$!
    while [ ! -e "$SCRATCH/owned" ] && kill -0 $owner 2>/dev/null; do sleep 0.05; done
    local started=$SECONDS
    expect "status" '{"reply":"timed-out"}' "$(ask --limit-ms 1500 status)"
    expect "after little more than its limit" yes "$([ $((SECONDS - started)) -le 4 ] && echo yes)"
    kill $owner
    wait $owner 2>/dev/null || true
}

# Login by ssh, container, cron: no session bus at all, or the address of a dead one.
case_no_session_bus() {
    expect "status" '{"reply":"no-session-bus"}' "$(ask status)"
    expect "get" '{"reply":"no-session-bus"}' "$(ask get client/gw-1)"
    expect "set" '{"reply":"no-session-bus"}' "$(printf new | ask set client/gw-1)"
    expect "a dead bus" '{"reply":"no-session-bus"}' \
        "$(DBUS_SESSION_BUS_ADDRESS=unix:path=$SCRATCH/dead ask status)"
    expect "a nonsense address" '{"reply":"no-session-bus"}' \
        "$(DBUS_SESSION_BUS_ADDRESS=nonsense ask status)"
}

# A session bus that knows no program for the Secret Service.
case_no_daemon() {
    cat >"$SCRATCH/bus.conf" <<'CONF'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
CONF
    in_session no_daemon_inside --config-file="$SCRATCH/bus.conf"
}
no_daemon_inside() {
    expect "status" '{"reply":"no-daemon"}' "$(ask status)"
    expect "get" '{"reply":"no-daemon"}' "$(ask get client/gw-1)"
}

# What is no request, and a person at a terminal, get exit status 2 and no secret.
case_usage() {
    local status=0
    ask get ../x >/dev/null 2>&1 || status=$?
    expect "a name that is none" 2 "$status"
    status=0
    ask set client/gw-1 secret-in-argv >/dev/null 2>&1 || status=$?
    expect "a secret in argv" 2 "$status"
    status=0
    script -qec "'$binary' __keyring get client/gw-1" /dev/null >"$SCRATCH/tty" 2>&1 || status=$?
    expect "at a terminal" 2 "$status"
}

# `mint-client` with an open keyring: the secret that is printed is the one that is kept.
case_mint_unlocked() {
    in_session mint_unlocked_inside
}
mint_unlocked_inside() {
    unlocked_daemon
    refused_or_minted 0 mint-client --json
    local id secret
    id=$(field client_id <"$SCRATCH/out")
    secret=$(field client_secret <"$SCRATCH/out")
    expect "a secret of 256 bits" yes "$([ ${#secret} -ge 43 ] && echo yes)"
    expect "libsecret finds it" "$secret" "$(secret-tool lookup service gateway username "client/$id")"
    expect "it is in no file of ours" "" "$(grep -rlF -e "$secret" "$HOME/.local/state" || true)"
    refused_or_minted 0 mint-client --json --rotate
    local rotated
    rotated=$(field client_secret <"$SCRATCH/out")
    expect "a rotated one is another" yes "$([ "$rotated" != "$secret" ] && echo yes)"
    expect "and takes its place" "$rotated" "$(secret-tool lookup service gateway username "client/$id")"
}

# `mint-client` with a locked keyring: 77, the cure, and no client that has no secret.
case_mint_locked() {
    in_session locked_fill
    in_session mint_locked_inside
}
mint_locked_inside() {
    locked_daemon
    refused_or_minted 77 mint-client
    expect "it says that the keyring is locked" yes "$(grep -q 'locked' "$SCRATCH/err" && echo yes)"
    expect "with a hint" yes "$(grep -q '^hint: ..*' "$SCRATCH/err" && echo yes)"
    expect "no client was made" 0 "$("$binary" clients list --json | grep -o '"client_id"' | wc -l)"
    serve_says 'locked'
}

# No keyring at all: `mint-client` names the file back end, which then works; `serve` runs.
case_mint_absent() {
    refused_or_minted 77 mint-client
    expect "the hint names the file back end" yes \
        "$(grep '^hint: ' "$SCRATCH/err" | grep -qF 'secrets.backend = "file"' && echo yes)"
    serve_says 'secrets cannot be kept or shown'
    mkdir -p "$HOME/.config/gateway"
    printf '[secrets]\nbackend = "file"\n' >"$HOME/.config/gateway/config.toml"
    refused_or_minted 0 mint-client --json
    local secret kept
    secret=$(field client_secret <"$SCRATCH/out")
    kept=$(grep -rlF -e "$secret" "$HOME")
    expect "it is kept in one file for its owner alone" 600 "$(stat -c %a "$kept")"
}

# refused_or_minted STATUS WORD…: the exit status of a command; its output lies in out and err.
refused_or_minted() {
    local wanted=$1 status=0
    shift
    "$binary" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null || status=$?
    expect "\`gateway $*\` exits $wanted" "$wanted" "$status"
    [ "$status" = "$wanted" ] || sed 's/^/    /' "$SCRATCH/err"
}

# field NAME: that field of the JSON object on stdin.
field() {
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# serve_says WORDS: `serve` answers requests, says that, and ends when told to.
serve_says() {
    "$binary" serve --listen 127.0.0.1:0 --tunnel none --no-open \
        >"$SCRATCH/serve.out" 2>"$SCRATCH/serve.err" </dev/null &
    local pid=$! tries=0
    until [ -e "$SCRATCH/serve.out" ] && grep -q '^connector' "$SCRATCH/serve.out" || [ $((tries += 1)) = 400 ]; do sleep 0.05; done
    expect "serve runs" running "$("$binary" status --json | field state)"
    expect "and says \"$1\"" yes "$(grep -q -e "$1" "$SCRATCH/serve.out" && echo yes)"
    expect "with a hint" yes "$(grep -q '^hint: ..*' "$SCRATCH/serve.out" && echo yes)"
    local status=0
    kill "$pid"
    timeout 15 tail --pid="$pid" -f /dev/null || { echo "    FAILED: serve did not end"; kill -9 "$pid"; }
    wait "$pid" || status=$?
    expect "serve ends in order" 0 "$status"
}

# ---- running them ----------------------------------------------------------------------------------

if [ "${INSIDE_FUNCTION:-}" ]; then
    "$INSIDE_FUNCTION"
    exit
fi

install_tools
cases=("$@")
if [ ${#cases[@]} = 0 ]; then
    mapfile -t cases < <(declare -F | sed -n 's/^declare -f case_//p')
fi
failures=0
for name in "${cases[@]}"; do
    declare -F "case_$name" >/dev/null || { echo "there is no case $name" >&2; exit 2; }
    echo "== $name"
    SCRATCH=$(mktemp -d)
    mkdir -m 700 "$SCRATCH/home" "$SCRATCH/run"
    (
        export SCRATCH HOME=$SCRATCH/home XDG_RUNTIME_DIR=$SCRATCH/run SELF=$self
        unset DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY
        "case_$name"
    ) || touch "$SCRATCH/failed"
    if [ -e "$SCRATCH/failed" ]; then
        failures=$((failures + 1))
        [ ! -s "$SCRATCH/bus.log" ] || sed 's/^/    bus: /' "$SCRATCH/bus.log"
    fi
    rm -rf "$SCRATCH"
done
if [ "$failures" != 0 ]; then
    echo "$failures of ${#cases[@]} cases failed"
    exit 1
fi
echo "all ${#cases[@]} cases hold"
