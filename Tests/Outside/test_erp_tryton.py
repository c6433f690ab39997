"""Holds written through to a real Tryton: what is held here is assigned there, and nothing else is.

The server's own stock is larger than Tryton's wherever Tryton shall decide.
"""
import collections
import concurrent.futures
import datetime
import random
import threading
import time

import grpc
import pytest
from google.rpc import error_details_pb2

from availability.v1 import policy_pb2

from support.api import SECOND, Failure, duration, now, snapshot
from support.erp import ErpHolder, Readings, avail, position_since, standing, write_state_name
from support.reservations import causes, erp_state_name, part, state_of, verify, wanted
from support.server import SMALL, Server, eventually
from support.tryton import Tryton

CALLERS = 32
BEHIND = policy_pb2.WRITE_MODE_BEHIND
UNITS = Tryton.stock["WH1"]


@pytest.fixture(scope="session")
def tryton():
    """A real ERP for all tests, as it was seeded: tests use skus of their own."""
    with Tryton() as tryton:
        yield tryton


@pytest.fixture(scope="session")
def skus():
    """Skus that no test has used."""
    return iter([f"SKU-{number:06}" for number in range(1, 51)])


@pytest.fixture
def sku(skus):
    return next(skus)


def configuration(tryton, **settings):
    told = "".join(f"    {name}: {value}\n" for name, value in settings.items())
    warehouses = ", ".join(f"{ours}: {theirs}" for ours, theirs in tryton.warehouses.items())
    return f"""{SMALL}
erps:
  tryton:
    adapter: tryton
    locations: [WH1, WH2]
{told}    tryton:
      url: {tryton.url}
      database: {tryton.database}
      user: {tryton.user}
      password_file: {tryton.password_file}
      company: {tryton.company}
      customer: {tryton.customer}
      warehouses: {{{warehouses}}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, tryton):
    """A server that writes through to Tryton, shared."""
    server = Server(tmp_path_factory.mktemp("tryton"), configuration=configuration(tryton))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def holder(server):
    return ErpHolder(server.channel())


@pytest.fixture
def start(new_server, tryton):
    """Starts a server of the test's own; the server and its API."""
    def start(**settings):
        server = new_server(configuration=configuration(tryton, **settings)).start()
        return server, ErpHolder(server.channel())

    return start


def stock(holder, sku, units, *locations):
    """What the server believes to be there, whatever Tryton has."""
    holder.apply(*[snapshot(sku, location, on_hand=units) for location in locations or ("WH1",)])


def shipments(tryton, reservation):
    """The state of each line's shipment, by line; each line has at most one that counts."""
    found = collections.defaultdict(list)
    for shipment in tryton.shipments(reservation.id):
        found[int(shipment["reference"].rpartition("/")[2])].append(shipment["state"])
    assert all(sum(state != "cancelled" for state in states) <= 1 for states in found.values()), found
    return {line: next((state for state in states if state != "cancelled"), "cancelled")
            for line, states in found.items()}


def assigned_lines(tryton, skus):
    """Everything assigned to shipments at Tryton: sku, warehouse and units, by the reference."""
    moves = tryton.call(
        "model.stock.move.search_read",
        [["product.code", "in", skus], ["state", "=", "assigned"], ["shipment", "like", "stock.shipment.out,%"]], 0,
        None, None, ["product.code", "quantity", "shipment.reference", "shipment.warehouse"])
    warehouses = {each["id"]: each["code"] for each in tryton.call(
        "model.stock.location.search_read", [["type", "=", "warehouse"]], 0, None, None, ["code"])}
    found = {}
    for move in moves:
        reference = move["shipment."]["reference"]
        assert reference not in found, f"{reference} is assigned twice"
        found[reference] = move["product."]["code"], warehouses[move["shipment."]["warehouse"]], move["quantity"]
    return found


def assert_agree(holder, tryton, channel, skus):
    """Line by line: what is confirmed here is assigned there, and nothing else is. Returns how many lines are."""
    confirmed = {}
    for reservation in holder.list(channel=channel):
        for line in reservation.lines:
            assert erp_state_name(line.erp_state) in ("CONFIRMED", "RELEASED", "REJECTED"), reservation
            assert (erp_state_name(line.erp_state) == "CONFIRMED") == (line.open > 0), reservation
            if line.open:
                confirmed[f"{reservation.id}/{line.line_id}"] = line.sku, line.location, line.open
    assert assigned_lines(tryton, skus) == confirmed
    # What is not held is not half held either.
    open_shipments = tryton.call(
        "model.stock.shipment.out.search_read",
        [["moves.product.code", "in", skus], ["state", "!=", "cancelled"]], 0, None, None, ["reference"])
    assert {shipment["reference"] for shipment in open_shipments} == set(confirmed)
    for sku in skus:
        for warehouse, units in tryton.stock.items():
            held = sum(line[2] for line in confirmed.values() if line[:2] == (sku, warehouse))
            assert (tryton.assigned(sku, warehouse), tryton.quantity(sku, warehouse)) == (held, units) and held <= units
    return len(confirmed)


def take_away(tryton, sku, quantity):
    """The clerk assigns units of WH1 to a shipment that is no business of ours. Returns its id."""
    def one(model, *domain, fields=("id",)):
        found, *_ = tryton.call(f"model.{model}.search_read", list(domain), 0, None, None, list(fields))
        return found

    warehouse = one("stock.location", ["code", "=", "WH1"], fields=("storage_location", "output_location"))
    product = one("product.product", ["code", "=", sku], fields=("default_uom",))
    customer = one("party.party", ["code", "=", tryton.customer], fields=("addresses",))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    date = {"__class__": "date", "year": today.year, "month": today.month, "day": today.day}
    move = {
        "product": product["id"], "unit": product["default_uom"], "quantity": quantity, "company": 1, "currency": 1,
        "from_location": warehouse["output_location"], "unit_price": {"__class__": "Decimal", "decimal": "0"},
        "to_location": one("stock.location", ["type", "=", "customer"])["id"], "planned_date": date}
    shipment, = tryton.call("model.stock.shipment.out.create", [{
        "reference": "A-CLERKS-OWN", "company": 1, "customer": customer["id"], "planned_date": date,
        "delivery_address": customer["addresses"][0], "warehouse": warehouse["id"],
        "warehouse_storage": warehouse["storage_location"], "warehouse_output": warehouse["output_location"],
        "outgoing_moves": [["create", [move]]]}])
    for method in ("wait", "assign_try"):
        tryton.call(f"model.stock.shipment.out.{method}", [shipment])
    return shipment


# One hold.

def test_hold_is_assigned_at_tryton_until_released(holder, tryton, sku):
    stock(holder, sku, 500)
    channel = holder.new_channel()
    held = holder.create(channel, wanted(sku, 7))
    assert standing(held) == ("ACTIVE", "CONFIRMED")
    shipment, = tryton.shipments(held.id)
    assert (shipment["reference"], shipment["state"]) == (f"{held.id}/1", "assigned")
    assert held.lines[0].erp_reference == shipment["number"]
    assert (tryton.quantity(sku), tryton.quantity(sku, assigned=True)) == (UNITS, UNITS - 7)
    assert tryton.assigned(sku, "WH2") == 0
    holder.release(held.id)
    holder.becomes(held, "RELEASED", "RELEASED")
    assert shipments(tryton, held) == {1: "cancelled"}
    assert (tryton.quantity(sku), tryton.assigned(sku)) == (UNITS, 0)


def test_lines_are_shipments_of_their_own_and_go_one_by_one(holder, tryton, skus):
    first, second = next(skus), next(skus)
    stock(holder, first, 500, "WH1", "WH2")
    stock(holder, second, 500)
    channel = holder.new_channel(sourcing=["WH1", "WH2"])
    held = holder.create(channel, wanted(first, 3, "WH1"), wanted(first, 4, "WH2"), wanted(second, 5, "WH1"))
    assert standing(held) == ("ACTIVE", "CONFIRMED")
    assert shipments(tryton, held) == {1: "assigned", 2: "assigned", 3: "assigned"}
    assert [tryton.assigned(first), tryton.assigned(first, "WH2"), tryton.assigned(second)] == [3, 4, 5]
    holder.release(held.id, lines=[part(2, 4)])
    holder.becomes(held, "ACTIVE", "CONFIRMED")
    assert shipments(tryton, held) == {1: "assigned", 2: "cancelled", 3: "assigned"}
    placed = holder.commit(held.id, lines=[part(1, 3)])
    assert state_of(placed) == "COMMITTED"
    holder.becomes(held, "COMMITTED", "CONFIRMED")
    assert shipments(tryton, held) == {1: "assigned", 2: "cancelled", 3: "cancelled"}
    assert [tryton.assigned(first), tryton.assigned(first, "WH2"), tryton.assigned(second)] == [3, 0, 0]


def test_shortage_at_tryton_refuses_the_whole_and_leaves_nothing_assigned(holder, tryton, skus):
    plenty, scarce = next(skus), next(skus)
    stock(holder, plenty, 500)
    stock(holder, scarce, 500)
    channel = holder.new_channel()
    failure = holder.refusal(channel, wanted(plenty, 5), wanted(scarce, UNITS + 1))
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ERP_REJECTED")
    ended = holder.get(failure.detail(error_details_pb2.ErrorInfo).metadata["reservation"])
    assert state_of(ended) == "REJECTED" and [line.open for line in ended.lines] == [0, 0]
    assert ended.lines[1].reason.startswith("INSUFFICIENT_STOCK")
    assert [holder.available(channel, each) for each in (plenty, scarce)] == [500, 500]
    eventually(lambda: {"cancelled"} == set(shipments(tryton, ended).values()), "Tryton letting go")
    assert [tryton.assigned(each) for each in (plenty, scarce)] == [0, 0]
    # All that there is can be had all the same.
    assert standing(holder.create(channel, wanted(scarce, UNITS))) == ("ACTIVE", "CONFIRMED")
    assert tryton.quantity(scarce, assigned=True) == 0


def test_what_others_have_assigned_is_not_given_away(holder, tryton, sku):
    stock(holder, sku, 500)
    take_away(tryton, sku, UNITS - 10)
    channel = holder.new_channel(write_mode=BEHIND)
    refused = holder.create(channel, wanted(sku, 11))
    holder.becomes(refused, "REJECTED", "REJECTED")
    confirmed = holder.create(channel, wanted(sku, 10))
    holder.becomes(confirmed, "ACTIVE", "CONFIRMED")
    assert (tryton.assigned(sku), shipments(tryton, confirmed)) == (UNITS, {1: "assigned"})


def test_sku_that_tryton_does_not_know_waits_for_a_person(server, holder):
    stock(holder, "NOT-AT-TRYTON", 10)
    channel = holder.new_channel()
    held = holder.create(channel, wanted("NOT-AT-TRYTON", 3), timeout=1)
    assert standing(held) == ("ACTIVE", "PENDING")
    eventually(lambda: write_state_name(holder.writes(reservation_id=held.id)[0]) == "FAILED", "the write given up")
    write, = holder.writes(reservation_id=held.id)
    assert "NOT-AT-TRYTON" in write.last_error and not write.HasField("next_attempt_time")
    assert write.id in avail(server, "erp", "writes", "--state", "failed")
    holder.retry_write(write.id)
    eventually(lambda: [(each.attempts, write_state_name(each)) for each in holder.writes(reservation_id=held.id)] == [
        (write.attempts + 1, "FAILED")], "another attempt")
    assert holder.erp("tryton").available, "a person's fault is not the ERP's"
    holder.release(held.id)
    holder.becomes(held, "RELEASED", "RELEASED")
    holder.drained()


def test_hold_that_runs_out_is_let_go_at_tryton(holder, tryton, sku):
    stock(holder, sku, 500)
    held = holder.create(holder.new_channel(write_mode=BEHIND), wanted(sku, 9), ttl=duration(SECOND))
    holder.becomes(held, "EXPIRED", "RELEASED")
    assert set(shipments(tryton, held).values()) <= {"cancelled"} and tryton.assigned(sku) == 0


# Many at once.

def attempt(holder, *arguments, **fields):
    """The reservation, or the failure."""
    try:
        return holder.create(*arguments, **fields)
    except grpc.RpcError as error:
        return Failure(error)


def test_two_hundred_callers_get_what_tryton_has_and_no_more(server, holder, tryton, sku):
    stock(holder, sku, 10_000)
    channel = holder.new_channel()
    holders = [ErpHolder(server.channel()) for _ in range(CALLERS)]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        outcomes = list(pool.map(
            lambda number: attempt(holders[number % CALLERS], channel, wanted(sku, 1)), range(200)))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert {failure.reason for failure in failures} <= {"ERP_REJECTED"}, failures[0].message
    holder.drained()
    held = [each for each in holder.list(channel=channel) if state_of(each) == "ACTIVE"]
    assert len(held) == UNITS and tryton.assigned(sku) == UNITS
    assert len(failures) == 100, "each caller was told within the call"
    assert assert_agree(holder, tryton, channel, [sku]) == UNITS
    assert holder.available(channel, sku) == 10_000 - UNITS


class Customer(threading.Thread):
    """Holds at random, lets some go and orders some, until it has made its holds."""

    def __init__(self, server, channel, skus, seed, count):
        super().__init__()
        self.server, self.channel, self.skus, self.count = server, channel, skus, count
        self.choose = random.Random(seed)
        self.error = None

    def run(self):
        try:
            holder = ErpHolder(self.server.channel())
            for _ in range(self.count):
                chosen = self.choose.sample(self.skus, self.choose.choice([1, 1, 2]))
                held = holder.create(self.channel, *[
                    wanted(sku, self.choose.randint(1, 6), self.choose.choice(["WH1", "WH2"])) for sku in chosen])
                fate = self.choose.random()
                try:
                    if fate < 0.25:
                        holder.release(held.id)
                    elif fate < 0.5:
                        holder.commit(held.id)
                except grpc.RpcError as error:
                    # Refused meanwhile.
                    assert Failure(error).reason == "RESERVATION_STATE"
        except BaseException as error:
            self.error = error


def test_tryton_that_hangs_and_both_being_killed_leave_them_agreeing_line_by_line(start, tryton, skus, seed):
    # One call at a time: Tryton hinders itself where several are about one sku.
    server, holder = start(call_timeout="3s", calls_in_flight_max=1)
    chosen = [next(skus) for _ in range(3)]
    for each in chosen:
        stock(holder, each, 10_000, "WH1", "WH2")
    channel = holder.new_channel(sourcing=["WH1", "WH2"], write_mode=BEHIND)

    def busy(count):
        customers = [Customer(server, channel, chosen, f"{seed} {count} {number}", count) for number in range(8)]
        for customer in customers:
            customer.start()
        return customers

    def joined(customers):
        for customer in customers:
            customer.join()
            if customer.error:
                raise customer.error

    customers = busy(5)
    eventually(lambda: assigned_lines(tryton, chosen), "some of it being there")
    tryton.stall()
    # Holds go on without it.
    joined(customers)
    waiting = {write.id for write in holder.writes()}
    assert waiting
    server.kill()
    holder = ErpHolder(server.start().channel())
    assert {write.id for write in holder.writes()} == waiting
    # What it was asked before takes effect now, though nobody listens any more.
    tryton.resume()
    time.sleep(0.2)
    tryton.kill()
    customers = busy(2)
    tryton.start()
    joined(customers)
    holder.drained()
    assert assert_agree(holder, tryton, channel, chosen) > 10
    told = holder.list(channel=channel)
    assert len(told) == 8 * (5 + 2)
    assert {cause for each in told for cause in causes(holder.get(each.id))} >= {
        "GRANTED", "ERP_CONFIRMED", "RELEASED", "COMMITTED"}
    verify(server)


# Its figures.

class Poll(threading.Thread):
    """Asks again and again what can be sold, and knows what may not be sold at that time."""

    def __init__(self, holder, channel, sku, units):
        super().__init__()
        self.holder, self.channel, self.sku, self.units = holder, channel, sku, units
        self.held = {}
        self.foreign = 0
        self.polls, self.error, self.is_over = 0, None, False

    def run(self):
        try:
            while not self.is_over:
                before, foreign = dict(self.held), self.foreign
                available = self.holder.available(self.channel, self.sku)
                after = dict(self.held)
                surely = sum(min(units, after.get(id, 0)) for id, units in before.items())
                most = self.units - surely - min(foreign, self.foreign)
                assert available <= most, f"{available} were shown where at most {most} were left"
                self.polls += 1
        except BaseException as error:
            self.error = error

    def stop(self):
        self.is_over = True
        self.join()
        if self.error:
            raise self.error
        assert self.polls > 100


def last_read(holder):
    source = holder.source("tryton")
    return source.newest_occurred_at.ToNanoseconds() if source else 0


def read_again(holder):
    """Waits for figures that were asked for after now."""
    began = time.time_ns()
    eventually(lambda: last_read(holder) > began, "a reading")


def test_what_people_do_at_tryton_is_found_out_by_a_reading(start, tryton, skus):
    _, holder = start(read_every="1s")
    channel, sold, dropped = holder.new_channel(), next(skus), next(skus)
    read_again(holder)
    shipped, cancelled = (holder.create(channel, wanted(sku, 7)) for sku in (sold, dropped))
    assert standing(shipped) == standing(cancelled) == ("ACTIVE", "CONFIRMED")
    holder.commit(shipped.id)
    tryton.ship(shipped.id)
    tryton.cancel(cancelled.id)
    assert causes(holder.becomes(shipped, "FULFILLED", "RELEASED"))[-1] == "ERP_SHIPPED"
    assert causes(holder.becomes(cancelled, "RELEASED", "RELEASED"))[-1] == "ERP_CANCELLED"
    read_again(holder)
    read_again(holder)
    assert (holder.available(channel, sold), holder.available(channel, dropped)) == (UNITS - 7, UNITS)


def test_figures_read_from_tryton_count_every_hold_at_least_once_and_once_when_quiet(start, tryton, sku, seed):
    choose = random.Random(seed)
    _, holder = start(read_every="1s", calls_in_flight_max=1)
    channel = holder.new_channel(write_mode=BEHIND)
    read_again(holder)
    assert holder.available(channel, sku) == UNITS, "all figures come from Tryton"
    assert holder.position(sku, "WH2").position.on_hand == Tryton.stock["WH2"]

    poll = Poll(holder, channel, sku, UNITS)
    poll.start()
    try:
        began, step = time.monotonic(), 0
        while time.monotonic() - began < 4:
            if poll.held and (choose.random() < 0.45 or sum(poll.held.values()) > 70):
                id = choose.choice(list(poll.held))
                if choose.random() < 0.5:
                    # Of a part Tryton does not hear.
                    units = choose.randint(1, poll.held[id])
                    poll.held[id] -= units
                    holder.release(id, lines=[part(1, units)])
                    if not poll.held[id]:
                        del poll.held[id]
                else:
                    del poll.held[id]
                    holder.release(id)
            else:
                units = choose.randint(1, 9)
                held = attempt(holder, channel, wanted(sku, units))
                if isinstance(held, Failure):
                    # Counted twice for a moment, so that there is less than there could be.
                    assert held.reason == "INSUFFICIENT_STOCK", held.message
                else:
                    poll.held[held.id] = units
            time.sleep(choose.uniform(0.03, 0.15))
        take_away(tryton, sku, 5)
        holder.drained()
        read_again(holder)
        poll.foreign = 5
    finally:
        poll.stop()

    for reservation in holder.list(channel=channel):
        assert sum(line.open for line in reservation.lines) == poll.held.get(reservation.id, 0), reservation
    # A part that was given back stays assigned at Tryton until its line is gone.
    assigned = tryton.assigned(sku)
    assert assigned >= 5 + sum(poll.held.values())
    for _ in range(2):
        read_again(holder)
        assert holder.available(channel, sku) == UNITS - assigned, holder.position(sku)
    for id in list(poll.held):
        holder.release(id)
    poll.held.clear()
    holder.drained()
    assert tryton.assigned(sku) == 5
    assert holder.available(channel, sku) == UNITS - 5, "its answers are enough"
    read_again(holder)
    assert holder.available(channel, sku) == UNITS - 5
    position = holder.position(sku).position
    assert (position.on_hand, position.allocated, position.reserved, position.releasing) == (UNITS, 5, 0, 0)


# Its changes.

@pytest.fixture
def fed(new_server, tryton):
    """Starts a server that polls Tryton's changes and has read all its figures; the server and its API."""
    def fed(poll_every="300ms", overlap="60s", **settings):
        server = new_server(configuration=configuration(tryton, **settings) + f"""
feeds:
  changes: {{kind: erp, erp: tryton, poll_every: {poll_every}, overlap: {overlap}}}
""").start()
        holder = ErpHolder(server.channel())
        eventually(lambda: feed_of(holder).position, "the first reading")
        return server, holder

    return fed


def feed_of(holder):
    feed, = holder.source("tryton").feeds
    return feed


def on_hand(holder, sku, location="WH1"):
    return holder.position(sku, location).position.on_hand


def shows(holder, sku, units, location="WH1"):
    eventually(lambda: on_hand(holder, sku, location) == units, f"{units} of {sku}")


def test_stock_moved_at_tryton_shows_here_once_over_restarts_of_both(fed, tryton, skus):
    server, holder = fed()
    sku, last = next(skus), next(skus)
    units, marker, readings = UNITS, UNITS, Readings("tryton")
    assert on_hand(holder, sku) == UNITS

    def moved(quantity):
        """The move's figure is read, and not again by the poll that finds another."""
        nonlocal units, marker
        tryton.move(sku, quantity)
        units += quantity
        shows(holder, sku, units)
        readings.note(holder, sku)
        tryton.move(last, 1)
        marker += 1
        shows(holder, last, marker)
        readings.check(holder)

    moved(7)
    moved(3)
    for stop in (server.terminate, server.kill):
        stop()
        tryton.move(sku, 5)
        units += 5
        holder = ErpHolder(server.start().channel())
        shows(holder, sku, units)
        moved(2)
    tryton.kill()
    eventually(lambda: feed_of(holder).last_error.startswith("tryton: "), "the feed failing")
    tryton.start()
    moved(4)
    assert feed_of(holder).restarts >= 1


def test_transfer_at_tryton_changes_both_places(fed, tryton, sku):
    _, holder = fed()
    tryton.move(sku, 11, to="WH2", origin="WH1")
    shows(holder, sku, UNITS - 11)
    shows(holder, sku, Tryton.stock["WH2"] + 11, "WH2")


@pytest.mark.parametrize("is_restarted", [False, True])
def test_transaction_that_commits_late_is_found_in_the_past(fed, tryton, skus, is_restarted):
    server, holder = fed()
    late, sooner = next(skus), next(skus)
    move = tryton.draft_move(late, 9)
    slow = tryton.transaction(
        f"UPDATE stock_move SET state = 'done', effective_date = CURRENT_DATE, write_date = CURRENT_TIMESTAMP,"
        f" write_uid = 1 WHERE id = {move}", "SELECT pg_sleep(6)")
    try:
        eventually(lambda: tryton.is_running("SELECT pg_sleep(6)"), "the transaction's begin")
        began = now()
        tryton.move(sooner, 1)
        shows(holder, sooner, UNITS + 1)
        place = position_since(lambda: feed_of(holder), began)
        assert on_hand(holder, late) == UNITS and slow.poll() is None, "it has not committed"
        if is_restarted:
            server.terminate()
        assert slow.wait() == 0
        if is_restarted:
            holder = ErpHolder(server.start().channel())
    finally:
        slow.kill()
    shows(holder, late, UNITS + 9)
    eventually(lambda: feed_of(holder).position != place, "the place told anew")
    assert feed_of(holder).position.split()[0] == place.split()[0], "its time lies behind"


def test_holds_at_tryton_are_subtracted_once_by_its_changes(fed, tryton, sku):
    _, holder = fed(read_every="5s")
    channel = holder.new_channel()
    held = [holder.create(channel, wanted(sku, 6)) for _ in range(3)]
    tryton.draft_move(sku, 1_000)
    take_away(tryton, sku, 5)
    eventually(lambda: holder.position(sku).position.allocated == 5, "what the clerk took")
    assert holder.available(channel, sku) == UNITS - 5 - 18
    holder.release(held[0].id)
    tryton.ship(held[1].id)
    eventually(lambda: on_hand(holder, sku) == UNITS - 6, "what was shipped")
    holder.drained()
    # That the hold was shipped is found out by the whole reading.
    eventually(lambda: holder.available(channel, sku) == UNITS - 5 - 12, "the holds' ends")
