"""The store offline and online: import, export, backup, verify."""
import csv
import io
import json
import random

import grpc
import pytest

from support.api import (
    DUPLICATE, HOUR, LOCATIONS, SECOND, Api, adjustment, failure_of, new_name, now, snapshot)
from support.erp import ErpHolder
from support.reservations import wanted
from support.server import SMALL, eventually, run

COLUMNS = ["sku", "location", "on_hand", "allocated", "quarantined", "damaged", "in_transit", "incoming",
           "backordered", "safety_stock", "occurred_at"]
FIGURES = COLUMNS[2:-1]


@pytest.fixture
def store(tmp_path):
    """Runs a verb of the server on a data directory of the test's own."""
    configuration = tmp_path / "server.yaml"
    configuration.write_text(SMALL)

    def call(verb, *arguments, data=tmp_path / "data", status=0):
        ended = run(verb, "--config", configuration, "--data", data, *arguments)
        assert ended.returncode == status, (ended.stdout, ended.stderr)
        return ended

    call.data = tmp_path / "data"
    return call


def random_rows(choose, count, time="2026-03-04T05:06:{:02}.{:03}Z"):
    """Rows as an export writes them, in its order."""
    places = sorted({(f"SKU-{choose.randint(1, count):05}", choose.choice(LOCATIONS)) for _ in range(count)})
    return [{"sku": sku, "location": location, **{name: str(choose.randint(-50, 5_000)) for name in FIGURES},
             "occurred_at": time.format(choose.randint(0, 59), choose.randint(1, 999))} for sku, location in places]


def csv_text(rows, columns=COLUMNS):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def json_text(rows):
    return "".join(json.dumps({name: int(value) if name in FIGURES else value for name, value in row.items()}) + "\n"
                   for row in rows)


def exported(store, tmp_path, suffix="csv"):
    file = tmp_path / f"export-{random.randrange(1 << 32)}.{suffix}"
    store("export", "--output", file)
    if suffix == "csv":
        return list(csv.DictReader(file.open(newline="")))
    return [json.loads(line) for line in file.open()]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_export_gives_back_what_was_imported(store, tmp_path, seed, suffix):
    rows = random_rows(random.Random(seed), 2_500)
    file = tmp_path / f"stock.{suffix}"
    file.write_text(csv_text(rows) if suffix == "csv" else json_text(rows))
    told = store("import", file)
    assert f"{len(rows):,}".replace(",", "") in (told.stdout + told.stderr).replace(",", "").replace("_", "")
    assert exported(store, tmp_path) == rows
    as_text = [{name: str(value) for name, value in row.items()} for row in exported(store, tmp_path, "jsonl")]
    assert as_text == rows


def test_import_again_changes_nothing(store, tmp_path, seed):
    rows = random_rows(random.Random(seed), 300)
    file = tmp_path / "stock.csv"
    file.write_text(csv_text(rows))
    store("import", file)
    again = store("import", file)
    assert "duplicate" in (again.stdout + again.stderr).lower()
    assert exported(store, tmp_path) == rows


def test_export_can_be_imported_elsewhere_and_exported_alike(store, tmp_path, seed):
    rows = random_rows(random.Random(seed), 300)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(csv_text(rows))
    store("import", first)
    store("export", "--output", second)
    store("import", second, data=tmp_path / "elsewhere")
    third = tmp_path / "third.csv"
    store("export", "--output", third, data=tmp_path / "elsewhere")
    assert third.read_bytes() == second.read_bytes()


def test_columns_may_be_few_and_in_any_order_and_empty_cells_leave_a_bucket_alone(store, tmp_path):
    file = tmp_path / "stock.csv"
    file.write_text("location,on_hand,sku,allocated\nWH1,5,A,2\n\"WH2\",7,\"B, red\",\n")
    store("import", file)
    rows = {(row["sku"], row["location"]): (row["on_hand"], row["allocated"]) for row in exported(store, tmp_path)}
    assert rows == {("A", "WH1"): ("5", "2"), ("B, red", "WH2"): ("7", "0")}


def test_bad_rows_are_told_by_line_and_column_and_the_others_are_imported(store, tmp_path):
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,on_hand\nA,WH1,1\nB,WH1,many\nC,NOWHERE,3\n,WH1,4\nE,WH1,5\n")
    told = store("import", file, status=65).stderr
    assert f"{file}:3: on_hand" in told and f"{file}:4:" in told and "NOWHERE" in told and f"{file}:5: sku" in told
    assert [row["sku"] for row in exported(store, tmp_path)] == ["A", "E"]


def test_unknown_column_and_missing_file_stop_the_import(store, tmp_path):
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,onhand\nA,WH1,1\n")
    for path, hint in [(file, "onhand"), (tmp_path / "missing.csv", "missing.csv")]:
        assert hint in store("import", path, status=74).stderr


def test_server_serves_what_was_imported(store, new_server, tmp_path):
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,on_hand\nA,WH1,50\n")
    store("import", file)
    api = Api(new_server(data=store.data).start().channel())
    assert api.available("web", "A") == 48


def test_import_into_the_directory_of_a_running_server_is_refused(store, new_server, tmp_path):
    server = new_server().start()
    file = tmp_path / "stock.csv"
    file.write_text("sku,location,on_hand\nA,WH1,50\n")
    assert "in use" in store("import", file, data=server.data, status=74).stderr


# Backup and verify.

def test_backup_of_a_running_server_verifies_and_can_be_served(store, new_server, tmp_path):
    server = new_server().start()
    api = Api(server.channel())
    events = [snapshot(new_name(), on_hand=number) for number in range(1, 301)]
    channel = api.new_channel()
    api.apply(*events)
    copy = tmp_path / "copy"
    store("backup", copy, data=server.data)
    api.apply(adjustment(events[0].sku, 1_000))
    assert api.available(channel, events[0].sku) == 1_001
    before = api.status()

    assert "300" in store("verify", data=copy).stdout
    restored = new_server(data=copy).start()
    copied = Api(restored.channel())
    answered = copied.check(channel, *[event.sku for event in events]).lines
    assert [line.available for line in answered] == list(range(1, 301))
    assert all(result.outcome == DUPLICATE for result in copied.publish(*events))
    assert copied.status().epoch != before.epoch
    assert restored.terminate() == 0
    store("verify", data=copy)


def test_a_restored_backup_holds_nothing_until_every_erp_was_read(store, new_server, tmp_path):
    password = tmp_path / "password"
    password.write_text("secret")
    away = {"adapter": "tryton", "locations": ["WH2"], "tryton": {
        "url": "http://127.0.0.1:1", "database": "d", "user": "u", "password_file": str(password), "company": "C",
        "customer": "R"}}

    def with_erps(**erps):
        return SMALL + "erps: " + json.dumps({"embedded": {"adapter": "embedded"}, **erps}) + "\n"

    server = new_server(configuration=with_erps()).start()
    holder = ErpHolder(server.channel())
    channel, sku = holder.new_channel(), holder.stocked(10)
    kept = holder.create(channel, wanted(sku, 2))
    copy = tmp_path / "copy"
    store("backup", copy, data=server.data)

    restored = new_server(data=copy, configuration=with_erps(tryton=away)).start()
    holder = ErpHolder(restored.channel())
    failure = failure_of(holder.create, channel, wanted(sku, 1))
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "ERP_UNAVAILABLE")
    assert holder.available(channel, sku) == 8
    assert holder.get(kept.id).id == kept.id
    assert "restored, grants wait for tryton" in restored.get("/readyz?verbose")[1]
    assert restored.terminate() == 0

    read = new_server(data=copy, configuration=with_erps()).start()
    holder = ErpHolder(read.channel())
    eventually(lambda: "restored" not in read.get("/readyz?verbose")[1], "the reading")
    assert holder.create(channel, wanted(sku, 1)).id
    assert read.terminate() == 0
    store("verify", data=copy)


def test_backup_over_an_existing_one_is_refused(store, new_server, tmp_path):
    server = new_server().start()
    store("backup", tmp_path / "copy", data=server.data)
    assert "exists" in store("backup", tmp_path / "copy", data=server.data, status=74).stderr


def test_verify_of_a_good_store_says_so_running_stopped_and_killed(store, new_server):
    server = new_server().start()
    api = Api(server.channel())
    for number in range(50):
        api.apply(*[adjustment(new_name(), 1) for _ in range(number)] or [adjustment(new_name(), 1)])
    server.kill()
    store("verify", data=server.data)
    server.start()
    assert server.terminate() == 0
    store("verify", data=server.data)


FIGURE = 987_654_321


def filled(new_server):
    """A stopped server with some positions, its data file, and the sku whose on_hand is FIGURE."""
    server, marked = new_server().start(), new_name()
    api = Api(server.channel())
    api.apply(*[snapshot(new_name(), at=now() - HOUR + number * SECOND, on_hand=number) for number in range(400)])
    api.apply(snapshot(marked, on_hand=FIGURE))
    assert server.terminate() == 0
    return server, server.data / "data.mdb", marked


def damage(file):
    """Flips a bit of FIGURE wherever it lies in the file."""
    content = bytearray(file.read_bytes())
    figure, place = FIGURE.to_bytes(8, "little"), -1
    while (place := content.find(figure, place + 1)) >= 0:
        content[place] ^= 0x40
    file.write_bytes(content)


def test_verify_reports_a_flipped_bit(new_server):
    server, file, marked = filled(new_server)
    damage(file)
    told = run("verify", "--data", server.data)
    assert told.returncode == 65, told
    assert "damaged" in told.stdout and marked in told.stdout


def test_damaged_record_is_data_loss_for_its_sku_alone(new_server):
    server, file, marked = filled(new_server)
    damage(file)
    api = Api(server.start().channel())
    assert failure_of(api.check, "web", marked).code == grpc.StatusCode.DATA_LOSS
    assert failure_of(api.position, marked).code == grpc.StatusCode.DATA_LOSS
    good = new_name()
    api.apply(snapshot(good, on_hand=9))
    assert api.available("web", good) == 7


def test_verify_and_serve_report_a_truncated_file(new_server):
    server, file, _ = filled(new_server)
    with open(file, "r+b") as opened:
        opened.truncate(file.stat().st_size // 2)
    for arguments in [("verify", "--data", server.data),
                      ("serve", "--data", server.data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")]:
        told = run(*arguments)
        # Not by a signal: a negative code.
        assert told.returncode > 0 and "damaged" in told.stderr, told


def test_verify_of_a_directory_without_a_ledger_says_so(tmp_path):
    told = run("verify", "--data", tmp_path / "nothing")
    assert told.returncode != 0 and "no ledger" in told.stderr
