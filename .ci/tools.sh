#!/usr/bin/env bash
# Installs the tools of CI. Cargo tools have exact versions and live in .tools/cargo; Debian's
# packages are those of the release, whose versions are printed, since a mirror keeps only the newest.
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO_DENY=0.20.2
CARGO_MUTANTS=27.1.0
CARGO_ZIGBUILD=0.22.1
ZIGLANG=0.15.2

debian() {
  local wanted=(git gcc g++ libc6-dev python3-venv dbus gnome-keyring libsecret-tools zbar-tools
    chromium librsvg2-bin shellcheck systemd strace procps)
  local missing=()
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  dpkg-query -W "${wanted[@]}"
}

# Usage: cargo_tool NAME VERSION [SUBCOMMAND], which is what it wants before `--version`.
cargo_tool() {
  local name=$1 version=$2
  if [ "$(.tools/cargo/bin/"$name" "${@:3}" --version 2>/dev/null | awk '{print $NF}')" != "$version" ]; then
    cargo install --quiet --locked --root .tools/cargo --version "$version" "$name"
  fi
  echo "$name $version"
}

cargo_tools() {
  mkdir -p .tools
  cargo_tool cargo-deny "$CARGO_DENY"
  cargo_tool cargo-zigbuild "$CARGO_ZIGBUILD"
  if [ "$(cat .tools/zig.version 2>/dev/null)" != "$ZIGLANG" ]; then
    rm -rf .tools/zig
    python3 -m venv .tools/zig
    .tools/zig/bin/pip install --quiet "ziglang==$ZIGLANG"
    printf '%s' "$ZIGLANG" >.tools/zig.version
  fi
  rustup target add x86_64-pc-windows-gnu aarch64-apple-darwin
}

case ${1:-} in
  debian) debian ;;
  cargo) cargo_tools ;;
  mutants) cargo_tool cargo-mutants "$CARGO_MUTANTS" mutants ;;
  *) echo "usage: .ci/tools.sh debian|cargo|mutants" >&2; exit 2 ;;
esac
