#!/usr/bin/env bash
# Coverage-guided fuzzing of every target of `src/gateway/fuzz`, for 60 seconds each unless told
# otherwise. Stable Rust does it: coverage is a pass of LLVM, and libFuzzer comes with its crate,
# pinned in fuzz/Cargo.toml. A panic anywhere, caught or not, is a finding; so is a 5xx.
# Usage: .ci/fuzz.sh [SECONDS [TARGET…]]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=("${@:2}")
[ "${#targets[@]}" -gt 0 ] || targets=(fuzz/corpus/*/)

host=$(rustc -vV | sed -n 's/^host: //p')
flags=-Cpasses=sancov-module
for pass in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=" -Cllvm-args=-sanitizer-coverage-$pass"
done
RUSTFLAGS=$flags cargo build --manifest-path fuzz/Cargo.toml --locked --release --target "$host" \
  --target-dir target/fuzz
program=target/fuzz/$host/release/gateway-fuzz

failed=0
for target in "${targets[@]}"; do
  target=$(basename "$target")
  # What is new stays here: `-merge=1` tells what of it is worth a place in fuzz/corpus.
  new=target/fuzz/new/$target crashes=target/fuzz/crashes/$target log=target/fuzz/$target.log
  rm -rf "$crashes"
  mkdir -p "$new" "$crashes"
  if GATEWAY_FUZZ=$target "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -max_len=4096 -dict=fuzz/words.dict -print_final_stats=1 -artifact_prefix="$crashes/" \
    "$new" "fuzz/corpus/$target" >"$log" 2>&1; then
    awk -v target="$target" '
      / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "ft:") ft = $(i + 1)
        if ($i == "corp:") corp = $(i + 1) } }
      /stat::number_of_executed_units/ { runs = $2 }
      END { printf "%-12s %9d runs  %6d edges  %6d features  %s inputs, no finding\n", target, runs, cov, ft, corp }
    ' "$log"
  else
    failed=1
    grep -m 1 -A 40 -E 'panicked at|ERROR: libFuzzer' "$log" || tail -n 40 "$log"
    printf 'error: the fuzz target %s has a finding\n' "$target"
    printf 'hint: the input is in %s; GATEWAY_FUZZ=%s %s FILE runs it again. When it is mended, ' \
      "$crashes" "$target" "$program"
    printf 'keep the input in fuzz/corpus/%s\n' "$target"
  fi
done
exit "$failed"
