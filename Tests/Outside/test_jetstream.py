"""Events from a real nats-server: each takes effect once and is acknowledged after our commit, whoever is killed meanwhile."""
import json
import os
import ssl
import threading

import pytest
from google.protobuf import json_format

from availability.v1 import operations_service_pb2, source_pb2

from support import PATIENCE
from support.api import adjustment, new_name, now, snapshot, timestamp
from support.nats import CLOUD_EVENT, PROTOBUF, Bed, Nats, known
from support.nats_credentials import Credentials
from support.server import SMALL, eventually, run

# What passes through in the volume test; `make torture` takes a million.
VOLUME = int(os.environ.get("AVAILABILITY_NATS_EVENTS", 50_000))


@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    """One server for all tests: each has a stream of its own."""
    server = Nats(tmp_path_factory.mktemp("nats"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def bed(nats, new_server):
    return Bed(nats, new_server)


def cloud_event(event, kind):
    data = json_format.MessageToDict(event)
    for name in ("id", "source", "type", "occurredAt"):
        data.pop(name)
    return json.dumps({
        "specversion": "1.0", "id": event.id, "source": "//wms.example", "type": f"com.example.inventory.{kind}.v1",
        "time": event.occurred_at.ToJsonString(), "datacontenttype": "application/json", "data": data}).encode()


def test_events_take_effect_and_are_acknowledged_in_both_formats(bed):
    bed.start()
    first, second = new_name(), new_name()
    bed.send(snapshot(first, source=bed.source, on_hand=10), bed.plus_one(first))
    bed.nats.publish(bed.subjects[0], cloud_event(bed.plus_one(second), "adjustment"), headers=CLOUD_EVENT)
    bed.nats.publish(bed.subjects[0], cloud_event(bed.plus_one(second), "adjustment"))
    eventually(lambda: known(lambda: bed.on_hand(first) == 11 and bed.on_hand(second) == 2), "the stock")
    bed.settle()
    feed = bed.feed()
    assert (feed.id, feed.kind, feed.state) == ("stock", source_pb2.FEED_KIND_NATS, source_pb2.FEED_STATE_RUNNING)
    assert feed.position.endswith(f" {bed.subjects[0]}=4") and feed.waiting == 0 and feed.can_replay
    assert feed.HasField("position_time") and not feed.last_error


def test_message_that_is_delivered_again_takes_effect_once(bed):
    bed.start()
    sku = new_name()
    bed.send(*(bed.plus_one(sku) for _ in range(20)))
    eventually(lambda: known(lambda: bed.on_hand(sku) == 20), "the stock")
    bed.settle()
    # Somebody sets the consumer back to the stream's beginning.
    bed.nats.delete_consumer(bed.stream, bed.durable)
    bed.nats.add_consumer(bed.stream, bed.durable, bed.subjects[0])
    eventually(lambda: bed.api.source(bed.source).counters.duplicate == 20, "all of them again")
    bed.settle()
    assert bed.on_hand(sku) == 20


def test_consumer_that_was_deleted_is_made_anew_behind_what_was_committed(bed):
    bed.start()
    sku = new_name()
    bed.send(*(bed.plus_one(sku) for _ in range(5)))
    eventually(lambda: known(lambda: bed.on_hand(sku) == 5), "the stock")
    bed.nats.delete_consumer(bed.stream, bed.durable)
    bed.send(bed.plus_one(sku))
    eventually(lambda: bed.on_hand(sku) == 6, "what came after")
    # Also while our server was away.
    assert bed.server.terminate() == 0
    bed.nats.delete_consumer(bed.stream, bed.durable)
    bed.send(bed.plus_one(sku))
    bed.start()
    eventually(lambda: bed.on_hand(sku) == 7, "what came then")
    assert bed.api.source(bed.source).counters.duplicate == 0


def test_two_subjects_are_each_read_to_their_end(nats, new_server):
    bed = Bed(nats, new_server, places=("wh1", "wh2")).start()
    sku = new_name()
    for number, place in enumerate(("WH1", "WH2")):
        events = [adjustment(sku, 1, location=place, source=bed.source) for _ in range(1_500)]
        bed.send(*events, subject=bed.subjects[number])
    eventually(lambda: known(lambda: (bed.on_hand(sku, "WH1"), bed.on_hand(sku, "WH2")) == (1_500, 1_500)), "the stock")
    bed.settle()
    assert bed.feed().position.split()[1:] == [f"{bed.subjects[0]}=1500", f"{bed.subjects[1]}=3000"]


def test_poison_becomes_a_dead_letter_with_its_bytes_and_is_acknowledged(bed):
    bed.start()
    sku = new_name()
    poison = [(b"\xff\xff no protobuf", PROTOBUF), (b"{ no JSON", CLOUD_EVENT), (b"", None),
              (adjustment(sku, 1, source="somebody-else").SerializeToString(), PROTOBUF)]
    for body, headers in poison:
        bed.nats.publish(bed.subjects[0], body, headers=headers)
    bed.send(bed.plus_one(sku))
    eventually(lambda: known(lambda: bed.on_hand(sku) == 1), "the event behind the poison")
    bed.settle()
    request = operations_service_pb2.ListDeadLettersRequest()
    letters = bed.api.operations.ListDeadLetters(request, timeout=PATIENCE).dead_letters
    assert sorted(letter.body for letter in letters) == sorted(body for body, _ in poison)
    assert {letter.reason for letter in letters} == {"INVALID_FIELD"}
    assert {letter.source for letter in letters} == {bed.source}


def test_letter_in_its_senders_words_is_read_anew_with_the_map_of_today(nats, new_server, tmp_path):
    skus = tmp_path / "skus.csv"
    skus.write_text("theirs,ours\nT-0,H-0\n")
    bed = Bed(nats, new_server, extra=f"    map: {{skus_file: '{skus}', unlisted_skus: refuse}}\n").start()
    ours = new_name()
    bed.send(bed.plus_one("T-1"))
    letters = lambda: bed.api.operations.ListDeadLetters(  # noqa: E731
        operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).dead_letters
    letter, = eventually(letters, "the letter")
    assert (letter.reason, letter.content_type) == ("INVALID_FIELD", "application/x-protobuf")
    assert bed.server.terminate() == 0
    skus.write_text(f"theirs,ours\nT-1,{ours}\n")
    bed.start()
    replay = operations_service_pb2.ReplayDeadLettersRequest(ids=[letter.id], reason="the map was mended")
    bed.api.operations.ReplayDeadLetters(replay, timeout=PATIENCE)
    assert bed.on_hand(ours) == 1 and not letters()


def test_sources_and_types_of_others_are_read_as_ours(nats, new_server):
    terms = "    sources: {//wms.example: ours, theirs: ours}\n    types: {stock.counted: CYCLE_COUNT}\n"
    bed = Bed(nats, new_server, extra=terms).start()
    sku = new_name()
    event = json.loads(cloud_event(adjustment(sku, 1), "adjustment"))
    counted = {**event, "id": new_name(), "type": "stock.counted", "data": {**event["data"], "quantity": 5}}
    counted["data"].pop("reason", None)
    bed.nats.publish(bed.subjects[0], json.dumps(counted).encode(), headers=CLOUD_EVENT)
    bed.send(adjustment(sku, 2, source="theirs"), adjustment(sku, 1, source="strange"), bed.plus_one(sku))
    bed.nats.publish(bed.subjects[0], json.dumps({**counted, "source": "//strange"}).encode(), headers=CLOUD_EVENT)
    bed.settle()
    assert bed.on_hand(sku) == 8
    ours = bed.api.source("ours")
    assert ours.counters.applied == 2 and [feed.id for feed in ours.feeds] == ["stock"]
    assert bed.api.source(bed.source).counters.applied == 1 and bed.api.status().ledger.dead_letters == 2


def test_paused_feed_reads_nothing_until_it_is_resumed(bed):
    bed.start()
    sku = new_name()
    bed.send(bed.plus_one(sku))
    eventually(lambda: known(lambda: bed.on_hand(sku) == 1), "the stock")
    pause = operations_service_pb2.PauseFeedRequest(id="stock", reason="the warehouse counts")
    bed.api.operations.PauseFeed(pause, timeout=PATIENCE)
    bed.send(bed.plus_one(sku))
    # The reader ends within a moment; a message that it had been handed goes back.
    assert bed.server.terminate() == 0
    bed.start()
    assert (bed.feed().state, bed.on_hand(sku)) == (source_pb2.FEED_STATE_PAUSED, 1)
    bed.api.operations.ResumeFeed(operations_service_pb2.ResumeFeedRequest(id="stock"), timeout=PATIENCE)
    eventually(lambda: bed.on_hand(sku) == 2, "what waited")
    bed.settle()


def test_replay_reads_the_past_again_from_a_time_and_a_sequence(bed):
    bed.start()
    sku = new_name()
    bed.send(*(bed.plus_one(sku) for _ in range(3)))
    middle = now()
    bed.send(*(bed.plus_one(sku) for _ in range(4)))
    eventually(lambda: known(lambda: bed.on_hand(sku) == 7), "the stock")
    bed.settle()
    for start, count in ({"from_time": timestamp(middle)}, 4), ({"from_position": "6"}, 2):
        request = operations_service_pb2.ReplayFeedRequest(id="stock", reason="a test", **start)
        *_, last = bed.api.operations.ReplayFeed(request, timeout=PATIENCE)
        assert (last.done, last.events, last.counters.duplicate) == (True, count, count)
    assert bed.on_hand(sku) == 7 and bed.feed().position.endswith("=7")


def test_nats_that_is_not_there_fails_its_feed_alone_until_it_comes(new_server, tmp_path):
    nats = Nats(tmp_path).start()
    try:
        bed = Bed(nats, new_server)
        nats.kill()
        bed.start()
        bed.api.apply(snapshot(new_name(), source=bed.source, on_hand=1))
        feed = eventually(lambda: (feed := bed.feed()) and feed.last_error and feed, "the feed's failure")
        assert nats.url in feed.last_error and feed.HasField("last_error_time")
        nats.start()
        sku = new_name()
        bed.send(bed.plus_one(sku))
        eventually(lambda: known(lambda: bed.on_hand(sku) == 1), "the stock")
        assert bed.feed().restarts > 0
    finally:
        nats.stop()


def test_nats_that_is_killed_while_events_flow_loses_none(new_server, tmp_path):
    nats = Nats(tmp_path).start()
    try:
        bed = Bed(nats, new_server).start()
        sku = new_name()
        for _ in range(3):
            bed.send(*(bed.plus_one(sku) for _ in range(400)))
            nats.kill()
            nats.start()
        eventually(lambda: known(lambda: bed.on_hand(sku) == 1_200), "all of the stock")
        bed.settle()
    finally:
        nats.stop()


def test_our_server_that_is_killed_while_events_flow_applies_each_once(bed):
    # What a killed server was handed comes again after this; the feed's own consumer waits a minute.
    bed.nats.add_consumer(bed.stream, bed.durable, bed.subjects[0], ack_wait=2)
    sku, count = new_name(), 6_000
    events = (bed.plus_one(sku).SerializeToString() for _ in range(count))
    sender = threading.Thread(
        target=bed.nats.publish_fast, args=(bed.stream, bed.subjects[0], events), kwargs={"headers": PROTOBUF})
    bed.start()
    sender.start()
    for reached in (1, count // 4, count // 2):
        eventually(lambda: (known(lambda: bed.on_hand(sku)) or 0) >= reached, "some of the stock")
        bed.kill()
        bed.start()
    sender.join()
    eventually(lambda: bed.on_hand(sku) == count, "all of the stock")
    bed.settle()
    assert bed.on_hand(sku) == count


def test_very_many_events_all_arrive(bed):
    bed.start()
    skus = [new_name() for _ in range(100)]
    bodies = (bed.plus_one(skus[number % 100]).SerializeToString() for number in range(VOLUME))
    bed.nats.publish_fast(bed.stream, bed.subjects[0], bodies, headers=PROTOBUF)

    def is_done():
        source = bed.api.source(bed.source)
        return source and source.counters.applied == VOLUME and source.feeds[0].waiting == 0

    # More than one wait: each goes on while events arrive.
    reached = -1
    while not is_done():
        before, reached = reached, eventually(
            lambda: (source := bed.api.source(bed.source)) and source.counters.applied > reached
            and source.counters.applied, "more events")
    bed.settle()
    assert [bed.on_hand(sku) for sku in skus] == [VOLUME // 100] * 100


def test_server_is_checked_by_the_authority_of_the_configuration(new_server, tmp_path, authority):
    certificate, key = authority.issue("nats", alternative_names="DNS:localhost")
    trusted = ssl.create_default_context(cafile=authority.certificate)
    nats = Nats(tmp_path, f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\n', scheme="tls", tls=trusted).start()
    try:
        bed = Bed(nats, new_server, extra=f"    ca_file: {authority.certificate}\n").start()
        sku = new_name()
        bed.send(bed.plus_one(sku))
        eventually(lambda: known(lambda: bed.on_hand(sku) == 1), "the stock")
        # Without it, nobody vouches for the server.
        stranger = Bed(nats, new_server).start()
        stranger.api.apply(snapshot(new_name(), source=stranger.source, on_hand=1))
        eventually(lambda: stranger.feed().last_error, "the feed's failure")
        assert stranger.nats.consumer(stranger.stream, stranger.durable) is None
    finally:
        nats.stop()


def test_user_is_known_by_the_credentials_of_the_configuration(new_server, tmp_path):
    credentials = Credentials(tmp_path)
    nats = Nats(tmp_path, credentials.settings, **credentials.client).start()
    try:
        bed = Bed(nats, new_server, extra=f"    credentials_file: {credentials.file}\n").start()
        sku = new_name()
        bed.send(bed.plus_one(sku))
        eventually(lambda: known(lambda: bed.on_hand(sku) == 1), "the stock")
    finally:
        nats.stop()


def test_settings_that_cannot_be_are_told_before_the_server_starts(tmp_path):
    path = tmp_path / "server.yaml"
    path.write_text(SMALL + """
feeds:
  stock: {kind: nats, source: wms, url: "nats://127.0.0.1:1", stream: A.B, subjects: [a..b], durable: d}
""")
    done = run("check-config", str(path))
    assert done.returncode != 0
    assert "feeds.stock: stream: " in done.stderr + done.stdout
