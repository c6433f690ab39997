"""The server as an operator and a gRPC user's tools meet it: health, reflection, the HTTP port, logs, its end."""
import queue
import re
import signal
import socket

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import proto_reflection_descriptor_database as reflection, reflection_pb2

from availability.v1 import policy_service_pb2

from support import PATIENCE
from support.api import CHANNELS, Api, adjustment, new_name, sample_skus, snapshot
from support.metrics import samples, values
from support.server import eventually, run

SERVICES = {f"availability.v1.{name}" for name in [
    "AvailabilityService", "ReservationService", "InventoryFeedService", "PolicyService", "OperationsService"]}
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


# Health.

@pytest.fixture
def health(server):
    return health_pb2_grpc.HealthStub(server.channel())


def request(service=""):
    return health_pb2.HealthCheckRequest(service=service)


def test_server_and_each_service_are_serving(health):
    for service in ["", *sorted(SERVICES - {"availability.v1.ReservationService"})]:
        assert health.Check(request(service), timeout=PATIENCE).status == SERVING, service


def test_health_of_an_unknown_service_is_not_found_and_its_watch_stays_open(health):
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(request("nobody"), timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    watch = health.Watch(request("nobody"), timeout=PATIENCE)
    assert next(watch).status == SERVICE_UNKNOWN
    assert watch.is_active()
    watch.cancel()


def test_health_list_names_the_server_and_its_services(health):
    statuses = health.List(health_pb2.HealthListRequest(), timeout=PATIENCE).statuses
    assert "" in statuses and "availability.v1.AvailabilityService" in statuses
    assert {entry.status for entry in statuses.values()} == {SERVING}


def test_health_watch_says_not_serving_while_the_server_drains(new_server):
    server = new_server().start()
    watch = health_pb2_grpc.HealthStub(server.channel()).Watch(request(), timeout=PATIENCE)
    assert next(watch).status == SERVING
    server.signal(signal.SIGTERM)
    assert next(watch).status == NOT_SERVING
    watch.cancel()
    assert server.wait() == 0


# Reflection.

def test_reflection_v1alpha_finds_every_service_and_its_messages(server):
    database = reflection.ProtoReflectionDescriptorDatabase(server.channel())
    services = set(database.get_services())
    assert SERVICES <= services and "grpc.health.v1.Health" in services
    pool = descriptor_pool.DescriptorPool(database)
    message = pool.FindMessageTypeByName("availability.v1.CheckAvailabilityRequest")
    assert {name: field.number for name, field in message.fields_by_name.items()} == {
        "channel": 1, "lines": 2, "max_staleness": 3, "customer": 4}
    for service in SERVICES:
        assert pool.FindServiceByName(service).methods


def test_reflection_v1_answers_the_same(server):
    # The messages of v1 and v1alpha are alike on the wire.
    method = server.channel().stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    requests = [reflection_pb2.ServerReflectionRequest(list_services=""),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol="availability.v1.Position"),
                reflection_pb2.ServerReflectionRequest(file_by_filename="availability/v1/position.proto"),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol="nothing.of.the.kind")]
    listed, by_symbol, by_name, unknown = method(iter(requests), timeout=PATIENCE)
    assert SERVICES <= {service.name for service in listed.list_services_response.service}
    assert by_symbol.file_descriptor_response.file_descriptor_proto
    assert by_symbol.file_descriptor_response == by_name.file_descriptor_response
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


# The state of the server.

def test_status_tells_limits_channels_sources_and_the_ledger(api):
    source = new_name("src")
    api.apply(snapshot(new_name(), source=source, on_hand=1))
    status = api.status()
    assert status.version and status.ready and status.tenant == "demo"
    assert (status.limits.sku_bytes_max, status.limits.name_bytes_max, status.limits.id_bytes_max) == (64, 32, 64)
    assert (status.limits.check_lines_max, status.limits.explain_lines_max, status.limits.events_max) == (
        1_000, 100, 1_000)
    assert (status.limits.message_bytes_max, status.limits.quantity_max) == (4 << 20, 10 ** 12)
    assert (status.limits.header_list_bytes_max, status.limits.header_fields_max) == (8 << 10, 100)
    assert set(CHANNELS) <= {channel.channel for channel in status.channels}
    assert source in {each.id for each in status.sources}
    assert status.checks and all(check.ready and check.name for check in status.checks)
    assert status.ledger.positions > 0 and 0 < status.ledger.used_bytes <= status.ledger.map_bytes
    assert status.uptime.ToNanoseconds() > 0
    answer = api.check("web", *sample_skus(1))
    assert answer.epoch == status.epoch and answer.sequence >= status.sequence


# The HTTP port.

def test_livez_and_readyz_answer(server):
    assert server.get("/livez")[0] == 200
    assert server.get("/readyz")[0] == 200
    status, text = server.get("/readyz?verbose")
    assert status == 200
    checks = [line for line in text.splitlines() if line.startswith("[")]
    assert checks and all(re.match(r"\[\+\]\S+ ok", line) for line in checks), text


def test_unknown_page_is_not_found(server):
    assert server.get("/nothing")[0] == 404


def test_metrics_are_an_exposition_with_the_names_people_have_dashboards_for(server, api):
    api.check("web", *sample_skus(1))
    status, text = server.get("/metrics")
    assert status == 200
    names = {name for name, _ in samples(text)}
    assert {"rpc_server_call_duration_seconds_bucket", "grpc_server_started_total", "grpc_server_handled_total",
            "grpc_server_handling_seconds_count"} <= names


def test_metrics_count_calls_by_method_and_code_and_never_name_a_sku(server, api):
    def counts():
        found = server.samples()
        method = {"grpc_service": "availability.v1.AvailabilityService", "grpc_method": "CheckAvailability"}
        return (sum(values(found, "grpc_server_handled_total", grpc_code="OK", **method)),
                sum(values(found, "grpc_server_handled_total", grpc_code="InvalidArgument", **method)))

    before = counts()
    sku = new_name()
    for _ in range(7):
        api.check("web", sku)
    for _ in range(3):
        with pytest.raises(grpc.RpcError):
            api.check("web", "b\tad")
    # Loops publish their counters when they have time.
    eventually(lambda: counts() == (before[0] + 7, before[1] + 3), "the calls in the counters")
    found = server.samples()
    assert all(label not in ("sku", "customer") for _, labels in found for label, _ in labels)
    assert sku not in server.get("/metrics")[1]


def test_histograms_are_cumulative_and_end_at_their_count(server, api):
    api.check("web", *sample_skus(1))
    found = server.samples()
    series = {}
    for (name, labels), value in found.items():
        if name == "rpc_server_call_duration_seconds_bucket":
            bound = float(dict(labels)["le"])
            series.setdefault(frozenset(label for label in labels if label[0] != "le"), []).append((bound, value))
    assert series
    for labels, buckets in series.items():
        buckets.sort()
        values = [value for _, value in buckets]
        assert buckets[0][0] == 10e-6 and buckets[-1][0] == float("inf")
        assert values == sorted(values)
        assert values[-1] == found["rpc_server_call_duration_seconds_count", labels]


# Logs and metadata.

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_log_is_json_and_tells_the_request_and_trace_of_a_call_that_failed_inside(server):
    request_id = new_name("request")
    garbage = server.channel().unary_unary("/availability.v1.PolicyService/GetChannel")
    with pytest.raises(grpc.RpcError) as caught:
        garbage(b"\xff\xff\xff", metadata=[("x-request-id", request_id), ("traceparent", TRACEPARENT)],
                timeout=PATIENCE)
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    line = eventually(lambda: next((line for line in server.logs() if line.get("request_id") == request_id), None),
                      "a log line of the failed call")
    assert line["traceparent"] == TRACEPARENT
    assert line["level"] and line["message"] and line["timestamp"]


def test_every_line_of_the_log_is_one_json_object(server):
    assert server.logs()
    assert len(server.logs()) == len([line for line in server.log_text().splitlines() if line.startswith("{")])


def test_request_id_is_echoed(server, api):
    call = api.policy.GetChannel.with_call
    _, answered = call(policy_service_pb2.GetChannelRequest(id="web"), metadata=[("x-request-id", "mine-1")],
                       timeout=PATIENCE)
    told = dict(answered.initial_metadata()) | dict(answered.trailing_metadata())
    assert told["x-request-id"] == "mine-1"


# Connections.

def test_connections_that_come_and_go_leave_the_server_as_it_was(new_server):
    server = new_server().start()
    for _ in range(30):
        clients = [Api(server.channel()) for _ in range(8)]
        for client in clients:
            client.apply(adjustment(new_name(), 1))
            client.check("web", *sample_skus(10))
        server.close_channels()
    assert Api(server.channel()).check("web", *sample_skus(1)).lines
    # Closed connections are counted out when the loop has seen them go.
    eventually(lambda: server.metric("availability_connections_open") == 1,
               "the end of the closed connections")


def test_connections_cut_in_the_middle_of_calls_leave_the_server_as_it_was(new_server):
    server = new_server().start()
    host, port = server.grpc_address.rsplit(":", 1)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    for length in range(1, len(preface) + 1):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(preface[:length])
    for _ in range(20):
        streams = [Api(server.channel()).feed.StreamEvents(iter(queue.SimpleQueue().get, None)) for _ in range(4)]
        server.close_channels()
        assert all(stream.code() == grpc.StatusCode.CANCELLED for stream in streams)
    assert Api(server.channel()).check("web", *sample_skus(1)).lines


# The end.

def test_sigterm_with_idle_connections_ends_with_0(new_server):
    server = new_server().start()
    api = Api(server.channel())
    api.check("web", *sample_skus(1))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_sigint_ends_with_0(new_server):
    server = new_server().start()
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_second_server_on_the_directory_is_refused_and_the_first_goes_on(server, api):
    second = run("serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", server.data)
    assert second.returncode != 0
    assert str(server.data) in second.stderr and "in use" in second.stderr.lower(), second.stderr
    assert api.check("web", *sample_skus(1)).lines


def test_version_and_help_are_told():
    assert re.search(r"\d+\.\d+\.\d+", run("--version").stdout)
    for command in ["serve", "check-config", "import", "export", "backup", "verify"]:
        told = run(command, "--help")
        assert told.returncode == 0 and command in told.stdout
