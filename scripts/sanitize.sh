#!/usr/bin/env bash
# Runs the server's tests under the thread sanitizer and then under the address sanitizer (with leaks), from inside and
# from outside, each in a build of its own. Any report of a sanitizer fails. `scripts/sanitize.sh thread` or `address`
# runs one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
. scripts/environment.sh

suites='^(CatalogueTests|ConfigureTests|EngineTests|InventoryTests|LMDBTests|LedgerTests|OperationsTests|RPCTests|ServicesTests)\.'
outside=(test_wire test_check_availability test_events test_server test_durability)

# A report ends the process at once with a code that no test takes for an ordinary end, and is kept in a file as well:
# tests that kill their servers must not hide it.
sanitize() {
    local kind=$1
    local scratch=$PWD/.build/sanitize-$kind
    local reports=$scratch/reports
    rm -rf "$reports"
    mkdir -p "$reports"
    export AVAILABILITY_SANITIZER=$kind SWIFT_BACKTRACE=enable=no
    local common="halt_on_error=1:exitcode=66:log_path=$reports/report"
    export TSAN_OPTIONS="$common:suppressions=$PWD/scripts/sanitizer-suppressions/thread.txt"
    export ASAN_OPTIONS="$common:detect_leaks=1:detect_stack_use_after_return=1"
    export LSAN_OPTIONS="suppressions=$PWD/scripts/sanitizer-suppressions/leaks.txt:print_suppressions=0"
    local build=(swift build "${build_flags[@]}" --sanitize="$kind" --scratch-path "$scratch")
    # The compiler and the package's own tools are no subject of this.
    env -u TSAN_OPTIONS -u ASAN_OPTIONS -u LSAN_OPTIONS "${build[@]}" --build-tests
    local failed=0
    swift test "${build_flags[@]}" --sanitize="$kind" --scratch-path "$scratch" --skip-build --filter "$suites" || failed=1
    AVAILABILITY_SERVER=$scratch/release/availability-server RPC_HARNESS=$scratch/release/RPCHarness \
        .venv/bin/python -m pytest -q "${outside[@]/#/Tests/Outside/}" || failed=1
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        failed=1
        echo "--- $kind: $report"
        cat "$report"
    done
    return $failed
}

status=0
for kind in "${@:-thread address}"; do
    for one in $kind; do
        if sanitize "$one"; then echo "$one sanitizer: no report"; else status=1; fi
    done
done
exit $status
