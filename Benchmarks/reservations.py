#!/usr/bin/env python3
"""Durable reservations: our server, a C program with the same puts on LMDB, and PostgreSQL. See docs/benchmarks.md.

    reservations.py [--rounds N] [--quick] [--sustained]

--quick: one short round, to see that all of it works; two minutes. --sustained: 60 s at a stretch as well, on a store
where as much is pruned as is added. Stdlib only.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

import harness
import postgresql
import report
import stores

harness.C_PROGRAMS["puts"] = harness.HERE / "peers/puts", ["-llmdb"]
IN_FLIGHT = 256
CASES = {"random skus": False, "one sku": True}
OURS, EMBEDDED, POSTGRESQL = "ours", "ours, embedded ERP behind", "PostgreSQL"
LIMIT, WHOLE_LIMIT = "C limit, our groups", f"C limit, {IN_FLIGHT} a group"
CALLERS = ["--reserve", "--patient", "--connections", 4, "--streams", IN_FLIGHT // 4]
READS = {
    "10,000/s": ["--connections", 8, "--streams", 100, "--rate", 10_000],
    "closed loop, 1 × 16": ["--connections", 1, "--streams", 16],
}
SUSTAINED_SECONDS = 60
SUSTAINED = f"random skus, {SUSTAINED_SECONDS} s, pruning"


def skus(one_sku):
    if one_sku:
        return ["--positions", 1, "--first", stores.HOT_NUMBER]
    return ["--positions", stores.POSITIONS]


def seed():
    """Request ids must be new on every store."""
    return ["--seed", time.time_ns() % 2**48]


def ours(one_sku, seconds, source=None, erp=False):
    with stores.copy(source or stores.fresh()) as data, stores.serve(data, erp=erp) as server:
        server.settle()
        commits, written = stores.commits(data), stores.written_bytes(data)
        # Without a warm-up, so that what is written and committed belongs to what is counted.
        result = harness.load(server, *CALLERS, *skus(one_sku), *seed(), "--warm-up", 0, "--seconds", seconds,
                              core=None)
        result["commits_per_second"] = (stores.commits(data) - commits) / result["seconds"]
        result["bytes_per_request"] = (stores.written_bytes(data) - written) / result["requests"]
        return result


def groups(result):
    """How many reservations our server put into one commit, on average."""
    return max(1, round(result["requests_per_second"] / result["commits_per_second"]))


def limit(one_sku, seconds, group, source=None, prunes=False):
    first, count = (stores.HOT_NUMBER, 1) if one_sku else (0, stores.POSITIONS)
    with stores.copy(source or stores.fresh()) as data:
        written = stores.written_bytes(data)
        command = [harness.build_c("puts"), data, seconds, group, count, first, time.time_ns() % 2**48]
        done = subprocess.run([*map(str, command), *(["prune"] if prunes else [])], capture_output=True, text=True)
        if done.returncode != 0:
            harness.fail(f"{done.args}: {done.stderr}")
        result = json.loads(done.stdout)
        result["commits_per_second"] = result["commits"] / result["seconds"]
        result["bytes_per_request"] = (stores.written_bytes(data) - written) / result["requests"]
        return result


def measure(database, rounds, seconds):
    """Runs by (case, who), interleaved, each on a fresh store."""
    results = {}
    contenders = {
        OURS: lambda one_sku, _: ours(one_sku, seconds),
        # In the groups that ours made in this round: while one half of the callers waits for the disk, the other asks.
        LIMIT: lambda one_sku, case: limit(one_sku, seconds, groups(results[case, OURS][-1])),
        WHOLE_LIMIT: lambda one_sku, _: limit(one_sku, seconds, IN_FLIGHT),
        POSTGRESQL: lambda one_sku, _: database.run(one_sku, seconds),
        EMBEDDED: lambda one_sku, _: ours(one_sku, seconds, erp=True),
    }
    for number in range(1, rounds + 1):
        for case, one_sku in CASES.items():
            for name, run in contenders.items():
                report.progress(f"round {number} of {rounds}: {case}: {name}")
                results.setdefault((case, name), []).append(run(one_sku, case))
    return results


def measure_sustained(database):
    report.progress(f"{SUSTAINED_SECONDS} s sustained")
    case, source = SUSTAINED, stores.aged()
    own = ours(False, SUSTAINED_SECONDS, source=source)
    return {
        (case, OURS): [own],
        (case, LIMIT): [limit(False, SUSTAINED_SECONDS, groups(own), source=source, prunes=True)],
        (f"random skus, {SUSTAINED_SECONDS} s", POSTGRESQL): [database.run(False, SUSTAINED_SECONDS)],
    }


def measure_reads(rounds, seconds):
    """Runs by (shape, whether reservations run beside). Everything shares both cores, as in production."""
    results = {}
    with stores.copy(stores.fresh()) as data, stores.serve(data) as server:
        server.settle()
        for number in range(1, rounds + 1):
            for shape, arguments in READS.items():
                report.progress(f"round {number} of {rounds}: reads, {shape}")
                reads = [*arguments, "--patient", "--held", "--warm-up", 0.5, "--seconds", seconds, *seed()]
                results.setdefault((shape, False), []).append(harness.load(server, *reads, core=None))
                writes = harness.load_command(server, *CALLERS, *skus(False), *seed(), "--warm-up", 0.5, "--seconds",
                                              seconds + 1, core=None)
                with harness.background(writes) as reservations:
                    result = harness.load(server, *reads, core=None)
                    result["reservations_per_second"] = reservations.result()["requests_per_second"]
                results.setdefault((shape, True), []).append(result)
    return results


# The table.

HEADINGS = ["case", "who", "reservations/s", "p50 ms", "p99 ms", "commits or syncs/s", "KiB written each"]
READ_HEADINGS = ["reads", "reservations beside", "reads/s", "p50 µs", "p99 µs"]


def rows(results):
    for (case, name), runs in results.items():
        clients = f", {runs[0]['clients']} clients" if "clients" in runs[0] else ""
        yield [case, name + clients, report.spread(runs, lambda run: run["requests_per_second"], ",.0f"),
               *(report.spread(runs, lambda run, key=key: run[key] / 1000, ".1f") for key in ("p50_us", "p99_us")),
               f"{report.median(runs, lambda run: run['commits_per_second']):,.0f}",
               f"{report.median(runs, lambda run: run['bytes_per_request'] / 1024):.1f}"]


def read_rows(reads):
    for (shape, _), runs in reads.items():
        beside = "reservations_per_second" in runs[0]
        rate = f"{report.median(runs, lambda run: run['reservations_per_second']):,.0f}/s" if beside else "none"
        yield [shape, rate, report.spread(runs, lambda run: run["requests_per_second"], ",.0f"),
               *(report.spread(runs, lambda run, key=key: run[key], ",.0f") for key in ("p50_us", "p99_us"))]


def targets(results, reads):
    def speed(case, name):
        return report.median(results[case, name], lambda run: run["requests_per_second"])

    many, one = CASES
    wanted = [
        ("reservations/s, × C limit in our groups", 0.7, speed(many, OURS) / speed(many, LIMIT)),
        ("reservations/s", 15_000, speed(many, OURS)),
        ("reservations/s, × PostgreSQL", 1.2, speed(many, OURS) / speed(many, POSTGRESQL)),
        ("reservations/s, one sku", 10_000, speed(one, OURS)),
        ("reservations/s, one sku, × PostgreSQL", 3, speed(one, OURS) / speed(one, POSTGRESQL)),
    ]
    if (SUSTAINED, OURS) in results:
        wanted.append((f"reservations/s for {SUSTAINED_SECONDS} s, pruning", 15_000, speed(SUSTAINED, OURS)))
    for shape in READS:
        alone, beside = (statistics.median(run["requests_per_second"] for run in reads[shape, busy])
                         for busy in (False, True))
        wanted.append((f"reads/s, {shape}, with reservations beside, × without", 0.9, beside / alone))
    for what, asked, value in wanted:
        yield [what, f"≥ {asked:,}", f"{value:,.0f}" if value >= 100 else f"{value:.2f}",
               "met" if value >= asked else "**missed**"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sustained", action="store_true")
    options = parser.parse_args()
    rounds, seconds = (1, 2) if options.quick else (options.rounds, 5)
    stores.fresh()
    with postgresql.running() as database:
        results = measure(database, rounds, seconds)
        if options.sustained:
            results |= measure_sustained(database)
    reads = measure_reads(rounds, seconds)
    report.progress("")
    print(f"Reservations: medians of {rounds} interleaved rounds (least–greatest) of {seconds} s, each on a fresh "
          f"store of {stores.POSITIONS:,} positions; {IN_FLIGHT} callers in flight, all on the same cores and disk.\n")
    print(report.table(HEADINGS, rows(results)), end="\n\n")
    print(report.table(READ_HEADINGS, read_rows(reads)), end="\n\n")
    print(report.table(["target", "asked", "measured", ""], targets(results, reads)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
