"""An innocent caller beside a fault: a process of its own that keeps asking over a connection opened before.

It also watches the server's memory. As a program: `python -m support.bystander ADDRESS PID`; each line on its input
begins or ends a watch, each answer is a line of JSON.
"""
import contextlib
import json
import pathlib
import select
import statistics
import subprocess
import sys
import time

from . import PATIENCE
from .frames import CHECK, WIDE_OPENING, Peer, message

# CheckAvailabilityRequest{channel: "web", lines: [{sku: "SKU-1"}]}, and the harness's echo.
REQUESTS = {CHECK: message(b"\x0a\x03web\x12\x07\x0a\x05SKU-1"), "/test.Echo/Inline": message(b"x")}
ANSWERED_WITHIN_SECONDS = 0.1
PROBES_MIN = 5
MEBIBYTE = 1 << 20


def anonymous_bytes(pid):
    """Memory that is the process's own: RssAnon."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1_024 for line in status.splitlines() if line.startswith("RssAnon"))


def processor_seconds(pid):
    """User and system time of the process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Bystander:
    """The process, as a test holds it."""

    def __init__(self, address, pid, path=CHECK):
        command = [sys.executable, "-m", "support.bystander", address, str(pid), path]
        self._process = subprocess.Popen(command, cwd=pathlib.Path(__file__).parents[1], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @contextlib.contextmanager
    def watching(self, memory_bytes=8 * MEBIBYTE):
        """While this is open the server answers others within 100 ms and grows by at most `memory_bytes`."""
        self._tell("begin")
        try:
            yield
        finally:
            report = self._tell("end")
        assert report["failures"] == [], "another connection was not answered"
        latencies = report["latencies"]
        assert statistics.median(latencies) < ANSWERED_WITHIN_SECONDS, f"others waited: {latencies}"
        grown = report["peak"] - report["before"]
        assert grown <= memory_bytes, f"grew by {grown} bytes, from {report['before']}"

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._process.stdout.close()

    def _tell(self, word):
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the bystander died"
        return json.loads(answer)


def main(address, pid, path):
    peer = Peer(address, WIDE_OPENING)

    def probe():
        began = time.monotonic()
        answer = peer.ask(REQUESTS[path], path=path)
        peer.frames.clear()
        return time.monotonic() - began, answer.status

    def say(what):
        print(json.dumps(what), flush=True)

    probe()
    while sys.stdin.readline():
        latencies, failures, before = [], [], anonymous_bytes(pid)
        peak = before
        say({})
        while len(latencies) < PROBES_MIN or not select.select([sys.stdin], [], [], 0.01)[0]:
            seconds, status = probe()
            latencies.append(seconds)
            if status != 0:
                failures.append(status)
                break
            peak = max(peak, anonymous_bytes(pid))
        if not sys.stdin.readline():
            break
        say({"latencies": latencies, "failures": failures, "before": before, "peak": max(peak, anonymous_bytes(pid))})


if __name__ == "__main__":
    main(*sys.argv[1:])
