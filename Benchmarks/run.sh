#!/usr/bin/env bash
# Measures the read path end to end: h2load on one core against the real server with one event loop on the other, over
# loopback, with the sample catalogue. Prints medians and spread of interleaved rounds. Takes about a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v h2load >/dev/null; then
    if [ "$(id -u)" -eq 0 ]; then sudo=; else sudo=sudo; fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nghttp2-client >/dev/null
fi
exec python3 Benchmarks/read_path.py "$@"
