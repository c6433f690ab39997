"""From results to Markdown: the table, the targets, and how it was measured."""
import datetime
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import harness


def progress(text):
    print(f"\r\033[K{text}" if sys.stderr.isatty() else text, end="" if sys.stderr.isatty() else "\n",
          file=sys.stderr, flush=True)


def median(runs, value):
    return statistics.median(value(run) for run in runs)


def cpu_us(run):
    return run["server_cpu_seconds"] / run["requests"] * 1e6 if run["requests"] else float("nan")


def spread(runs, value, form):
    values = [value(run) for run in runs]
    return f"{format(statistics.median(values), form)} ({format(min(values), form)}–{format(max(values), form)})"


SATURATED = 0.95


def core_share(runs):
    return median(runs, lambda run: run["server_cpu_seconds"] / run["seconds"])


def bound(runs):
    """Which side had no time left."""
    share = core_share(runs)
    return "saturated" if share > SATURATED else f"{share:.0%}"


def rows(cases, chosen, results, memory, counts):
    for case in cases:
        for one in chosen:
            runs = results.get((case.name, one.name))
            if not runs:
                continue
            lookups = f"{median(runs, lambda run: run['requests_per_second'] * run['lines']):,.0f}"
            counted = counts.get((case.lines, one.name)) if case.shape == "4 × 100" and not case.tls else None
            anonymous, mapped = memory[one.name] if case is cases[0] else (None, None)
            yield [
                case.name, one.name, spread(runs, lambda run: run["requests_per_second"], ",.0f"),
                lookups if case.lines > 1 else "", spread(runs, cpu_us, ",.2f"), bound(runs),
                f"{counted[0]:,.0f}" if counted and not case.writer else "",
                f"{max(0, counted[1]):,.1f}" if counted and not case.writer else "",
                *(f"{median(runs, lambda run, name=name: run[name]):,.0f}" for name in ("p50_us", "p99_us", "p999_us")),
                f"{anonymous / 2**20:,.0f}" if anonymous is not None else "",
                f"{mapped / 2**20:,.0f}" if mapped is not None else "",
            ]


HEADINGS = ["case", "server", "requests/s", "lookups/s", "CPU µs/request", "server's core", "instructions/request",
            "allocations/request", "p50 µs", "p99 µs", "p99.9 µs", "RssAnon MiB", "RssFile MiB"]


def table(headings, body):
    lines = ["| " + " | ".join(headings) + " |", "|" + "|".join("---" if index < 2 else "--:"
                                                                for index in range(len(headings))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


class Figures:
    """Medians by case and server; None where nothing was measured."""

    def __init__(self, results, counts):
        self.results, self.counts = results, counts

    def _median(self, case, name, value):
        runs = self.results.get((case, name))
        return median(runs, value) if runs else None

    def is_saturated(self, case, name):
        runs = self.results.get((case, name))
        return bool(runs) and core_share(runs) > SATURATED

    def speed(self, case, name, by_rate=None):
        """Requests a second that one core gives: measured where the server had no time left, else 1 / CPU time."""
        if by_rate is None:
            by_rate = self.is_saturated(case, name)
        if by_rate:
            return self._median(case, name, lambda run: run["requests_per_second"])
        return self._median(case, name, lambda run: 1e6 / cpu_us(run))

    def speeds(self, case, name, other):
        """The ratio of two speeds, both by the same measure."""
        by_rate = self.is_saturated(case, name) and self.is_saturated(case, other)
        return ratio(self.speed(case, name, by_rate), self.speed(case, other, by_rate))

    def lookups(self, case, name):
        speed, runs = self.speed(case, name), self.results.get((case, name))
        return speed * runs[0]["lines"] if speed else None

    def cpu(self, case, name):
        return self._median(case, name, cpu_us)

    def instructions(self, lines, name):
        return self.counts.get((lines, name), (None,))[0]


def ratio(one, other):
    return one / other if one is not None and other else None


def targets(figures, extra):
    """What is asked (issue 3, Speed), what it is, and whether that is met."""
    one, hundred, single = "1 sku, 4 × 100", "100 skus, 4 × 100", "1 sku, 64 × 1"
    lmdb, hot, limit = "ours, LMDB", "ours, hot table", "C limit"
    lookups = figures.lookups(hundred, hot)
    wanted = [
        ("instructions a one-sku request, × C limit", "≤ 1.25",
         ratio(figures.instructions(1, lmdb), figures.instructions(1, limit)), lambda x: x <= 1.25),
        ("requests/s at 4 × 100, × C limit", "≥ 0.9", figures.speeds(one, lmdb, limit), lambda x: x >= 0.9),
        *((f"requests/s at 4 × 100, × {peer}", f"≥ {times}", figures.speeds(one, lmdb, peer),
           lambda x, times=times: x >= times)
          for peer, times in (("gRPC C++", 6), ("gRPC-Go", 4), ("grpc-swift-2", 25))),
        ("CPU at 64 × 1, × Redis GET, LMDB", "≤ 1.15", ratio(figures.cpu(single, lmdb), figures.cpu(single, "Redis")),
         lambda x: x <= 1.15),
        ("CPU at 64 × 1, × Redis GET, hot table", "< 1", ratio(figures.cpu(single, hot), figures.cpu(single, "Redis")),
         lambda x: x < 1),
        ("lookups/s, 100 skus a call, LMDB", "≥ 1,300,000", figures.lookups(hundred, lmdb), lambda x: x >= 1_300_000),
        ("lookups/s, 100 skus a call, hot table", "≥ 5,000,000", lookups, lambda x: x >= 5_000_000),
        ("the same, × Redis MGET 100", "≥ 3", ratio(lookups, figures.lookups(hundred, "Redis")), lambda x: x >= 3),
        ("requests/s at 4 × 100, hot table, × C limit", "≥ 1.3", figures.speeds(one, hot, limit), lambda x: x >= 1.3),
    ]
    if extra.get("idle_connection_bytes"):
        whole, bare = extra["idle_connection_bytes"]
        wanted.append(("memory of an idle connection beyond nghttp2's session, bytes", "≤ 2,048", whole - bare,
                       lambda x: x <= 2_048))
    if extra.get("loops"):
        # Both loops share the cores with the load: twice the loops are worth what the CPU time of a request leaves.
        gain = 2 * extra["loops"][1] / extra["loops"][2]
        wanted.append(("two loops on two cores, × one, by CPU time", "≥ 1.7", gain, lambda x: x >= 1.7))
    for what, asked, value, holds in wanted:
        if value is None:
            yield [what, asked, "–", "not measured"]
        else:
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
            yield [what, asked, shown, "met" if holds(value) else "**missed**"]


def version(command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0].strip()
    except OSError:
        return "not installed"


def debian(package):
    return f"{package} {version(['dpkg-query', '-W', '-f=${Version}', package])}"


def machine():
    models = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = pathlib.Path("/etc/os-release").read_text().split('PRETTY_NAME="')[1].split('"')[0]
    packages = ["libnghttp2-14", "liblmdb0", "libssl3", "libgrpc++-dev", "golang-google-grpc-dev", "redis-server"]
    commit = version(["git", "-C", str(harness.ROOT), "rev-parse", "--short", "HEAD"])
    processor = f"{os.cpu_count()} × {models[0] if models else '?'}"
    return (f"{datetime.date.today()}, commit {commit}; {processor}, {memory:.0f} GiB, {system}, Linux "
            f"{platform.release()}; {', '.join(map(debian, packages))}, grpc-swift-2 2.4.3.")


def document(cases, chosen, results, memory, counts, extra, rounds):
    progress("")
    method = (f"Medians of {rounds} interleaved rounds (least–greatest); server on core 0, load generator on core 1; "
              "1 million positions, random skus, every answer checked; C × S: connections × calls in flight on each, "
              "closed loop; n/s: open loop over 8 connections, latency from the scheduled time. Method: "
              "docs/benchmarks.md.")
    parts = [f"{machine()} {method}", table(HEADINGS, rows(cases, chosen, results, memory, counts))]
    writers = [(case, one) for case in cases if case.writer for one in chosen if results.get((case.name, one.name))]
    for case, one in writers:
        runs = results[case.name, one.name]
        rate, p99 = median(runs, lambda run: run["events_per_second"]), median(runs, lambda run: run["events_p99_us"])
        parts.append(f"{one.name}, events beside: {rate:,.0f}/s acknowledged, batches of 50, p99 {p99 / 1000:,.1f} ms.")
    if extra.get("idle_connection_bytes"):
        parts.append("Memory of each of 10,000 idle connections: {:,.0f} bytes; of the C limit {:,.0f}, nearly all of "
                     "it nghttp2's session.".format(*extra["idle_connection_bytes"]))
    if extra.get("loops"):
        parts.append("CPU µs a request at 60,000/s, both cores shared with the load: one loop "
                     f"{extra['loops'][1]:.2f}, two loops {extra['loops'][2]:.2f}.")
    parts.append(table(["target", "asked", "measured", ""], targets(Figures(results, counts), extra)))
    return "\n\n".join(parts)
