#!/usr/bin/env bash
# Checks that the program builds for the systems that are not claimed yet. Nothing is run there.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(.tools/zig/bin/python -c 'import ziglang, os; print(os.path.dirname(ziglang.__file__))')
export CARGO_ZIGBUILD_ZIG_PATH="$python/zig"
for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
  # Unoptimised: this asks whether it builds, not how well.
  .tools/cargo/bin/cargo-zigbuild zigbuild --locked --bin gateway --target "$target"
done
