#!/bin/sh
# Make the database once, then become the server: process 1, so that signals reach it.
set -eu
data=${PGDATA:-/var/lib/postgresql/18/docker}
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
if [ ! -s "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  chown -R postgres:postgres /var/lib/postgresql
  secret=$(as mktemp)
  printf '%s' "$POSTGRES_PASSWORD" > "$secret"
  as initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile="$secret" --auth-host=scram-sha-256 \
    --auth-local=trust --encoding=UTF8 --no-sync > /dev/null
  rm "$secret"
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  as pg_ctl --pgdata="$data" --wait --options="-c listen_addresses= -k /tmp" start > /dev/null
  as psql --quiet --host=/tmp --username="$POSTGRES_USER" --dbname=postgres --command="CREATE DATABASE $POSTGRES_DB"
  as pg_ctl --pgdata="$data" --wait --mode=fast stop > /dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups \
  postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
