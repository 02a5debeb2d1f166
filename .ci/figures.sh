#!/usr/bin/env bash
# Figures of the release program: size, start, memory. Budgets are told; only the size can fail.
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:-target/release/gateway}
[ -x "$program" ] || { echo "$program is missing: cargo build --release --locked --bin gateway" >&2; exit 1; }
python3 benches/start.py "$program"
