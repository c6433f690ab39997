#!/usr/bin/env bash
# Deterministic simulation (Tests/Simulation): the real engine and ledger under made-up clocks, disks and ERPs, against
# a plain model, one world after the other.
#
#   scripts/simulate.sh          new worlds for SIMULATE_SECONDS (600), then the planted bugs
#   scripts/simulate.sh --ci     the same million operations every time, then the planted bugs, as scripts/test.sh built it:
#                                another kind of build would compile half of it anew
#
# A world that breaks an invariant is printed with its seed; `.build/release/Simulator --seed N` is that world again.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
. scripts/environment.sh

export SWIFT_BACKTRACE=enable=no
simulator=.build/release/Simulator
if [ "${1:-}" != --ci ] || [ ! -x "$simulator" ]; then
    swift build "${build_flags[@]}" --product Simulator >/dev/null
fi

if [ "${1:-}" = --ci ]; then
    "$simulator" --operations 1100000
else
    "$simulator" --seconds "${SIMULATE_SECONDS:-600}" --first-seed "$(date +%s)"
fi

# A simulator that finds nothing may be one that looks at nothing.
for bug in $("$simulator" --bugs); do
    if found=$("$simulator" --plant "$bug"); then
        echo "the planted bug $bug was NOT found: $found" >&2
        exit 1
    fi
    echo "planted $bug: $(grep -o 'world [0-9]*: invariant.*' <<<"$found" | cut -c1-90)"
done
