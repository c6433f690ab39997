#!/usr/bin/env bash
# Builds the server and the client in release mode: .build/release/availability-server and .build/release/avail.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
. scripts/environment.sh
swift build "${build_flags[@]}" --product availability-server
swift build "${build_flags[@]}" --product avail
