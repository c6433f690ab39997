#!/usr/bin/env python3
"""The benchmark: one table of our server, the C limit and what one would build instead. See docs/benchmarks.md.

    run.py [--rounds N] [--quick] [--only NAME]... [--case TEXT]... [--full] [--skip-counts]

--quick: two short rounds, to see that all of it works. --only: contenders whose name contains NAME. --case: cases whose
name contains TEXT. --full: also the crossings that tell little. Stdlib only.
"""
import argparse
import contextlib
import sys
import time

import contenders
import counting
import harness
import report
import same_answers
import sections

POSITIONS = 1_000_000
# Under valgrind, where filling and checking a large store takes minutes and is not the same twice.
POSITIONS_COUNTED = 10_000
SHAPES = {
    "4 × 100": ["--connections", 4, "--streams", 100],
    "50 × 16": ["--connections", 50, "--streams", 16],
    "64 × 1": ["--connections", 64, "--streams", 1],
    "8,000/s": ["--connections", 8, "--streams", 100, "--rate", 8_000],
    "100,000/s": ["--connections", 8, "--streams", 100, "--rate", 100_000],
}
LINES = {1: [], 100: ["--lines", 100, "--locations"]}
# What is left out without --full: at 100 skus a call the open loops ask for more than anyone gives, and so on.
USUAL = {(1, False): list(SHAPES), (100, False): ["4 × 100", "64 × 1"], (1, True): ["4 × 100", "64 × 1", "8,000/s"],
         (100, True): ["4 × 100"]}
EVENTS = ["--events", "--lines", 50, "--rate", 100, "--connections", 1, "--streams", 100]


class Case:
    def __init__(self, shape, lines, tls, writer=False):
        self.shape, self.lines, self.tls, self.writer = shape, lines, tls, writer
        self.arguments = [*SHAPES[shape], *LINES[lines]]
        self.name = f"{lines} sku{'s' if lines > 1 else ''}, {shape}" + (", TLS" if tls else "") \
            + (", 5,000 events/s beside" if writer else "")


def all_cases(full):
    cases = [Case(shape, lines, tls) for (lines, tls), usual in USUAL.items() for shape in SHAPES
             if full or shape in usual]
    return cases + [Case("4 × 100", 1, False, writer=True)]


def run_once(server, case, contender, timing, number):
    arguments = [*case.arguments, *contender.load_arguments, *(["--tls"] if case.tls else []), *timing,
                 "--seed", number]
    if not case.writer:
        return harness.load(server, *arguments)
    with harness.background(harness.load_command(server, *EVENTS, *timing, "--seed", int(time.time()))) as events:
        result = harness.load(server, *arguments)
        written = events.result()
    result["events_per_second"] = written["requests_per_second"] * written["lines"]
    result["events_p99_us"] = written["p99_us"]
    return result


def check_answers(chosen, servers):
    """Ours and the limit do the same work only if they answer the same."""
    cleartext = [(one, servers[one.name, False]) for one in chosen if not one.hash_map and (one.name, False) in servers]
    for one, server in cleartext[1:]:
        report.progress(f"comparing the answers of {one.name}")
        same_answers.check(cleartext[0][1], server, POSITIONS)


def measure(chosen, cases, rounds, timing):
    """Results by (case name, contender name); the rounds are interleaved."""
    results, memory = {}, {}
    with contextlib.ExitStack() as stack:
        servers = {}
        for one in chosen:
            for tls in sorted({case.tls for case in cases}):
                report.progress(f"starting {one.name}{', TLS' if tls else ''}")
                servers[one.name, tls] = stack.enter_context(
                    one.start(POSITIONS, harness.certificate() if tls else None))
        for server in servers.values():
            server.settle()
        check_answers(chosen, servers)
        for number in range(1, rounds + 1):
            for case in cases:
                for one in chosen:
                    if case.writer and not one.takes_events:
                        continue
                    report.progress(f"round {number} of {rounds}: {case.name}: {one.name}")
                    server = servers[one.name, case.tls]
                    results.setdefault((case.name, one.name), []).append(
                        run_once(server, case, one, timing, number))
        for one in chosen:
            memory[one.name] = servers[one.name, cases[0].tls].memory_bytes()
    return results, memory


def count(chosen):
    """Instructions and allocations per request at 4 × 100, by (lines, contender name)."""
    counts = {}
    for one in (one for one in chosen if one.counted):
        binary = counting.stripped(harness.SERVER if one.takes_events else harness.BINARIES / one.binary)

        def command(port):
            made = one.command(port, POSITIONS_COUNTED, binary=binary)
            return [*made, "--storage-map-bytes", "4GiB"] if one.takes_events else made

        for lines, lengths in ((1, (400, 1_400) if one.hash_map else (2_000, 12_000)), (100, (400, 800))):
            report.progress(f"counting: {one.name}, {lines} skus")
            arguments = [*SHAPES["4 × 100"], *LINES[lines], "--positions", POSITIONS_COUNTED]
            counts[lines, one.name] = (counting.instructions_per_request(command, arguments, lengths),
                                       counting.allocations_per_request(command, arguments, lengths))
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--case", action="append")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--skip-counts", action="store_true")
    options = parser.parse_args()
    rounds = 2 if options.quick else options.rounds
    timing = ["--warm-up", 0.2, "--seconds", 0.3] if options.quick else ["--warm-up", 0.5, "--seconds", 2]
    chosen = contenders.all_contenders(options.only)
    cases = [case for case in all_cases(options.full)
             if not options.case or any(text in case.name for text in options.case)]
    if not chosen or not cases:
        parser.error("nothing to measure")
    results, memory = measure(chosen, cases, rounds, timing)
    counts = {} if options.skip_counts else count(chosen)
    extra = {}
    if not options.case:
        extra = sections.all_sections(chosen, rounds, timing)
    print(report.document(cases, chosen, results, memory, counts, extra, rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
