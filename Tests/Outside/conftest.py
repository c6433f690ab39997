"""Fixtures of the tests from outside: the real server, its public API, certificates.

The server under test is .build/release/availability-server, or what AVAILABILITY_SERVER names; the client avail lies
beside it, or is what AVAILABILITY_AVAIL names. AVAILABILITY_SEED repeats a random run.
"""
import os
import random
import tempfile

import pytest

from support import protos


def pytest_configure(config):
    """Generates the stubs before anything imports them."""
    folder = tempfile.TemporaryDirectory(prefix="availability-stubs-")
    config.add_cleanup(folder.cleanup)
    protos.generate(folder.name)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server in development mode, shared by the tests of one file: tests use skus and channels of their own."""
    from support.server import Server
    server = Server(tmp_path_factory.mktemp("server"), configuration=None)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def api(server):
    """The API of that server over one connection."""
    from support.api import Api
    return Api(server.channel())


@pytest.fixture
def new_server(tmp_path_factory):
    """Makes servers of a test's own, not yet started, each in a new folder; none outlives the test."""
    from support.server import Server
    made = []

    def make(*arguments, **options):
        made.append(Server(tmp_path_factory.mktemp("server"), *arguments, **options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Signs certificates."""
    from support.certificates import Authority
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def seed():
    """A number for random choices, shown when the test fails."""
    value = int(os.environ.get("AVAILABILITY_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"AVAILABILITY_SEED={value}")
    return value
