"""The wall clock jumps under a running server: ages follow it, promises made by the other clock do not."""
import pathlib
import queue
import random
import time

import grpc
import pytest

from availability.v1 import inventory_feed_service_pb2, policy_pb2

from support.api import (
    APPLIED, DAY, DEAD_LETTERED, DUPLICATE, FRESH, HOUR, SECOND, STALE, Api, adjustment, duration, event, failure_of,
    new_name, now, snapshot)
from support.faults import FakedClock, others_answered
from support.server import eventually


@pytest.fixture
def clock(tmp_path):
    return FakedClock(tmp_path)


@pytest.fixture
def server(new_server, clock):
    # The same data, whether the server finds its arguments or not: see `FakedClock`.
    started = new_server(environment=clock.environment, data=clock.data).start()
    eventually(lambda: started.metric("availability_hot_table_complete") == 1, "a full hot table")
    return started


@pytest.fixture
def api(server):
    return Api(server.channel())


def minding_channel(api):
    """A channel that withholds what nobody has vouched for within an hour."""
    return api.new_channel(freshness=policy_pb2.FreshnessPolicy(
        stale_after=duration(HOUR), stale_action=policy_pb2.STALE_ACTION_WITHHOLD))


def answer(api, channel, sku):
    line, = api.check(channel, sku).lines
    return line.available, line.freshness


def moved(clock, seconds, condition):
    """Moves the clock and waits until the server has seen it, since it looks at its clock when it is asked."""
    clock.shift(seconds)
    eventually(condition, f"a clock at {seconds:+d} s")


def assert_idle(server):
    """Nothing of ours waits by spinning: what spins does so in every one of these windows, what others ask of it only in
    some. Left out is the manager thread of libdispatch, whose own monitor's timer spins under libfaketime now and then.
    """
    def seconds():
        total = 0
        for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
            name, _, fields = (task / "stat").read_text().partition("(")[2].rpartition(")")
            if name != "-qos.overcommit":
                total += sum(map(int, fields.split()[11:13]))
        return total / 100

    def used():
        before = seconds()
        time.sleep(0.5)
        return seconds() - before

    assert any(used() < 0.1 for _ in range(10))


def test_clock_a_day_ahead_ages_figures_and_nothing_else(server, api, clock):
    channel, sku, source = minding_channel(api), new_name(), new_name("src")
    told = snapshot(sku, source=source, on_hand=3)
    api.apply(told)
    throttled = api.new_channel(throttle=policy_pb2.ThrottlePolicy(read_units_per_second=1, read_units_burst=1_000))
    api.check(throttled, *["SKU-1"] * 1_000)
    assert answer(api, channel, sku) == (3, FRESH)
    batches = queue.SimpleQueue()
    stream = api.feed.StreamEvents(iter(batches.get, None), timeout=30)

    with others_answered(server):
        moved(clock, 86_400, lambda: answer(api, channel, sku) == (0, STALE))
        # By the clock that does not jump, the burst is as used up as before.
        assert failure_of(api.check, throttled, *["SKU-1"] * 500).code == grpc.StatusCode.RESOURCE_EXHAUSTED
        # Nothing is forgotten early, and a source whose clock is right is heard.
        assert api.publish(told)[0].outcome == DUPLICATE
        api.apply(adjustment(sku, 1, source=source))
        # A call under way keeps its deadline.
        batches.put(inventory_feed_service_pb2.StreamEventsRequest(events=[adjustment(sku, 1, source=source)]))
        assert next(stream).results[0].outcome == APPLIED
        batches.put(None)
        assert not list(stream)
        assert_idle(server)
        moved(clock, 0, lambda: answer(api, channel, sku) == (5, FRESH))
    assert api.publish(told)[0].outcome == DUPLICATE
    assert answer(api, channel, sku) == (5, FRESH)
    server.restart()
    api = Api(server.channel())
    assert api.publish(told)[0].outcome == DUPLICATE and answer(api, channel, sku) == (5, FRESH)


def test_clock_an_hour_behind_refuses_the_future_and_takes_it_later_once(server, api, clock):
    channel, sku, source = minding_channel(api), new_name(), new_name("src")
    old = snapshot(sku, at=now() - 2 * HOUR, source=source, on_hand=3)
    api.apply(old)
    assert answer(api, channel, sku) == (0, STALE)
    present = adjustment(sku, 1, source=source)

    with others_answered(server):
        # An hour less makes two hours one; a minute more, so that it is less than the limit.
        moved(clock, -3_660, lambda: answer(api, channel, sku) == (3, FRESH))
        result, = api.publish(present)
        assert result.outcome == DEAD_LETTERED and result.reason.startswith("CLOCK_SKEW")
        api.apply(adjustment(sku, 1, at=now() - 2 * HOUR + SECOND, source=source))
        assert_idle(server)
        moved(clock, 0, lambda: answer(api, channel, sku) == (0, STALE))
    assert [result.outcome for result in api.publish(present) + api.publish(present)] == [APPLIED, DUPLICATE]
    assert answer(api, channel, sku) == (5, FRESH)


def test_start_with_a_clock_behind_the_stored_time_goes_on_with_the_sequence(server, api, clock):
    sku, source = new_name(), new_name("src")
    api.apply(snapshot(sku, at=now() - 3 * HOUR, source=source, on_hand=3))
    before = api.status()
    clock.shift(-3_600)
    server.restart()
    api = Api(server.channel())
    assert (api.status().epoch, api.position(sku).position.on_hand) == (before.epoch, 3)
    api.apply(adjustment(sku, 1, at=now() - 2 * HOUR, source=source))
    assert api.status().sequence > before.sequence
    assert server.terminate() == 0


def test_clock_that_leaps_at_random_crashes_nothing_and_counts_everything_once(server, api, clock, seed):
    choose, sku, sent = random.Random(seed), new_name(), []
    channel, start = minding_channel(api), now() - 2 * DAY
    with others_answered(server):
        for number in range(60):
            clock.shift(choose.randint(-40_000, 4_000_000))
            sent.append(event("RECEIPT_POSTED", sku, at=start + number * SECOND, quantity=1, source="leaps"))
            api.publish(*choose.sample(sent, min(len(sent), 5)), sent[-1])
            answer(api, channel, sku)
            assert server.get("/readyz")[0] == 200
    clock.shift(0)
    assert all(result.outcome == DUPLICATE for result in api.publish(*sent))
    assert api.position(sku).position.on_hand == 60
    assert server.terminate() == 0
