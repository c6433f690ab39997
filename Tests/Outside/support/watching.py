"""A WatchAvailability stream as the tests speak of it, and what a check says to the same question."""
from availability.v1 import availability_service_pb2

from . import PATIENCE
from .api import lines

SNAPSHOT = availability_service_pb2.WATCH_PHASE_SNAPSHOT
SNAPSHOT_END = availability_service_pb2.WATCH_PHASE_SNAPSHOT_END
CHANGES = availability_service_pb2.WATCH_PHASE_CHANGES


def told(line):
    """What a watch must have right: all but the age, which goes on by itself."""
    return line.available, line.status, line.freshness


class Watch:
    """One stream, and what it told last of each (sku, location)."""

    def __init__(self, api, channel, *wanted, timeout=4 * PATIENCE, **fields):
        request = availability_service_pb2.WatchAvailabilityRequest(channel=channel, lines=lines(*wanted), **fields)
        self.stream = api.availability.WatchAvailability(request, timeout=timeout)
        self.latest = {}
        self.messages = []
        self.token = ""
        self.sequence = 0

    def next(self):
        """The next message."""
        response = next(self.stream)
        assert len(response.lines) <= 1_000 and response.epoch and response.policy_version
        assert response.sequence >= self.sequence, "a stream goes forwards"
        assert bool(response.resume_token) == (response.phase != SNAPSHOT)
        self.sequence = response.sequence
        self.token = response.resume_token or self.token
        self.messages.append(response)
        self.latest.update(((line.sku, line.location), told(line)) for line in response.lines)
        return response

    def snapshot(self):
        """The lines of the snapshot in their order."""
        found = []
        while True:
            response = self.next()
            assert response.phase in (SNAPSHOT, SNAPSHOT_END)
            found += response.lines
            if response.phase == SNAPSHOT_END:
                return found

    def until(self, condition):
        """Reads on until `condition(self)`."""
        while not condition(self):
            self.next()
        return self

    def until_available(self, sku, units, location=""):
        return self.until(lambda watch: watch.latest.get((sku, location), (None,))[0] == units)

    def changes(self):
        """All lines told after the snapshot."""
        return [line for response in self.messages if response.phase == CHANGES for line in response.lines]

    def cancel(self):
        self.stream.cancel()


def polled(api, channel, *wanted, **fields):
    """What a check says now, by (sku, location)."""
    return {(line.sku, line.location): told(line) for line in api.check(channel, *wanted, **fields).lines}
