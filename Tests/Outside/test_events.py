"""Events: what each type does, once and in any order; what cannot be applied is kept aside and blocks nobody."""
import queue

import grpc
import pytest

from availability.v1 import inventory_event_pb2, inventory_feed_service_pb2

from support import PATIENCE
from support.api import (
    APPLIED, DAY, DEAD_LETTERED, DUPLICATE, HOUR, MINUTE, SECOND, SUPERSEDED, Api, adjustment, event, failure_of,
    heartbeat, new_name, now, outcome_name, snapshot, source_status_name, timestamp)

BUCKETS = ["on_hand", "allocated", "reserved", "releasing", "quarantined", "damaged", "in_transit", "incoming",
           "backordered", "safety_stock"]


def buckets(api, sku, location="WH1"):
    """The buckets that are not 0."""
    position = api.position(sku, location).position
    figures = {name: getattr(position, name) for name in BUCKETS}
    return {name: figure for name, figure in figures.items() if figure}


def refused(api, event):
    """The reason of the dead letter that an event must become."""
    result, = api.publish(event)
    assert outcome_name(result.outcome) == "DEAD_LETTERED", result
    return result.reason


# What each type does.

def test_snapshot_sets_the_buckets_present_and_leaves_the_others(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=100, allocated=20, safety_stock=3))
    api.apply(snapshot(sku, on_hand=90, damaged=1))
    assert buckets(api, sku) == {"on_hand": 90, "allocated": 20, "safety_stock": 3, "damaged": 1}
    assert api.position(sku).sellable == 90 - 20 - 3 - 1


def test_snapshots_own_account_of_our_holds_is_ignored(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=10, reserved=4, releasing=2))
    assert buckets(api, sku) == {"on_hand": 10}


def test_snapshot_may_be_negative_and_only_answers_are_clamped(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=-7))
    assert (buckets(api, sku), api.position(sku).sellable) == ({"on_hand": -7}, -7)
    assert api.available("b2b", sku) == 0


@pytest.mark.parametrize("kind, fields, expected", [
    ("SHIPMENT_CONFIRMED", {}, {"on_hand": 96}),
    ("SHIPMENT_CONFIRMED", {"status": "DAMAGED"}, {"on_hand": 96, "damaged": -4}),
    ("RETURN_RECEIVED", {}, {"on_hand": 104, "quarantined": 4}),
    ("RETURN_RECEIVED", {"status": "SELLABLE"}, {"on_hand": 104}),
    ("RETURN_RECEIVED", {"status": "DAMAGED"}, {"on_hand": 104, "damaged": 4}),
    ("RECEIPT_POSTED", {"status": "QUARANTINED"}, {"on_hand": 104, "quarantined": 4}),
    ("STATUS_CHANGED", {"to_status": "DAMAGED"}, {"on_hand": 100, "damaged": 4}),
    ("STATUS_CHANGED", {"status": "DAMAGED", "to_status": "SELLABLE"}, {"on_hand": 100, "damaged": -4}),
    ("PICK_CONFIRMED", {}, {"on_hand": 100}),
])
def test_movement_changes_what_the_table_says(api, kind, fields, expected):
    statuses = {name: inventory_event_pb2.StockStatus.Value(f"STOCK_STATUS_{value}") for name, value in fields.items()}
    sku = new_name()
    api.apply(snapshot(sku, on_hand=100, at=now() - HOUR), event(kind, sku, quantity=4, **statuses))
    assert buckets(api, sku) == expected


@pytest.mark.parametrize("kind, fields, problem", [
    ("SHIPMENT_CONFIRMED", {"quantity": 0}, "quantity"), ("RETURN_RECEIVED", {}, "quantity"),
    ("STATUS_CHANGED", {"quantity": 1}, "to_status"), ("RETURN_RECEIVED", {"quantity": 1, "status": 9}, "status"),
    ("TRANSFER_SHIPPED", {"quantity": 1}, "to_location"), ("ALLOCATION_CREATED", {"reference": "a"}, "quantity"),
    ("TRANSFER_RECEIVED", {"quantity": 1, "to_location": "WH1"}, "to_location"),
    ("CYCLE_COUNT", {"quantity": 1, "status": 2}, "status"), ("ORDER_ACCEPTED", {}, "reservation_id"),
    ("ORDER_CANCELLED", {"reservation_id": "r-1-1"}, "reservation_id"),
])
def test_movement_with_a_bad_field_is_dead_lettered_by_its_name(api, kind, fields, problem):
    sku = new_name()
    assert refused(api, event(kind, sku, **fields)).startswith(f"INVALID_FIELD: {problem}: ")
    assert failure_of(api.position, sku).code == grpc.StatusCode.NOT_FOUND


def test_transfer_is_in_transit_until_it_arrives_in_whatever_order_it_is_told(api):
    for order in [[0, 1], [1, 0]]:
        sku, reference, at = new_name(), new_name("transfer"), now()
        api.apply(snapshot(sku, on_hand=10, at=at - HOUR))
        told = [event("TRANSFER_SHIPPED", sku, to_location="WH2", quantity=4, reference=reference, at=at - MINUTE),
                event("TRANSFER_RECEIVED", sku, to_location="WH2", quantity=4, reference=reference, at=at)]
        first, = api.publish(told[order[0]])
        if order[0] == 0:
            assert buckets(api, sku, "WH2") == {"in_transit": 4}
        else:
            assert outcome_name(first.outcome) == "BUFFERED"
            assert buckets(api, sku, "WH2") == {"on_hand": 4}
        api.apply(told[order[1]])
        assert buckets(api, sku) == {"on_hand": 6} and buckets(api, sku, "WH2") == {"on_hand": 4}


def test_allocation_for_others_is_subtracted_until_it_is_released_or_shipped(api):
    sku, reference = new_name(), new_name("allocation")
    api.apply(snapshot(sku, on_hand=10, at=now() - HOUR))
    api.apply(event("ALLOCATION_CREATED", sku, quantity=5, reference=reference))
    assert buckets(api, sku) == {"on_hand": 10, "allocated": 5}
    api.apply(event("SHIPMENT_CONFIRMED", sku, quantity=5, reference=reference))
    api.publish(event("ALLOCATION_RELEASED", sku, quantity=5, reference=reference))
    assert buckets(api, sku) == {"on_hand": 5}


def test_cycle_count_sets_on_hand_alone(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=100, allocated=20), event("CYCLE_COUNT", sku, quantity=80))
    assert buckets(api, sku) == {"on_hand": 80, "allocated": 20}


def test_adjustment_moves_on_hand_both_ways(api):
    sku = new_name()
    api.apply(adjustment(sku, 10), adjustment(sku, -3))
    assert buckets(api, sku) == {"on_hand": 7}


def test_receipt_adds_to_on_hand(api):
    sku = new_name()
    api.apply(event("RECEIPT_POSTED", sku, quantity=12), event("RECEIPT_POSTED", sku, quantity=5))
    assert api.position(sku).position.on_hand == 17


def test_heartbeat_moves_the_watermark_and_no_stock(api):
    source, sku, time = new_name("src"), new_name(), now() - HOUR
    api.apply(snapshot(sku, source=source, at=time, on_hand=5))
    api.apply(heartbeat(source, at=time + 20 * MINUTE))
    assert api.source(source).watermark == timestamp(time + 20 * MINUTE)
    assert buckets(api, sku) == {"on_hand": 5}


def test_any_event_makes_its_sku_known_at_its_location_alone(api):
    sku = new_name()
    assert failure_of(api.position, sku).reason == "POSITION_NOT_FOUND"
    api.apply(adjustment(sku, 1, location="WH2"))
    assert buckets(api, sku, "WH2") == {"on_hand": 1}
    assert failure_of(api.position, sku, "WH1").code == grpc.StatusCode.NOT_FOUND


# Once, and in order of what happened.

def test_event_delivered_again_is_a_duplicate_without_effect(api):
    sku = new_name()
    change = adjustment(sku, 5)
    outcomes = [result.outcome for result in api.publish(change, change)] + [api.publish(change)[0].outcome]
    assert outcomes == [APPLIED, DUPLICATE, DUPLICATE]
    assert buckets(api, sku) == {"on_hand": 5}


def test_same_id_from_another_source_is_another_event(api):
    sku, id = new_name(), new_name("event")
    api.apply(adjustment(sku, 5, id=id, source="one"), adjustment(sku, 6, id=id, source="two"))
    assert buckets(api, sku) == {"on_hand": 11}


def test_same_id_with_another_body_is_dead_lettered(api):
    sku = new_name()
    first, other = adjustment(sku, 5), adjustment(sku, 6)
    other.id = first.id
    api.apply(first)
    assert refused(api, other).startswith("ID_REUSED")
    assert api.publish(first)[0].outcome == DUPLICATE
    assert buckets(api, sku) == {"on_hand": 5}


def test_older_snapshot_never_wins_and_a_late_one_lies_under_later_changes(api):
    sku, time = new_name(), now() - HOUR
    api.apply(snapshot(sku, at=time, on_hand=100), adjustment(sku, -1, at=time + 2 * MINUTE))
    older, = api.publish(snapshot(sku, at=time - MINUTE, on_hand=7))
    assert older.outcome == SUPERSEDED
    assert buckets(api, sku) == {"on_hand": 99}
    api.apply(snapshot(sku, at=time + MINUTE, on_hand=50))
    assert buckets(api, sku) == {"on_hand": 49}


def test_late_adjustment_before_a_count_is_superseded(api):
    sku, time = new_name(), now() - HOUR
    api.apply(event("CYCLE_COUNT", sku, at=time, quantity=10))
    late, = api.publish(adjustment(sku, 5, at=time - SECOND))
    assert late.outcome == SUPERSEDED
    assert buckets(api, sku) == {"on_hand": 10}


def test_absolute_event_comes_after_changes_of_the_same_time(api):
    time = now() - HOUR
    for absolute_first in (True, False):
        sku = new_name()
        events = [event("CYCLE_COUNT", sku, at=time, quantity=10), adjustment(sku, 5, at=time)]
        for each in events if absolute_first else reversed(events):
            api.publish(each)
        assert buckets(api, sku) == {"on_hand": 10}


# What cannot be applied.

@pytest.mark.parametrize("make", [
    lambda sku: event("ADJUSTMENT", sku, quantity=1),
    lambda sku: event("ADJUSTMENT", sku, reason="COUNTED"),
    lambda sku: event("ADJUSTMENT", sku, quantity=10 ** 12 + 1, reason="COUNTED"),
    lambda sku: event("CYCLE_COUNT", sku),
    lambda sku: event("RECEIPT_POSTED", sku, quantity=-1),
    lambda sku: event("POSITION_SNAPSHOT", sku),
    lambda sku: snapshot(sku, on_hand=10 ** 12 + 1),
    lambda sku: adjustment("", 1),
    lambda sku: adjustment("s" * 65, 1),
    lambda sku: adjustment("tab\t", 1),
    lambda sku: adjustment(sku, 1, location=""),
    lambda sku: adjustment(sku, 1, source="s" * 33),
    lambda sku: adjustment(sku, 1, source=""),
    lambda sku: event("UNSPECIFIED", sku, quantity=1),
    lambda sku: inventory_event_pb2.InventoryEvent(
        id=new_name("event"), source="tests", sku=sku, location="WH1", quantity=1, reason="COUNTED",
        type=inventory_event_pb2.INVENTORY_EVENT_TYPE_ADJUSTMENT),
], ids=["no reason", "no quantity", "quantity too large", "count without quantity",
        "negative receipt", "snapshot without position", "figure too large", "no sku", "sku too long",
        "control character", "no location", "source too long", "no source", "no type", "no time"])
def test_event_with_a_bad_field_is_dead_lettered_and_changes_nothing(api, make):
    sku = new_name()
    assert refused(api, make(sku)).startswith("INVALID_FIELD")
    assert failure_of(api.position, sku).code == grpc.StatusCode.NOT_FOUND


def test_event_without_an_id_or_with_one_too_long_is_dead_lettered(api):
    for id in ("", "i" * 65):
        change = adjustment(new_name(), 1)
        change.id = id
        assert refused(api, change).startswith("INVALID_FIELD")


def test_event_at_an_unknown_location_is_dead_lettered(api):
    reason = refused(api, adjustment(new_name(), 1, location="NOWHERE"))
    assert "NOWHERE" in reason


def test_type_that_nobody_knows_is_dead_lettered_by_its_number(api):
    sku = new_name()
    strange = adjustment(sku, 1)
    strange.type = 99
    assert refused(api, strange).startswith("TYPE_NOT_SUPPORTED: type: number 99")
    assert failure_of(api.position, sku).code == grpc.StatusCode.NOT_FOUND


def test_event_about_a_lot_of_too_many_bytes_is_dead_lettered_and_never_cut(api):
    sku = new_name()
    assert refused(api, adjustment(sku, 1, lot="L" * 65)) == "INVALID_FIELD: lot: at most 64 bytes, has 65"
    assert failure_of(api.position, sku).code == grpc.StatusCode.NOT_FOUND


def test_event_from_the_future_is_dead_lettered(api):
    assert refused(api, adjustment(new_name(), 1, at=now() + 10 * MINUTE)).startswith("CLOCK_SKEW")
    api.apply(adjustment(new_name(), 1, at=now() + MINUTE, source=new_name("src")))


def test_event_behind_the_horizon_of_its_source_is_dead_lettered(api):
    source = new_name("src")
    api.apply(adjustment(new_name(), 1, source=source))
    assert refused(api, adjustment(new_name(), 1, source=source, at=now() - 8 * DAY)).startswith("TOO_OLD")
    api.apply(adjustment(new_name(), 1, source=source, at=now() - 6 * DAY))


def test_bad_events_block_no_others_of_their_batch(api):
    sku, source = new_name(), new_name("src")
    results = api.publish(
        adjustment(sku, 1, source=source), adjustment(sku, 10, source=source, location="NOWHERE"),
        adjustment(sku, 100, source=source), event("ADJUSTMENT", sku, quantity=1_000, source=source),
        adjustment(sku, 10_000, source=source))
    assert [result.outcome for result in results] == [APPLIED, DEAD_LETTERED, APPLIED, DEAD_LETTERED, APPLIED]
    assert buckets(api, sku) == {"on_hand": 10_101}
    counters = api.source(source).counters
    assert (counters.applied, counters.dead_lettered) == (3, 2)
    assert api.source(source).last_error


def test_a_thousand_events_are_one_batch_and_one_more_is_refused(api):
    skus = [new_name() for _ in range(1_000)]
    api.apply(*[snapshot(sku, on_hand=1) for sku in skus])
    assert [line.available for line in api.check(api.new_channel(), *skus).lines] == [1] * 1_000
    failure = failure_of(api.publish, *[snapshot(new_name(), on_hand=1) for _ in range(1_001)])
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["events"])
    assert failure_of(api.publish).fields == ["events"]


# Streams.

def stream(api, batches):
    requests = (inventory_feed_service_pb2.StreamEventsRequest(events=batch) for batch in batches)
    return api.feed.StreamEvents(requests, timeout=PATIENCE)


def test_stream_answers_every_batch_in_order_with_many_in_flight(api):
    skus = [new_name() for _ in range(300)]
    batches = [[adjustment(sku, 1) for sku in skus[start % 290:start % 290 + 10]] for start in range(300)]
    responses = list(stream(api, batches))
    assert len(responses) == len(batches)
    for batch, response in zip(batches, responses):
        assert [result.event_id for result in response.results] == [each.id for each in batch]
        assert all(result.outcome == APPLIED for result in response.results)
    sequences = [response.sequence for response in responses]
    assert sequences == sorted(sequences)
    assert sum(line.available for line in api.check(api.new_channel(), *skus).lines) == 3_000


def test_acknowledged_batch_of_a_stream_is_visible_while_the_stream_is_open(server, api):
    waiting, channel, sku, reader = queue.SimpleQueue(), api.new_channel(), new_name(), Api(server.channel())
    responses = stream(api, iter(waiting.get, None))
    for figure in range(1, 21):
        waiting.put([snapshot(sku, on_hand=figure)])
        assert next(responses).results[0].outcome == APPLIED
        assert reader.available(channel, sku) == figure
    waiting.put([])
    assert not next(responses).results
    waiting.put(None)
    assert list(responses) == []


def test_streams_and_batches_of_the_same_events_have_one_effect(server, api):
    sku = new_name()
    batches = [[adjustment(sku, 1) for _ in range(20)] for _ in range(20)]
    streams = [stream(Api(server.channel()), batches) for _ in range(4)]
    outcomes = [result.outcome for responses in streams for response in responses for result in response.results]
    assert outcomes.count(APPLIED) == 400 and outcomes.count(DUPLICATE) == 1_200
    assert buckets(api, sku) == {"on_hand": 400}


def test_stream_with_a_batch_too_large_fails_by_name(api):
    responses = stream(api, [[adjustment(new_name(), 1) for _ in range(1_001)]])
    with pytest.raises(grpc.RpcError) as caught:
        list(responses)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "events" in caught.value.details()


# Sources.

def test_watermark_follows_the_newest_event_of_a_source_that_does_not_count(api):
    source, time = new_name("src"), now() - HOUR
    for minutes in (1, 5, 3):
        api.apply(adjustment(new_name(), 1, source=source, at=time + minutes * MINUTE))
    told = api.source(source)
    assert told.watermark == told.newest_occurred_at == timestamp(time + 5 * MINUTE)
    assert not told.HasField("gap_since") and told.next_expected_sequence == 0
    assert told.counters.applied == 3


def test_watermark_never_passes_our_clock(api):
    source = new_name("src")
    api.apply(heartbeat(source, at=now() + 4 * MINUTE))
    told = api.source(source)
    assert told.watermark.ToNanoseconds() <= now()
    assert source_status_name(told.status) == "LIVE"


def test_gap_holds_back_the_watermark_and_no_effect_until_it_is_filled(api):
    source, sku, time = new_name("src"), new_name(), now() - 10 * MINUTE

    def counted(number):
        return adjustment(sku, 1, source=source, sequence=number, at=time + number * SECOND)

    api.apply(counted(1), counted(2))
    api.apply(counted(5), counted(4))
    told = api.source(source)
    assert told.watermark == timestamp(time + 2 * SECOND)
    assert told.newest_occurred_at == timestamp(time + 5 * SECOND)
    assert told.HasField("gap_since") and told.next_expected_sequence == 3
    assert buckets(api, sku) == {"on_hand": 4}

    api.apply(counted(3))
    told = api.source(source)
    assert told.watermark == timestamp(time + 5 * SECOND)
    assert not told.HasField("gap_since") and told.next_expected_sequence == 6
    assert told.counters.late_fillers == 1
    assert buckets(api, sku) == {"on_hand": 5}


@pytest.mark.parametrize("poison", [
    {"kind": "ADJUSTMENT", "quantity": 1}, {"kind": "SUPPLY_UPDATED", "quantity": 1},
    {"kind": "CYCLE_COUNT", "quantity": 1, "location": "NOWHERE"},
], ids=["bad field", "no supply named", "unknown location"])
def test_dead_letter_takes_its_place_in_the_sequence(api, poison):
    source, time = new_name("src"), now() - 10 * MINUTE
    api.apply(adjustment(new_name(), 1, source=source, sequence=1, at=time))
    refused(api, event(sku=new_name(), source=source, sequence=2, at=time + SECOND, **poison))
    api.apply(adjustment(new_name(), 1, source=source, sequence=3, at=time + 2 * SECOND))
    told = api.source(source)
    assert not told.HasField("gap_since") and told.next_expected_sequence == 4
