#!/usr/bin/env bash
# Stops the trial ERP and its PostgreSQL; the data stays. With --remove, the data goes as well.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/erp/environment.sh
[ -d "$directory" ] || exit 0
take_turn
stop_server
stop_postgres
if [ "${1:-}" = --remove ]; then
    rm -rf "$data" "$configuration" "$directory"/*.password
    rm -f "$directory"/{.gitignore,template.sha256,environment,lock,trytond.log,trytond-admin.log}
    rmdir --ignore-fail-on-non-empty "$directory"
fi
