# Processes of servers: free ports, start in a session of their own, waiting, stopping. Sourced by scripts/services.
# A run folder has, for each service, a folder of that name and the files .log, .port, .pid, and .starting until it answers.

began=${EPOCHREALTIME/[.,]/}
# note SERVICE TEXT...: a line of progress, with the seconds since the start.
note() {
  local past=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  printf '%4d.%d s  %-22s %s\n' $((past / 10)) $((past % 10)) "$1" "${*:2}" >&2
}

# free_port: a port without a listener, outside the range of outgoing connections (from 32768 on).
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && ! grep -qx "$port" "$run"/*port 2>/dev/null; then
      echo "$port" && return
    fi
  done
}

# port SERVICE [WHICH]: its current or last port.
port() { cat "$run/$1.${2:-}port" 2>/dev/null; }

# keep_port SERVICE [WHICH]: keeps the last port if it is still free, else chooses a new one.
keep_port() {
  local old
  old=$(port "$@") && ! (exec 3<>"/dev/tcp/127.0.0.1/$old") 2>/dev/null || free_port >"$run/$1.${2:-}port"
}

# born PID: the kernel's start time of a process; process id and start time are unique. Fails for an ended process.
born() {
  local stat fields
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] && echo "${fields[19]}"
} 2>/dev/null

# pid SERVICE: the id of its process. Fails if the process has ended, even if another one has its id.
pid() {
  local pid birth
  read -r pid birth 2>/dev/null <"$run/$1.pid" && [ "$(born "$pid")" = "$birth" ] && echo "$pid"
} 2>/dev/null

# members SERVICE: the ids of its process and its children, including orphans; Elasticsearch has two processes. They are
# identified by their session and by HOME in their environment.
members() {
  local leader _ process stat fields
  pid "$1" || true
  read -r leader _ 2>/dev/null <"$run/$1.pid" || return 0
  for process in /proc/[0-9]*; do
    read -r stat 2>/dev/null <"$process/stat" || continue
    read -ra fields <<<"${stat##*) }"
    [ "${fields[3]}" = "$leader" ] && [ "${fields[0]}" != Z ] && [ "${process#/proc/}" != "$leader" ] &&
      grep -qzxF "HOME=$run/$1" "$process/environ" 2>/dev/null && echo "${process#/proc/}"
  done
  return 0
}

running() { pid "$1" >/dev/null && ! [ -e "$run/$1.starting" ]; }

# memory SERVICE: its resident memory in MB.
memory() {
  local process sum=0 kb
  for process in $(members "$1"); do
    kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$process/status" 2>/dev/null) && sum=$((sum + ${kb:-0}))
  done
  echo $((sum / 1024))
}

# start SERVICE: starts it, unless an interrupted `up` has already started it.
start() {
  pid "$1" >/dev/null && return
  stop "$1" || return 1
  touch "$run/$1.starting"
  mkdir -p "$run/$1"
  chmod 755 "$run/$1"
  keep_port "$1"
  call start "$1"
}

# launch SERVICE COMMAND...: starts a server in a session of its own, in its folder, without this shell's environment and open
# files.
launch() {
  local service=$1
  shift
  rm -f "$run/$service.pid"
  (
    cd "$run/$service"
    # shellcheck disable=SC2016
    exec setsid env -i PATH="$PATH" HOME="$run/$service" LC_ALL=C bash -c '
      read -r stat <"/proc/$$/stat"
      read -ra fields <<<"${stat##*) }"
      echo "$$ ${fields[19]}" >"$1"
      exec "${@:2}"' launch "$run/$service.pid" "${as_server[@]}" "$@"
  ) >"$run/$service.log" 2>&1 </dev/null 9>&- &
  disown
  until [ -s "$run/$service.pid" ]; do sleep 0.02; done
}

# wait_for SERVICE: waits until it answers and identifies itself; an open port may belong to another process.
wait_for() {
  local deadline=$((SECONDS + 180))
  until call answers "$1" 2>/dev/null; do
    if ! pid "$1" >/dev/null; then
      note "$1" "exited; the end of its log:"
      tail -n 8 "$run/$1.log" >&2
      return 1
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      note "$1" "does not answer after 180 s: see $run/$1.log"
      return 1
    fi
    sleep 0.1
  done
  rm -f "$run/$1.starting"
  note "$1" "ready on port $(port "$1"), $(memory "$1") MB"
}

# stop SERVICE: sends SIGTERM, and after 30 s SIGKILL.
stop() {
  local leader left n
  if leader=$(pid "$1"); then kill -TERM "$leader" 2>/dev/null || true; fi
  for ((n = 0; n < 400; n++)); do
    left=$(members "$1")
    [ -n "$left" ] || break
    # Without the leader its children get no signal, so they are signalled directly.
    [ -n "$(pid "$1")" ] || kill -TERM $left 2>/dev/null || true
    [ "$n" -lt 300 ] || kill -KILL $left 2>/dev/null || true
    sleep 0.1
  done
  if [ -n "$left" ]; then
    note "$1" "does not stop: process" $left
    return 1
  fi
  [ -z "$leader" ] || note "$1" "stopped"
  rm -f "$run/$1.pid" "$run/$1.starting"
}
