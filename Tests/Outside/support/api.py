"""The public API as the tests speak it. Import after `protos.generate`."""
import itertools
import threading
import time
import uuid

import grpc
from google.protobuf import duration_pb2, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from availability.v1 import (
    availability_pb2, availability_service_pb2, availability_service_pb2_grpc, explanation_pb2, inventory_event_pb2,
    inventory_feed_service_pb2, inventory_feed_service_pb2_grpc, operations_service_pb2, operations_service_pb2_grpc,
    policy_pb2, policy_service_pb2, policy_service_pb2_grpc, position_pb2, source_pb2)

from . import PATIENCE

LOCATIONS = [f"WH{number}" for number in range(1, 7)]
CHANNELS = ["web", "marketplace", "b2b"]

FRESH = availability_pb2.FRESHNESS_FRESH
STALE = availability_pb2.FRESHNESS_STALE
IN_STOCK = availability_pb2.AVAILABILITY_STATUS_IN_STOCK
LIMITED = availability_pb2.AVAILABILITY_STATUS_LIMITED
OUT_OF_STOCK = availability_pb2.AVAILABILITY_STATUS_OUT_OF_STOCK
UNKNOWN_SKU = availability_pb2.AVAILABILITY_STATUS_UNKNOWN_SKU
WITHHELD = availability_pb2.AVAILABILITY_STATUS_WITHHELD

APPLIED = inventory_event_pb2.EVENT_OUTCOME_APPLIED
DUPLICATE = inventory_event_pb2.EVENT_OUTCOME_DUPLICATE
SUPERSEDED = inventory_event_pb2.EVENT_OUTCOME_SUPERSEDED
DEAD_LETTERED = inventory_event_pb2.EVENT_OUTCOME_DEAD_LETTERED

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_lock = threading.Lock()
_newest = 0


def new_name(prefix="SKU"):
    """A name that nobody has used."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def now():
    """The wall clock in nanoseconds since 1970, greater at each call: later events are later."""
    global _newest
    with _lock:
        _newest = max(_newest + 1_000, time.time_ns())
        return _newest


def timestamp(nanoseconds):
    return timestamp_pb2.Timestamp(seconds=nanoseconds // SECOND, nanos=nanoseconds % SECOND)


def duration(nanoseconds):
    return duration_pb2.Duration(seconds=nanoseconds // SECOND, nanos=nanoseconds % SECOND)


def line(sku, location="", quantity=None):
    return availability_pb2.CheckAvailabilityLine(sku=sku, location=location, quantity=quantity)


def lines(*wanted):
    """Lines of skus, or of tuples (sku, location, quantity)."""
    return [line(*((one,) if isinstance(one, str) else one)) for one in wanted]


def event(kind, sku="", location="WH1", at=None, id=None, source="tests", position=None, **fields):
    """An event of the type named, such as "ADJUSTMENT"; `position` are the buckets of a snapshot."""
    return inventory_event_pb2.InventoryEvent(
        id=id or new_name("event"), source=source, sku=sku, location=location,
        type=inventory_event_pb2.InventoryEventType.Value(f"INVENTORY_EVENT_TYPE_{kind}"),
        occurred_at=timestamp(now() if at is None else at),
        position=None if position is None else position_pb2.Position(**position), **fields)


def snapshot(sku, location="WH1", at=None, source="tests", **buckets):
    return event("POSITION_SNAPSHOT", sku, location, at=at, source=source, position=buckets)


def heartbeat(source, at=None, **fields):
    return event("SOURCE_HEARTBEAT", location="", at=at, source=source, **fields)


def adjustment(sku, quantity, location="WH1", reason="COUNTED", **fields):
    return event("ADJUSTMENT", sku, location, quantity=quantity, reason=reason, **fields)


class Failure:
    """A failed call: its code, message, trailers and google.rpc details."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.trailers = dict(error.trailing_metadata() or ())
        self.details = []
        packed = self.trailers.get("grpc-status-details-bin")
        if packed is not None:
            status = status_pb2.Status.FromString(packed)
            assert status.code == self.code.value[0], "the packed status tells another code"
            self.details = list(status.details)

    def detail(self, message_type):
        """The one detail of that type, or nothing."""
        found = [any for any in self.details if any.Is(message_type.DESCRIPTOR)]
        assert len(found) <= 1, "each type of detail at most once (AIP-193)"
        if not found:
            return None
        message = message_type()
        found[0].Unpack(message)
        return message

    @property
    def reason(self):
        info = self.detail(error_details_pb2.ErrorInfo)
        return info.reason if info else None

    @property
    def fields(self):
        """The fields that a BadRequest names."""
        request = self.detail(error_details_pb2.BadRequest)
        return [violation.field for violation in request.field_violations] if request else []


def failure_of(call, *arguments, **options):
    """The failure of a call that must fail."""
    try:
        answer = call(*arguments, **options)
    except grpc.RpcError as error:
        return Failure(error)
    raise AssertionError(f"the call should have failed, and answered {answer}")


class Api:
    """The services over one connection, with a generous deadline on every call."""

    def __init__(self, channel):
        self.availability = availability_service_pb2_grpc.AvailabilityServiceStub(channel)
        self.feed = inventory_feed_service_pb2_grpc.InventoryFeedServiceStub(channel)
        self.policy = policy_service_pb2_grpc.PolicyServiceStub(channel)
        self.operations = operations_service_pb2_grpc.OperationsServiceStub(channel)

    def check(self, channel, *wanted, metadata=None, **fields):
        request = availability_service_pb2.CheckAvailabilityRequest(channel=channel, lines=lines(*wanted), **fields)
        return self.availability.CheckAvailability(request, timeout=PATIENCE, metadata=metadata)

    def available(self, channel, sku, location=""):
        return self.check(channel, (sku, location)).lines[0].available

    def explain(self, channel, *wanted, **fields):
        request = availability_service_pb2.ExplainAvailabilityRequest(channel=channel, lines=lines(*wanted), **fields)
        return self.availability.ExplainAvailability(request, timeout=PATIENCE)

    def publish(self, *events):
        """The results, one for each event."""
        request = inventory_feed_service_pb2.PublishEventsRequest(events=events)
        response = self.feed.PublishEvents(request, timeout=PATIENCE)
        assert [result.event_id for result in response.results] == [event.id for event in events]
        return list(response.results)

    def apply(self, *events):
        """Publishes events that must take effect."""
        results = self.publish(*events)
        assert all(result.outcome == APPLIED for result in results), results

    def position(self, sku, location="WH1"):
        request = operations_service_pb2.GetPositionRequest(sku=sku, location=location)
        return self.operations.GetPosition(request, timeout=PATIENCE)

    def source(self, id):
        """The source as ListSources tells it, or nothing."""
        token = ""
        while True:
            request = operations_service_pb2.ListSourcesRequest(page_token=token)
            response = self.operations.ListSources(request, timeout=PATIENCE)
            for source in response.sources:
                if source.id == id:
                    return source
            token = response.next_page_token
            if not token:
                return None

    def status(self):
        return self.operations.GetServerStatus(operations_service_pb2.GetServerStatusRequest(), timeout=PATIENCE)

    def channel(self, id):
        return self.policy.GetChannel(policy_service_pb2.GetChannelRequest(id=id), timeout=PATIENCE).channel

    def has_channel(self, id):
        return any(channel.id == id for channel in self.list_channels())

    def list_channels(self):
        return self.policy.ListChannels(policy_service_pb2.ListChannelsRequest(), timeout=PATIENCE).channels

    def update_channel(self, id, policy, **fields):
        request = policy_service_pb2.UpdateChannelRequest(
            channel=policy_pb2.Channel(id=id, policy=policy), **fields)
        return self.policy.UpdateChannel(request, timeout=PATIENCE).channel

    def new_channel(self, **policy):
        """A channel of its own that sells from WH1 unless `policy` says otherwise; returns its id."""
        id = new_name("ch")
        settings = {"sourcing": ["WH1"], "split_allowed": True, **policy}
        self.update_channel(id, policy_pb2.ChannelPolicy(**settings), allow_missing=True)
        return id


def sample_skus(count):
    """The first skus of the sample catalogue."""
    return [f"SKU-{number:06}" for number in itertools.islice(itertools.count(1), count)]


def term_name(kind):
    """The step's name without its prefix."""
    return explanation_pb2.ExplanationTermKind.Name(kind).removeprefix("EXPLANATION_TERM_KIND_")


def outcome_name(outcome):
    return inventory_event_pb2.EventOutcome.Name(outcome).removeprefix("EVENT_OUTCOME_")


def source_status_name(status):
    return source_pb2.SourceStatus.Name(status).removeprefix("SOURCE_STATUS_")
