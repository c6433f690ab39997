"""Positions with old figures are listed by location and sku: just those that CheckAvailability calls STALE."""
import random

import grpc
import pytest

from availability.v1 import availability_service_pb2, operations_service_pb2 as operations, policy_pb2

from support import PATIENCE
from support.api import (
    DAY, HOUR, MINUTE, SECOND, STALE, Api, adjustment, duration, failure_of, heartbeat, line, new_name, now, snapshot)
from support.erp import avail, avail_json
from support.reservations import Holder, wanted

# WH1 and WH2 are vouched for by their owners, WH3 and WH4 by whoever told last.
CONFIGURATION = """
locations: {WH1: {owner: wms}, WH2: {owner: shop}, WH3: , WH4: }
channels:
  web:
    sourcing: [WH1, WH2, WH3]
    stale_after: 15m
    overrides:
      - {sku_prefix: FRESH-, stale_after: 2m}
      - {sku: CARD, stale_after: never}
      - {location: WH2, stale_after: 1h}
  careless: {sourcing: [WH1, WH2, WH3, WH4]}
erps: {}
"""


@pytest.fixture
def server(new_server):
    return new_server(configuration=CONFIGURATION).start()


@pytest.fixture
def api(server):
    return Holder(server.channel())


def page(api, **fields):
    return api.operations.ListStalePositions(operations.ListStalePositionsRequest(**fields), timeout=PATIENCE)


def stale(api, **fields):
    """All pages."""
    found, token = [], ""
    while True:
        response = page(api, page_token=token, **fields)
        found += response.positions
        token = response.next_page_token
        if not token:
            return found


def places(positions):
    return [(position.location, position.sku) for position in positions]


def told(api, age, sku, location="WH3", source=None, **buckets):
    """Somebody told so long ago."""
    api.apply(snapshot(sku, location, at=now() - age, source=source or new_name("src"), **(buckets or {"on_hand": 1})))


def test_thresholds_are_the_channels_with_its_overrides_at_the_places_it_sells_from(api):
    for location, source in (("WH3", None), ("WH4", None)):
        for sku in ("B", "A", "CARD", "FRESH-1", "FRESH-2"):
            told(api, {"FRESH-1": 3 * MINUTE, "FRESH-2": MINUTE}.get(sku, 20 * MINUTE), sku, location, source)
    told(api, MINUTE, "C")
    assert places(stale(api, channel="web")) == [("WH3", "A"), ("WH3", "B"), ("WH3", "FRESH-1")]
    assert stale(api, channel="careless") == []
    # A threshold given takes the place of all the channel's own.
    given = {"stale_after": duration(10 * MINUTE)}
    assert places(stale(api, channel="web", **given)) == [("WH3", "A"), ("WH3", "B"), ("WH3", "CARD")]
    both = [(location, sku) for location in ("WH3", "WH4") for sku in ("A", "B", "CARD")]
    assert places(stale(api, channel="careless", **given)) == places(stale(api, **given)) == both
    assert places(stale(api, location="WH4", **given)) == both[3:]
    assert len(stale(api, stale_after=duration(0))) == 11
    assert stale(api, stale_after=duration(21 * MINUTE)) == []


def test_source_that_tells_it_is_alive_vouches_for_all_of_its_locations(api):
    told(api, 40 * MINUTE, "A", "WH1", "wms", on_hand=5, damaged=7)
    told(api, 40 * MINUTE, "A", "WH2", "shop")
    told(api, 40 * MINUTE, "B", "WH2", "shop")
    # At WH2 an hour is allowed.
    position, = stale(api, channel="web")
    assert (position.location, position.sku, position.source, position.sellable) == ("WH1", "A", "wms", -2)
    age = position.age.seconds * SECOND + position.age.nanos
    assert 40 * MINUTE <= age < 40 * MINUTE + PATIENCE * SECOND
    assert abs(position.authoritative_time.ToNanoseconds() + age - now()) < PATIENCE * SECOND
    assert places(stale(api, stale_after=duration(30 * MINUTE))) == [("WH1", "A"), ("WH2", "A"), ("WH2", "B")]
    api.apply(heartbeat("wms"))
    assert stale(api, channel="web") == []
    assert places(stale(api, stale_after=duration(30 * MINUTE))) == [("WH2", "A"), ("WH2", "B")]
    # A later word about one of them is a word of its source.
    api.apply(adjustment("B", 1, location="WH2", source="shop"))
    assert stale(api, stale_after=duration(30 * MINUTE)) == []


def test_list_is_just_what_checks_call_stale(api, seed):
    chance = random.Random(seed)
    skus = [f"{chance.choice(['', 'FRESH-', 'FROZEN-'])}{number}" for number in range(60)] + ["CARD"]
    for location, source in (("WH1", "wms"), ("WH2", "shop"), ("WH3", None), ("WH4", None)):
        # What is told last is the watermark of a source that is alone.
        newest = chance.choice([MINUTE, 10 * MINUTE, 50 * MINUTE, 3 * HOUR])
        for sku in chance.sample(skus, 40):
            # Half a minute off every threshold: time goes on while this is checked.
            age = newest + chance.randrange(300) * MINUTE + 30 * SECOND
            told(api, age, sku, location, source, on_hand=chance.randrange(-5, 90))
    minutes = [1, 2, 5, 20, 45, 70, 130, 400]
    freshness = policy_pb2.FreshnessPolicy(stale_after=duration(chance.choice(minutes) * MINUTE))
    other = api.new_channel(sourcing=["WH4", "WH2", "WH1"], freshness=freshness, overrides=[
        policy_pb2.PolicyOverride(sku_prefix="FRO", location="WH2", terms=policy_pb2.PolicyTerms(
            freshness=policy_pb2.FreshnessPolicy(stale_after=duration(chance.choice(minutes) * MINUTE)))),
        policy_pb2.PolicyOverride(sku=skus[0], terms=policy_pb2.PolicyTerms(
            freshness=policy_pb2.FreshnessPolicy(stale_after=duration(chance.choice(minutes) * MINUTE))))])
    for channel in ("web", "careless", other):
        expected = []
        for location in ("WH1", "WH2", "WH3", "WH4"):
            request = availability_service_pb2.CheckAvailabilityRequest(
                channel=channel, lines=[line(sku, location) for sku in sorted(skus)])
            answer = api.availability.CheckAvailability(request, timeout=PATIENCE)
            expected += [(location, each.sku) for each in answer.lines if each.freshness == STALE]
        assert places(stale(api, channel=channel)) == expected
        for size in (1, 7):
            assert places(stale(api, channel=channel, page_size=size)) == expected
        wh2 = [place for place in expected if place[0] == "WH2"]
        assert places(stale(api, channel=channel, location="WH2", page_size=3)) == wh2


def test_page_walks_a_bounded_number_of_skus_and_a_listing_comes_to_its_end(api):
    at, source = now() - 2 * HOUR, new_name("src")
    events = [snapshot(f"S-{number:05}", "WH4", at=at, source=source, on_hand=1) for number in range(12_000)]
    for start in range(0, len(events), 1_000):
        api.apply(*events[start:start + 1_000])
    told(api, 2 * HOUR, "S-11999.5", "WH3")
    api.apply(heartbeat("wms"), heartbeat("shop"))
    first = page(api, channel="web")
    assert not first.positions and first.next_page_token
    assert places(stale(api, channel="web")) == [("WH3", "S-11999.5")]
    listed = stale(api, stale_after=duration(HOUR), page_size=1_000)
    assert places(listed) == [("WH3", "S-11999.5")] + [("WH4", event.sku) for event in events]
    # Where every location's owner is alive there is nothing to walk.
    assert page(api, stale_after=duration(HOUR), location="WH1") == operations.ListStalePositionsResponse()


def test_sellable_is_as_it_is_now(api):
    channel = api.new_channel(sourcing=["WH3"])
    told(api, 2 * HOUR, "A", on_hand=10)
    api.create(channel, wanted("A", 4))
    position, = stale(api, stale_after=duration(HOUR))
    assert (position.sellable, position.source) == (6, "")
    assert position.sellable == api.position("A", "WH3").sellable


def test_list_is_of_the_ledger_after_a_restart(server, api):
    told(api, 2 * HOUR, "A")
    told(api, 3 * DAY, "A", "WH1", "wms")
    before = places(stale(api, channel="web"))
    server.kill()
    assert places(stale(Api(server.start().channel()), channel="web")) == before == [("WH1", "A"), ("WH3", "A")]


def test_wrong_requests_name_the_field(api):
    for fields, field in [
            ({}, "stale_after"), ({"location": "WH1"}, "stale_after"), ({"channel": "nobody"}, "channel"),
            ({"channel": "web", "location": "NOWHERE"}, "location"), ({"channel": "web", "page_size": 1_001}, "page_size"),
            ({"stale_after": duration(-SECOND)}, "stale_after"), ({"channel": "web", "page_token": "x"}, "page_token"),
            ({"channel": "web", "page_token": "99.A"}, "page_token")]:
        failure = failure_of(page, api, **fields)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), fields


def test_client_lists_stale_positions(server, api):
    told(api, 2 * HOUR, "A", on_hand=3)
    title, shown = avail(server, "position", "list-stale", "--channel", "web").splitlines()
    assert title.split() == ["LOCATION", "SKU", "AGE", "AUTHORITATIVE", "SOURCE", "SELLABLE"]
    assert shown.split()[:4] == ["WH3", "A", "2h", shown.split()[3]] and shown.split()[-2:] == ["-", "3"]
    listed, = avail_json(server, "position", "list-stale", "--stale-after", "1h", "--location", "WH3")
    assert listed["positions"][0]["sku"] == "A"
    assert avail(server, "position", "list-stale", "--stale-after", "3h").split() == title.split()
