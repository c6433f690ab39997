#!/usr/bin/env bash
# Runs the server's tests, from inside and from outside, under the thread sanitizer and then under the address sanitizer
# (with leaks), each in a build of its own. Any report fails. `scripts/sanitize.sh thread` or `address` runs one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh --tests
scripts/python-environment.sh
. scripts/environment.sh

modules=(Catalogue Configure Engine Erp Feeds HotTable Inventory JetStream LMDB Ledger Records RPC Services Tryton Webhooks)
suites="^($(IFS='|'; echo "${modules[*]}"))Tests\\."
# None of these may use strace: the leak check needs the process for itself. The one left out measures memory, which the
# sanitizers take most of.
outside=(
    test_wire test_check_availability test_events test_server test_durability test_feeds test_rebuild test_watch
    test_publications)
left_out=test_slow_reader_costs_no_memory_and_then_hears_the_latest

# Each report is written to a file of its own: tests that kill their servers must not hide it.
sanitize() {
    local kind=$1
    local scratch=$PWD/.build/sanitize-$kind
    local reports=$scratch/reports
    local build=("${build_flags[@]}" --sanitize="$kind" --scratch-path "$scratch")
    export AVAILABILITY_SANITIZER=$kind SWIFT_BACKTRACE=enable=no
    swift build "${build[@]}" --build-tests || return 1

    rm -rf "$reports"
    mkdir -p "$reports"
    local options="exitcode=66:log_path=$reports/report"
    local watched=(env "TSAN_OPTIONS=$options:halt_on_error=0" "ASAN_OPTIONS=$options:detect_leaks=1")
    if [ "$kind" = thread ]; then
        "$(dirname "$(command -v swift)")"/clang -shared -fPIC -O1 -Wall -o "$scratch/thread-mutex.so" \
            scripts/sanitizers/thread-mutex.c || return 1
        watched+=("LD_PRELOAD=$scratch/thread-mutex.so")
    fi
    # Each step says itself what becomes of a failure: called as a condition, the function does not end at the first.
    local failed=0
    # The test runner, without `swift test` around it, which would be watched as well.
    "${watched[@]}" "$scratch"/release/availability-serverPackageTests.xctest --testing-library swift-testing \
        --filter "$suites" --skip TrytonServerTests || failed=1
    "${watched[@]}" "AVAILABILITY_SERVER=$scratch/release/availability-server" \
        "AVAILABILITY_AVAIL=$PWD/.build/release/avail" "RPC_HARNESS=$scratch/release/RPCHarness" \
        .venv/bin/python -m pytest -q -k "not $left_out" $(printf 'Tests/Outside/%s.py ' "${outside[@]}") || failed=1
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        failed=1
        echo "--- $kind sanitizer: $report"
        cat "$report"
    done
    [ $failed -eq 0 ] && echo "$kind sanitizer: no report"
    return $failed
}

status=0
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(thread address)
for kind in "${kinds[@]}"; do
    # In a shell of its own, so that the first failure does not end the second run, and nothing is left exported.
    (sanitize "$kind") || status=1
done
exit $status
