#!/usr/bin/env bash
# Formats the Swift sources in place; with --check, fails and names the files that are not formatted.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
mapfile -t files < <(git ls-files -co --exclude-standard '*.swift' | grep -v '/Generated/')
if [ "${1:-}" = --check ]; then
    swift format lint --strict --parallel "${files[@]}"
else
    swift format format --in-place --parallel "${files[@]}"
fi
