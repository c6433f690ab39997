"""Callers that want the same at the same time: what is granted is there, and every race has one winner."""
import concurrent.futures
import threading
import time

import grpc
import pytest

from support.api import SECOND, Failure, duration, event
from support.reservations import (  # noqa: F401 (fixtures)
    Holder, assert_no_room, causes, figures, holder, ledger, part, server, state_of, wanted)
from support.server import eventually

CALLERS = 32


def outcome(call, *arguments, **fields):
    """The reservation, or the failure."""
    try:
        return call(*arguments, **fields)
    except grpc.RpcError as error:
        return Failure(error)


def at_once(*calls):
    """What each call came to, all begun together."""
    barrier = threading.Barrier(len(calls))

    def one(call):
        barrier.wait()
        return call()

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.mark.parametrize("quantity", [1, 3])
def test_thirty_two_callers_get_fifty_units_and_no_more(server, holder, quantity):
    channels, sku = [holder.new_channel() for _ in range(2)], holder.stocked(50)
    callers = [Holder(server.channel()) for _ in range(CALLERS)]

    def take(number):
        held = []
        while True:
            answer = outcome(callers[number].create, channels[number % 2], wanted(sku, quantity))
            if isinstance(answer, Failure):
                assert_no_room(answer)
                return held
            held.append(answer)

    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        held = [each for taken in pool.map(take, range(CALLERS)) for each in taken]
    assert len({each.id for each in held}) == len(held) == 50 // quantity
    position = holder.position(sku)
    assert (position.position.reserved, position.shortfall) == (50 // quantity * quantity, 0)
    assert holder.available(channels[0], sku) == 50 % quantity


def test_whole_holds_of_several_skus_in_any_order_are_never_granted_by_half(server, holder):
    channel, skus = holder.new_channel(), [holder.stocked(10) for _ in range(3)]

    def take(number):
        caller, held = Holder(server.channel()), []
        lines = [wanted(sku, 1) for sku in (skus if number % 2 else reversed(skus))]
        while True:
            answer = outcome(caller.create, channel, *lines)
            if isinstance(answer, Failure):
                assert_no_room(answer)
                return held
            held.append(answer)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        held = [each for taken in pool.map(take, range(8)) for each in taken]
    assert len(held) == 10 and all(len(each.lines) == 3 for each in held)
    assert [holder.available(channel, sku) for sku in skus] == [0, 0, 0]


def test_share_is_kept_among_callers_of_one_channel(server, holder):
    channel, sku = holder.new_channel(share_percent=30), holder.stocked(100)
    callers = [Holder(server.channel()) for _ in range(8)]
    answers = at_once(*[lambda caller=caller: [outcome(caller.create, channel, sku) for _ in range(10)]
                        for caller in callers])
    granted = [each for taken in answers for each in taken if not isinstance(each, Failure)]
    assert len(granted) == 30 and holder.position(sku).position.reserved == 30


def test_customers_limit_is_kept_among_callers(ledger):
    channel, sku = ledger.new_channel(customer_holds_max=3), ledger.stocked(100)
    answers = at_once(*[lambda: outcome(ledger.create, channel, sku, customer="anna") for _ in range(16)])
    refused = [each for each in answers if isinstance(each, Failure)]
    assert len(refused) == 13 and {each.reason for each in refused} == {"HOLD_LIMIT_REACHED"}


def test_held_and_released_again_and_again_leaves_what_there_was(server, holder):
    channel, sku = holder.new_channel(), holder.stocked(5)

    def take(_):
        caller = Holder(server.channel())
        for _ in range(30):
            answer = outcome(caller.create, channel, wanted(sku, 2))
            if isinstance(answer, Failure):
                assert_no_room(answer)
                continue
            assert 0 <= caller.available(channel, sku) <= 3
            caller.release(answer.id)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert holder.available(channel, sku) == 5 and holder.position(sku).position.reserved == 0


def test_commit_against_expiry_has_one_winner(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(100)
    held = [ledger.create(channel, sku, ttl=duration(2 * SECOND)) for _ in range(48)]
    ahead = time.time_ns() - ledger.ledger_time()
    # Milliseconds after its end: some clearly before, some clearly after, most as near to it as can be.
    after = [-500] * 4 + [number / 2 for number in range(-20, 20)] + [100] * 4

    def place(number):
        begin = held[number].expire_time.ToNanoseconds() + ahead + after[number] * 1_000_000
        time.sleep(max(0, begin - time.time_ns()) / SECOND)
        return outcome(ledger.commit, held[number].id)

    with concurrent.futures.ThreadPoolExecutor(len(held)) as pool:
        answers = list(pool.map(place, range(len(held))))
    eventually(lambda: all(state_of(each) != "ACTIVE" for each in ledger.list(channel=channel)), "the last end")
    for reservation, answer in zip(held, answers):
        now = ledger.get(reservation.id)
        if isinstance(answer, Failure):
            assert answer.reason == "RESERVATION_STATE" and causes(now) == ["GRANTED", "EXPIRED"]
        else:
            assert now == answer and causes(now) == ["GRANTED", "COMMITTED"]
            assert now.history[-1].time.ToNanoseconds() < reservation.expire_time.ToNanoseconds()
    committed = sum(not isinstance(answer, Failure) for answer in answers)
    assert 0 < committed < len(held), "both won some"
    assert ledger.position(sku).position.reserved == committed


def test_release_against_commit_has_one_order(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(100)
    ends = set()
    for _ in range(30):
        held = ledger.create(channel, wanted(sku, 2))
        placed, ended = at_once(lambda: outcome(ledger.commit, held.id), lambda: outcome(ledger.release, held.id))
        assert not isinstance(ended, Failure), "what is open may be released, committed or not"
        now = ledger.get(held.id)
        assert state_of(now) == "RELEASED" and figures(now)[0][1::3] == (0, 2)
        ends.add(tuple(causes(now)))
        if isinstance(placed, Failure):
            assert placed.reason == "RESERVATION_STATE" and causes(now) == ["GRANTED", "RELEASED"]
        else:
            assert causes(now) == ["GRANTED", "COMMITTED", "RELEASED"]
    assert ledger.available(channel, sku) == 100


def test_of_several_commits_by_version_one_wins(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(100)
    held = ledger.create(channel, wanted(sku, 10))
    answers = at_once(*[
        lambda units=units: outcome(ledger.commit, held.id, expected_version=held.version, lines=[part(1, units)])
        for units in range(1, 9)])
    won = [each for each in answers if not isinstance(each, Failure)]
    lost = [each for each in answers if isinstance(each, Failure)]
    assert len(won) == 1 and {each.reason for each in lost} == {"VERSION_MISMATCH"}
    assert ledger.get(held.id) == won[0]
    assert ledger.available(channel, sku) == 100 - won[0].lines[0].open


def test_partial_releases_at_once_give_back_each_unit_once(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    held = ledger.create(channel, wanted(sku, 10))
    answers = at_once(*[lambda: outcome(ledger.release, held.id, lines=[part(1, 2)]) for _ in range(8)])
    refused = [each for each in answers if isinstance(each, Failure)]
    assert {each.reason for each in refused} <= {"INVALID_FIELD"}
    now = ledger.get(held.id)
    assert (state_of(now), figures(now)) == ("RELEASED", [(10, 0, 0, 0, 10)])
    assert causes(now).count("RELEASED") == 5 and ledger.available(channel, sku) == 10


def test_reacquire_at_once_holds_again_once(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(50)
    old = ledger.expired(channel, sku, 4)
    answers = at_once(*[lambda: outcome(ledger.commit, old.id, reacquire=True) for _ in range(8)])
    won = [each for each in answers if not isinstance(each, Failure)]
    assert len(won) == 1 and ledger.get(old.id).linked_reservation == won[0].id
    assert ledger.position(sku).position.reserved == 4


def test_stock_that_falls_and_rises_while_it_is_held_is_never_oversold_by_a_grant(ledger):
    channel, sku, is_over = ledger.new_channel(), ledger.stocked(20), threading.Event()

    def count():
        while not is_over.is_set():
            for stock in (20, 5, 12):
                ledger.apply(event("CYCLE_COUNT", sku, quantity=stock))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        for _ in range(60):
            answer = outcome(ledger.create, channel, wanted(sku, 3))
            if isinstance(answer, Failure):
                assert_no_room(answer)
                for held in ledger.list(channel=channel, page_size=5)[:5]:
                    if state_of(held) == "ACTIVE":
                        ledger.release(held.id)
    finally:
        is_over.set()
        counting.join()
    ledger.apply(event("CYCLE_COUNT", sku, quantity=20))
    position = ledger.position(sku)
    assert position.shortfall == 0 and 0 <= position.position.reserved <= 20
    assert ledger.available(channel, sku) == 20 - position.position.reserved
