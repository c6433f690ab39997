"""Holds as the tests speak of them: the ReservationService over one connection, short forms of what it answers, and
callers that work at random beside a server that is killed."""
import concurrent.futures
import random
import threading
import time

import grpc
import pytest
from google.rpc import error_details_pb2

from availability.v1 import policy_pb2, reservation_pb2, reservation_service_pb2, reservation_service_pb2_grpc

from . import PATIENCE
from .api import HOUR, SECOND, Api, Failure, duration, failure_of, new_name, snapshot
from .server import SMALL, Server, eventually, run

# The sample's places and channels, and no ERP: what is held is held by the ledger alone, and one call is one commit.
WITHOUT_ERP = SMALL + "erps: {}\n"

WITHHOLD = policy_pb2.STALE_ACTION_WITHHOLD
REFUSE = policy_pb2.STALE_ACTION_REFUSE


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with the embedded ERP, shared by the tests of one file: tests use skus and channels of their own."""
    server = Server(tmp_path_factory.mktemp("reservations"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A server without any ERP, shared as well; its API."""
    server = Server(tmp_path_factory.mktemp("ledger"), configuration=WITHOUT_ERP)
    try:
        yield Holder(server.start().channel())
    finally:
        server.stop()


@pytest.fixture(scope="module")
def holder(server):
    """The API of the shared server over one connection."""
    return Holder(server.channel())


def wanted(sku, quantity=1, location="", lot=""):
    return reservation_service_pb2.CreateReservationLine(sku=sku, quantity=quantity, location=location, lot=lot)


def part(line_id, quantity):
    return reservation_service_pb2.ReservationLineQuantity(line_id=line_id, quantity=quantity)


def state_value(name):
    return reservation_pb2.ReservationState.Value(f"RESERVATION_STATE_{name}")


def state_name(value):
    return reservation_pb2.ReservationState.Name(value).removeprefix("RESERVATION_STATE_")


def state_of(reservation):
    return state_name(reservation.state)


def erp_state_value(name):
    return reservation_pb2.ErpState.Value(f"ERP_STATE_{name}")


def erp_state_name(value):
    return reservation_pb2.ErpState.Name(value).removeprefix("ERP_STATE_")


def sources(reservation):
    """Where each line was sourced from, and how many units."""
    return [(line.location, line.quantity) for line in reservation.lines]


def figures(reservation):
    """What became of each line's units: granted, open, committed, fulfilled, released."""
    return [(line.quantity, line.open, line.committed, line.fulfilled, line.released) for line in reservation.lines]


def causes(reservation):
    return [step.cause for step in reservation.history]


def of_another_epoch(id):
    """What a reservation of that number would be called in another epoch."""
    start, epoch, number = id.split("-")
    return f"{start}-{epoch[:-1]}{'1' if epoch[-1] == '0' else '0'}-{number}"


def without_history(reservation):
    """As ListReservations tells it."""
    told = reservation_pb2.Reservation()
    told.CopyFrom(reservation)
    told.ClearField("history")
    return told


def violations(failure):
    """What a PreconditionFailure says: type and subject of each violation."""
    details = failure.detail(error_details_pb2.PreconditionFailure)
    return [(violation.type, violation.subject) for violation in details.violations] if details else []


class Holder(Api):
    """The services over one connection, with those of reservations."""

    def __init__(self, channel):
        super().__init__(channel)
        self.reservations = reservation_service_pb2_grpc.ReservationServiceStub(channel)

    def create(self, channel, *lines, request_id=None, timeout=PATIENCE, **fields):
        """The reservation of lines as `wanted` makes them, or of skus, one unit each."""
        request = reservation_service_pb2.CreateReservationRequest(
            request_id=new_name("request") if request_id is None else request_id, channel=channel,
            lines=[wanted(line) if isinstance(line, str) else line for line in lines], **fields)
        return self.reservations.CreateReservation(request, timeout=timeout).reservation

    def get(self, id):
        request = reservation_service_pb2.GetReservationRequest(id=id)
        return self.reservations.GetReservation(request, timeout=PATIENCE).reservation

    def page(self, **fields):
        request = reservation_service_pb2.ListReservationsRequest(**fields)
        return self.reservations.ListReservations(request, timeout=PATIENCE)

    def list(self, **fields):
        """All pages."""
        found, token = [], ""
        while True:
            response = self.page(page_token=token, **fields)
            found += response.reservations
            token = response.next_page_token
            if not token:
                return found

    def extend(self, id, request_id=None, **fields):
        request = reservation_service_pb2.ExtendReservationRequest(
            id=id, request_id=new_name("request") if request_id is None else request_id, **fields)
        return self.reservations.ExtendReservation(request, timeout=PATIENCE).reservation

    def commit(self, id, request_id=None, **fields):
        request = reservation_service_pb2.CommitReservationRequest(
            id=id, request_id=new_name("request") if request_id is None else request_id, **fields)
        return self.reservations.CommitReservation(request, timeout=PATIENCE).reservation

    def release(self, id, request_id=None, **fields):
        request = reservation_service_pb2.ReleaseReservationRequest(
            id=id, request_id=new_name("request") if request_id is None else request_id, **fields)
        return self.reservations.ReleaseReservation(request, timeout=PATIENCE).reservation

    def watch(self, **fields):
        request = reservation_service_pb2.WatchReservationsRequest(**fields)
        return Watch(self.reservations.WatchReservations(request, timeout=PATIENCE))

    def stocked(self, on_hand, *locations, **buckets):
        """A sku of its own with that stock at each location, WH1 unless others are named."""
        sku = new_name()
        self.apply(*[snapshot(sku, location, on_hand=on_hand, **buckets) for location in locations or ("WH1",)])
        return sku

    def ledger_time(self):
        """In nanoseconds: the clock by which holds expire."""
        return self.status().ledger_time.ToNanoseconds()

    def expired(self, channel, sku, quantity, **fields):
        """A hold whose time has run out, also by the books."""
        held = self.create(channel, wanted(sku, quantity), ttl=duration(SECOND), **fields)
        eventually(lambda: self.is_swept(held), "the end of its time")
        return self.get(held.id)

    def is_swept(self, held):
        """Whether the books say that it has expired, since it was as in `held`."""
        return any(step.cause == "EXPIRED" and step.sequence > held.history[-1].sequence
                   for step in self.get(held.id).history)

    def refusal(self, channel, *lines, **fields):
        """The failure of a hold that must not be granted."""
        return failure_of(self.create, channel, *lines, **fields)


class Watch:
    """A WatchReservations stream and what it has told so far."""

    def __init__(self, stream):
        self.stream = stream
        self.token = ""
        self.sequence = 0
        self.told = []
        # The last that was told of each, by id.
        self.latest = {}
        self.shortfalls = []

    def next(self):
        response = next(self.stream)
        self.told += response.reservations
        self.latest.update((reservation.id, reservation) for reservation in response.reservations)
        self.shortfalls += response.shortfalls
        if response.resume_token:
            assert response.sequence >= self.sequence, "a stream goes forwards"
            self.token, self.sequence = response.resume_token, response.sequence
        return response

    def snapshot(self):
        """What is open, by id."""
        while not self.next().snapshot_end:
            pass
        return dict(self.latest)

    def until(self, condition):
        """Reads on until `condition(self)`."""
        while not condition(self):
            self.next()
        return self

    def heard(self, id, state):
        return any(reservation.id == id and state_of(reservation) == state for reservation in self.told)

    def cancel(self):
        self.stream.cancel()


class Account:
    """What one caller asked for and what it was told: what must be there whatever becomes of the server."""

    def __init__(self):
        # Create requests in order, and the id that each was answered with; nothing where no answer came.
        self.asked = {}
        # The newest that was acknowledged of each reservation, by id.
        self.known = {}
        # How each ended that was seen to be over, by id.
        self.over = {}

    def learn(self, reservation):
        former = self.known.get(reservation.id)
        if former is None or former.version <= reservation.version:
            self.known[reservation.id] = reservation

    def audit(self, holder, ids):
        """Whatever was acknowledged is there as it was acknowledged, and at most further on."""
        for id in ids:
            known, now = self.known[id], holder.get(id)
            assert now.version >= known.version and now.create_time == known.create_time
            assert list(now.history[:len(known.history)]) == list(known.history), "what happened stays so"
            for reservation in (known, now):
                if state_of(reservation) not in ("ACTIVE", "COMMITTED"):
                    assert self.over.setdefault(id, reservation.state) == now.state, "what is over is over for ever"
            for line in now.lines:
                assert line.quantity == line.open + line.fulfilled + line.released, now

    def repeat(self, holder, requests):
        """Asks for the same again: the same reservation, and where no answer came, one."""
        for request in requests:
            try:
                again = holder.reservations.CreateReservation(request, timeout=PATIENCE).reservation
            except grpc.RpcError as error:
                assert self.asked[request.request_id][1] is None, "what was granted is answered again"
                assert_no_room(Failure(error))
                continue
            former = self.asked[request.request_id][1]
            assert former in (None, again.id), "one request, one reservation"
            self.asked[request.request_id] = (request, again.id)
            self.learn(again)


def assert_no_room(failure):
    assert failure.code == grpc.StatusCode.FAILED_PRECONDITION, failure.message
    assert failure.reason == "INSUFFICIENT_STOCK", failure.message


class Caller(threading.Thread):
    """Creates, extends, commits and releases at random over a connection of its own, until the server is gone."""

    def __init__(self, server, account, skus, seed):
        super().__init__()
        self.holder = Holder(server.channel())
        self.account, self.skus, self.choose = account, skus, random.Random(seed)
        self.touched, self.requests = set(), []
        self.error = None

    def run(self):
        try:
            while True:
                self.step()
        except grpc.RpcError:
            # The server is gone.
            pass
        except BaseException as error:
            self.error = error

    def step(self):
        mine = sorted(self.touched)
        act = self.choose.choice([self.create, self.create, self.extend, self.commit, self.release])
        if act == self.create or not mine:
            return self.attempt(self.create)
        self.attempt(act, self.account.known[self.choose.choice(mine)])

    def attempt(self, act, *arguments):
        """A definite refusal is an answer; anything else ends the caller."""
        try:
            reservation = act(*arguments)
        except grpc.RpcError as error:
            failure = Failure(error)
            if failure.code != grpc.StatusCode.FAILED_PRECONDITION:
                raise
            assert failure.reason in ("INSUFFICIENT_STOCK", "RESERVATION_STATE"), failure.message
            return
        self.account.learn(reservation)
        self.touched.add(reservation.id)

    def create(self):
        request = reservation_service_pb2.CreateReservationRequest(
            request_id=new_name("request"), channel="race", allow_partial=self.choose.random() < 0.2,
            lines=[wanted(sku, self.choose.randint(1, 4))
                   for sku in self.choose.choices(self.skus, k=self.choose.randint(1, 3))],
            ttl=duration(self.choose.randint(1_000, 4_000) * 1_000_000))
        self.account.asked[request.request_id] = (request, None)
        self.requests.append(request)
        try:
            reservation = self.holder.reservations.CreateReservation(request, timeout=PATIENCE).reservation
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                # Without effect and without a record: a repeat may be granted.
                del self.account.asked[request.request_id]
                self.requests.remove(request)
            raise
        self.account.asked[request.request_id] = (request, reservation.id)
        return reservation

    def extend(self, reservation):
        return self.holder.extend(reservation.id, ttl=duration(2 * SECOND))

    def commit(self, reservation):
        lines = [part(line.line_id, max(1, line.open // 2)) for line in reservation.lines if line.open]
        return self.holder.commit(reservation.id, lines=lines[:1] if self.choose.random() < 0.5 else [])

    def release(self, reservation):
        lines = [part(line.line_id, 1) for line in reservation.lines if line.open]
        return self.holder.release(reservation.id, lines=lines[:1] if self.choose.random() < 0.5 else [])


def assert_books_agree(holder, skus, stock):
    """What is open comes to what the positions say, and never to more than there is. Nobody asks for more meanwhile."""
    def open_units():
        units = dict.fromkeys(skus, 0)
        for reservation in holder.list(channel="race"):
            for line in reservation.lines:
                units[line.sku] += line.open
        return units

    before = open_units()
    reserved = {sku: holder.position(sku).position.reserved for sku in skus}
    after = open_units()
    # Some may run out between the looks.
    assert all(after[sku] <= reserved[sku] <= before[sku] <= stock for sku in skus), (before, reserved, after)


def kill_again_and_again(server, choose, rounds, seconds=(0.2, 1.2), callers=4, stock=25):
    """Callers at work while the server is killed at random; after every start everything acknowledged is there."""
    holder = Holder(server.start().channel())
    skus = [holder.stocked(stock) for _ in range(4)]
    holder.update_channel("race", policy_pb2.ChannelPolicy(sourcing=["WH1"]), allow_missing=True)
    accounts = [Account() for _ in range(callers)]
    for _ in range(rounds):
        working = [Caller(server, account, skus, choose.random()) for account in accounts]
        for caller in working:
            caller.start()
        time.sleep(choose.uniform(*seconds))
        server.signal(9)
        for caller in working:
            caller.join()
        server.kill()
        for caller in working:
            if caller.error:
                raise caller.error
        holder = Holder(server.start().channel())
        with concurrent.futures.ThreadPoolExecutor(callers) as pool:
            list(pool.map(lambda caller: audited(server, caller), working))
        assert_books_agree(holder, skus, stock)
    for account in accounts:
        account.audit(holder, account.known)
    granted = {id for account in accounts for _, id in account.asked.values() if id}
    assert {reservation.id for reservation in holder.list(channel="race")} == granted, "nothing came of itself"
    return len(granted)


def audited(server, caller):
    holder = Holder(server.channel())
    caller.account.audit(holder, caller.touched)
    caller.account.repeat(holder, caller.requests)


class Story:
    """One hold after the other, each with everything that can become of one, until the server is gone."""

    def __init__(self, holder):
        self.channel, self.sku = holder.new_channel(), holder.stocked(10_000)
        self.account = Account()
        self.failure = None
        # What was asked and not answered: a call of the API and its fields.
        self.unanswered = []

    def go_on(self, holder, holds=1_000):
        try:
            for _ in range(holds):
                self.one(holder)
        except grpc.RpcError as error:
            self.failure = Failure(error)

    def one(self, holder):
        id = self.ask(holder, Holder.create, self.channel, wanted(self.sku, 9)).id
        self.ask(holder, Holder.extend, id, ttl=duration(HOUR))
        self.ask(holder, Holder.release, id, lines=[part(1, 2)])
        self.ask(holder, Holder.commit, id, lines=[part(1, 4)])
        self.ask(holder, Holder.release, id)

    def ask(self, holder, call, *arguments, **fields):
        fields["request_id"] = new_name("request")
        self.unanswered.append((call, arguments, fields))
        reservation = call(holder, *arguments, **fields)
        self.unanswered.pop()
        self.account.learn(reservation)
        return reservation

    def assert_whole(self, holder):
        """Everything acknowledged is there, what was not has happened once or not at all, and the books agree."""
        self.account.audit(holder, self.account.known)
        assert len(holder.list(channel=self.channel)) - len(self.account.known) in (0, 1)
        for call, arguments, fields in self.unanswered:
            reservation = call(holder, *arguments, **fields)
            assert call(holder, *arguments, **fields) == reservation
            self.account.learn(reservation)
        self.unanswered.clear()
        found = holder.list(channel=self.channel)
        assert {each.id for each in found} == set(self.account.known)
        for each in found:
            assert figures(each)[0] in [(9, 9, 0, 0, 0), (9, 7, 0, 0, 2), (9, 4, 4, 0, 5), (9, 0, 4, 0, 9)]
        open_units = sum(line.open for each in found for line in each.lines)
        position = holder.position(self.sku)
        assert (position.position.reserved, position.position.on_hand) == (open_units, 10_000)
        assert holder.available(self.channel, self.sku) == 10_000 - open_units


def verify(server):
    """Ends the server in order and proves the invariants of what it left behind."""
    assert server.terminate() == 0
    told = run("verify", "--data", server.data)
    assert told.returncode == 0, told.stdout + told.stderr


def faked_server(directory, clock):
    """A server without any ERP by a clock that the test moves."""
    # A program under libfaketime may find no arguments.
    named = {"AVAILABILITY_CONFIG": str(directory / "server.yaml")}
    return Server(directory, configuration=WITHOUT_ERP, environment={**clock.environment, **named})
