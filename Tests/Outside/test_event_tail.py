"""TailEvents: what becomes of events, as they are committed; a slow reader is told how many it missed."""
import queue
import subprocess
import threading

import grpc
import pytest

from availability.v1 import inventory_event_pb2, operations_service_pb2

from support import PATIENCE
from support.api import (
    APPLIED, DUPLICATE, adjustment, event, failure_of, heartbeat, new_name, snapshot)
from support.server import AVAIL, clean_environment, eventually


class Tail:
    """One stream; what it tells is read by a thread, unless `is_read` is false."""

    def __init__(self, api, is_read=True, **fields):
        self.call = api.operations.TailEvents(operations_service_pb2.TailEventsRequest(**fields))
        self.told = queue.Queue()
        self.missed = 0
        if is_read:
            threading.Thread(target=self.read, daemon=True).start()

    def read(self, messages_max=None):
        try:
            for count, message in enumerate(self.call, 1):
                self.missed += message.missed
                for told in message.events:
                    self.told.put(told)
                if count == messages_max:
                    return
        except grpc.RpcError as error:
            self.told.put(error)

    def next(self):
        told = self.told.get(timeout=PATIENCE)
        if isinstance(told, Exception):
            raise told
        return told

    def begin(self, api, source):
        """Publishes until the stream tells of it: from then on it follows."""
        def is_heard():
            api.publish(heartbeat(source))
            try:
                return self.told.get(timeout=0.05)
            except queue.Empty:
                return None
        eventually(is_heard, "the stream's first event")
        last = heartbeat(source)
        api.publish(last)
        while self.next().event.id != last.id:
            pass
        return self


@pytest.fixture
def tail(api, request):
    def open(**fields):
        made = Tail(api, **fields)
        request.addfinalizer(made.call.cancel)
        return made
    return open


def test_each_event_is_told_with_its_outcome_in_order(api, tail):
    source, sku = new_name("src"), new_name()
    stream = tail(source=source).begin(api, source)
    sent = [snapshot(sku, source=source, on_hand=10), adjustment(sku, 1, source=source),
            adjustment(sku, 1, location="NOWHERE", source=source)]
    results = api.publish(*sent)
    api.publish(sent[1])
    told = [stream.next() for _ in range(4)]
    assert [each.event for each in told] == [*sent, sent[1]]
    assert [each.outcome for each in told] == [result.outcome for result in results] + [DUPLICATE]
    assert told[2].reason == results[2].reason
    assert told[0].sequence == told[2].sequence and told[0].time.seconds > 0
    assert api.position(sku).sequence <= told[0].sequence
    assert stream.missed == 0


@pytest.mark.parametrize("fields, wanted", [
    ({"sku": "T-1"}, [0, 2, 3]),
    ({"location": "WH2"}, [1, 3]),
    ({"types": [inventory_event_pb2.INVENTORY_EVENT_TYPE_CYCLE_COUNT]}, [2]),
    ({"outcomes": [inventory_event_pb2.EVENT_OUTCOME_DEAD_LETTERED]}, [4]),
    ({"sku": "T-1", "outcomes": [APPLIED]}, [0, 2, 3]),
])
def test_filters_leave_out_the_rest(api, tail, fields, wanted):
    source = new_name("src")
    everything = tail(source=source).begin(api, source)
    stream = tail(source=source, **fields)
    # Whatever it is about, the stream is there once a later event of its kind was told; all go through one thread.
    sent = [adjustment("T-1", 5, source=source), adjustment("T-2", 5, location="WH2", source=source),
            event("CYCLE_COUNT", "T-1", source=source, quantity=9),
            event("TRANSFER_SHIPPED", "T-1", source=source, to_location="WH2", quantity=1),
            adjustment("T-3", 1, location="NOWHERE", source=source)]

    def round_is_told():
        fresh = []
        for each in sent:
            copy = type(each)()
            copy.CopyFrom(each)
            copy.id = new_name("event")
            fresh.append(copy)
        api.publish(*fresh)
        for each in fresh:
            assert everything.next().event.id == each.id
        told = []
        try:
            while len(told) < len(wanted):
                told.append(stream.told.get(timeout=0.5).event.id)
        except queue.Empty:
            return False
        assert told == [fresh[index].id for index in wanted]
        return True

    eventually(round_is_told, "a round that the stream tells of")
    assert stream.told.empty()


def test_slow_reader_is_told_how_many_it_missed(api, tail):
    source = new_name("src")
    everything = tail(source=source).begin(api, source)
    stream = tail(source=source, is_read=False)
    threading.Thread(target=stream.read, args=[2], daemon=True).start()
    sent = 0

    def is_heard():
        nonlocal sent
        beat = heartbeat(source)
        api.publish(beat)
        sent += 1
        assert everything.next().event.id == beat.id
        return not stream.told.empty()

    eventually(is_heard, "the stream's first event")
    for _ in range(40):
        events = [heartbeat(source, correlation_id="x" * 60) for _ in range(1_000)]
        api.publish(*events)
        sent += len(events)
        for each in events:
            assert everything.next().event.id == each.id
    last = heartbeat(source)
    api.publish(last)
    threading.Thread(target=stream.read, daemon=True).start()
    told = 0
    while stream.next().event.id != last.id:
        told += 1
    assert stream.missed > 0 and told > 0
    assert told + stream.missed <= sent
    assert everything.missed == 0


def test_wrong_requests_name_the_field(api):
    for fields, field in [
            ({"source": "x" * 33}, "source"), ({"sku": "\n"}, "sku"), ({"location": "x" * 33}, "location"),
            ({"types": [77]}, "types[0]"), ({"outcomes": [0]}, "outcomes[0]")]:
        failure = failure_of(lambda: next(Tail(api, is_read=False, **fields).call))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), fields


def test_client_prints_a_line_for_each_event(api, server):
    source, sku = new_name("src"), new_name()
    client = subprocess.Popen(
        [AVAIL, "event", "tail", "--source", source, "--outcome", "applied"], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
    try:
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in client.stdout], daemon=True).start()

        def is_heard():
            api.publish(adjustment(sku, 3, source=source))
            try:
                return lines.get(timeout=0.05)
            except queue.Empty:
                return None
        line = eventually(is_heard, "the client's first line")
        assert "APPLIED  ADJUSTMENT" in line and f"{sku}@WH1  3  of {source}/" in line
    finally:
        client.kill()
        client.wait()
