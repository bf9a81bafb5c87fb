# Shared by the scripts beside it: where the project is, how they speak, what they need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install WHY PACKAGE...: installs Debian packages.
install() {
  command -v apt-get >/dev/null || fail "$1, and there is no apt-get to install ${*:2} with"
  say "installing ${*:2} ($1)"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${@:2}" >&2
}

# need COMMAND PACKAGE...: installs Debian packages where a command is missing.
need() { command -v "$1" >/dev/null || install "$1 is missing" "${@:2}"; }

need_rust() {
  command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.94 or newer with rustup"
  # The compiler is called to link, and needs the C library's start files for that.
  need cc gcc libc6-dev
  if command -v apt-get >/dev/null && ! [ -e "$(cc -print-file-name=crt1.o)" ]; then
    install "the C library cannot be linked with" libc6-dev
  fi
  # Certificates only matter where crates are still to be downloaded.
  if command -v apt-get >/dev/null && ! [ -s /etc/ssl/certs/ca-certificates.crt ] &&
    [ -z "${SSL_CERT_FILE:-}${SSL_CERT_DIR:-}${CARGO_HTTP_CAINFO:-}" ] && ! cargo fetch --locked --offline --quiet 2>/dev/null; then
    install "crates cannot be downloaded without certificates" ca-certificates
  fi
}

# need_component NAME: a part of the Rust toolchain that minimal installations lack.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  say "installing the $2 component"
  rustup component add "$2" >&2 || fail "cargo $1 is missing: rustup component add $2"
}

# purge_services FOLDER: stops the servers of a run folder of scripts/services and of those within it, in which tests keep
# servers of their own, and removes it.
purge_services() {
  local folder
  for folder in "$1"/own.*/ "$1"; do
    [ -d "$folder" ] || continue
    AXON_SERVICES_RUN=$folder scripts/services down --purge || AXON_SERVICES_RUN=$folder scripts/services status >&2
  done
  rm -rf "$1"
}
