#!/usr/bin/env bash
# Every test: the Swift tests on the release build, then the tests from outside with real peers (Python grpcio over
# cleartext and TLS, the examples, kill -9), then the cost of a request against the
# committed figures, and the parsers on made-up inputs.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
scripts/python-environment.sh
. scripts/environment.sh

swift build "${build_flags[@]}" --build-tests
export SWIFT_BACKTRACE=enable=no
echo "the tests against a real Tryton are run by make torture"
swift test "${build_flags[@]}" --skip-build
.venv/bin/python scripts/tidy.py
.venv/bin/python scripts/lint-proto.py
scripts/generate-proto.sh --check
# The simulation and the parsers, beside the tests from outside, which mostly wait.
nice -n 19 bash -c 'scripts/simulate.sh --ci && scripts/fuzz.sh --ci' >.build/beside.log 2>&1 &
beside=$!
.venv/bin/python -m pytest -q Tests/Outside
wait "$beside" || { cat .build/beside.log >&2; exit 1; }
grep -E '^(simulated|planted|fuzz)' .build/beside.log
python3 Benchmarks/gate.py
