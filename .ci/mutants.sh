#!/usr/bin/env bash
# Changes every pure decision of `auth`, one at a time, and fails when fewer than 95 % of the changes
# make a test fail. A change costs a build of all that its tests need, so they are made in a copy that
# ends with the layer of these decisions: imports go downward only, so nothing below is missing.
# Usage: .ci/mutants.sh [FILE…]
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=95
files=("$@")
[ "${#files[@]}" -gt 0 ] || files=(
  src/auth/{pkce,redirect,resource,params,client_auth,ledger,brake,callback,digest,seal,challenge}.rs
  src/auth/document/{address,location,metadata,freshness}.rs
  src/model/grant.rs
)
above='cli|gateway|mcp|task|executor|project'

home=$PWD/target/mutants tree=$PWD/target/mutants/tree
rm -rf "$tree" "$home/found"
mkdir -p "$tree"
git ls-files -z Cargo.toml Cargo.lock src os tunnels | xargs -0 cp --parents -t "$tree"
for module in ${above//|/ }; do rm -r "$tree/src/$module"; done
rm "$tree/src/main.rs"
sed -i -E "/^pub mod ($above);/d" "$tree/src/lib.rs"
# A change is noticed by the first cases of a property or by none.
grep -rlF 'with_cases(10_000)' "$tree/src" | xargs sed -i 's/with_cases(10_000)/with_cases(300)/'
# Programs, whole-program tests and the features that only they need.
awk '/^\[\[(bin|test|bench)\]\]/ { skipped = 1 } /^$/ { skipped = 0 } !skipped && !/^gateway = / ' \
  Cargo.toml >"$tree/Cargo.toml"

named=()
for file in "${files[@]}"; do named+=(-f "$file"); done
export CARGO_TARGET_DIR=$PWD/target CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0
# Two tests run many rounds for the sake of races, which are the database's to win.
tests=(--lib -- auth:: model:: web:: --skip a_thousand_rounds_of_sixteen --skip sixteen_refreshes_at_once)
(cd "$tree" && cargo test --quiet "${tests[@]}")
status=0
(cd "$tree" && PATH=$OLDPWD/.tools/cargo/bin:$PATH cargo mutants --in-place --baseline skip --timeout 40 \
  --no-shuffle --colors never --output "$home/found" "${named[@]}" -- "${tests[@]}") || status=$?
# 2: some were missed, 3: some ended by the clock. The share decides.
case $status in 0 | 2 | 3) ;; *) exit "$status" ;; esac

found=$home/found/mutants.out
count() { wc -l <"$found/$1.txt"; }
caught=$(($(count caught) + $(count timeout))) missed=$(count missed)
printf 'caught %d of %d (%d do not build): ' "$caught" $((caught + missed)) "$(count unviable)"
awk -v caught="$caught" -v missed="$missed" 'BEGIN { printf "%.1f %%\n", 100 * caught / (caught + missed) }'
cat "$found/missed.txt"
if [ $((100 * caught)) -lt $((wanted * (caught + missed))) ]; then
  echo "error: fewer than $wanted % of the changes were noticed"
  echo 'hint: each line above names a change that no test notices: write the test that does'
  exit 1
fi
