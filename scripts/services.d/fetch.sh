# Fetches packages of a Debian suite into a private folder, and runs programs from there. Sourced by scripts/services.
# Nothing is installed. All dependencies of a server, including the C library, are fetched, so that it does not depend on the
# machine's packages.

readonly triple=x86_64-linux-gnu

# once NAME COMMAND...: runs a command that fills the folder NAME.part of the cache, unless NAME exists. Concurrent calls wait for
# each other; an interrupted one is repeated.
once() {
  local name=$1
  [ -d "$cache/$name" ] && return
  (
    flock 8
    [ -d "$cache/$name" ] && exit
    rm -rf "$cache/$name.part"
    mkdir -p "$cache/$name.part"
    "${@:2}" "$cache/$name.part" || exit 1
    chmod -R a+rX "$cache/$name.part"
    mv "$cache/$name.part" "$cache/$name"
  ) 8>"$cache/.$name.lock"
}

# mirrors: URLs of mirrors of Debian, the preferred one first.
mirrors() {
  if [ -n "${MIRROR:-}" ]; then
    echo "${MIRROR%/}"
    return
  fi
  # Both forms of sources: `deb http://.. suite main` and `URIs: http://..`.
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -E '^[[:space:]]*(deb|URIs:)[[:space:]]' | grep -oE 'https?://[^] ]+/debian/?([[:space:]]|$)' |
    sed -E 's,/?[[:space:]]*$,,' | awk '!seen[$0]++'
}

# debian SERVICE SUITE PACKAGE ROOT: downloads a package with its dependencies, and unpacks them.
debian() {
  local service=$1 suite=$2 package=$3 root=$4 mirror
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg log=$cache/$service.fetch.log
  if [ "$(uname -m)" != x86_64 ] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    note "$service" "cannot be fetched: this needs Debian on x86-64; set the address of a server instead"
    return 1
  fi
  if ! [ -e "$keyring" ]; then
    note "$service" "cannot be fetched: $keyring is missing (package debian-archive-keyring)"
    return 1
  fi
  : >"$log"
  for mirror in $(mirrors); do
    note "$service" "fetching $package of Debian $suite"
    if debian_from "$mirror" "$suite" "$package" "$root" "$keyring" >>"$log" 2>&1; then
      rm -f "$log"
      note "$service" "fetched, $(du -sm "$root" | cut -f1) MB"
      return
    fi
    note "$service" "not available from ${mirror%%/debian*}: $(grep -E '^(E|Err):?' "$log" | tail -n 1 || true)"
  done
  note "$service" "cannot be fetched: see $log (no network, or no mirror in the apt sources? Set MIRROR to another one)"
  return 1
}

debian_from() {
  local mirror=$1 suite=$2 package=$3 root=$4 keyring=$5 apt=$4.apt deb
  rm -rf "$apt"
  mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,log}
  # Empty, as if nothing was installed, so that all dependencies are downloaded.
  : >"$apt/status"
  echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$apt/sources.list"
  local options=(-q -y
    -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o Dir::State="$apt/state" -o Dir::State::Status="$apt/status" -o Dir::Cache="$apt/cache" -o Dir::Log="$apt/log"
    -o APT::Architecture=amd64 -o APT::Install-Recommends=0 -o APT::Sandbox::User= -o APT::Update::Error-Mode=any
    -o APT::Update::Post-Invoke::= -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30)
  apt-get "${options[@]}" update && apt-get "${options[@]}" --download-only install "$package" || return 1
  for deb in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$root" || return 1; done
  rm -rf "$apt"
}

# inside ROOT PROGRAM ARGUMENT...: sets `command_line` to a program of a private folder, with that folder's loader and
# libraries.
inside() {
  local root=$cache/$1 loader
  loader=$(find "$root/lib" "$root/usr/lib" -name 'ld-linux-x86-64.so.2' -type f 2>/dev/null | head -n 1)
  command_line=("$loader" --library-path "$root/lib/$triple:$root/usr/lib/$triple:$root/usr/lib/mysql/private" "$root/$2" "${@:3}")
}
