#!/usr/bin/env bash
# The tests against a real Tryton that lives in the folder given and runs: the adapter's own, then those from outside.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
export SWIFT_BACKTRACE=enable=no
(
    set -a
    # shellcheck source=/dev/null
    . "$1/environment"
    set +a
    swift test "${build_flags[@]}" --skip-build --filter TrytonServerTests
)
ERP_DIRECTORY=$1 .venv/bin/python -m pytest -q Tests/Outside/test_erp_tryton.py
