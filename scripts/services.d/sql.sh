# MySQL 9 and MariaDB 10.11. Sourced by scripts/services.

# sql_server SERVICE ROOT PROGRAM OPTION...: sets `command_line` to a server with what both share. One that is killed has kept
# what was committed; what a machine loses that goes down is no loss here. Temporary files lie in a folder of
# the server's own: in one that both shared, a server that started has failed on `#sql` files of the other.
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

# initialise SERVICE COMMAND...: makes the data folder, once; a half-made one is made anew. Standard input is the command's.
initialise() {
  local folder=$run/$1
  [ -e "$folder/initialised" ] && return
  rm -rf "$folder/data" "$folder/initialised"
  mkdir "$folder/data"
  own "$folder"
  if ! (cd "$folder" && env -i LC_ALL=C PATH="$PATH" "${as_server[@]}" "${@:2}") >"$run/$1.log" 2>&1; then
    note "$1" "cannot make its data folder; the end of its log:"
    tail -n 8 "$run/$1.log" >&2
    return 1
  fi
  touch "$folder/initialised"
}

# It greets with its version, and its own log says that this port is its own.
sql_answers() {
  local service=$1 port
  port=$(port "$service")
  grep -q 'ready for connections' "$run/$service.log" && grep -qE "port: $port( |$)" "$run/$service.log" &&
    (exec 3<>"/dev/tcp/127.0.0.1/$port" && timeout 2 head -c 16 <&3 | tr -d '\0' | grep -aqE '[0-9]+\.[0-9]+')
}

# Only Debian's unstable suite has MySQL.
fetch_mysql() { once mysql-debian-sid debian mysql sid mysql-server-core; }
start_mysql() {
  # One that was killed leaves a lock with its number, and whoever has that number now would be taken for it.
  rm -f "$run/mysql/socket.lock"
  sql_server mysql mysql-debian-sid usr/sbin/mysqld --mysqlx=OFF --secure-file-priv=NULL
  initialise mysql "${command_line[@]}" --initialize-insecure && launch mysql "${command_line[@]}"
}
answers_mysql() { sql_answers mysql; }
urls_mysql() { echo "AXON_TEST_MYSQL_URL=mysql://root@127.0.0.1:$(port mysql)/"; }

fetch_mariadb() { once mariadb-debian-12 debian mariadb bookworm mariadb-server-core; }
start_mariadb() {
  # Without name resolution a user of any host is that also on this machine, and no nameless user comes before him.
  sql_server mariadb mariadb-debian-12 usr/sbin/mariadbd --skip-name-resolve
  initialise mariadb "${command_line[@]}" --bootstrap < <(mariadb_system_tables) && launch mariadb "${command_line[@]}"
}
# What mariadb-install-db, which calls programs of the machine, would run; root gets no password.
mariadb_system_tables() {
  local share=$cache/mariadb-debian-12/usr/share/mysql
  printf '%s\n' 'CREATE DATABASE mysql;' 'USE mysql;' 'SET @auth_root_socket = NULL;'
  cat "$share"/{mysql_system_tables,mysql_performance_tables,mysql_system_tables_data,maria_add_gis_sp_bootstrap,mysql_sys_schema}.sql
}
answers_mariadb() { sql_answers mariadb; }
urls_mariadb() { echo "AXON_TEST_MARIADB_URL=mysql://root@127.0.0.1:$(port mariadb)/"; }
