# Redis 7: alone, as a cluster of three, with TLS, and as a master behind sentinels. Sourced by scripts/services.

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

# Services of several processes: each has a configuration in the service's folder, and a folder of its own for data. They have no
# persistent data, so the folders of an earlier start are removed.

# redis_config SERVICE NAME LINE...: writes the configuration NAME.conf. Without a process title, which would overwrite the
# environment that identifies the process.
redis_config() {
  local folder=$run/$1/$2
  rm -rf "${folder:?}" "$folder.conf"
  mkdir "$folder"
  printf '%s\n' "dir $folder" 'bind 127.0.0.1' 'save ""' 'appendonly no' 'set-proc-title no' "${@:3}" >"$folder.conf"
}

# launch_redis SERVICE NAME...: starts a server for each configuration, all as one service. Names that begin with `sentinel` are
# those of sentinels. A shell is the parent of all. When one ends, it ends the others and itself.
launch_redis() {
  local service=$1 configs=() name
  shift
  for name in "$@"; do configs+=("$run/$service/$name.conf"); done
  own "$run/$service"
  inside redis-debian-12 usr/bin/redis-server
  # shellcheck disable=SC2016
  launch "$service" bash -c '
    end() { kill $(jobs -p) 2>/dev/null; wait; exit; }
    trap end TERM
    for config in "${@:2:$1}"; do
      sentinel=
      case ${config##*/} in sentinel*) sentinel=--sentinel ;; esac
      "${@:2 + $1}" "$config" $sentinel &
    done
    wait -n
    end' "$service" ${#configs[@]} "${configs[@]}" "${command_line[@]}"
}

# is_of PROCESSES SAID: whether the reply to `INFO server` is that of one of these processes, the members of a service.
is_of() { grep -qxF "$(sed -n 's/^process_id://p' <<<"$2")" <<<"$1"; }

# The cluster. Each node has a port for clients and a bus port. The default bus port (10000 higher) may be in the range of outgoing
# connections, so it is chosen here.
fetch_redis_cluster() { fetch_redis; }

readonly cluster_nodes=(1 2 3)
cluster_port() { if [ "$1" = 1 ]; then port redis-cluster; else port redis-cluster "$1-"; fi; }

start_redis_cluster() {
  local node
  for node in "${cluster_nodes[@]}"; do
    [ "$node" = 1 ] || keep_port redis-cluster "$node-"
    keep_port redis-cluster "$node-bus-"
    redis_config redis-cluster "$node" "port $(cluster_port "$node")" "cluster-port $(port redis-cluster "$node-bus-")" \
      'cluster-enabled yes' 'cluster-announce-ip 127.0.0.1'
  done
  launch_redis redis-cluster "${cluster_nodes[@]}"
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
    is_of "$ours" "$said" || return 1
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

# Servers with TLS, by the certificates of the tests: one with a good certificate, which is another name's for 127.0.0.2; one whose
# certificate has expired; one that asks for a certificate of the client. Each has a port without TLS, too, only to see whether it
# answers.
fetch_redis_tls() { fetch_redis; }

readonly certificates=axon-metrics-es/tests/certificates tls_servers=(valid expired client)
tls_port() { if [ "$1" = valid ]; then port redis-tls; else port redis-tls "$1-"; fi; }

start_redis_tls() {
  local folder=$run/redis-tls server certificate clients
  cp "$certificates"/*.pem "$certificates"/*.key "$folder"
  for server in "${tls_servers[@]}"; do
    [ "$server" = valid ] || keep_port redis-tls "$server-"
    keep_port redis-tls "$server-plain-"
    certificate=valid clients=no
    case $server in expired) certificate=expired ;; client) clients=yes ;; esac
    redis_config redis-tls "$server" "port $(port redis-tls "$server-plain-")" "tls-port $(tls_port "$server")" 'bind 127.0.0.1 127.0.0.2' \
      "tls-cert-file $folder/$certificate.pem" "tls-key-file $folder/server.key" "tls-ca-cert-file $folder/authority.pem" \
      "tls-auth-clients $clients"
  done
  launch_redis redis-tls "${tls_servers[@]}"
}

answers_redis_tls() {
  local server ours
  ours=$(members redis-tls)
  for server in "${tls_servers[@]}"; do
    is_of "$ours" "$(redis_says "$(port redis-tls "$server-plain-")" 'INFO server')" || return 1
    (exec 3<>"/dev/tcp/127.0.0.1/$(tls_port "$server")") || return 1
  done
}

urls_redis_tls() {
  local server urls=()
  for server in "${tls_servers[@]}"; do urls+=("rediss://127.0.0.1:$(tls_port "$server")"); done
  (IFS=, && echo "AXON_TEST_REDIS_TLS_URLS=${urls[*]}")
}

# A master, its replica, and three sentinels that watch the service axon-test. The sentinels are told of each other and of the
# replica, which they would find out by themselves within ten seconds.
fetch_redis_sentinel() { fetch_redis; }

readonly sentinel_servers=(master replica) sentinels=(sentinel1 sentinel2 sentinel3)
sentinel_port() { if [ "$1" = sentinel1 ]; then port redis-sentinel; else port redis-sentinel "$1-"; fi; }
# sentinel_id NAME: its id, 40 hexadecimal digits.
sentinel_id() { printf '%040d' "${1#sentinel}"; }

start_redis_sentinel() {
  local name other lines
  for name in "${sentinel_servers[@]}" "${sentinels[@]}"; do [ "$name" = sentinel1 ] || keep_port redis-sentinel "$name-"; done
  redis_config redis-sentinel master "port $(sentinel_port master)" 'repl-diskless-sync-delay 0'
  redis_config redis-sentinel replica "port $(sentinel_port replica)" 'repl-diskless-sync-delay 0' \
    "replicaof 127.0.0.1 $(sentinel_port master)"
  for name in "${sentinels[@]}"; do
    lines=("sentinel myid $(sentinel_id "$name")" "sentinel monitor axon-test 127.0.0.1 $(sentinel_port master) 2"
      'sentinel down-after-milliseconds axon-test 2000' 'sentinel failover-timeout axon-test 5000'
      "sentinel known-replica axon-test 127.0.0.1 $(sentinel_port replica)")
    for other in "${sentinels[@]}"; do
      [ "$other" = "$name" ] || lines+=("sentinel known-sentinel axon-test 127.0.0.1 $(sentinel_port "$other") $(sentinel_id "$other")")
    done
    redis_config redis-sentinel "$name" "port $(sentinel_port "$name")" "${lines[@]}"
  done
  launch_redis redis-sentinel "${sentinel_servers[@]}" "${sentinels[@]}"
}

# Checks that all are processes of this service, that the replica is in step, and that the sentinels agree.
answers_redis_sentinel() {
  local name said ours
  ours=$(members redis-sentinel)
  for name in "${sentinel_servers[@]}" "${sentinels[@]}"; do
    said=$(redis_says "$(sentinel_port "$name")" 'INFO server' 'INFO replication' 'SENTINEL CKQUORUM axon-test')
    is_of "$ours" "$said" || return 1
    case $name in
      replica) grep -qx 'master_link_status:up' <<<"$said" || return 1 ;;
      sentinel*) grep -q '^+OK 3 usable Sentinels' <<<"$said" || return 1 ;;
    esac
  done
}

urls_redis_sentinel() {
  local name hosts=()
  for name in "${sentinels[@]}"; do hosts+=("127.0.0.1:$(sentinel_port "$name")"); done
  (IFS=, && echo "AXON_TEST_REDIS_SENTINEL_URL=redis+sentinel://${hosts[*]}/axon-test")
}
