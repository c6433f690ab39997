"""The audit log: whatever was decided is told once, newest first, with who, what and why, over restarts."""
import json
import subprocess

import grpc
import pytest
from google.protobuf import json_format

from availability.v1 import erp_write_pb2, operations_service_pb2 as operations, policy_pb2, policy_service_pb2

from support import PATIENCE
from support.api import SECOND, Api, adjustment, failure_of, new_name, now, timestamp
from support.erp import EmbeddedErp, ErpHolder, avail, avail_json
from support.receivers import SECRETS, Receiver
from support.reservations import wanted
from support.server import AVAIL, SMALL, Server, clean_environment, eventually
from test_rebuild import becomes
from test_tls import credentials, tls_server  # noqa: F401 (a fixture)

BEHIND = policy_pb2.WRITE_MODE_BEHIND


def page(api, **fields):
    return api.operations.ListAuditEntries(operations.ListAuditEntriesRequest(**fields), timeout=PATIENCE)


def entries(api, **fields):
    """All pages."""
    found, token = [], ""
    while True:
        response = page(api, page_token=token, **fields)
        found += response.entries
        token = response.next_page_token
        if not token:
            return found


def nanoseconds(stamp):
    return stamp.seconds * SECOND + stamp.nanos


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with something of every kind that can be decided about."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "in").mkdir()
    (folder / "secret").write_text(f"whsec_{SECRETS[0]}\n")
    receiver = Receiver()
    server = Server(folder, configuration=SMALL + f"""
feeds:
  files: {{kind: files, source: wms, folder: '{folder / "in"}', format: csv, settle: 100ms, poll_every: 100ms}}
publications:
  shop: {{kind: webhook, channel: web, url: '{receiver.url}', secret_file: '{folder / "secret"}'}}
""")
    try:
        yield server.start()
    finally:
        server.stop()
        receiver.close()


@pytest.fixture
def api(server):
    return ErpHolder(server.channel())


@pytest.fixture
def decide(api):
    """Makes a call that changes something, and checks the entry that tells of it; returns the call's answer."""
    def call(request, subject, channel="", reason=None, service=None):
        method = type(request).__name__.removesuffix("Request")
        id = new_name("call")
        before = now()
        answer = getattr(service or api.operations, method)(
            request, timeout=PATIENCE, metadata=[("x-request-id", id)])
        if not hasattr(answer, "DESCRIPTOR"):
            answer = list(answer)[-1]
        entry, = [each for each in entries(api) if each.correlation_id == id]
        assert (entry.action, entry.subject) == (method, subject(answer) if callable(subject) else subject)
        assert (entry.actor, entry.channel) == ("anonymous", channel)
        assert entry.reason == (request.reason if reason is None else reason)
        assert before - SECOND < nanoseconds(entry.time) < now() + SECOND
        # Every way to ask for it finds it.
        for filter in ({"action": method}, {"subject": entry.subject}, {"actor": "anonymous"},
                       {"from_time": entry.time}, {"channel": channel}):
            assert entry in entries(api, **filter), filter
        return answer
    return call


def test_pauses_resumptions_and_replays_of_feeds_are_entries(api, decide):
    decide(operations.PauseFeedRequest(id="files", reason="stocktaking"), "feeds/files")
    decide(operations.ResumeFeedRequest(id="files", reason="counted"), "feeds/files")
    assert decide(operations.ReplayFeedRequest(id="files", reason="in doubt", from_time=timestamp(now())), "feeds/files").done
    before = page(api).entries[0]
    api.operations.ResumeFeed(operations.ResumeFeedRequest(id="files", reason="again"), timeout=PATIENCE)
    assert failure_of(api.operations.PauseFeed, operations.PauseFeedRequest(id="none", reason="x"), timeout=PATIENCE)
    assert page(api).entries[0] == before, "what changed nothing is no entry"


def test_pauses_and_resumptions_of_publications_are_entries_of_their_channel(decide):
    decide(operations.PausePublicationRequest(id="shop", reason="the shop moves"), "publications/shop", "web")
    decide(operations.ResumePublicationRequest(id="shop", reason="moved"), "publications/shop", "web")


def test_policies_are_entries_with_the_channel_before_and_after(api, decide):
    def update(**terms):
        policy = policy_pb2.ChannelPolicy(sourcing=["WH1"], **terms)
        return policy_service_pb2.UpdateChannelRequest(
            channel=policy_pb2.Channel(id=id, policy=policy), allow_missing=True, reason="a test")

    id = new_name("ch")
    decide(update(cap=1), f"channels/{id}", id, service=api.policy)
    first = api.channel(id)
    decide(update(cap=2), f"channels/{id}", id, service=api.policy)
    second = api.channel(id)
    checked = update(cap=3)
    checked.validate_only = True
    api.policy.UpdateChannel(checked, timeout=PATIENCE)
    changed, made = entries(api, channel=id)
    assert made.before_json == "" and json.loads(made.after_json) == json_format.MessageToDict(first)
    assert json.loads(changed.before_json) == json_format.MessageToDict(first)
    assert json.loads(changed.after_json) == json_format.MessageToDict(second)
    assert changed.sequence > made.sequence


def test_what_the_configuration_made_is_its_own(api):
    made = entries(api, actor="configuration", action="UpdateChannel")
    assert {entry.subject for entry in made} == {"channels/web", "channels/marketplace", "channels/b2b"}
    assert all(entry.reason == "from the configuration" and entry.after_json for entry in made)


def test_replays_and_discards_of_dead_letters_are_entries_with_what_became_of_each(api, decide):
    source = new_name("src")
    api.publish(*[adjustment(new_name(), 1, location="NOWHERE", source=source) for _ in range(2)])
    request = operations.ListDeadLettersRequest(source=source)
    first, second = [letter.id for letter in api.operations.ListDeadLetters(request, timeout=PATIENCE).dead_letters]
    decide(operations.ReplayDeadLettersRequest(ids=[first, second], reason="mended?"), "dead-letters")
    decide(operations.DiscardDeadLettersRequest(ids=[second, "1-1"], reason="a test"), "dead-letters")
    discarded, replayed = entries(api, subject=f"dead-letters/{second}")
    assert json.loads(discarded.after_json) == {f"dead-letters/{second}": "DISCARDED"}
    assert json.loads(replayed.after_json) == {f"dead-letters/{id}": "DEAD_LETTERED" for id in (first, second)}
    assert entries(api, subject=f"dead-letters/{first}") == [replayed]


def test_comparisons_and_repairs_are_entries(server, api, decide):
    sku = api.stocked(10)
    EmbeddedErp(server).stock(sku, 7)
    begun = decide(
        operations.StartReconciliationRequest(request_id=new_name(), reason="a doubt"),
        lambda answer: f"reconciliations/{answer.reconciliation.id}").reconciliation
    request = operations.ListVariancesRequest(sku=sku, reconciliation_id=begun.id)
    variance, = eventually(
        lambda: api.operations.ListVariances(request, timeout=PATIENCE).variances, "the variance")
    place = f"skus/{sku}/locations/WH1"
    preview = operations.ApplyVariancesRequest(ids=[variance.id], reason="look", validate_only=True)
    api.operations.ApplyVariances(preview, timeout=PATIENCE)
    assert entries(api, subject=place) == []
    decide(operations.ApplyVariancesRequest(ids=[variance.id], reason="counted"), place,
           reason=f"variance {variance.id}, on_hand 10 to 7: counted")


def test_writes_to_erps_that_were_tried_by_hand_are_entries(server, api, decide):
    channel, sku = api.new_channel(write_mode=BEHIND), api.stocked(10)
    erp = EmbeddedErp(server)
    with erp.being(down=True):
        held = api.create(channel, wanted(sku, 4))
        waiting = erp_write_pb2.ERP_WRITE_STATE_WAITING

        def write():
            found = [each for each in api.writes(reservation_id=held.id) if each.attempts and each.state == waiting]
            return found[0] if found else None

        id = eventually(write, "an attempt that failed").id
        answer = decide(operations.RetryErpWriteRequest(id=id, reason="somebody is impatient"),
                        f"reservations/{held.id}/erps/embedded", channel)
        assert answer.write.id == id
    api.becomes(held, "ACTIVE", "CONFIRMED")
    before = page(api).entries[0]
    failure = failure_of(api.retry_write, id)
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "ERP_WRITE_NOT_FOUND")
    assert page(api).entries[0] == before


def test_rebuilds_are_entries_from_start_to_end(api, decide):
    def subject(answer):
        return f"rebuilds/{answer.rebuild.id}"

    first = decide(operations.StartRebuildRequest(reason="wrong counts"), subject).rebuild
    decide(operations.AbandonRebuildRequest(id=first.id, reason="never mind"), subject)

    def begin():
        try:
            return api.operations.StartRebuild(operations.StartRebuildRequest(reason="again"), timeout=PATIENCE).rebuild
        except grpc.RpcError:
            return None

    second = eventually(begin, "the rows of the first being deleted")
    becomes(api, "READY", id=second.id)
    decide(operations.SwitchRebuildRequest(id=second.id, reason="checked"), subject)
    assert [each.action for each in entries(api, subject=f"rebuilds/{second.id}")] == ["SwitchRebuild", "StartRebuild"]


def test_log_is_newest_first_filtered_paged_and_the_same_after_a_restart(new_server):
    server = new_server().start()
    api = Api(server.channel())
    ids = [api.new_channel(cap=number) for number in range(7)]
    whole = entries(api)
    assert [entry.subject for entry in whole[:7]] == [f"channels/{id}" for id in reversed(ids)]
    order = [(nanoseconds(entry.time), entry.sequence) for entry in whole]
    assert order == sorted(order, reverse=True) and len(set(sequence for _, sequence in order)) == len(order)
    assert len(whole) == 10
    for size in (1, 3, 1_000):
        assert entries(api, page_size=size) == whole
    # What comes meanwhile does not move the pages.
    first = page(api, page_size=2)
    newest = api.new_channel()
    assert page(api, page_size=2, page_token=first.next_page_token).entries == whole[2:4]
    assert entries(api, channel=newest) == entries(api)[:1]
    middle = whole[3].time
    assert entries(api, until_time=middle) == whole[4:]
    assert entries(api, from_time=middle) == entries(api)[:5]
    assert entries(api, from_time=middle, until_time=whole[1].time, actor="anonymous") == whole[2:4]
    assert entries(api, actor="nobody") == entries(api, action="updatechannel") == []
    whole = entries(api)
    server.kill()
    assert entries(Api(server.start().channel())) == whole


def test_page_looks_at_a_bounded_number_of_entries_and_bytes(new_server):
    api = Api(new_server().start().channel())
    id = api.new_channel()
    request = policy_service_pb2.UpdateChannelRequest(
        channel=policy_pb2.Channel(id=id, policy=policy_pb2.ChannelPolicy(sourcing=["WH1"])))
    for future in [api.policy.UpdateChannel.future(request, timeout=PATIENCE) for _ in range(2_500)]:
        future.result()
    first = page(api, actor="nobody")
    assert not first.entries and first.next_page_token
    assert entries(api, actor="nobody") == []
    assert len(entries(api, channel=id, page_size=1_000)) == 2_501
    assert [entry.subject for entry in entries(api, channel="web")] == ["channels/web"]

    terms = policy_pb2.PolicyTerms(share_percent=50)
    overrides = [policy_pb2.PolicyOverride(sku=f"{number:060}", terms=terms) for number in range(1_000)]
    for number in range(12):
        api.update_channel(id, policy_pb2.ChannelPolicy(sourcing=["WH1"], cap=number, overrides=overrides))
    first = page(api, page_size=100)
    assert 1 <= len(first.entries) < 12 and first.next_page_token and first.ByteSize() < 4 << 20
    caps = [json.loads(entry.after_json)["policy"].get("cap") for entry in entries(api, channel=id)[:12]]
    assert caps == [str(number) for number in reversed(range(12))]


def test_wrong_requests_name_the_field(api):
    for fields, field in [
            ({"page_size": 1_001}, "page_size"), ({"page_size": -1}, "page_size"), ({"page_token": "!"}, "page_token"),
            ({"actor": "x" * 1_025}, "actor"), ({"action": "x" * 65}, "action"), ({"subject": "\n"}, "subject"),
            ({"channel": "x" * 33}, "channel"), ({"from_time": {"seconds": -1}}, "from_time"),
            ({"until_time": {"nanos": -1}}, "until_time")]:
        failure = failure_of(page, api, **fields)
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field]), fields


def test_client_lists_entries_by_filter_as_table_and_json(server, api):
    id = api.new_channel(cap=5)
    avail(server, "channel", "set", id, "--cap", "6", "--reason", "a larger cap")
    title, *lines = avail(server, "audit", "list", "--channel", id, "--newer-than", "1h").splitlines()
    assert title.split() == ["TIME", "ACTOR", "ACTION", "SUBJECT", "CHANNEL", "SEQUENCE", "REASON"]
    assert len(lines) == 2 and "a larger cap" in lines[0] and f"channels/{id}" in lines[1]
    told, = avail_json(server, "audit", "list", "--subject", f"channels/{id}", "--action", "UpdateChannel")
    assert json.loads(told["entries"][0]["afterJson"])["policy"]["cap"] == "6"
    assert avail_json(server, "audit", "list", "--channel", id, "--older-than", "1h") == [{}]
    ended = subprocess.run([AVAIL, "audit", "list", "--limit", "1"], text=True, capture_output=True, timeout=PATIENCE,
                           env=clean_environment(AVAIL_ADDRESS=server.grpc_address))
    assert len(ended.stdout.splitlines()) == 2 and "there are more than 1" in ended.stderr


def test_actor_is_the_subject_of_the_certificate(tls_server, authority):  # noqa: F811
    server = tls_server(AVAILABILITY_TLS_CLIENT_AUTHORITY=str(authority.certificate))
    api = Api(server.channel(credentials(authority, authority.issue("ann", "DNS:ann.example", usage="clientAuth"))))
    id = api.new_channel()
    entry, = entries(api, channel=id)
    assert "CN=ann" in entry.actor.split(",")
    assert entries(api, channel=id, actor=entry.actor) == [entry]
