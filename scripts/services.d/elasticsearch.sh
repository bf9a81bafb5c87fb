# Elasticsearch 8.15, once open and once with users and rights. Sourced by scripts/services.

readonly elasticsearch=elasticsearch-8.15.0

# jdk: the home of the first JDK on which this Elasticsearch runs: 17 to 23, since 24 has no security manager.
jdk() {
  local home version
  for home in "${ES_JAVA_HOME:-}" "${JAVA_HOME:-}" "$(command -v java)" /usr/lib/jvm/*; do
    [ -f "$home" ] && home=$(dirname "$(dirname "$(readlink -f "$home")")")
    [ -n "$home" ] && [ -x "$home/bin/java" ] || continue
    version=$("$home/bin/java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge 17 ] && [ "$version" -lt 24 ] && echo "$home" && return
  done
  return 1
}

# Both servers run from one distribution: the one without the parts that need a licence, from the Maven repository.
fetch_elasticsearch() {
  # Both services may call this concurrently.
  (flock 8 && { elasticsearch_tools || install "Elasticsearch needs a JDK from 17 to 23 and Maven" default-jdk-headless maven; }) \
    8>"$cache/.jdk.lock" || return 1
  if ! elasticsearch_tools; then
    note elasticsearch "needs a JDK from 17 to 23: install one and set ES_JAVA_HOME"
    return 1
  fi
  once "$elasticsearch" elasticsearch_from_maven
}
fetch_elasticsearch_secured() { fetch_elasticsearch; }

# elasticsearch_tools: whether the programs that run it and fetch it are installed.
elasticsearch_tools() {
  local home
  home=$(jdk) && { [ -d "$cache/$elasticsearch" ] || { command -v mvn >/dev/null && [ -x "$home/bin/jar" ]; }; }
}

elasticsearch_from_maven() {
  local folder=$1 log=$cache/elasticsearch.fetch.log
  note elasticsearch "fetching ${elasticsearch#*-} with Maven, 90 MB"
  if ! mvn -q -B -Dstyle.color=never -Dmaven.repo.local="$cache/maven" dependency:copy -DoutputDirectory="$folder" \
    -Dartifact="org.elasticsearch.distribution.integ-test-zip:elasticsearch:${elasticsearch#*-}:zip" >"$log" 2>&1; then
    grep -E 'ERROR' "$log" | head -n 3 >&2
    note elasticsearch "cannot be fetched: see $log (no network? Maven takes its repositories from ~/.m2/settings.xml)"
    return 1
  fi
  (cd "$folder" && "$(jdk)/bin/jar" xf "$elasticsearch.zip") || return 1
  mv "$folder/$elasticsearch"/* "$folder" && rm -r "${folder:?}/$elasticsearch.zip" "${folder:?}/$elasticsearch" "$log" || return 1
  # The archive has no file modes.
  chmod +x "$folder"/bin/* || return 1
  note elasticsearch "fetched, $(du -sm "$folder" | cut -f1) MB"
}

# configure SERVICE LINE...: creates the folders and settings of a server. The distribution is not changed.
configure() {
  local service=$1 home=$cache/$elasticsearch folder=$run/$1
  keep_port "$service" transport-
  mkdir -p "$folder"/{config,data,logs,tmp}
  cp "$home"/config/log4j2.properties "$folder/config/"
  # These options name files in the distribution's folder, where a server may not write.
  sed -E '/Xlog:gc|HeapDumpPath|ErrorFile/d' "$home/config/jvm.options" >"$folder/config/jvm.options"
  printf '%s\n' "cluster.name: $(basename "$(mktemp -u "$service-XXXXXX")")" 'discovery.type: single-node' 'network.host: 127.0.0.1' \
    "http.port: $(port "$service")" "transport.port: $(port "$service" transport-)" \
    "path.data: $folder/data" "path.logs: $folder/logs" \
    'cluster.routing.allocation.disk.threshold_enabled: false' "${@:2}" >"$folder/config/elasticsearch.yml"
}

launch_elasticsearch() {
  local service=$1 heap=$2 folder=$run/$1
  own "$folder"
  launch "$service" env ES_PATH_CONF="$folder/config" ES_TMPDIR="$folder/tmp" ES_JAVA_HOME="$(jdk)" \
    ES_JAVA_OPTS="-Xms$heap -Xmx$heap" "$cache/$elasticsearch/bin/elasticsearch"
}

start_elasticsearch() {
  configure elasticsearch 'xpack.security.enabled: false'
  launch_elasticsearch elasticsearch 512m
}

# A user who may only read the indices of the platform and of tests, and a superuser who creates them.
start_elasticsearch_secured() {
  local folder=$run/elasticsearch-secured user
  configure elasticsearch-secured 'xpack.security.enabled: true' \
    'xpack.security.http.ssl.enabled: false' 'xpack.security.transport.ssl.enabled: false'
  printf '%s\n' 'axon_metrics_read:' '  indices:' '    - names: ["axon.event.*", "behavior-events", "axon-test-*"]' \
    '      privileges: ["read"]' >"$folder/config/roles.yml"
  (
    umask 077
    for user in axon_ro admin; do
      [ -s "$folder/$user.password" ] || random 24 >"$folder/$user.password"
      echo "$user:$(bcrypt "$(cat "$folder/$user.password")")"
    done >"$folder/config/users"
    printf '%s\n' axon_metrics_read:axon_ro superuser:admin >"$folder/config/users_roles"
  )
  launch_elasticsearch elasticsearch-secured 256m
}

# bcrypt PASSWORD: the hash in the format of elasticsearch-users, without starting Java.
bcrypt() { perl -e 'print crypt($ARGV[0], "\$2a\$10\$$ARGV[1]")' "$1" "$(random 22)"; }
random() { od -An -N 32 -t x1 /dev/urandom | tr -d ' \n' | head -c "$1"; }

# Checks the health of the cluster and its name, which another server on that port would not have.
elasticsearch_answers() {
  local service=$1 name user=${2:-} auth=
  name=$(sed -n 's/^cluster.name: //p' "$run/$service/config/elasticsearch.yml")
  [ -z "$user" ] || auth="Authorization: Basic $(printf '%s:%s' "$user" "$(cat "$run/$service/$user.password")" | base64)"$'\r\n'
  (
    exec 3<>"/dev/tcp/127.0.0.1/$(port "$service")"
    printf 'GET /_cluster/health HTTP/1.0\r\n%s\r\n' "$auth" >&3
    timeout 5 cat <&3 | grep -qE "\"cluster_name\":\"$name\",\"status\":\"(green|yellow)\""
  )
}
answers_elasticsearch() { elasticsearch_answers elasticsearch; }
answers_elasticsearch_secured() { elasticsearch_answers elasticsearch-secured admin; }

urls_elasticsearch() { echo "AXON_TEST_ELASTICSEARCH_URL=http://127.0.0.1:$(port elasticsearch)"; }
urls_elasticsearch_secured() {
  local folder=$run/elasticsearch-secured
  echo "AXON_TEST_ELASTICSEARCH_SECURED_URL=http://axon_ro:$(cat "$folder/axon_ro.password")@127.0.0.1:$(port elasticsearch-secured)"
  echo "AXON_TEST_ELASTICSEARCH_ADMIN_URL=http://admin:$(cat "$folder/admin.password")@127.0.0.1:$(port elasticsearch-secured)"
}
