"""CheckAvailability: what a channel may sell, per line, now."""
import concurrent.futures

import grpc
import pytest

from availability.v1 import inventory_feed_service_pb2, policy_pb2

from support import PATIENCE
from support.api import (
    CHANNELS, FRESH, HOUR, IN_STOCK, LIMITED, LOCATIONS, MINUTE, OUT_OF_STOCK, SECOND, STALE, UNKNOWN_SKU, WITHHELD,
    Api, adjustment, duration, failure_of, new_name, now, sample_skus, snapshot)

QUANTITY_MAX = 10 ** 12


def test_sample_catalogue_answers_on_every_channel(api):
    skus = sample_skus(100)
    for channel in CHANNELS:
        response = api.check(channel, *skus)
        assert [line.sku for line in response.lines] == skus
        assert all(line.status != UNKNOWN_SKU for line in response.lines)
        assert any(line.available > 0 and line.status == IN_STOCK for line in response.lines)
        assert all(line.available >= 0 and line.age_ms >= 0 for line in response.lines)
        assert response.policy_version == api.channel(channel).policy_version


def test_unknown_sku_is_said_to_be_unknown(api):
    line, = api.check("web", new_name()).lines
    assert (line.status, line.available) == (UNKNOWN_SKU, 0)


def test_snapshot_of_a_new_sku_at_wh1_shows_on_every_channel(api):
    sku = new_name()
    api.apply(snapshot(sku, "WH1", on_hand=1_000))
    for channel in CHANNELS:
        line, = api.check(channel, sku).lines
        assert (line.status, line.freshness) == (IN_STOCK, FRESH), channel
        assert 0 < line.available <= 1_000


def test_known_sku_without_stock_is_out_of_stock(api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=0))
    line, = api.check("web", sku).lines
    assert (line.status, line.available) == (OUT_OF_STOCK, 0)


def test_own_write_is_read_back_at_once_on_other_connections(server, api):
    channel, sku = api.new_channel(), new_name()
    readers = [Api(server.channel()) for _ in range(8)]
    for figure in range(1, 51):
        api.apply(snapshot(sku, on_hand=figure))
        assert [reader.available(channel, sku) for reader in readers] == [figure] * len(readers)


def test_writers_and_readers_at_once_see_their_own_writes(server, api):
    channel = api.new_channel()

    def write_and_read(_):
        writer, reader, sku = Api(server.channel()), Api(server.channel()), new_name()
        for figure in range(1, 31):
            writer.apply(snapshot(sku, on_hand=figure))
            assert reader.available(channel, sku) == figure

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write_and_read, range(8)))


@pytest.mark.parametrize("quantity, status", [
    (None, IN_STOCK), (1, IN_STOCK), (10, IN_STOCK), (11, LIMITED), (QUANTITY_MAX, LIMITED)])
def test_quantity_decides_the_status_and_never_the_figure(api, quantity, status):
    channel, sku = api.new_channel(), new_name()
    api.apply(snapshot(sku, on_hand=10))
    line, = api.check(channel, (sku, "", quantity)).lines
    assert (line.available, line.status) == (10, status)


def test_location_and_group_narrow_the_answer(api):
    channel, sku = api.new_channel(sourcing=["EAST", "WEST"]), new_name()
    for units, location in enumerate(LOCATIONS, 1):
        api.apply(snapshot(sku, location, on_hand=units))
    wanted = [(sku, location) for location in ["", *LOCATIONS, "EAST", "WEST"]]
    answered = api.check(channel, *wanted).lines
    assert [line.available for line in answered] == [21, 1, 2, 3, 4, 5, 6, 1 + 2 + 3, 4 + 5 + 6]
    assert [(line.sku, line.location) for line in answered] == wanted


def test_location_listed_twice_in_the_sourcing_counts_once(api):
    channel, sku = api.new_channel(sourcing=["WH1", "EAST"]), new_name()
    api.apply(snapshot(sku, on_hand=7))
    assert api.available(channel, sku) == 7


def test_location_the_channel_may_not_sell_from_gives_nothing(api):
    channel, sku = api.new_channel(sourcing=["WH1"]), new_name()
    api.apply(snapshot(sku, "WH1", on_hand=5), snapshot(sku, "WH2", on_hand=50))
    line, = api.check(channel, (sku, "WH2")).lines
    assert line.available == 0
    assert line.status in (WITHHELD, OUT_OF_STOCK)
    assert api.available(channel, sku) == 5


def test_line_that_no_location_can_serve_alone_is_limited_where_splitting_is_forbidden(api):
    sku = new_name()
    api.apply(snapshot(sku, "WH1", on_hand=50), snapshot(sku, "WH2", on_hand=50))
    split, whole = (api.new_channel(sourcing=["WH1", "WH2"], split_allowed=allowed) for allowed in (True, False))
    assert api.check(split, (sku, "", 60)).lines[0].status == IN_STOCK
    assert api.check(whole, (sku, "", 60)).lines[0].status == LIMITED
    assert api.check(whole, (sku, "", 50)).lines[0].status == IN_STOCK


def test_a_thousand_lines_are_answered_in_order_and_one_more_is_refused(api):
    skus = sample_skus(1_000)
    assert [line.sku for line in api.check("web", *skus).lines] == skus
    failure = failure_of(api.check, "web", *skus, new_name())
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert failure.fields == ["lines"]


def test_the_same_line_twice_is_answered_twice(api):
    sku, = sample_skus(1)
    first, second = api.check("web", sku, sku).lines
    assert first.available == second.available


def test_no_lines_are_refused(api):
    failure = failure_of(api.check, "web")
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["lines"])


@pytest.mark.parametrize("line, field", [
    (("",), "lines[0].sku"),
    (("s" * 65,), "lines[0].sku"),
    (("tab\there",), "lines[0].sku"),
    (("nul\0here",), "lines[0].sku"),
    (("delete\x7f",), "lines[0].sku"),
    (("sku", "l" * 33), "lines[0].location"),
    (("sku", "W\nH"), "lines[0].location"),
    (("sku", "", 0), "lines[0].quantity"),
    (("sku", "", -1), "lines[0].quantity"),
    (("sku", "", QUANTITY_MAX + 1), "lines[0].quantity"),
])
def test_bad_field_of_a_line_is_named(api, line, field):
    failure = failure_of(api.check, "web", line)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert failure.fields == [field]
    assert field in failure.message


def test_bad_line_is_named_by_its_place(api):
    failure = failure_of(api.check, "web", "good", "good", "b\tad")
    assert failure.fields == ["lines[2].sku"]


@pytest.mark.parametrize("sku", ["s" * 64, "ü" * 32, "size 42 / red", "日本語"])
def test_sku_within_its_limits_is_taken(api, sku):
    api.apply(snapshot(sku, on_hand=9))
    line, = api.check("b2b", sku).lines
    assert (line.sku, line.status) == (sku, IN_STOCK)


def test_unknown_location_is_named(api):
    failure = failure_of(api.check, "web", ("sku", "NOWHERE"))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT and failure.fields == ["lines[0].location"]


def test_unknown_channel_is_not_found(api):
    failure = failure_of(api.check, "nobody", "sku")
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")


def test_channel_too_long_is_named(api):
    failure = failure_of(api.check, "c" * 33, "sku")
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT and failure.fields == ["channel"]


def test_empty_channel_without_a_credential_is_named(api):
    failure = failure_of(api.check, "", "sku")
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert failure.fields == ["channel"]


def test_customer_too_long_is_named(api):
    failure = failure_of(api.check, "web", "sku", customer="c" * 33)
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT and failure.fields == ["customer"]


def aged(api, age, stale_action, stale_after):
    """A channel that minds the age, and a sku whose only figure, from a source of its own, is that old."""
    freshness = policy_pb2.FreshnessPolicy(stale_after=duration(stale_after), stale_action=stale_action)
    channel, sku = api.new_channel(freshness=freshness), new_name()
    api.apply(snapshot(sku, at=now() - age, source=new_name("src"), on_hand=3))
    return channel, sku


@pytest.mark.parametrize("limit", [None, 2 * HOUR, 11 * MINUTE])
def test_figure_within_the_callers_staleness_and_the_channels_is_fresh(api, limit):
    channel, sku = aged(api, 10 * MINUTE, policy_pb2.STALE_ACTION_WITHHOLD, HOUR)
    line, = api.check(channel, sku, max_staleness=limit and duration(limit)).lines
    assert (line.available, line.freshness) == (3, FRESH)
    assert line.age_ms >= 10 * 60 * 1_000


def test_callers_staleness_tightens_the_channels(api):
    channel, sku = aged(api, 10 * MINUTE, policy_pb2.STALE_ACTION_WITHHOLD, HOUR)
    line, = api.check(channel, sku, max_staleness=duration(MINUTE)).lines
    assert (line.available, line.status, line.freshness) == (0, WITHHELD, STALE)


def test_figure_too_old_for_a_caller_whose_channel_would_serve_it_fails_the_call(api):
    channel, sku = aged(api, 10 * MINUTE, policy_pb2.STALE_ACTION_SERVE, HOUR)
    failure = failure_of(api.check, channel, sku, max_staleness=duration(MINUTE))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "STALE_DATA")


def test_callers_staleness_cannot_loosen_the_channels(api):
    channel, sku = aged(api, 10 * MINUTE, policy_pb2.STALE_ACTION_WITHHOLD, MINUTE)
    line, = api.check(channel, sku, max_staleness=duration(HOUR)).lines
    assert (line.available, line.status, line.freshness) == (0, WITHHELD, STALE)


def test_negative_staleness_is_named(api):
    failure = failure_of(api.check, "web", "sku", max_staleness=duration(-SECOND))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT and failure.fields == ["max_staleness"]


def test_sequence_never_runs_back_and_the_epoch_stays(server, api):
    readers = [Api(server.channel()) for _ in range(4)]
    sku, previous, epochs = new_name(), 0, set()
    for step in range(40):
        if step % 3 == 0:
            api.apply(adjustment(sku, 1))
        answer = readers[step % len(readers)].check("web", sku)
        assert answer.sequence >= previous
        previous = answer.sequence
        epochs.add(answer.epoch)
    assert len(epochs) == 1


def test_answer_after_a_write_contains_its_sequence(api):
    sku = new_name()
    request = inventory_feed_service_pb2.PublishEventsRequest(events=[snapshot(sku, on_hand=1)])
    published = api.feed.PublishEvents(request, timeout=PATIENCE)
    answer = api.check("web", sku)
    assert answer.sequence >= published.sequence
    assert answer.epoch == published.epoch


def test_bad_request_leaves_the_connection_and_others_untouched(server, api):
    other = Api(server.channel())
    for _ in range(50):
        failure_of(api.check, "web", "b\tad")
        assert other.check("web", *sample_skus(1)).lines
    assert api.check("web", *sample_skus(1)).lines
