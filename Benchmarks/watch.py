#!/usr/bin/env python3
"""WatchAvailability: how long a change takes to who watches, what a watcher costs, how fast one change reaches many.
See docs/benchmarks.md.

    watch.py [--rounds N] [--quick]

--quick: one short round with a tenth of the watchers. Stdlib only.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

import dataset
import harness
import report

SKUS = 100_000
RATE = 5_000
LINES = 100
FANNED = 20


class Caller:
    """A process of watchers.py."""

    def __init__(self, *arguments):
        self.child = subprocess.Popen(
            [sys.executable, harness.HERE / "watchers.py", *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            harness.fail(f"{self.child.args} ended with {self.child.wait()}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.kill()
        self.child.wait()


def publish(server, rate, seconds, skus, first):
    with Caller("publish", server.port, rate, seconds, skus, first) as publisher:
        return publisher.answer()


def propagation(server, watchers, seconds, first):
    """Milliseconds from the acknowledgement to the watcher's message, of each event of which there was one."""
    watchers.tell("reset")
    published = publish(server, RATE, seconds, SKUS, first)
    time.sleep(1)
    watchers.tell("report")
    told = watchers.answer()["times"]
    late = [(told[key] - at) / 1e6 for key, at in published["times"].items() if key in told]
    late.sort()
    return {"p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100], "most": late[-1],
            "rate": len(published["times"]) / published["seconds"], "heard": len(late) / len(published["times"])}


def fan_out(server, watchers, count, first):
    """Messages a second of one event that everybody watches, from its acknowledgement to the last watcher."""
    watchers.tell(f"wait {count} {4 * first}")
    published = publish(server, 1, 1, 1, first)
    seconds = (watchers.answer()["at"] - published["times"][str(4 * first)]) / 1e9
    return {"rate": count / seconds, "milliseconds": seconds * 1e3}


def measure(directory, rounds, seconds, many):
    dataset.write(directory, SKUS)
    port = harness.free_port()
    results = {"propagation": [], "fan-out": []}
    first = 10_000
    with harness.Process(harness.serve_command(directory, port, "--loops", "2"), port, core=None) as server:
        server.settle()
        before = server.memory_bytes()[0]
        few = SKUS // LINES
        with Caller("watch", port, few, LINES, SKUS, 1) as watchers:
            watchers.answer()
            for number in range(rounds):
                report.progress(f"round {number + 1} of {rounds}: propagation")
                results["propagation"].append(propagation(server, watchers, seconds, first))
                first += 10 * RATE * seconds
        server.settle()
        idle = server.memory_bytes()[0]
        with Caller("watch", port, many, LINES, SKUS, 2) as watchers:
            results["snapshot"] = watchers.answer()["snapshot_seconds"]
            server.settle()
            results["bytes"] = (server.memory_bytes()[0] - idle) / many
            results["idle"] = (before, idle)
            for number in range(FANNED if rounds > 1 else 3):
                report.progress(f"fan-out {number + 1}")
                results["fan-out"].append(fan_out(server, watchers, many, first))
                first += 10
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds, seconds, many = (1, 3, 1_000) if options.quick else (options.rounds, 10, 10_000)
    with tempfile.TemporaryDirectory() as directory:
        results = measure(directory, rounds, seconds, many)
    report.progress("")
    runs, fanned = results["propagation"], results["fan-out"]
    print(f"Watching: medians (least–greatest); {SKUS:,} skus; server, publisher and watchers on the same cores.\n")
    print(report.table(["what", "measured"], [
        [f"acknowledged event to message, p50 ms, {len(runs)} rounds of {seconds} s at {RATE:,} events/s, "
         f"{SKUS // LINES:,} watchers × {LINES} skus", report.spread(runs, lambda run: run["p50"], ".2f")],
        ["the same, p99 ms", report.spread(runs, lambda run: run["p99"], ".2f")],
        ["the same, the longest, ms", report.spread(runs, lambda run: run["most"], ".1f")],
        ["events/s published", report.spread(runs, lambda run: run["rate"], ",.0f")],
        [f"server memory a watcher of {LINES} skus, {many:,} watchers, KiB", f"{results['bytes'] / 1024:.1f}"],
        ["snapshots of them all, s", f"{results['snapshot']:.1f}"],
        [f"one event to {many:,} watchers, messages/s", report.spread(fanned, lambda run: run["rate"], ",.0f")],
        ["the same, ms to the last", report.spread(fanned, lambda run: run["milliseconds"], ",.0f")],
    ]), end="\n\n")
    p99 = statistics.median(run["p99"] for run in runs)
    print(report.table(["target", "asked", "measured", ""], [
        [f"p99 propagation at {RATE:,} events/s, ms", "< 10", f"{p99:.2f}", "met" if p99 < 10 else "**missed**"]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
