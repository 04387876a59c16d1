# shellcheck shell=bash
# A throwaway PostgreSQL with the schema of migrations/. sqlx's macros check the queries against it.

# Prints the folder with initdb and pg_ctl, and with psql where that is not on PATH.
postgres_bin() {
  local initdb
  initdb=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n1)
  dirname "$(readlink -f "$initdb")"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" != 0 ]; then
    "$@"
  else
    setpriv --reuid="$query_user" --regid="$(id -g "$query_user")" --clear-groups -- "$@"
  fi
}

# Starts the cluster and migrates it. Exports the variables that make sqlx's macros use it and write
# each query's description to target/queries. The cluster listens only on a socket in a private
# folder. That folder is not in the clone, which may lie where only root can enter.
start_query_database() {
  local migration
  query_user=nobody
  if id postgres >/dev/null 2>&1; then query_user=postgres; fi
  query_cluster=$(mktemp -d)
  query_bin=$(postgres_bin)
  [ "$(id -u)" != 0 ] || chown "$query_user" "$query_cluster"
  (
    cd /
    export LC_ALL=C.UTF-8
    as_postgres "$query_bin/initdb" -D "$query_cluster/data" --username=rolitt --auth=trust --encoding=UTF8 --no-sync >"$query_cluster.log"
    as_postgres "$query_bin/pg_ctl" -D "$query_cluster/data" -w -t 60 -l "$query_cluster/data/log" \
      -o "-c listen_addresses= -c unix_socket_directories=$query_cluster -c fsync=off" start >>"$query_cluster.log"
  ) || {
    cat "$query_cluster.log" "$query_cluster/data/log" >&2 || true
    die "the database that checks the queries did not start"
  }
  # sqlx's own table of applied migrations; the shop reads it.
  query_psql -c 'create table _sqlx_migrations (version bigint primary key, description text not null,
    installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,
    execution_time bigint not null)'
  for migration in migrations/*.up.sql; do
    if head -n1 "$migration" | grep -q '^-- no-transaction'; then
      query_psql -f "$migration"
    else
      query_psql --single-transaction -f "$migration"
    fi
  done
  rm -rf target/queries
  mkdir -p target/queries
  export DATABASE_URL="postgres://rolitt@localhost/postgres?host=$query_cluster&sslmode=disable"
  export SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$PWD/target/queries
}

query_psql() {
  PATH="$PATH:$query_bin" psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host="$query_cluster" --username=rolitt --dbname=postgres "$@"
}

stop_query_database() {
  [ -n "${query_cluster:-}" ] || return 0
  (cd / && as_postgres "$query_bin/pg_ctl" -D "$query_cluster/data" -m immediate stop >/dev/null 2>&1) || true
  rm -rf "$query_cluster" "$query_cluster.log"
  query_cluster=
  unset DATABASE_URL SQLX_OFFLINE_DIR
  export SQLX_OFFLINE=true
}

# Runs a build that compiles every query against the database. cargo does not know that the result
# depends on the database, so this marks the crate with the queries as changed. The file then gets
# its time back, so that no other build compiles the crate again.
compile_queries() {
  local changed status=0
  changed=$(stat -c %y src/lib.rs)
  touch src/lib.rs
  "$@" || status=$?
  touch -d "$changed" src/lib.rs
  return $status
}
