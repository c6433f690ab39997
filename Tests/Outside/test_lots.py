"""Lots: the parts of a position, holds on one of them, and sources whose figures contain them."""
import datetime
import subprocess

import grpc
import pytest

from availability.v1 import operations_service_pb2, reservation_service_pb2

from support import PATIENCE
from support.api import (
    APPLIED, DEAD_LETTERED, Api, adjustment, event, failure_of, new_name, snapshot)
from support.reservations import WITHOUT_ERP, Holder, wanted
from support.server import AVAIL, Server, clean_environment, eventually, run

# WH1 is told of by one whose figures contain the lots.
INCLUDED = """
erps: {}
sources: {whole: {lots: included}}
locations: {WH1: {owner: whole}, WH2: }
channels: {web: {sourcing: [WH1, WH2]}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lots"), configuration=WITHOUT_ERP)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def holder(server):
    return Holder(server.channel())


def count(sku, lot, units, **fields):
    return event("CYCLE_COUNT", sku, lot=lot, quantity=units, **fields)


def position(api, sku, lot="", location="WH1"):
    request = operations_service_pb2.GetPositionRequest(sku=sku, location=location, lot=lot)
    return api.operations.GetPosition(request, timeout=PATIENCE)


def parts(api, sku):
    """`on_hand` of the whole, and of each part by its lot."""
    told = position(api, sku)
    return told.position.on_hand, {part.lot: part.position.on_hand for part in told.lots}


def hold(holder, channel, *lines, **fields):
    request = reservation_service_pb2.CreateReservationRequest(
        request_id=new_name("request"), channel=channel, lines=lines, **fields)
    return holder.reservations.CreateReservation(request, timeout=PATIENCE).reservation


def test_position_is_what_belongs_to_no_lot_and_all_its_lots(holder):
    sku, shop = new_name(), holder.new_channel()
    holder.apply(count(sku, "A", 5), count(sku, "", 10), count(sku, "B", 7), adjustment(sku, -2, lot="A"))
    assert parts(holder, sku) == (20, {"": 10, "A": 3, "B": 7})
    # A figure of one part leaves the others as they are.
    holder.apply(count(sku, "", 1), count(sku, "B", 0))
    assert parts(holder, sku) == (4, {"": 1, "A": 3, "B": 0})
    assert holder.available(shop, sku) == 4


def test_one_lot_is_told_by_itself(holder):
    sku = new_name()
    holder.apply(count(sku, "A", 5), snapshot(sku, on_hand=9))
    told = position(holder, sku, "A")
    assert (told.lot, told.position.on_hand, told.sellable, list(told.lots)) == ("A", 5, 5, [])
    assert told.authoritative_source == "tests" and told.sequence
    failure = failure_of(position, holder, sku, "B")
    assert failure.code == grpc.StatusCode.NOT_FOUND and failure.reason == "POSITION_NOT_FOUND"
    assert failure_of(position, holder, sku, "b" * 65).fields == ["lot"]


def test_position_without_lots_lists_none(holder):
    sku = new_name()
    holder.apply(snapshot(sku, on_hand=9))
    assert parts(holder, sku) == (9, {})


def test_hold_on_a_lot_needs_the_lot_and_the_whole(holder):
    sku, shop = new_name(), holder.new_channel()
    holder.apply(count(sku, "A", 5), count(sku, "", 5))
    failure = failure_of(hold, holder, shop, wanted(sku, 6, lot="A"))
    assert failure.reason == "INSUFFICIENT_STOCK" and "lot A" in failure.message
    held = hold(holder, shop, wanted(sku, 3, lot="A"), wanted(sku, 1, lot="A"))
    assert [line.lot for line in held.lines] == ["A", "A"]
    told = position(holder, sku)
    assert (told.position.reserved, told.sellable) == (4, 6)
    assert {part.lot: (part.position.reserved, part.sellable) for part in told.lots} == {"": (0, 5), "A": (4, 1)}
    # Of any lot 6 are left, and with them the last of lot A is gone as well.
    hold(holder, shop, wanted(sku, 6))
    assert failure_of(hold, holder, shop, wanted(sku, 1, lot="A")).reason == "INSUFFICIENT_STOCK"


def test_hold_on_a_lot_that_ran_out_is_free_before_it_is_swept(holder):
    sku, shop = new_name(), holder.new_channel()
    holder.apply(count(sku, "A", 5))
    held = hold(holder, shop, wanted(sku, 5, lot="A"), ttl={"seconds": 1})
    assert position(holder, sku, "A").position.reserved == 5
    holder.reservations.ReleaseReservation(
        reservation_service_pb2.ReleaseReservationRequest(request_id=new_name("r"), id=held.id), timeout=PATIENCE)
    assert position(holder, sku, "A").position.reserved == 0
    hold(holder, shop, wanted(sku, 5, lot="A"))


def test_shipment_takes_from_the_line_of_its_lot_first(holder):
    sku, shop = new_name(), holder.new_channel()
    holder.apply(count(sku, "A", 5), count(sku, "B", 5))
    held = hold(holder, shop, wanted(sku, 2, lot="B"), wanted(sku, 2, lot="A"))
    holder.apply(event("SHIPMENT_CONFIRMED", sku, lot="A", quantity=2, reservation_id=held.id))
    told = {part.lot: (part.position.on_hand, part.position.reserved) for part in position(holder, sku).lots}
    assert told == {"": (0, 0), "A": (3, 0), "B": (5, 2)}


def test_one_lot_too_many_is_dead_lettered_with_its_limit(holder):
    sku = new_name()
    results = holder.publish(*(event("RECEIPT_POSTED", sku, lot=f"L{number}", quantity=1) for number in range(1_000)))
    assert {result.outcome for result in results} == {APPLIED}
    result, = holder.publish(event("RECEIPT_POSTED", sku, lot="L1000", quantity=1))
    assert (result.outcome, result.reason) == (
        DEAD_LETTERED, "OUT_OF_RANGE: lot: at most 1000 are kept of one position")
    told = position(holder, sku)
    assert told.position.on_hand == 1_000 and len(told.lots) == 1_001


def test_supply_of_a_lot_is_dead_lettered(holder):
    result, = holder.publish(event("SUPPLY_CANCELLED", new_name(), lot="A", supply={"id": "PO-1"}))
    assert result.reason == "LOT_NOT_SUPPORTED: lot: supplies are not split by lot"


def test_lots_in_the_figures_of_their_source_are_not_counted_twice(tmp_path):
    server = Server(tmp_path, configuration=INCLUDED)
    try:
        api = Api(server.start().channel())
        sku = new_name()
        api.apply(count(sku, "", 100, source="whole"), count(sku, "A", 60, source="whole"),
                  count(sku, "B", 40, source="whole"))
        assert parts(api, sku) == (100, {"": 0, "A": 60, "B": 40})
        api.apply(adjustment(sku, -5, lot="A", source="whole"))
        assert parts(api, sku) == (95, {"": 0, "A": 55, "B": 40})
        result, = api.publish(adjustment(sku, 1, lot="A", source="whole", location="WH2"))
        assert result.outcome == DEAD_LETTERED and result.reason.startswith("NOT_OWNER: lot: ")
        server.restart()
        api = Api(server.channel())
        assert parts(api, sku) == (95, {"": 0, "A": 55, "B": 40})
    finally:
        server.stop()


def test_store_with_lots_survives_a_kill_and_verifies(tmp_path):
    server = Server(tmp_path, configuration=WITHOUT_ERP)
    try:
        holder = Holder(server.start().channel())
        sku, shop = new_name(), holder.new_channel()
        holder.apply(count(sku, "A", 5), count(sku, "", 5))
        hold(holder, shop, wanted(sku, 3, lot="A"))
        server.kill()
        server.start()
        holder = Holder(server.channel())
        assert parts(holder, sku) == (10, {"": 5, "A": 5})
        assert position(holder, sku, "A").position.reserved == 3
        server.terminate()
        ended = run("verify", "--data", server.data)
        assert ended.returncode == 0, (ended.stdout, ended.stderr)
    finally:
        server.stop()


def test_file_of_events_carries_lots(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    server = Server(tmp_path, configuration=WITHOUT_ERP + f"""
feeds:
  files: {{kind: files, source: wms, folder: '{folder}', format: csv, settle: 100ms, poll_every: 100ms}}
""")
    try:
        api = Api(server.start().channel())
        sku = new_name()
        time = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
        (folder / "events.part").write_text(
            "type,occurred_at,sku,location,lot,quantity\n"
            f"CYCLE_COUNT,{time},{sku},WH1,A,5\nCYCLE_COUNT,{time},{sku},WH1,,2\n")
        (folder / "events.part").rename(folder / "events.csv")
        eventually(lambda: is_known(api, sku) and parts(api, sku) == (7, {"": 2, "A": 5}), "both rows")
    finally:
        server.stop()


def is_known(api, sku):
    try:
        return position(api, sku).position.on_hand == 7
    except grpc.RpcError:
        return False


def test_file_of_positions_with_a_column_for_lots_is_refused(server, tmp_path):
    path = tmp_path / "positions.csv"
    path.write_text("sku,location,lot,on_hand\nA,WH1,L,5\n")
    ended = run("import", "--data", tmp_path / "data", path)
    assert ended.returncode != 0 and "lot" in ended.stdout + ended.stderr, (ended.stdout, ended.stderr)


def test_client_holds_a_lot_and_shows_the_lots(server, holder):
    sku, shop = new_name(), holder.new_channel()

    def avail(*arguments):
        ended = subprocess.run([AVAIL, *arguments], text=True, capture_output=True, timeout=PATIENCE,
                               env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
        assert ended.returncode == 0, (ended.stdout, ended.stderr)
        return [line.split() for line in ended.stdout.splitlines()]

    avail("event", "publish", "--type", "CYCLE_COUNT", "--source", "tests", "--sku", sku, "--location", "WH1",
          "--lot", "A", "--quantity", "5")
    holder.apply(count(sku, "", 2))
    told = avail("reserve", "--channel", shop, f"{sku}@WH1#A=3")
    assert any(row[1:4] == [sku, "WH1", "A"] for row in told if len(row) > 3), told
    told = avail("position", "get", sku, "WH1")
    assert ["without", "a", "lot", "2"] in told and ["lot", "A", "2"] in told and ["sellable", "4"] in told
    assert ["reserved", "3"] in avail("position", "get", sku, "WH1", "--lot", "A")
