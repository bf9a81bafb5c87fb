# Redis 7, once alone and once as a cluster of three. Sourced by scripts/services.

fetch_redis() { once redis-debian-12 debian redis bookworm redis-server; }

start_redis() {
  own "$run/redis"
  inside redis-debian-12 usr/bin/redis-server --bind 127.0.0.1 --port "$(port redis)" --save '' --appendonly no --dir "$run/redis"
  launch redis "${command_line[@]}"
}

# Checks the process id in its reply, which another server on that port would not have.
answers_redis() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$(port redis)"
    printf 'INFO server\r\nQUIT\r\n' >&3
    timeout 2 cat <&3 | tr -d '\r' | grep -qx "process_id:$(pid redis)"
  )
}

urls_redis() { echo "AXON_TEST_REDIS_URL=redis://127.0.0.1:$(port redis)/0"; }

# The cluster: three processes, one service. Each has a port for clients and a bus port. The default bus port (10000 higher) may
# be in the range of outgoing connections, so it is chosen here.
fetch_redis_cluster() { fetch_redis; }

readonly cluster_nodes=(1 2 3)
cluster_port() { if [ "$1" = 1 ]; then port redis-cluster; else port redis-cluster "$1-"; fi; }

# A shell is the parent of the three. When one ends, it ends the others and itself.
start_redis_cluster() {
  local node folder=$run/redis-cluster each=()
  for node in "${cluster_nodes[@]}"; do
    [ "$node" = 1 ] || keep_port redis-cluster "$node-"
    keep_port redis-cluster "$node-bus-"
    # They have no persistent data, so an old cluster configuration is removed.
    rm -rf "${folder:?}/$node"
    mkdir "$folder/$node"
    each+=("$(cluster_port "$node")" "$(port redis-cluster "$node-bus-")" "$folder/$node")
  done
  own "$folder"
  # Without a process title, which would overwrite the environment that identifies the process.
  inside redis-debian-12 usr/bin/redis-server --bind 127.0.0.1 --save '' --appendonly no --set-proc-title no \
    --cluster-enabled yes --cluster-announce-ip 127.0.0.1
  # shellcheck disable=SC2016
  launch redis-cluster bash -c '
    end() { kill $(jobs -p) 2>/dev/null; wait; exit; }
    trap end TERM
    each=("${@:1:9}")
    for n in 0 3 6; do
      "${@:10}" --port "${each[n]}" --cluster-port "${each[n + 1]}" --dir "${each[n + 2]}" &
    done
    wait -n
    end' redis-cluster "${each[@]}" "${command_line[@]}"
}

# redis_says PORT COMMAND...: the replies to these commands.
redis_says() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '%s\r\n' "${@:2}" QUIT >&3
    timeout 2 cat <&3 | tr -d '\r'
  )
}

# Checks that all three are processes of this service and see a complete cluster. Joins nodes that have no slots yet.
answers_redis_cluster() {
  local node said ours whole=yes
  ours=$(members redis-cluster)
  for node in "${cluster_nodes[@]}"; do
    said=$(redis_says "$(cluster_port "$node")" 'INFO server' 'CLUSTER INFO') || return 1
    grep -qxF "$(sed -n 's/^process_id://p' <<<"$said")" <<<"$ours" || return 1
    grep -qx 'cluster_state:ok' <<<"$said" && grep -qx 'cluster_known_nodes:3' <<<"$said" || whole=
    ! grep -qx 'cluster_slots_assigned:0' <<<"$said" || join_redis_cluster "$node" || return 1
  done
  [ -n "$whole" ]
}

# join_redis_cluster NODE: assigns a third of the slots to it and, unless it is the first, introduces it to the first.
join_redis_cluster() {
  local node=$1 from=$((16384 * ($1 - 1) / 3)) to=$((16384 * $1 / 3 - 1)) commands
  commands=("CLUSTER ADDSLOTSRANGE $from $to" "CLUSTER SET-CONFIG-EPOCH $node")
  [ "$node" = 1 ] || commands+=("CLUSTER MEET 127.0.0.1 $(cluster_port 1) $(port redis-cluster 1-bus-)")
  ! redis_says "$(cluster_port "$node")" "${commands[@]}" | grep '^-' >&2
}

urls_redis_cluster() {
  local node urls=()
  for node in "${cluster_nodes[@]}"; do urls+=("redis://127.0.0.1:$(cluster_port "$node")"); done
  (IFS=, && echo "AXON_TEST_REDIS_CLUSTER_URLS=${urls[*]}")
}
