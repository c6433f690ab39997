#!/usr/bin/env python3
"""How a request's CPU time and the cold start grow with the stock: 10 thousand, 1 million and 10 million positions.

Importing 10 million positions takes about a minute, the first time. `--rounds N`; `--sizes N,N` for others.
Stdlib only.
"""
import argparse
import contextlib
import statistics
import subprocess
import sys

import contenders
import dataset
import harness
import report

SIZES = [10_000, 1_000_000, 10_000_000]
CASES = {"1 sku": (1, []), "100 skus": (100, ["--lines", 100, "--locations"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    ours, results = contenders.all_contenders(["ours"]), {}
    with contextlib.ExitStack() as stack:
        servers = {(one.name, size): stack.enter_context(one.start(size)) for one in ours for size in sizes}
        for server in servers.values():
            server.settle()
        for number in range(1, options.rounds + 1):
            for (name, size), server in servers.items():
                for case, (_, arguments) in CASES.items():
                    report.progress(f"round {number} of {options.rounds}: {name}, {size:,} positions, {case}")
                    run = harness.load(server, *arguments, "--positions", size, "--warm-up", 0.5, "--seconds", 2,
                                       "--seed", number)
                    results.setdefault((name, size, case), []).append(report.cpu_us(run))
        memory = {key: server.memory_bytes() for key, server in servers.items()}
    report.progress("")
    print(report.table(*rows(results, memory, ours, sizes)))
    print()
    print(report.table(["target", "asked", "measured", ""], targets(results, ours, sizes)))
    for size in sizes:
        print(f"\n{size:,} positions:", flush=True)
        subprocess.run([sys.executable, harness.HERE / "cold_start.py", dataset.directory(size), "--config",
                        harness.CONFIGURATION, "--sku", "SKU-0000001", "--server", harness.SERVER], check=True)
    return 0


def rows(results, memory, ours, sizes):
    body = []
    for one in ours:
        for size in sizes:
            single, hundred = (statistics.median(results[one.name, size, case]) for case in CASES)
            anonymous, mapped = (value / 2**20 for value in memory[one.name, size])
            body.append([one.name, f"{size:,}", f"{single:.2f}", f"{hundred / 100:.3f}", f"{anonymous:,.0f}",
                         f"{mapped:,.0f}"])
    return ["server", "positions", "CPU µs, one-sku request", "CPU µs, a lookup of 100", "RssAnon MiB",
            "RssFile MiB"], body


def targets(results, ours, sizes):
    """Growth from the smallest to the largest for a request, from the second largest for a lookup."""
    for one in ours:
        def growth(case, size):
            most, least = (statistics.median(results[one.name, each, case]) for each in (sizes[-1], size))
            return most / least

        for case, size, most in (("100 skus", sizes[-2], 2), ("1 sku", sizes[0], 2.5)):
            value = growth(case, size)
            yield [f"{one.name}, {case} a call: {sizes[-1]:,} against {size:,} positions", f"≤ {most}", f"{value:.2f}",
                   "met" if value <= most else "**missed**"]


if __name__ == "__main__":
    sys.exit(main())
