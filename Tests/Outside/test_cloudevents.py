"""CloudEvents over HTTP: every mode, each event once, bad ones kept apart, senders that nobody else suffers from."""
import base64
import json
import socket
import threading

import grpc
import pytest

from availability.v1 import operations_service_pb2

from support import PATIENCE
from support.api import Api, adjustment, new_name, now, snapshot, source_status_name
from support.metrics import values
from support.server import SMALL, eventually, run
from support.webhooks import BATCH, STRUCTURED, Sender, cloud_event, text_time

TOKEN = "a-token"


@pytest.fixture(scope="module")
def fed(tmp_path_factory):
    """A server with two feeds of CloudEvents: /events, open to all, and /guarded, with a token, origins and a map."""
    from support.server import Server
    folder = tmp_path_factory.mktemp("cloudevents")
    (folder / "token").write_text(TOKEN + "\n")
    server = Server(folder, configuration=SMALL + f"""
feeds:
  open: {{kind: http, source: wms}}
  guarded:
    kind: http
    source: partner
    path: /guarded
    bearer_file: '{folder}/token'
    allowed_origins: [sender.example]
    sources: {{/wms/eu: partner-eu}}
    types: {{stock.counted: CYCLE_COUNT}}
    map: {{skus: {{THEIRS: ours-1}}, unlisted_skus: refuse, locations: {{HAM: WH1}}}}
""")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def api(fed):
    return Api(fed.channel())


@pytest.fixture
def sender(fed):
    return Sender(fed)


def counted(sku, quantity, **attributes):
    return cloud_event("CYCLE_COUNT", sku, data={"quantity": quantity}, **attributes)


def on_hand(api, sku, location="WH1"):
    return api.position(sku, location).position.on_hand


def dead_letters(api, source):
    request = operations_service_pb2.ListDeadLettersRequest(source=source)
    return api.operations.ListDeadLetters(request, timeout=PATIENCE).dead_letters


# Modes.

def test_one_event_in_three_modes_takes_effect_once(api, sender):
    sku = new_name()
    event = cloud_event("ADJUSTMENT", sku, data={"quantity": 5, "reason": "FOUND"})
    answer = sender.post(event, STRUCTURED)
    assert (answer.status, answer.text) == (202, "")
    assert sender.binary(event).status == 202
    assert sender.results([event, event], BATCH) == [("DUPLICATE", ""), ("DUPLICATE", "")]
    assert on_hand(api, sku) == 5


def test_same_event_by_grpc_is_the_same_event(api, sender):
    sku, time = new_name(), now()
    event = adjustment(sku, 5, source="wms", at=time)
    api.apply(event)
    data = {"quantity": "5", "reason": "COUNTED"}
    told = cloud_event("ADJUSTMENT", sku, time=text_time(time), id=event.id, data=data)
    assert sender.results(told, STRUCTURED) == [("DUPLICATE", "")]
    told["data"]["quantity"] = 6
    outcome, reason = sender.results(told, STRUCTURED)[0]
    assert outcome == "DEAD_LETTERED" and reason.startswith("ID_REUSED")


def test_binary_mode_decodes_its_headers(api, sender):
    sku = new_name("Größe 50% \"A/B\"")
    assert sender.binary(counted(sku, 3)).status == 202
    assert on_hand(api, sku) == 3
    answer = sender.post(b"{}", "application/json", ce_specversion="1.0", ce_id="%C0%A0", ce_source="x", ce_type="y")
    assert (answer.status, answer.text) == (400, "ce-id: is not percent-encoded UTF-8\n")


def test_data_may_say_what_the_envelope_does_not(api, sender):
    sku = new_name()
    event = cloud_event("POSITION_SNAPSHOT", data={
        "sku": sku, "location": "WH2", "position": {"onHand": "40", "allocated": 3, "safety_stock": 0}})
    assert sender.results(event, STRUCTURED) == [("APPLIED", "")]
    position = api.position(sku, "WH2").position
    assert (position.on_hand, position.allocated) == (40, 3)
    event = counted(sku, 0)
    event["data_base64"] = base64.b64encode(json.dumps({"quantity": 9}).encode()).decode()
    del event["data"]
    assert sender.results(event, STRUCTURED) == [("APPLIED", "")]
    assert on_hand(api, sku) == 9


def test_heartbeat_needs_no_data(api, sender):
    assert sender.binary(cloud_event("SOURCE_HEARTBEAT")).status == 202
    assert api.source("wms").watermark.seconds > 0


def test_contradiction_is_a_dead_letter_that_names_the_field(api, sender):
    event = cloud_event("CYCLE_COUNT", "A", data={"sku": "B", "quantity": 1})
    assert sender.results(event, STRUCTURED) == [
        ("DEAD_LETTERED", "INVALID_FIELD: sku: is A in the envelope and B in the data")]


def test_one_poisoned_event_of_a_batch_is_kept_with_its_own_bytes(api, sender):
    sku = new_name()
    poison = json.dumps(cloud_event("ADJUSTMENT", sku, data=7), indent=3).encode()
    broken = b'{"id": nonsense}'
    found = {"quantity": 1, "reason": "FOUND"}
    good = [json.dumps(cloud_event("ADJUSTMENT", sku, data=found)).encode() for _ in range(5)]
    body = b"[" + b",".join([good[0], poison, good[1], good[2], broken, good[3], good[4]]) + b"]"
    results = sender.results(body, BATCH)
    assert [outcome for outcome, _ in results] == ["APPLIED", "DEAD_LETTERED", "APPLIED", "APPLIED", "DEAD_LETTERED",
                                                   "APPLIED", "APPLIED"]
    assert results[1][1] == "INVALID_FIELD: data: is no object"
    assert results[4][1] == "INVALID_FIELD: is no JSON object"
    assert on_hand(api, sku) == 5
    assert sender.post(body, BATCH).status == 202


# What is no event.

@pytest.mark.parametrize("body, content_type, status, text", [
    (b"nonsense", STRUCTURED, 400, "is no JSON object"),
    (b"{}", STRUCTURED, 400, 'specversion: must be 1.0, is ""'),
    (b'{"specversion":"1.0","source":"x","type":"y"}', STRUCTURED, 400, "id: is required"),
    (b"{}", BATCH, 400, "a batch is a JSON array"),
    (b"[" * 40 + b"]" * 40, BATCH, 400, "values lie more than 32 deep"),
    (b"{}", "application/json", 400, 'specversion: must be 1.0, is ""'),
    (b"<a/>", "application/xml", 415, None),
    (b"x", "application/cloudevents+avro", 415, None),
    (b"[" + b",".join([b"{}"] * 1_001) + b"]", BATCH, 413, "a batch has at most 1000 events"),
    (b"[" + b"0," * (2 * 1024 * 1024 - 2) + b"0]", BATCH, 413, "a batch has at most 1000 events"),
    (b" " * (4 * 1024 * 1024 + 1), BATCH, 413, "a body has at most 4194304 bytes"),
])
def test_what_is_no_cloudevent_is_refused_and_not_kept(api, fed, body, content_type, status, text):
    before = api.operations.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).total
    answer = Sender(fed).post(body, content_type)
    assert answer.status == status
    assert text is None or answer.text == text + "\n"
    after = api.operations.ListDeadLetters(operations_service_pb2.ListDeadLettersRequest(), timeout=PATIENCE).total
    assert before == after


def test_other_methods_and_paths(fed, sender):
    answer = sender.request("GET", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert Sender(fed, "/event").post([], BATCH).status == 404
    assert sender.post([], BATCH).status == 202


# Who may send.

def test_token_and_origin_and_map(api, fed):
    event = cloud_event("X", data={"sku": "THEIRS", "location": "HAM", "quantity": 4}, type="stock.counted")
    assert Sender(fed, "/guarded").post(event, STRUCTURED).status == 401
    wrong = Sender(fed, "/guarded", Authorization="Bearer a-toke").post(event, STRUCTURED)
    assert (wrong.status, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")
    sender = Sender(fed, "/guarded", Authorization=f"Bearer {TOKEN}")
    assert sender.post(event, STRUCTURED, WebHook_Request_Origin="other.example").status == 403
    assert sender.post(event, STRUCTURED, WebHook_Request_Origin="sender.example").status == 202
    assert on_hand(api, "ours-1") == 4
    assert api.source("partner-eu").counters.applied == 1
    event = cloud_event("CYCLE_COUNT", "OTHER", "HAM", data={"quantity": 4})
    assert sender.results(event, STRUCTURED) == [
        ("DEAD_LETTERED", "INVALID_FIELD: sku: OTHER is not in the feed's map")]
    event = counted("THEIRS", 4, source="/wms/us")
    assert sender.results(event, STRUCTURED) == [
        ("DEAD_LETTERED", "INVALID_FIELD: source: no source is mapped to /wms/us")]


def test_handshake_of_the_webhook_specification(fed):
    sender = Sender(fed, "/guarded")
    answer = sender.request("OPTIONS", {"WebHook-Request-Origin": "sender.example", "WebHook-Request-Rate": "120"})
    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "sender.example"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert "POST" in answer.headers["Allow"]
    answer = sender.request("OPTIONS", {"WebHook-Request-Origin": "other.example"})
    assert answer.status == 403 and answer.headers["WebHook-Allowed-Origin"] is None
    assert sender.request("OPTIONS", {}).status == 400


# Many, and at once.

def test_ten_thousand_events_by_several_senders_each_take_effect_once(api, fed):
    prefix = new_name()
    events = [cloud_event("ADJUSTMENT", f"{prefix}-{number % 50}", data={"quantity": 1, "reason": "FOUND"})
              for number in range(10_000)]
    batches = [events[start:start + 500] for start in range(0, len(events), 500)]
    failures = []

    def send(mine):
        sender = Sender(fed)
        for batch in mine:
            answer = sender.post(batch, BATCH)
            while answer.status in (429, 503):
                answer = sender.post(batch, BATCH)
            if answer.status != 202:
                failures.append(answer.text)

    # Every batch twice, by two senders of four.
    threads = [threading.Thread(target=send, args=(batches[turn % 2::2],)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(on_hand(api, f"{prefix}-{number}") for number in range(50)) == 10_000


def test_slow_bodies_keep_no_probe_waiting(fed):
    slow = []
    try:
        for _ in range(600):
            connection = socket.create_connection(tuple(fed.http_address.rsplit(":", 1)), timeout=PATIENCE)
            connection.sendall(b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: " + BATCH.encode()
                               + b"\r\nContent-Length: 1000\r\n\r\n[")
            slow.append(connection)
        assert fed.get("/livez") == (200, "ok\n")
        assert fed.get("/readyz")[0] == 200
        eventually(lambda: values(fed.samples(), "availability_http_requests_total", path="/events", status="503"),
                   "refused senders")
    finally:
        for connection in slow:
            connection.close()
    eventually(lambda: Sender(fed).post([], BATCH).status == 202, "room for senders again")


def test_sender_that_hangs_up_in_the_middle_sends_nothing(api, fed):
    sku = new_name()
    body = json.dumps([counted(sku, 1)]).encode()
    for sent in [body, body[:-1]]:
        connection = socket.create_connection(tuple(fed.http_address.rsplit(":", 1)), timeout=PATIENCE)
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: " + BATCH.encode()
                           + f"\r\nContent-Length: {len(body) + 1}\r\n\r\n".encode() + sent)
        connection.close()
    assert Sender(fed).post([], BATCH).status == 202
    with pytest.raises(grpc.RpcError):
        api.position(sku)


# The feed's life.

def test_paused_feed_takes_nothing_and_goes_on_when_resumed(api, fed):
    pause = operations_service_pb2.PauseFeedRequest(id="open", reason="test")
    api.operations.PauseFeed(pause, timeout=PATIENCE)
    sku = new_name()
    event = counted(sku, 2)
    sender = Sender(fed)
    answer = eventually(lambda: (a := sender.post(event, STRUCTURED)).status == 503 and a, "a paused feed")
    assert int(answer.headers["Retry-After"]) > 0
    api.operations.ResumeFeed(operations_service_pb2.ResumeFeedRequest(id="open"), timeout=PATIENCE)
    eventually(lambda: sender.post(event, STRUCTURED).status == 202, "the feed at work")
    assert on_hand(api, sku) == 2


def test_source_that_only_the_map_names_is_shown_paused_and_lags_with_its_feed(new_server):
    owned = SMALL.replace("WH1: ", "WH1: {owner: partner-eu}", 1)
    server = new_server(configuration=owned + """
feeds:
  shop: {kind: http, source: partner, lag_max: 1s, sources: {/wms/eu: partner-eu}}
""").start()
    api = Api(server.channel())
    assert [feed.id for feed in api.source("partner-eu").feeds] == ["shop"]
    sku = new_name()
    api.apply(snapshot(sku, source="partner-eu", on_hand=100))
    channel = api.new_channel(degradation_buffer_units=30)
    assert api.available(channel, sku) == 100
    api.operations.PauseFeed(operations_service_pb2.PauseFeedRequest(id="shop", reason="test"), timeout=PATIENCE)
    assert source_status_name(api.source("partner-eu").status) == "PAUSED"
    eventually(lambda: api.available(channel, sku) == 70, "the degradation buffer")


def test_letter_is_read_anew_with_the_map_of_the_feed_that_brought_it(new_server):
    feeds = """
feeds:
  first: {kind: http, source: wms, path: /first, map: {unlisted_skus: refuse}}
  second: {kind: http, source: wms, path: /second, map: {unlisted_skus: refuse%s}}
"""
    server = new_server(configuration=SMALL + feeds % "").start()
    assert Sender(server, "/second").post(counted("THEIRS", 4), STRUCTURED).status == 202
    letter, = dead_letters(Api(server.channel()), "wms")
    server.configuration = SMALL + feeds % ", skus: {THEIRS: ours}"
    server.restart()
    api = Api(server.channel())
    replay = operations_service_pb2.ReplayDeadLettersRequest(ids=[letter.id])
    result, = api.operations.ReplayDeadLetters(replay, timeout=PATIENCE).results
    assert result.reason == "" and on_hand(api, "ours") == 4
    assert list(dead_letters(api, "wms")) == []


def test_what_is_answered_survives_a_kill(new_server):
    server = new_server(configuration=SMALL + "\nfeeds:\n  open: {kind: http, source: wms}\n").start()
    sku = new_name()
    event = cloud_event("ADJUSTMENT", sku, data={"quantity": 5, "reason": "FOUND"})
    assert Sender(server).post(event, STRUCTURED).status == 202
    server.kill()
    server.start()
    assert Sender(server).results(event, STRUCTURED) == [("DUPLICATE", "")]
    assert on_hand(Api(server.channel()), sku) == 5


def test_missing_token_file_fails_the_feed_alone(new_server, tmp_path):
    server = new_server(configuration=SMALL + f"""
feeds:
  guarded: {{kind: http, source: wms, bearer_file: '{tmp_path}/token'}}
  open: {{kind: http, source: other, path: /open}}
""").start()
    api = Api(server.channel())
    eventually(lambda: "cannot be read" in api.source("wms").feeds[0].last_error, "the feed's error")
    assert Sender(server).post([], BATCH, Authorization="Bearer x").status == 503
    assert Sender(server, "/open").post([], BATCH).status == 202
    (tmp_path / "token").write_text("x")
    eventually(lambda: Sender(server).post([], BATCH, Authorization="Bearer x").status == 202, "the feed begun anew")


def test_configuration_names_what_is_wrong(tmp_path):
    path = tmp_path / "server.yaml"
    path.write_text(SMALL + "\nfeeds:\n  a: {kind: http, source: s, types: {x: LOST}}\n")
    ended = run("check-config", str(path))
    assert ended.returncode != 0 and "feeds.a.types: there is no event type LOST" in ended.stderr + ended.stdout
