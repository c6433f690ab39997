"""WatchReservations: what is open, then every change and shortfall; on from any token, at whatever pace it is read."""
import concurrent.futures
import threading

import grpc
import pytest

from availability.v1 import reservation_service_pb2

from support import PATIENCE
from support.api import SECOND, duration, event, failure_of, new_name
from support.reservations import (  # noqa: F401 (fixtures)
    WITHOUT_ERP, Holder, causes, holder, ledger, of_another_epoch, server, state_of, wanted)
from support.server import eventually


@pytest.fixture
def watching(request):
    """Opens streams that end with the test."""
    def open(api, **fields):
        watch = api.watch(**fields)
        request.addfinalizer(watch.cancel)
        return watch

    return open


def shortfalls(watch):
    return [(each.reservation_id, each.line_id, each.sku, each.location, each.shortfall) for each in watch.shortfalls]


def test_snapshot_is_what_is_open_and_changes_follow(holder, watching):
    channel, sku = holder.new_channel(), holder.stocked(20)
    active, placed, ended = (holder.create(channel, wanted(sku, 2)) for _ in range(3))
    holder.commit(placed.id)
    holder.release(ended.id)
    eventually(lambda: causes(holder.get(placed.id))[-1] == "ERP_COMMITTED", "the ERP hearing of the order")
    watch = watching(holder, channel=channel)
    assert watch.snapshot() == {each.id: holder.get(each.id) for each in (active, placed)}
    assert watch.token and watch.sequence and not watch.shortfalls

    fresh = holder.create(channel, wanted(sku, 1))
    watch.until(lambda watch: watch.heard(fresh.id, "ACTIVE"))
    extended = holder.extend(active.id)
    watch.until(lambda watch: watch.latest[active.id].version >= extended.version)
    holder.commit(fresh.id)
    watch.until(lambda watch: watch.heard(fresh.id, "COMMITTED"))
    holder.release(active.id)
    watch.until(lambda watch: watch.heard(active.id, "RELEASED"))
    released = watch.latest[active.id]
    assert released.version >= extended.version and causes(released)[-1] in ("RELEASED", "ERP_RELEASED")
    assert watch.sequence >= released.history[-1].sequence


def test_expiry_is_told(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    watch = watching(ledger, channel=channel)
    assert watch.snapshot() == {}
    held = ledger.create(channel, wanted(sku, 2), ttl=duration(SECOND))
    watch.until(lambda watch: watch.heard(held.id, "EXPIRED"))
    assert causes(watch.latest[held.id]) == ["GRANTED", "EXPIRED"]
    assert watch.latest[held.id] == ledger.get(held.id)


def test_large_snapshot_comes_in_pages_and_ends_once(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10_000)
    held = {ledger.create(channel, sku).id for _ in range(450)}
    watch = watching(ledger, channel=channel)
    pages = [watch.next()]
    while not pages[-1].snapshot_end:
        pages.append(watch.next())
    assert len(pages) > 1 and {each.id for each in watch.told} == held and len(watch.told) == len(held)


def test_change_during_the_snapshot_is_told_after_it(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10_000)
    held = [ledger.create(channel, sku) for _ in range(450)]
    watch = watching(ledger, channel=channel)
    watch.next()
    for reservation in held:
        ledger.release(reservation.id)
    watch.until(lambda watch: {each.id for each in held} == {
        id for id, latest in watch.latest.items() if state_of(latest) == "RELEASED"})


def test_shortfall_is_told_to_who_holds_there_until_it_ends(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    one, two = ledger.create(channel, wanted(sku, 3)), ledger.create(channel, sku, wanted(sku, 5))
    other = ledger.create(ledger.new_channel(), sku)
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    for count, short in ((8, 2), (7, 3), (12, 0)):
        ledger.apply(event("CYCLE_COUNT", sku, quantity=count))
        watch.shortfalls.clear()
        watch.until(lambda watch: len(watch.shortfalls) >= 3)
        assert sorted(shortfalls(watch)) == sorted(
            [(one.id, 1, sku, "WH1", short), (two.id, 1, sku, "WH1", short), (two.id, 2, sku, "WH1", short)])
    assert other.id not in {each[0] for each in shortfalls(watch)}


def test_new_watch_hears_of_shortfalls_that_exist_and_of_their_end(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    one, two = (ledger.create(channel, wanted(sku, 5)) for _ in range(2))
    ledger.apply(event("CYCLE_COUNT", sku, quantity=6))
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    existing = [(hold.id, 1, sku, "WH1", 4) for hold in (one, two)]
    assert shortfalls(watch) == existing
    ledger.release(one.id)
    watch.until(lambda watch: len(shortfalls(watch)) > 2)
    assert shortfalls(watch) == [*existing, (two.id, 1, sku, "WH1", 0)]


# What sources tell of holds.

def test_shipment_with_its_reservation_closes_the_hold_in_the_same_breath(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    held = ledger.create(channel, wanted(sku, 6))
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    ledger.apply(event("SHIPMENT_CONFIRMED", sku, quantity=4, reservation_id=held.id, correlation_id="parcel-1"))
    watch.until(lambda watch: watch.latest[held.id].lines[0].fulfilled == 4)
    assert ledger.available(channel, sku) == 4
    ledger.apply(event("SHIPMENT_CONFIRMED", sku, quantity=2, reservation_id=held.id))
    watch.until(lambda watch: watch.heard(held.id, "FULFILLED"))
    assert watch.latest[held.id].history[-2].correlation_id == "parcel-1"
    assert ledger.available(channel, sku) == 4 and shortfalls(watch) == []


def test_order_that_a_source_accepts_or_cancels_commits_or_releases_its_hold(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    order = new_name("order")
    accepted, cancelled = (ledger.create(channel, wanted(sku, 2), order_reference=name) for name in (order, f"{order}x"))
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    ledger.apply(event("ORDER_ACCEPTED", order_reference=order), event("ORDER_CANCELLED", order_reference=f"{order}x"))
    watch.until(lambda watch: watch.heard(accepted.id, "COMMITTED") and watch.heard(cancelled.id, "RELEASED"))
    assert ledger.available(channel, sku) == 8


# Whose.

def test_watch_of_a_channel_hears_of_no_other(ledger, watching):
    channel, other, sku = ledger.new_channel(), ledger.new_channel(), ledger.stocked(20)
    ledger.create(other, sku)
    watch, everything = watching(ledger, channel=channel), watching(ledger)
    assert watch.snapshot() == {} and everything.snapshot()
    foreign, own = ledger.create(other, sku), ledger.create(channel, sku)
    watch.until(lambda watch: watch.heard(own.id, "ACTIVE"))
    everything.until(lambda watch: watch.heard(own.id, "ACTIVE"))
    assert everything.heard(foreign.id, "ACTIVE") and set(watch.latest) == {own.id}


def test_watch_of_a_customer_or_of_some_reservations_hears_of_no_others(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    anna, bert = (ledger.create(channel, sku, customer=name) for name in ("anna", "bert"))
    by_customer = watching(ledger, channel=channel, customer="anna")
    by_id = watching(ledger, ids=[bert.id])
    assert set(by_customer.snapshot()) == {anna.id} and set(by_id.snapshot()) == {bert.id}
    again = ledger.create(channel, sku, customer="anna")
    for held in (anna, bert):
        ledger.release(held.id)
    by_customer.until(lambda watch: watch.heard(anna.id, "RELEASED") and watch.heard(again.id, "ACTIVE"))
    by_id.until(lambda watch: watch.heard(bert.id, "RELEASED"))
    assert set(by_customer.latest) == {anna.id, again.id} and set(by_id.latest) == {bert.id}


def test_id_of_another_epoch_is_no_reservation_of_this_one(ledger, watching):
    held = ledger.create(ledger.new_channel(), ledger.stocked(5))
    strange = of_another_epoch(held.id)
    assert watching(ledger, ids=[strange]).snapshot() == {}
    for ids in ([held.id, strange], [strange, held.id]):
        assert watching(ledger, ids=ids).snapshot() == {held.id: held}


def test_shortfall_at_the_position_of_another_customer_is_not_told(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    anna, _ = (ledger.create(channel, wanted(sku, 4), customer=name) for name in ("anna", "bert"))
    watch = watching(ledger, channel=channel, customer="anna")
    watch.snapshot()
    ledger.apply(event("CYCLE_COUNT", sku, quantity=6))
    watch.until(lambda watch: watch.shortfalls)
    assert shortfalls(watch) == [(anna.id, 1, sku, "WH1", 2)]


@pytest.mark.parametrize("fields, field", [
    ({"channel": "c" * 33}, "channel"), ({"customer": "c" * 33}, "customer"), ({"ids": ["nonsense"]}, "ids[0]"),
    ({"ids": ["r-1-1"] * 1_001}, "ids"), ({"resume_token": "nonsense"}, "resume_token")])
def test_bad_field_of_a_watch_is_named(ledger, fields, field):
    def first(**fields):
        request = reservation_service_pb2.WatchReservationsRequest(**fields)
        return next(ledger.reservations.WatchReservations(request, timeout=PATIENCE))

    failure = failure_of(first, **fields)
    assert (failure.code, failure.reason, failure.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", [field])
    assert failure_of(first, channel="nowhere").reason == "CHANNEL_NOT_FOUND"


# On from where it was.

def test_stream_that_goes_on_from_a_token_misses_nothing(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    kept, ended = ledger.create(channel, sku), ledger.create(channel, sku)
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    watch.cancel()
    ledger.release(ended.id)
    fresh = ledger.create(channel, wanted(sku, 9))
    ledger.apply(event("CYCLE_COUNT", sku, quantity=5))
    again = watching(ledger, channel=channel, resume_token=watch.token)
    again.until(lambda watch: watch.heard(fresh.id, "ACTIVE") and len(watch.shortfalls) == 2)
    assert again.heard(ended.id, "RELEASED") and kept.id not in again.latest
    assert {(each.reservation_id, each.shortfall) for each in again.shortfalls} == {(kept.id, 5), (fresh.id, 5)}


def test_token_is_good_over_a_kill_and_nothing_is_missed(new_server, watching):
    server = new_server(configuration=WITHOUT_ERP).start()
    api = Holder(server.channel())
    channel, sku = api.new_channel(), api.stocked(1_000)
    held = [api.create(channel, sku) for _ in range(20)]
    watch = watching(api, channel=channel)
    assert len(watch.snapshot()) == 20
    versions = {}
    for number in range(3):
        for reservation in held[number::3]:
            versions[reservation.id] = api.extend(reservation.id).version
        watch.cancel()
        for reservation in held[number::5]:
            versions[reservation.id] = api.extend(reservation.id).version
        fresh = api.create(channel, sku, ttl=duration(SECOND))
        server.kill()
        api = Holder(server.start().channel())
        watch = watching(api, channel=channel, resume_token=watch.token)
        watch.until(lambda watch: watch.heard(fresh.id, "EXPIRED"))
        latest = watch.latest
        assert all(latest[id].version >= version for id, version in versions.items()), "nothing is missed"
        versions = {}


def test_many_changes_of_others_do_not_hide_ones_own(ledger, watching):
    channel, busy, sku = ledger.new_channel(), ledger.new_channel(), ledger.stocked(10_000)
    held = ledger.create(channel, sku)
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    watch.cancel()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.create(busy, sku), range(2_100)))
    later = ledger.extend(held.id)
    again = watching(ledger, channel=channel, resume_token=watch.token)
    again.until(lambda watch: held.id in watch.latest)
    assert again.latest == {held.id: later}
    assert watching(ledger, channel=channel).snapshot() == {held.id: later}


@pytest.mark.parametrize("token", ["another epoch", "a sequence to come"])
def test_token_that_says_nothing_here_begins_anew(ledger, watching, token):
    channel = ledger.new_channel()
    held = ledger.create(channel, ledger.stocked(5))
    watch = watching(ledger, channel=channel)
    watch.snapshot()
    strange = {"another epoch": of_another_epoch(f"r-{watch.token}").removeprefix("r-"),
               "a sequence to come": f"{watch.token}000"}[token]
    assert set(watching(ledger, channel=channel, resume_token=strange).snapshot()) == {held.id}


# The reader's pace.

def test_slow_reader_holds_nobody_up_and_is_told_how_things_stand(server, holder, watching):
    channel, sku = holder.new_channel(), holder.stocked(10_000)
    slow = watching(Holder(server.channel(**{"grpc.http2.lookahead_bytes": 65_535, "grpc.http2.bdp_probe": 0})),
                    channel=channel)
    slow.snapshot()
    skus = [sku] * 50
    held = [holder.create(channel, *skus) for _ in range(20)]
    for _ in range(20):
        for reservation in held:
            holder.extend(reservation.id)
    quick = watching(holder, channel=channel)
    assert set(quick.snapshot()) == {each.id for each in held}
    now = {each.id: holder.get(each.id).version for each in held}
    slow.until(lambda watch: set(watch.latest) == set(now) and all(
        watch.latest[id].version == version for id, version in now.items()))


def test_reader_that_left_is_forgotten(holder):
    channel, sku = holder.new_channel(), holder.stocked(50)
    for _ in range(30):
        watch = holder.watch(channel=channel)
        watch.snapshot()
        watch.cancel()
        holder.create(channel, sku)


def test_many_readers_are_told_the_same(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(500)
    watches = [ledger.watch(channel=channel) for _ in range(20)]
    for watch in watches:
        watch.snapshot()
    held = [ledger.create(channel, sku).id for _ in range(50)]

    def read(watch):
        watch.until(lambda watch: set(watch.latest) == set(held))

    readers = [threading.Thread(target=read, args=(watch,)) for watch in watches]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(PATIENCE)
    assert all(set(watch.latest) == set(held) for watch in watches)
    for watch in watches:
        watch.cancel()


def test_first_hold_of_a_channel_is_told_while_others_hold(ledger, watching):
    busy, sku, is_over = ledger.new_channel(), ledger.stocked(100_000), threading.Event()

    def hold():
        while not is_over.is_set():
            ledger.create(busy, sku)

    holding = [threading.Thread(target=hold) for _ in range(3)]
    for thread in holding:
        thread.start()
    try:
        for _ in range(40):
            channel = ledger.new_channel()
            watch = watching(ledger, channel=channel)
            watch.snapshot()
            held = ledger.create(channel, sku)
            watch.until(lambda watch: watch.heard(held.id, "ACTIVE"))
            watch.cancel()
    finally:
        is_over.set()
        for thread in holding:
            thread.join()
