#!/usr/bin/env bash
# The suites with real clients, agents, keyring and browser. Usage:
#
#     .ci/e2e.sh reduced      what .ci/run runs
#     .ci/e2e.sh whole        every suite, and the client matrix with every cell
#     .ci/e2e.sh SUITE...     some of them, such as `qr` or `keyring`
#
# GATEWAY_BINARY names the program (default target/debug/gateway), GATEWAY_DOUBLES the folder of the
# doubles of edges and server (default target/debug). A line per case; every suite runs, and the status is 1 when any
# case failed, 2 when something that the suites stand on is missing. Nothing is ever skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

reduced=(keyring serve round_trip clients crash cancel confined qr approve bad_input conformance install)
# The rest wants a build of its own (claude_real) or namespaces, so root (service).
whole=("${reduced[@]}" service claude_real)
# Of the client matrix: a cell of every client, and all of the two that are used most.
clients_flags=
# No suite takes a third of this on two idle cores; one that hangs is a failure.
SUITE_SECS_MAX=600

case ${1:-} in
  reduced) suites=("${reduced[@]}"); clients_flags=--reduced ;;
  whole) suites=("${whole[@]}") ;;
  '') echo "usage: .ci/e2e.sh reduced|whole|SUITE... (suites: ${whole[*]})" >&2; exit 2 ;;
  *) suites=("$@") ;;
esac

for suite in "${suites[@]}"; do
  [[ " ${whole[*]} " == *" $suite "* ]] ||
    { echo "error: there is no suite $suite (there are ${whole[*]})" >&2; exit 2; }
done

gateway=$(realpath -m "${GATEWAY_BINARY:-target/debug/gateway}")
doubles=$(realpath -m "${GATEWAY_DOUBLES:-target/debug}")
export GATEWAY_BINARY=$gateway GATEWAY_DOUBLES=$doubles clients_flags
python=$PWD/.tools/python/bin/python

# --- what everything stands on --------------------------------------------------------------------

missing=0
need() { # what, how to get it, command...
  local what=$1 cure=$2
  shift 2
  "$@" >/dev/null 2>&1 || { echo "error: $what is missing: $cure" >&2; missing=1; }
}
need "$gateway" "cargo build --bin gateway" test -x "$gateway"
for double in loopback-ngrok-edge fake-cloudflared; do
  need "$doubles/$double" "cargo build -p gateway-tunnels --features testing --bins" test -x "$doubles/$double"
done
need "$doubles/mcp-conformance-server" "cargo build --features testing --bin mcp-conformance-server" \
  test -x "$doubles/mcp-conformance-server"
need "Claude Code" "e2e/setup.sh" .tools/claude/claude --version
need "the conformance suite" "e2e/setup.sh" test -d .tools/conformance/node_modules
need "the Python SDK" "e2e/setup.sh" "$python" -c 'import mcp, cryptography'
need "Node" "e2e/setup.sh" .tools/node/node --version
need "Codex" "e2e/setup.sh" test -x .tools/codex/codex
for client in mcp-remote inspector typescript-sdk typescript-client; do
  need "$client" "e2e/setup.sh" test -d ".tools/$client/node_modules"
done
for tool in git zbarimg rsvg-convert chromium gnome-keyring-daemon dbus-run-session secret-tool python3; do
  need "$tool" ".ci/tools.sh debian" command -v "$tool"
done
[ "$missing" = 0 ] || exit 2

# --- the suites -------------------------------------------------------------------------------------

run() {
  case $1 in
    keyring | install | service) "e2e/$1.sh" "$GATEWAY_BINARY" ;;
    clients) "$python" e2e/clients.py --require all ${clients_flags:+"$clients_flags"} ;;
    serve | round_trip | crash | cancel | confined | qr | approve | bad_input | conformance) "$python" "e2e/$1.py" ;;
    claude_real)
      # As part of the workspace it shares what `cargo test --workspace` has built.
      GATEWAY_E2E_CLAUDE=$PWD/.tools/claude/claude \
        cargo test --locked --workspace --features gateway/e2e --test claude_real
      ;;
  esac
}
export -f run
export python

failed=()
summary=()
for suite in "${suites[@]}"; do
  echo "=== $suite"
  begun=$SECONDS
  status=0
  # shellcheck disable=SC2016 # the inner shell expands it
  timeout --kill-after=30 "$SUITE_SECS_MAX" bash -euo pipefail -c 'run "$1"' bash "$suite" || status=$?
  took="$((SECONDS - begun)) s"
  if [ "$status" = 0 ]; then
    summary+=("ok    $suite  ($took)")
  else
    failed+=("$suite")
    summary+=("FAIL  $suite  ($took, status $status)")
  fi
done
echo "=== suites"
printf '%s\n' "${summary[@]}"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
echo "all ${#suites[@]} suites hold in $SECONDS s"
