#!/usr/bin/env bash
# Starts a Tryton with a company, a customer, two warehouses, 50 products and their stock, on a PostgreSQL of its own;
# installs it first where it is missing, and does nothing where it runs. Prints how to reach it.
# Settings: scripts/erp/environment.sh. scripts/erp-reset.sh puts the stock back, scripts/erp-down.sh stops it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/erp/environment.sh
take_turn
scripts/erp/install.sh 9>&-

# Nothing of it is committed, wherever it lies.
echo '*' >"$directory/.gitignore"
# Readable by its owner only. The data folder is another user's when root runs this.
umask 077
chmod 755 "$directory"
for name in postgres admin availability clerk; do
    [ -s "$directory/$name.password" ] || openssl rand -hex 16 >"$directory/$name.password"
done

if [ ! -f "$data/PG_VERSION" ]; then
    rm -rf "$data"
    mkdir "$data"
    chown "$postgres_owner" "$data"
    as_postgres test -w "$data" ||
        { echo "the user postgres cannot reach $data: choose another ERP_DIRECTORY" >&2; exit 1; }
    # initdb reads the password as the user it runs as.
    cp "$directory/postgres.password" "$directory/initdb.password"
    chown "$postgres_owner" "$directory/initdb.password"
    as_postgres "$postgres_programs/initdb" -D "$data" -U tryton -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 \
        --no-sync --pwfile="$directory/initdb.password" >/dev/null
    rm "$directory/initdb.password"
fi
if postgres_runs && [ "$(sed -n 4p "$data/postmaster.pid")" != "$postgres_port" ]; then
    stop_server
    stop_postgres
fi
if ! postgres_runs; then
    # The data may be lost with the machine: it is made again from scratch.
    options="-h 127.0.0.1 -p $postgres_port -c unix_socket_directories=$data -c fsync=off -c full_page_writes=off"
    (close_files && as_postgres "$postgres_programs/pg_ctl" start -w -D "$data" -l "$data/log" -o "$options" >/dev/null)
fi

cat >"$configuration" <<CONFIGURATION
[web]
listen = 127.0.0.1:$port
[database]
uri = postgresql://tryton:$(<"$directory/postgres.password")@127.0.0.1:$postgres_port/
default_name = $database
retry = 20
CONFIGURATION

# The template is made anew when what it is made from has changed. It gets its name last, when it is whole.
fingerprint=$(cat scripts/erp/{requirements.txt,seed.py,reservation-index.sql,change-index.sql} "$directory"/*.password | sha256sum)
if [ "$(cat "$directory/template.sha256" 2>/dev/null)" != "$fingerprint" ] || ! database_exists "$template"; then
    echo "making the template database: half a minute" >&2
    stop_server
    sql -d postgres <<SQL
DROP DATABASE IF EXISTS "$database" WITH (FORCE);
DROP DATABASE IF EXISTS "$template" WITH (FORCE);
DROP DATABASE IF EXISTS "${template}_unfinished" WITH (FORCE);
CREATE DATABASE "${template}_unfinished";
SQL
    TRYTONPASSFILE="$directory/admin.password" "$environment/bin/trytond-admin" -c "$configuration" \
        -d "${template}_unfinished" -u stock --activate-dependencies --email admin@example.com 9>&- \
        >>"$directory/trytond-admin.log" 2>&1 || { tail -n 20 "$directory/trytond-admin.log" >&2; exit 1; }
    "$environment/bin/python" scripts/erp/seed.py "$configuration" "${template}_unfinished" "$directory" 9>&-
    sql -d "${template}_unfinished" -f scripts/erp/reservation-index.sql -f scripts/erp/change-index.sql
    sql -d postgres -c "ALTER DATABASE \"${template}_unfinished\" RENAME TO \"$template\""
    echo "$fingerprint" >"$directory/template.sha256"
fi
database_exists "$database" || copy_template
if ! server_runs || ! server_answers; then
    stop_server
    start_server
fi

# What the tests take from their environment.
cat >"$directory/environment" <<ENVIRONMENT
ERP_DIRECTORY='$directory'
ERP_PORT=$port
ERP_POSTGRES_PORT=$postgres_port
ERP_DATABASE=$database
TRYTON_URL=$url
TRYTON_DATABASE=$database
TRYTON_USER=availability
TRYTON_PASSWORD_FILE='$directory/availability.password'
TRYTON_CLERK_PASSWORD_FILE='$directory/clerk.password'
ENVIRONMENT

cat <<TEXT
Tryton:    $url
database:  $database
user:      availability, password in $directory/availability.password
people:    clerk, password in $directory/clerk.password; admin, password in $directory/admin.password
TEXT
