"""Feeds: files that are dropped into a folder take effect once, whatever is killed; people pause, resume and replay them."""
import datetime
import subprocess

import grpc
import pytest

from availability.v1 import operations_service_pb2, source_pb2

from support import PATIENCE
from support.api import Api, failure_of, new_name, now, snapshot, source_status_name, timestamp
from support.server import AVAIL, SMALL, clean_environment, eventually, run

HEADER = "type,occurred_at,sku,location,quantity,reason\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    return path


@pytest.fixture
def fed(new_server, folder):
    """A server, not yet started, with a feed called files; `terms` are further keys of it, `rest` further feeds."""
    def make(terms="", rest="", configuration=SMALL, kind="csv"):
        return new_server(configuration=configuration + f"""
feeds:
  files: {{kind: files, source: wms, folder: '{folder}', format: {kind}, settle: 100ms, poll_every: 100ms{terms}}}
{rest}""")
    return make


def text_time(time=None):
    time = datetime.datetime.fromtimestamp((time or now()) / 1e9, datetime.UTC)
    return time.isoformat().replace("+00:00", "Z")


def adjustments(prefix, count, bad=()):
    """A file of rows of 1 unit each; those at `bad` cannot be read."""
    time = text_time()
    rows = (f"ADJUSTMENT,{time},{prefix}-{row % 100},WH1,{'many' if row in bad else 1},COUNTED\n" for row in range(count))
    return HEADER + "".join(rows)


def on_hand(api, prefix, skus=100):
    """The units of all skus of a file of adjustments."""
    total = 0
    for number in range(skus):
        try:
            total += api.position(f"{prefix}-{number}").position.on_hand
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
    return total


def drop(folder, name, text):
    """Under a name that is not taken, until it is whole."""
    (folder / f"{name}.part").write_text(text)
    (folder / f"{name}.part").rename(folder / name)


def feed_of(api, source="wms", id="files"):
    return next(feed for feed in api.source(source).feeds if feed.id == id)


def state_of(api):
    return source_pb2.FeedState.Name(feed_of(api).state).removeprefix("FEED_STATE_")


def pause(api, id="files", reason="stocktaking"):
    return api.operations.PauseFeed(operations_service_pb2.PauseFeedRequest(id=id, reason=reason), timeout=PATIENCE)


def resume(api, id="files"):
    return api.operations.ResumeFeed(operations_service_pb2.ResumeFeedRequest(id=id), timeout=PATIENCE)


def replay(api, id="files", **start):
    request = operations_service_pb2.ReplayFeedRequest(id=id, **start)
    return list(api.operations.ReplayFeed(request, timeout=PATIENCE))


def avail(server, *arguments, status=0):
    ended = subprocess.run([AVAIL, *arguments], text=True, capture_output=True, timeout=PATIENCE,
                           env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
    assert ended.returncode == status, (ended.stdout, ended.stderr)
    return ended


def test_file_takes_effect_and_moves_to_done(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    assert source_status_name(api.source("wms").status) == "NEVER_SEEN"
    drop(folder, "stock.csv", adjustments("A", 2_500))
    eventually((folder / "done" / "stock.csv").exists, "the file in done")
    assert on_hand(api, "A") == 2_500
    eventually(lambda: feed_of(api).waiting == 0 and "stock.csv done" in feed_of(api).position, "the feed's position")
    feed = feed_of(api)
    assert (feed.kind, feed.can_replay, feed.restarts) == (source_pb2.FEED_KIND_FILES, True, 0)
    assert state_of(api) == "RUNNING"
    assert server.metric("availability_feed_state", feed="files", state="running") == 1
    for name in ["lag_seconds", "waiting", "restarts_total", "errors_total"]:
        assert server.metric(f"availability_feed_{name}", feed="files") == 0


def test_file_dropped_twice_gives_duplicates(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    text = adjustments("B", 100)
    for turn in range(2):
        drop(folder, "stock.csv", text)
        eventually(lambda: len(list((folder / "done").iterdir())) == turn + 1, "the file in done")
    counters = api.source("wms").counters
    assert (counters.applied, counters.duplicate, on_hand(api, "B")) == (100, 100, 100)


def test_json_lines_are_read_in_the_names_of_protobuf(fed, folder):
    server = fed(kind="json_lines").start()
    api = Api(server.channel())
    sku = new_name()
    drop(folder, "stock.jsonl", '{"type":"POSITION_SNAPSHOT","occurredAt":"%s","sku":"%s","location":"WH2",'
                                '"position":{"onHand":"7","allocated":2}}\n' % (text_time(), sku))
    eventually((folder / "done" / "stock.jsonl").exists, "the file in done")
    assert api.position(sku, "WH2").position.on_hand == 7


def test_columns_and_types_of_a_partner_are_read_as_ours(fed, folder):
    terms = ", columns: {Art: sku, Ort: location, Wann: occurred_at, Was: type, Menge: quantity, Text: ignored}"
    server = fed(terms=terms + ", types: {ZAEHLUNG: CYCLE_COUNT}").start()
    api = Api(server.channel())
    sku = new_name()
    row = f"ZAEHLUNG,{text_time()},{sku},WH1,%s,nothing\n"
    drop(folder, "a.csv", "Was,Wann,Art,Ort,Menge,Text\n" + row % 7)
    eventually((folder / "done" / "a.csv").exists, "the file in done")
    assert api.position(sku).position.on_hand == 7
    drop(folder, "b.csv", "Was,Wann,Art,Ort,Menge,Was auch\n" + row % 8)
    errors = folder / "failed" / "b.csv.errors"
    eventually(errors.exists, "the errors")
    assert "Was auch" in errors.read_text() and api.position(sku).position.on_hand == 7


def test_columns_and_types_that_are_not_ours_are_told_by_check_config(tmp_path):
    path = tmp_path / "server.yaml"
    path.write_text(SMALL + """
feeds:
  a: {kind: files, source: s, folder: /in, format: csv, columns: {Art: skuu}, types: {x: LOST}}
  b: {kind: files, source: s, folder: /in2, format: x12_846, columns: {Art: sku},
      partner: {sku_qualifiers: [SK], quantity_qualifiers: {"33": on_hand}, fixed_location: X, date_qualifiers: ["405"]}}
""")
    checked = run("check-config", str(path))
    assert checked.returncode == 64 and "feeds.b.columns: is for the formats csv and json_lines only" in checked.stderr
    path.write_text(path.read_text().replace("x12_846, columns: {Art: sku}", "x12_846"))
    checked = run("check-config", str(path))
    assert checked.returncode == 64
    assert "feeds.a.columns: there is no field skuu" in checked.stderr
    assert "feeds.a.types: there is no event type LOST" in checked.stderr


def test_rows_that_cannot_be_applied_are_dead_letters_and_the_file_failed(fed, folder):
    server = fed(terms=", map: {locations: {HAM: WH1, WH1: WH1}, unlisted_locations: refuse}").start()
    api = Api(server.channel())
    text = adjustments("C", 10, bad=[3]) + f"CYCLE_COUNT,{text_time()},C-1,BER,1,\nLOST,{text_time()},C-1,HAM,1,\n"
    drop(folder, "stock.csv", text)
    drop(folder, "other.csv", adjustments("D", 5))
    errors = folder / "failed" / "stock.csv.errors"
    eventually(errors.exists, "the errors")
    lines = [line.split(",")[:2] for line in errors.read_text().splitlines()]
    assert lines == [["5", "quantity"], ["12", "location"], ["13", "type"]]
    eventually((folder / "done" / "other.csv").exists, "the other file")
    assert (on_hand(api, "C"), on_hand(api, "D")) == (9, 5)
    assert api.source("wms").counters.dead_lettered == 3 and api.status().ledger.dead_letters == 3
    assert state_of(api) == "RUNNING"


def test_kill_in_the_middle_of_a_file_loses_and_doubles_nothing(fed, folder):
    server = fed()
    bad = [7, 9_000, 19_999]
    for turn in range(3):
        server.start()
        if turn == 0:
            drop(folder, "big.csv", adjustments("E", 20_000, bad=bad))
        api = Api(server.channel())
        wanted = [4_000, 11_000, 19_997][turn]
        eventually(lambda: api.source("wms").counters.applied >= wanted, f"{wanted} rows")
        if turn < 2:
            server.kill()
    eventually((folder / "failed" / "big.csv.errors").exists, "the errors")
    assert on_hand(api, "E") == 20_000 - len(bad)
    errors = (folder / "failed" / "big.csv.errors").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in errors] == [row + 2 for row in bad]
    assert api.source("wms").counters.applied == 20_000 - len(bad)


def test_file_renamed_over_the_one_that_is_read_is_read_as_well(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    drop(folder, "stock.csv", adjustments("H", 20_000))
    eventually(lambda: api.source("wms").counters.applied >= 1_000, "some rows")
    drop(folder, "stock.csv", adjustments("I", 10))
    eventually(lambda: len(list((folder / "done").iterdir())) == 2, "both files in done")
    assert (on_hand(api, "H"), on_hand(api, "I")) == (20_000, 10)
    assert (folder / "done" / "stock.csv").read_text().count("\n") == 20_001


def test_bad_row_in_a_file_with_the_longest_name_blocks_no_other(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    (folder / ("x" * 255)).write_text(adjustments("J", 3, bad=[1]))
    eventually(lambda: list((folder / "failed").glob("x*.errors")), "the errors")
    drop(folder, "stock.csv", adjustments("K", 3))
    eventually((folder / "done" / "stock.csv").exists, "the other file")
    assert (on_hand(api, "J"), on_hand(api, "K")) == (2, 3)
    assert feed_of(api).restarts == 0


def test_paused_feed_stays_so_over_a_restart_and_goes_on_when_resumed(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    assert pause(api).feed.pause_reason == "stocktaking"
    assert source_status_name(api.source("wms").status) == "PAUSED"
    drop(folder, "stock.csv", adjustments("F", 10))
    server.restart()
    api = Api(server.channel())
    assert (state_of(api), feed_of(api).pause_reason) == ("PAUSED", "stocktaking")
    listed = api.operations.ListSources(
        operations_service_pb2.ListSourcesRequest(status=source_pb2.SOURCE_STATUS_PAUSED), timeout=PATIENCE)
    assert [source.id for source in listed.sources] == ["wms"]
    assert (folder / "stock.csv").exists() and on_hand(api, "F") == 0
    resume(api)
    eventually((folder / "done" / "stock.csv").exists, "the file in done")
    assert on_hand(api, "F") == 10
    server.restart()
    assert state_of(Api(server.channel())) == "RUNNING"


def test_replay_reads_what_is_done_again_and_changes_nothing(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    # The times of files lag behind the clock by a tick.
    before = now() - 10**9
    for name in ["a.csv", "b.csv"]:
        drop(folder, name, adjustments(name, 1_500))
        eventually(lambda: f"{name} done" in feed_of(api).position, "the file's end")
    sums = {name: on_hand(api, name) for name in ["a.csv", "b.csv"]}
    last = replay(api, from_time=timestamp(before))[-1]
    assert (last.done, last.events, last.counters.duplicate) == (True, 3_000, 3_000)
    last = replay(api, from_position="b.csv")[-1]
    assert (last.done, last.events) == (True, 1_500) and last.position.startswith("b.csv ")
    assert {name: on_hand(api, name) for name in sums} == sums
    pause(api)
    assert replay(api, from_position="b.csv")[-1].done
    told = avail(server, "event", "replay", "--feed", "files", "--from", "a.csv")
    assert told.stdout.split()[-2:] == ["DUPLICATE", "3000"]
    failure = failure_of(replay, api, from_position="none.csv")
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "FEED_FAILED")


def test_replay_from_behind_the_horizon_tells_of_the_old_and_keeps_no_letters(fed, folder):
    server = fed(rest="events: {horizon: 60s}\n").start()
    api = Api(server.channel())
    drop(folder, "new.csv", adjustments("L", 5))
    eventually(lambda: "new.csv done" in feed_of(api).position, "the file's end")
    old = f"ADJUSTMENT,{text_time(now() - 3600 * 10**9)},L-0,WH1,1,COUNTED\n"
    (folder / "done" / "old.csv").write_text(HEADER + old * 1_500)
    last = replay(api, from_time=timestamp(0))[-1]
    assert (last.done, last.events) == (True, 1_505)
    assert (last.counters.duplicate, last.counters.dead_lettered) == (5, 1_500)
    assert api.status().ledger.dead_letters == 0 and api.source("wms").counters.dead_lettered == 0


def test_avail_replays_by_source_where_one_feed_tells_for_it(fed, folder, tmp_path):
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
    server = fed(rest=f"""
  second: {{kind: files, source: both, folder: '{tmp_path}/b', format: csv}}
  third: {{kind: files, source: both, folder: '{tmp_path}/c', format: csv}}
sources: {{quiet: }}
""").start()
    drop(folder, "a.csv", adjustments("M", 10))
    eventually((folder / "done" / "a.csv").exists, "the file in done")
    told = avail(server, "event", "replay", "--source", "wms", "--from", "a.csv")
    assert told.stdout.split()[-2:] == ["DUPLICATE", "10"]
    refused = avail(server, "event", "replay", "--source", "both", "--from", "a.csv", status=64).stderr
    assert "second, third" in refused and "--feed" in refused
    assert "no feed tells for quiet" in avail(
        server, "event", "replay", "--source", "quiet", "--from", "a.csv", status=64).stderr
    for arguments in [["--source", "wms", "--feed", "files"], []]:
        assert "--feed" in avail(server, "event", "replay", *arguments, "--from", "a.csv", status=64).stderr


def test_calls_about_feeds_that_are_not_there_and_bad_fields_are_refused(fed):
    server = fed().start()
    api = Api(server.channel())
    for call in [pause, resume, lambda api, id: replay(api, id, from_position="x")]:
        failure = failure_of(call, api, id="none")
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "FEED_NOT_FOUND")
        assert failure_of(call, api, id="").fields == ["id"]
    assert failure_of(pause, api, reason="").fields == ["reason"]
    assert failure_of(pause, api, reason="x" * 257).fields == ["reason"]
    assert failure_of(replay, api).fields == ["from_time"]


def test_folder_that_is_gone_is_told_and_the_feed_begins_anew(fed, folder):
    server = fed().start()
    api = Api(server.channel())
    elsewhere = folder.with_name("elsewhere")
    eventually((folder / "done").exists, "the feed's folders")
    folder.rename(elsewhere)
    feed = eventually(lambda: feed_of(api) if feed_of(api).restarts else None, "a restart")
    assert "cannot" in feed.last_error and feed.HasField("last_error_time")
    assert server.get("/readyz")[0] == 200
    drop(elsewhere, "stock.csv", adjustments("G", 10))
    elsewhere.rename(folder)
    eventually((folder / "done" / "stock.csv").exists, "the file in done")
    assert on_hand(api, "G") == 10


def test_channel_that_sells_what_a_lagging_feed_tells_of_keeps_more_back(fed):
    owned = SMALL.replace("WH1: ", "WH1: {owner: wms}", 1)
    server = fed(terms=", lag_max: 1s", configuration=owned).start()
    api = Api(server.channel())
    sku = new_name()
    api.apply(snapshot(sku, source="wms", on_hand=100))
    terms = {"degradation_buffer_units": 30}
    tight, elsewhere = api.new_channel(**terms), api.new_channel(**terms, sourcing=["WH2"])
    assert api.available(tight, sku) == 100
    pause(api)
    eventually(lambda: api.available(tight, sku) == 70, "the degradation buffer")
    channels = {channel.channel: channel for channel in api.status().channels}
    assert channels[tight].degradation_reason == "FEED_LAG" and not channels[elsewhere].degraded
    resume(api)
    eventually(lambda: api.available(tight, sku) == 100, "the channel relaxed")


def test_avail_shows_pauses_and_resumes(fed):
    server = fed().start()
    told = avail(server, "source", "pause", "wms", "--reason", "stocktaking")
    assert "PAUSED" in told.stdout and "stocktaking" in told.stdout
    assert "PAUSED" in avail(server, "source", "list", "--status", "paused").stdout
    shown = avail(server, "source", "show", "wms").stdout
    assert "files" in shown and "FILES" in shown
    assert "PAUSED" not in avail(server, "source", "resume", "wms", "--feed", "files").stdout
    assert "no feed called x" in avail(server, "source", "pause", "wms", "--feed", "x", "--reason", "y", status=64).stderr
    assert "no source none" in avail(server, "source", "show", "none", status=64).stderr


def test_configuration_names_the_key_the_line_and_what_was_meant(tmp_path):
    file = tmp_path / "server.yaml"
    file.write_text(SMALL + "feeds:\n  a: {kind: files, source: s, folder: /in, format: csv, setle: 1s}\n")
    checked = run("check-config", file)
    line = file.read_text().splitlines().index("feeds:") + 2
    assert checked.returncode == 64
    assert checked.stderr.strip() == f"{file}:{line}: feeds.a.setle: unknown key; did you mean settle?"


def test_sku_file_is_read_and_a_bad_line_ends_the_start(fed, folder, tmp_path):
    skus = tmp_path / "skus.csv"
    skus.write_text("theirs,ours\nT-1,H-0\n")
    server = fed(terms=f", map: {{skus_file: '{skus}', unlisted_skus: refuse}}").start()
    drop(folder, "stock.csv", HEADER + f"ADJUSTMENT,{text_time()},T-1,WH1,4,COUNTED\n")
    eventually((folder / "done" / "stock.csv").exists, "the file in done")
    assert Api(server.channel()).position("H-0").position.on_hand == 4
    server.terminate()
    skus.write_text("theirs,ours\nT-1,H-0\nT-1,H-1\n")
    ended = run(*map(str, server.command()[1:]))
    assert ended.returncode == 1 and f"{skus}:3: theirs: T-1 is listed twice" in ended.stderr
