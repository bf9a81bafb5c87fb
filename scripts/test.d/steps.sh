# Steps of scripts/test: their times, and the number of passed checks. Sourced by scripts/test and by scripts/test.d/beside, which
# share the folder in `gate`. Its files: `tests` and `doctests` (output of cargo's tests), `page` (output of Node's tests), `checks`
# (a line for each passed check), `steps` (a line for each finished step).

passed() { echo >>"$gate/checks"; }

# step NAME: ends the current step, and begins one.
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
# processor_time: sets `used` to the processor seconds of this shell and its finished children, without those of the concurrent
# checks, which have steps of their own and write their seconds to `used_beside` at their end.
processor_time() {
  times >"$gate/times.$$"
  used=$(tr ',' '.' <"$gate/times.$$" | awk -F'[ms ]+' '{ sum += 60 * ($1 + $3) + $2 + $4 } END { printf "%.0f", sum }')
  used=$((used - $(cat "$gate/used_beside" 2>/dev/null || echo 0)))
}
