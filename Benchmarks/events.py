#!/usr/bin/env python3
"""Durable events: our server by gRPC stream and by NATS JetStream, a C program with the same puts on LMDB, and Redis
Streams that sync as often; and how long commits take while reservations wait. See docs/benchmarks.md.

    events.py [--rounds N] [--quick]

--quick: one short round, to see that all of it works. Stdlib only.
"""
import argparse
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import dataset
import harness
import report
import stores

harness.C_PROGRAMS["puts"] = harness.HERE / "peers/puts", ["-llmdb"]
BATCH = 1_000
OURS, LIMIT, REDIS = "ours, StreamEvents", "C limit, our groups", "Redis Streams, appendfsync always"
MODES = {"one": "one at a time, each waits for its answer", "pipelined": "one a message, 1,000 in flight",
         "batched": "1,000 a message, 4 in flight"}
JETSTREAM = {1: "one a commit", BATCH: "1,000 a commit"}
RESERVATIONS_PER_SECOND = 500
COMMIT_SECONDS_MAX = 0.05


class Server(harness.Process):
    """Ours on both cores, with its metrics."""

    def __init__(self, data, configuration=""):
        self.http, port = harness.free_port(), harness.free_port()
        # A file of its own, since what follows the keys of stores.py differs.
        self.file = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.file.write(stores.CONFIGURATION.read_text() + "erps: {}\n" + configuration)
        self.file.flush()
        super().__init__([harness.SERVER, "serve", "--config", self.file.name, "--data", data, "--listen",
                          f"127.0.0.1:{port}", "--http", f"127.0.0.1:{self.http}", "--log-format", "json"], port, core=None)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics") as answer:
            return answer.read().decode()

    def events(self):
        """By outcome, of the source `bench`."""
        found = re.findall(r'^availability_events_total\{(.*)\} (\d+)$', self.metrics(), re.MULTILINE)
        return {re.search('outcome="(.*?)"', labels)[1]: int(count) for labels, count in found if '"bench"' in labels}

    def slow_commits(self):
        """(commits, those of them that took longer than COMMIT_SECONDS_MAX)."""
        counts = dict(re.findall(r'^availability_ledger_commit_seconds_bucket\{le="(.*?)"\} (\d+)', self.metrics(),
                                 re.MULTILINE))
        return int(counts["+Inf"]), int(counts["+Inf"]) - int(counts[f"{COMMIT_SECONDS_MAX}"])


def produce(*arguments):
    done = subprocess.run([sys.executable, harness.HERE / "producers.py", *map(str, arguments)], capture_output=True,
                          text=True)
    if done.returncode != 0:
        harness.fail(f"{done.args}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def check(server, count):
    """Every event that was answered took effect, or was followed by a later count of the same position."""
    outcomes = server.events()
    if outcomes.get("dead_lettered") or outcomes["applied"] + outcomes["superseded"] < count:
        harness.fail(f"of {count} events became {outcomes}")


def ours(mode, seconds):
    with stores.copy(stores.fresh()) as data, Server(data) as server:
        server.settle()
        commits, written = stores.commits(data), stores.written_bytes(data)
        result = produce("stream", server.port, mode, seconds, stores.POSITIONS)
        check(server, result["events"])
        result["commits_per_second"] = (stores.commits(data) - commits) / result["seconds"]
        result["bytes_per_event"] = (stores.written_bytes(data) - written) / result["events"]
        return result


def limit(seconds, group):
    with stores.copy(stores.fresh()) as data:
        written = stores.written_bytes(data)
        command = [harness.build_c("puts"), data, seconds, group, stores.POSITIONS, 0, time.time_ns() % 2**48, "events"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode != 0:
            harness.fail(f"{done.args}: {done.stderr}")
        result = json.loads(done.stdout)
        return {"events_per_second": result["requests_per_second"], "slowest_ms": result["max_us"] / 1000,
                "commits_per_second": result["commits"] / result["seconds"],
                "bytes_per_event": (stores.written_bytes(data) - written) / result["requests"]}


def redis(mode, seconds):
    port = harness.free_port()
    with scratch("redis") as folder:
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                   "--appendonly", "yes", "--appendfsync", "always"]
        with harness.Process(command, port, core=None):
            written = stores.written_bytes(folder)
            result = produce("redis", port, mode, seconds, stores.POSITIONS)
            result["bytes_per_event"] = (stores.written_bytes(folder) - written) / result["events"]
            return result


@contextlib.contextmanager
def scratch(name):
    """On the disk that the stores lie on."""
    folder = dataset.DATA / f"events-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def jetstream(batch, count):
    """A stream that is full before our server begins to read it."""
    port = harness.free_port()
    with scratch("nats") as folder:
        command = ["nats-server", "-js", "-sd", folder, "-a", "127.0.0.1", "-p", port]
        with harness.Process(command, port, core=None):
            produce("nats", port, count, 0, stores.POSITIONS)
            feed = (f'feeds:\n  bench: {{kind: nats, source: bench, url: "nats://127.0.0.1:{port}", stream: BENCH, '
                    f'subjects: [bench.stock], durable: bench, batch: {batch}}}\n')
            with stores.copy(stores.fresh()) as data:
                with Server(data, feed) as server:
                    return consumed(server, data, count)


def consumed(server, data, count):
    def taken():
        # Our server has its HTTP port a moment later than its gRPC port.
        with contextlib.suppress(OSError):
            return sum(server.events().values())
        return 0

    while not (first := taken()):
        time.sleep(0.01)
    began, commits = time.monotonic(), stores.commits(data)
    while (last := taken()) < count:
        time.sleep(0.05)
    seconds = time.monotonic() - began
    check(server, count)
    return {"events_per_second": (last - first) / seconds, "seconds": seconds,
            "commits_per_second": (stores.commits(data) - commits) / seconds}


def beside(seconds):
    """As many events as go, while reservations come at a rate."""
    with stores.copy(stores.fresh()) as data, Server(data) as server:
        server.settle()
        before = server.slow_commits()
        command = [sys.executable, harness.HERE / "producers.py", "stream", server.port, "batched", seconds + 3,
                   stores.POSITIONS]
        with harness.background([*map(str, command)]) as producer:
            # It makes its events first.
            while not server.events().get("applied"):
                time.sleep(0.02)
            wishes = harness.load(server, "--reserve", "--patient", "--held", "--connections", 4, "--streams", 64, "--rate",
                                  RESERVATIONS_PER_SECOND, "--positions", stores.POSITIONS, "--seed",
                                  time.time_ns() % 2**48, "--warm-up", 0.2, "--seconds", seconds, core=None)
            after = server.slow_commits()
            events = producer.result()
        return {"p50_ms": wishes["p50_us"] / 1e3, "p99_ms": wishes["p99_us"] / 1e3, "max_ms": wishes["max_us"] / 1e3,
                "reservations_per_second": wishes["requests_per_second"],
                "events_per_second": events["events_per_second"],
                "commits": after[0] - before[0], "slow_commits": after[1] - before[1]}


def measure(rounds, seconds, messages):
    results = {}
    for number in range(1, rounds + 1):
        def keep(case, name, run, number=number):
            report.progress(f"round {number} of {rounds}: {case}: {name}")
            results.setdefault((case, name), []).append(run())
            return results[case, name][-1]

        for mode, case in MODES.items():
            own = keep(case, OURS, lambda mode=mode: ours(mode, seconds))
            # A commit of ours may take in several batches.
            group = max(1, round(own["events_per_second"] / own["commits_per_second"]))
            keep(case, LIMIT, lambda group=group: limit(seconds, group))
            keep(case, REDIS, lambda mode=mode: redis(mode, seconds))
        for batch, name in JETSTREAM.items():
            count = messages if batch > 1 else messages // 20
            keep(name, "ours, JetStream", lambda batch=batch, count=count: jetstream(batch, count))
        keep("beside", "", lambda: beside(seconds))
    return results


def rows(results):
    for (case, name), runs in results.items():
        if case == "beside":
            continue
        def column(key, form):
            return f"{report.median(runs, lambda run: run[key]):{form}}" if key in runs[0] else ""
        yield [case, name, report.spread(runs, lambda run: run["events_per_second"], ",.0f"),
               column("slowest_ms", ",.0f"), column("commits_per_second", ",.0f"),
               f"{report.median(runs, lambda run: run['bytes_per_event'] / 1024):.1f}" if "bytes_per_event" in runs[0] else ""]


def beside_rows(runs):
    for what, key, form in [
            ("events/s", "events_per_second", ",.0f"), ("reservations/s", "reservations_per_second", ",.0f"),
            ("reservation, p50 ms", "p50_ms", ".1f"), ("reservation, p99 ms", "p99_ms", ".1f"),
            ("reservation, the slowest, ms", "max_ms", ".1f"), ("commits", "commits", ",.0f"),
            (f"commits over {COMMIT_SECONDS_MAX * 1e3:.0f} ms", "slow_commits", ",.0f")]:
        yield [what, report.spread(runs, lambda run, key=key: run[key], form)]


def targets(results):
    def speed(case, name):
        return report.median(results[case, name], lambda run: run["events_per_second"])

    case = MODES["batched"]
    slow = sum(run["slow_commits"] for run in results["beside", ""])
    fast = statistics.median(own["events_per_second"] / peer["events_per_second"]
                             for own, peer in zip(results[case, OURS], results[case, LIMIT]))
    yield ["events/s, 1,000 a batch, × C limit", "≥ 0.7", f"{fast:.2f}", "met" if fast >= 0.7 else "**missed**"]
    rate = speed(case, OURS)
    yield ["events/s, 1,000 a batch", "≥ 30,000", f"{rate:,.0f}", "met" if rate >= 30_000 else "**missed**"]
    yield [f"commits over {COMMIT_SECONDS_MAX * 1e3:.0f} ms while reservations wait", "0", f"{slow:,}",
           "met" if slow == 0 else "**missed**"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds, seconds, messages = (1, 2, 40_000) if options.quick else (options.rounds, 5, 200_000)
    stores.fresh()
    results = measure(rounds, seconds, messages)
    report.progress("")
    print(f"Events: medians of {rounds} interleaved rounds (least–greatest) of {seconds} s, CYCLE_COUNTs of random positions, "
          f"each on a fresh store of {stores.POSITIONS:,} positions; everything on the same cores and disk.\n")
    print(report.table(["case", "who", "events/s", "slowest answer, ms", "commits/s", "KiB written each"], rows(results)),
          end="\n\n")
    print(f"Reservations at {RESERVATIONS_PER_SECOND:,}/s beside as many events as go:\n")
    print(report.table(["what", "measured"], beside_rows(results["beside", ""])), end="\n\n")
    print(report.table(["target", "asked", "measured", ""], targets(results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
