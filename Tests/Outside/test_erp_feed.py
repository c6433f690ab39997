"""The feed of an ERP's changes, from the embedded ERP by its switches. See test_erp_tryton.py for a real one."""
import subprocess
import time

import grpc
import pytest

from availability.v1 import operations_service_pb2, source_pb2

from support import PATIENCE
from support.api import Api, new_name, now, snapshot, source_status_name, timestamp
from support.erp import EmbeddedErp, ErpHolder, Readings, avail, position_since
from support.reservations import wanted
from support.server import SMALL, eventually

POLL = 0.2
FED = SMALL + """
erps:
  embedded: {adapter: embedded}
feeds:
  changes: {kind: erp, erp: embedded, poll_every: 200ms, lag_max: 1s}
"""
RESTING = FED.replace("{adapter: embedded}", "{adapter: embedded, maintenance: [00:00-12:00, 12:00-00:00]}")


@pytest.fixture
def start(new_server):
    """Starts a server of the test's own; the server, its API and its ERP. A feed that polls has read all by then: what
    changes while it does so is read twice."""
    def start(configuration=FED, polls=True):
        server = new_server(configuration=configuration).start()
        api = ErpHolder(server.channel())
        if polls:
            eventually(lambda: feed_of(api).position, "the first reading")
        return server, api, EmbeddedErp(server)

    return start


def feed_of(api):
    feed, = api.source("embedded").feeds
    return feed


def state_of(api):
    return source_pb2.FeedState.Name(feed_of(api).state).removeprefix("FEED_STATE_")


def on_hand(api, sku):
    try:
        return api.position(sku).position.on_hand
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return None


def shows(api, sku, units):
    eventually(lambda: on_hand(api, sku) == units, f"{units} of {sku}")


def test_stock_that_changes_there_shows_here_once(start):
    server, api, erp = start()
    sku, other = new_name(), new_name()
    readings = Readings("embedded")
    for turn, units in enumerate([42, 7, 0]):
        erp.stock(sku, units)
        shows(api, sku, units)
        readings.note(api, sku)
        # A poll ends before the next begins: what a later one showed had none after it.
        erp.stock(other, turn + 1)
        shows(api, other, turn + 1)
        readings.check(api)
    feed = feed_of(api)
    assert (feed.kind, feed.can_replay, feed.restarts, state_of(api)) == (source_pb2.FEED_KIND_ERP, True, 0, "RUNNING")
    told = avail(server, "source", "show", "embedded")
    assert "changes" in told and "erp" in told.lower()
    assert server.metric("availability_feed_errors_total", feed="changes") == 0


def test_hold_that_the_erp_was_told_of_is_subtracted_once(start):
    _, api, erp = start()
    channel, sku, other = api.new_channel(), new_name(), new_name()
    api.apply(snapshot(sku, on_hand=100, allocated=10))
    for turn in range(1, 4):
        api.create(channel, wanted(sku, 5))
        erp.stock(other, turn)
        shows(api, other, turn)
        assert api.available(channel, sku) == 90 - 5 * turn, api.position(sku)


def test_restart_goes_on_where_it_was(start):
    server, api, erp = start()
    sku, began, readings = new_name(), now(), Readings("embedded")
    erp.stock(sku, 5)
    shows(api, sku, 5)
    place = position_since(lambda: feed_of(api), began)
    readings.note(api, sku)
    for stop in (server.kill, server.terminate):
        stop()
        server.start()
        api, erp = Api(server.channel()), EmbeddedErp(server)
        assert feed_of(api).position == place
        sku, began = new_name(), now()
        erp.stock(sku, 6)
        shows(api, sku, 6)
        readings.check(api)
        readings.note(api, sku)
        place = position_since(lambda: feed_of(api), began)


def test_first_start_reads_all_that_the_erp_has(start):
    server, api, erp = start(FED.partition("feeds:")[0], polls=False)
    channel, sku = api.new_channel(), new_name()
    api.apply(snapshot(sku, on_hand=10))
    api.create(channel, wanted(sku, 4))
    server.terminate()
    server.configuration = FED
    api = ErpHolder(server.start().channel())
    eventually(lambda: feed_of(api).position, "the first reading")
    assert api.available(channel, sku) == 6


def test_erp_that_is_away_fails_the_feed_alone_and_nothing_is_lost(start):
    server, api, erp = start()
    sku, lagging = new_name(), api.new_channel()
    erp.stock(sku, 1)
    shows(api, sku, 1)
    with erp.being(down=True):
        eventually(lambda: state_of(api) == "WAITING", "the feed failing")
        erp.stock(sku, 2)
        feed = feed_of(api)
        assert feed.last_error == "embedded: not sent: the embedded ERP is switched off"
        eventually(lambda: feed_of(api).lag.ToNanoseconds() > 10**9, "lag")
        api.apply(snapshot(new_name(), on_hand=1))
        assert server.get("/readyz")[0] == 200 and on_hand(api, sku) == 1
    shows(api, sku, 2)
    eventually(lambda: state_of(api) == "RUNNING" and feed_of(api).lag.ToNanoseconds() < 10**9, "the feed running")
    assert feed_of(api).restarts >= 1


def test_lost_answers_lose_no_change(start):
    _, api, erp = start()
    skus = [new_name() for _ in range(5)]
    with erp.being(lose_answer_percent=50):
        for units, sku in enumerate(skus):
            erp.stock(sku, units)
    for units, sku in enumerate(skus):
        shows(api, sku, units)


def test_paused_feed_polls_nothing_and_catches_up_when_resumed(start):
    _, api, erp = start()
    sku = new_name()
    erp.stock(sku, 1)
    shows(api, sku, 1)
    api.operations.PauseFeed(operations_service_pb2.PauseFeedRequest(id="changes", reason="moving"), timeout=PATIENCE)
    assert source_status_name(api.source("embedded").status) == "PAUSED"
    erp.stock(sku, 2)
    time.sleep(3 * POLL)
    assert on_hand(api, sku) == 1
    api.operations.ResumeFeed(operations_service_pb2.ResumeFeedRequest(id="changes"), timeout=PATIENCE)
    shows(api, sku, 2)


def test_replay_reads_all_figures(start):
    server, api, erp = start()
    skus = [new_name() for _ in range(120)]
    for units, sku in enumerate(skus):
        began = now()
        erp.stock(sku, units)
    for units, sku in enumerate(skus):
        shows(api, sku, units)
    place = position_since(lambda: feed_of(api), began)
    request = operations_service_pb2.ReplayFeedRequest(id="changes", from_time=timestamp(now()))
    last = list(api.operations.ReplayFeed(request, timeout=PATIENCE))[-1]
    assert (last.done, last.events, last.counters.applied, last.position) == (True, 120, 120, max(skus))
    assert [on_hand(api, sku) for sku in skus] == list(range(120)) and feed_of(api).position == place
    assert "120" in avail(server, "event", "replay", "--feed", "changes", "--from", "all")


def test_erp_in_maintenance_is_not_polled(start):
    server, api, erp = start(RESTING, polls=False)
    sku = new_name()
    erp.stock(sku, 1)
    time.sleep(3 * POLL)
    feed = feed_of(api)
    assert (on_hand(api, sku), feed.position, feed.last_error, state_of(api)) == (None, "", "", "RUNNING")
    assert server.terminate() == 0


def test_whole_readings_and_changes_go_together(start):
    _, api, erp = start(FED.replace("{adapter: embedded}", "{adapter: embedded, read_every: 1s}"))
    sku = new_name()
    for units in range(1, 30):
        erp.stock(sku, units)
        time.sleep(0.05)
    shows(api, sku, 29)
    for _ in range(2):
        former = api.position(sku).authoritative_time.ToNanoseconds()
        eventually(lambda: api.position(sku).authoritative_time.ToNanoseconds() > former, "a further whole reading")
    assert on_hand(api, sku) == 29 and api.source("embedded").counters.dead_lettered == 0


def test_polls_that_find_nothing_keep_the_figures_fresh_and_an_erp_that_is_away_does_not(start):
    server, api, erp = start(FED.replace("{WH1: ,", "{WH1: {owner: embedded},"))
    channel, sku = api.new_channel(), new_name()
    erp.stock(sku, 5)
    shows(api, sku, 5)
    read = api.position(sku).authoritative_time.ToNanoseconds()

    def age():
        return api.position(sku).age.ToNanoseconds()

    eventually(lambda: now() - read > 3 * 10**9, "three seconds in which nothing changes")
    assert age() < 2 * 10**9 and api.position(sku).authoritative_time.ToNanoseconds() == read
    with erp.being(down=True):
        eventually(lambda: age() > 2 * 10**9, "age")
