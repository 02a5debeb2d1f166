#!/usr/bin/env bash
# The README's two commands, typed on a machine that has Rust and nothing else: a minimal Debian in a
# folder, with this machine's Rust toolchain and a clone of HEAD. Needs root, for chroot(2).
#
#     .ci/fresh.sh [FOLDER]      FOLDER is made anew and removed at the end (default target/fresh)
#
# The first command must answer requests, with nothing configured, and end when told to; the second
# must pass. Needs some 12 GB and the network of apt and cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
root=$(realpath -m "${1:-target/fresh}")
[ "$(id -u)" = 0 ] || { echo "error: a fresh machine is made with chroot, which takes root" >&2; exit 2; }

if ! command -v debootstrap >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(grep -rhoE '^(URIs:|deb) *[a-z]+://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
  grep -oE '[a-z]+://[^ ]+/debian/?$' | head -n 1) || mirror=''
rm -rf "$root"
mkdir -p "$root"
trap 'rm -rf "$root"' EXIT
echo "--- a minimal Debian $release"
debootstrap --variant=minbase --include=ca-certificates "$release" "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 ||
  { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# Whom this machine trusts: its way to the registries may have a certificate of its own.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

echo "--- with $(rustc --version) and a clone"
cargo_home=${CARGO_HOME:-$HOME/.cargo} rustup_home=${RUSTUP_HOME:-$HOME/.rustup}
mkdir -p "$root/root/.cargo" "$root/root/.rustup/toolchains"
cp -a "$cargo_home/bin" "$root/root/.cargo/"
for file in config.toml config env; do
  [ ! -e "$cargo_home/$file" ] || cp -a "$cargo_home/$file" "$root/root/.cargo/"
done
cp -a "$rustup_home/settings.toml" "$root/root/.rustup/"
cp -a "$(rustc --print sysroot)" "$root/root/.rustup/toolchains/"
git clone --quiet "$repository" "$root/root/gateway"

# inside COMMAND: runs it there as a login shell would, seeing no other process of this machine.
inside() {
  # shellcheck disable=SC2016 # the inner shells expand it
  unshare --mount --pid --fork --kill-child bash -euc '
    mount --make-rprivate /
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb \
      PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      /bin/sh -euc "cd /root/gateway && $2"
  ' bash "$root" "$1"
}

first='install/install.sh --run'
second='cargo test --workspace'
for command in "$first" "$second"; do
  grep -qF "$command" README.md || { echo "error: the README has no command \`$command\`" >&2; exit 1; }
done

echo "--- \$ $first"
output=$root/first.log
# It runs on until it is told to end; whoever waits for its address reads what it prints.
inside "
  $first > /first.log 2>&1 & pid=\$!
  until address=\$(grep -oE 'http://127\.0\.0\.1:[0-9]+' /first.log | head -n 1) && [ -n \"\$address\" ]; do
    kill -0 \$pid || { echo 'it ended before it served'; exit 1; }
    sleep 1
  done
  /root/.local/bin/gateway status
  /root/.local/bin/gateway doctor || echo \"doctor: exit \$?\"
  kill -TERM \$pid
  wait \$pid" || { echo "FAILED"; tail -n 40 "$output"; exit 1; }
tail -n 30 "$output"

echo "--- \$ $second"
inside "$second" >"$root/second.log" 2>&1 || { grep -E '^(test .* FAILED|error|---- )|panicked' "$root/second.log" | head -n 40; tail -n 40 "$root/second.log"; exit 1; }
grep -E '^test result' "$root/second.log" | awk '
  { passed += $4; failed += $6; ignored += $8 }
  END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }'
echo "both commands work on a machine that has only Rust"
