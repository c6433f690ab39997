"""Reservations: what is granted, from where and for how long; what becomes of it; and what the caller is told."""
import concurrent.futures
import random

import grpc
import pytest
from google.protobuf import timestamp_pb2
from google.rpc import error_details_pb2

from availability.v1 import policy_pb2, reservation_service_pb2

from support import PATIENCE
from support.api import (
    DAY, HOUR, IN_STOCK, MINUTE, OUT_OF_STOCK, SECOND, WITHHELD, Failure, duration, event, failure_of, heartbeat,
    new_name, now, snapshot, term_name, timestamp)
from support.reservations import (  # noqa: F401 (fixtures)
    REFUSE, WITHHOLD, WITHOUT_ERP, Holder, causes, erp_state_name, erp_state_value, figures, holder, ledger,
    of_another_epoch, part, server, sources, state_name, state_of, state_value, violations, wanted, without_history)
from support.server import eventually

FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def told(failure):
    """The code and reason of a failure."""
    return failure.code, failure.reason


def steps(reservation):
    """Its transitions: the state after each, and the cause."""
    return [(state_name(step.to), step.cause) for step in reservation.history]


# A hold, and where it is seen.

def test_hold_is_told_as_it_was_granted(holder):
    channel, sku, before = holder.new_channel(), holder.stocked(10), holder.ledger_time()
    held = holder.create(channel, wanted(sku, 4), request_id="first", customer="anna", order_reference="cart-1",
                         ttl=duration(5 * MINUTE))
    assert held.id and (held.channel, held.customer, held.order_reference) == (channel, "anna", "cart-1")
    assert (state_of(held), erp_state_name(held.erp_state)) == ("ACTIVE", "CONFIRMED")
    assert before <= held.create_time.ToNanoseconds() <= holder.ledger_time()
    assert held.expire_time.ToNanoseconds() - held.create_time.ToNanoseconds() == 5 * MINUTE
    line, = held.lines
    assert (line.line_id, line.sku, line.location, line.requested, line.quantity, line.open) == (
        1, sku, "WH1", 4, 4, 4)
    assert (line.committed, line.fulfilled, line.released, line.reason) == (0, 0, 0, "")
    assert erp_state_name(line.erp_state) == "CONFIRMED" and line.erp_reference
    assert steps(held) == [("ACTIVE", "GRANTED"), ("ACTIVE", "ERP_CONFIRMED")]
    assert held.history[0].correlation_id == "first" and held.history[0].sequence > 0
    assert held.version == len(held.history)
    assert holder.get(held.id) == held


def test_hold_without_an_erp_needs_none(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(1))
    assert (erp_state_name(held.erp_state), held.version, causes(held)) == ("NOT_REQUIRED", 1, ["GRANTED"])


def test_held_units_are_gone_for_everybody_and_shown_wherever_stock_is_shown(holder):
    channel, other, sku = holder.new_channel(), holder.new_channel(), holder.stocked(10)
    holder.create(channel, wanted(sku, 4))
    assert [holder.available(name, sku) for name in (channel, other)] == [6, 6]
    position = holder.position(sku)
    assert (position.position.on_hand, position.position.reserved) == (10, 4)
    assert (position.sellable, position.shortfall) == (6, 0)
    reserved = [term for term in holder.explain(other, sku).lines[0].terms if term_name(term.kind) == "RESERVED"]
    assert [(term.location, term.amount, term.result) for term in reserved] == [("WH1", -4, 6)]
    holder.create(other, wanted(sku, 6))
    line, = holder.check(channel, sku).lines
    assert (line.available, line.status) == (0, OUT_OF_STOCK)


def test_answer_tells_the_sequence_at_which_a_read_sees_it(holder):
    channel, sku = holder.new_channel(), holder.stocked(3)
    request = reservation_service_pb2.CreateReservationRequest(
        request_id="sequence", channel=channel, lines=[wanted(sku)])
    answer = holder.reservations.CreateReservation(request, timeout=PATIENCE)
    read = holder.check(channel, sku)
    assert read.lines[0].available == 2
    assert read.sequence >= answer.sequence >= answer.reservation.history[-1].sequence
    assert read.epoch == answer.epoch


def test_unknown_reservation_is_not_found_by_any_method(holder):
    held = holder.create(holder.new_channel(), holder.stocked(1))
    for id in ("r-1-1", "nonsense", of_another_epoch(held.id), f"{held.id}0"):
        for call in (holder.get, holder.extend, holder.commit, holder.release):
            assert told(failure_of(call, id)) == (grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND")


def test_unknown_channel_is_not_found(holder):
    failure = holder.refusal("nowhere", holder.stocked(1))
    assert told(failure) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")


# What is wrong with a request.

@pytest.mark.parametrize("fields, field, limit", [
    ({"request_id": ""}, "request_id", ""),
    ({"request_id": "r" * 65}, "request_id", "64"),
    ({"request_id": "tab\t"}, "request_id", ""),
    ({"channel": ""}, "channel", ""),
    ({"channel": "c" * 33}, "channel", "32"),
    ({"lines": []}, "lines", "100"),
    ({"lines": [wanted("SKU")] * 101}, "lines", "100"),
    ({"lines": [wanted("")]}, "lines[0].sku", ""),
    ({"lines": [wanted("SKU"), wanted("s" * 65)]}, "lines[1].sku", "64"),
    ({"lines": [wanted("SKU", 0)]}, "lines[0].quantity", "1"),
    ({"lines": [wanted("SKU", -1)]}, "lines[0].quantity", "1"),
    ({"lines": [wanted("SKU", 10 ** 12 + 1)]}, "lines[0].quantity", str(10 ** 12)),
    ({"lines": [wanted("SKU", location="l" * 33)]}, "lines[0].location", "32"),
    ({"lines": [wanted("SKU", location="NOWHERE")]}, "lines[0].location", "NOWHERE"),
    ({"lines": [wanted("SKU", lot="l" * 65)]}, "lines[0].lot", "64"),
    ({"ttl": duration(0)}, "ttl", "1"),
    ({"ttl": duration(-SECOND)}, "ttl", "1"),
    ({"ttl": duration(999_999_999)}, "ttl", "1"),
    ({"ttl": duration(24 * HOUR + 1)}, "ttl", str(24 * 3_600)),
    ({"order_reference": "o" * 65}, "order_reference", "64"),
    ({"customer": "c" * 33}, "customer", "32"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_bad_field_of_a_request_is_named_with_its_limit_and_nothing_is_held(holder, fields, field, limit):
    sku = holder.stocked(5)
    request = {"request_id": "bad", "channel": "b2b", "lines": [wanted(sku)], **fields}
    failure = failure_of(holder.reservations.CreateReservation,
                         reservation_service_pb2.CreateReservationRequest(**request), timeout=PATIENCE)
    assert (*told(failure), failure.fields) == (INVALID_ARGUMENT, "INVALID_FIELD", [field])
    violation, = failure.detail(error_details_pb2.BadRequest).field_violations
    assert limit in violation.description and violation.description
    assert holder.position(sku).position.reserved == 0


def test_everything_wrong_with_a_request_is_told_at_once(holder):
    failure = holder.refusal("b2b", wanted("", 0), wanted("s" * 65), request_id="", customer="c" * 33)
    assert set(failure.fields) == {"lines[0].sku", "lines[0].quantity", "lines[1].sku", "request_id", "customer"}


@pytest.mark.parametrize("change, fields, field, limit", [
    ("extend", {"ttl": duration(0)}, "ttl", "1"), ("extend", {"ttl": duration(401 * DAY)}, "ttl", ""),
    ("commit", {"order_reference": "o" * 65}, "order_reference", "64"),
    ("commit", {"lines": [part(1, 1)] * 1_001}, "lines", "1000"),
    ("release", {"reason": "r" * 257}, "reason", "256"),
    *[(change, fields, field, limit) for change in ("extend", "commit", "release") for fields, field, limit in (
        ({"id": ""}, "id", ""), ({"id": "i" * 65}, "id", "64"), ({"request_id": ""}, "request_id", ""),
        ({"request_id": "r" * 65}, "request_id", "64"))]],
    ids=lambda value: value if isinstance(value, str) else "")
def test_bad_field_of_a_change_is_named_with_its_limit_and_changes_nothing(ledger, change, fields, field, limit):
    held = ledger.create(ledger.new_channel(), ledger.stocked(5))
    failure = failure_of(getattr(ledger, change), **{"id": held.id, **fields})
    assert (*told(failure), failure.fields) == (INVALID_ARGUMENT, "INVALID_FIELD", [field])
    violation, = failure.detail(error_details_pb2.BadRequest).field_violations
    assert limit in violation.description and violation.description
    assert ledger.get(held.id) == held


# Several lines.

def test_lines_are_held_all_or_none(holder):
    channel, plenty, scarce = holder.new_channel(), holder.stocked(10), holder.stocked(1)
    failure = holder.refusal(channel, wanted(plenty, 2), wanted(scarce, 2), wanted("unheard-of"))
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert violations(failure) == [("INSUFFICIENT_STOCK", "lines[1]"), ("INSUFFICIENT_STOCK", "lines[2]")]
    assert [holder.available(channel, sku) for sku in (plenty, scarce)] == [10, 1]
    held = holder.create(channel, wanted(plenty, 2), wanted(scarce, 1))
    assert [(line.line_id, line.sku, line.open) for line in held.lines] == [(1, plenty, 2), (2, scarce, 1)]
    assert [holder.available(channel, sku) for sku in (plenty, scarce)] == [8, 0]


def test_two_lines_of_one_sku_count_together(holder):
    channel, sku = holder.new_channel(), holder.stocked(5)
    failure = holder.refusal(channel, wanted(sku, 3), wanted(sku, 3))
    assert violations(failure) == [("INSUFFICIENT_STOCK", "lines[1]")]
    held = holder.create(channel, wanted(sku, 3), wanted(sku, 2))
    assert [line.open for line in held.lines] == [3, 2] and holder.available(channel, sku) == 0


def test_two_lines_of_one_sku_share_what_the_channel_may_take(holder):
    channel, sku = holder.new_channel(share_percent=50), holder.stocked(10)
    assert violations(holder.refusal(channel, wanted(sku, 3), wanted(sku, 3))) == [
        ("CHANNEL_ALLOCATION_EXHAUSTED", "lines[1]")]
    holder.create(channel, wanted(sku, 3), wanted(sku, 2))


def test_hundred_lines_are_one_hold(holder):
    channel, skus = holder.new_channel(), [new_name() for _ in range(100)]
    holder.apply(*[snapshot(sku, on_hand=1) for sku in skus])
    held = holder.create(channel, *skus)
    assert [line.sku for line in held.lines] == skus
    assert {line.available for line in holder.check(channel, *skus).lines} == {0}


def test_partial_hold_says_of_each_line_why_it_is_short(holder):
    channel, plenty, scarce, none = holder.new_channel(), holder.stocked(10), holder.stocked(1), holder.stocked(0)
    held = holder.create(channel, wanted(plenty, 2), wanted(scarce, 3), wanted(none, 4), wanted("unheard-of"),
                         allow_partial=True)
    assert [(line.requested, line.quantity, line.location) for line in held.lines] == [
        (2, 2, "WH1"), (3, 1, "WH1"), (4, 0, ""), (1, 0, "")]
    assert [line.reason.partition(":")[0] for line in held.lines] == ["", *["INSUFFICIENT_STOCK"] * 3]


def test_quantities_as_large_as_allowed_are_added_up(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(10 ** 12)
    most = wanted(sku, 10 ** 12)
    failure = ledger.refusal(channel, *[most] * 100)
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert violations(failure)[0] == ("INSUFFICIENT_STOCK", "lines[1]")
    held = ledger.create(channel, *[most] * 100, allow_partial=True)
    assert sum(line.open for line in held.lines) == 10 ** 12 and ledger.available(channel, sku) == 0


def test_refusal_of_many_lines_fits_into_what_a_client_takes(new_server):
    places = [f"{number}-{'L' * 30}" for number in range(8)]
    names = ", ".join(places)
    server = new_server(configuration=f"locations: {{{': , '.join(places)}: }}\n"
                                      f"channels: {{web: {{sourcing: [{names}]}}}}\nerps: {{}}\n").start()
    holder = Holder(server.channel())
    skus = [f"{number:064}" for number in range(100)]
    holder.apply(*[snapshot(sku, place, on_hand=stock) for sku in skus for place, stock in zip(places, range(8))])
    failure = holder.refusal("web", *[wanted(sku, 2, places[1]) for sku in skus])
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert violations(failure)[0] == ("INSUFFICIENT_STOCK", "lines[0]")


def test_partial_hold_of_nothing_is_refused(holder):
    channel, none = holder.new_channel(), holder.stocked(0)
    failure = holder.refusal(channel, none, "unheard-of", allow_partial=True)
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert [subject for _, subject in violations(failure)] == ["lines[0]", "lines[1]"]


# From where.

def test_first_location_in_sourcing_order_that_has_it_all_is_taken(holder):
    channel = holder.new_channel(sourcing=["WH3", "WH1", "WH2"])
    sku = new_name()
    holder.apply(snapshot(sku, "WH1", on_hand=5), snapshot(sku, "WH2", on_hand=9), snapshot(sku, "WH3", on_hand=2))
    assert sources(holder.create(channel, wanted(sku, 2))) == [("WH3", 2)]
    assert sources(holder.create(channel, wanted(sku, 4))) == [("WH1", 4)]
    assert sources(holder.create(channel, wanted(sku, 6))) == [("WH2", 6)]


def test_line_is_split_over_locations_in_sourcing_order_where_the_policy_allows(holder):
    channel = holder.new_channel(sourcing=["WH2", "WH1"])
    sku = holder.stocked(5, "WH1", "WH2", "WH3")
    held = holder.create(channel, wanted(sku, 8))
    assert [(line.line_id, line.location, line.requested, line.quantity) for line in held.lines] == [
        (1, "WH2", 8, 5), (2, "WH1", 0, 3)]
    failure = holder.refusal(channel, wanted(sku, 3))
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")


def test_line_is_not_split_where_the_policy_forbids(holder):
    channel = holder.new_channel(sourcing=["WH1", "WH2"], split_allowed=False)
    sku = holder.stocked(5, "WH1", "WH2")
    assert told(holder.refusal(channel, wanted(sku, 8))) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert sources(holder.create(channel, wanted(sku, 8), allow_partial=True)) == [("WH1", 5)]
    assert sources(holder.create(channel, wanted(sku, 3), wanted(sku, 2))) == [("WH2", 3), ("WH2", 2)]


def test_location_or_group_asked_for_is_the_only_one_taken(holder):
    channel = holder.new_channel(sourcing=["WH4", "EAST"])
    sku = holder.stocked(5, "WH1", "WH2", "WH4")
    assert sources(holder.create(channel, wanted(sku, 2, "WH2"))) == [("WH2", 2)]
    assert sources(holder.create(channel, wanted(sku, 4, "EAST"))) == [("WH1", 4)]
    assert told(holder.refusal(channel, wanted(sku, 6, "EAST"))) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert holder.available(channel, sku, "WH4") == 5


def test_other_locations_that_could_serve_a_line_are_named(holder):
    channel = holder.new_channel(sourcing=["WH1", "WH2", "WH3", "WH4"])
    sku = new_name()
    holder.apply(*[snapshot(sku, location, on_hand=stock)
                   for location, stock in (("WH1", 1), ("WH2", 9), ("WH3", 2), ("WH4", 5), ("WH5", 50))])
    failure = holder.refusal(channel, wanted(sku, 5, "WH1"))
    violation, = failure.detail(error_details_pb2.PreconditionFailure).violations
    assert "WH2, WH4" in violation.description and "WH5" not in violation.description


def test_location_that_the_channel_does_not_sell_from_gives_nothing(holder):
    channel, sku = holder.new_channel(sourcing=["WH1"]), holder.stocked(5, "WH2")
    assert told(holder.refusal(channel, sku))[0] == FAILED_PRECONDITION
    assert told(holder.refusal(channel, wanted(sku, location="WH2")))[0] == FAILED_PRECONDITION


# How long.

@pytest.mark.parametrize("terms, ttl, granted", [
    ({}, None, 15 * MINUTE), ({}, duration(SECOND), SECOND), ({}, duration(24 * HOUR), DAY),
    ({"default_ttl": duration(MINUTE)}, None, MINUTE),
    ({"longest_ttl": duration(3 * DAY)}, duration(2 * DAY), 2 * DAY)],
    ids=["default", "shortest", "longest", "channel's default", "channel's longest"])
def test_hold_lasts_as_asked_or_as_the_channel_says(ledger, terms, ttl, granted):
    held = ledger.create(ledger.new_channel(**terms), ledger.stocked(1), ttl=ttl)
    assert held.expire_time.ToNanoseconds() - held.create_time.ToNanoseconds() == granted


def test_ttl_above_the_channels_longest_is_refused_by_name(ledger):
    channel, sku = ledger.new_channel(longest_ttl=duration(HOUR)), ledger.stocked(1)
    failure = ledger.refusal(channel, sku, ttl=duration(HOUR + 1))
    assert (*told(failure), failure.fields) == (INVALID_ARGUMENT, "INVALID_FIELD", ["ttl"])
    assert "3600" in failure.message


def test_shortest_terms_of_a_holds_lines_count(ledger):
    sku, other = ledger.stocked(5), ledger.stocked(5)
    terms = policy_pb2.PolicyTerms(default_ttl=duration(MINUTE), longest_ttl=duration(2 * MINUTE))
    channel = ledger.new_channel(overrides=[policy_pb2.PolicyOverride(sku=sku, terms=terms)])
    held = ledger.create(channel, other, sku)
    assert held.expire_time.ToNanoseconds() - held.create_time.ToNanoseconds() == MINUTE
    assert ledger.refusal(channel, other, sku, ttl=duration(3 * MINUTE)).fields == ["ttl"]
    ledger.create(channel, other, ttl=duration(3 * MINUTE))


@pytest.mark.parametrize("api", ["holder", "ledger"])
@pytest.mark.parametrize("share", [100, 50])
def test_units_are_back_when_the_time_has_run_out_and_not_before(request, api, share):
    api = request.getfixturevalue(api)
    channel, sku = api.new_channel(share_percent=share), api.stocked(4)
    held = api.create(channel, wanted(sku, 2), ttl=duration(SECOND))
    end, fewer, all = held.expire_time.ToNanoseconds(), {100: 2, 50: 0}[share], {100: 4, 50: 2}[share]
    before = 0
    while before < end:
        before = api.ledger_time()
        available = api.available(channel, sku)
        reserved = api.position(sku).position.reserved
        state = state_of(api.get(held.id))
        after = api.ledger_time()
        if after < end:
            assert (available, reserved, state) == (fewer, 2, "ACTIVE")
    assert (available, reserved, state) == (all, 0, "EXPIRED")
    again = api.get(held.id)
    assert figures(again) == [(2, 0, 0, 0, 2)] and not again.HasField("expire_time")
    assert ("EXPIRED", "EXPIRED") in steps(again)


def test_units_that_ran_out_are_granted_again_at_once(holder):
    channel, sku = holder.new_channel(), holder.stocked(3)
    for _ in range(2):
        held = holder.create(channel, wanted(sku, 3), ttl=duration(SECOND))
        assert told(holder.refusal(channel, sku)) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
        eventually(lambda: holder.available(channel, sku) == 3, "the end of its time")
        assert state_of(holder.get(held.id)) == "EXPIRED"
    assert state_of(holder.create(channel, wanted(sku, 3))) == "ACTIVE"


def test_expiry_is_in_the_books_within_a_second(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(1), ttl=duration(SECOND))
    end = held.expire_time.ToNanoseconds()
    eventually(lambda: ledger.is_swept(held), "the sweep")
    assert end <= ledger.get(held.id).history[-1].time.ToNanoseconds() <= end + SECOND


def test_extension_moves_the_end_to_the_later_one(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(1), ttl=duration(10 * MINUTE))
    shorter = ledger.extend(held.id, ttl=duration(MINUTE))
    assert shorter.expire_time == held.expire_time and state_of(shorter) == "ACTIVE"
    before = ledger.ledger_time()
    longer = ledger.extend(held.id, ttl=duration(20 * MINUTE))
    assert before + 20 * MINUTE <= longer.expire_time.ToNanoseconds() <= ledger.ledger_time() + 20 * MINUTE
    assert causes(longer)[-1] == "EXTENDED" and longer.version > shorter.version > held.version
    assert ledger.get(held.id) == longer


def test_extension_ends_at_the_longest_hold_after_creation(ledger):
    channel = ledger.new_channel(longest_ttl=duration(10 * MINUTE), default_ttl=duration(9 * MINUTE))
    held = ledger.create(channel, ledger.stocked(1), ttl=duration(SECOND))
    longest = held.create_time.ToNanoseconds() + 10 * MINUTE
    assert ledger.extend(held.id, ttl=duration(10 * MINUTE)).expire_time.ToNanoseconds() == longest
    assert ledger.extend(held.id).expire_time.ToNanoseconds() == longest
    failure = failure_of(ledger.extend, held.id, ttl=duration(10 * MINUTE + 1))
    assert (failure.code, failure.fields) == (INVALID_ARGUMENT, ["ttl"])


def test_extended_hold_outlives_its_first_end(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(1)
    held, short = ledger.create(channel, sku, ttl=duration(SECOND)), ledger.stocked(1)
    ledger.extend(held.id, ttl=duration(MINUTE))
    ledger.expired(channel, short, 1)
    assert state_of(ledger.get(held.id)) == "ACTIVE" and ledger.available(channel, sku) == 0


@pytest.mark.parametrize("hot_table", ["true", "false"])
def test_expiry_is_exact_from_the_hot_table_and_from_the_store(new_server, hot_table):
    holder = Holder(new_server("--hot-table-enabled", hot_table, configuration=WITHOUT_ERP).start().channel())
    channel, sku = holder.new_channel(), holder.stocked(5)
    lines = [wanted(sku)] + [wanted(holder.stocked(1)) for _ in range(99)]
    held = [holder.create(channel, line, ttl=duration(SECOND)) for line in lines]
    skus = [line.sku for line in lines]
    before = 0
    while before < held[-1].expire_time.ToNanoseconds():
        before = holder.ledger_time()
        found = [line.available for line in holder.check(channel, *skus).lines]
        after = holder.ledger_time()
        for each, full, available in zip(held, [5] + [1] * 99, found):
            if after < each.expire_time.ToNanoseconds():
                assert available == full - 1
            elif before >= each.expire_time.ToNanoseconds():
                assert available == full


def test_history_is_bounded_and_begins_with_the_grant(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(5))
    for _ in range(150):
        latest = ledger.extend(held.id)
    now = ledger.get(held.id)
    assert now == latest and now.version == 151 and len(now.history) == 100
    assert now.history[0] == held.history[0] and set(causes(now)[1:]) == {"EXTENDED"}


# Commit and release.

def test_committed_hold_no_longer_expires(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    held = ledger.create(channel, wanted(sku, 3), ttl=duration(SECOND), order_reference="cart")
    placed = ledger.commit(held.id, order_reference="order-7", request_id="place")
    assert (state_of(placed), placed.order_reference, figures(placed)) == ("COMMITTED", "order-7", [(3, 3, 3, 0, 0)])
    assert not placed.HasField("expire_time") and placed.version == held.version + 1
    assert (causes(placed)[-1], placed.history[-1].correlation_id) == ("COMMITTED", "place")
    ledger.expired(channel, ledger.stocked(1), 1)
    assert ledger.get(held.id) == placed and ledger.available(channel, sku) == 2


def test_commit_without_an_order_keeps_the_one_there_is(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(1), order_reference="cart")
    assert ledger.commit(held.id).order_reference == "cart"


def test_commit_is_told_to_the_erp(holder):
    held = holder.create(holder.new_channel(), holder.stocked(5))
    holder.commit(held.id)
    eventually(lambda: causes(holder.get(held.id))[-1] == "ERP_COMMITTED", "the ERP's answer")
    assert erp_state_name(holder.get(held.id).erp_state) == "CONFIRMED"


def test_partial_commit_gives_the_rest_back_at_once(holder):
    channel, sku, other = holder.new_channel(), holder.stocked(10), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 6), wanted(other, 4))
    placed = holder.commit(held.id, lines=[part(1, 2)])
    assert (state_of(placed), figures(placed)) == ("COMMITTED", [(6, 2, 2, 0, 4), (4, 0, 0, 0, 4)])
    assert [holder.available(channel, each) for each in (sku, other)] == [8, 10]


@pytest.mark.parametrize("lines, field", [
    ([part(1, 7)], "lines[0].quantity"), ([part(1, -1)], "lines[0].quantity"), ([part(3, 1)], "lines[0].line_id"),
    ([part(0, 1)], "lines[0].line_id"), ([part(1, 1), part(1, 1)], "lines[1].line_id"), ([part(1, 0)], "lines")],
    ids=["too much", "negative", "no such line", "line 0", "twice", "nothing"])
@pytest.mark.parametrize("change", ["commit", "release"])
def test_bad_part_of_a_hold_is_named_and_changes_nothing(ledger, change, lines, field):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    held = ledger.create(channel, wanted(sku, 6), wanted(sku, 1))
    failure = failure_of(getattr(ledger, change), held.id, lines=lines)
    assert (*told(failure), failure.fields) == (INVALID_ARGUMENT, "INVALID_FIELD", [field])
    assert ledger.get(held.id) == held and ledger.available(channel, sku) == 3


def test_released_units_are_back(holder):
    channel, sku = holder.new_channel(), holder.stocked(5)
    for commits in (False, True):
        held = holder.create(channel, wanted(sku, 5))
        if commits:
            holder.commit(held.id)
        ended = holder.release(held.id, reason="cart emptied")
        assert (state_of(ended), figures(ended)) == ("RELEASED", [(5, 0, 5 * commits, 0, 5)])
        step = next(step for step in ended.history if step.cause == "RELEASED")
        assert "cart emptied" in step.correlation_id and not ended.HasField("expire_time")
        assert holder.available(channel, sku) == 5 and holder.position(sku).position.reserved == 0


@pytest.mark.parametrize("state", ["ACTIVE", "COMMITTED"])
def test_partial_release_keeps_the_state_until_nothing_is_open(holder, state):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 5), wanted(sku, 2))
    if state == "COMMITTED":
        holder.commit(held.id)
    less = holder.release(held.id, lines=[part(1, 3)])
    assert (state_of(less), [line.open for line in less.lines]) == (state, [2, 2])
    assert holder.available(channel, sku) == 6
    assert state_of(holder.release(held.id, lines=[part(1, 2), part(2, 0)])) == state
    assert state_of(holder.release(held.id, lines=[part(2, 2)])) == "RELEASED"
    assert holder.available(channel, sku) == 10


def test_released_hold_answers_a_further_release_as_it_stands(holder):
    channel, sku = holder.new_channel(), holder.stocked(5)
    held = holder.create(channel, wanted(sku, 5))
    holder.release(held.id)
    settled = eventually(
        lambda: [each for each in [holder.get(held.id)] if erp_state_name(each.erp_state) == "RELEASED"],
        "the ERP letting go")[0]
    assert holder.release(held.id) == settled == holder.get(held.id)
    assert holder.available(channel, sku) == 5


@pytest.mark.parametrize("end, refused", [
    ("RELEASED", ["extend", "commit"]), ("EXPIRED", ["extend", "commit", "release"]),
    ("COMMITTED", ["extend", "commit"])])
def test_change_that_a_state_does_not_allow_is_refused_with_the_state(ledger, end, refused):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    held = ledger.expired(channel, sku, 3) if end == "EXPIRED" else ledger.create(channel, wanted(sku, 3))
    if end == "RELEASED":
        ledger.release(held.id)
    elif end == "COMMITTED":
        ledger.commit(held.id)
    before = ledger.get(held.id)
    for change in refused:
        failure = failure_of(getattr(ledger, change), held.id)
        assert told(failure) == (FAILED_PRECONDITION, "RESERVATION_STATE")
        metadata = failure.detail(error_details_pb2.ErrorInfo).metadata
        assert metadata["state"] == end and metadata["reservation"] == held.id
    assert ledger.get(held.id) == before


@pytest.mark.parametrize("change", ["commit", "release"])
def test_version_that_was_read_is_taken_and_an_older_one_aborted(ledger, change):
    held = ledger.create(ledger.new_channel(), ledger.stocked(5))
    newer = ledger.extend(held.id)
    failure = failure_of(getattr(ledger, change), held.id, expected_version=held.version)
    assert told(failure) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    assert failure.detail(error_details_pb2.ErrorInfo).metadata["version"] == str(newer.version)
    assert failure_of(getattr(ledger, change), held.id, expected_version=0).reason == "VERSION_MISMATCH"
    assert ledger.get(held.id) == newer
    assert getattr(ledger, change)(held.id, expected_version=newer.version).version == newer.version + 1


def test_expired_hold_is_held_again_and_committed_when_asked_so(holder):
    channel, sku = holder.new_channel(), holder.stocked(5)
    old = holder.expired(channel, sku, 4, customer="anna", order_reference="cart")
    assert told(failure_of(holder.commit, old.id)) == (FAILED_PRECONDITION, "RESERVATION_STATE")
    fresh = holder.commit(old.id, reacquire=True, request_id="again", order_reference="order-1")
    assert fresh.id != old.id and (state_of(fresh), figures(fresh)) == ("COMMITTED", [(4, 4, 4, 0, 0)])
    assert (fresh.channel, fresh.customer, fresh.order_reference) == (channel, "anna", "order-1")
    ended = holder.get(old.id)
    assert (fresh.linked_reservation, ended.linked_reservation) == (old.id, fresh.id)
    assert (state_of(ended), figures(ended)) == ("EXPIRED", figures(old))
    assert holder.available(channel, sku) == 1
    assert holder.commit(old.id, reacquire=True, request_id="again", order_reference="order-1").id == fresh.id
    failure = failure_of(holder.commit, old.id, reacquire=True)
    assert told(failure) == (FAILED_PRECONDITION, "RESERVATION_STATE")
    assert holder.available(channel, sku) == 1


def test_part_of_an_expired_hold_is_held_again(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    fresh = ledger.commit(ledger.expired(channel, sku, 4).id, reacquire=True, lines=[part(1, 1)])
    assert figures(fresh) == [(1, 1, 1, 0, 0)] and ledger.available(channel, sku) == 4


def test_expired_hold_whose_units_are_taken_is_not_held_again(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    old = ledger.expired(channel, sku, 4)
    taken = ledger.create(channel, wanted(sku, 2))
    failure = failure_of(ledger.commit, old.id, reacquire=True, request_id="again")
    assert told(failure) == (FAILED_PRECONDITION, "INSUFFICIENT_STOCK")
    assert state_of(ledger.get(old.id)) == "EXPIRED" and ledger.available(channel, sku) == 3
    ledger.release(taken.id)
    assert state_of(ledger.commit(old.id, reacquire=True, request_id="again")) == "COMMITTED"


def test_reacquire_of_a_hold_that_still_runs_is_a_commit(ledger):
    held = ledger.create(ledger.new_channel(), ledger.stocked(5))
    placed = ledger.commit(held.id, reacquire=True)
    assert (placed.id, state_of(placed), placed.linked_reservation) == (held.id, "COMMITTED", "")


# Again under the same request id.

def test_repeat_answers_the_hold_as_it_now_stands(holder):
    channel, sku = holder.new_channel(), holder.stocked(5)
    first = holder.create(channel, wanted(sku, 3), request_id="same")
    assert holder.create(channel, wanted(sku, 3), request_id="same") == first
    placed = holder.commit(first.id, lines=[part(1, 2)])
    again = holder.create(channel, wanted(sku, 3), request_id="same")
    assert again.id == first.id and again.version >= placed.version and figures(again) == figures(placed)
    assert holder.available(channel, sku) == 3
    holder.release(first.id)
    assert state_of(holder.create(channel, wanted(sku, 3), request_id="same")) == "RELEASED"
    assert holder.available(channel, sku) == 5


def test_repeat_of_a_hold_that_ran_out_grants_nothing(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    old = ledger.expired(channel, sku, 3, request_id="same")
    again = ledger.create(channel, wanted(sku, 3), ttl=duration(SECOND), request_id="same")
    assert (again.id, state_of(again)) == (old.id, "EXPIRED") and ledger.available(channel, sku) == 5


def test_repeated_changes_have_one_effect(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(9)
    held = ledger.create(channel, wanted(sku, 9))
    more = ledger.extend(held.id, request_id="1", ttl=duration(HOUR))
    assert ledger.extend(held.id, request_id="1", ttl=duration(HOUR)) == more
    less = ledger.release(held.id, request_id="1", lines=[part(1, 2)])
    assert ledger.release(held.id, request_id="1", lines=[part(1, 2)]) == less
    placed = ledger.commit(held.id, request_id="1", lines=[part(1, 4)], expected_version=less.version)
    assert ledger.commit(held.id, request_id="1", lines=[part(1, 4)], expected_version=less.version) == placed
    assert ledger.extend(held.id, request_id="1", ttl=duration(HOUR)) == placed
    assert figures(placed) == [(9, 4, 4, 0, 5)] and ledger.available(channel, sku) == 5


@pytest.mark.parametrize("change", [
    {"ttl": duration(MINUTE)}, {"customer": "bert"}, {"order_reference": "other"}, {"allow_partial": True}])
def test_same_request_id_with_another_body_is_refused(ledger, change):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    held = ledger.create(channel, sku, request_id="same")
    failure = ledger.refusal(channel, sku, request_id="same", **change)
    assert told(failure) == (INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert ledger.refusal(channel, wanted(sku, 2), request_id="same").reason == "REQUEST_ID_REUSED"
    assert ledger.create(channel, sku, request_id="same") == held and ledger.available(channel, sku) == 4


def test_same_request_id_for_another_change_is_refused(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(5)
    held, other = ledger.create(channel, wanted(sku, 2)), ledger.create(channel, wanted(sku, 2))
    ledger.release(held.id, request_id="same", lines=[part(1, 1)])
    assert failure_of(ledger.release, held.id, request_id="same").reason == "REQUEST_ID_REUSED"
    assert failure_of(ledger.release, other.id, request_id="same").reason == "REQUEST_ID_REUSED"
    assert ledger.available(channel, sku) == 2


def test_request_id_belongs_to_its_channel_and_method(ledger):
    sku = ledger.stocked(5)
    held = [ledger.create(ledger.new_channel(), sku, request_id="same") for _ in range(2)]
    assert held[0].id != held[1].id
    assert state_of(ledger.commit(held[0].id, request_id="same")) == "COMMITTED"
    assert state_of(ledger.release(held[0].id, request_id="same")) == "RELEASED"
    assert state_of(ledger.get(held[1].id)) == "ACTIVE"


def test_refused_request_leaves_no_record(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(0)
    assert ledger.refusal(channel, sku, request_id="same").reason == "INSUFFICIENT_STOCK"
    ledger.apply(event("RECEIPT_POSTED", sku, quantity=1))
    held = ledger.create(channel, sku, request_id="same", customer="now with another body")
    assert state_of(held) == "ACTIVE"
    assert failure_of(ledger.commit, held.id, request_id="c", lines=[part(1, 9)]).reason == "INVALID_FIELD"
    assert state_of(ledger.commit(held.id, request_id="c")) == "COMMITTED"


@pytest.mark.parametrize("api", ["holder", "ledger"])
def test_sixty_four_callers_of_one_request_id_get_one_hold(request, api):
    api = request.getfixturevalue(api)
    channel, sku = api.new_channel(), api.stocked(64)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        held = list(pool.map(lambda _: api.create(channel, wanted(sku, 1), request_id="same"), range(64)))
    assert len({each.id for each in held}) == 1 and {figures(each)[0] for each in held} == {(1, 1, 0, 0, 0)}
    assert api.available(channel, sku) == 63 and len(api.list(channel=channel)) == 1


def test_holds_and_request_ids_are_there_after_a_restart(new_server):
    server = new_server().start()
    holder = Holder(server.channel())
    channel, sku = holder.new_channel(share_percent=50, customer_holds_max=4), holder.stocked(20)
    held = [holder.create(channel, wanted(sku, 2), request_id=f"request-{number}", customer="anna")
            for number in range(4)]
    holder.commit(held[1].id, request_id="commit")
    holder.release(held[2].id, request_id="release")
    holder.extend(held[3].id, request_id="extend", ttl=duration(HOUR))
    eventually(lambda: {erp_state_name(each.erp_state) for each in holder.list(channel=channel)} == {
        "CONFIRMED", "RELEASED"}, "the ERP's answers")
    eventually(lambda: causes(holder.get(held[1].id))[-1] == "ERP_COMMITTED", "the ERP hearing of the order")
    before = [holder.get(each.id) for each in held]
    server.restart()
    holder = Holder(server.channel())
    assert [holder.get(each.id) for each in held] == before
    # Half of 20, less the 6 that it holds.
    assert holder.available(channel, sku) == 4
    for number, each in enumerate(before):
        again = holder.create(channel, wanted(sku, 2), request_id=f"request-{number}", customer="anna")
        assert again == each
    assert holder.commit(held[1].id, request_id="commit") == before[1]
    assert holder.release(held[2].id, request_id="release") == before[2]
    assert holder.extend(held[3].id, request_id="extend", ttl=duration(HOUR)) == before[3]
    assert holder.available(channel, sku) == 4 and len(holder.list(channel=channel)) == 4
    # Who holds how much is known as well.
    holder.create(channel, sku, customer="anna")
    assert holder.refusal(channel, sku, customer="anna").reason == "HOLD_LIMIT_REACHED"
    holder.create(channel, wanted(sku, 3), customer="bert")
    assert holder.refusal(channel, sku, customer="bert").reason == "CHANNEL_ALLOCATION_EXHAUSTED"


# Which there are.

def test_list_tells_what_matches_every_filter_newest_first(holder):
    channel, sku, far = holder.new_channel(sourcing=["WH1", "WH2"]), holder.stocked(9), holder.stocked(9, "WH2")
    one = holder.create(channel, sku, customer="anna", order_reference="order-1")
    two = holder.create(channel, sku, far, customer="bert", order_reference="order-2")
    three = holder.release(holder.create(channel, far, customer="anna").id)
    four = holder.commit(holder.create(channel, sku, customer="anna").id)
    other = holder.create(holder.new_channel(), sku)

    def ids(**fields):
        return [reservation.id for reservation in holder.list(**{"channel": channel, **fields})]

    assert ids() == [four.id, three.id, two.id, one.id]
    assert ids(state=state_value("ACTIVE")) == [two.id, one.id]
    assert ids(state=state_value("COMMITTED")) == [four.id]
    assert ids(state=state_value("EXPIRED")) == []
    assert ids(customer="anna") == [four.id, three.id, one.id]
    assert ids(order_reference="order-2") == [two.id]
    assert ids(sku=far) == [three.id, two.id] and ids(sku=sku) == [four.id, two.id, one.id]
    assert ids(location="WH2") == [three.id, two.id]
    assert ids(sku=sku, location="WH2") == []
    assert ids(customer="anna", state=state_value("ACTIVE")) == [one.id]
    assert ids(channel="", sku=sku) == [other.id, four.id, two.id, one.id]
    eventually(lambda: ids(erp_state=erp_state_value("RELEASED")) == [three.id], "the ERP letting go")
    assert one.id in ids(erp_state=erp_state_value("CONFIRMED"))
    assert holder.list(channel=channel)[-1] == without_history(holder.get(one.id))


def test_list_filters_by_the_state_of_now(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(1)
    held = ledger.expired(channel, sku, 1)
    assert ledger.list(channel=channel, state=state_value("ACTIVE")) == []
    assert [each.id for each in ledger.list(channel=channel, state=state_value("EXPIRED"))] == [held.id]


def test_list_by_the_time_of_creation(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(9)
    held = [ledger.create(channel, sku) for _ in range(4)]
    ids, times = [each.id for each in held], [each.create_time for each in held]

    def found(**fields):
        return [ids.index(each.id) for each in ledger.list(channel=channel, **fields)]

    assert found(created_after=times[1]) == [3, 2, 1]
    assert found(created_before=times[1]) == [0]
    assert found(created_after=times[1], created_before=times[3]) == [2, 1]
    assert found(created_after=timestamp(times[3].ToNanoseconds() + 1)) == []
    assert found(created_before=times[0]) == []


def test_list_comes_in_pages(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(30)
    held = [ledger.create(channel, sku).id for _ in range(25)]
    first = ledger.page(channel=channel, page_size=10)
    assert [each.id for each in first.reservations] == held[:14:-1] and first.next_page_token
    # What comes after the first page was read is newer than all of it.
    ledger.create(channel, sku)
    ids, token = [], first.next_page_token
    while token:
        page = ledger.page(channel=channel, page_size=10, page_token=token)
        ids += [each.id for each in page.reservations]
        token = page.next_page_token
    assert ids == held[14::-1]
    assert len(ledger.list(channel=channel, page_size=1)) == 26
    assert len(ledger.page(channel=channel).reservations) == 26


def test_page_may_end_early_and_the_rest_is_found_all_the_same(ledger):
    channel, busy, sku = ledger.new_channel(), ledger.new_channel(), ledger.stocked(10_000)
    held = ledger.create(channel, sku)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ledger.create(busy, sku), range(2_100)))
    first = ledger.page(channel=channel)
    assert not first.reservations and first.next_page_token
    assert [each.id for each in ledger.list(channel=channel)] == [held.id]


@pytest.mark.parametrize("fields, field", [
    ({"page_size": -1}, "page_size"), ({"page_size": 1_001}, "page_size"), ({"page_token": "!"}, "page_token"),
    ({"created_after": timestamp_pb2.Timestamp(seconds=-1)}, "created_after"),
    ({"created_before": timestamp_pb2.Timestamp(nanos=10 ** 9)}, "created_before"),
    ({"location": "NOWHERE"}, "location"), ({"sku": "s" * 65}, "sku"), ({"channel": "c" * 33}, "channel")])
def test_bad_field_of_a_list_is_named(ledger, fields, field):
    failure = failure_of(ledger.page, **fields)
    assert (*told(failure), failure.fields) == (INVALID_ARGUMENT, "INVALID_FIELD", [field])


# What the channel's policy says.

def test_customer_has_at_most_so_many_open_holds(ledger):
    channel, sku = ledger.new_channel(customer_holds_max=2), ledger.stocked(9)
    held = [ledger.create(channel, sku, customer="anna") for _ in range(2)]
    failure = ledger.refusal(channel, sku, customer="anna")
    assert told(failure) == (FAILED_PRECONDITION, "HOLD_LIMIT_REACHED")
    ledger.create(channel, sku, customer="bert")
    ledger.create(channel, sku)
    assert ledger.create(channel, sku, customer="anna", request_id=held[1].history[0].correlation_id) == held[1]
    ledger.commit(held[0].id)
    assert ledger.refusal(channel, sku, customer="anna").reason == "HOLD_LIMIT_REACHED"
    ledger.release(held[0].id)
    ledger.create(channel, sku, customer="anna")


def test_customer_holds_at_most_so_many_units_of_a_sku(ledger):
    channel, sku, other = ledger.new_channel(customer_units_max=5), ledger.stocked(99), ledger.stocked(99)
    assert violations(ledger.refusal(channel, wanted(sku, 6), customer="anna")) == [("HOLD_LIMIT_REACHED", "lines[0]")]
    assert violations(ledger.refusal(channel, wanted(sku, 3), wanted(sku, 3), customer="anna")) == [
        ("HOLD_LIMIT_REACHED", "lines[1]")]
    held = ledger.create(channel, wanted(sku, 3), wanted(other, 5), customer="anna")
    assert told(ledger.refusal(channel, wanted(sku, 3), customer="anna")) == (FAILED_PRECONDITION, "HOLD_LIMIT_REACHED")
    fewer = ledger.create(channel, wanted(sku, 3), customer="anna", allow_partial=True)
    assert fewer.lines[0].quantity == 2 and fewer.lines[0].reason.startswith("HOLD_LIMIT_REACHED")
    ledger.create(channel, wanted(sku, 6), customer="")
    ledger.release(held.id, lines=[part(1, 1)])
    ledger.create(channel, wanted(sku, 1), customer="anna")


def test_units_that_ran_out_do_not_count_for_the_customer(ledger):
    channel, sku = ledger.new_channel(customer_units_max=2, customer_holds_max=1), ledger.stocked(9)
    ledger.expired(channel, sku, 2, customer="anna")
    ledger.create(channel, wanted(sku, 2), customer="anna")


def test_share_limits_what_a_channel_takes_and_not_what_is_left_again_and_again(holder):
    channel, other, sku = holder.new_channel(share_percent=40), holder.new_channel(), holder.stocked(10)
    for left in (4, 3, 2, 1):
        assert holder.available(channel, sku) == left
        holder.create(channel, sku)
    failure = holder.refusal(channel, sku)
    assert told(failure) == (FAILED_PRECONDITION, "CHANNEL_ALLOCATION_EXHAUSTED")
    assert (holder.available(channel, sku), holder.available(other, sku)) == (0, 6)
    line, = holder.explain(channel, sku).lines
    assert line.available == 0


def test_grant_is_by_the_number_of_the_check(ledger, seed):
    choose = random.Random(seed)
    for _ in range(25):
        terms = choose.choice([
            {"share_percent": choose.randint(0, 100)}, {"buffer_units": choose.randint(0, 9)},
            {"buffer_percent": choose.randint(0, 100)}, {"floor": choose.randint(0, 9)},
            {"safety_stock": choose.randint(0, 9)}, {"allowed_oversell": choose.randint(0, 9)},
            {"share_percent": choose.randint(0, 100), "buffer_units": choose.randint(0, 3), "allowed_oversell": 2}])
        channel, sku = ledger.new_channel(sourcing=["WH1", "WH2"], **terms), new_name()
        ledger.apply(*[snapshot(sku, location, on_hand=choose.randint(3, 20), damaged=choose.randint(0, 3))
                       for location in ("WH1", "WH2")])
        for _ in range(4):
            available = ledger.available(channel, sku)
            assert ledger.refusal(channel, wanted(sku, available + 1)).code == FAILED_PRECONDITION, terms
            if available:
                ledger.create(channel, wanted(sku, choose.choice([available, choose.randint(1, available)])))
        for location in ("WH1", "WH2"):
            assert ledger.position(sku, location).sellable >= -terms.get("allowed_oversell", 0), terms


def test_cap_is_for_answers_and_not_for_holds(ledger):
    channel, sku = ledger.new_channel(cap=3), ledger.stocked(10)
    assert ledger.available(channel, sku) == 3
    ledger.create(channel, wanted(sku, 8))
    assert ledger.available(channel, sku) == 2


def test_allowed_oversell_is_granted_and_no_unit_more(ledger):
    channel, careful, sku = ledger.new_channel(allowed_oversell=5), ledger.new_channel(), ledger.stocked(10)
    assert ledger.available(channel, sku) == 15
    assert ledger.refusal(channel, wanted(sku, 16)).reason == "INSUFFICIENT_STOCK"
    ledger.create(channel, wanted(sku, 12))
    assert (ledger.available(channel, sku), ledger.available(careful, sku)) == (3, 0)
    assert ledger.refusal(careful, sku).reason == "INSUFFICIENT_STOCK"
    ledger.create(channel, wanted(sku, 3))
    assert ledger.refusal(channel, sku).reason == "INSUFFICIENT_STOCK"
    assert (ledger.available(channel, sku), ledger.position(sku).sellable) == (0, -5)


def test_stock_in_transit_may_be_shown_and_is_not_promised(ledger):
    channel, sku = ledger.new_channel(count_in_transit=True), ledger.stocked(3, in_transit=5)
    assert ledger.available(channel, sku) == 8
    assert ledger.refusal(channel, wanted(sku, 4)).code == FAILED_PRECONDITION
    ledger.create(channel, wanted(sku, 3))


def test_stock_that_sinks_below_the_holds_cancels_none_and_blocks_new_ones(holder):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 8))
    holder.apply(event("CYCLE_COUNT", sku, quantity=5))
    position = holder.position(sku)
    assert (position.shortfall, position.sellable, position.position.reserved) == (3, -3, 8)
    line, = holder.check(channel, sku).lines
    assert (line.available, line.status) == (0, OUT_OF_STOCK)
    assert holder.refusal(channel, sku).reason == "INSUFFICIENT_STOCK"
    assert state_of(holder.get(held.id)) == "ACTIVE"
    assert state_of(holder.commit(held.id)) == "COMMITTED"
    holder.release(held.id, lines=[part(1, 4)])
    assert holder.position(sku).shortfall == 0 and holder.available(channel, sku) == 1
    holder.create(channel, sku)


def stale_sku(holder, age, stock=10):
    sku = new_name()
    holder.apply(snapshot(sku, at=now() - age, source=new_name("src"), on_hand=stock))
    return sku


def freshness(action, **fields):
    return policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=action, **fields)


@pytest.mark.parametrize("action", [WITHHOLD, REFUSE], ids=["withhold", "refuse"])
def test_stale_figures_are_not_promised(holder, action):
    channel = holder.new_channel(freshness=freshness(action))
    old, fresh = stale_sku(holder, 2 * HOUR), holder.stocked(5)
    failure = holder.refusal(channel, wanted(old, 2))
    assert told(failure) == (grpc.StatusCode.UNAVAILABLE, "STALE_DATA")
    assert failure.detail(error_details_pb2.RetryInfo) is not None
    assert violations(failure) == [("STALE_DATA", "lines[0]")]
    assert violations(holder.refusal(channel, fresh, old)) == [("STALE_DATA", "lines[1]")]
    assert holder.available(channel, fresh) == 5
    holder.create(channel, wanted(fresh, 2))
    holder.apply(event("CYCLE_COUNT", old, quantity=3))
    holder.create(channel, wanted(old, 2))


def test_source_that_vouches_makes_old_figures_good(holder):
    channel, sku, source = holder.new_channel(freshness=freshness(WITHHOLD)), new_name(), new_name("src")
    holder.apply(snapshot(sku, at=now() - 2 * HOUR, source=source, on_hand=5))
    assert holder.refusal(channel, sku).reason == "STALE_DATA"
    holder.apply(heartbeat(source))
    holder.create(channel, sku)


def test_stale_figures_that_are_cut_are_granted_as_far_as_they_are_shown(holder):
    buffer = freshness(policy_pb2.STALE_ACTION_BUFFER, stale_buffer_percent=30)
    channel, sku = holder.new_channel(freshness=buffer), stale_sku(holder, 2 * HOUR)
    line, = holder.check(channel, sku).lines
    assert (line.available, line.status) == (7, IN_STOCK)
    assert holder.refusal(channel, wanted(sku, 8)).code == FAILED_PRECONDITION
    holder.create(channel, wanted(sku, 7))


def test_stale_location_alone_is_left_out(holder):
    channel = holder.new_channel(sourcing=["WH1", "WH2"], freshness=freshness(WITHHOLD))
    sku = stale_sku(holder, 2 * HOUR)
    holder.apply(snapshot(sku, "WH2", on_hand=4))
    assert sources(holder.create(channel, wanted(sku, 3))) == [("WH2", 3)]


def test_channel_that_sells_nothing_holds_nothing(holder):
    channel, sku = holder.new_channel(share_percent=0), holder.stocked(5)
    line, = holder.check(channel, sku).lines
    assert (line.available, line.status) == (0, WITHHELD)
    assert told(holder.refusal(channel, sku)) == (FAILED_PRECONDITION, "CHANNEL_ALLOCATION_EXHAUSTED")


def test_rate_of_reservations_is_kept_and_the_caller_told_when_to_come_again(holder):
    throttle = policy_pb2.ThrottlePolicy(reservations_per_second=1, reservations_burst=3)
    channel, other, sku = holder.new_channel(throttle=throttle), holder.new_channel(), holder.stocked(99)
    failure, granted = None, 0
    while failure is None:
        try:
            holder.create(channel, sku)
            granted += 1
        except grpc.RpcError as error:
            failure = Failure(error)
    assert 3 <= granted <= 10
    assert told(failure) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CHANNEL_RATE_LIMITED")
    violation, = failure.detail(error_details_pb2.QuotaFailure).violations
    assert channel in violation.subject
    delay = failure.detail(error_details_pb2.RetryInfo).retry_delay.ToNanoseconds() / 1_000_000
    assert 0 < delay <= 1_000
    assert delay <= int(failure.trailers["grpc-retry-pushback-ms"]) <= delay + 1
    # Reads and other channels are not concerned, and what was refused was not held.
    assert holder.available(channel, sku) == 99 - granted
    holder.create(other, sku)


# What the ERP says. The embedded one holds no more than there is, so it refuses an oversell that the policy allows.

def test_refusal_of_the_erp_within_the_call_is_told_and_the_hold_returned(holder):
    channel, sku, other = holder.new_channel(allowed_oversell=5), holder.stocked(10), holder.stocked(10)
    failure = holder.refusal(channel, wanted(other, 4), wanted(sku, 12), request_id="same")
    assert told(failure) == (FAILED_PRECONDITION, "ERP_REJECTED")
    assert violations(failure) == [("ERP_REJECTED", "lines[1]")]
    id = failure.detail(error_details_pb2.ErrorInfo).metadata["reservation"]
    ended = holder.get(id)
    assert state_of(ended) == "REJECTED" and erp_state_name(ended.erp_state) == "REJECTED"
    assert [line.open for line in ended.lines] == [0, 0] and ended.lines[1].reason.startswith("ERP_REJECTED")
    assert [holder.available(channel, each) for each in (other, sku)] == [15, 15]
    again = holder.refusal(channel, wanted(other, 4), wanted(sku, 12), request_id="same")
    assert again.detail(error_details_pb2.ErrorInfo).metadata["reservation"] == id
    for change in (holder.extend, holder.commit, holder.release):
        assert told(failure_of(change, id)) == (FAILED_PRECONDITION, "RESERVATION_STATE")
    assert state_of(holder.create(channel, wanted(other, 4), wanted(sku, 10))) == "ACTIVE"


def test_refusal_of_the_erp_names_the_line_as_it_was_asked_for(holder):
    channel = holder.new_channel(sourcing=["WH1", "WH2"], allowed_oversell=5)
    split, sku = holder.stocked(5, "WH1", "WH2"), holder.stocked(10)
    # The first line becomes two, each within what the ERP has.
    careful = policy_pb2.PolicyOverride(sku=split, terms=policy_pb2.PolicyTerms(allowed_oversell=0))
    settings = holder.channel(channel).policy
    settings.overrides.append(careful)
    holder.update_channel(channel, settings)
    failure = holder.refusal(channel, wanted(split, 8), wanted(sku, 12))
    assert failure.reason == "ERP_REJECTED"
    subjects = {subject for _, subject in violations(failure)}
    assert "lines[1]" in subjects and "lines[2]" not in subjects


def test_part_that_the_erp_holds_is_kept_where_less_is_welcome(holder):
    channel, sku, other = holder.new_channel(allowed_oversell=5), holder.stocked(10), holder.stocked(10)
    held = holder.create(channel, wanted(other, 4), wanted(sku, 12), allow_partial=True)
    assert state_of(held) == "ACTIVE" and [line.open for line in held.lines] == [4, 10]
    assert (held.lines[1].released, held.lines[1].reason.partition(":")[0]) == (2, "ERP_REJECTED")
    assert holder.available(channel, sku) == 5


def test_hold_that_does_not_wait_is_answered_at_once_and_refused_later(holder):
    channel = holder.new_channel(allowed_oversell=5, write_mode=policy_pb2.WRITE_MODE_BEHIND)
    sku = holder.stocked(10)
    held = holder.create(channel, wanted(sku, 12))
    assert (state_of(held), erp_state_name(held.erp_state), causes(held)) == ("ACTIVE", "PENDING", ["GRANTED"])
    eventually(lambda: state_of(holder.get(held.id)) == "REJECTED", "the ERP's refusal")
    ended = holder.get(held.id)
    assert causes(ended) == ["GRANTED", "ERP_REJECTED"] and not ended.HasField("expire_time")
    assert holder.available(channel, sku) == 15
    assert state_of(holder.create(channel, wanted(sku, 12), request_id=held.history[0].correlation_id)) == "REJECTED"


def test_hold_that_does_not_wait_is_confirmed_later(holder):
    channel, sku = holder.new_channel(write_mode=policy_pb2.WRITE_MODE_BEHIND), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 10))
    assert erp_state_name(held.erp_state) == "PENDING"
    eventually(lambda: erp_state_name(holder.get(held.id).erp_state) == "CONFIRMED", "the ERP's answer")


def test_channel_that_waits_for_no_time_is_answered_at_once(holder):
    channel, sku = holder.new_channel(erp_wait_max=duration(0)), holder.stocked(10)
    assert erp_state_name(holder.create(channel, sku).erp_state) == "PENDING"


def test_holds_given_back_before_the_erp_heard_of_them_leave_nothing_there(holder):
    channel = holder.new_channel(write_mode=policy_pb2.WRITE_MODE_BEHIND)
    waiting, sku = holder.new_channel(), holder.stocked(20)
    held = []
    for number in range(100):
        reservation = holder.create(channel, wanted(sku, 20))
        if number % 3 == 0:
            holder.release(reservation.id, lines=[part(1, 7)])
        if number % 3 == 1:
            holder.commit(reservation.id, lines=[part(1, 5)])
        holder.release(reservation.id)
        held.append(reservation.id)
    # Sent after the releases before it were answered, so the ERP has room for it.
    all_of_it = holder.create(waiting, wanted(sku, 20))
    assert erp_state_name(all_of_it.erp_state) == "CONFIRMED"
    eventually(lambda: {(state_of(each), erp_state_name(each.erp_state)) for each in map(holder.get, held)} == {
        ("RELEASED", "RELEASED")}, "the ERP's answers")
    position = holder.position(sku).position
    assert (position.reserved, position.releasing) == (20, 0)
