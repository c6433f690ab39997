"""What a channel may sell, told to webhooks and to NATS as it changes: at least once, the newest figure of each sku last."""
import json
import signal
import subprocess
import threading
import time

import pytest

from availability.v1 import operations_service_pb2, policy_pb2, publication_pb2

from support import PATIENCE
from support.api import SECOND, Api, adjustment, duration, failure_of, heartbeat, new_name, outcome_name, snapshot
from support.nats import Nats
from support.receivers import SECRETS, Receiver, is_signed
from support.reservations import Holder, wanted
from support.server import AVAIL, SMALL, clean_environment, eventually, run

RUNNING, FAILED, PAUSED = (publication_pb2.PUBLICATION_STATE_RUNNING, publication_pb2.PUBLICATION_STATE_FAILED,
                           publication_pb2.PUBLICATION_STATE_PAUSED)


class Bed:
    """A server of our own that publishes to a receiver of a test's own."""

    def __init__(self, new_server, receiver, folder, settings="", channel="web", id="shop"):
        self.receiver = receiver
        self.secret_file = folder / "secret"
        self.secret_file.write_text(f"whsec_{SECRETS[0]}\n")
        self.id = id
        self.server = new_server(configuration=SMALL.replace("buffer: 2", "buffer: 0") + f"""
erps: {{}}
publications:
  {id}:
    kind: webhook
    channel: {channel}
    url: {receiver.url}
    secret_file: {self.secret_file}
{settings}""")

    def start(self):
        self.server.start()
        self.connect()
        return self

    def connect(self):
        self.api = Holder(self.server.channel())

    def publications(self):
        request = operations_service_pb2.ListPublicationsRequest()
        return self.api.operations.ListPublications(request, timeout=PATIENCE).publications

    def publication(self):
        one, = self.publications()
        return one

    def settle(self):
        """Waits until everything is acknowledged, and the cursor stored."""
        eventually(lambda: self.publication().waiting == 0, "nothing waits")
        newest = self.api.check("web", new_name()).sequence
        eventually(lambda: self.publication().acknowledged_sequence >= newest, "the cursor")
        return self

    def settled_commits(self):
        """Returns after whatever a publication had the writer do before: commands are done in order."""
        self.stocked(0)

    def stocked(self, units, sku=None, **fields):
        sku = sku or new_name()
        self.api.apply(snapshot(sku, on_hand=units, **fields))
        return sku

    def letters(self):
        request = operations_service_pb2.ListDeadLettersRequest(source=f"publication:{self.id}")
        return self.api.operations.ListDeadLetters(request, timeout=PATIENCE).dead_letters

    def metric(self, name):
        return self.server.metric(f"availability_publication_{name}", publication=self.id)

    def avail(self, *arguments):
        return subprocess.run([AVAIL, "publication", *arguments], text=True, capture_output=True, timeout=PATIENCE,
                              env=clean_environment(AVAIL_ADDRESS=self.server.grpc_address))


@pytest.fixture
def receiver(request):
    one = Receiver()
    request.addfinalizer(one.close)
    return one


@pytest.fixture
def bed(new_server, receiver, tmp_path):
    return Bed(new_server, receiver, tmp_path)


def test_snapshot_and_changes_are_told_as_signed_cloudevents(bed, receiver):
    bed.start()
    sku = bed.stocked(10)
    receiver.until(sku, 10)
    bed.api.apply(adjustment(sku, -3))
    receiver.until(sku, 7).check()
    delivery = receiver.of(sku)[-1]
    event = delivery.event
    assert delivery.path == "/hook" and delivery.headers["content-type"].startswith("application/cloudevents+json")
    assert (event["specversion"], event["type"], event["source"], event["subject"]) == (
        "1.0", "availability.changed.v1", "/channels/web", f"skus/{sku}")
    assert event["id"] == delivery.id and event["datacontenttype"] == "application/json"
    checked = bed.api.check("web", sku)
    data = event["data"]
    assert delivery.id.startswith(f"{checked.epoch}-{data['sequence']}-")
    assert (data["epoch"], data["policyVersion"]) == (str(checked.epoch), str(checked.policy_version))
    assert (data["lines"][0]["status"], data["lines"][0]["freshness"]) == (
        "AVAILABILITY_STATUS_IN_STOCK", "FRESHNESS_FRESH")
    bed.settle()
    told = bed.publication()
    assert (told.id, told.channel, told.kind, told.state, told.target) == (
        "shop", "web", publication_pb2.PUBLICATION_KIND_WEBHOOK, RUNNING, receiver.url)
    assert told.told == len(receiver.taken) and not told.last_error
    assert (bed.metric("told_total"), bed.metric("waiting"), bed.metric("acknowledged_age_seconds")) == (told.told, 0, 0)


def test_hold_its_expiry_a_policy_change_and_staleness_are_each_told(bed, receiver):
    bed.start()
    source = new_name("src")
    sku = bed.stocked(10, source=source)
    receiver.until(sku, 10)
    bed.api.create("web", wanted(sku, 4), ttl=duration(2 * SECOND))
    receiver.until(sku, 6).until(sku, 10)
    bed.api.update_channel("web", policy_pb2.ChannelPolicy(sourcing=["WH1"], buffer_units=4))
    receiver.until(sku, 6)
    bed.api.update_channel("web", policy_pb2.ChannelPolicy(
        sourcing=["WH1"], buffer_units=4, freshness=policy_pb2.FreshnessPolicy(
            stale_after=duration(2 * SECOND), stale_action=policy_pb2.STALE_ACTION_WITHHOLD)))
    receiver.until(sku, 0)
    assert receiver.of(sku)[-1].line["freshness"] == "FRESHNESS_STALE"
    bed.api.apply(heartbeat(source))
    receiver.until(sku, 6).check()


def test_restart_goes_on_from_the_cursor_and_tells_what_changed_meanwhile(bed, receiver):
    bed.start()
    changed, still = bed.stocked(5), bed.stocked(6)
    receiver.until(changed, 5).until(still, 6)
    bed.settle()
    request = operations_service_pb2.PausePublicationRequest(id="shop", reason="a test")
    bed.api.operations.PausePublication(request, timeout=PATIENCE)
    bed.api.apply(adjustment(changed, -1))
    bed.server.restart()
    bed.connect()
    assert (bed.publication().state, bed.publication().pause_reason) == (PAUSED, "a test")
    before = len(receiver.of(still))
    bed.api.operations.ResumePublication(operations_service_pb2.ResumePublicationRequest(id="shop"), timeout=PATIENCE)
    receiver.until(changed, 4)
    bed.settle()
    assert len(receiver.of(still)) == before


def test_messages_lost_refused_and_late_are_sent_again_with_their_id_until_they_are_taken(bed, receiver):
    lock, counts = threading.Lock(), {}

    def answer(delivery):
        with lock:
            counts[delivery.id] = count = counts.get(delivery.id, 0) + 1
        if count > 1:
            return 200, {}
        return {0: None, 1: (500, {}), 2: (404, {})}[len(counts) % 3]

    receiver.answer = answer
    bed.start()
    skus = [bed.stocked(number + 1) for number in range(6)]
    for number, sku in enumerate(skus):
        receiver.until(sku, number + 1)
    receiver.check()
    assert all(count >= 2 for count in counts.values())
    told = bed.settle().publication()
    assert told.last_error and bed.metric("failed_total") >= len(skus)
    # Signed anew each time, and by the time of the attempt.
    first, *_, last = receiver.of(skus[0])
    assert first.id == last.id and first.headers["webhook-signature"] != last.headers["webhook-signature"] or (
        first.headers["webhook-timestamp"] == last.headers["webhook-timestamp"])


def test_message_that_is_refused_holds_up_no_other(bed, receiver):
    bad = new_name()
    receiver.answer = lambda delivery: (422, {}) if delivery.key[0] == bad else (200, {})
    bed.start()
    bed.stocked(1, sku=bad)
    eventually(lambda: receiver.of(bad), "the bad one")
    for units in range(1, 6):
        receiver.until(bed.stocked(units), units)
    eventually(lambda: bed.publication().waiting == 1, "all but the bad one being taken")
    # Its newest figure takes the place of the one that was refused.
    bed.api.apply(adjustment(bad, 4))
    receiver.answer = lambda delivery: (200, {})
    receiver.until(bad, 5)
    assert receiver.latest[bad, ""] == 5


def test_retry_after_is_honoured_by_all_messages(bed, receiver):
    until = []

    def answer(delivery):
        if not until:
            until.append(time.monotonic() + 3)
            return 503, {"Retry-After": "3"}
        return 200, {}

    bed.receiver.answer = answer
    bed.start()
    first = bed.stocked(1)
    eventually(lambda: bed.metric("failed_total") == 1, "the refusal")
    second = bed.stocked(2)
    receiver.until(first, 1).until(second, 2)
    later = [one.time for one in receiver.deliveries[1:]]
    assert min(later) >= until[0] - 0.1


def test_retry_after_far_ahead_gives_nothing_up(bed, receiver):
    receiver.answer = lambda delivery: (503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"})
    bed.start()
    bed.stocked(1)
    eventually(lambda: bed.metric("failed_total") >= 1, "the refusal")
    bed.settled_commits()
    assert bed.publication().given_up == 0 and not bed.letters() and bed.publication().waiting >= 1


def test_answers_that_never_end_hold_up_nothing(new_server, receiver, tmp_path, request):
    bed = Bed(new_server, receiver, tmp_path, "    timeout: 1s\n")
    end = threading.Event()
    request.addfinalizer(end.set)
    stalled = [new_name() for _ in range(16)]
    # As many as there may be on their way at a time, twice: taken by one half of the receivers, refused by the other.
    receiver.answer = lambda delivery: (
        (204, {}) if delivery.key[0] not in stalled else
        (200 if stalled.index(delivery.key[0]) % 2 else 422, {}, end))
    bed.start()
    for sku in stalled:
        bed.stocked(1, sku=sku)
    eventually(lambda: all(receiver.of(sku) for sku in stalled), "an attempt of each")
    for units in range(1, 6):
        receiver.until(bed.stocked(units), units)
    eventually(lambda: bed.publication().waiting == 8, "what was answered with 200 being taken")


def test_very_many_refused_skus_stop_no_other(new_server, receiver, tmp_path):
    count = 10_400
    bed = Bed(new_server, receiver, tmp_path, "    in_flight_max: 32\n")
    receiver.answer = lambda delivery: (422, {}) if delivery.key[0].startswith("bad") else (200, {})
    bed.start()
    for start in range(0, count, 400):
        bed.api.apply(*(snapshot(f"bad-{number}", on_hand=1) for number in range(start, start + 400)))
    eventually(lambda: bed.metric("retrying") == count, "every sku being refused")
    for units in range(1, 6):
        receiver.until(bed.stocked(units), units)
    eventually(lambda: bed.publication().waiting == count, "all others being taken")
    told = bed.publication()
    assert told.state == RUNNING and f"{count} lines were refused and are tried again" in told.last_error
    eventually(lambda: "the receiver of a publication refuses many lines" in bed.server.log_text(), "the warning")


def test_receiver_that_is_gone_pauses_the_publication_until_somebody_resumes_it(bed, receiver):
    receiver.answer = lambda delivery: (410, {})
    bed.start()
    sku = bed.stocked(3)
    eventually(lambda: bed.publication().state == PAUSED, "the pause")
    assert "410" in bed.publication().pause_reason
    bed.server.restart()
    bed.connect()
    assert bed.publication().state == PAUSED
    receiver.answer = lambda delivery: (200, {})
    shown = bed.avail("resume", "shop", "--reason", "it is back")
    assert shown.returncode == 0, shown.stderr
    receiver.until(sku, 3).check()


def test_redirect_is_not_followed(bed, receiver, request):
    other = Receiver()
    request.addfinalizer(other.close)
    receiver.answer = lambda delivery: (307, {"Location": other.url})
    bed.start()
    sku = bed.stocked(3)
    eventually(lambda: len(receiver.of(sku)) >= 2, "a second attempt")
    assert not other.deliveries and "redirects are not followed" in bed.publication().last_error


@pytest.mark.parametrize("host", ["10.255.255.1", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433"])
def test_address_that_is_not_public_is_not_sent_to(new_server, receiver, tmp_path, host):
    bed = Bed(new_server, receiver, tmp_path)
    bed.server.configuration = bed.server.configuration.replace(receiver.url, f"https://{host}:{receiver.server.server_port}/")
    bed.start()
    bed.stocked(1)
    eventually(lambda: "no public address" in bed.publication().last_error, "the refusal")
    assert bed.publication().state == FAILED and not receiver.deliveries


def test_message_that_is_not_taken_in_time_is_a_dead_letter_whose_replay_tells_the_newest_figure(
        new_server, receiver, tmp_path):
    bed = Bed(new_server, receiver, tmp_path, "    give_up_after: 2s\n")
    bad = new_name()
    receiver.answer = lambda delivery: (422, {}) if delivery.key[0] == bad else (200, {})
    bed.start()
    bed.stocked(1, sku=bad)
    letter, = eventually(bed.letters, "the letter")
    assert (letter.event_id, letter.reason, letter.source) == (receiver.of(bad)[0].id, "UNDELIVERED", "publication:shop")
    assert "422" in letter.message and json.loads(letter.body)["data"]["lines"][0]["available"] == "1"
    eventually(lambda: bed.publication().waiting == 0, "nothing waits")
    assert bed.publication().given_up == 1 and bed.metric("given_up_total") == 1
    receiver.answer = lambda delivery: (200, {})
    request = operations_service_pb2.ReplayDeadLettersRequest(ids=[letter.id], reason="it was mended")
    result, = bed.api.operations.ReplayDeadLetters(request, timeout=PATIENCE).results
    assert (result.id, outcome_name(result.outcome), result.reason) == (letter.id, "BUFFERED", "")
    receiver.until(bad, 1)
    eventually(lambda: not bed.letters(), "the letter's end")


def test_slow_receiver_hears_the_newest_figures_and_costs_others_nothing(bed, receiver):
    gate = threading.Event()

    def answer(delivery):
        gate.wait(PATIENCE)
        return 200, {}

    receiver.answer = answer
    bed.start()
    skus = [bed.stocked(1_000) for _ in range(40)]
    for _ in range(50):
        bed.api.apply(*(adjustment(sku, -1) for sku in skus))
    assert bed.api.available("web", skus[0]) == 950
    gate.set()
    for sku in skus:
        receiver.until(sku, 950)
    receiver.check()
    # In flight when the rest came, and then once.
    assert all(len(receiver.of(sku)) <= 2 for sku in skus)


def test_kill_of_our_server_loses_nothing_and_the_newest_figure_comes_last(bed, receiver):
    random_failures = iter(range(10**9))
    receiver.answer = lambda delivery: (500, {}) if next(random_failures) % 7 == 0 else (200, {})
    bed.start()
    skus = [bed.stocked(1_000) for _ in range(30)]
    left = dict.fromkeys(skus, 1_000)
    for round in range(4):
        for number in range(40):
            sku = skus[(number * 7 + round) % len(skus)]
            bed.api.apply(adjustment(sku, -1))
            left[sku] -= 1
        bed.server.kill()
        bed.server.start()
        bed.connect()
    for sku in skus:
        receiver.until(sku, left[sku])
    bed.settle()
    receiver.check()
    # After the last kill figures only ever fell.
    assert {sku: receiver.latest[sku, ""] for sku in skus} == left


def test_figure_told_as_stale_is_told_again_after_a_kill(bed, receiver):
    bed.start()
    source = new_name("src")
    sku = bed.stocked(5, source=source)
    receiver.until(sku, 5)
    bed.settle()
    bed.api.update_channel("web", policy_pb2.ChannelPolicy(
        sourcing=["WH1"], freshness=policy_pb2.FreshnessPolicy(
            stale_after=duration(2 * SECOND), stale_action=policy_pb2.STALE_ACTION_WITHHOLD)))
    receiver.until(sku, 0)
    bed.server.kill()
    bed.server.start()
    bed.connect()
    bed.api.apply(heartbeat(source))
    receiver.until(sku, 5)


def test_listed_skus_at_locations_and_bands_are_told_and_nothing_else(new_server, receiver, tmp_path):
    sku, other = new_name(), new_name()
    bed = Bed(new_server, receiver, tmp_path, f"""    skus: [{sku}]
    locations: [WH1, EAST]
    bands: [0, 10]
    type_prefix: com.example
    headers: {{X-Shop: main}}
""").start()
    bed.stocked(20, sku=sku)
    bed.stocked(20, sku=other)
    receiver.until(sku, 20, "WH1").until(sku, 20, "EAST")
    bed.api.apply(adjustment(sku, -1))
    bed.api.apply(adjustment(sku, -10))
    receiver.until(sku, 9, "WH1").until(sku, 9, "EAST").check()
    assert not receiver.of(other) and 19 not in {one.available for one in receiver.deliveries}
    last = receiver.deliveries[-1]
    assert last.event["type"] == "com.example.availability.changed.v1" and last.headers["x-shop"] == "main"
    assert last.event["subject"] in (f"skus/{sku}/locations/WH1", f"skus/{sku}/locations/EAST")


def test_all_skus_at_locations_are_told_one_line_for_each_where_they_are(new_server, receiver, tmp_path):
    bed = Bed(new_server, receiver, tmp_path, "    locations: [WH1, EAST]\n").start()
    both, east, west = bed.stocked(20), new_name(), new_name()
    bed.api.apply(snapshot(east, "WH2", on_hand=3), snapshot(west, "WH4", on_hand=4))
    receiver.until(both, 20, "WH1").until(both, 20, "EAST").until(east, 3, "EAST")
    bed.settle()
    bed.server.restart()
    bed.connect()
    bed.api.apply(adjustment(both, -5))
    receiver.until(both, 15, "WH1").until(both, 15, "EAST").check()
    assert set(receiver.latest) == {(both, "WH1"), (both, "EAST"), (east, "EAST")}
    assert len(receiver.of(east)) == 1


def test_dead_letter_of_a_location_is_told_again_there(new_server, receiver, tmp_path):
    bed = Bed(new_server, receiver, tmp_path, "    locations: [WH1, WH2]\n    give_up_after: 2s\n")
    receiver.answer = lambda delivery: (422, {}) if delivery.key[1] == "WH2" else (200, {})
    bed.start()
    sku = new_name()
    bed.api.apply(snapshot(sku, "WH1", on_hand=1), snapshot(sku, "WH2", on_hand=2))
    letter, = eventually(bed.letters, "the letter")
    receiver.answer = lambda delivery: (200, {})
    request = operations_service_pb2.ReplayDeadLettersRequest(ids=[letter.id], reason="it was mended")
    result, = bed.api.operations.ReplayDeadLetters(request, timeout=PATIENCE).results
    assert outcome_name(result.outcome) == "BUFFERED", result.reason
    receiver.until(sku, 2, "WH2")
    eventually(lambda: not bed.letters(), "the letter's end")
    assert len([one for one in receiver.of(sku) if one.key[1] == "WH1"]) == 1


def test_secret_is_exchanged_without_a_restart(bed, receiver):
    bed.start()
    receiver.until(bed.stocked(1), 1)
    bed.secret_file.write_text(f"whsec_{SECRETS[0]}\nwhsec_{SECRETS[1]}\n")
    sku = bed.stocked(2)
    receiver.until(sku, 2).check()
    last = receiver.of(sku)[-1]
    assert all(is_signed(last.headers, last.body, secret) for secret in SECRETS)
    bed.secret_file.unlink()
    sku = bed.stocked(3)
    eventually(lambda: "secret_file" in bed.publication().last_error, "the failure")
    assert bed.publication().state == FAILED and not receiver.of(sku)
    bed.secret_file.write_text(SECRETS[0])
    receiver.until(sku, 3)


def test_unknown_publications_and_bad_reasons_are_refused_by_name(bed):
    bed.start()
    pause = bed.api.operations.PausePublication
    failure = failure_of(pause, operations_service_pb2.PausePublicationRequest(id="x", reason="y"), timeout=PATIENCE)
    assert failure.reason == "PUBLICATION_NOT_FOUND"
    failure = failure_of(pause, operations_service_pb2.PausePublicationRequest(id="shop"), timeout=PATIENCE)
    assert failure.fields == ["reason"]


def test_avail_shows_pauses_and_resumes(bed, receiver):
    bed.start()
    shown = bed.avail("list")
    assert shown.returncode == 0 and shown.stdout.split()[:2] == ["PUBLICATION", "CHANNEL"] and "shop" in shown.stdout
    paused = bed.avail("pause", "shop", "--reason", "the shop moves", "--output", "json")
    assert json.loads(paused.stdout)["publication"]["state"] == "PUBLICATION_STATE_PAUSED", paused.stderr
    assert "the shop moves" in bed.avail("show", "shop").stdout
    assert bed.avail("resume", "shop").returncode == 0
    assert bed.avail("show", "nobody").returncode == 64
    receiver.until(bed.stocked(1), 1)


@pytest.mark.parametrize("lines, key", [
    ("kind: smoke", "kind"), ("kind: webhook, channel: web, secret_file: /s", "url"),
    ("kind: webhook, channel: web, url: 'http://shop.example/', secret_file: /s", "url"),
    ("kind: webhook, channel: web, url: 'https://shop.example/'", "secret_file"),
    ("kind: webhook, channel: web, url: 'https://a/', secret_file: /s, subject: x", "subject"),
    ("kind: webhook, channel: web, url: 'https://a/', secret_file: /s, timeout: 2h", "timeout"),
    ("kind: webhook, channel: web, url: 'https://a/', secret_file: /s, headers: {Host: b}", "headers"),
    ("kind: nats, channel: web, url: 'http://a'", "url"), ("kind: nats, url: 'nats://a'", "channel"),
    ("kind: nats, channel: web, url: 'nats://a', subject: 'a.>'", "subject"),
    ("kind: nats, channel: web, url: 'nats://a', subject: '{location}.{sku}'", "subject"),
    ("kind: nats, channel: web, url: 'nats://a', skus: some", "skus"),
    ("kind: nats, channel: web, url: 'nats://a', locations: [WH9]", "locations"),
    ("kind: nats, channel: web, url: 'nats://a', skus: [A], locations: [WH9]", "locations"),
    ("kind: nats, channel: web, url: 'nats://a', bands: [3, 2]", "bands"),
    ("kind: nats, channel: web, url: 'nats://a', in_flight_max: 0", "in_flight_max"),
])
def test_bad_settings_are_named(tmp_path, lines, key):
    path = tmp_path / "server.yaml"
    path.write_text(SMALL + f"publications: {{shop: {{{lines}}}}}\n")
    told = run("check-config", str(path))
    assert told.returncode == 64 and f"publications.shop.{key}" in told.stderr, told.stderr


# NATS.

@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    server = Nats(tmp_path_factory.mktemp("nats"))
    try:
        yield server.start()
    finally:
        server.stop()


class NatsBed(Bed):
    def __init__(self, nats, new_server, stream):
        self.nats, self.stream, self.id = nats, stream, "bus"
        self.server = new_server(configuration=SMALL.replace("buffer: 2", "buffer: 0") + f"""
erps: {{}}
publications:
  bus: {{kind: nats, channel: web, url: '{nats.url}', subject: '{stream}.{{channel}}.{{sku}}'}}
""")

    def messages(self):
        return self.nats.messages(self.stream)

    def latest(self):
        return {subject: int(json.loads(body)["data"]["lines"][0]["available"]) for subject, _, body in self.messages()}


def test_changes_go_to_a_subject_of_each_sku_with_the_events_id(nats, new_server):
    stream = new_name("S").replace("-", "")
    nats.add_stream(stream, f"{stream}.>")
    bed = NatsBed(nats, new_server, stream).start()
    plain, odd = bed.stocked(4), f"{new_name()}.x *"
    bed.stocked(6, sku=odd)
    bed.api.apply(adjustment(plain, 1))
    expected = {f"{stream}.web.{plain}": 5, f"{stream}.web.{odd[:-4]}%2Ex%20%2A": 6}
    eventually(lambda: bed.latest() == expected, "the figures")
    for _, headers, body in bed.messages():
        assert headers["Nats-Msg-Id"] == json.loads(body)["id"]
        assert headers["Content-Type"] == "application/cloudevents+json"
    assert bed.settle().publication().kind == publication_pb2.PUBLICATION_KIND_NATS


def test_outage_of_nats_and_a_kill_of_ours_lose_nothing(new_server, tmp_path):
    nats = Nats(tmp_path).start()
    try:
        nats.add_stream("S", "S.>")
        bed = NatsBed(nats, new_server, "S").start()
        skus = [bed.stocked(10) for _ in range(20)]
        eventually(lambda: len(bed.latest()) == 20, "the first figures")
        nats.kill()
        bed.api.apply(*(adjustment(sku, -1) for sku in skus))
        eventually(lambda: bed.publication().state == FAILED, "the failure")
        bed.server.kill()
        bed.server.start()
        bed.connect()
        bed.api.apply(*(adjustment(sku, -1) for sku in skus))
        nats.start()
        eventually(lambda: set(bed.latest().values()) == {8}, "the newest figures")
        bed.settle()
    finally:
        nats.stop()


def test_nats_that_hangs_does_not_hold_up_the_end_of_the_server(new_server, tmp_path):
    nats = Nats(tmp_path).start()
    try:
        nats.add_stream("S", "S.>")
        bed = NatsBed(nats, new_server, "S")
        bed.server.configuration = bed.server.configuration.replace("kind: nats,", "kind: nats, in_flight_max: 100,")
        bed.start()
        skus = [bed.stocked(10) for _ in range(100)]
        eventually(lambda: len(bed.latest()) == 100, "the first figures")
        # Connected, and silent.
        nats.process.send_signal(signal.SIGSTOP)
        bed.api.apply(*(adjustment(sku, -1) for sku in skus))
        eventually(lambda: bed.publication().waiting == 100, "messages on their way")
        assert bed.server.terminate() == 0
        nats.process.send_signal(signal.SIGCONT)
        bed.server.start()
        bed.connect()
        eventually(lambda: set(bed.latest().values()) == {9}, "the newest figures")
    finally:
        nats.process.send_signal(signal.SIGCONT)
        nats.stop()
