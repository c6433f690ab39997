#!/usr/bin/env bash
# Is the server ready, and what may a channel sell? Fails if the server is not ready or nothing of a sku is left.
#
#   Examples/shell/check.sh [SKU[@LOCATION][=QUANTITY] …]
#
# AVAIL_ADDRESS     the gRPC port, 127.0.0.1:50051
# AVAILABILITY_HTTP the HTTP port, 127.0.0.1:8080
# AVAIL_CHANNEL     the selling channel, web
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PATH="$PATH:$repository/.build/release"
http="${AVAILABILITY_HTTP:-127.0.0.1:8080}"
export AVAIL_CHANNEL="${AVAIL_CHANNEL:-web}"
[ $# -gt 0 ] || set -- SKU-000001 SKU-000002=40 SKU-000003@WH1

curl --fail --silent --show-error "http://$http/readyz?verbose"
echo
avail check "$@"

# The same for a program: one JSON object. A line without `available` has none: proto3's JSON leaves zeros out.
if avail check -o json "$@" | grep -q 'OUT_OF_STOCK\|UNKNOWN_SKU\|WITHHELD'; then
    echo "not everything can be sold" >&2
    exit 1
fi
