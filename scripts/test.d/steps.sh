# Steps of scripts/test: what each took, and how many checks passed. Sourced by scripts/test and by scripts/test.d/beside, which
# share the folder that `gate` names. It holds what cargo's tests said in `tests` and `doctests`, what Node's said in `page`, a
# line for each check that passed in `checks`, and one for each step that is over in `steps`.

passed() { echo >>"$gate/checks"; }

# step NAME: ends the step before, and begins one.
step() {
  step_ends
  step_name=$1
  step_began=${EPOCHREALTIME/[.,]/}
  processor_time
  step_used=$used
  say "$1"
}
step_ends() {
  [ -n "${step_name:-}" ] || return 0
  processor_time
  printf '%7d.%d s %7d s   %s\n' $(((${EPOCHREALTIME/[.,]/} - step_began) / 1000000)) \
    $(((${EPOCHREALTIME/[.,]/} - step_began) / 100000 % 10)) $((used - step_used)) "$step_name${step_suffix:-}" >>"$gate/steps"
  step_name=
}
# processor_time: sets `used` to the seconds of this shell and of all that it has called and waited for, but for what ran
# beside the tests, which has steps of its own: it leaves what it used in `used_beside` when it ends.
processor_time() {
  times >"$gate/times.$$"
  used=$(tr ',' '.' <"$gate/times.$$" | awk -F'[ms ]+' '{ sum += 60 * ($1 + $3) + $2 + $4 } END { printf "%.0f", sum }')
  used=$((used - $(cat "$gate/used_beside" 2>/dev/null || echo 0)))
}
