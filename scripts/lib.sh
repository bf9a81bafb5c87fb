# Shared by the scripts beside it: where the project is, how they speak, what they need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need COMMAND PACKAGE: installs a Debian package where its command is missing.
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || fail "$1 is missing, and there is no apt-get to install $2 with"
  say "installing $2 ($1 is missing)"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$2" >&2
}

need_rust() {
  command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.94 or newer with rustup"
  need cc gcc
}

# need_component NAME: a part of the Rust toolchain that minimal installations lack.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  say "installing the $2 component"
  rustup component add "$2" >&2 || fail "cargo $1 is missing: rustup component add $2"
}
