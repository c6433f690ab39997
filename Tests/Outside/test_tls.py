"""TLS and mutual TLS against the real server, and certificates that change while it runs."""
import shutil
import signal
import socket
import ssl

import grpc
import pytest

from support import PATIENCE
from support.api import Api, sample_skus
from support.certificates import Authority
from support.server import eventually, run


@pytest.fixture
def tls_server(new_server, authority, tmp_path):
    """Starts a server with the authority's certificate, copied to where the test may replace it."""
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"

    def start(**environment):
        install(authority, certificate, key)
        return new_server(environment={
            "AVAILABILITY_TLS_CERTIFICATE": str(certificate), "AVAILABILITY_TLS_PRIVATE_KEY": str(key),
            **environment}).start()

    start.certificate, start.key = certificate, key
    return start


def install(authority, certificate, key):
    issued_certificate, issued_key = authority.issue("server")
    shutil.copy(issued_key, key)
    shutil.copy(issued_certificate, certificate)


def credentials(authority, client=None):
    if client is None:
        return grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    certificate, key = client
    return grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key.read_bytes(), certificate.read_bytes())


def shown_certificate(server):
    """The certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = server.grpc_address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        with context.wrap_socket(connection) as secured:
            assert secured.selected_alpn_protocol() == "h2"
            return secured.getpeercert(True)


def is_unavailable(api):
    try:
        api.check("web", *sample_skus(1))
    except grpc.RpcError as error:
        return error.code() == grpc.StatusCode.UNAVAILABLE
    return False


def test_client_that_trusts_the_authority_is_served(tls_server, authority):
    api = Api(tls_server().channel(credentials(authority)))
    assert len(api.check("web", *sample_skus(1_000)).lines) == 1_000


def test_client_without_tls_or_with_another_authority_is_not_served(tls_server, authority, tmp_path):
    server = tls_server()
    stranger = Authority(tmp_path / "stranger", "Stranger")
    assert is_unavailable(Api(server.channel()))
    assert is_unavailable(Api(server.channel(credentials(stranger))))
    assert Api(server.channel(credentials(authority))).check("web", *sample_skus(1)).lines


def test_mutual_tls_serves_only_clients_that_the_authority_signed(tls_server, authority, tmp_path):
    server = tls_server(AVAILABILITY_TLS_CLIENT_AUTHORITY=str(authority.certificate))
    client = authority.issue("client", "DNS:shop.example", usage="clientAuth")
    stranger = Authority(tmp_path / "stranger", "Stranger").issue("client", "DNS:x.example", usage="clientAuth")
    assert is_unavailable(Api(server.channel(credentials(authority))))
    assert is_unavailable(Api(server.channel(credentials(authority, stranger))))
    api = Api(server.channel(credentials(authority, client)))
    assert api.check("web", *sample_skus(1)).lines
    assert api.new_channel(cap=1)


def test_certificate_is_changed_on_sighup_and_connections_go_on(tls_server, authority):
    server = tls_server()
    api, before = Api(server.channel(credentials(authority))), shown_certificate(server)
    assert api.check("web", *sample_skus(1)).lines

    install(authority, tls_server.certificate, tls_server.key)
    assert shown_certificate(server) == before
    server.signal(signal.SIGHUP)
    eventually(lambda: shown_certificate(server) != before, "the new certificate")
    assert api.check("web", *sample_skus(1)).lines
    assert Api(server.channel(credentials(authority))).check("web", *sample_skus(1)).lines


def test_bad_certificate_on_sighup_is_told_and_the_old_one_stays(tls_server, authority):
    server = tls_server()
    before = shown_certificate(server)
    tls_server.certificate.write_text("not a certificate\n")
    lines = len(server.logs())
    server.signal(signal.SIGHUP)
    eventually(lambda: any(str(tls_server.certificate) in str(line) and line["level"] in ("error", "warning")
                           for line in server.logs()[lines:]), "a log line about the bad certificate")
    assert shown_certificate(server) == before
    assert Api(server.channel(credentials(authority))).check("web", *sample_skus(1)).lines


def test_sighup_without_tls_changes_nothing(new_server):
    server = new_server().start()
    api = Api(server.channel())
    for _ in range(3):
        server.signal(signal.SIGHUP)
        assert api.check("web", *sample_skus(1)).lines
    assert server.terminate() == 0


def test_missing_key_stops_the_start_with_its_name(authority, tmp_path):
    certificate, _ = authority.issue("server")
    served = run("serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", tmp_path / "data",
                 "--tls-certificate", certificate, "--tls-private-key", tmp_path / "missing.key")
    assert served.returncode != 0 and "missing.key" in served.stderr
