# Sourced by the erp scripts: where the trial ERP lives, how it is reached, and how its PostgreSQL is run.
#
#   ERP_DIRECTORY       its state: data, configuration, passwords, logs      .erp
#   ERP_PORT            where Tryton listens on 127.0.0.1                    8600
#   ERP_POSTGRES_PORT   where its PostgreSQL listens on 127.0.0.1            8632
#   ERP_DATABASE        the database served, a copy of the template          tryton
directory=$(realpath -m "${ERP_DIRECTORY:-.erp}")
port=${ERP_PORT:-8600}
postgres_port=${ERP_POSTGRES_PORT:-8632}
database=${ERP_DATABASE:-tryton}
template=${database}_template
url=http://127.0.0.1:$port
environment=$PWD/.venv-erp
configuration=$directory/trytond.conf
server_process=$directory/trytond.pid
data=$directory/postgresql
postgres_programs=/usr/lib/postgresql/15/bin

# PostgreSQL refuses to run as root: root runs it as postgres, anybody else as himself.
if [ "$(id -u)" -eq 0 ]; then
    as_postgres() { (cd / && exec setpriv --reuid postgres --regid postgres --init-groups "$@"); }
    postgres_owner=postgres:postgres
else
    as_postgres() { (cd / && exec "$@"); }
    postgres_owner=$(id -u):$(id -g)
fi

# Waits for its turn: two of these scripts on one directory would undo each other. What is started here must not keep
# the lock: 9>&-.
take_turn() {
    mkdir -p "$directory"
    exec 9>"$directory/lock"
    flock 9
}

# SQL from standard input to a database of the trial ERP.
sql() {
    PGPASSWORD=$(<"$directory/postgres.password") PGOPTIONS='-c client_min_messages=warning' \
        psql -q -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U tryton "$@" 9>&-
}

database_exists() {
    [ "$(sql -At -d postgres -c "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ]
}

postgres_runs() {
    as_postgres "$postgres_programs/pg_ctl" status -D "$data" >/dev/null 2>&1
}

stop_postgres() {
    postgres_runs || return 0
    as_postgres "$postgres_programs/pg_ctl" stop -w -m fast -D "$data" >/dev/null
}

# A process id may have been given away since: it counts only while its program is ours.
server_runs() {
    [ -f "$server_process" ] && tr '\0' ' ' 2>/dev/null <"/proc/$(<"$server_process")/cmdline" |
        grep -q -F -- "$configuration"
}

server_answers() {
    curl -fsS -m 5 -o /dev/null -H 'Content-Type: application/json' \
        -d '{"id": 1, "method": "common.server.version", "params": []}' "$url/rpc/" 2>/dev/null
}

# For a server that outlives this script: whoever waits for the end of our files must not wait for its end.
close_files() {
    local file
    for file in /proc/"$BASHPID"/fd/*; do
        file=${file##*/}
        [ "$file" -le 2 ] || eval "exec $file>&-"
    done
}

start_server() {
    # A session of its own, so that an interrupt of the caller's terminal does not end it.
    (close_files && exec setsid "$environment/bin/trytond" -c "$configuration" -d "$database") \
        </dev/null >>"$directory/trytond.log" 2>&1 &
    local process=$!
    echo "$process" >"$server_process"
    for _ in $(seq 1 600); do
        # Not server_runs: it may not have become trytond yet.
        kill -0 "$process" 2>/dev/null || break
        server_answers && return 0
        sleep 0.1
    done
    echo "Tryton does not answer at $url; the end of $directory/trytond.log:" >&2
    tail -n 20 "$directory/trytond.log" >&2
    return 1
}

stop_server() {
    if server_runs; then
        local process
        process=$(<"$server_process")
        kill "$process" 2>/dev/null || true
        for _ in $(seq 1 100); do
            server_runs || break
            sleep 0.1
        done
        server_runs && kill -KILL "$process"
    fi
    rm -f "$server_process"
}

# The database as the template has it; nothing may be connected to either.
copy_template() {
    sql -d postgres <<SQL
DROP DATABASE IF EXISTS "$database" WITH (FORCE);
CREATE DATABASE "$database" TEMPLATE "$template";
SQL
}
