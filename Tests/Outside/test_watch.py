"""WatchAvailability: a snapshot, then every change of what the channel may sell, whatever its cause and whoever reads slowly."""
import bisect
import itertools
import json
import random
import re
import signal
import subprocess

import grpc
import pytest

from availability.v1 import policy_pb2

from support import PATIENCE
from support.api import (
    FRESH, IN_STOCK, LIMITED, SECOND, STALE, UNKNOWN_SKU, WITHHELD, Api, adjustment, duration, failure_of, heartbeat,
    new_name, snapshot)
from support.bystander import anonymous_bytes
from support.reservations import Holder, WITHOUT_ERP, ledger, wanted as line_of  # noqa: F401 (fixture)
from support.server import AVAIL, clean_environment, eventually
from support.watching import CHANGES, SNAPSHOT_END, Watch, polled, told


@pytest.fixture
def watching(request):
    """Opens streams that end with the test."""
    def open(api, channel, *wanted, **fields):
        watch = Watch(api, channel, *wanted, **fields)
        request.addfinalizer(watch.cancel)
        return watch

    return open


def stocked(api, units, location="WH1", **fields):
    sku = new_name()
    api.apply(snapshot(sku, location, on_hand=units, **fields))
    return sku


def test_snapshot_tells_every_line_as_asked_and_changes_follow(api, watching):
    channel = api.new_channel(sourcing=["WH1", "WH2"])
    one, other = stocked(api, 10), stocked(api, 3, "WH2")
    unknown = new_name()
    asked = [one, (other, "WH2", 5), unknown, (one, "EAST"), (one, "", 20)]
    watch = watching(api, channel, *asked)
    assert [(line.sku, line.location, *told(line)) for line in watch.snapshot()] == [
        (one, "", 10, IN_STOCK, FRESH), (other, "WH2", 3, LIMITED, FRESH), (unknown, "", 0, UNKNOWN_SKU, FRESH),
        (one, "EAST", 10, IN_STOCK, FRESH), (one, "", 10, LIMITED, FRESH)]
    api.apply(adjustment(one, -4))
    watch.until_available(one, 6).until_available(one, 6, "EAST")
    api.apply(snapshot(unknown, on_hand=2))
    watch.until_available(unknown, 2)
    assert {(line.sku, line.location) for line in watch.changes()} == {(one, ""), (one, "EAST"), (unknown, "")}
    assert all(message.phase == CHANGES for message in watch.messages[1:])


def test_large_snapshot_comes_in_pages_with_a_token_at_its_end(api, watching):
    channel = api.new_channel()
    skus = [new_name() for _ in range(1_000)]
    watch = watching(api, channel, *skus)
    assert [line.sku for line in watch.snapshot()] == skus
    assert [message.phase for message in watch.messages][-1] == SNAPSHOT_END and len(watch.messages) > 1


def test_what_does_not_concern_the_line_is_not_told(api, watching):
    channel = api.new_channel(sourcing=["WH1"], cap=5)
    sku = stocked(api, 10)
    watch = watching(api, channel, sku)
    watch.snapshot()
    api.apply(snapshot(sku, "WH2", on_hand=7), adjustment(sku, -2), adjustment(stocked(api, 1), 1))
    api.apply(adjustment(sku, -5))
    watch.until_available(sku, 3)
    assert [told(line)[0] for line in watch.changes()] == [3]


@pytest.mark.parametrize("fields, field", [
    ({"bands": [5, 5]}, "bands"), ({"bands": [-1]}, "bands"), ({"bands": list(range(17))}, "bands"),
    ({"resume_token": "nonsense"}, "resume_token"), ({"max_staleness": duration(-SECOND)}, "max_staleness"),
])
def test_bad_field_is_named(api, fields, field):
    failure = failure_of(lambda: Watch(api, api.new_channel(), "sku", **fields).next())
    assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


def test_bad_line_and_unknown_channel_are_named(api):
    assert failure_of(lambda: Watch(api, "web", "sku", ("sku", "NOWHERE")).next()).fields == ["lines[1].location"]
    assert failure_of(lambda: Watch(api, "web", *["sku"] * 1_001).next()).fields == ["lines"]
    assert failure_of(lambda: Watch(api, new_name("ch"), "sku").next()).reason == "CHANNEL_NOT_FOUND"


# Every cause of a change.

def test_hold_and_its_expiry_are_told(ledger, watching):
    channel, sku = ledger.new_channel(), ledger.stocked(10)
    watch = watching(ledger, channel, sku)
    watch.snapshot()
    ledger.create(channel, line_of(sku, 4), ttl=duration(2 * SECOND))
    watch.until_available(sku, 6).until_available(sku, 10)


def test_policy_change_is_told_with_its_version(api, watching):
    channel, sku = api.new_channel(), stocked(api, 10)
    watch = watching(api, channel, sku)
    watch.snapshot()
    changed = api.update_channel(
        channel, policy_pb2.ChannelPolicy(sourcing=["WH1"], buffer_units=4))
    watch.until_available(sku, 6)
    assert watch.messages[-1].policy_version == changed.policy_version


def stale_after(seconds, action=policy_pb2.STALE_ACTION_WITHHOLD):
    return policy_pb2.FreshnessPolicy(stale_after=duration(seconds * SECOND), stale_action=action)


@pytest.mark.parametrize("action, expected", [
    (policy_pb2.STALE_ACTION_SERVE, (10, IN_STOCK, STALE)), (policy_pb2.STALE_ACTION_WITHHOLD, (0, WITHHELD, STALE)),
    (policy_pb2.STALE_ACTION_REFUSE, (0, WITHHELD, STALE))])
@pytest.mark.parametrize("about_all", [False, True])
def test_figures_that_grow_too_old_are_told_and_their_recovery(api, watching, action, expected, about_all):
    source = new_name("src")
    channel = api.new_channel(freshness=stale_after(3, action))
    sku = stocked(api, 10, source=source)
    watch = watching(api, channel, *([] if about_all else [sku]))
    watch.snapshot()
    assert watch.latest[sku, ""] == (10, IN_STOCK, FRESH)
    watch.until(lambda watch: watch.latest[sku, ""] == expected)
    api.apply(heartbeat(source))
    watch.until(lambda watch: watch.latest[sku, ""] == (10, IN_STOCK, FRESH))


def test_callers_staleness_is_judged_as_time_goes_on(api, watching):
    channel, sku = api.new_channel(), stocked(api, 10)
    watch = watching(api, channel, sku, max_staleness=duration(2 * SECOND))
    watch.snapshot()
    watch.until(lambda watch: watch.latest[sku, ""][2] == STALE)
    assert watch.latest[sku, ""] == (0, WITHHELD, STALE), "a check would be refused: nothing may be sold"


# Bands.

def test_only_bands_status_and_freshness_are_told(api, watching):
    channel, sku = api.new_channel(), stocked(api, 50)
    bands = [0, 10, 100]
    watch = watching(api, channel, sku, bands=bands)
    watch.snapshot()
    path = [49, 11, 100, 20, 10, 5, 1, 10, 11, 101, 5_000, 0]
    for units in path:
        api.apply(snapshot(sku, on_hand=units))
    watch.until_available(sku, 0)
    # Changes that follow each other closely may be merged into the latest, but those within a band are never told.
    heard = [line.available for line in watch.changes()]
    steps = iter(path)
    assert all(any(units == step for step in steps) for units in heard), heard
    told_bands = [bisect.bisect_left(bands, units) for units in (50, *heard)]
    assert all(former != band for former, band in itertools.pairwise(told_bands)), heard


# Everything the channel may sell.

def test_watch_of_all_skus_tells_what_the_channel_may_sell(new_server, watching):
    server = new_server().start()
    api = Api(server.channel())
    channel = api.new_channel(sourcing=["WH1", "WH2"])
    skus = [new_name() for _ in range(1_200)]
    for start in range(0, len(skus), 400):
        api.apply(*(snapshot(sku, on_hand=7) for sku in skus[start:start + 400]))
    elsewhere = stocked(api, 5, "WH6")
    watch = watching(api, channel)
    assert [line.sku for line in watch.snapshot()] == sorted(skus)
    fresh = stocked(api, 3, "WH2")
    watch.until_available(fresh, 3)
    api.apply(*(adjustment(sku, -1) for sku in skus[:300]))
    watch.until(lambda watch: all(watch.latest[sku, ""][0] == 6 for sku in skus[:300]))
    assert (elsewhere, "") not in watch.latest
    api.apply(snapshot(elsewhere, "WH1", on_hand=2))
    watch.until_available(elsewhere, 2)
    assert server.metric("availability_watch_lines") == len(skus) + 2
    watch.cancel()
    eventually(lambda: server.metric("availability_watch_lines") == 0, "what was remembered being forgotten")

    # On from the token: only what changed meanwhile.
    api.apply(adjustment(skus[5], -5))
    again = watching(api, channel, resume_token=watch.token)
    again.until_available(skus[5], 1)
    assert all(message.phase == CHANGES for message in again.messages)
    assert [line.sku for line in again.changes()] == [skus[5]]


# Everything it may sell at a location.

def test_watch_of_locations_tells_every_sku_that_the_channel_may_sell_there(new_server, watching):
    server = new_server().start()
    api = Api(server.channel())
    channel = api.new_channel(sourcing=["WH1", "WH2", "WH3"])
    here = [new_name() for _ in range(700)]
    for start in range(0, len(here), 350):
        api.apply(*(snapshot(sku, on_hand=7) for sku in here[start:start + 350]))
    third, elsewhere, unsold = stocked(api, 5, "WH3"), stocked(api, 5, "WH2"), stocked(api, 5, "WH6")
    one = watching(api, channel, ("", "WH1"))
    assert [(line.sku, line.location) for line in one.snapshot()] == [(sku, "WH1") for sku in sorted(here)]
    # By name, at a location and at a group: what is named comes first.
    mixed = watching(api, channel, (unsold, ""), ("", "WH3"), (here[0], "WH1"), ("", "EAST", 6))
    there = [(third, "WH3")] + [(sku, "EAST") for sku in [*here, third, elsewhere]]
    assert [(line.sku, line.location) for line in mixed.snapshot()] == [(unsold, ""), (here[0], "WH1")] + sorted(
        there, key=lambda line: (line[0], line[1] == "EAST"))
    assert mixed.latest[here[0], "EAST"] == (7, IN_STOCK, FRESH) and mixed.latest[third, "EAST"] == (5, LIMITED, FRESH)

    api.apply(adjustment(here[5], -2), adjustment(elsewhere, 1, "WH2"), snapshot(elsewhere, "WH1", on_hand=2))
    one.until_available(elsewhere, 2, "WH1").until_available(here[5], 5, "WH1")
    assert {line.sku for line in one.changes()} == {here[5], elsewhere}
    mixed.until_available(elsewhere, 8, "EAST").until_available(here[5], 5, "EAST")
    assert (elsewhere, "WH3") not in mixed.latest and (unsold, "EAST") not in mixed.latest

    one.cancel()
    api.apply(adjustment(here[9], -3), adjustment(third, -1, "WH3"))
    again = watching(api, channel, ("", "WH1"), resume_token=one.token)
    again.until_available(here[9], 4, "WH1")
    assert all(message.phase == CHANGES for message in again.messages)
    assert [line.sku for line in again.changes()] == [here[9]]
    other = watching(api, channel, ("", "WH2"), resume_token=again.token)
    assert [(line.sku, line.location) for line in other.snapshot()] == [(elsewhere, "WH2")]
    for watch in (again, mixed, other):
        watch.cancel()
    eventually(lambda: server.metric("availability_watch_lines") == 0, "what was remembered being forgotten")


def test_line_names_a_sku_or_a_location_and_a_check_a_sku(api):
    channel = api.new_channel()
    assert failure_of(lambda: Watch(api, channel, ("", "")).next()).fields == ["lines[0].sku"]
    assert failure_of(lambda: Watch(api, channel, "sku", ("", "NOWHERE")).next()).fields == ["lines[1].location"]
    assert failure_of(lambda: Watch(api, channel, ("", "WH1", 0)).next()).fields == ["lines[0].quantity"]
    assert failure_of(lambda: Watch(api, channel, *[("", "WH1")] * 101).next()).fields == ["lines"]
    assert failure_of(lambda: api.check(channel, ("", "WH1"))).fields == ["lines[0].sku"]


# Going on from a token.

def test_resumed_watch_is_told_what_changed_meanwhile(new_server, watching):
    server = new_server().start()
    for end in (lambda: None, server.restart, lambda: (server.kill(), server.start())):
        api = Api(server.channel())
        channel = api.new_channel()
        skus = [stocked(api, 10) for _ in range(20)]
        watch = watching(api, channel, *skus)
        watch.snapshot()
        api.apply(adjustment(skus[0], 1))
        watch.until_available(skus[0], 11)
        watch.cancel()
        api.apply(adjustment(skus[3], -3), adjustment(skus[4], 2), adjustment(skus[4], -2))
        end()
        api = Api(server.channel())
        again = watching(api, channel, *skus, resume_token=watch.token)
        again.until(lambda watch: (skus[3], "") in watch.latest)
        assert [message.phase for message in again.messages] == [CHANGES]
        assert [(line.sku, line.available) for line in again.changes()] == [(skus[3], 7), (skus[4], 10)]
        api.apply(adjustment(skus[7], -1))
        again.until_available(skus[7], 9)
        # Nothing happened since: one message says so.
        third = watching(api, channel, *skus, resume_token=again.token)
        assert (third.next().phase, third.changes()) == (CHANGES, [])


def test_token_of_other_terms_begins_with_a_snapshot(api, watching):
    channel, sku = api.new_channel(), stocked(api, 10)
    watch = watching(api, channel, sku)
    watch.snapshot()

    def phase_of(*wanted, **fields):
        return watching(api, channel, *wanted, resume_token=watch.token, **fields).next().phase

    assert phase_of(sku) == CHANGES
    assert phase_of(sku, new_name()) == phase_of((sku, "WH1")) == phase_of(sku, bands=[5]) == SNAPSHOT_END
    api.update_channel(channel, policy_pb2.ChannelPolicy(sourcing=["WH1"], floor=1))
    assert phase_of(sku) == SNAPSHOT_END


def test_line_that_grew_stale_while_nobody_watched_is_told_on_resumption(api, watching):
    channel = api.new_channel(freshness=stale_after(2))
    sku = stocked(api, 10)
    watch = watching(api, channel, sku)
    watch.snapshot()
    watch.cancel()
    eventually(lambda: api.check(channel, sku).lines[0].freshness == STALE, "the figures growing old")
    again = watching(api, channel, sku, resume_token=watch.token)
    again.until(lambda watch: watch.latest.get((sku, "")) == (0, WITHHELD, STALE))
    assert again.messages[0].phase == CHANGES
    # What was told as stale may be fresh for a reason that left no trace at the line: all is told again.
    api.apply(heartbeat("tests"))
    third = watching(api, channel, sku, resume_token=again.token)
    assert [told(line) for line in third.snapshot()] == [(10, IN_STOCK, FRESH)]


# At random.

def test_snapshot_and_changes_equal_polling_after_random_events(new_server, watching, seed):
    choose = random.Random(seed)
    server = new_server(configuration=WITHOUT_ERP).start()
    api = Holder(server.channel())
    channels = [
        api.new_channel(sourcing=["WH1", "WH2", "WH3"]), api.new_channel(sourcing=["EAST"], share_percent=50, cap=30),
        api.new_channel(sourcing=["WEST"], freshness=stale_after(2, policy_pb2.STALE_ACTION_BUFFER))]
    skus = [new_name() for _ in range(40)]
    places = ["", "WH1", "EAST", "WEST"]

    def lines_at_random():
        return [(choose.choice(skus), choose.choice(places), choose.choice([None, 5])) for _ in range(30)]

    questions = [(choose.choice(channels), lines_at_random()) for _ in range(6)] + [(channel, []) for channel in channels]
    questions += [(channel, [(skus[0], ""), ("", "WH1"), ("", "EAST", 5)]) for channel in channels]
    watches = [watching(api, channel, *asked) for channel, asked in questions]
    for watch in watches:
        watch.snapshot()
    for _ in range(300):
        sku, place = choose.choice(skus), f"WH{choose.randint(1, 6)}"
        dice = choose.random()
        if dice < 0.6:
            api.publish(adjustment(sku, choose.randint(-10, 20), place))
        elif dice < 0.75:
            api.publish(snapshot(sku, place, on_hand=choose.randint(0, 50), quarantined=choose.randint(0, 5)))
        elif dice < 0.95:
            try:
                api.create(choose.choice(channels), line_of(sku), ttl=duration(SECOND))
            except grpc.RpcError as refusal:
                assert refusal.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
        else:
            watch = choose.randrange(len(watches))
            channel, asked = questions[watch]
            old, watches[watch] = watches[watch], watching(api, channel, *asked, resume_token=watches[watch].token)
            watches[watch].latest = old.latest
            old.cancel()
    # At rest: whatever can expire has, and whatever can grow stale.
    eventually(lambda: server.metric("availability_open_reservations") == 0, "the holds running out")
    eventually(lambda: all(line.freshness == STALE for line in api.check(channels[2], *skus).lines
                           if line.status != UNKNOWN_SKU and line.age_ms), "the figures growing old")
    for (channel, asked), watch in zip(questions, watches):
        named = [line for line in asked if line[0]]
        wholes = [line for line in asked if not line[0]] or ([] if asked else [("", "")])
        expected = polled(api, channel, *named) if named else {}
        for _, *place in wholes:
            found = polled(api, channel, *((sku, *place) for sku in skus))
            expected |= {key: value for key, value in found.items() if key in watch.latest or value[0]}
        watch.until(lambda watch: {key: watch.latest.get(key) for key in expected} == expected)
        assert wholes or set(watch.latest) == {(sku, place) for sku, place, _ in asked}


# Many, and slow ones.

def test_slow_reader_costs_no_memory_and_then_hears_the_latest(server, api, watching):
    channel = api.new_channel()
    skus = [stocked(api, 1) for _ in range(1_000)]
    # A client that takes little ahead of its reader.
    narrow = server.channel(**{"grpc.http2.bdp_probe": 0, "grpc.http2.lookahead_bytes": 1 << 14})
    slow = watching(Api(narrow), channel, *skus)
    slow.snapshot()
    brisk = watching(Api(server.channel()), channel, skus[0])
    brisk.snapshot()
    before = anonymous_bytes(server.process.pid)
    conflated = server.metric("availability_watch_conflated_total")
    for round in range(2, 42):
        for start in range(0, 1_000, 500):
            api.apply(*(snapshot(sku, on_hand=round) for sku in skus[start:start + 500]))
        brisk.until_available(skus[0], round)
    assert server.metric("availability_watch_conflated_total") > conflated
    assert anonymous_bytes(server.process.pid) - before < 32 << 20
    slow.until(lambda watch: all(watch.latest[sku, ""][0] == 41 for sku in skus))
    assert len(slow.changes()) < 40 * 1_000, "what it was too slow for was merged"


def test_thousand_watchers_hear_of_their_skus(new_server, watching):
    server = new_server().start()
    api = Api(server.channel())
    channel = api.new_channel()
    skus = [new_name() for _ in range(500)]
    api.apply(*(snapshot(sku, on_hand=5) for sku in skus))
    connections = [Api(server.channel()) for _ in range(10)]
    choose = random.Random(7)
    watches = [watching(connections[number % 10], channel, *choose.sample(skus, 20)) for number in range(1_000)]
    for watch in watches:
        watch.snapshot()
    assert server.metric("availability_watches") == 1_000 and server.metric("availability_watch_lines") == 20_000
    api.apply(*(snapshot(sku, on_hand=8) for sku in skus))
    for watch in watches:
        watch.until(lambda watch: all(figures[0] == 8 for figures in watch.latest.values()))
    for watch in watches:
        watch.cancel()
    eventually(lambda: server.metric("availability_watches") == 0, "every watch that left being forgotten")
    assert server.metric("availability_watch_lines") == 0


# The commands.

def test_avail_watch_tells_each_change_and_a_token_to_go_on_from(server, api):
    channel, sku = api.new_channel(), stocked(api, 10)
    command = [AVAIL, "watch", "--channel", channel, sku]
    environment = clean_environment(AVAIL_ADDRESS=server.grpc_address)

    def lines_of(arguments, count, meanwhile=lambda: None):
        child = subprocess.Popen([*command, *arguments], env=environment, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        try:
            lines = [child.stdout.readline()]
            meanwhile()
            lines += [child.stdout.readline() for _ in range(count - 1)]
            child.send_signal(signal.SIGINT)
            rest, errors = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        assert child.returncode == 130 and not rest, errors
        return lines, re.search(r"--resume-token (\S+)", errors)[1]

    lines, token = lines_of([], 2, lambda: api.apply(adjustment(sku, -3)))
    assert [line.split() for line in lines] == [[sku, "10", "IN_STOCK"], [sku, "7", "IN_STOCK"]]
    api.apply(adjustment(sku, 1))
    lines, _ = lines_of(["--resume-token", token, "--output", "json"], 1)
    message, = map(json.loads, lines)
    assert message["phase"] == "WATCH_PHASE_CHANGES" and message["lines"][0]["available"] == "8"


def test_avail_watches_all_skus_of_a_location(new_server):
    server = new_server().start()
    api = Api(server.channel())
    channel = api.new_channel(sourcing=["WH1", "WH2"])
    here, _ = stocked(api, 4, "WH2"), stocked(api, 5)
    child = subprocess.Popen([AVAIL, "watch", "--channel", channel, "--location", "WH2"], text=True, stdout=subprocess.PIPE,
                             env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
    try:
        assert child.stdout.readline().split() == [f"{here}@WH2", "4", "IN_STOCK"]
        api.apply(adjustment(here, -3, "WH2"))
        assert child.stdout.readline().split() == [f"{here}@WH2", "1", "IN_STOCK"]
    finally:
        child.kill()
        child.communicate()
