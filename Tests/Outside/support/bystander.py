"""An innocent caller beside a fault: a process of its own that keeps asking over a connection opened before.

It also watches the server's memory. As a program: `python -m support.bystander ADDRESS PID PATH [AUTHORITY]`; each line on its input
begins or ends a watch, each answer is a line of JSON.
"""
import contextlib
import json
import pathlib
import select
import ssl
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

    def __init__(self, address, pid, path=CHECK, authority=None):
        command = [sys.executable, "-m", "support.bystander", address, str(pid), path]
        command += [str(authority)] if authority else []
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


def main(address, pid, path, authority=None):
    context = None
    if authority:
        context = ssl.create_default_context(cafile=authority)
        context.set_alpn_protocols(["h2"])
    peer = Peer(address, WIDE_OPENING, tls=context)

    def probe():
        began = time.monotonic()
        answer = peer.ask(REQUESTS[path], path=path)
        peer.frames.clear()
        return time.monotonic() - began, answer.status

    watch = None
    while True:
        seconds, status = probe()
        if watch:
            watch.add(seconds, status)
        # Between watches as well: an idle connection would be closed.
        may_end = watch is None or len(watch.latencies) >= PROBES_MIN or watch.failures
        if may_end and select.select([sys.stdin], [], [], 0.01)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps(watch.report() if watch else {}), flush=True)
            watch = None if watch else Watch(pid)


class Watch:
    """What is seen from its beginning to its end."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self.peak = anonymous_bytes(pid)
        self.latencies, self.failures = [], []

    def add(self, seconds, status):
        self.latencies.append(seconds)
        if status != 0:
            self.failures.append(status)
        self.peak = max(self.peak, anonymous_bytes(self.pid))

    def report(self):
        return {"latencies": self.latencies, "failures": self.failures, "before": self.before,
                "peak": max(self.peak, anonymous_bytes(self.pid))}


if __name__ == "__main__":
    main(*sys.argv[1:])
