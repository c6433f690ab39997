"""ERPs as the tests see them: the switches of an embedded one, and what the server tells of any of them."""
import contextlib
import json
import re
import subprocess
import urllib.parse
import urllib.request

from google.rpc import error_details_pb2

from availability.v1 import erp_write_pb2, inventory_event_pb2, operations_service_pb2

from . import PATIENCE
from .api import new_name
from .reservations import Holder, erp_state_name, state_of, wanted
from .server import AVAIL, clean_environment, eventually

# More than any stock of a test: a channel that may oversell by it leaves the decision to the ERP.
PLENTY = 1_000_000


def standing(reservation):
    """Its own state and the ERP's."""
    return state_of(reservation), erp_state_name(reservation.erp_state)


def kind_name(write):
    return erp_write_pb2.ErpWriteKind.Name(write.kind).removeprefix("ERP_WRITE_KIND_")


def write_state_name(write):
    return erp_write_pb2.ErpWriteState.Name(write.state).removeprefix("ERP_WRITE_STATE_")


def contained(reservation, quantity, line=0):
    """That a figure includes so many units of a hold; line 0: of all its lines there."""
    return inventory_event_pb2.ContainedHold(
        reservation_id=reservation.id, reservation_line=line, quantity=quantity)


def avail(server, *arguments):
    """What the client prints."""
    ended = subprocess.run([AVAIL, *arguments], text=True, capture_output=True, timeout=PATIENCE,
                           env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    return ended.stdout


def avail_json(server, *arguments):
    """The client's lines of JSON."""
    return [json.loads(line) for line in avail(server, *arguments, "-o", "json").splitlines()]


def position_since(feed, began):
    """The position of a feed of changes, as `feed()` shows it, once it is past what changed at the ERP from then on: it is
    shown a moment after the figures."""
    return eventually(
        lambda: feed().position_time.ToNanoseconds() >= began and feed().position, "the feed's position")


class Readings:
    """When figures were asked for: one that is asked for again gets another time."""

    def __init__(self, source):
        self.source = source
        self.times = {}

    def note(self, api, sku, location="WH1"):
        """The figure was just taken over."""
        self.times[sku, location] = self._time(api, sku, location)

    def check(self, api):
        """None was asked for again, and nothing was refused or told twice."""
        assert self.times == {place: self._time(api, *place) for place in self.times}
        counters = api.source(self.source).counters
        assert (counters.dead_lettered, counters.duplicate, counters.superseded) == (0, 0, 0)

    @staticmethod
    def _time(api, sku, location):
        return api.position(sku, location).authoritative_time.ToNanoseconds()


class ErpHolder(Holder):
    """The services over one connection, with what operators ask about ERPs."""

    def writes(self, **fields):
        """What waits for the ERPs, all pages."""
        found, token = [], ""
        while True:
            request = operations_service_pb2.ListErpWritesRequest(page_token=token, **fields)
            response = self.operations.ListErpWrites(request, timeout=PATIENCE)
            found += response.writes
            token = response.next_page_token
            if not token:
                return found

    def retry_write(self, id, **fields):
        request = operations_service_pb2.RetryErpWriteRequest(id=id, **fields)
        return self.operations.RetryErpWrite(request, timeout=PATIENCE).write

    def erp(self, name="embedded"):
        """How one ERP does."""
        found, = [erp for erp in self.status().erps if erp.erp == name]
        return found

    def becomes(self, reservation, *states):
        """The reservation once its own state and the ERP's are these."""
        seen = []

        def is_there():
            seen.append(self.get(reservation.id))
            return standing(seen[-1]) == states

        try:
            eventually(is_there, f"{reservation.id} being {states}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen[-1]}") from None
        return seen[-1]

    def drained(self):
        """Waits until no ERP has anything left to hear."""
        try:
            eventually(lambda: not self.writes(), "the ERPs' answers")
        except AssertionError as error:
            raise AssertionError(f"{error}; {list(self.status().erps)} {self.writes()[:5]}") from None

    def free_at_erp(self, sku, location="WH1"):
        """What an embedded ERP has left of a sku: its refusal of too much says so."""
        channel = self.new_channel(sourcing=[location], allowed_oversell=PLENTY)
        # A refusal leaves nothing behind.
        failure = self.refusal(channel, wanted(sku, PLENTY))
        assert failure.reason == "ERP_REJECTED", failure.message
        line, = self.get(failure.detail(error_details_pb2.ErrorInfo).metadata["reservation"]).lines
        return int(re.search(r"the ERP has (\d+) of ", line.reason)[1])


class EmbeddedErp:
    """The switches of one embedded ERP."""

    USUAL = {"latency_ms": 0, "refuse_percent": 0, "down": False, "lose_answer_percent": 0}

    def __init__(self, server, name="embedded"):
        self.server, self.name = server, name

    def switch(self, **switches):
        """What is not named stays as it is. Returns all of them as text."""
        named = {name: str(value).lower() if isinstance(value, bool) else value for name, value in switches.items()}
        url = f"http://{self.server.http_address}/erps/{self.name}?{urllib.parse.urlencode(named)}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=PATIENCE) as response:
            return dict(line.split() for line in response.read().decode().splitlines())

    def stock(self, sku, units, location="WH1"):
        """Its own stock of a sku, whatever the events say."""
        self.switch(stock=f"{sku}@{location}={units}")

    @contextlib.contextmanager
    def being(self, **switches):
        """While this is open it is so, and afterwards as usual."""
        self.switch(**switches)
        try:
            yield
        finally:
            self.switch(**self.USUAL)


def new_id():
    """A reservation that nobody has made."""
    return f"r-{new_name('')[1:]}"
