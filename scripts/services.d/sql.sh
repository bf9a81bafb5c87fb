# MySQL 9 and MariaDB 10.11. Sourced by scripts/services.

# sql_server SERVICE ROOT PROGRAM OPTION...: sets `command_line` to a server with the options that both share. Committed data
# survives a kill of the server, but not a crash of the machine. Temporary files are in a folder of the server's own: in a shared
# one, a starting server has failed on `#sql` files of the other.
sql_server() {
  local service=$1 root=$2
  rm -rf "${run:?}/$service/tmp"
  mkdir "$run/$service/tmp"
  own "$run/$service/tmp"
  inside "$root" "$3" --no-defaults --basedir="$cache/$root/usr" --datadir="$run/$service/data" \
    --lc-messages-dir="$cache/$root/usr/share/mysql" --plugin-dir="$cache/$root/usr/lib/mysql/plugin" \
    --tmpdir="$run/$service/tmp" --port="$(port "$service")" --bind-address=127.0.0.1 --socket="$run/$service/socket" \
    --pid-file="$run/$service/server.pid" --max-connections=300 --skip-log-bin \
    --innodb-flush-log-at-trx-commit=2 --character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci \
    --performance-schema=OFF "${@:4}"
}

# initialise SERVICE COMMAND...: creates the data folder once; an incomplete one is created again. The command reads standard
# input.
initialise() {
  local folder=$run/$1
  [ -e "$folder/initialised" ] && return
  rm -rf "$folder/data" "$folder/initialised"
  mkdir "$folder/data"
  own "$folder"
  if ! (cd "$folder" && env -i LC_ALL=C PATH="$PATH" "${as_server[@]}" "${@:2}") >"$run/$1.log" 2>&1; then
    note "$1" "cannot create its data folder; the end of its log:"
    tail -n 8 "$run/$1.log" >&2
    return 1
  fi
  touch "$folder/initialised"
}

# Checks that the server sends its version, and that its log names this port.
sql_answers() {
  local service=$1 port
  port=$(port "$service")
  grep -q 'ready for connections' "$run/$service.log" && grep -qE "port: $port( |$)" "$run/$service.log" &&
    (exec 3<>"/dev/tcp/127.0.0.1/$port" && timeout 2 head -c 16 <&3 | tr -d '\0' | grep -aqE '[0-9]+\.[0-9]+')
}

# Only Debian's unstable suite has MySQL.
fetch_mysql() { once mysql-debian-sid debian mysql sid mysql-server-core; }
start_mysql() {
  # A killed server leaves a lock file with its process id, which another process may have now.
  rm -f "$run/mysql/socket.lock"
  # With the certificates of the tests, instead of those that it would make. At 127.0.0.2 they are another name's.
  cp axon-metrics-es/tests/certificates/*.pem axon-metrics-es/tests/certificates/*.key "$run/mysql"
  own "$run/mysql"/{authority.pem,valid.pem,server.key}
  sql_server mysql mysql-debian-sid usr/sbin/mysqld --mysqlx=OFF --secure-file-priv=NULL --bind-address=127.0.0.1,127.0.0.2 \
    --ssl-ca="$run/mysql/authority.pem" --ssl-cert="$run/mysql/valid.pem" --ssl-key="$run/mysql/server.key"
  initialise mysql "${command_line[@]}" --initialize-insecure && launch mysql "${command_line[@]}"
}
answers_mysql() { sql_answers mysql; }
# The second address is of the same server, for tests that need its certificates.
urls_mysql() {
  echo "AXON_TEST_MYSQL_URL=mysql://root@127.0.0.1:$(port mysql)/"
  echo "AXON_TEST_MYSQL_TLS_URL=mysql://root@127.0.0.1:$(port mysql)/"
}

fetch_mariadb() { once mariadb-debian-12 debian mariadb bookworm mariadb-server-core; }
start_mariadb() {
  # Without name resolution a user of any host also matches on this machine, and no anonymous user precedes it.
  sql_server mariadb mariadb-debian-12 usr/sbin/mariadbd --skip-name-resolve
  initialise mariadb "${command_line[@]}" --bootstrap < <(mariadb_system_tables) && launch mariadb "${command_line[@]}"
}
# The statements of mariadb-install-db, which needs programs of the machine. The user root has no password.
mariadb_system_tables() {
  local share=$cache/mariadb-debian-12/usr/share/mysql
  printf '%s\n' 'CREATE DATABASE mysql;' 'USE mysql;' 'SET @auth_root_socket = NULL;'
  cat "$share"/{mysql_system_tables,mysql_performance_tables,mysql_system_tables_data,maria_add_gis_sp_bootstrap,mysql_sys_schema}.sql
}
answers_mariadb() { sql_answers mariadb; }
urls_mariadb() { echo "AXON_TEST_MARIADB_URL=mysql://root@127.0.0.1:$(port mariadb)/"; }
