"""What was acknowledged about a hold is there after every kind of end, a full disk stops no release, and no clock that
jumps ends a hold early."""
import concurrent.futures
import contextlib
import random
import time

import grpc
import pytest

from support import PATIENCE
from support.api import DAY, HOUR, SECOND, Failure, adjustment, duration, failure_of, new_name
from support.faults import (
    FakedClock, Traced, assert_storage_is_full, fill_disk, is_accepted, mounted, others_answered, publish_until_refused)
from support.reservations import (
    WITHOUT_ERP, Holder, Story, causes, erp_state_name, faked_server, kill_again_and_again, state_of,
    state_value, verify, wanted)
from support.server import SMALL, eventually


@pytest.mark.parametrize("configuration", [WITHOUT_ERP, SMALL], ids=["without an ERP", "with the embedded ERP"])
def test_kill_9_at_random_loses_nothing_acknowledged_and_oversells_nothing(new_server, seed, configuration):
    server = new_server(configuration=configuration)
    assert kill_again_and_again(server, random.Random(seed), rounds=3) > 50
    verify(server)


@pytest.mark.parametrize("sync", [1, 2, 3, 4, 5, 8])
def test_kill_9_in_a_sync_leaves_every_hold_whole(new_server, sync):
    server = new_server(configuration=WITHOUT_ERP).start()
    holder = Holder(server.channel())
    story = Story(holder)
    story.go_on(holder, 1)
    with Traced(server, f"fdatasync:signal=SIGKILL:when={sync}"):
        story.go_on(holder)
        assert server.wait() == -9
    acknowledged = sum(len(known.history) for known in story.account.known.values())
    assert acknowledged == 5 + sync - 1, "one call, one commit"
    story.assert_whole(Holder(server.start().channel()))
    verify(server)


@pytest.mark.parametrize("inject", ["fdatasync:error=EIO", "pwrite64:error=EIO"])
def test_failed_sync_stops_the_process_and_no_hold_of_it_is_acknowledged(new_server, inject):
    server = new_server(configuration=WITHOUT_ERP).start()
    holder = Holder(server.channel())
    story = Story(holder)
    story.go_on(holder, 2)
    with Traced(server, inject):
        story.go_on(holder, 1)
        assert server.process.wait(timeout=PATIENCE) == 70
    server.wait()
    assert story.failure.code == grpc.StatusCode.UNAVAILABLE and len(story.account.known) == 2
    holder = Holder(server.start().channel())
    assert len(holder.list(channel=story.channel)) == 2, "what was not acknowledged did not happen"
    story.assert_whole(holder)
    verify(server)


def test_hold_that_ran_out_while_the_server_was_away_has_expired_at_the_start(new_server):
    server = new_server(configuration=WITHOUT_ERP).start()
    holder = Holder(server.channel())
    channel, sku = holder.new_channel(), holder.stocked(5)
    short, long = holder.create(channel, wanted(sku, 2), ttl=duration(SECOND)), holder.create(channel, sku)
    server.kill()
    time.sleep(max(0, short.expire_time.ToNanoseconds() - time.time_ns()) / SECOND)
    holder = Holder(server.start().channel())
    assert holder.available(channel, sku) == 4 and state_of(holder.get(short.id)) == "EXPIRED"
    assert holder.get(long.id) == long
    eventually(lambda: holder.is_swept(short), "the sweep")
    assert causes(holder.get(short.id)) == ["GRANTED", "EXPIRED"]
    holder.create(channel, wanted(sku, 4))
    verify(server)


class HeldUp:
    """A hold of 4 of 10 units by a channel with a share of half, and books that cannot be written from a little before
    its end to well after."""

    def __init__(self, server):
        self.holder = Holder(server.channel())
        self.half, self.whole = self.holder.new_channel(share_percent=50), self.holder.new_channel()
        self.sku, self.other = self.holder.stocked(10), self.holder.stocked(1)
        self.held = self.holder.create(self.half, wanted(self.sku, 4), ttl=duration(2 * SECOND))
        self.end = self.held.expire_time.ToNanoseconds()
        self._stack = contextlib.ExitStack()
        self._tracing = Traced(server, "fdatasync:delay_enter=1500000")

    def __enter__(self):
        pool = self._stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        self._stack.enter_context(self._tracing)
        time.sleep(max(0, self.end - self.holder.ledger_time() - 300_000_000) / SECOND)
        self._writing = pool.submit(self.holder.create, self.whole, self.other)
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def wait_for_the_end(self):
        """Until just after its end, when nothing about it can be written."""
        while self.holder.ledger_time() < self.end:
            pass

    @property
    def is_stuck(self):
        return not self._writing.done()

    def shown(self):
        """What everybody is shown: available by half and by all, reserved, and which are ACTIVE and EXPIRED."""
        listed = [[each.id for each in self.holder.list(channel=self.half, state=state_value(state))]
                  for state in ("ACTIVE", "EXPIRED")]
        return (self.holder.available(self.half, self.sku), self.holder.available(self.whole, self.sku),
                self.holder.explain(self.half, self.sku).lines[0].available,
                self.holder.position(self.sku).position.reserved, state_of(self.holder.get(self.held.id)), *listed)


def test_expiry_is_exact_while_the_books_cannot_be_written(new_server):
    with HeldUp(new_server(configuration=WITHOUT_ERP).start()) as case:
        id, before = case.held.id, case.shown()
        if case.holder.ledger_time() < case.end:
            assert before == (1, 6, 1, 4, "ACTIVE", [id], [])
        case.wait_for_the_end()
        assert case.shown() == (5, 10, 5, 0, "EXPIRED", [], [id])
        assert case.is_stuck, "all of this was before the books said so"
    eventually(lambda: case.holder.is_swept(case.held), "the sweep")
    assert case.shown() == (5, 10, 5, 0, "EXPIRED", [], [id])


def test_expiry_is_told_before_the_books_say_it_as_it_is_told_after(new_server):
    with HeldUp(new_server(configuration=WITHOUT_ERP).start()) as case:
        case.wait_for_the_end()
        before = case.holder.get(case.held.id)
        assert case.is_stuck and state_of(before) == "EXPIRED"
    eventually(lambda: case.holder.is_swept(case.held), "the sweep")
    after = case.holder.get(case.held.id)
    assert before.history[1].sequence != before.history[0].sequence, "it was another commit than the grant's"
    # Which one cannot be known before it is there.
    before.history[1].sequence = after.history[1].sequence
    assert before == after


def test_erp_hears_after_a_kill_what_it_had_not_heard(new_server):
    server = new_server().start()
    holder = Holder(server.channel())
    channel, sku = holder.new_channel(), holder.stocked(1_000)
    held = [holder.create(channel, wanted(sku, 10)) for _ in range(20)]
    for number, each in enumerate(held):
        holder.release(each.id) if number % 2 else holder.commit(each.id)
    server.kill()
    holder = Holder(server.start().channel())

    def is_settled(number, reservation):
        return erp_state_name(reservation.erp_state) == ("RELEASED" if number % 2 else "CONFIRMED")

    eventually(lambda: all(is_settled(number, holder.get(each.id)) for number, each in enumerate(held)),
               "the ERP's answers")
    position = holder.position(sku).position
    assert (position.reserved, position.releasing) == (100, 0)
    # All that is left is there for holds at the ERP as well.
    assert erp_state_name(holder.create(channel, wanted(sku, 900)).erp_state) == "CONFIRMED"
    verify(server)


def test_full_disk_refuses_holds_and_releases_and_expiry_go_on(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        server = new_server(data=disk / "data", configuration=WITHOUT_ERP).start()
        holder = Holder(server.channel())
        channel, sku = holder.new_channel(), holder.stocked(500)
        held = [holder.create(channel, sku) for _ in range(200)]
        filler = fill_disk(disk)
        assert_storage_is_full(publish_until_refused(holder))
        # Held while there was still a little room, or refused.
        try:
            short = holder.create(channel, wanted(sku, 50), ttl=duration(SECOND))
        except grpc.RpcError as error:
            assert_storage_is_full(Failure(error))
            short = None
        with others_answered(server):
            assert_storage_is_full(failure_of(holder.create, channel, sku, request_id="later"))
            for each in held:
                assert state_of(holder.release(each.id)) == "RELEASED"
                assert_storage_is_full(failure_of(holder.create, channel, sku))
            if short:
                eventually(lambda: state_of(holder.get(short.id)) == "EXPIRED", "the end of its time")
            eventually(lambda: holder.available(channel, sku) == 500, "everything given back")
            assert holder.position(sku).position.reserved == 0
            filler.unlink()
            eventually(lambda: is_accepted(holder, adjustment(new_name(), 1)), "a change after space was freed")
        assert state_of(holder.create(channel, sku, request_id="later")) == "ACTIVE"
        verify(server)


def test_holds_run_out_on_a_full_disk(tmp_path, new_server):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs") as disk:
        server = new_server(data=disk / "data", configuration=WITHOUT_ERP).start()
        holder = Holder(server.channel())
        channel, sku = holder.new_channel(), holder.stocked(100)
        held = [holder.create(channel, sku, ttl=duration(4 * SECOND)) for _ in range(100)]
        filler = fill_disk(disk)
        assert_storage_is_full(publish_until_refused(holder))
        assert state_of(holder.get(held[-1].id)) == "ACTIVE", "the disk was full before the first end"
        end = held[-1].expire_time.ToNanoseconds()
        eventually(lambda: all(map(holder.is_swept, held)), "the sweep")
        swept = [holder.get(each.id) for each in held]
        assert all(causes(each) == ["GRANTED", "EXPIRED"] for each in swept)
        assert max(each.history[-1].time.ToNanoseconds() for each in swept) <= end + SECOND
        assert holder.available(channel, sku) == 100
        filler.unlink()
        verify(server)


# The wall clock jumps.

@pytest.fixture
def clock(tmp_path):
    return FakedClock(tmp_path)


@pytest.fixture
def faked(tmp_path, clock):
    server = faked_server(tmp_path, clock)
    yield server.start()
    server.stop()


@pytest.mark.parametrize("jump", [-3_600, 86_400])
def test_clock_that_jumps_ends_no_hold_early_and_none_late(faked, clock, jump):
    holder = Holder(faked.channel())
    channel, sku = holder.new_channel(), holder.stocked(10)
    long, short = holder.create(channel, wanted(sku, 2), ttl=duration(HOUR)), holder.create(
        channel, wanted(sku, 3), ttl=duration(2 * SECOND))
    end = short.expire_time.ToNanoseconds()
    clock.shift(jump)
    assert state_of(holder.get(long.id)) == "ACTIVE" and holder.available(channel, sku) == 5
    before = 0
    while before < end:
        before = holder.ledger_time()
        available, state = holder.available(channel, sku), state_of(holder.get(short.id))
        if holder.ledger_time() < end:
            assert (available, state) == (5, "ACTIVE")
    assert (available, state) == (8, "EXPIRED")
    # Made under the other clock, it ends by the ledger's.
    fresh = holder.create(channel, sku, ttl=duration(SECOND))
    assert fresh.create_time.ToNanoseconds() >= end
    eventually(lambda: state_of(holder.get(fresh.id)) == "EXPIRED", "the end of its time")
    clock.shift(0)
    assert state_of(holder.get(long.id)) == "ACTIVE" and holder.available(channel, sku) == 8
    assert state_of(holder.commit(long.id)) == "COMMITTED"
    verify(faked)


def test_start_with_a_clock_behind_goes_on_with_ledger_time_and_ends_nothing(faked, clock):
    holder = Holder(faked.channel())
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 2), ttl=duration(HOUR))
    clock.shift(-3_600)
    faked.restart()
    holder = Holder(faked.channel())
    assert holder.ledger_time() >= held.create_time.ToNanoseconds(), "ledger time never runs back"
    assert holder.get(held.id) == held and holder.available(channel, sku) == 8
    fresh = holder.create(channel, sku, ttl=duration(SECOND))
    assert fresh.create_time.ToNanoseconds() >= held.create_time.ToNanoseconds()
    eventually(lambda: holder.available(channel, sku) == 8, "the end of its time")
    verify(faked)


def test_start_with_a_clock_ahead_ends_what_has_run_out_by_it_once(faked, clock):
    holder = Holder(faked.channel())
    channel, sku = holder.new_channel(longest_ttl=duration(3 * DAY)), holder.stocked(10)
    short, long = (holder.create(channel, wanted(sku, 2), ttl=duration(ttl)) for ttl in (HOUR, 2 * DAY))
    clock.shift(86_400)
    faked.restart()
    holder = Holder(faked.channel())
    assert [state_of(holder.get(each.id)) for each in (short, long)] == ["EXPIRED", "ACTIVE"]
    eventually(lambda: holder.is_swept(short), "the sweep")
    ended = holder.get(short.id)
    clock.shift(0)
    faked.restart()
    holder = Holder(faked.channel())
    assert holder.get(short.id) == ended and causes(ended) == ["GRANTED", "EXPIRED"]
    assert state_of(holder.get(long.id)) == "ACTIVE" and holder.available(channel, sku) == 8
    assert holder.ledger_time() >= ended.history[-1].time.ToNanoseconds(), "ledger time never runs back"
    verify(faked)
