"""Faults made from outside: strace, faketime, mounts; and what must hold meanwhile and afterwards.

Mounts need root. Where they are not permitted the tests that need them fail and say so; AVAILABILITY_WITHOUT_MOUNTS=1
leaves them out, and pytest prints which.
"""
import concurrent.futures
import contextlib
import glob
import os
import pathlib
import shutil
import signal
import subprocess

import grpc
import pytest

from .api import APPLIED, DUPLICATE, Api, Failure, adjustment, new_name, snapshot
from .bystander import MEBIBYTE, Bystander
from .server import Server, eventually, run


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
            [needed("strace"), "-f", "-qq", "-e", f"trace={call}", "-e", f"inject={self.inject}", "-o", "/dev/null",
             "-p", str(self.server.process.pid)], stderr=subprocess.PIPE, text=True)
        eventually(self._is_attached, "strace on every thread")
        return self

    def _is_attached(self):
        assert self._tracer.poll() is None, self._tracer.stderr.read()
        statuses = pathlib.Path(f"/proc/{self.server.process.pid}/task").glob("*/status")
        return all(f"TracerPid:\t{self._tracer.pid}" in status.read_text() for status in statuses)

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


def kill_while_starting(folder, data, call, number):
    """Starts a server that is killed in the system call of that name and number, if it gets so far. True if it did."""
    server = WrappedServer(folder, data=data, wrapper=[
        needed("strace"), "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
        f"inject={call}:signal=SIGKILL:when={number}"])
    try:
        server.start()
    except AssertionError:
        # It ended before it listened; any other end than this is a failure.
        assert server.wait() == -9
        return True
    server.stop()
    return False


def as_root(*command):
    """The command, by sudo unless this is root already."""
    return [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *map(str, command)]


@contextlib.contextmanager
def mounted(directory, *arguments):
    """Mounts at `directory` with the arguments of mount(8), and takes the mount away at the end."""
    if os.environ.get("AVAILABILITY_WITHOUT_MOUNTS") == "1":
        pytest.skip("left out by AVAILABILITY_WITHOUT_MOUNTS=1: mounts are not permitted here")
    directory.mkdir(exist_ok=True)
    made = subprocess.run(as_root(needed("mount"), *arguments, directory), capture_output=True, text=True)
    if made.returncode != 0:
        pytest.fail(f"this test mounts {' '.join(map(str, arguments))}, which needs root and a machine that permits it "
                    f"(AVAILABILITY_WITHOUT_MOUNTS=1 leaves it out): {made.stderr.strip()}")
    if os.geteuid() != 0:
        subprocess.run(as_root("chown", f"{os.getuid()}:{os.getgid()}", directory), check=True)
    try:
        yield directory
    except BaseException:
        # Somebody may still be at work in there: what failed should be told, not that.
        subprocess.run(as_root(needed("umount"), "--lazy", directory), check=True)
        raise
    eventually(lambda: subprocess.run(as_root(needed("umount"), directory), capture_output=True).returncode == 0,
               f"{directory} unmounted")


def assert_storage_is_full(failure):
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"), failure.message


def publish_until_refused(api):
    """Publishes large batches until one is refused; the failure."""
    for _ in range(1_000):
        try:
            api.publish(*[snapshot(new_name(), on_hand=1) for _ in range(500)])
        except grpc.RpcError as error:
            return Failure(error)
    raise AssertionError("the store never filled up")


def is_accepted(api, *events):
    try:
        return api.publish(*events)
    except grpc.RpcError as error:
        assert_storage_is_full(Failure(error))
        return False


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
        self.data = pathlib.Path(directory) / "data"
        self.shift(0)
        self.environment = {
            "LD_PRELOAD": library("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"),
            "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # A program under libfaketime may find no arguments; then these keep it on ports and data of its own.
            "AVAILABILITY_LISTEN": "127.0.0.1:0", "AVAILABILITY_HTTP": "127.0.0.1:0",
            "AVAILABILITY_DATA": str(self.data)}

    def shift(self, seconds):
        """The server's clock is that many seconds ahead of ours from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        # At once as a whole: the server reads it at every look at the clock.
        fresh.replace(self.file)


def without_syncs():
    """An environment in which nothing reaches the disk before the kernel feels like it."""
    return {"LD_PRELOAD": library("/usr/lib/*/libeatmydata.so", "/usr/lib/*/libeatmydata/libeatmydata.so",
                                  "/usr/lib/libeatmydata/libeatmydata.so")}


def power_cut(folder, new_server, batches, writers=1, environment=None):
    """Writes to a new file system until it is cut off, brings it back, and says how many acknowledged batches are lost.

    What is cut is what a power cut takes: everything that was not synced.
    """
    image, all_deliveries = folder / f"image-{new_name()}", [Deliveries() for _ in range(writers)]
    with open(image, "wb") as file:
        # The smallest that mkfs.xfs makes; sparse.
        file.truncate(320 * MEBIBYTE)
    made = run(pathlib.Path(needed("mkfs.xfs")), "-q", image)
    assert made.returncode == 0, made.stderr
    with mounted(folder / "disk", "-o", "loop", image) as disk:
        server = new_server(data=disk / "data", environment=environment).start()
        apis = [Api(server.channel()) for _ in all_deliveries]
        with concurrent.futures.ThreadPoolExecutor(writers) as pool:
            for deliveries, api in zip(all_deliveries, apis):
                pool.submit(deliveries.send, api, 1_000_000)
            eventually(lambda: sum(deliveries.acknowledged for deliveries in all_deliveries) >= batches, "some batches")
            cut = subprocess.run(as_root(needed("xfs_io"), "-x", "-c", "shutdown", disk), capture_output=True, text=True)
            assert cut.returncode == 0, cut.stderr
        server.kill()
    with mounted(folder / "disk", "-o", "loop", image) as disk:
        server = new_server(data=disk / "data").start()
        api = Api(server.channel())
        lost = sum(deliveries.lost(api) for deliveries in all_deliveries)
        assert server.terminate() == 0
        assert run("verify", "--data", disk / "data").returncode == 0
    image.unlink()
    return lost
