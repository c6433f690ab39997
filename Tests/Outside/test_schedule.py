"""GetAvailabilitySchedule: what may be promised by date, from the supply to come and what is promised of it."""
import grpc
import pytest

from availability.v1 import availability_service_pb2, inventory_event_pb2, policy_pb2

from support import PATIENCE
from support.api import (
    DAY, FRESH, HOUR, MINUTE, SECOND, STALE, duration, event, failure_of, lines, new_name, now, outcome_name, snapshot,
    timestamp)
from support.reservations import Holder, wanted


def supply(sku, id="PO-1", quantity=0, expected=None, backordered=0, location="WH1", at=None, **fields):
    """What is to come of a supply; `expected` in nanoseconds."""
    told = inventory_event_pb2.Supply(
        id=id, quantity=quantity, expected_at=timestamp(expected), backordered=backordered)
    return event("SUPPLY_UPDATED", sku, location, at=at, supply=told, **fields)


def cancelled(sku, id="PO-1", **fields):
    return event("SUPPLY_CANCELLED", sku, supply=inventory_event_pb2.Supply(id=id), **fields)


def received(sku, quantity, id="PO-1", **fields):
    return event("RECEIPT_POSTED", sku, quantity=quantity, supply=inventory_event_pb2.Supply(id=id), **fields)


def ask(api, channel, *asked, **fields):
    request = availability_service_pb2.GetAvailabilityScheduleRequest(channel=channel, lines=lines(*asked), **fields)
    return api.availability.GetAvailabilitySchedule(request, timeout=PATIENCE)


def nanoseconds(time):
    return time.seconds * SECOND + time.nanos


def schedule(api, channel, *asked, **fields):
    """The line, and its entries after now as (time, available, incoming due)."""
    line, = ask(api, channel, *asked, **fields).lines
    return line, [(nanoseconds(entry.effective_time), entry.available, entry.incoming_due) for entry in line.entries[1:]]


def today(line):
    first = line.entries[0]
    return first.available, first.incoming_due, first.backordered_due


@pytest.fixture
def shop(api):
    """A channel that sells all of WH1 and WH2."""
    return api.new_channel(sourcing=["WH1", "WH2"])


def test_supply_adds_up_date_by_date(api, shop):
    sku, time = new_name(), now()
    first, second = time + 10 * DAY, time + 20 * DAY
    api.apply(snapshot(sku, on_hand=5), supply(sku, "A", 7, first), supply(sku, "B", 8, second),
              supply(sku, "C", 1, second, location="WH2"))
    line, later = schedule(api, shop, (sku, "", 13))
    assert today(line) == (5, 0, 0)
    assert later == [(first, 12, 7), (second, 21, 9)]
    assert nanoseconds(line.earliest_time) == second
    assert not schedule(api, shop, (sku, "", 22))[0].HasField("earliest_time")
    assert nanoseconds(schedule(api, shop, (sku, "", 5))[0].earliest_time) <= now()
    assert api.available(shop, sku) == 5


def test_what_is_promised_later_is_kept_back_from_today_on(api, shop):
    sku, due = new_name(), now() + 30 * DAY
    api.apply(snapshot(sku, on_hand=10), supply(sku, "A", 2, due, backordered=6))
    line, later = schedule(api, shop, sku)
    assert today(line) == (6, 0, 0) and later == [(due, 6, 2)]
    assert line.entries[1].backordered_due == 6
    # Beyond the last date asked as well.
    line, later = schedule(api, shop, sku, until=timestamp(now() + DAY))
    assert today(line) == (6, 0, 0) and later == []


def test_backorders_without_a_date_are_due_at_once(api, shop):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=10, backordered=3))
    assert today(schedule(api, shop, sku)[0]) == (7, 0, 3)


def test_overdue_supply_counts_nothing_until_it_is_dated_anew(api, shop):
    sku, due = new_name(), now() + 5 * DAY
    api.apply(snapshot(sku, on_hand=1), supply(sku, "A", 9, now() - HOUR, at=now() - 2 * HOUR))
    line, later = schedule(api, shop, (sku, "", 4))
    assert today(line) == (1, 0, 0) and later == [] and not line.HasField("earliest_time")
    api.apply(supply(sku, "A", 9, due))
    line, later = schedule(api, shop, (sku, "", 4))
    assert later == [(due, 10, 9)] and nanoseconds(line.earliest_time) == due


def test_cancelled_supply_comes_no_more(api, shop):
    sku = new_name()
    api.apply(supply(sku, "A", 9, now() + DAY), supply(sku, "B", 4, now() + 2 * DAY), cancelled(sku, "A"))
    assert [entry[1] for entry in schedule(api, shop, sku)[1]] == [4]
    late, = api.publish(supply(sku, "A", 9, now() + DAY, at=now() - MINUTE))
    assert outcome_name(late.outcome) == "SUPERSEDED"
    assert [entry[1] for entry in schedule(api, shop, sku)[1]] == [4]


def test_receipt_told_before_its_supply_is_taken_out_of_it(api, shop):
    sku, due, at = new_name(), now() + DAY, now() - MINUTE
    waiting, = api.publish(received(sku, 4, at=at))
    assert outcome_name(waiting.outcome) == "BUFFERED"
    assert api.position(sku).position.incoming == -4
    api.apply(supply(sku, "PO-1", 10, due, backordered=1, at=at - MINUTE))
    told = api.position(sku)
    assert told.position.on_hand == 4 and told.position.incoming == 6
    assert [(one.id, one.quantity, nanoseconds(one.expected_at), one.backordered) for one in told.supplies] == [
        ("PO-1", 6, due, 1)]
    line, later = schedule(api, shop, sku)
    assert today(line) == (4, 0, 0) and later == [(due, 9, 6)]


def test_position_lists_supplies_by_date_and_counts_them_in_incoming(api):
    sku, time = new_name(), now()
    api.apply(snapshot(sku, incoming=3), supply(sku, "late", 2, time + 9 * DAY), supply(sku, "soon", 5, time + DAY),
              supply(sku, "gone", 0, time + DAY))
    told = api.position(sku)
    assert told.position.incoming == 10
    assert [one.id for one in told.supplies] == ["soon", "late"]


def test_supply_alone_makes_a_sku_known(api, shop):
    sku, due = new_name(), now() + DAY
    line, later = schedule(api, shop, sku)
    assert (today(line), later) == ((0, 0, 0), [])
    api.apply(supply(sku, "A", 5, due))
    assert schedule(api, shop, sku)[1] == [(due, 5, 5)]


def test_policy_holds_at_every_date(api):
    sku, due = new_name(), now() + DAY
    api.apply(snapshot(sku, on_hand=10), supply(sku, "A", 90, due), snapshot(sku, "WH3", on_hand=70),
              supply(sku, "B", 50, due + DAY, location="WH3"))

    def figures(**policy):
        line, later = schedule(api, api.new_channel(**policy), sku)
        return [today(line)[0]] + [available for _, available, _ in later]

    assert figures() == [10, 100]
    assert figures(buffer_units=15) == [0, 85]
    assert figures(share_percent=50) == [5, 50]
    assert figures(cap=40) == [10, 40]
    assert figures(floor=11) == [0, 100]


def test_line_that_may_not_be_split_waits_for_one_place_that_has_it_all(api):
    sku, due = new_name(), now() + DAY
    api.apply(snapshot(sku, on_hand=6), snapshot(sku, "WH2", on_hand=6), supply(sku, "A", 4, due))
    whole = api.new_channel(sourcing=["WH1", "WH2"], split_allowed=False)
    split = api.new_channel(sourcing=["WH1", "WH2"])
    assert nanoseconds(schedule(api, whole, (sku, "", 10))[0].earliest_time) == due
    assert nanoseconds(schedule(api, split, (sku, "", 10))[0].earliest_time) < due
    assert schedule(api, split, (sku, "WH1"))[1] == [(due, 10, 4)]


def test_holds_are_taken_out_of_every_date(server, api, shop):
    sku, due = new_name(), now() + DAY
    api.apply(snapshot(sku, on_hand=6), supply(sku, "A", 4, due))
    Holder(server.channel()).create(shop, wanted(sku, 5))
    line, later = schedule(api, shop, sku)
    assert today(line)[0] == 1 and later == [(due, 5, 4)]


def test_stale_figures_are_treated_as_they_are_now(api):
    def aged(action):
        return policy_pb2.FreshnessPolicy(stale_after=duration(HOUR), stale_action=action)

    sku, due, source = new_name(), now() + DAY, new_name("src")
    api.apply(snapshot(sku, on_hand=10, at=now() - 2 * HOUR, source=source), supply(sku, "A", 5, due, source=source,
                                                                                  at=now() - 2 * HOUR))
    told, later = schedule(api, api.new_channel(), sku)
    assert told.freshness == FRESH and told.age_ms >= 2 * 3_600_000 and later == [(due, 15, 5)]
    withheld = api.new_channel(freshness=aged(policy_pb2.STALE_ACTION_WITHHOLD))
    told, later = schedule(api, withheld, sku)
    assert told.freshness == STALE and today(told)[0] == 0 and later == [(due, 0, 5)]
    refusing = api.new_channel(freshness=aged(policy_pb2.STALE_ACTION_REFUSE))
    failure = failure_of(ask, api, refusing, sku)
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STALE_DATA")
    assert failure_of(ask, api, api.new_channel(), sku, max_staleness=duration(MINUTE)).reason == "STALE_DATA"


def test_a_year_has_its_dates_and_neighbours_beyond_them_fall_on_the_later(api, shop):
    sku, start = new_name(), now() + HOUR
    events = [supply(sku, f"PO-{day}", 1, start + day * DAY) for day in range(365)]
    api.apply(*events)
    _, later = schedule(api, shop, sku, until=timestamp(now() + 366 * DAY))
    assert later == [(start + day * DAY, day + 1, 1) for day in range(365)]
    api.apply(*[supply(sku, f"PO-{day}-noon", 1, start + day * DAY + 12 * HOUR) for day in range(300)])
    _, later = schedule(api, shop, sku, until=timestamp(now() + 366 * DAY))
    assert len(later) == 365 and later[-1][1] == 665 and sum(due for _, _, due in later) == 665
    for time, available, _ in later:
        came = sum(1 for day in range(365) if start + day * DAY <= time)
        came += sum(1 for day in range(300) if start + day * DAY + 12 * HOUR <= time)
        assert available == came


def test_last_date_is_within_366_days(api, shop):
    sku = new_name()
    api.apply(supply(sku, "A", 1, now() + 89 * DAY), supply(sku, "B", 1, now() + 91 * DAY))
    assert len(schedule(api, shop, sku)[1]) == 1
    assert len(schedule(api, shop, sku, until=timestamp(now() + 365 * DAY))[1]) == 2
    for until in (now() + 367 * DAY, now() - DAY):
        failure = failure_of(ask, api, shop, sku, until=timestamp(until))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["until"])


@pytest.mark.parametrize("asked, field", [
    ([("", "", 1)], "lines[0].sku"), ([("A", "NOWHERE", 1)], "lines[0].location"), ([("A", "", 0)], "lines[0].quantity"),
    ([], "lines"), (["A"] * 101, "lines"),
])
def test_bad_lines_are_named(api, shop, asked, field):
    failure = failure_of(ask, api, shop, *asked)
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert failure_of(ask, api, "nobody", "A").reason == "CHANNEL_NOT_FOUND"


def test_schedule_of_many_lines_is_of_one_sequence(api, shop):
    skus = [new_name() for _ in range(100)]
    api.apply(*[supply(sku, "A", number + 1, now() + DAY) for number, sku in enumerate(skus)])
    answer = ask(api, shop, *skus)
    assert [line.entries[-1].available for line in answer.lines] == list(range(1, 101))
    assert [line.sku for line in answer.lines] == skus
    checked = api.check(shop, skus[0])
    assert answer.policy_version == checked.policy_version
    assert (answer.sequence, answer.epoch) == (checked.sequence, checked.epoch)


def test_supplies_are_there_after_a_restart(new_server):
    from support.api import Api
    server = new_server(configuration=None).start()
    api = Api(server.channel())
    sku, due = new_name(), now() + DAY
    api.apply(supply(sku, "A", 9, due, at=now() - MINUTE), received(sku, 2, "A"))
    before = schedule(api, "web", sku)[1]
    assert before[0][0] == due
    server.stop()
    api = Api(server.start().channel())
    assert schedule(api, "web", sku)[1] == before
