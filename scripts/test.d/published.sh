# Checks of published crates: documentation, dependency direction, and packages. Sourced by scripts/test.d/beside.

documentation() {
  step "documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --all-features --no-deps --quiet
  passed
}

# names SELECTION...: the names of all crates in the tree of normal dependencies. Fails if there is none.
names() {
  local tree
  tree=$(cargo tree --locked --all-features --edges normal --prefix none --format '{p}' "$@") || fail "cargo tree $* failed"
  [ -n "$tree" ] || fail "cargo tree $* printed nothing"
  cut -d' ' -f1 <<<"$tree" | sort -u
}
# refuse CRATE PATTERN WHY: fails if the crate depends on one whose name matches the pattern.
refuse() {
  local all found
  all=$(names --package "$1") || exit 1
  grep -qx "$1" <<<"$all" || fail "cargo tree does not name $1 itself"
  found=$(grep -vx "$1" <<<"$all" | grep -Ex "$2" || true)
  [ -z "$found" ] || fail "$1 depends on $(echo $found): $3"
  passed
}

dependency_direction() {
  local adapter others all providers
  step "dependency direction"
  refuse axon-metrics 'sqlx.*|redis|elasticsearch|axum.*|reqwest|hyper|axon-.*' "the core depends on no store and no HTTP framework"
  refuse axon-dashboard-http 'axon-metrics-.*|sqlx.*|redis|elasticsearch|reqwest' "the HTTP crate depends on no adapter"
  for adapter in axon-metrics-*/; do
    [ -d "$adapter" ] || continue
    # No client of a store, except its own driver.
    case $adapter in
      axon-metrics-es/) others='sqlx.*|redis' ;;
      axon-metrics-mysql/) others='elasticsearch|redis|reqwest' ;;
      axon-metrics-redis/) others='elasticsearch|sqlx.*|reqwest' ;;
      *) others='elasticsearch|sqlx.*|redis' ;;
    esac
    refuse "${adapter%/}" "axon-metrics-.*|axon-dashboard-http|axum|$others" \
      "an adapter depends neither on another one, nor on another store's client, nor on the HTTP crate"
  done
  all=$(names --workspace) || exit 1
  providers=$(grep -E '^(aws-lc|openssl-sys$|openssl$)' <<<"$all" || true)
  [ -z "$providers" ] || fail "dependencies have a second TLS provider: $(echo $providers)"
  passed
}

dependency_counts() {
  local stated readme command said counted
  step "dependency counts"
  # The number in a readme may differ from the command's by 5.
  stated=$(grep -oE '`cargo tree [^`]*wc -l`: [0-9]+' axon-*/README.md) || fail "no readme states its number of dependencies"
  while IFS='`' read -r readme command said; do
    counted=$(eval "$command") || fail "$readme $command failed"
    said=${said//[!0-9]/}
    [ $((counted - said)) -le 5 ] && [ $((said - counted)) -le 5 ] || fail "$readme $command: $counted, not $said"
    passed
  done <<<"$stated"
}

packages() {
  local packages crates manifest packed crate
  step "packages"
  # Packs the crates, unpacks them, and type-checks each alone from there, with the features that it has by default: a file that
  # was not packed, and a feature that only another crate enables, are compile errors. Not with cargo's own verification, which
  # takes the other packages of the workspace from an earlier check of the same version.
  packages=$(mktemp -d)
  crates=()
  for manifest in axon-*/Cargo.toml; do crates+=(--package "$(dirname "$manifest")"); done
  cargo package --locked --allow-dirty --quiet --no-verify --target-dir "$packages/packed" "${crates[@]}"
  for packed in "$packages"/packed/package/*.crate; do tar -xzf "$packed" -C "$packages"; done
  {
    printf '[workspace]\nmembers = ["axon-*"]\nresolver = "3"\n[patch.crates-io]\n'
    for crate in "$packages"/axon-*/; do
      crate=$(basename "$crate")
      echo "${crate%-[0-9]*} = { path = \"$crate\" }"
    done
    # The profile of the lints, so that dependencies with the same features are not checked again.
    sed -n '/^\[profile\.dev/,/^$/p' Cargo.toml
  } >"$packages/Cargo.toml"
  cp Cargo.lock "$packages"
  for manifest in axon-*/Cargo.toml; do
    cargo check --offline --quiet --manifest-path "$packages/Cargo.toml" --target-dir "$target" \
      --package "$(dirname "$manifest")"
  done
  diff -r "$web/dist" "$packages"/axon-dashboard-http-*/web/dist >&2 || fail "the package of axon-dashboard-http has another page than web/dist"
  cargo check --offline --quiet --manifest-path "$packages/Cargo.toml" --target-dir "$target" \
    --package axon-dashboard-http --features page
  rm -rf "$packages"
  passed
}
