#!/usr/bin/env bash
# The long forms of the tests from outside: minutes of faults against the real server. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
scripts/python-environment.sh
. scripts/environment.sh
export SWIFT_BACKTRACE=enable=no

.venv/bin/python -m pytest -q Tests/Outside/torture "$@"
