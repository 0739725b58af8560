#!/bin/sh
# A PostgreSQL of our own for the tests: made, started and stopped here, on a Unix socket, as an unprivileged user.
#   postgres.sh start FOLDER    makes and starts it unless it runs; prints its URL
#   postgres.sh stop FOLDER
set -eu
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(dirname "$(command -v postgres)") || {
    echo "postgres.sh: PostgreSQL is not installed (apt-get install postgresql)" >&2
    exit 1
}
folder=$2
# initdb refuses root.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
case $1 in
start)
    if [ ! -f "$folder/data/PG_VERSION" ]; then
        mkdir -p "$folder"
        [ "$(id -u)" != 0 ] || chown postgres "$folder"
        as "$bin/initdb" -D "$folder/data" -A trust -U renkei -E UTF8 --locale=C.UTF-8 -N >"$folder/initdb.log"
        # Durability is the scenarios' to test, with a server of their own; here only whether the calls do what they say.
        printf "unix_socket_directories='%s'\nlisten_addresses=''\nfsync=off\nfull_page_writes=off\nmax_connections=200\n" \
            "$folder" >>"$folder/data/postgresql.conf"
    fi
    as "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1 ||
        as "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w start >/dev/null
    echo "postgresql:///postgres?host=$folder&user=renkei"
    ;;
stop) as "$bin/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null ;;
esac
