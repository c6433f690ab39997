"""The long forms of the faults that befall reservations: `make torture` runs them, AVAILABILITY_SEED repeats one, and
AVAILABILITY_RESTARTS says how often a server is killed (1,000)."""
import concurrent.futures
import os
import pathlib
import random
import subprocess
import time

import grpc
import pytest

from support.api import SECOND, Failure, duration, event, failure_of
from support.bystander import MEBIBYTE
from support.faults import FakedClock, Traced, as_root, mounted, needed
from support.reservations import (
    WITHOUT_ERP, Holder, Story, assert_no_room, erp_state_name, faked_server, kill_again_and_again, state_of, verify,
    wanted)
from support.server import SMALL, eventually, run

RESTARTS = int(os.environ.get("AVAILABILITY_RESTARTS", 1_000))
# A store's callers read all that was ever held in it after each start.
RESTARTS_PER_STORE = 25


@pytest.fixture
def choose(seed):
    return random.Random(seed)


@pytest.mark.parametrize("configuration", [WITHOUT_ERP, SMALL], ids=["without an ERP", "with the embedded ERP"])
def test_kill_9_again_and_again_loses_nothing_acknowledged_and_oversells_nothing(new_server, choose, configuration):
    left = max(1, RESTARTS // 2)
    while left:
        rounds = min(left, RESTARTS_PER_STORE)
        server = new_server(configuration=configuration)
        kill_again_and_again(server, choose, rounds, seconds=(0.05, 1.5), callers=choose.randint(2, 12),
                             stock=choose.choice([10, 25, 10_000]))
        verify(server)
        left -= rounds


def tell_all(server, stories, holds=1_000_000):
    """Every story on a connection of its own, at the same time, until the end or the first failure."""
    with concurrent.futures.ThreadPoolExecutor(len(stories)) as pool:
        for story in stories:
            pool.submit(story.go_on, Holder(server.channel()), holds)


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_kill_9_in_forty_system_calls_of_one_store(new_server, choose, call):
    server = new_server(configuration=WITHOUT_ERP).start()
    holder = Holder(server.channel())
    stories = [Story(holder) for _ in range(4)]
    for _ in range(40):
        with Traced(server, f"{call}:signal=SIGKILL:when={choose.randint(1, 60)}"):
            tell_all(server, stories)
            assert server.wait() == -9
        holder = Holder(server.start().channel())
        for story in stories:
            story.assert_whole(holder)
    verify(server)


def test_sixteen_power_cuts_lose_nothing_acknowledged(tmp_path, new_server, choose):
    for number in range(16):
        image = tmp_path / f"image-{number}"
        with open(image, "wb") as file:
            # The smallest that mkfs.xfs makes; sparse.
            file.truncate(320 * MEBIBYTE)
        assert run(pathlib.Path(needed("mkfs.xfs")), "-q", image).returncode == 0
        with mounted(tmp_path / "disk", "-o", "loop", image) as disk:
            server = new_server(data=disk / "data", configuration=WITHOUT_ERP).start()
            holder = Holder(server.channel())
            stories, least = [Story(holder) for _ in range(choose.randint(1, 8))], choose.randint(5, 200)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(tell_all, server, stories)
                eventually(lambda: sum(len(story.account.known) for story in stories) >= least, "some holds")
                cut = subprocess.run(as_root(needed("xfs_io"), "-x", "-c", "shutdown", disk), capture_output=True)
                assert cut.returncode == 0, cut.stderr
            server.kill()
        with mounted(tmp_path / "disk", "-o", "loop", image) as disk:
            server = new_server(data=disk / "data", configuration=WITHOUT_ERP).start()
            for story in stories:
                story.assert_whole(Holder(server.channel()))
            verify(server)
        image.unlink()


def test_clock_that_leaps_for_long_ends_no_hold_early_and_none_late(tmp_path, choose):
    clock = FakedClock(tmp_path)
    server = faked_server(tmp_path, clock)
    try:
        holder = Holder(server.start().channel())
        channel, sku = holder.new_channel(), holder.stocked(1_000)
        running = {}
        for _ in range(1_500):
            clock.shift(choose.randint(-10_000_000, 10_000_000))
            held = holder.create(channel, wanted(sku), ttl=duration(choose.randint(1_000, 5_000) * 1_000_000))
            running[held.id] = held.expire_time.ToNanoseconds()
            id = choose.choice(list(running))
            before = holder.ledger_time()
            state = state_of(holder.get(id))
            after = holder.ledger_time()
            assert state == "ACTIVE" or after >= running[id], "nothing ends early"
            assert state == "EXPIRED" or before < running[id], "nothing ends late"
            if state == "EXPIRED":
                del running[id]
        eventually(lambda: holder.available(channel, sku) == 1_000, "the end of all")
        clock.shift(0)
        verify(server)
    finally:
        server.stop()


def test_many_callers_for_a_minute_never_take_more_than_there_is(new_server, choose):
    server = new_server().start()
    holder = Holder(server.channel())
    channels = [holder.new_channel(share_percent=share) for share in (100, 60, 30)]
    skus, deadline = [holder.stocked(40) for _ in range(3)], time.monotonic() + 60
    seeds = [choose.random() for _ in range(32)]

    def take(number):
        own, caller, held = random.Random(seeds[number]), Holder(server.channel()), []
        while time.monotonic() < deadline:
            lines = [wanted(own.choice(skus), own.randint(1, 3)) for _ in range(own.randint(1, 3))]
            try:
                held.append(caller.create(own.choice(channels), *lines, ttl=duration(own.randint(1, 3) * SECOND)))
            except grpc.RpcError as error:
                failure = Failure(error)
                assert failure.reason in ("CHANNEL_ALLOCATION_EXHAUSTED", "INSUFFICIENT_STOCK"), failure.message
                while held and own.random() < 0.7:
                    end(caller, held.pop(own.randrange(len(held))))

    def end(caller, held):
        try:
            caller.commit(held.id)
        except grpc.RpcError as error:
            assert Failure(error).reason == "RESERVATION_STATE"
        else:
            caller.release(held.id)

    def look():
        looks = 0
        while time.monotonic() < deadline:
            for sku in skus:
                position = holder.position(sku)
                assert 0 <= position.position.reserved <= 40 and position.shortfall == 0
                looks += 1
        return looks

    with concurrent.futures.ThreadPoolExecutor(len(seeds) + 1) as pool:
        looking = pool.submit(look)
        list(pool.map(take, range(len(seeds))))
        assert looking.result() > 100
    for channel in channels:
        for each in holder.list(channel=channel, page_size=1_000):
            if state_of(each) in ("ACTIVE", "COMMITTED"):
                try:
                    holder.release(each.id)
                except grpc.RpcError as error:
                    assert Failure(error).reason == "RESERVATION_STATE"
    assert [holder.position(sku).position.reserved for sku in skus] == [0, 0, 0]
    # Queues drain, and a new hold of everything succeeds.
    held = holder.create(channels[0], *[wanted(sku, 40) for sku in skus])
    assert erp_state_name(held.erp_state) == "CONFIRMED"
    assert_no_room(failure_of(holder.create, channels[0], skus[0]))
    for sku in skus:
        holder.apply(event("CYCLE_COUNT", sku, quantity=39))
        assert holder.position(sku).shortfall == 1
    verify(server)
