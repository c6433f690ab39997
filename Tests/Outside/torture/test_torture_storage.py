"""The long forms of the storage faults: `make torture` runs them, AVAILABILITY_SEED repeats one."""
import concurrent.futures
import json
import os
import random
import shutil
import subprocess

import grpc
import pytest

from support.api import Api, Failure, adjustment, new_name, snapshot
from support.bystander import MEBIBYTE
from support.faults import (
    Deliveries, FakedClock, Traced, assert_storage_is_full, fill_disk, is_accepted, kill_while_starting, mounted,
    others_answered, power_cut, publish_until_refused, without_syncs)
from support.server import SMALL, eventually, run


@pytest.fixture
def choose(seed):
    return random.Random(seed)


def send_all(server, all_deliveries, count):
    """Every writer on a connection of its own, at the same time, until the end or the first failure."""
    with concurrent.futures.ThreadPoolExecutor(len(all_deliveries)) as pool:
        for deliveries in all_deliveries:
            pool.submit(deliveries.send, Api(server.channel()), count)


def test_kill_9_in_forty_syncs_of_one_store(new_server, choose):
    server, all_deliveries = new_server(), [Deliveries() for _ in range(4)]
    for _ in range(40):
        server.start()
        with Traced(server, f"fdatasync:signal=SIGKILL:when={choose.randint(1, 60)}"):
            send_all(server, all_deliveries, 1_000)
            assert server.wait() == -9
        api = Api(server.start().channel())
        assert sum(deliveries.lost(api) for deliveries in all_deliveries) == 0
        # All of it is there now; what follows counts on top.
        for deliveries in all_deliveries:
            deliveries.acknowledged = len(deliveries.sent)
        assert server.terminate() == 0
    assert run("verify", "--data", server.data).returncode == 0


@pytest.mark.parametrize("call", ["fdatasync", "fsync", "pwrite64", "pwritev", "ftruncate"])
def test_kill_9_in_every_step_of_making_a_store(tmp_path, new_server, call):
    for number in range(1, 41):
        data, deliveries = tmp_path / f"data-{number}", Deliveries()
        if not kill_while_starting(tmp_path, data, call, number):
            break
        server = new_server(data=data).start()
        deliveries.send(Api(server.channel()), 3)
        assert deliveries.acknowledged == 3 and server.terminate() == 0
    assert number > 1 or call in ("pwritev", "ftruncate")


def test_sixteen_power_cuts_lose_nothing_acknowledged(tmp_path, new_server, choose):
    for _ in range(16):
        assert power_cut(tmp_path, new_server, choose.randint(10, 800), writers=choose.randint(1, 8)) == 0


def test_power_cuts_without_syncs_lose_data(tmp_path, new_server, choose):
    for _ in range(4):
        assert power_cut(tmp_path, new_server, choose.randint(50, 300), environment=without_syncs()) > 0


def test_slow_disk_for_a_minute_bounds_queue_and_memory(new_server):
    server = new_server().start()

    def publish(number):
        taken = refused = 0
        api = Api(server.channel())
        for _ in range(25):
            try:
                api.publish(*[adjustment(f"SKU-{number}", 1) for _ in range(1_000)])
                taken += 1
            except grpc.RpcError as error:
                assert Failure(error).code == grpc.StatusCode.RESOURCE_EXHAUSTED
                refused += 1
        return taken, refused

    with Traced(server, "fdatasync:delay_enter=200000"), concurrent.futures.ThreadPoolExecutor(40) as pool:
        with others_answered(server, 256 * MEBIBYTE):
            counts = list(pool.map(publish, range(40)))
    assert sum(taken for taken, _ in counts) > 0 and sum(refused for _, refused in counts) > 0


def test_disk_that_fills_and_empties_again_and_again(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=160m", "tmpfs") as disk:
        server, deliveries = new_server(data=disk / "data").start(), Deliveries()
        api = Api(server.channel())
        for _ in range(12):
            filler = fill_disk(disk)
            with others_answered(server, 64 * MEBIBYTE):
                assert_storage_is_full(publish_until_refused(api))
                filler.unlink()
                eventually(lambda: is_accepted(api, adjustment(new_name(), 1)), "a change after space was freed")
            deliveries.send(api, 5)
        assert deliveries.acknowledged == 60
        server.kill()
        assert deliveries.lost(Api(server.start().channel())) == 0
        assert server.terminate() == 0
        assert run("verify", "--data", server.data).returncode == 0


@pytest.fixture
def catalogue(tmp_path):
    """A store with some thousand positions whose last process ended in order."""
    (tmp_path / "server.yaml").write_text(SMALL)
    rows = "".join(f"SKU-{number:05},WH1,{number}\n" for number in range(8_000))
    (tmp_path / "stock.csv").write_text("sku,location,on_hand\n" + rows)
    made = run("import", tmp_path / "stock.csv", "--config", tmp_path / "server.yaml", "--data", tmp_path / "catalogue")
    assert made.returncode == 0, made.stderr
    return tmp_path / "catalogue"


def ask_everything(server):
    """Reads what a damaged store still tells. Whether the process is still there afterwards."""
    api = Api(server.channel())
    for number in range(0, 8_000, 40):
        try:
            api.check("web", *[f"SKU-{sku:05}" for sku in range(number, number + 40)])
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.DATA_LOSS:
                return False
    return True


def start_on_damage(server):
    """Starts, asks and ends; how the process ended: 0, 74 as it refused or gave up in words, 70, or a signal."""
    command = server.command()
    with open(server.directory / "damage.log", "w+") as log:
        process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
        server.process = process
        try:
            def listening():
                if process.poll() is not None:
                    return "ended"
                return next((line for line in open(log.name) if '"listening"' in line), None)

            line = eventually(listening, "a start or an end")
            if line != "ended":
                server.grpc_address = json.loads(line)["grpc"]
                if ask_everything(server):
                    server.close_channels()
                    process.terminate()
            return process.wait(timeout=60)
        finally:
            server.close_channels()
            process.kill()
            process.wait()
            server.process = None


def test_bits_flipped_anywhere_never_crash_twice(catalogue, new_server, choose):
    ends = []
    for number in range(150):
        server = new_server()
        shutil.copytree(catalogue, server.data)
        file = server.data / "data.mdb"
        page = choose.randrange(file.stat().st_size // 4_096)
        # Half of them where the structure is.
        offset = page * 4_096 + choose.randrange(64 if number % 2 else 4_096)
        with open(file, "r+b") as opened:
            byte = os.pread(opened.fileno(), 1, offset)[0]
            os.pwrite(opened.fileno(), bytes([byte ^ 1 << choose.randrange(8)]), offset)
        first = start_on_damage(server)
        if first != 0:
            second = start_on_damage(server)
            assert second in (0, 74), f"page {page}, offset {offset}: {first}, then {second}"
        ends.append(first)
        shutil.rmtree(server.data)
    assert ends.count(74) > 0 and ends.count(0) > 0, ends


def test_file_cut_off_anywhere_under_the_server_is_refused_afterwards(catalogue, new_server, choose):
    for _ in range(25):
        server = new_server()
        shutil.copytree(catalogue, server.data)
        server.start()
        file = server.data / "data.mdb"
        os.truncate(file, choose.randrange(file.stat().st_size))
        still_there = ask_everything(server)
        if still_there:
            # What was cut off held nothing that was asked for; the next start looks at all of it.
            server.kill()
        else:
            assert server.wait() == 74
        told = run(*server.command()[1:], timeout=30) if not still_there else None
        assert told is None or (told.returncode == 74 and "damaged" in told.stderr), told
        shutil.rmtree(server.data)


def test_clock_that_leaps_for_long(tmp_path, new_server, choose):
    clock = FakedClock(tmp_path)
    server, sku = new_server(environment=clock.environment).start(), new_name()
    api = Api(server.channel())
    for _ in range(1_000):
        clock.shift(choose.randint(-10_000_000, 10_000_000))
        api.publish(snapshot(sku, on_hand=choose.randint(0, 9)))
        api.available("web", sku)
        assert server.get("/readyz")[0] == 200
    assert server.terminate() == 0
