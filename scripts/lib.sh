# Shared by the scripts in this folder: the project's folder, messages, and required programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install WHY PACKAGE...: installs Debian packages.
install() {
  command -v apt-get >/dev/null || fail "$1, and apt-get is not available: install ${*:2}"
  say "installing ${*:2} ($1)"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${@:2}" >&2
}

# need COMMAND PACKAGE...: installs Debian packages if a command is missing.
need() { command -v "$1" >/dev/null || install "$1 is missing" "${@:2}"; }

need_rust() {
  command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.94 or newer with rustup"
  # Rust links with the C compiler, which needs the start files of the C library.
  need cc gcc libc6-dev
  if command -v apt-get >/dev/null && ! [ -e "$(cc -print-file-name=crt1.o)" ]; then
    install "the start files of the C library are missing" libc6-dev
  fi
  # Certificates are needed only if crates have to be downloaded.
  if command -v apt-get >/dev/null && ! [ -s /etc/ssl/certs/ca-certificates.crt ] &&
    [ -z "${SSL_CERT_FILE:-}${SSL_CERT_DIR:-}${CARGO_HTTP_CAINFO:-}" ] && ! cargo fetch --locked --offline --quiet 2>/dev/null; then
    install "crates cannot be downloaded without certificates" ca-certificates
  fi
}

# need_component COMMAND COMPONENT: a component of the Rust toolchain that minimal installations lack.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  say "installing the $2 component"
  rustup component add "$2" >&2 || fail "cargo $1 is missing: rustup component add $2"
}

# purge_services FOLDER: stops the servers of a run folder of scripts/services and of the run folders inside it, which tests
# create for servers of their own, and removes it.
purge_services() {
  local folder
  for folder in "$1"/own.*/ "$1"; do
    [ -d "$folder" ] || continue
    AXON_SERVICES_RUN=$folder scripts/services down --purge || AXON_SERVICES_RUN=$folder scripts/services status >&2
  done
  rm -rf "$1"
}
