"""What the wire owes the real server's lifecycle."""
import signal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support import PATIENCE
from support.server import run


def test_port_of_a_running_server_is_refused(new_server, tmp_path):
    # Sharing the port is for one server's own loops: a second would silently take half of the callers.
    first = new_server().start()
    second = run("serve", "--listen", first.grpc_address, "--http", "127.0.0.1:0", "--data", tmp_path / "other")
    assert second.returncode != 0 and "ddress already in use" in second.stderr


def test_health_watch_ends_when_the_server_drains(new_server):
    server = new_server().start()
    watch = health_pb2_grpc.HealthStub(server.channel()).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    server.signal(signal.SIGTERM)
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    # A watch that stayed open would hold the connection, and with it the drain, for the whole grace of 30 s.
    assert watch.code() == grpc.StatusCode.UNAVAILABLE
    assert server.wait() == 0
