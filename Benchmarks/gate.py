#!/usr/bin/env python3
"""The gate: instructions and allocations per request of the release server, against gate.json.

    gate.py            fails when a figure is more than 5 % above the committed one
    gate.py --write    writes the figures of now

Needs valgrind, gcc and the built server; takes about half a minute. Stdlib only.
"""
import json
import pathlib
import sys
import tempfile

import counting
import dataset
import harness

COMMITTED = harness.HERE / "gate.json"
TOLERANCE = 0.05
# Below this a difference is the noise of a timer or a table that grew, not a regression.
SLACK = {"instructions": 50, "allocations": 0.05}
POSITIONS = 2_000
LEDGER, HOT_TABLE = ["--hot-table-enabled", "false"], ["--hot-table-enabled", "true"]
ONE = ["--connections", 4, "--streams", 100]
HUNDRED = [*ONE, "--lines", 100, "--locations"]
# Name, flags of the server, arguments of the load generator, the two run lengths.
CASES = [
    ("one_sku_ledger", LEDGER, ONE, (2_000, 8_000)),
    ("hundred_skus_ledger", LEDGER, HUNDRED, (400, 800)),
    ("one_sku_hot_table", HOT_TABLE, ONE, (2_000, 8_000)),
    ("hundred_skus_hot_table", HOT_TABLE, HUNDRED, (400, 800)),
]


def measure():
    figures = {}
    binary = counting.stripped(harness.SERVER)
    with tempfile.TemporaryDirectory() as directory:
        dataset.write(pathlib.Path(directory), POSITIONS)

        for name, flags, arguments, lengths in CASES:
            arguments = [*arguments, "--positions", POSITIONS]

            def command(port):
                return harness.serve_command(directory, port, "--storage-map-bytes", "4GiB", *flags, binary=binary)

            figures[name] = {
                "instructions": round(counting.instructions_per_request(command, arguments, lengths)),
                "allocations": round(max(0, counting.allocations_per_request(command, arguments, lengths)), 2),
            }
    return figures


def compare(figures, committed):
    """Prints each figure beside the committed one; the number of those that are too high."""
    failures = 0
    for case, values in figures.items():
        for what, value in values.items():
            allowed = committed.get(case, {}).get(what)
            name = f"{case}: {value:,} {what} a request"
            if allowed is None:
                print(f"FAIL {name}; gate.json has no figure for it")
                failures += 1
                continue
            margin = max(allowed * TOLERANCE, SLACK[what])
            if value > allowed + margin:
                print(f"FAIL {name}; gate.json allows {allowed:,}, and 5 % more")
                failures += 1
            elif value < allowed - margin:
                print(f"ok   {name}, less than the {allowed:,} of gate.json: lower that figure "
                      "(Benchmarks/gate.py --write)")
            else:
                print(f"ok   {name} (gate.json: {allowed:,})")
    return failures


def main():
    figures = measure()
    if "--write" in sys.argv[1:]:
        COMMITTED.write_text(json.dumps(figures, indent=4) + "\n")
        print(f"wrote {figures}")
        return 0
    return 1 if compare(figures, json.loads(COMMITTED.read_text())) else 0


if __name__ == "__main__":
    sys.exit(main())
