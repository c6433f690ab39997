"""The orderly end while calls are open: streams end at once and go on where they were on the next server; others finish."""
import collections
import contextlib
import queue
import signal
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from availability.v1 import inventory_feed_service_pb2, operations_service_pb2, reservation_service_pb2

from support import PATIENCE
from support.api import APPLIED, Api, Failure, adjustment, new_name, timestamp
from support.erp import EmbeddedErp
from support.reservations import Holder, wanted
from support.server import SMALL, eventually
from support.watching import SNAPSHOT, Watch

# A server that waited for an open stream would outlast every test.
FOR_EVER = ("--shutdown-grace", "24h")
# More than a replay reads until it first tells how far it is.
ROWS = 400_000
FILES = """
feeds:
  files: {kind: files, source: wms, folder: '%s', format: csv}
"""


def past(path):
    """A file that was read once, as it were."""
    path.mkdir(parents=True)
    rows = (f"CYCLE_COUNT,2026-11-21T03:00:00Z,P-{row % 1_000},WH1,{row}\n" for row in range(ROWS))
    (path / "past.csv").write_text("type,occurred_at,sku,location,quantity\n" + "".join(rows))


def replay(api):
    return api.operations.ReplayFeed(operations_service_pb2.ReplayFeedRequest(id="files", from_time=timestamp(1)))


def watch_reservations(api, channel, token=""):
    request = reservation_service_pb2.WatchReservationsRequest(channel=channel, resume_token=token)
    return api.reservations.WatchReservations(request)


class Reading:
    """One stream, read to its end by a thread; `first` is what it told first."""

    def __init__(self, stream, meanwhile=None):
        self.told = queue.SimpleQueue()
        self.failure = None
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

        def is_heard():
            if meanwhile:
                meanwhile()
            with contextlib.suppress(queue.Empty):
                return [self.told.get(timeout=0.05)]
        self.first, = eventually(is_heard, "the stream's first message")

    def read(self, stream):
        try:
            for message in stream:
                self.told.put(message)
        except grpc.RpcError as error:
            self.failure = Failure(error)

    def end(self):
        """How it ended, once it has."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the stream goes on"
        return self.failure


def batch(*events):
    return inventory_feed_service_pb2.StreamEventsRequest(events=events)


def test_open_streams_end_at_once_and_go_on_where_they_were_on_the_next_server(new_server, tmp_path):
    past(tmp_path / "in" / "done")
    server = new_server(*FOR_EVER, configuration=SMALL.replace("buffer: 2", "buffer: 0") + FILES % (tmp_path / "in"))
    server.start()
    api = Holder(server.channel())
    channel, sku = api.new_channel(), api.stocked(10)
    watch = Watch(api, channel, sku, timeout=None)
    watch.snapshot()
    batches, questions = queue.SimpleQueue(), queue.SimpleQueue()
    batches.put(batch(adjustment(sku, 1)))
    questions.put(reflection_pb2.ServerReflectionRequest(list_services=""))
    health = health_pb2_grpc.HealthStub(server.channel())
    reflection = reflection_pb2_grpc.ServerReflectionStub(server.channel())
    readings = {
        "availability": Reading(watch.stream, lambda: api.apply(adjustment(sku, 1))),
        "reservations": Reading(watch_reservations(api, channel)),
        "tail": Reading(api.operations.TailEvents(operations_service_pb2.TailEventsRequest()),
                        lambda: api.apply(adjustment(new_name(), 1))),
        "events": Reading(api.feed.StreamEvents(iter(batches.get, None))),
        "health": Reading(health.Watch(health_pb2.HealthCheckRequest())),
        "reflection": Reading(reflection.ServerReflectionInfo(iter(questions.get, None))),
        # Last: it has an end of its own.
        "replay": Reading(replay(api)),
    }
    assert not readings["replay"].first.done
    server.signal(signal.SIGTERM)
    for name, reading in readings.items():
        failure = reading.end()
        assert failure and failure.code == grpc.StatusCode.UNAVAILABLE, name
        assert "the server is stopping: open the stream again" in failure.message, name
    assert server.wait() == 0
    for unread in (batches, questions):
        unread.put(None)

    server.start()
    api = Holder(server.channel())
    held = api.create(channel, sku)
    on_hand = api.position(sku).position.on_hand
    resumed = Watch(api, channel, sku, timeout=None, resume_token=watch.token)
    assert resumed.until_available(sku, on_hand - 1)
    assert all(message.phase != SNAPSHOT for message in resumed.messages)
    told = next(watch_reservations(api, channel, readings["reservations"].first.resume_token))
    assert [one.id for one in told.reservations] == [held.id]
    # What took effect of the replay is a repeat now.
    last = collections.deque(replay(api), maxlen=1).pop()
    assert last.done and last.events == ROWS
    assert 0 < last.counters.duplicate and last.counters.dead_lettered == 0


def test_call_in_flight_finishes_after_sigterm_and_new_connections_are_refused(new_server):
    server = new_server(*FOR_EVER).start()
    api = Holder(server.channel())
    sku = api.stocked(10)
    channel = api.new_channel()
    EmbeddedErp(server).switch(latency_ms=3_000)
    request = reservation_service_pb2.CreateReservationRequest(
        request_id=new_name("request"), channel=channel, lines=[wanted(sku)])
    call = api.reservations.CreateReservation.future(request, timeout=PATIENCE)
    eventually(lambda: api.available(channel, sku) == 9, "the hold")
    server.signal(signal.SIGTERM)
    late = Api(server.channel())
    eventually(lambda: is_unavailable(late), "refusal of new calls")
    assert server.get("/readyz")[0] == 503 and server.get("/livez")[0] == 200
    assert call.result().reservation.id
    assert server.wait() == 0


def is_unavailable(api):
    try:
        api.check("web", new_name())
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.UNAVAILABLE
    return False


def test_batches_that_were_taken_are_answered_before_their_stream_ends(new_server):
    server = new_server(*FOR_EVER).start()
    api = Api(server.channel())
    skus = [new_name() for _ in range(200)]
    batches = queue.SimpleQueue()
    stream = api.feed.StreamEvents(iter(batches.get, None))
    for sku in skus[:100]:
        batches.put(batch(adjustment(sku, 1)))
    assert next(stream).results[0].outcome == APPLIED
    server.signal(signal.SIGTERM)
    for sku in skus[100:]:
        batches.put(batch(adjustment(sku, 1)))
    answered = 1
    with pytest.raises(grpc.RpcError) as failure:
        for response in stream:
            answered += 1
            assert response.results[0].outcome == APPLIED
    assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
    assert server.wait() == 0
    batches.put(None)
    # What was answered is there; of the rest everything or nothing is, and sent again it takes effect once.
    server.start()
    api = Api(server.channel())
    assert all(api.position(sku).position.on_hand == 1 for sku in skus[:answered])
