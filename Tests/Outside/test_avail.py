"""avail, the command-line client, against the real server."""
import json
import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

from support import PATIENCE
from support.api import new_name, sample_skus, snapshot
from support.server import AVAIL, clean_environment, run

USAGE = 64


@pytest.fixture
def avail(server):
    """Runs the client; its exit status must be `status`."""
    def call(*arguments, status=0, stdin=None, environment=None):
        ended = subprocess.run(
            [AVAIL, *arguments], text=True, capture_output=True, timeout=PATIENCE, input=stdin,
            env=clean_environment(AVAIL_ADDRESS=server.grpc_address, **(environment or {})))
        assert ended.returncode == status, (ended.stdout, ended.stderr)
        return ended
    return call


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_check_prints_a_line_for_each_line_asked(avail):
    told = avail("check", "--channel", "web", "SKU-000001", "SKU-000002=40", "SKU-000003@WH1", "NOBODY-KNOWS")
    title, *lines = rows(told.stdout)
    assert title[:4] == ["SKU", "LOCATION", "AVAILABLE", "STATUS"]
    assert [line[0] for line in lines] == ["SKU-000001", "SKU-000002", "SKU-000003", "NOBODY-KNOWS"]
    assert lines[2][1] == "WH1" and lines[3][3] == "UNKNOWN_SKU"
    assert "policy version" in told.stderr


def test_check_as_json_is_one_object_with_the_figures_of_the_api(avail, api):
    sku = new_name()
    api.apply(snapshot(sku, on_hand=12))
    answer = json.loads(avail("check", "--channel", "web", "-o", "json", sku, "NOBODY-KNOWS").stdout)
    first, second = answer["lines"]
    assert (first["sku"], int(first["available"])) == (sku, api.available("web", sku))
    assert first["status"] == "AVAILABILITY_STATUS_IN_STOCK"
    assert second["status"] == "AVAILABILITY_STATUS_UNKNOWN_SKU"
    assert int(answer["sequence"]) > 0


def test_explain_tells_every_term(avail):
    told = avail("explain", "--channel", "marketplace", "SKU-000002")
    assert re.match(r"SKU-000002: \d+ available, ", told.stdout)
    assert all(term in told.stdout for term in ("ON_HAND", "SELLABLE", "SHARE", "SUM", "AVAILABLE"))
    answer = json.loads(avail("explain", "--channel", "marketplace", "-o", "json", "SKU-000002").stdout)
    line, = answer["lines"]
    assert line["terms"][-1].get("result", "0") == line.get("available", "0")


def test_schedule_tells_the_dates_and_when_the_quantity_can_be_promised(avail, api):
    sku = new_name()
    place = ("--source", "erp", "--sku", sku, "--location", "WH1")
    due = "2100-01-01T00:00:00Z"
    # What nobody has told the stock of is stale, and b2b withholds it.
    avail("event", "publish", "--type", "position-snapshot", *place, "--on-hand", "0")
    avail("event", "publish", "--type", "supply-updated", *place, "--supply-id", "PO-1", "--quantity", "7",
          "--backordered", "2", "--expected-at", due)
    soon = (datetime.now(timezone.utc) + timedelta(days=2)).strftime("%Y-%m-%dT00:00:00Z")
    avail("event", "publish", "--type", "supply-updated", *place, "--supply-id", "PO-2", "--quantity", "5",
          "--expected-at", soon)
    told = avail("schedule", "--channel", "b2b", f"{sku}=4").stdout
    assert re.match(rf"{sku}: 4 from {soon[:10]}T00:00:00", told)
    assert rows(told)[2][1:] == ["0", "0", "0"] and rows(told)[3][1:] == ["5", "5", "0"] and len(rows(told)) == 4
    assert "not within these dates" in avail("schedule", "--channel", "b2b", f"{sku}=9").stdout
    answer = json.loads(avail("schedule", "--channel", "b2b", "-o", "json", "--until", soon, sku).stdout)
    assert answer["lines"][0]["earliestTime"] == soon
    assert "PO-1" in avail("position", "get", sku, "WH1").stdout
    far = avail("schedule", "--until", due, "--channel", "b2b", sku, status=67)
    assert "until" in far.stderr


def test_one_event_is_published_by_options(avail, api):
    sku = new_name()
    place = ("--source", "counter", "--sku", sku, "--location", "WH1")
    told = avail("event", "publish", "--type", "position-snapshot", *place, "--on-hand", "25", "--damaged", "2")
    assert rows(told.stdout) == [["OUTCOME", "EVENTS"], ["APPLIED", "1"]]
    avail("event", "publish", "--type", "ADJUSTMENT", *place, "--quantity", "-3", "--reason", "DAMAGE")
    assert (api.position(sku).position.on_hand, api.position(sku).position.damaged) == (22, 2)


def test_event_published_again_under_its_id_is_a_duplicate(avail, api):
    sku = new_name()
    event = ("event", "publish", "--type", "cycle-count", "--id", new_name("event"), "--source", sku, "--sku",
             sku, "--location", "WH1", "--quantity", "4", "--occurred-at", "2026-01-02T03:04:05Z")
    assert "APPLIED" in avail(*event).stdout
    assert "DUPLICATE" in avail(*event).stdout


def json_line(sku, number, **changed):
    event = {"id": f"{sku}-{number}", "source": sku, "type": "INVENTORY_EVENT_TYPE_ADJUSTMENT", "sku": sku,
             "location": "WH1", "quantity": 1, "reason": "COUNTED", "occurredAt": f"2026-01-02T03:04:{number % 60:02}Z"}
    return json.dumps({**event, **changed})


def test_events_are_published_from_json_lines_and_again_without_effect(avail, api, tmp_path):
    sku = new_name()
    text = "\n".join(json_line(sku, number) for number in range(2_500)) + "\n\n"
    file = tmp_path / "events.jsonl"
    file.write_text(text)
    assert rows(avail("event", "publish", "--file", file).stdout)[1:] == [["APPLIED", "2500"]]
    assert rows(avail("event", "publish", "--file", "-", stdin=text).stdout)[1:] == [["DUPLICATE", "2500"]]
    assert api.position(sku).position.on_hand == 2_500


def test_dead_lettered_event_is_told_with_its_line_and_ends_with_1(avail):
    sku = new_name()
    text = "\n".join([json_line(sku, 1), json_line(sku, 2, location="NOWHERE"), json_line(sku, 3)])
    told = avail("event", "publish", "--file", "-", stdin=text, status=1)
    assert rows(told.stdout)[1:] == [["APPLIED", "2"], ["DEAD_LETTERED", "1"]]
    assert "line 2" in told.stderr and "NOWHERE" in told.stderr


def test_line_that_is_no_event_is_told_with_its_place_after_those_before_it(avail, api):
    sku = new_name()
    text = json_line(sku, 1) + "\nnot json\n" + json_line(sku, 3)
    told = avail("event", "publish", "--file", "-", stdin=text, status=USAGE)
    assert ":2:" in told.stderr
    assert api.position(sku).position.on_hand == 1


def test_channels_are_listed_and_shown(avail, api):
    listed = rows(avail("channel", "list").stdout)
    assert listed[0][0] == "CHANNEL"
    assert {"web", "marketplace", "b2b"} <= {row[0] for row in listed[1:]}
    shown = avail("channel", "show", "marketplace").stdout
    assert "share" in shown and "50%" in shown
    channels = json.loads(avail("channel", "list", "-o", "json").stdout)["channels"]
    assert json.loads(avail("channel", "show", "web", "-o", "json").stdout) in channels


def test_channel_is_set_term_by_term_and_the_others_stay(avail, api):
    id = api.new_channel(buffer_units=1)
    avail("channel", "set", id, "--share-percent", "40", "--cap", "9", "--reason", "a test")
    policy = api.channel(id).policy
    assert (policy.share_percent, policy.cap, policy.buffer_units) == (40, 9, 1)
    before = api.channel(id)
    checked = avail("channel", "set", id, "--uncapped", "--validate-only")
    assert "nothing was changed" in checked.stderr and api.channel(id) == before
    avail("channel", "set", id, "--etag", "older", "--cap", "1", status=USAGE + 10)


def test_channel_is_created_and_replaced_from_json(avail, api):
    id = new_name("ch")
    avail("channel", "set", id, "--sourcing", "WH1", status=USAGE + 5)
    avail("channel", "set", id, "--allow-missing", "--sourcing", "WH1,EAST", "--stale-after", "30m", "--stale-action",
          "withhold")
    shown = json.loads(avail("channel", "show", id, "-o", "json").stdout)
    assert shown["policy"]["sourcing"] == ["WH1", "EAST"]
    policy = {**shown["policy"], "cap": "77"}
    avail("channel", "set", id, "--file", "-", stdin=json.dumps(policy))
    assert api.channel(id).policy.cap == 77


def test_position_sources_and_status_are_told(avail, api):
    sku, source = new_name(), new_name("src")
    api.apply(snapshot(sku, source=source, on_hand=31))
    assert ["on_hand", "31"] in rows(avail("position", "get", sku, "WH1").stdout)
    assert json.loads(avail("position", "get", sku, "WH1", "-o", "json").stdout)["position"]["onHand"] == "31"
    assert source in [row[0] for row in rows(avail("source", "list").stdout)]
    status = rows(avail("status").stdout)
    assert status[0] == ["SERVER", "READY"]
    assert json.loads(avail("status", "-o", "json").stdout)["ready"] is True


def test_health_speaks_nagios(avail):
    assert avail("health").stdout.startswith("AVAILABILITY OK")
    avail("health", "--service", "availability.v1.AvailabilityService")
    avail("health", "--service", "nobody", status=3)
    assert "CRITICAL" in avail("health", "--address", "127.0.0.1:1", status=2).stdout


@pytest.mark.parametrize("arguments", [
    ["check"], ["check", "sku=0"], ["check", "sku=many"], ["no-such-verb"], ["channel", "show"],
    ["event", "publish"], ["event", "publish", "--type", "nonsense"], ["check", "--address", "nowhere", "sku"],
    ["check", "-o", "xml", "sku"]], ids=" ".join)
def test_wrong_usage_ends_with_64_and_nothing_on_stdout(avail, arguments):
    told = avail(*arguments, status=USAGE)
    assert told.stdout == "" and told.stderr


@pytest.mark.parametrize("code, arguments", [
    (3, ["check", "--channel", "web", "s" * 65]),
    (3, ["check", "sku"]),
    (5, ["check", "--channel", "nobody", "sku"]),
    (5, ["position", "get", "nobody-knows", "WH1"]),
    (14, ["check", "--address", "127.0.0.1:1", "--channel", "web", "sku"]),
], ids=["bad sku", "no channel", "unknown channel", "unknown position", "no server"])
def test_failed_call_ends_with_64_and_its_code_and_tells_why(avail, code, arguments):
    told = avail(*arguments, status=USAGE + code)
    assert told.stdout == "" and told.stderr.startswith("avail: ")


def test_details_of_a_failure_are_told(avail):
    told = avail("check", "--channel", "web", "s" * 65, status=USAGE + 3)
    assert "INVALID_FIELD" in told.stderr and "lines[0].sku" in told.stderr


def test_options_come_from_the_environment_and_flags_win(avail):
    environment = {"AVAIL_CHANNEL": "web", "AVAIL_OUTPUT": "json"}
    assert json.loads(avail("check", *sample_skus(1), environment=environment).stdout)["lines"]
    assert avail("check", "-o", "table", *sample_skus(1), environment=environment).stdout.startswith("SKU")
    avail("check", "--channel", "nobody", "sku", environment=environment, status=USAGE + 5)


def test_tls_and_client_certificates_are_used(new_server, authority):
    certificate, key = authority.issue("server")
    client_certificate, client_key = authority.issue("client", "DNS:shop.example", usage="clientAuth")
    server = new_server(environment={
        "AVAILABILITY_TLS_CERTIFICATE": str(certificate), "AVAILABILITY_TLS_PRIVATE_KEY": str(key),
        "AVAILABILITY_TLS_CLIENT_AUTHORITY": str(authority.certificate)}).start()
    command = [AVAIL, "check", "--address", server.grpc_address, "--channel", "web", "--tls-ca",
               authority.certificate, "sku"]
    assert run(*command).returncode == USAGE + 14
    told = run(*command, "--tls-cert", client_certificate, "--tls-key", client_key)
    assert told.returncode == 0, told.stderr
