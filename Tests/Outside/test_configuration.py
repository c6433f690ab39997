"""The configuration: what check-config says, what wins over what, what the server refuses to be."""
import re
import signal

import pytest
import yaml

from support.api import (
    APPLIED, DEAD_LETTERED, FRESH, HOUR, SECOND, STALE, Api, adjustment, heartbeat, new_name, now, snapshot)
from support.server import eventually, run

SHOP = """
tenant: shop

locations:
  MAIN: {display_name: Main warehouse, owner: wms}
  STORE: {display_name: Store}
  CLOSED: {active: false}

groups:
  ALL: [MAIN, STORE]

sources:
  wms: {order: occurred_at}

channels:
  online:
    display_name: Online
    sourcing: [ALL]
    buffer: 1
    stale_after: 1h
    stale_action: withhold
    overrides:
      - sku_prefix: FRAGILE-
        buffer: 50%
      - location: STORE
        buffer: 5
  counter:
    sourcing: [STORE, CLOSED]
    cap: 10
"""


@pytest.fixture
def check(tmp_path):
    """check-config on a text; returns what it came to and the file's name."""
    def on(text):
        file = tmp_path / "server.yaml"
        file.write_text(text)
        return run("check-config", file), str(file)
    return on


def test_good_file_is_ok(check):
    checked, file = check(SHOP)
    assert checked.returncode == 0, checked.stderr
    assert file in checked.stdout and "ok" in checked.stdout
    assert checked.stderr == ""


@pytest.mark.parametrize("text, place, key, hint", [
    ("listen: nowhere\n", 1, "listen", "HOST:PORT"),
    ("\nlisen: 127.0.0.1:1\n", 2, "lisen", "listen"),
    ("log:\n  level: loud\n", 2, "log.level", "info"),
    ("channels:\n  web:\n    sourcing: [WH1]\n", 3, "channels.web.sourcing", "WH1"),
    ("locations: {WH1: }\nchannels:\n  web:\n    sourcing: [WH1]\n    bufer: 2\n", 5, "channels.web.bufer", "buffer"),
    ("locations: {WH1: }\nchannels:\n  web:\n    sourcing: [WH1]\n    share_percent: 101\n", 5,
     "channels.web.share_percent", "100"),
    ("locations: {WH1: }\nchannels:\n  web:\n    sourcing: [WH1]\n    stale_action: panic\n", 5,
     "channels.web.stale_action", "withhold"),
    ("listen: 0.0.0.0:50051\n", 1, "listen", "insecure"),
    ("reason_codes: []\n", 1, "reason_codes", "at least one"),
    ("reason_codes: [A, {B: C}]\n", 1, "reason_codes[1]", "a reason code"),
    ("reason_codes: COUNTED\n", 1, "reason_codes", "a list"),
    ("tls:\n  certificate: a.pem\n", 2, "tls.certificate", "tls.private_key"),
])
def test_problem_is_told_with_file_line_key_and_reason(check, text, place, key, hint):
    checked, file = check(text)
    assert checked.returncode == 64
    assert checked.stdout == ""
    line = checked.stderr.splitlines()[0]
    assert re.match(rf"{re.escape(file)}:{place}: {re.escape(key)}: ", line), checked.stderr
    assert hint in line


def test_every_problem_is_told_at_once(check):
    checked, _ = check("listen: nowhere\nhttp: nowhere\nloops: many\n")
    assert len(checked.stderr.splitlines()) == 3


def test_text_that_is_not_yaml_and_a_file_that_is_missing_are_told(check, tmp_path):
    checked, file = check("channels: [\n")
    assert checked.returncode == 64 and file in checked.stderr
    missing = run("check-config", tmp_path / "missing.yaml")
    assert missing.returncode == 64 and "no such file" in missing.stderr


def test_server_refuses_a_bad_file_in_the_same_words(check, tmp_path):
    checked, file = check("listen: nowhere\n")
    served = run("serve", "--config", file, "--data", tmp_path / "data")
    assert served.returncode == 64
    assert checked.stderr.splitlines()[0] in served.stderr


def test_server_with_a_file_has_its_channels_and_no_sample(new_server):
    server = new_server(configuration=SHOP).start()
    api = Api(server.channel())
    assert api.status().tenant == "shop"
    assert {channel.channel for channel in api.status().channels} == {"online", "counter"}
    assert api.channel("online").display_name == "Online"
    sku, fragile = new_name(), new_name("FRAGILE")
    api.apply(*[snapshot(each, location, source="wms", on_hand=100) for each in (sku, fragile)
                for location in ("MAIN", "STORE", "CLOSED")])
    assert api.available("online", sku) == 99 + 95
    assert api.available("online", fragile, "MAIN") == 50
    assert api.available("counter", sku) == 10
    assert api.available("counter", sku, "CLOSED") == 0


def test_channels_changed_later_stay_changed_when_the_file_is_read_again(new_server):
    server = new_server(configuration=SHOP).start()
    api = Api(server.channel())
    policy = api.channel("counter").policy
    policy.cap = 3
    changed = api.update_channel("counter", policy)
    server.restart()
    assert Api(server.channel()).channel("counter") == changed


def test_only_the_owner_of_a_location_may_tell_its_stock(new_server):
    api = Api(new_server(configuration=SHOP).start().channel())
    sku = new_name()
    result, = api.publish(adjustment(sku, 1, location="MAIN", source="stranger"))
    assert result.outcome != APPLIED and result.reason.startswith("NOT_OWNER")
    api.apply(adjustment(sku, 1, location="MAIN", source="wms"), adjustment(sku, 1, location="STORE", source="till"))


def test_position_that_nobody_touched_is_fresh_while_its_owner_is_alive(new_server):
    api = Api(new_server(configuration=SHOP).start().channel())
    sku = new_name()
    api.apply(snapshot(sku, "MAIN", at=now() - 3 * 24 * HOUR, source="wms", on_hand=10))
    line, = api.check("online", (sku, "MAIN")).lines
    assert (line.available, line.freshness) == (0, STALE)
    api.apply(heartbeat("wms", at=now() - SECOND))
    line, = api.check("online", (sku, "MAIN")).lines
    assert (line.available, line.freshness) == (9, FRESH)


@pytest.mark.parametrize("environment, flags, tenant", [
    ({}, [], "from-file"),
    ({"AVAILABILITY_TENANT": "from-environment"}, [], "from-environment"),
    ({"AVAILABILITY_TENANT": "from-environment"}, ["--tenant", "from-flag"], "from-flag"),
    ({"AVAILABILITY_TENANT": ""}, [], "from-file"),
], ids=["file", "environment over file", "flag over environment", "empty variable is unset"])
def test_flag_wins_over_environment_over_file(new_server, environment, flags, tenant):
    text = yaml.safe_dump({**yaml.safe_load(SHOP), "tenant": "from-file"})
    server = new_server(*flags, configuration=text, environment=environment).start()
    assert Api(server.channel()).status().tenant == tenant


def test_variable_that_is_wrong_is_named(tmp_path):
    served = run("serve", "--data", tmp_path / "data", environment={"AVAILABILITY_LOOPS": "many"})
    assert served.returncode == 64 and "AVAILABILITY_LOOPS" in served.stderr


@pytest.mark.parametrize("flag", ["--listen", "--http"])
def test_network_without_tls_is_refused_unless_asked_for_by_name(tmp_path, flag):
    addresses = {"--listen": "127.0.0.1:0", "--http": "127.0.0.1:0", flag: "0.0.0.0:0"}
    flags = [part for pair in addresses.items() for part in pair]
    served = run("serve", *flags, "--data", tmp_path / "data")
    assert served.returncode != 0
    assert "--insecure" in served.stderr and "0.0.0.0:0" in served.stderr


def test_network_without_tls_is_served_when_asked_for_by_name(new_server):
    server = new_server("--insecure", listen="0.0.0.0:0").start()
    assert Api(server.channel()).status().ready


def test_server_without_a_configuration_says_that_it_is_in_development_mode(server):
    told = server.log_text() + (server.directory / "server-1.out").read_text()
    assert "development" in told.lower()


def test_sighup_adds_what_is_new_in_the_file_and_leaves_what_the_ledger_has(new_server):
    server = new_server(configuration=SHOP).start()
    api = Api(server.channel())
    grown = SHOP.replace("  counter:\n", "  outlet: {sourcing: [ANNEX]}\n  counter:\n").replace(
        "  CLOSED:", "  ANNEX:\n  CLOSED:").replace("buffer: 1\n", "buffer: 9\n")
    (server.directory / "server.yaml").write_text(grown)
    server.signal(signal.SIGHUP)
    eventually(lambda: api.has_channel("outlet"), "the channel added to the file")
    assert api.channel("online").policy.buffer_units == 1
    sku = new_name()
    api.apply(snapshot(sku, location="ANNEX", on_hand=4))
    assert api.available("outlet", sku) == 4


def test_reason_codes_are_those_of_the_file_and_sighup_takes_them_anew(new_server):
    server = new_server(configuration=SHOP + "reason_codes: [COUNTED, BREAKAGE]\n").start()
    api = Api(server.channel())
    api.apply(adjustment(new_name(), 1, location="STORE", reason="BREAKAGE"))

    def outcome(**fields):
        result, = api.publish(adjustment(new_name(), 1, location="STORE", reason="WEATHER", **fields))
        return result.outcome, result.reason

    assert outcome() == (DEAD_LETTERED, "INVALID_FIELD: reason: WEATHER is not among the configured codes")
    (server.directory / "server.yaml").write_text(SHOP + "reason_codes: [WEATHER]\n")
    server.signal(signal.SIGHUP)
    eventually(lambda: outcome()[0] == APPLIED, "the code added to the file")
    (server.directory / "server.yaml").write_text(SHOP)
    server.signal(signal.SIGHUP)
    eventually(lambda: api.publish(adjustment(new_name(), 1, location="STORE", reason="ANY"))[0].outcome == APPLIED,
               "any reason without a list")


def test_sighup_tells_which_changed_sections_need_a_restart(new_server, tmp_path):
    def configuration(folder, loops):
        return SHOP + f"""
loops: {loops}
feeds: {{rows: {{kind: files, source: wms, folder: '{tmp_path / folder}', format: csv}}}}
"""
    server = new_server(configuration=configuration("a", 1)).start()
    message = "sections of the configuration changed that are read at the start only; restart to use them"

    def told(message):
        return [line for line in server.logs() if line["message"] == message]

    server.signal(signal.SIGHUP)
    eventually(lambda: told("configuration reloaded"), "a reload")
    (server.directory / "server.yaml").write_text(configuration("b", 2))
    server.signal(signal.SIGHUP)
    line, = eventually(lambda: told(message), "what needs a restart")
    assert line["sections"] == "loops, feeds" and line["level"] == "warning"
    assert len(told("configuration reloaded")) == 2


def test_sighup_with_a_bad_file_leaves_everything_as_it_is(new_server):
    server = new_server(configuration=SHOP).start()
    api = Api(server.channel())
    (server.directory / "server.yaml").write_text(SHOP + "  broken: {sourcing: [NOWHERE]}\n")
    server.signal(signal.SIGHUP)
    refused = eventually(
        lambda: next((line for line in server.logs() if line["message"] == "configuration not reloaded"), None),
        "a line that says why")
    assert "channels.broken.sourcing" in refused["reason"] and "NOWHERE" in refused["reason"]
    assert not api.has_channel("broken") and api.has_channel("online")
