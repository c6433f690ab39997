"""What is measured beside the table: idle connections, two loops, and the cold start."""
import json
import resource
import statistics
import subprocess
import sys
import time

import harness
import report

IDLE_CONNECTIONS = 10_000
POSITIONS = 1_000_000


def wait_for_hot_tables(servers):
    """Gives tables that are built in the background the time to be: until no server burns CPU any more."""
    for server in servers:
        for _ in range(240):
            before = server.cpu_seconds()
            time.sleep(0.25)
            if server.cpu_seconds() - before < 0.05:
                break


def all_sections(chosen, rounds, timing):
    ours = [one for one in chosen if one.takes_events]
    found = {}
    if ours:
        found["idle_connection_bytes"] = statistics.median(idle_connection_bytes(ours[0]) for _ in range(3))
        found["loops"] = loops(ours[-1], rounds, timing)
        found["cold_start"] = cold_start()
    return found


def idle_connection_bytes(one):
    """Anonymous memory of our process for each of 10,000 connections that have said hello and do nothing."""
    report.progress(f"{IDLE_CONNECTIONS:,} idle connections: {one.name}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < IDLE_CONNECTIONS + 500:
        return None
    with one.start(POSITIONS) as server:
        wait_for_hot_tables([server])
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
                wait_for_hot_tables([server])
                result = harness.load(server, *arguments, core=None)
            measured.append(result["server_cpu_seconds"] / result["requests"] * 1e6)
    return {count: statistics.median(measured) for count, measured in results.items()}


def cold_start():
    """From the command to the first answer; measured by cold_start.py. Milliseconds, or nothing."""
    script = harness.HERE / "cold_start.py"
    if not script.exists():
        return None
    report.progress("cold start")
    done = subprocess.run([sys.executable, script, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"bench: cold_start.py failed:\n{done.stderr}", file=sys.stderr)
        return None
    return json.loads(done.stdout)
