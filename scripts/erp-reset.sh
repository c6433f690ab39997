#!/usr/bin/env bash
# Puts the trial ERP back as it was seeded: its database becomes a fresh copy of the template, in seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/erp/environment.sh
[ -f "$directory/template.sha256" ] || exec scripts/erp-up.sh
take_turn
postgres_runs || { exec 9>&-; scripts/erp-up.sh >/dev/null; take_turn; }
stop_server
copy_template
start_server
