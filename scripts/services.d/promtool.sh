# Prometheus' own checker, of Debian; nothing runs on. Sourced by scripts that check metrics and alert rules.

fetch_promtool() { once promtool-debian-12 promtool_alone; }

# Of the package with all it depends on, only the program and the C library are kept.
promtool_alone() {
  local whole=$1.whole
  rm -rf "$whole"
  debian promtool bookworm prometheus "$whole" || return 1
  mkdir -p "$1/usr/bin" "$1/lib" && mv "$whole/usr/bin/promtool" "$1/usr/bin/" && mv "$whole/lib/$triple" "$1/lib/" || return 1
  rm -rf "$whole"
}

# promtool ARGUMENT...
promtool() {
  inside promtool-debian-12 usr/bin/promtool "$@"
  "${command_line[@]}"
}
