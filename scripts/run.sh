#!/usr/bin/env bash
# Starts the server on its embedded defaults with the sample catalogue, shows a first answer and what to try next, and
# stays until interrupted. Data stays in ./data (remove it to start anew).
set -euo pipefail
cd "$(dirname "$0")/.."

server=.build/release/availability-server
avail=.build/release/avail

"$server" serve &
pid=$!
stop() {
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || true
}
trap stop EXIT
trap 'exit 0' INT TERM

for _ in $(seq 1 600); do
    kill -0 "$pid" 2>/dev/null || { trap - EXIT; wait "$pid"; exit 1; }
    curl -fsS -o /dev/null http://127.0.0.1:8080/readyz 2>/dev/null && break
    sleep 0.1
done
curl -fsS -o /dev/null http://127.0.0.1:8080/readyz

echo
echo "What may the channel web sell right now?"
echo "\$ $avail check --channel web SKU-000001 SKU-000002=40 SKU-000003@WH1"
"$avail" check --channel web SKU-000001 SKU-000002=40 SKU-000003@WH1
cat <<TEXT

Try, from another terminal in this folder:
  $avail explain --channel marketplace SKU-000002        why a number is what it is
  $avail reserve --channel web SKU-000001=2               hold it, until it is committed, released or its time runs out
  $avail channel list                                    the channels and their policies
  $avail event publish --type ADJUSTMENT --source counter --sku SKU-000001 --location WH1 --quantity -3 --reason DAMAGE
  $avail status
  python3 -m venv .venv-example && .venv-example/bin/pip -q install -r Examples/python/requirements.txt \\
      && .venv-example/bin/python Examples/python/check_availability.py SKU-000001
  grpcurl -plaintext -d '{"channel":"web","lines":[{"sku":"SKU-000001"}]}' \\
      127.0.0.1:50051 availability.v1.AvailabilityService/CheckAvailability
  curl -s 'http://127.0.0.1:8080/readyz?verbose'; curl -s http://127.0.0.1:8080/metrics | grep rpc_server
Ctrl-C stops the server.
TEXT
wait "$pid"
