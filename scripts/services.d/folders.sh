# Where things lie, and who the servers are. Sourced by scripts/services.

# Elasticsearch and the SQL servers refuse to be root, so root runs them as nobody, who owns no more than their data.
if [ "$(id -u)" = 0 ]; then
  readonly server_user=65534
  readonly as_server=(setpriv --reuid=$server_user --regid=$server_user --clear-groups --)
else
  readonly server_user=
  readonly as_server=()
fi

# own FOLDER...: gives folders to the servers' user.
own() { [ -z "$server_user" ] || chown -R "$server_user:$server_user" "$@"; }

# choose_folders: sets `cache` and `run`.
choose_folders() {
  local user_cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  cache=${AXON_SERVICES_CACHE:-}
  if [ -z "$cache" ]; then
    cache=${user_cache:+$user_cache/axon-metrics/services}
    reachable "$cache" || cache=/var/tmp/axon-metrics-$(id -u)/services
  fi
  run=${AXON_SERVICES_RUN:-$cache/run}
  cache=$(realpath -m "$cache") run=$(realpath -m "$run")
}

# reachable FOLDER: this user can make and write it, and the servers' user can come there (a home folder is often closed).
# Said of the nearest folder that is there; nothing is made.
reachable() {
  local folder=$1
  [ -n "$folder" ] || return 1
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  [ -w "$folder" ] && "${as_server[@]}" test -x "$folder"
}

prepare_folders() {
  local folder
  for folder in "$cache" "$run"; do
    reachable "$(dirname "$folder")" && mkdir -p "$folder"
    # Anyone may write to the folder for temporary files: what lies there must be ours.
    [ -d "$folder" ] && [ -O "$folder" ] && chmod 755 "$folder" && reachable "$folder" ||
      fail "$folder is not usable: this user must own it, and user ${server_user:-$(id -u)}, who the servers are, must be \
able to come there. Name another one in AXON_SERVICES_CACHE or AXON_SERVICES_RUN"
  done
}

# lock_run: one command at a time in a run folder. The lock ends with this process.
lock_run() {
  exec 9>"$run/.lock"
  flock --nonblock 9 && return
  say "waiting for another scripts/services in $run"
  flock 9
}
