#!/usr/bin/env bash
# The long forms of the tests from outside, minutes of faults against the real server, and the tests against a real Tryton,
# which is installed for them. Arguments go to pytest; with any, the adapter's own tests are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
scripts/python-environment.sh
. scripts/environment.sh
export SWIFT_BACKTRACE=enable=no

export ERP_DIRECTORY=$PWD/.erp/tests ERP_PORT=8610 ERP_POSTGRES_PORT=8642
trap scripts/erp-down.sh EXIT
scripts/erp-up.sh
scripts/erp-reset.sh
if [ $# -eq 0 ]; then
    # shellcheck source=/dev/null
    (set -a; . "$ERP_DIRECTORY/environment"; set +a; swift test "${build_flags[@]}" --filter TrytonTests)
fi
.venv/bin/python -m pytest -q Tests/Outside/torture "$@"
