#!/usr/bin/env bash
# Installs what the end-to-end suites drive, every version pinned, into .tools/ of this checkout.
# Usage: e2e/setup.sh [claude] [python]...   (everything without arguments)
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$PWD/.tools"
mkdir -p "$tools"

CLAUDE_CODE=2.1.328
MCP_PYTHON=2.3.0

# A marker names the version that is installed, so that a second run costs nothing.
installed() { [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]; }
mark() { printf '%s' "$2" >"$tools/$1.version"; }

claude() {
  installed claude "$CLAUDE_CODE" && return
  rm -rf "$tools/claude"
  # The program is a native executable: the package's scripts and its demand for a newer Node do not matter.
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/claude" \
    "@anthropic-ai/claude-code@$CLAUDE_CODE"
  local program
  program=$(find "$tools/claude" -path '*claude-code-linux-x64/claude' -type f | head -n 1)
  [ -n "$program" ] || { echo "e2e/setup.sh: the npm package holds no linux-x64 program" >&2; exit 1; }
  ln -sf "$program" "$tools/claude/claude"
  "$tools/claude/claude" --version | grep -q "^$CLAUDE_CODE" ||
    { echo "e2e/setup.sh: installed $("$tools/claude/claude" --version), wanted $CLAUDE_CODE" >&2; exit 1; }
  mark claude "$CLAUDE_CODE"
}

python() {
  installed python "mcp $MCP_PYTHON" && return
  rm -rf "$tools/python"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet "mcp==$MCP_PYTHON"
  mark python "mcp $MCP_PYTHON"
}

for part in "${@:-claude python}"; do
  for name in $part; do
    case $name in
      claude | python) "$name" ;;
      *) echo "e2e/setup.sh: unknown part $name (claude, python)" >&2; exit 2 ;;
    esac
  done
done
