"""Our figures beside an ERP's: what differs, why, and what is done about it."""
import pytest

from availability.v1 import operations_service_pb2, reconciliation_pb2

from support import PATIENCE
from support.api import event, new_name
from support.erp import EmbeddedErp, ErpHolder, avail, avail_json
from support.reservations import verify, wanted
from support.server import SMALL, Server, eventually

OPEN = reconciliation_pb2.VARIANCE_STATE_OPEN
BY_POLICY = SMALL + """
erps:
  embedded: {adapter: embedded, reconcile_every: 1m, reconcile_apply_up_to: 2}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("reconciliation"), configuration=SMALL)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def holder(server):
    return ErpHolder(server.channel())


@pytest.fixture
def erp(server):
    return EmbeddedErp(server)


def compared(server, *arguments):
    """One whole comparison, as `avail` tells it."""
    record, = avail_json(server, "reconcile", "start", "--wait", *arguments)
    assert record["state"].endswith("SUCCEEDED"), record
    return record


def variances(holder, **filters):
    request = operations_service_pb2.ListVariancesRequest(**filters)
    return list(holder.operations.ListVariances(request, timeout=PATIENCE).variances)


def on_hand(holder, sku):
    request = operations_service_pb2.GetPositionRequest(sku=sku, location="WH1")
    return holder.operations.GetPosition(request, timeout=PATIENCE).position.on_hand


def test_drift_is_found_previewed_and_repaired_by_hand_with_an_audit_entry(server, holder, erp):
    sku = holder.stocked(10)
    erp.stock(sku, 7)
    record = compared(server, "--reason", "a doubt")
    variance, = variances(holder, sku=sku, reconciliation_id=record["id"])
    assert (variance.bucket, variance.ours, variance.theirs, variance.state) == ("on_hand", 10, 7, OPEN)
    assert variance.cause == reconciliation_pb2.VARIANCE_CAUSE_DRIFT and "-3" in variance.proposal
    shown = avail(server, "reconcile", "apply", variance.id, "--reason", "counted", "--preview")
    assert "applied" in shown.lower() and on_hand(holder, sku) == 10
    avail(server, "reconcile", "apply", variance.id, "--reason", "counted")
    assert on_hand(holder, sku) == 7
    again = compared(server)
    assert not [one for one in variances(holder, sku=sku, state=OPEN)]
    status, = avail_json(server, "reconcile", "status", again["id"])
    assert int(status["positionsCompared"]) >= 1


def test_holds_of_ours_at_the_erp_are_no_difference(server, holder, erp):
    channel, sku = holder.new_channel(), holder.stocked(10)
    erp.stock(sku, 10)
    holder.create(channel, wanted(sku, 4))
    compared(server, "--sku", sku)
    assert variances(holder, sku=sku) == []


def test_figure_that_changed_since_it_was_compared_is_left_alone(server, holder, erp):
    sku = holder.stocked(10)
    erp.stock(sku, 4)
    compared(server, "--sku", sku)
    variance, = variances(holder, sku=sku)
    holder.apply(event("ADJUSTMENT", sku, quantity=1, reason="FOUND"))
    request = operations_service_pb2.ApplyVariancesRequest(ids=[variance.id, "999999"], reason="late")
    changed, unknown = holder.operations.ApplyVariances(request, timeout=PATIENCE).results
    assert (changed.reason, changed.state) == ("FIGURE_CHANGED", OPEN) and unknown.reason == "VARIANCE_NOT_FOUND"
    assert on_hand(holder, sku) == 11


def test_goods_that_left_without_a_hold_are_somebodys_to_look_at(server, holder):
    channel, sku = holder.new_channel(), holder.stocked(10)
    held = holder.create(channel, wanted(sku, 2))
    holder.publish(event("SHIPMENT_CONFIRMED", sku, quantity=5, reservation_id=held.id))
    variance, = variances(holder, sku=sku)
    assert variance.cause == reconciliation_pb2.VARIANCE_CAUSE_SHIPPED_WITHOUT_HOLD
    assert variance.reservation_id == held.id


def test_erp_that_cannot_be_read_fails_the_comparison_with_its_reason(new_server):
    server = new_server(configuration=SMALL).start()
    holder, erp = ErpHolder(server.channel()), EmbeddedErp(server)
    with erp.being(down=True):
        request = operations_service_pb2.StartReconciliationRequest(request_id=new_name("r"))
        record = holder.operations.StartReconciliation(request, timeout=PATIENCE).reconciliation
        status = operations_service_pb2.GetReconciliationRequest(id=record.id)

        def failed():
            now = holder.operations.GetReconciliation(status, timeout=PATIENCE).reconciliation
            return now.state == reconciliation_pb2.RECONCILIATION_STATE_FAILED and now

        assert "switched off" in eventually(failed, "the comparison fails").error


def test_comparison_goes_on_after_a_kill(new_server):
    server = new_server(configuration=SMALL).start()
    holder, erp = ErpHolder(server.channel()), EmbeddedErp(server)
    sku = holder.stocked(10)
    erp.switch(latency_ms=3_000)
    request = operations_service_pb2.StartReconciliationRequest(request_id=new_name("r"))
    record = holder.operations.StartReconciliation(request, timeout=PATIENCE).reconciliation
    server.kill()
    server.start()
    holder = ErpHolder(server.channel())
    repeated = holder.operations.StartReconciliation(request, timeout=PATIENCE).reconciliation
    assert repeated.id == record.id and sku

    def done():
        request = operations_service_pb2.GetReconciliationRequest(id=record.id)
        state = holder.operations.GetReconciliation(request, timeout=PATIENCE).reconciliation.state
        return state == reconciliation_pb2.RECONCILIATION_STATE_SUCCEEDED

    eventually(done, "the comparison is done")


def test_small_drift_is_repaired_by_policy_and_large_drift_is_not(new_server):
    server = new_server(configuration=BY_POLICY).start()
    holder, erp = ErpHolder(server.channel()), EmbeddedErp(server)
    small, large = holder.stocked(10), holder.stocked(10)
    erp.stock(small, 9)
    erp.stock(large, 5)
    record, = avail_json(server, "reconcile", "start", "--wait")
    eventually(lambda: on_hand(holder, small) == 9, "small drift is repaired")
    assert on_hand(holder, large) == 10
    left, = variances(holder, state=OPEN)
    assert left.sku == large and record["erp"] == "embedded"
    verify(server)
