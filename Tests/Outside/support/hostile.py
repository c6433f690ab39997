"""What the tests with hostile callers share: fixtures to import by name, and a request that is always answered."""
import pytest

from .bystander import REQUESTS, Bystander
from .frames import CHECK
from .server import SMALL, Server

BODY = REQUESTS[CHECK]
STREAM_EVENTS = "/availability.v1.InventoryFeedService/StreamEvents"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The real server on one event loop: whoever is hurt on it is everybody."""
    server = Server(tmp_path_factory.mktemp("hostile"), "--loops", "1", configuration=SMALL)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def bystander(server):
    """An innocent caller of that server, connected before any fault."""
    bystander = Bystander(server.grpc_address, server.process.pid)
    yield bystander
    bystander.close()
