# Redis 7. Sourced by scripts/services.

fetch_redis() { once redis-debian-12 debian redis bookworm redis-server; }

start_redis() {
  own "$run/redis"
  inside redis-debian-12 usr/bin/redis-server --bind 127.0.0.1 --port "$(port redis)" --save '' --appendonly no --dir "$run/redis"
  launch redis "${command_line[@]}"
}

# It names its own process, which no other server on that port does.
answers_redis() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$(port redis)"
    printf 'INFO server\r\nQUIT\r\n' >&3
    timeout 2 cat <&3 | tr -d '\r' | grep -qx "process_id:$(pid redis)"
  )
}

urls_redis() { echo "AXON_TEST_REDIS_URL=redis://127.0.0.1:$(port redis)/0"; }
