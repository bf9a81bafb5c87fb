# The folders and the user of the servers. Sourced by scripts/services.

# Elasticsearch and the SQL servers refuse to run as root, so root runs them as nobody, who owns only their data.
if [ "$(id -u)" = 0 ]; then
  readonly server_user=65534
  readonly as_server=(setpriv --reuid=$server_user --regid=$server_user --clear-groups --)
else
  readonly server_user=
  readonly as_server=()
fi

# own FOLDER...: changes the owner of folders to the servers' user.
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

# reachable FOLDER: whether this user can create and write it, and the servers' user can enter it (home folders are often
# closed). Checks the nearest existing folder; nothing is created.
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
    # Anyone may write to a folder of temporary files, so a folder there must belong to this user.
    [ -d "$folder" ] && [ -O "$folder" ] && chmod 755 "$folder" && reachable "$folder" ||
      fail "$folder is not usable: this user must own it, and user ${server_user:-$(id -u)}, who runs the servers, must be \
able to enter it. Set AXON_SERVICES_CACHE or AXON_SERVICES_RUN to another one"
  done
}

# lock_run: locks the run folder for this command. The end of this process releases the lock.
lock_run() {
  exec 9>"$run/.lock"
  flock --nonblock 9 && return
  say "waiting for another scripts/services in $run"
  flock 9
}
