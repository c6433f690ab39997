"""Holds and their ERP: written through or behind, refused, slow, lost, away and back; what channels do meanwhile.

The ERP is the embedded one, by its switches. See test_erp_tryton.py for a real one.
"""
import random
import time

import grpc
import pytest
from google.rpc import error_details_pb2

from availability.v1 import policy_pb2

from support.api import SECOND, duration, event, failure_of, now, snapshot
from support.erp import (
    EmbeddedErp, ErpHolder, avail, avail_json, contained, kind_name, new_id, standing, write_state_name)
from support.reservations import (
    WITHOUT_ERP, causes, erp_state_name, figures, part, state_of, verify, violations, wanted)
from support.server import SMALL, Server, eventually

# WH2 has an ERP of its own, which is given more time.
TWO_ERPS = SMALL + """
erps:
  embedded: {adapter: embedded, call_timeout: 1s}
  patient: {adapter: embedded, locations: [WH2], call_timeout: 10s}
"""
# Nobody is called, whatever the time.
RESTING = SMALL + """
erps:
  embedded: {adapter: embedded, maintenance: [00:00-12:00, 12:00-00:00]}
"""
LAGGING = SMALL + """
erps:
  embedded: {adapter: embedded, degraded_after: 500ms}
  patient: {adapter: embedded, locations: [WH2], degraded_writes: 2}
"""
READ_OFTEN = SMALL + """
erps:
  embedded: {adapter: embedded, read_every: 1s}
"""
BEHIND = policy_pb2.WRITE_MODE_BEHIND
MILLISECOND = SECOND // 1_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with two embedded ERPs, shared: tests use skus of their own, and leave the ERPs as usual."""
    server = Server(tmp_path_factory.mktemp("erp"), configuration=TWO_ERPS)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def holder(server):
    return ErpHolder(server.channel())


@pytest.fixture
def erp(server, holder):
    """The ERP of WH1; as usual, and with nothing left to hear, before and after."""
    yield EmbeddedErp(server)
    holder.drained()


@pytest.fixture
def patient(server, holder):
    """The ERP of WH2."""
    yield EmbeddedErp(server, "patient")
    holder.drained()


@pytest.fixture
def start(new_server):
    """Starts a server of the test's own; the server, its API and its ERP."""
    def start(configuration=SMALL):
        server = new_server(configuration=configuration).start()
        return server, ErpHolder(server.channel()), EmbeddedErp(server)

    return start


def told(failure):
    return failure.code, failure.reason


def errors(holder, reservation):
    """What the last attempts of its writes ended with."""
    return [write.last_error for write in holder.writes(reservation_id=reservation.id)]


# Within the call.

def test_hold_is_confirmed_within_the_call_and_there_at_the_erp_until_released(holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 4))
    assert standing(held) == ("ACTIVE", "CONFIRMED") and held.lines[0].erp_reference
    assert holder.free_at_erp(sku) == 6
    holder.release(held.id)
    holder.becomes(held, "RELEASED", "RELEASED")
    assert holder.free_at_erp(sku) == 10


def test_goods_issued_leave_the_books_of_the_embedded_erp(holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(5)
    for _ in range(3):
        held = holder.create(channel, wanted(sku, 5))
        assert standing(held) == ("ACTIVE", "CONFIRMED")
        holder.apply(event("SHIPMENT_CONFIRMED", sku, quantity=5, reservation_id=held.id))
        assert standing(holder.becomes(held, "FULFILLED", "RELEASED")) == ("FULFILLED", "RELEASED")
        holder.apply(event("RECEIPT_POSTED", sku, quantity=5))


@pytest.mark.parametrize("why", ["stock", "will"])
def test_refusal_within_the_call_names_the_line_and_gives_all_units_back(holder, erp, why):
    channel, sku, other = holder.new_channel(), holder.stocked(10), holder.stocked(10)
    if why == "stock":
        erp.stock(sku, 3)
    with erp.being(refuse_percent=100 if why == "will" else 0):
        failure = holder.refusal(channel, wanted(other, 2), wanted(sku, 4))
    assert told(failure) == (grpc.StatusCode.FAILED_PRECONDITION, "ERP_REJECTED")
    assert ("ERP_REJECTED", "lines[1]") in violations(failure)
    ended = holder.get(failure.detail(error_details_pb2.ErrorInfo).metadata["reservation"])
    assert standing(ended) == ("REJECTED", "REJECTED")
    assert figures(ended) == [(2, 0, 0, 0, 2), (4, 0, 0, 0, 4)]
    assert ended.lines[1].reason.startswith("ERP_REJECTED") and causes(ended)[-1] == "ERP_REJECTED"
    assert [holder.available(channel, each) for each in (other, sku)] == [10, 10]
    assert [holder.free_at_erp(each) for each in (other, sku)] == [10, 3 if why == "stock" else 10]


def test_erp_that_has_a_part_leaves_that_part_where_less_is_welcome(holder, erp):
    channel, sku, other = holder.new_channel(), holder.stocked(10), holder.stocked(10)
    erp.stock(sku, 3)
    held = holder.create(channel, wanted(sku, 4), wanted(other, 4), allow_partial=True)
    assert standing(held) == ("ACTIVE", "CONFIRMED") and figures(held) == [(4, 3, 0, 0, 1), (4, 4, 0, 0, 0)]
    assert held.lines[0].reason.startswith("ERP_REJECTED")
    assert holder.available(channel, sku) == 7
    assert [holder.free_at_erp(each) for each in (sku, other)] == [0, 6]
    # Of what the ERP has nothing of, nothing is left.
    gone = holder.create(channel, wanted(sku, 1), wanted(other, 1), allow_partial=True)
    assert standing(gone)[0] == "ACTIVE" and figures(gone) == [(1, 0, 0, 0, 1), (1, 1, 0, 0, 0)]


@pytest.mark.parametrize("change", ["release", "commit"])
def test_part_given_back_is_given_back_at_the_erp(holder, erp, change):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 7))
    if change == "release":
        holder.release(held.id, lines=[part(1, 3)])
    else:
        holder.commit(held.id, lines=[part(1, 4)])
    eventually(lambda: erp_state_name(holder.get(held.id).erp_state) == "CONFIRMED", "the ERP's answer")
    assert holder.get(held.id).lines[0].open == 4 and holder.free_at_erp(sku) == 6


# After the call.

def test_hold_behind_is_pending_at_once_and_told_when_the_erp_confirms(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    watch = holder.watch(channel=channel)
    watch.snapshot()
    with erp.being(latency_ms=200):
        held = holder.create(channel, wanted(sku, 4))
        assert standing(held) == ("ACTIVE", "PENDING") and causes(held) == ["GRANTED"]
        watch.until(lambda watch: erp_state_name(watch.latest[held.id].erp_state) == "CONFIRMED"
                    if held.id in watch.latest else False)
    watch.cancel()
    assert holder.free_at_erp(sku) == 6


def test_hold_behind_is_pending_at_once_and_told_when_the_erp_refuses(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    watch = holder.watch(channel=channel)
    watch.snapshot()
    with erp.being(latency_ms=200, refuse_percent=100):
        held = holder.create(channel, wanted(sku, 4))
        assert standing(held) == ("ACTIVE", "PENDING")
        assert holder.available(channel, sku) == 6
        watch.until(lambda watch: watch.heard(held.id, "REJECTED"))
    watch.cancel()
    assert causes(watch.latest[held.id])[-1] == "ERP_REJECTED"
    assert holder.available(channel, sku) == 10 and holder.free_at_erp(sku) == 10


@pytest.mark.parametrize("decision", ["CONFIRMED", "REJECTED"])
@pytest.mark.parametrize("bound", ["caller", "channel"])
def test_erp_slower_than_one_waits_is_no_error_and_decides_later(holder, erp, bound, decision):
    terms = {"erp_wait_max": duration(100 * MILLISECOND)} if bound == "channel" else {}
    channel, sku = holder.new_channel(**terms), holder.stocked(10)
    with erp.being(latency_ms=700, refuse_percent=0 if decision == "CONFIRMED" else 100):
        held = holder.create(channel, wanted(sku, 4), timeout=0.5)
        assert standing(held) == ("ACTIVE", "PENDING") and holder.available(channel, sku) == 6
        ended = holder.becomes(held, "ACTIVE" if decision == "CONFIRMED" else "REJECTED", decision)
    left = 6 if decision == "CONFIRMED" else 10
    assert causes(ended) == ["GRANTED", f"ERP_{decision}"]
    assert holder.available(channel, sku) == left and holder.free_at_erp(sku) == left


def test_repeat_while_the_erp_thinks_waits_for_the_same_decision(holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(10)
    with erp.being(latency_ms=700):
        held = holder.create(channel, wanted(sku, 4), timeout=0.4, request_id="again")
        assert standing(held) == ("ACTIVE", "PENDING")
        again = holder.create(channel, wanted(sku, 4), request_id="again")
    assert (again.id, standing(again)) == (held.id, ("ACTIVE", "CONFIRMED"))
    assert holder.free_at_erp(sku) == 6


def test_call_that_the_erp_does_not_answer_in_time_is_unknown_and_asked_again(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    with erp.being(latency_ms=1_500):
        held = holder.create(channel, wanted(sku, 4))
        holder.becomes(held, "ACTIVE", "UNKNOWN")
        eventually(lambda: errors(holder, held) == ["the embedded ERP is slower than the deadline"], "the error")
        assert [kind_name(write) for write in holder.writes(reservation_id=held.id)] == ["LOOKUP"]
        assert holder.available(channel, sku) == 6
    holder.becomes(held, "ACTIVE", "CONFIRMED")
    assert holder.free_at_erp(sku) == 6


def test_hold_whose_answer_is_lost_is_looked_up_and_held_once(holder, erp):
    channel, sku = holder.new_channel(erp_wait_max=duration(300 * MILLISECOND)), holder.stocked(10)
    with erp.being(lose_answer_percent=100):
        held = holder.create(channel, wanted(sku, 4))
        # Not found out within the time to wait, and no error.
        assert standing(held) == ("ACTIVE", "UNKNOWN") and causes(held) == ["GRANTED", "ERP_UNKNOWN"]
    confirmed = holder.becomes(held, "ACTIVE", "CONFIRMED")
    assert causes(confirmed) == ["GRANTED", "ERP_UNKNOWN", "ERP_CONFIRMED"]
    assert holder.available(channel, sku) == 6 and holder.free_at_erp(sku) == 6


def test_refusal_whose_answer_is_lost_is_asked_for_again(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    with erp.being(lose_answer_percent=100, refuse_percent=100):
        held = holder.create(channel, wanted(sku, 4))
        holder.becomes(held, "ACTIVE", "UNKNOWN")
        erp.switch(lose_answer_percent=0)
        holder.becomes(held, "REJECTED", "REJECTED")
    assert holder.available(channel, sku) == 10 and holder.free_at_erp(sku) == 10


def test_release_whose_answer_is_lost_lets_go_once(holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 4))
    with erp.being(lose_answer_percent=100):
        holder.release(held.id)
        eventually(lambda: errors(holder, held) == ["the embedded ERP lost its answer"], "a lost answer")
        assert standing(holder.get(held.id)) == ("RELEASED", "RELEASE_PENDING")
    holder.becomes(held, "RELEASED", "RELEASED")
    assert holder.free_at_erp(sku) == 10


def test_erp_that_loses_half_its_answers_has_each_hold_once(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(1_000)
    with erp.being(lose_answer_percent=50):
        held = [holder.create(channel, wanted(sku, number + 1)) for number in range(30)]
        for each in held[:10]:
            holder.release(each.id)
        for each in held[10:20]:
            holder.commit(each.id)
        eventually(lambda: len(holder.writes()) < 20, "some answers")
    for number, each in enumerate(held):
        state = "RELEASED" if number < 10 else "COMMITTED" if number < 20 else "ACTIVE"
        holder.becomes(each, state, "RELEASED" if number < 10 else "CONFIRMED")
    assert holder.free_at_erp(sku) == 1_000 - sum(range(11, 31))


# Too late.

def test_refusal_after_the_order_is_placed_is_told_as_such(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    watch = holder.watch(channel=channel)
    watch.snapshot()
    with erp.being(latency_ms=300, refuse_percent=100):
        held = holder.create(channel, wanted(sku, 4))
        placed = holder.commit(held.id, order_reference="A-1")
        assert standing(placed) == ("COMMITTED", "PENDING")
        watch.until(lambda watch: watch.heard(held.id, "REJECTED"))
    watch.cancel()
    ended = watch.latest[held.id]
    assert causes(ended)[-1] == "ERP_REFUSED_AFTER_COMMIT" and ended.order_reference == "A-1"
    assert [each.id for each in holder.list(channel=channel, state=ended.state)] == [held.id]
    assert (ended.lines[0].open, ended.lines[0].released) == (0, 4)
    assert holder.available(channel, sku) == 10 and holder.free_at_erp(sku) == 10


def test_order_placed_before_the_erp_answered_is_confirmed_and_told_to_it(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    with erp.being(latency_ms=200):
        held = holder.create(channel, wanted(sku, 4))
        holder.commit(held.id)
        eventually(lambda: causes(holder.get(held.id))[-1] == "ERP_COMMITTED", "the ERP hearing of the order")
    assert standing(holder.get(held.id)) == ("COMMITTED", "CONFIRMED") and holder.free_at_erp(sku) == 6


@pytest.mark.parametrize("trouble", [{"latency_ms": 1_600}, {"lose_answer_percent": 100}, {"down": True}], ids=str)
def test_hold_that_runs_out_before_the_erp_answers_ends_expired_and_nothing_stays(holder, patient, trouble):
    channel, sku = holder.new_channel(sourcing=["WH2"], write_mode=BEHIND), holder.stocked(10, "WH2")
    with patient.being(**trouble):
        held = holder.create(channel, wanted(sku, 4), ttl=duration(SECOND))
        assert erp_state_name(held.erp_state) == "PENDING"
        eventually(lambda: state_of(holder.get(held.id)) == "EXPIRED", "the end of its time")
        assert holder.available(channel, sku) == 10
    ended = holder.becomes(held, "EXPIRED", "RELEASED")
    assert figures(ended) == [(4, 0, 0, 0, 4)]
    holder.drained()
    assert holder.free_at_erp(sku, "WH2") == 10


def test_hold_released_before_the_erp_answers_ends_released_and_nothing_stays(holder, erp):
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    with erp.being(latency_ms=300):
        held = holder.create(channel, wanted(sku, 10))
        eventually(lambda: holder.erp().calls_in_flight == 1, "the call")
        holder.release(held.id)
        holder.becomes(held, "RELEASED", "RELEASED")
    assert holder.free_at_erp(sku) == 10


# Two ERPs.

def test_erp_that_is_away_keeps_only_its_own_locations_waiting(holder, erp, patient):
    channel = holder.new_channel(sourcing=["WH1", "WH2"], erp_wait_max=duration(300 * MILLISECOND))
    sku = holder.stocked(10, "WH1", "WH2")
    with patient.being(down=True):
        near = holder.create(channel, wanted(sku, 1, "WH1"))
        far = holder.create(channel, wanted(sku, 1, "WH2"))
        both = holder.create(channel, wanted(sku, 2, "WH1"), wanted(sku, 2, "WH2"))
        assert [standing(each) for each in (near, far, both)] == [
            ("ACTIVE", "CONFIRMED"), ("ACTIVE", "PENDING"), ("ACTIVE", "PENDING")]
        assert [erp_state_name(line.erp_state) for line in holder.get(both.id).lines] == ["CONFIRMED", "PENDING"]
        assert holder.free_at_erp(sku, "WH1") == 7
        assert {write.erp for write in holder.writes()} == {"patient"}
    for each in (far, both):
        holder.becomes(each, "ACTIVE", "CONFIRMED")
    assert holder.free_at_erp(sku, "WH2") == 7


def test_line_refused_by_one_erp_lets_the_others_go_at_the_other(holder, erp, patient):
    channel, sku = holder.new_channel(sourcing=["WH1", "WH2"]), holder.stocked(10, "WH1", "WH2")
    with patient.being(refuse_percent=100):
        failure = holder.refusal(channel, wanted(sku, 2, "WH1"), wanted(sku, 3, "WH2"))
    assert failure.reason == "ERP_REJECTED" and ("ERP_REJECTED", "lines[1]") in violations(failure)
    ended = holder.get(failure.detail(error_details_pb2.ErrorInfo).metadata["reservation"])
    assert figures(ended) == [(2, 0, 0, 0, 2), (3, 0, 0, 0, 3)]
    eventually(lambda: [erp_state_name(line.erp_state) for line in holder.get(ended.id).lines] == [
        "RELEASED", "REJECTED"], "the other ERP letting go")
    assert [holder.free_at_erp(sku, place) for place in ("WH1", "WH2")] == [10, 10]
    assert [holder.available(channel, sku, place) for place in ("WH1", "WH2")] == [10, 10]


def test_line_refused_by_one_erp_leaves_the_others_where_less_is_welcome(holder, erp, patient):
    channel, sku = holder.new_channel(sourcing=["WH1", "WH2"]), holder.stocked(10, "WH1", "WH2")
    with patient.being(refuse_percent=100):
        held = holder.create(channel, wanted(sku, 2, "WH1"), wanted(sku, 3, "WH2"), allow_partial=True)
    assert state_of(held) == "ACTIVE" and figures(held) == [(2, 2, 0, 0, 0), (3, 0, 0, 0, 3)]
    assert [holder.free_at_erp(sku, place) for place in ("WH1", "WH2")] == [8, 10]


# Away and back.

def test_erp_that_is_away_opens_its_breaker_and_holds_go_on(start):
    server, holder, erp = start()
    channel, sku = holder.new_channel(erp_wait_max=duration(0)), holder.stocked(100)
    assert server.metric("availability_erp_available", erp="embedded") == 1 and holder.erp().available
    erp.switch(down=True)
    held = []
    while holder.erp().available:
        held.append(holder.create(channel, wanted(sku, 2)))
        assert len(held) <= 20, "the breaker should have opened"
        time.sleep(0.05)
    # Calls without an answer before it opened; none of its writes can have failed more often.
    writes = holder.writes()
    assert 1 <= max(write.attempts for write in writes) <= 6
    assert all("switched off" in write.last_error for write in writes if write.attempts)
    held += [holder.create(channel, wanted(sku, 2)) for _ in range(5)]
    assert {standing(each) for each in held} == {("ACTIVE", "PENDING")}
    assert holder.available(channel, sku) == 100 - 2 * len(held)

    status = holder.erp()
    assert status.reason.startswith("BREAKER_OPEN") and status.writes_waiting == len(held)
    assert 0 < status.oldest_write_age.ToNanoseconds() < 60 * SECOND
    assert holder.status().ledger.erp_writes_waiting == len(held)
    assert server.metric("availability_erp_available", erp="embedded") == 0
    assert server.metric("availability_erp_writes_waiting", erp="embedded") == len(held)
    assert server.metric("availability_erp_oldest_write_age_seconds", erp="embedded") > 0
    code, page = server.get("/readyz?verbose")
    assert code == 200 and f"[+]erp ok: embedded {len(held)} waiting, BREAKER_OPEN" in page
    row = avail(server, "erp", "status").splitlines()[1].split()
    assert row[:3] == ["embedded", "no", str(len(held))]
    shown = avail_json(server, "erp", "writes")[0]["writes"]
    assert [write["reservationId"] for write in shown] == [each.id for each in held], "the oldest first"

    # One call at a time tries whether it is back.
    before = sum(write.attempts for write in holder.writes())
    time.sleep(0.8)
    assert sum(write.attempts for write in holder.writes()) - before <= 2
    erp.switch(down=False)
    for each in held:
        holder.becomes(each, "ACTIVE", "CONFIRMED")
    status = holder.erp()
    assert status.available and not status.reason and status.writes_waiting == 0
    assert not status.HasField("oldest_write_age")
    assert server.metric("availability_erp_available", erp="embedded") == 1
    assert server.metric("availability_erp_oldest_write_age_seconds", erp="embedded") == 0
    assert holder.free_at_erp(sku) == 100 - 2 * len(held)
    assert standing(holder.create(holder.new_channel(), wanted(sku, 2))) == ("ACTIVE", "CONFIRMED")
    verify(server)


def test_outbox_is_whole_after_a_kill_and_drains_once_the_erp_may_be_called(start):
    server, holder, _ = start(RESTING)
    channel, sku = holder.new_channel(erp_wait_max=duration(0)), holder.stocked(100)
    assert holder.erp().reason == "MAINTENANCE" and not holder.erp().available
    held = [holder.create(channel, wanted(sku, 2)) for _ in range(9)]
    released, placed, kept = held[:3], held[3:6], held[6:]
    for each in released:
        holder.release(each.id)
    for each in placed:
        holder.commit(each.id, lines=[part(1, 1)])

    def waiting():
        return [(write.id, write.erp, write.reservation_id, write.sku, write.quantity) for write in holder.writes()]

    before = sorted(waiting())
    assert holder.available(channel, sku) == 100 - 3 - 6
    for _ in range(2):
        server.kill()
        holder = ErpHolder(server.start().channel())
        assert sorted(waiting()) == before
        assert holder.available(channel, sku) == 100 - 3 - 6
        assert {write.attempts for write in holder.writes()} <= {0}
        assert {standing(holder.get(each.id)) for each in kept} == {("ACTIVE", "PENDING")}
    server.kill()
    server.configuration = SMALL
    holder = ErpHolder(server.start().channel())
    for each, states in [*((each, ("RELEASED", "RELEASED")) for each in released),
                         *((each, ("COMMITTED", "CONFIRMED")) for each in placed),
                         *((each, ("ACTIVE", "CONFIRMED")) for each in kept)]:
        holder.becomes(each, *states)
    holder.drained()
    assert holder.free_at_erp(sku) == 100 - 3 - 6
    verify(server)


def test_what_waits_is_listed_by_page_state_erp_and_reservation(start):
    _, holder, _ = start(RESTING)
    channel, skus = holder.new_channel(erp_wait_max=duration(0)), [holder.stocked(100) for _ in range(3)]
    held = [holder.create(channel, *[wanted(sku, 2) for sku in skus]) for _ in range(3)]
    writes = holder.writes()
    assert [(write.reservation_id, write.reservation_line, write.sku) for write in writes] == [
        (each.id, line, sku) for each in held for line, sku in enumerate(skus, 1)]
    assert {(write.erp, kind_name(write), write_state_name(write), write.location, write.quantity)
            for write in writes} == {("embedded", "RESERVE", "WAITING", "WH1", 2)}
    assert len({write.id for write in writes}) == len(writes)
    assert all(write.HasField("create_time") for write in writes)
    ids = [write.id for write in writes]
    assert sorted(write.id for write in holder.writes(page_size=1)) == sorted(ids)
    assert [write.id for write in holder.writes(page_size=4)] == ids
    assert [write.id for write in holder.writes(erp="embedded", reservation_id=held[1].id)] == ids[3:6]
    assert holder.writes(erp="nobody") == [] and holder.writes(state=writes[0].state) == writes


def test_write_tried_by_hand_is_told_and_goes_through_when_the_erp_is_back(start):
    server, holder, erp = start()
    channel, sku = holder.new_channel(write_mode=BEHIND), holder.stocked(10)
    erp.switch(down=True)
    held = holder.create(channel, wanted(sku, 4))
    eventually(lambda: holder.writes()[0].attempts, "the first attempt")
    write, = holder.writes()
    tried = holder.retry_write(write.id, reason="somebody is impatient")
    assert (tried.id, tried.reservation_id, tried.quantity, kind_name(tried)) == (write.id, held.id, 4, "RESERVE")
    assert held.id in avail(server, "erp", "retry", write.id)
    erp.switch(down=False)
    holder.becomes(held, "ACTIVE", "CONFIRMED")
    assert holder.free_at_erp(sku) == 6


@pytest.mark.parametrize("id", ["nothing", "r-0-0-0/embedded/1", "made-up", "17"])
def test_write_that_nobody_knows_is_not_found(holder, id):
    failure = failure_of(holder.retry_write, new_id() if id == "made-up" else id)
    assert told(failure) == (grpc.StatusCode.NOT_FOUND, "ERP_WRITE_NOT_FOUND")


# Channels while an ERP lags.

def degradation(holder, channel):
    """Whether it is degraded, and by what."""
    status, = [each for each in holder.status().channels if each.channel == channel]
    assert status.degraded == status.HasField("degraded_since") == bool(status.degradation_reason)
    return status.degradation_reason


def test_channel_keeps_its_buffer_back_while_the_erp_is_away_and_relaxes_after(start):
    server, holder, erp = start(TWO_ERPS)
    sku = holder.stocked(20, "WH1", "WH2")
    careful = holder.new_channel(degradation_buffer_units=3, erp_wait_max=duration(0))
    cautious = holder.new_channel(degradation_buffer_percent=50)
    careless = holder.new_channel(erp_wait_max=duration(0))
    elsewhere = holder.new_channel(sourcing=["WH2"], degradation_buffer_units=3)
    channels = [careful, cautious, careless, elsewhere]

    def answers():
        return [holder.available(channel, sku) for channel in channels]

    assert answers() == [20, 20, 20, 20]
    erp.switch(down=True)
    other = holder.stocked(5)
    held = [holder.create(careless, other) for _ in range(3)]
    eventually(lambda: degradation(holder, careful), "the channel keeping back")
    assert [degradation(holder, channel) for channel in channels] == ["ERP_UNAVAILABLE", "ERP_UNAVAILABLE", "", ""]
    assert answers() == [17, 10, 20, 20]
    assert [server.metric("availability_channel_degraded", channel=channel) for channel in channels] == [1, 1, 0, 0]
    code, page = server.get("/readyz?verbose")
    assert code == 200 and f"{careful} degraded by ERP_UNAVAILABLE" in page and careless not in page
    # Nobody is promised what is not shown.
    assert holder.refusal(careful, wanted(sku, 18)).reason == "CHANNEL_ALLOCATION_EXHAUSTED"
    held.append(holder.create(careful, wanted(sku, 17)))
    assert holder.available(careful, sku) == 0
    holder.release(held.pop().id)

    erp.switch(down=False)
    for each in held:
        holder.becomes(each, "ACTIVE", "CONFIRMED")
    eventually(lambda: not degradation(holder, careful), "the channel relaxing")
    assert [degradation(holder, channel) for channel in channels] == ["", "", "", ""]
    eventually(lambda: answers() == [20, 20, 20, 20], "the units of what was released")
    assert server.metric("availability_channel_degraded", channel=careful) == 0
    assert "degraded by" not in server.get("/readyz?verbose")[1]


def test_channel_keeps_its_buffer_back_while_writes_wait_too_long_or_are_too_many(start):
    server, holder, erp = start(LAGGING)
    patient = EmbeddedErp(server, "patient")
    terms = {"degradation_buffer_units": 3, "write_mode": BEHIND}
    near, far = holder.new_channel(**terms), holder.new_channel(sourcing=["WH2"], **terms)
    sku = holder.stocked(20, "WH1", "WH2")
    erp.switch(latency_ms=1_500)
    patient.switch(latency_ms=1_500)
    held = [holder.create(near, wanted(sku)), *(holder.create(far, wanted(sku)) for _ in range(3))]
    for channel, left in ((near, 16), (far, 14)):
        eventually(lambda channel=channel: degradation(holder, channel) == "ERP_QUEUE_LAG", "the channel keeping back")
        assert holder.available(channel, sku) == left
    assert holder.erp().available and holder.erp("patient").available
    for each in held:
        holder.becomes(each, "ACTIVE", "CONFIRMED")
    eventually(lambda: not degradation(holder, near) and not degradation(holder, far), "the channels relaxing")
    assert [holder.available(channel, sku) for channel in (near, far)] == [19, 17]


# What the ERP's figures contain.

@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A server without any ERP: a hold that is over stays in the figures until a later one lacks it."""
    server = Server(tmp_path_factory.mktemp("ledger"), configuration=WITHOUT_ERP)
    try:
        yield ErpHolder(server.start().channel())
    finally:
        server.stop()


def parts(holder, sku):
    """allocated, reserved, releasing."""
    position = holder.position(sku).position
    return position.allocated, position.reserved, position.releasing


def test_hold_that_the_figures_contain_is_subtracted_once(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    held, other = ledger.create(channel, wanted(sku, 4)), ledger.create(channel, wanted(sku, 2))
    ledger.apply(snapshot(sku, on_hand=20, allocated=7))
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((7, 6, 0), 7), "in doubt it is subtracted twice"
    event = snapshot(sku, on_hand=20, allocated=7)
    event.contains.append(contained(held, 4))
    ledger.apply(event)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 6, 0), 11)
    event = snapshot(sku, on_hand=20, allocated=9)
    event.contains.extend([contained(held, 4, line=1), contained(other, 2)])
    ledger.apply(event)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 6, 0), 11)


def test_hold_that_is_over_is_subtracted_until_a_later_figure_lacks_it(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    held = ledger.create(channel, wanted(sku, 4))
    event = snapshot(sku, on_hand=20, allocated=7)
    event.contains.append(contained(held, 4))
    ledger.apply(event)
    ledger.release(held.id, lines=[part(1, 1)])
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 3, 1), 13)
    ledger.release(held.id)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 0, 4), 13)
    still = snapshot(sku, on_hand=20, allocated=5)
    still.contains.append(contained(held, 2))
    ledger.apply(still)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 0, 2), 15)
    ledger.apply(snapshot(sku, on_hand=20, allocated=3))
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 0, 0), 17)


def test_hold_that_ran_out_is_subtracted_until_a_later_figure_lacks_it(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    held = ledger.create(channel, wanted(sku, 4), ttl=duration(SECOND))
    event = snapshot(sku, on_hand=20, allocated=4)
    event.contains.append(contained(held, 4))
    ledger.apply(event)

    def is_over():
        assert ledger.available(channel, sku) == 16
        return state_of(ledger.get(held.id)) == "EXPIRED"

    eventually(is_over, "the end of its time")
    eventually(lambda: is_over() and parts(ledger, sku) == (0, 0, 4), "the books saying so")
    ledger.apply(snapshot(sku, on_hand=20, allocated=0))
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((0, 0, 0), 20)


def test_figures_name_holds_of_others_and_more_than_is_held(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    held = ledger.create(channel, wanted(sku, 4))
    event = snapshot(sku, on_hand=20, allocated=10)
    # A hold of nobody's stays a foreign allocation; of ours at most what was granted is ours.
    event.contains.extend([contained(held, 6), contained(held, 1, line=9)])
    event.contains.add(reservation_id="somebody", quantity=2)
    ledger.apply(event)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((6, 4, 0), 10)


def test_late_figure_says_nothing_of_what_is_contained_now(ledger):
    channel, sku = ledger.new_channel(), ledger.stocked(20)
    held = ledger.create(channel, wanted(sku, 4))
    early = now()
    ledger.apply(snapshot(sku, on_hand=20, allocated=3))
    late = snapshot(sku, at=early, on_hand=20, allocated=7)
    late.contains.append(contained(held, 4))
    ledger.publish(late)
    assert (parts(ledger, sku), ledger.available(channel, sku)) == ((3, 4, 0), 13)


def test_release_that_the_erp_has_answered_is_not_waited_for(holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(20)
    held = holder.create(channel, wanted(sku, 4))
    event = snapshot(sku, on_hand=20, allocated=7)
    event.contains.append(contained(held, 4))
    holder.apply(event)
    with erp.being(latency_ms=300):
        holder.release(held.id)
        assert (parts(holder, sku), holder.available(channel, sku)) == ((3, 0, 4), 13)
        holder.becomes(held, "RELEASED", "RELEASED")
    assert (parts(holder, sku), holder.available(channel, sku)) == ((3, 0, 0), 17)


def test_any_holds_in_any_figures_are_each_subtracted_once(start, seed):
    """Against a model: an ERP whose figures, true when taken, arrive now and then."""
    choose = random.Random(seed)
    server, holder, _ = start(WITHOUT_ERP)
    channel, sku = holder.new_channel(), holder.stocked(500)
    foreign, known, open_units = 0, {}, {}
    for step in range(150):
        live = [id for id, units in open_units.items() if units]
        act = "kill" if step % 50 == 49 else choose.choice(
            ["hold", "hold", "figures", *(["release", "commit"] if live else [])])
        if act == "hold":
            held = holder.create(channel, wanted(sku, choose.randint(1, 5)))
            open_units[held.id] = held.lines[0].open
        elif act == "release":
            id = choose.choice(live)
            units = choose.randint(1, open_units[id])
            holder.release(id, lines=[part(1, units)])
            open_units[id] -= units
        elif act == "commit":
            id = choose.choice(live)
            units = choose.randint(1, open_units[id])
            if state_of(holder.get(id)) == "ACTIVE":
                open_units[id] = holder.commit(id, lines=[part(1, units)]).lines[0].open
        elif act == "figures":
            foreign = choose.randint(0, 20)
            # It has heard of most changes.
            known = {id: units if choose.random() < 0.7 else known.get(id, 0) for id, units in open_units.items()}
            event = snapshot(sku, on_hand=500, allocated=foreign + sum(known.values()))
            for id, units in known.items():
                if units:
                    event.contains.add(reservation_id=id, reservation_line=1, quantity=units)
            holder.apply(event)
        else:
            server.kill()
            holder = ErpHolder(server.start().channel())
        releasing = sum(max(0, known.get(id, 0) - units) for id, units in open_units.items())
        assert parts(holder, sku) == (foreign, sum(open_units.values()), releasing), (step, act)
        assert holder.available(channel, sku) == max(0, 500 - foreign - sum(open_units.values()) - releasing)
    verify(server)


def test_figures_that_are_read_from_the_erp_count_each_hold_once(start):
    _, holder, _ = start(READ_OFTEN)
    channel, sku = holder.new_channel(), holder.stocked(100, allocated=10, quarantined=5)
    held = holder.create(channel, wanted(sku, 4))
    assert holder.available(channel, sku) == 81
    eventually(lambda: holder.source("embedded"), "the first reading")

    def readings():
        return holder.source("embedded").last_event_time.ToNanoseconds()

    for _ in range(3):
        former = readings()
        eventually(lambda: readings() > former, "another reading")
        assert holder.available(channel, sku) == 81, holder.position(sku)
    holder.release(held.id)
    holder.becomes(held, "RELEASED", "RELEASED")
    former = readings()
    eventually(lambda: readings() > former, "another reading")
    assert holder.available(channel, sku) == 85, holder.position(sku)
