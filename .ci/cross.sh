#!/usr/bin/env bash
# Checks that the program builds for the systems that are not claimed yet. Nothing is run there.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(.tools/zig/bin/python -c 'import ziglang, os; print(os.path.dirname(ziglang.__file__))')
export CARGO_ZIGBUILD_ZIG_PATH="$python/zig"
# Unoptimised: this asks whether it builds, not how well.
build() { .tools/cargo/bin/cargo-zigbuild zigbuild --locked "$@"; }
build --bin gateway --target x86_64-pc-windows-gnu
# The keyring of macOS is linked against frameworks of Apple's SDK, which may not be passed on. Without
# one, everything is compiled, but for the four lines of main.rs, and the program is not linked.
if [ -n "${SDKROOT:-}" ]; then
  build --bin gateway --target aarch64-apple-darwin
else
  build --lib --target aarch64-apple-darwin
  echo "aarch64-apple-darwin: compiled, not linked (SDKROOT names no macOS SDK)"
fi
