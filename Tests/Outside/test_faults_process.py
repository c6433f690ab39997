"""What befalls the process: signals, pipes that nobody reads, closed and exhausted descriptors, little memory."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest

from support import free_port
from support.api import Api, adjustment, new_name, snapshot
from support.bystander import MEBIBYTE, processor_seconds
from support.faults import (
    Deliveries, WrappedServer, as_root, assert_storage_is_full, is_accepted, mounted, needed, others_answered,
    publish_until_refused)
from support.server import SERVER, clean_environment, eventually, run


class MuteServer(WrappedServer):
    """A server whose log goes where the test says and is not read: it listens at addresses chosen beforehand."""

    def launch(self, **streams):
        self.listen = self.grpc_address = f"127.0.0.1:{free_port()}"
        self.http_address = f"127.0.0.1:{free_port()}"
        # The level of the most talkative: a line for every call.
        environment = clean_environment(AVAILABILITY_LOG_FORMAT="json", AVAILABILITY_LOG_LEVEL="debug")
        self.process = subprocess.Popen(self.command(), env=environment, stdin=subprocess.DEVNULL, **streams)
        return self

    def start(self, **streams):
        self.launch(**streams)
        eventually(lambda: self.get("/readyz")[0] == 200, "readiness")
        return self

    def command(self):
        command = super().command()
        command[command.index("--http") + 1] = self.http_address
        return command


@pytest.fixture
def mute(tmp_path):
    """Makes such a server; none outlives the test."""
    made = []

    def make(wrapper=()):
        made.append(MuteServer(tmp_path, wrapper=wrapper))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def talk(server, calls=1_500):
    """Calls that fill a log many times over, and a change that must be stored."""
    api, sku = Api(server.channel()), new_name()
    with others_answered(server):
        for _ in range(calls):
            api.available("web", "SKU-1")
        api.apply(snapshot(sku, on_hand=9))
    assert api.available("web", sku) == 7


def test_log_that_nobody_reads_stops_nobody_and_tells_later_what_is_missing(mute):
    read, write = os.pipe()
    server = mute().start(stderr=write, stdout=write)
    os.close(write)
    talk(server)
    text = bytearray()

    def drain():
        while block := os.read(read, 65_536):
            text.extend(block)

    def gap_is_told():
        Api(server.channel()).available("web", "SKU-1")
        return b"dropped_lines" in text

    reader = threading.Thread(target=drain)
    reader.start()
    # Only then has the full pipe been emptied, so that there is room for the lines of the stop.
    eventually(gap_is_told, "a line after the gap")
    assert server.terminate() == 0
    reader.join()
    os.close(read)
    lines = [json.loads(line) for line in bytes(text).decode().splitlines()]
    assert lines[-1]["message"] == "stopped"
    assert sum(line.get("dropped_lines", 0) for line in lines) > 100


def test_log_whose_reader_has_gone_stops_nobody(mute):
    read, write = os.pipe()
    os.close(read)
    server = mute().start(stderr=write, stdout=write)
    os.close(write)
    talk(server)
    assert server.terminate() == 0


def test_log_on_a_full_disk_stops_nobody(mute):
    with open("/dev/full", "wb", buffering=0) as full:
        server = mute().start(stderr=full, stdout=full)
    talk(server)
    assert server.terminate() == 0


def test_closed_standard_descriptors_do_not_send_the_log_into_the_store(mute):
    server = mute(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "closed"]).start()
    files = {os.readlink(f"/proc/{server.process.pid}/fd/{number}") for number in range(3)}
    assert files == {"/dev/null"}
    talk(server)
    assert server.terminate() == 0
    assert run("verify", "--data", server.data).returncode == 0


def test_stopped_process_goes_on_where_it_was(new_server):
    server, deliveries = new_server().start(), Deliveries()
    api = Api(server.channel())
    writer = threading.Thread(target=deliveries.send, args=(api, 300))
    writer.start()
    for _ in range(3):
        eventually(lambda: deliveries.acknowledged % 20 == 10 or not writer.is_alive(), "some more")
        server.signal(signal.SIGSTOP)
        eventually(lambda: "State:\tT" in pathlib.Path(f"/proc/{server.process.pid}/status").read_text(), "a stop")
        time.sleep(0.3)
        server.signal(signal.SIGCONT)
    writer.join()
    assert deliveries.acknowledged == 300
    with others_answered(server):
        assert deliveries.lost(api) == 0


def test_sighup_again_and_again_and_sigpipe_disturb_nobody(new_server):
    server = new_server().start()
    api, sku = Api(server.channel()), new_name()
    with others_answered(server):
        for number in range(60):
            server.signal(signal.SIGHUP if number % 2 else signal.SIGPIPE)
            api.apply(adjustment(sku, 1))
        eventually(lambda: any(line["message"] == "configuration reloaded" for line in server.logs()), "a reload")
    assert api.position(sku).position.on_hand == 60
    assert server.terminate() == 0


def test_sigterm_right_after_the_first_answer_is_an_orderly_end(mute):
    for _ in range(5):
        server = mute().launch(stderr=subprocess.DEVNULL)
        host, port = server.listen.split(":")

        def accepts():
            with contextlib.suppress(OSError):
                socket.create_connection((host, int(port))).close()
                return True

        eventually(accepts, "a listener")
        server.signal(signal.SIGHUP)
        assert server.terminate() == 0
        assert (server.data / "ended-in-order").exists()


def test_changes_are_stored_while_every_descriptor_is_taken(new_server):
    server = new_server().start()
    taken = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    api, sku = Api(server.channel()), new_name()
    api.apply(snapshot(sku, on_hand=9))
    host, port = server.grpc_address.split(":")
    with contextlib.ExitStack() as opened, others_answered(server):
        limit = taken + 12
        subprocess.run([needed("prlimit"), f"--nofile={limit}", "--pid", str(server.process.pid)], check=True)
        for _ in range(40):
            opened.enter_context(socket.create_connection((host, int(port))))
        eventually(lambda: len(os.listdir(f"/proc/{server.process.pid}/fd")) >= limit - 1, "no descriptor left")
        before = processor_seconds(server.process.pid)
        time.sleep(0.5)
        for _ in range(20):
            api.apply(adjustment(sku, 1))
        # The bystander's reads and ours are part of it; a spin would take all of the time on every loop.
        assert processor_seconds(server.process.pid) - before < 0.4
    assert api.position(sku).position.on_hand == 29
    eventually(lambda: Api(server.channel()).available("web", sku) == 27, "a new connection")


def test_file_that_may_not_grow_is_a_full_disk(new_server):
    server = new_server().start()
    api = Api(server.channel())
    with others_answered(server):
        subprocess.run([needed("prlimit"), f"--fsize={20 * MEBIBYTE}:", "--pid", str(server.process.pid)], check=True)
        assert_storage_is_full(publish_until_refused(api))
        subprocess.run([needed("prlimit"), "--fsize=unlimited:", "--pid", str(server.process.pid)], check=True)
        eventually(lambda: is_accepted(api, adjustment(new_name(), 1)), "a change after the limit was lifted")
    assert server.terminate() == 0
    assert run("verify", "--data", server.data).returncode == 0


def test_backup_without_descriptors_says_so_and_leaves_no_half(new_server, tmp_path):
    server = new_server().start()
    Api(server.channel()).apply(snapshot(new_name(), on_hand=9))
    limited = [pathlib.Path(needed("prlimit")), "--nofile=7", SERVER, "backup", tmp_path / "copy", "--data", server.data]
    told = run(*limited)
    assert told.returncode == 74 and "Too many open files" in told.stderr, told
    assert not (tmp_path / "copy" / "data.mdb").exists()
    assert run("backup", tmp_path / "copy", "--data", server.data).returncode == 0


def test_directory_that_cannot_be_written_is_refused_in_words(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        server = new_server(data=disk / "data").start()
        assert server.terminate() == 0
        subprocess.run(as_root(needed("mount"), "-o", "remount,ro", disk), check=True)
        told = run(*server.command()[1:])
    assert told.returncode == 74 and "Read-only file system" in told.stderr and str(disk) in told.stderr, told


def test_directory_that_is_a_file_is_refused_in_words(tmp_path, new_server):
    (tmp_path / "data").write_text("")
    told = run(*new_server(data=tmp_path / "data").command()[1:])
    assert told.returncode == 74 and "Not a directory" in told.stderr, told


def test_too_little_address_space_for_the_map_is_refused_in_words_and_a_smaller_map_is_served(tmp_path):
    limited = [needed("prlimit"), f"--as={24 << 30}"]
    server = WrappedServer(tmp_path, wrapper=limited)
    told = run(pathlib.Path(limited[0]), limited[1], *server.command()[2:])
    assert told.returncode == 74 and "address space" in told.stderr and "mapBytes" in told.stderr, told
    server.arguments = ["--storage-map-bytes", "1GiB"]
    try:
        api, sku = Api(server.start().channel()), new_name()
        api.apply(snapshot(sku, on_hand=9))
        assert api.available("web", sku) == 7
    finally:
        server.stop()


def test_server_that_may_hardly_grow_refuses_or_serves_and_loses_nothing(tmp_path):
    """What the address space leaves is used up while it runs: whatever it does, acknowledged is acknowledged."""
    server, deliveries = WrappedServer(tmp_path), Deliveries()
    server.arguments = ["--storage-map-bytes", "1GiB"]
    api = Api(server.start().channel())
    deliveries.send(api, 5)
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    used = int(re.search(r"VmSize:\s+(\d+)", status).group(1)) * 1_024
    subprocess.run([needed("prlimit"), f"--as={used + 4 * MEBIBYTE}", "--pid", str(server.process.pid)], check=True)
    for _ in range(20):
        with contextlib.suppress(grpc.RpcError):
            api.publish(*[snapshot(new_name(), on_hand=1) for _ in range(1_000)])
    deliveries.send(api, 5)
    server.kill()
    assert deliveries.lost(Api(server.start().channel())) == 0
    server.stop()
