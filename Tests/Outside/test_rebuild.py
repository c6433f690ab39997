"""A rebuild makes all figures anew beside those that answer: what went wrong is right after the switch, every hold is kept,
and nothing is oversold meanwhile, whatever is killed."""
import threading

import grpc
import pytest

from google.rpc import error_details_pb2

from availability.v1 import operations_service_pb2, rebuild_pb2

from support import PATIENCE
from support.api import adjustment, event, failure_of, new_name, snapshot, timestamp
from support.reservations import Holder, verify, wanted
from support.server import SMALL, eventually
from test_feeds import HEADER, avail, drop, text_time

SKUS = 20


def rebuild_of(api, id=""):
    request = operations_service_pb2.GetRebuildRequest(id=id)
    return api.operations.GetRebuild(request, timeout=PATIENCE).rebuild


def start(api, **fields):
    request = operations_service_pb2.StartRebuildRequest(reason="test", **fields)
    return api.operations.StartRebuild(request, timeout=PATIENCE).rebuild


def switch(api, id, accept=False):
    request = operations_service_pb2.SwitchRebuildRequest(id=id, reason="test", accept_differences=accept)
    return api.operations.SwitchRebuild(request, timeout=PATIENCE)


def state_of(rebuild):
    return rebuild_pb2.RebuildState.Name(rebuild.state).removeprefix("REBUILD_STATE_")


def becomes(api, *states, id=""):
    return eventually(lambda: (lambda found: found if state_of(found) in states else None)(rebuild_of(api, id)),
                      " or ".join(states))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def fed(new_server, folder):
    """A server, not yet started, whose only past is a folder of files; `rest` are further lines of its configuration."""
    def make(rest="erps: {}\n"):
        return new_server(configuration=SMALL + f"""
feeds:
  files: {{kind: files, source: wms, folder: '{folder}', format: csv, settle: 100ms, poll_every: 100ms}}
{rest}""")
    return make


def counts(prefix, units, rows=SKUS):
    """A file that tells of `units` of each sku."""
    time = text_time()
    return HEADER + "".join(f"CYCLE_COUNT,{time},{prefix}-{row % SKUS},WH1,{units},COUNTED\n" for row in range(rows))


def give(api, folder, prefix, units):
    """Has the feed tell so."""
    drop(folder, f"{prefix}-{units}.csv", counts(prefix, units))
    eventually((folder / "done" / f"{prefix}-{units}.csv").exists, "the file in done")
    eventually(lambda: on_hand(api, f"{prefix}-{SKUS - 1}") is not None, "the figures")


def on_hand(api, sku):
    try:
        return api.position(sku).position.on_hand
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND
        return None


class Traffic:
    """Somebody who publishes differences and holds units of a prefix's skus until told to stop."""

    def __init__(self, server, prefix, channel):
        self.published = [0] * SKUS
        self.held = [0] * SKUS
        self.reservations = []
        self.failures = []
        self._server, self._prefix, self._channel = server, prefix, channel
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert not self.failures, self.failures

    def _run(self):
        holder = Holder(self._server.channel())
        turn = 0
        while not self._stop.is_set():
            number, turn = turn % SKUS, turn + 1
            sku = f"{self._prefix}-{number}"
            try:
                holder.apply(adjustment(sku, 1, source="till"))
                self.published[number] += 1
                reservation = holder.create(self._channel, wanted(sku, 1))
                self.held[number] += 1
                self.reservations.append(reservation.id)
                assert holder.available(self._channel, sku) >= 0
            except Exception as error:
                self.failures.append(error)
                return


def check(holder, prefix, traffic, units):
    """The figures are the feed's and what was published meanwhile, and every hold is where it was."""
    for number in range(SKUS):
        position = holder.position(f"{prefix}-{number}")
        told = (position.position.on_hand, position.position.reserved)
        assert told == (units + traffic.published[number], traffic.held[number]), number
    for id in traffic.reservations:
        assert holder.get(id).lines[0].open == 1


def test_wrong_figures_are_right_after_the_switch_while_others_publish_and_hold(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    prefix = new_name("R")
    give(holder, folder, prefix, 50)
    # What nobody's feed ever told: it is gone after the rebuild.
    holder.apply(*(adjustment(f"{prefix}-{number}", 1_000, source="typo") for number in range(SKUS)))
    channel = "web"
    begun = start(holder)
    with Traffic(server, prefix, channel) as traffic:
        assert [step.id for step in begun.steps] == ["files"]
        assert failure_of(start, holder).reason == "REBUILD_RUNNING"
        ready = becomes(holder, "READY")
        assert (ready.positions, ready.steps[0].taken, ready.steps[0].refused) == (SKUS, SKUS, 0)
        assert ready.differing_positions == SKUS
        assert holder.position(f"{prefix}-0").position.on_hand > 1_000
        response = switch(holder, ready.id)
        assert state_of(response.rebuild) == "SWITCHED"
        assert holder.position(f"{prefix}-0").position.on_hand < 1_000
        answer = holder.check(channel, f"{prefix}-0")
        assert answer.sequence >= response.sequence and answer.lines[0].available < 1_000
    check(holder, prefix, traffic, 50)
    assert failure_of(switch, holder, ready.id).reason == "REBUILD_NOT_READY"
    eventually(lambda: "the hot table answers" in server.log_text(), "the hot table")
    verify(server)
    server.start()
    holder = Holder(server.channel())
    check(holder, prefix, traffic, 50)
    assert failure_of(start, holder, steps=["nobody"]).fields == ["steps[0]"]
    verify(server)


def test_kill_9_while_it_is_filled_and_right_after_the_switch_loses_nothing(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    prefix = new_name("K")
    give(holder, folder, prefix, 60)
    drop(folder, "more.csv", counts(prefix, 60, rows=20_000))
    eventually((folder / "done" / "more.csv").exists, "the file in done")
    holder.apply(*(adjustment(f"{prefix}-{number}", -7, source="typo") for number in range(SKUS)))
    with Traffic(server, prefix, "web") as traffic:
        eventually(lambda: len(traffic.reservations) > SKUS, "some holds")
    id = start(holder).id
    eventually(lambda: state_of(rebuild_of(holder)) == "READY" or rebuild_of(holder).steps[0].taken > 0, "some events")
    server.kill()
    holder = Holder(server.start().channel())
    assert rebuild_of(holder).id == id
    becomes(holder, "READY")
    switch(holder, id, accept=True)
    server.kill()
    holder = Holder(server.start().channel())
    assert state_of(rebuild_of(holder)) == "SWITCHED"
    for number in range(SKUS):
        position = holder.position(f"{prefix}-{number}").position
        assert (position.on_hand, position.reserved) == (60, traffic.held[number]), "what only the till told is gone"
    eventually(lambda: holder.status().ledger.positions == SKUS, "the positions that answer")
    holder.apply(*(adjustment(f"{prefix}-{number}", 3, source="till") for number in range(SKUS)))
    second = eventually(lambda: started(holder, switch_when_ready=True), "the rows that answer no more gone")
    second = becomes(holder, "SWITCHED", id=second.id)
    assert second.differing_positions == SKUS and second.id != id
    assert [holder.position(f"{prefix}-{number}").position.reserved for number in range(SKUS)] == traffic.held
    verify(server)


def started(api, **fields):
    """One more; nothing while the rows of the one before are being deleted."""
    try:
        return start(api, **fields)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        return None


def test_only_what_has_a_past_comes_back_and_the_count_warns(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    prefix = new_name("P")
    give(holder, folder, prefix, 5)
    lonely = new_name()
    holder.apply(snapshot(lonely, on_hand=9))
    told = avail(server, "rebuild", "start", "--reason", "test", "--wait").stdout
    assert "READY" in told and "files" in told
    assert rebuild_of(holder).differing_positions == 1
    id = rebuild_of(holder).id
    assert holder.position(lonely).position.on_hand == 9
    assert "SWITCHED" in avail(server, "rebuild", "switch", id, "--reason", "test").stdout
    assert failure_of(holder.position, lonely).reason == "POSITION_NOT_FOUND"
    assert holder.position(f"{prefix}-1").position.on_hand == 5
    holder.apply(snapshot(lonely, on_hand=8))
    assert holder.position(lonely).position.on_hand == 8
    assert "SWITCHED" in avail(server, "rebuild", "status").stdout


def test_abandoned_rebuild_leaves_everything_as_it_was(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    assert failure_of(rebuild_of, holder).reason == "REBUILD_NOT_FOUND"
    prefix = new_name("A")
    give(holder, folder, prefix, 5)
    begun = start(holder, from_time=timestamp(1))
    assert failure_of(switch, holder, "1").reason == "REBUILD_NOT_FOUND"
    assert "ABANDONED" in avail(server, "rebuild", "abandon", begun.id, "--reason", "test").stdout
    assert holder.position(f"{prefix}-1").position.on_hand == 5
    eventually(lambda: holder.status().ledger.positions == SKUS, "the rows gone")
    verify(server)


def test_rebuild_without_anything_to_read_is_refused(new_server):
    holder = Holder(new_server(configuration=SMALL).start().channel())
    failure = failure_of(start, holder)
    assert (failure.reason, failure.fields) == ("INVALID_FIELD", ["steps"])
    request = operations_service_pb2.StartRebuildRequest()
    assert failure_of(holder.operations.StartRebuild, request, timeout=PATIENCE).fields == ["reason"]


def test_switch_that_would_put_more_on_sale_waits_for_somebody_to_accept_it(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    prefix = new_name("V")
    give(holder, folder, prefix, 50)
    # Orders that only gRPC told of: their units are free again in figures made of the files alone.
    holder.apply(*(event("ALLOCATION_CREATED", f"{prefix}-{number}", quantity=20, reference=f"order-{number}")
                   for number in range(3)))
    id = start(holder, switch_when_ready=True).id
    ready = becomes(holder, "READY")
    assert (ready.differing_positions, ready.rising_positions, ready.refused) == (3, 3, 0)
    assert [(example.running_sellable, example.sellable) for example in ready.examples] == [(30, 50)] * 3
    assert {example.location for example in ready.examples} == {"WH1"}
    failure = failure_of(switch, holder, id)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REBUILD_DIFFERS")
    assert dict(failure.detail(error_details_pb2.ErrorInfo).metadata) == {
        "rebuild": id, "rising": "3", "refused": "0", "differing": "3"}
    told = avail(server, "rebuild", "status").stdout
    assert "RISING" in told and "SELLABLE NOW" in told and f"{prefix}-0" in told
    # It is compared again as it waits: one of them is told to both.
    holder.apply(snapshot(f"{prefix}-0", on_hand=50, allocated=20))
    later = eventually(lambda: (lambda found: found if found.rising_positions == 2 else None)(rebuild_of(holder)),
                       "the next comparison")
    assert later.compare_time.ToNanoseconds() > ready.compare_time.ToNanoseconds()
    assert "2 of its positions" in avail(server, "rebuild", "switch", id, "--reason", "test", status=73).stderr
    assert "SWITCHED" in avail(server, "rebuild", "switch", id, "--reason", "test", "--accept-differences").stdout
    assert [holder.position(f"{prefix}-{number}").position.allocated for number in range(3)] == [20, 0, 0]
    verify(server)


def test_rows_that_a_failed_file_gave_come_back_and_those_it_did_not_are_told(fed, folder):
    server = fed().start()
    holder = Holder(server.channel())
    prefix = new_name("B")
    give(holder, folder, prefix, 50)
    time = text_time()
    drop(folder, "bad.csv", HEADER + f"ADJUSTMENT,{time},{prefix}-1,WH1,-30,COUNTED\nADJUSTMENT,{time},{prefix}-2,X,1,COUNTED\n")
    drop(folder, "whole.csv", f"no,header\n{prefix}-1,{time}\n")
    eventually((folder / "failed" / "bad.csv.errors").exists, "the errors")
    eventually((folder / "failed" / "whole.csv.errors").exists, "the errors of the other")
    assert holder.position(f"{prefix}-1").position.on_hand == 20
    id = start(holder).id
    ready = becomes(holder, "READY")
    assert (ready.differing_positions, ready.refused, ready.steps[0].refused) == (0, 1, 1)
    refusal, = ready.refusals
    assert (refusal.reason, refusal.events) == ("UNKNOWN_LOCATION", 1) and "wms" in refusal.example
    assert failure_of(switch, holder, id).reason == "REBUILD_DIFFERS"
    switch(holder, id, accept=True)
    assert holder.position(f"{prefix}-1").position.on_hand == 20


def test_wrong_mapping_that_was_mended_leaves_nothing_of_the_past_out(new_server, folder):
    def mapped(location):
        return SMALL + f"""
feeds:
  files: {{kind: files, source: wms, folder: '{folder}', format: csv, settle: 100ms, poll_every: 100ms,
    map: {{locations: {{HAM: {location}}}}}}}
erps: {{}}
"""
    server = new_server(configuration=mapped("WH1")).start()
    holder = Holder(server.channel())
    sku, time = new_name("M"), text_time()
    drop(folder, "past.csv", HEADER + f"CYCLE_COUNT,{time},{sku},HAM,100,COUNTED\n")
    eventually((folder / "done" / "past.csv").exists, "the count")
    drop(folder, "later.csv", HEADER + f"ADJUSTMENT,{text_time()},{sku},HAM,-60,COUNTED\n")
    eventually((folder / "done" / "later.csv").exists, "the difference")
    assert holder.position(sku, "WH1").position.on_hand == 40
    server.stop()
    server.configuration = mapped("WH2")
    holder = Holder(server.start().channel())
    id = start(holder).id
    ready = becomes(holder, "READY")
    assert (ready.refused, ready.missing_positions, ready.added_positions) == (0, 1, 1)
    switch(holder, id, accept=True)
    assert holder.position(sku, "WH2").position.on_hand == 40
    assert failure_of(holder.position, sku, "WH1").reason == "POSITION_NOT_FOUND"
