"""The disk fails, is slow, is full: nothing acknowledged is lost, and others are answered meanwhile."""
import concurrent.futures
import os
import random

import grpc
import pytest
from google.rpc import error_details_pb2

from support import PATIENCE
from support.api import APPLIED, Api, Failure, adjustment, failure_of, new_name, snapshot
from support.bystander import MEBIBYTE
from support.faults import (
    Deliveries, Traced, assert_storage_is_full, fill_disk, is_accepted, kill_while_starting, mounted, others_answered,
    power_cut, publish_until_refused, without_syncs)
from support.server import eventually, run


@pytest.mark.parametrize("sync", [1, 2, 3, 7])
def test_kill_9_in_a_sync_loses_nothing_acknowledged(new_server, sync):
    server, deliveries = new_server().start(), Deliveries()
    api = Api(server.channel())
    deliveries.send(api, 3)
    with Traced(server, f"fdatasync:signal=SIGKILL:when={sync}"):
        deliveries.send(api, 1_000)
        assert server.wait() == -9
    assert deliveries.acknowledged == 3 + sync - 1
    assert deliveries.lost(Api(server.start().channel())) == 0


@pytest.mark.parametrize("call", ["fdatasync", "fsync", "pwrite64"])
def test_kill_9_while_a_store_is_made_leaves_a_store_that_opens(tmp_path, new_server, call):
    for number in (1, 2, 4):
        data, deliveries = tmp_path / f"data-{number}", Deliveries()
        kill_while_starting(tmp_path, data, call, number)
        server = new_server(data=data).start()
        deliveries.send(Api(server.channel()), 3)
        assert deliveries.acknowledged == 3 and server.terminate() == 0


@pytest.mark.parametrize("inject", ["fdatasync:error=EIO", "pwrite64:error=EIO"])
def test_failed_sync_stops_the_process_and_nothing_of_it_is_acknowledged(new_server, inject):
    server, deliveries = new_server().start(), Deliveries()
    api = Api(server.channel())
    deliveries.send(api, 5)
    with Traced(server, inject):
        deliveries.send(api, 1)
        assert server.process.wait(timeout=PATIENCE) == 70
    server.wait()
    assert deliveries.acknowledged == 5 and deliveries.failure.code() == grpc.StatusCode.UNAVAILABLE
    last = server.logs()[-1]
    assert last["level"] == "critical" and "the store failed" in last["message"] and "nput/output" in last["reason"]
    assert deliveries.lost(Api(server.start().channel())) == 0


def test_slow_disk_bounds_the_queue_and_leaves_reads_alone(new_server):
    server = new_server().start()
    batches = [[adjustment(new_name(), 1) for _ in range(1_000)] for _ in range(40)]
    apis = [Api(server.channel()) for _ in range(4)]

    def publish(number):
        try:
            return apis[number % 4].publish(*batches[number])
        except grpc.RpcError as error:
            return Failure(error)

    with Traced(server, "fdatasync:delay_enter=200000"), concurrent.futures.ThreadPoolExecutor(40) as pool:
        with others_answered(server, 128 * MEBIBYTE):
            answers = list(pool.map(publish, range(40)))
    refused = [answer for answer in answers if isinstance(answer, Failure)]
    assert refused and len(refused) < 40, "some were taken and the rest was told to come again"
    for failure in refused:
        assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.detail(error_details_pb2.RetryInfo).retry_delay.ToNanoseconds() > 0
    for answer in answers:
        assert isinstance(answer, Failure) or all(result.outcome == APPLIED for result in answer)


def test_full_disk_refuses_changes_answers_reads_and_recovers(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        server = new_server(data=disk / "data").start()
        ballast = disk / "data" / "ballast"
        api, known = Api(server.channel()), new_name()
        api.apply(snapshot(known, on_hand=9))
        assert ballast.stat().st_blocks * 512 >= 16 * MEBIBYTE
        filler = fill_disk(disk)
        with others_answered(server):
            assert_storage_is_full(publish_until_refused(api))
            for _ in range(20):
                assert_storage_is_full(failure_of(api.publish, adjustment(known, 1)))
            # What was held in reserve is there for what frees space.
            assert ballast.stat().st_blocks == 0
            assert server.get("/readyz")[0] == 200
            filler.unlink()
            eventually(lambda: is_accepted(api, adjustment(new_name(), 1)), "a change after space was freed")
        assert ballast.stat().st_blocks * 512 >= 16 * MEBIBYTE
        api.apply(adjustment(known, 1))
        server.restart()
        assert Api(server.channel()).available("web", known) == 8
        assert server.terminate() == 0


def test_store_on_a_disk_without_room_is_refused_in_words(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        for bytes_left in (0, 1_000, 9_000):
            filler = fill_disk(disk)
            os.truncate(filler, filler.stat().st_size - bytes_left)
            told = run(*new_server(data=disk / f"data-{bytes_left}").command()[1:])
            assert told.returncode == 74 and "cannot open the store" in told.stderr, told
            filler.unlink()


def test_disk_that_takes_a_part_of_a_write_is_a_full_one(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=96m", "tmpfs") as disk:
        server = new_server(data=disk / "data").start()
        api = Api(server.channel())
        with others_answered(server):
            for pages_left in (1, 3, 7, 20, 60):
                filler = fill_disk(disk)
                os.truncate(filler, filler.stat().st_size - pages_left * 4_096)
                assert_storage_is_full(publish_until_refused(api))
                filler.unlink()
                eventually(lambda: is_accepted(api, adjustment(new_name(), 1)), "a change after space was freed")
        assert server.terminate() == 0


def test_server_starts_and_answers_on_a_full_disk(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        server, known = new_server(data=disk / "data").start(), new_name()
        Api(server.channel()).apply(snapshot(known, on_hand=9))
        assert server.terminate() == 0
        filler = fill_disk(disk)
        api = Api(server.start().channel())
        assert api.available("web", known) == 7
        filler.unlink()
        eventually(lambda: is_accepted(api, adjustment(known, 1)), "a change after space was freed")
        assert server.terminate() == 0


def test_full_map_refuses_changes_answers_reads_and_takes_more_with_a_larger_one(new_server):
    sizes = ["--storage-map-bytes", "16MiB", "--storage-headroom-bytes", "2MiB"]
    server, known = new_server(*sizes).start(), new_name()
    api = Api(server.channel())
    api.apply(snapshot(known, on_hand=9))
    with others_answered(server):
        for _ in range(5):
            assert_storage_is_full(publish_until_refused(api))
        assert server.get("/readyz")[0] == 200
    assert (server.data / "data.mdb").stat().st_size <= 16 * MEBIBYTE
    assert server.terminate() == 0
    server.arguments = ["--storage-map-bytes", "64MiB", "--storage-headroom-bytes", "2MiB"]
    api = Api(server.start().channel())
    assert api.available("web", known) == 7
    api.apply(adjustment(known, 1))
    assert api.available("web", known) == 8


def test_power_cut_loses_nothing_acknowledged(tmp_path, new_server, seed):
    assert power_cut(tmp_path, new_server, random.Random(seed).randint(20, 120)) == 0


def test_power_cut_without_syncs_loses_data_so_the_one_above_proves_something(tmp_path, new_server):
    assert power_cut(tmp_path, new_server, 50, environment=without_syncs()) > 0
