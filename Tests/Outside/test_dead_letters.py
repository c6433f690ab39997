"""Dead letters: what could not be applied is listed, tried again, given up; none is lost, and each step is told of."""
import json
import subprocess
import time

import grpc
import pytest

from availability.v1 import inventory_event_pb2, inventory_feed_service_pb2, operations_service_pb2

from support import PATIENCE
from support.api import (
    APPLIED, DEAD_LETTERED, DUPLICATE, Api, adjustment, event, failure_of, new_name, now, snapshot, timestamp)
from support.server import AVAIL, SMALL, clean_environment, eventually

OWNED = SMALL.replace("WH6: }", "WH6: {owner: wms}}")
UNSPECIFIED = inventory_event_pb2.EVENT_OUTCOME_UNSPECIFIED


class Letters:
    """The three calls, with a deadline."""

    def __init__(self, api):
        self.operations = api.operations

    def page(self, **fields):
        return self.operations.ListDeadLetters(
            operations_service_pb2.ListDeadLettersRequest(**fields), timeout=PATIENCE)

    def all(self, **fields):
        """Every letter that matches, page after page."""
        found, token = [], ""
        while True:
            page = self.page(page_token=token, **fields)
            found += page.dead_letters
            token = page.next_page_token
            if not token:
                return found

    def replay(self, *ids, reason=""):
        request = operations_service_pb2.ReplayDeadLettersRequest(ids=ids, reason=reason)
        return self.operations.ReplayDeadLetters(request, timeout=PATIENCE)

    def discard(self, *ids, reason="not wanted"):
        request = operations_service_pb2.DiscardDeadLettersRequest(ids=ids, reason=reason)
        return self.operations.DiscardDeadLetters(request, timeout=PATIENCE)


@pytest.fixture
def letters(api):
    return Letters(api)


@pytest.fixture
def avail(server):
    """Runs the client; its exit status must be `status`."""
    def call(*arguments, status=0, at=server):
        ended = subprocess.run(
            [AVAIL, *arguments], text=True, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
            env=clean_environment(AVAIL_ADDRESS=at.grpc_address))
        assert ended.returncode == status, (ended.stdout, ended.stderr)
        return ended.stdout
    return call


def poison(source, **fields):
    """An event for a place that is not there."""
    return adjustment(fields.pop("sku", "") or new_name(), 1, location="NOWHERE", source=source, **fields)


def test_letter_has_the_event_as_it_came_and_why_it_failed(api, letters):
    source = new_name("src")
    sent = poison(source)
    before = now()
    result, = api.publish(sent)
    assert result.outcome == DEAD_LETTERED
    letter, = letters.all(source=source)
    assert (letter.source, letter.event_id, letter.reason) == (source, sent.id, "UNKNOWN_LOCATION")
    assert letter.message == "location: no location is called NOWHERE"
    assert letter.event == sent
    assert letter.content_type == "application/x-protobuf"
    assert inventory_event_pb2.InventoryEvent.FromString(letter.body) == sent
    assert letter.replay_count == 0
    assert timestamp(before).seconds <= letter.receive_time.seconds <= timestamp(now()).seconds + 1
    api.publish(sent)
    again, = letters.all(source=source)
    assert (again.id, again.replay_count, again.receive_time) == (letter.id, 1, letter.receive_time)


def test_list_is_oldest_first_and_filters_by_every_field(api, letters):
    first, second = new_name("src"), new_name("src")
    sku = new_name()
    sent = [poison(first, sku=sku), poison(second, sku=sku), poison(first)]
    for each in sent:
        api.publish(each)
    middle = now()
    time.sleep(0.01)
    sent.append(event("CYCLE_COUNT", new_name(), source=first))
    api.publish(sent[3])

    def ids(**fields):
        return [letter.event_id for letter in letters.all(**fields)]

    mine = [each.id for each in sent]
    assert ids(source=first) == [mine[0], mine[2], mine[3]]
    assert ids(sku=sku) == mine[:2]
    assert ids(source=first, reason="INVALID_FIELD") == [mine[3]]
    assert ids(source=first, until_time=timestamp(middle)) == [mine[0], mine[2]]
    assert ids(source=first, from_time=timestamp(middle)) == [mine[3]]
    assert ids(source=first, reason="NOT_OWNER") == []
    names = [letter.id for letter in letters.all(source=first)]
    assert ids(ids=list(reversed(names)) + ["1-1", "nonsense"]) == [mine[0], mine[2], mine[3]]
    assert ids(ids=names, sku=sku) == [mine[0]]
    assert letters.page(source=first, page_size=1).total >= 4


def test_wrong_requests_name_the_field(letters):
    for fields, field in [
            ({"page_size": 1_001}, "page_size"), ({"page_size": -1}, "page_size"), ({"page_token": "!"}, "page_token"),
            ({"ids": ["x"] * 1_001}, "ids"), ({"source": "x" * 45}, "source"), ({"sku": "\n"}, "sku"),
            ({"from_time": {"seconds": -1}}, "from_time")]:
        failure = failure_of(letters.page, **fields)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), fields
    for call, arguments, options, field in [
            (letters.replay, [], {}, "ids"), (letters.replay, ["x"] * 1_001, {}, "ids"),
            (letters.replay, ["x"], {"reason": "y" * 257}, "reason"),
            (letters.discard, [], {}, "ids"), (letters.discard, ["x"], {"reason": ""}, "reason")]:
        failure = failure_of(call, *arguments, **options)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), options


def test_unknown_ids_are_told_one_by_one(api, letters):
    source = new_name("src")
    api.publish(poison(source))
    letter, = letters.all(source=source)
    results = letters.replay("1-1", letter.id, "what is this?").results
    assert [result.id for result in results] == ["1-1", letter.id, "what is this?"]
    assert [result.outcome for result in results] == [UNSPECIFIED, DEAD_LETTERED, UNSPECIFIED]
    assert results[0].reason == "DEAD_LETTER_NOT_FOUND"
    assert list(letters.discard("1-1", letter.id, letter.id).discarded_ids) == [letter.id]
    assert letters.all(source=source) == []


def test_id_reused_stays_and_blocks_nobody(api, letters):
    source, sku = new_name("src"), new_name()
    first = adjustment(sku, 5, source=source)
    api.apply(first)
    api.publish(adjustment(sku, 6, source=source, id=first.id))
    letter, = letters.all(source=source)
    result, = letters.replay(letter.id).results
    assert result.outcome == DEAD_LETTERED and result.reason.startswith("ID_REUSED")
    assert letters.all(source=source)[0].replay_count == 1
    api.apply(adjustment(sku, 1, source=source))
    assert api.position(sku).position.on_hand == 6


def test_replay_after_the_cause_was_mended_takes_effect_once(new_server):
    server = new_server(configuration=OWNED)
    api = Api(server.start().channel())
    letters = Letters(api)
    sku = new_name()
    sent = [snapshot(sku, location="WH6", source="shop", on_hand=7), adjustment(sku, -2, location="WH6", source="shop")]
    assert {result.outcome for result in api.publish(*sent)} == {DEAD_LETTERED}
    kept = letters.all()
    assert [letter.reason for letter in kept] == ["NOT_OWNER", "NOT_OWNER"]
    assert letters.replay(*[letter.id for letter in kept]).results[0].outcome == DEAD_LETTERED

    server.kill()
    api = Api(server.start().channel())
    letters = Letters(api)
    assert [(letter.id, letter.replay_count) for letter in letters.all()] == [(each.id, 1) for each in kept]
    # The places lie in the ledger: a new one is what a file can add.
    sent = poison("shop", sku=sku)
    api.publish(sent)
    server.configuration = OWNED.replace("WH6:", "NOWHERE: , WH6:")
    server.restart()
    api = Api(server.channel())
    letters = Letters(api)
    mended = letters.all(reason="UNKNOWN_LOCATION")[0]
    answer = letters.replay(mended.id, reason="the location was added")
    assert [result.outcome for result in answer.results] == [APPLIED]
    assert answer.sequence >= api.position(sku, "NOWHERE").sequence
    assert api.position(sku, "NOWHERE").position.on_hand == 1
    assert api.publish(sent)[0].outcome == DUPLICATE
    assert letters.page().total == 2
    assert [server.metric(f"availability_dead_letters{of}") for of in ["", "_max"]] == [2, 1_000_000]
    assert "dead_letters" in server.get("/readyz?verbose")[1]


def test_five_thousand_letters_are_paged_replayed_and_discarded_and_survive(new_server, avail):
    server = new_server()
    api = Api(server.start().channel())
    sent = [poison(f"src-{number % 2}", id=f"e-{number:05}", sku=f"S-{number}") for number in range(5_000)]
    for start in range(0, len(sent), 1_000):
        api.publish(*sent[start:start + 1_000])
    letters = Letters(api)
    assert [letter.event_id for letter in letters.all(page_size=700)] == [each.id for each in sent]
    assert len(letters.all(source="src-1", page_size=1_000)) == 2_500
    page = letters.page(sku="S-4999", page_size=10)
    assert [letter.event_id for letter in page.dead_letters] == ["e-04999"] and page.total == 5_000

    told = avail("dead-letter", "replay", "--source", "src-1", status=1, at=server)
    assert told.split() == ["OUTCOME", "EVENTS", "DEAD_LETTERED", "2500"]
    assert all(letter.replay_count == (letter.source == "src-1") for letter in letters.all(page_size=1_000))
    server.configuration = SMALL.replace("WH6: }", "WH6: , NOWHERE: }")
    server.restart()
    letters = Letters(Api(server.channel()))
    assert letters.page().total == 5_000
    told = avail("dead-letter", "discard", "--source", "src-0", "--yes", "--because", "a test", at=server)
    assert told == "discarded 2500\n"
    told = avail("dead-letter", "replay", "--all", "--because", "the location was added", at=server)
    assert told.split() == ["OUTCOME", "EVENTS", "APPLIED", "2500"]
    assert letters.page().total == 0
    assert Api(server.channel()).position("S-4999", "NOWHERE").position.on_hand == 1


def test_log_and_readiness_warn_long_before_the_bound(new_server):
    server = new_server()
    api = Api(server.start().channel())

    def warnings():
        return [line for line in server.logs() if line["message"].startswith("dead letters pile up")]

    at, count = timestamp(now()), 0
    while count < 100_000:
        assert not warnings() and "100000 of 1000000" not in server.get("/readyz?verbose")[1]
        api.feed.PublishEvents(inventory_feed_service_pb2.PublishEventsRequest(events=[
            inventory_event_pb2.InventoryEvent(id=f"e{count + number}", occurred_at=at) for number in range(1_000)]),
            timeout=PATIENCE)
        count += 1_000
    warning, = eventually(warnings, "the warning")
    assert (int(warning["dead_letters"]), int(warning["dead_letters_max"])) == (100_000, 1_000_000)
    status, text = server.get("/readyz?verbose")
    assert status == 200 and "100000 of 1000000" in text
    # A filter that nothing matches looks at a bounded number a page, and still comes to the end.
    letters = Letters(api)
    assert letters.page(sku="nothing").next_page_token != ""
    assert letters.all(sku="nothing") == []


def test_letters_that_fill_their_bytes_are_told_and_refuse_new_ones_only(new_server, avail):
    server = new_server(configuration=SMALL + "events: {dead_letter_bytes_max: 1MiB}\n")
    api = Api(server.start().channel())

    bulky = [poison("src", id=f"e-{number}", reason="x" * 100_000) for number in range(11)]
    api.publish(bulky[0])
    assert "of 1048576 bytes" not in server.get("/readyz?verbose")[1]
    api.publish(bulky[1])
    eventually(lambda: any("pile up" in line["message"] for line in server.logs()), "the warning")
    assert "of 1048576 bytes" in server.get("/readyz?verbose")[1]
    for letter in bulky[2:10]:
        api.publish(letter)
    sku = new_name()
    failure = failure_of(api.publish, bulky[10], adjustment(sku, 5))
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    assert "1048576 bytes of events.dead_letter_bytes_max" in failure.message
    api.apply(adjustment(sku, 5))
    api.publish(bulky[3])
    server.restart()
    api = Api(server.channel())
    assert server.metric("availability_dead_letters") == 10
    bytes_max = server.metric("availability_dead_letter_bytes_max")
    assert 1_000_000 < server.metric("availability_dead_letter_bytes") <= bytes_max == 1_048_576
    assert failure_of(api.publish, bulky[10]).reason == "STORAGE_FULL"
    avail("dead-letter", "discard", "--all", "--yes", "--because", "a test", at=server)
    assert server.metric("availability_dead_letter_bytes") == 0
    assert api.publish(bulky[10])[0].outcome == DEAD_LETTERED


def test_client_lists_shows_replays_and_discards(api, letters, avail):
    source = new_name("src")
    sent = poison(source)
    api.publish(sent)
    letter, = letters.all(source=source)
    listed = avail("dead-letter", "list", "--source", source, "--reason", "unknown-location")
    assert letter.id in listed and sent.id in listed and "UNKNOWN_LOCATION" in listed
    assert json.loads(avail("dead-letter", "list", "--source", source, "-o", "json"))["deadLetters"][0]["id"] == letter.id
    shown = avail("dead-letter", "show", letter.id)
    assert f'"id":"{sent.id}"' in shown and "no location is called NOWHERE" in shown
    avail("dead-letter", "show", "1-1", status=69)
    assert "DEAD_LETTERED" in avail("dead-letter", "replay", letter.id, status=1)
    avail("dead-letter", "discard", letter.id, status=64)
    avail("dead-letter", "discard", "--source", source, "--because", "x", status=64)
    avail("dead-letter", "replay", status=64)
    avail("dead-letter", "replay", "--all", letter.id, status=64)
    assert avail("dead-letter", "discard", letter.id, "--because", "a test") == "discarded 1\n"
    avail("dead-letter", "discard", letter.id, "--because", "a test", status=1)
    assert letters.all(source=source) == []
