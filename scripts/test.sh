#!/usr/bin/env bash
# Every test: the Swift tests on the release build, the tests from outside with real peers (Python grpcio over cleartext
# and TLS, a Tryton on PostgreSQL that is installed for them, the examples, kill -9), the simulation, the parsers on made-up
# inputs, and the cost of a request against the committed figures.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
scripts/python-environment.sh
. scripts/environment.sh
export SWIFT_BACKTRACE=enable=no

# Where the user postgres can reach it, and nothing of an earlier run is. Installed while Swift compiles.
erp=$(mktemp -d)
chmod 755 "$erp"
trap 'ERP_DIRECTORY=$erp scripts/erp-down.sh; rm -rf "$erp"' EXIT
ERP_DIRECTORY=$erp ERP_PORT=$(scripts/free-port.py) ERP_POSTGRES_PORT=$(scripts/free-port.py) \
    nice scripts/erp-up.sh >"$erp/up.log" 2>&1 &
erp_up=$!

swift build "${build_flags[@]}" --build-tests
swift test "${build_flags[@]}" --skip-build --skip TrytonServerTests
.venv/bin/python scripts/tidy.py
.venv/bin/python scripts/lint-proto.py
scripts/generate-proto.sh --check

# Beside the other tests from outside, which mostly wait: the tests against Tryton, then the simulation and the parsers.
wait "$erp_up" || { cat "$erp/up.log" >&2; exit 1; }
nice scripts/test-tryton.sh "$erp" >"$erp/tests.log" 2>&1 &
erp_tests=$!
nice -n 19 scripts/simulate.sh --ci >.build/simulate.log 2>&1 &
simulation=$!
nice -n 19 scripts/fuzz.sh --ci >.build/fuzz.log 2>&1 &
fuzzing=$!
.venv/bin/python -m pytest -q -n 2 --dist loadfile Tests/Outside --ignore Tests/Outside/test_erp_tryton.py
wait "$erp_tests" || { cat "$erp/tests.log" >&2; exit 1; }
echo "against Tryton: $(grep -E 'Test run with|passed' "$erp/tests.log" | tail -n 2 | tr '\n' ' ')"
wait "$simulation" || { cat .build/simulate.log >&2; exit 1; }
grep -E '^(simulated|planted)' .build/simulate.log
wait "$fuzzing" || { cat .build/fuzz.log >&2; exit 1; }
grep '^fuzz' .build/fuzz.log
python3 Benchmarks/gate.py
