"""Faults made from outside: strace, faketime, mounts; and what must hold meanwhile and afterwards.

Mounts need root. Where they are not permitted the tests that need them fail and say so; AVAILABILITY_WITHOUT_MOUNTS=1
leaves them out, and pytest prints which.
"""
import contextlib
import glob
import os
import pathlib
import shutil
import signal
import subprocess

import grpc
import pytest

from .api import APPLIED, DUPLICATE, Api, adjustment, new_name
from .bystander import MEBIBYTE, Bystander
from .server import Server, clean_environment, eventually


def needed(program):
    """The path of a program the tests cannot do without."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    assert path, f"{program} is missing: scripts/install-dependencies.sh --tests installs it"
    return path


@contextlib.contextmanager
def others_answered(server, memory_bytes=16 * MEBIBYTE):
    """While this is open another connection's reads are answered in time, and the server's own memory stays bounded."""
    bystander = Bystander(server.grpc_address, server.process.pid)
    try:
        with bystander.watching(memory_bytes):
            yield
    finally:
        bystander.close()


class Deliveries:
    """Batches of two skus, sent one after another; what was sent and how much of it was acknowledged.

    Nothing acknowledged may be lost, and no batch may be there by half.
    """

    def __init__(self):
        self.skus = [new_name(), new_name()]
        self.sent = []
        self.acknowledged = 0
        self.failure = None

    def send(self, api, count):
        """Up to `count` batches; ends early, and keeps the failure, when one fails."""
        for _ in range(count):
            batch = [adjustment(sku, 1) for sku in self.skus]
            self.sent.append(batch)
            try:
                results = api.publish(*batch)
            except grpc.RpcError as error:
                self.failure = error
                return
            assert all(result.outcome == APPLIED for result in results), results
            self.acknowledged += 1

    def lost(self, api):
        """Sends everything again: how many acknowledged batches were not there any more."""
        outcomes = []
        for start in range(0, len(self.sent), 250):
            results = api.publish(*[each for batch in self.sent[start:start + 250] for each in batch])
            outcomes += [{left.outcome, right.outcome} for left, right in zip(results[::2], results[1::2])]
        assert all(outcome in ({APPLIED}, {DUPLICATE}) for outcome in outcomes), "a batch was there by half"
        for sku in self.skus:
            assert api.position(sku).position.on_hand == len(self.sent), "each batch counts exactly once"
        return sum(outcome == {APPLIED} for outcome in outcomes[:self.acknowledged])


class Traced:
    """strace on a running server while the block runs: `inject` is what its -e inject= takes.

    Counts of `when=` are per thread and begin here.
    """

    def __init__(self, server, inject):
        self.server = server
        self.inject = inject

    def __enter__(self):
        call = self.inject.split(":", 1)[0]
        self._tracer = subprocess.Popen(
            [needed("strace"), "-f", "-qq", "-e", f"trace={call}", "-e", f"inject={self.inject}", "-o", "/dev/null", "-p",
             str(self.server.process.pid)], stderr=subprocess.PIPE, text=True)
        eventually(self._is_attached, "strace on every thread")
        return self

    def _is_attached(self):
        assert self._tracer.poll() is None, self._tracer.stderr.read()
        statuses = [pathlib.Path(path).read_text() for path in glob.glob(f"/proc/{self.server.process.pid}/task/*/status")]
        return all(f"TracerPid:\t{self._tracer.pid}" in status for status in statuses)

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._tracer.send_signal(signal.SIGINT)
        self._tracer.wait()
        self._tracer.stderr.close()


class WrappedServer(Server):
    """A server that another program starts: `wrapper` is that program and its arguments."""

    def __init__(self, *arguments, wrapper=(), **options):
        super().__init__(*arguments, **options)
        self.wrapper = [str(part) for part in wrapper]

    def command(self):
        return self.wrapper + super().command()


@contextlib.contextmanager
def mounted(directory, *arguments):
    """Mounts at `directory` with the arguments of mount(8), and takes the mount away at the end."""
    if os.environ.get("AVAILABILITY_WITHOUT_MOUNTS") == "1":
        pytest.skip("left out by AVAILABILITY_WITHOUT_MOUNTS=1: mounts are not permitted here")
    directory.mkdir(exist_ok=True)
    made = subprocess.run([needed("mount"), *map(str, arguments), str(directory)], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.fail(f"this test mounts {' '.join(map(str, arguments))}, which needs root and a machine that permits it "
                    f"(AVAILABILITY_WITHOUT_MOUNTS=1 leaves it out): {made.stderr.strip()}")
    try:
        yield directory
    except BaseException:
        # Somebody may still be at work in there: what failed should be told, not that.
        subprocess.run([needed("umount"), "--lazy", str(directory)], check=True)
        raise
    eventually(lambda: subprocess.run([needed("umount"), str(directory)], capture_output=True).returncode == 0,
               f"{directory} unmounted")


def fill_disk(directory):
    """A file that takes all the space there is."""
    path = directory / "filler"
    with open(path, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))
    return path


def library(*patterns):
    """The path of an installed shared library, the first that is there."""
    for pattern in patterns:
        found = sorted(glob.glob(pattern))
        if found:
            return found[0]
    raise AssertionError(f"{patterns[0]} is missing: scripts/install-dependencies.sh --tests installs it")


class FakedClock:
    """A wall clock that is moved while the server runs; clocks that do not jump are left alone."""

    def __init__(self, directory):
        self.file = pathlib.Path(directory) / "clock"
        self.shift(0)
        self.environment = {
            "LD_PRELOAD": library("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"),
            "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def shift(self, seconds):
        """The server's clock is that many seconds ahead of ours from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        # At once as a whole: the server reads it at every look at the clock.
        fresh.replace(self.file)


def shut_down_filesystem(directory):
    """What a power cut leaves: nothing reaches the disk any more that was not synced."""
    subprocess.run([needed("xfs_io"), "-x", "-c", "shutdown", str(directory)], check=True, capture_output=True,
                   env=clean_environment())
