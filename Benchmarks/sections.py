"""What is measured beside the table: idle connections, and two loops against one."""
import resource
import statistics
import subprocess
import time

import contenders
import harness
import report

IDLE_CONNECTIONS = 10_000
POSITIONS = 1_000_000


def all_sections(chosen, rounds, timing):
    ours = [one for one in chosen if one.takes_events]
    found = {}
    if ours:
        whole, bare = (idle_connection_bytes(one) for one in (ours[0], contenders.Limit("C limit", "limit")))
        found["idle_connection_bytes"] = whole, bare
        found["loops"] = loops(ours[-1], rounds, timing)
    return found


def idle_connection_bytes(one):
    """Anonymous memory of the process for each of 10,000 connections that have said hello and do nothing. Of the C
    limit it is what nghttp2 takes for a session; what a server of ours has beyond that is our own."""
    report.progress(f"{IDLE_CONNECTIONS:,} idle connections: {one.name}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < IDLE_CONNECTIONS + 500:
        return None
    with one.start(POSITIONS) as server:
        server.settle()
        before = server.memory_bytes()[0]
        command = harness.load_command(server, "--connections", IDLE_CONNECTIONS, "--streams", 1, "--idle",
                                       "--seconds", 4)
        with harness.background(command):
            time.sleep(3)
            return (server.memory_bytes()[0] - before) / IDLE_CONNECTIONS


def loops(one, rounds, timing):
    """Two event loops against one, on both cores with the load beside them, at a rate that leaves room: what counts is
    the CPU time of a request, since nobody has a core alone."""
    results = {1: [], 2: []}
    arguments = ["--connections", 32, "--streams", 16, "--rate", 60_000, *timing]
    for _ in range(rounds):
        for count, measured in results.items():
            report.progress(f"{count} loops: {one.name}")
            server = one.start(POSITIONS, None, "--loops", str(count))
            subprocess.run(["taskset", "-acp", "0,1", str(server.pid)], check=True, capture_output=True)
            with server:
                server.settle()
                result = harness.load(server, *arguments, core=None)
            measured.append(result["server_cpu_seconds"] / result["requests"] * 1e6)
    return {count: statistics.median(measured) for count, measured in results.items()}
