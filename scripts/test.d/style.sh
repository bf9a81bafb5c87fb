# Style: formatting, lints, the page's types and lint. Sourced by scripts/test and scripts/test.d/beside.

formatting() {
  step "formatting"
  cargo fmt --all -- --check
  passed
}

import_circles() {
  step "import circles"
  scripts/circles --self-test
  scripts/circles
  passed
}

# A test file that no main.rs names would not be built, and no other check would notice.
test_files() {
  local main file
  step "test files"
  for main in */tests/*/main.rs; do
    for file in "${main%main.rs}"*.rs; do
      file=$(basename "$file" .rs)
      [ "$file" = main ] || grep -qx "mod $file;" "$main" || fail "$main does not name $file"
    done
  done
  passed
}

page_style() {
  local project
  step "the page: types and lint"
  for project in tsconfig.json tsconfig.node.json; do (cd "$web" && npx --no-install tsc --project "$project"); done
  passed
  (cd "$web" && npx --no-install eslint --max-warnings 0)
  passed
}

lints() {
  step "lints"
  cargo clippy --locked --workspace --all-targets --all-features --quiet -- -D warnings
  passed
  cargo clippy --locked --package axon-metrics --no-default-features --quiet -- -D warnings
  passed
  cargo clippy --locked --package axon-dashboard-http --no-default-features --quiet -- -D warnings
  passed
}
