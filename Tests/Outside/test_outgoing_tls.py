"""The server as a client over TLS: webhooks and NATS are checked by the configured authority and by their name, and what
cannot be trusted is told, tried again, and never spoken to in the clear."""
import shutil
import ssl

import pytest

from availability.v1 import publication_pb2

from support.api import heartbeat, new_name
from support.certificates import Authority
from support.nats import Bed as FeedBed, Nats, known
from support.receivers import Receiver
from support.server import SMALL, eventually, run

from test_publications import Bed as WebhookBed, NatsBed

FAILED = publication_pb2.PUBLICATION_STATE_FAILED


@pytest.fixture
def receiving(authority, request):
    """Makes receivers; with `names` they speak TLS by a certificate of theirs."""
    def make(names=None, signer=authority):
        tls = names and signer.issue(new_name("hook"), alternative_names=names)
        receiver = Receiver(tls=tls)
        request.addfinalizer(receiver.close)
        return receiver
    return make


@pytest.fixture
def stranger(tmp_path):
    """An authority that nobody configured."""
    return Authority(tmp_path / "stranger", "Another authority")


def publishing(new_server, receiver, folder, ca_file, url=None):
    bed = WebhookBed(new_server, receiver, folder, f"    ca_file: {ca_file}\n" if ca_file else "")
    if url:
        bed.server.configuration = bed.server.configuration.replace(receiver.url, url)
    bed.start()
    return bed, bed.stocked(7)


def refused(bed, words):
    """Waits until the publication failed for that reason, more than once."""
    eventually(lambda: bed.publication().state == FAILED and bed.metric("failed_total") >= 2, "attempts that failed")
    assert words.lower() in bed.publication().last_error.lower(), bed.publication().last_error


# Webhooks.

@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_https_receiver_is_told_by_the_authority_of_the_configuration(new_server, receiving, authority, tmp_path, host):
    receiver = receiving("DNS:localhost,IP:127.0.0.1")
    url = receiver.url.replace("127.0.0.1", host)
    bed, sku = publishing(new_server, receiver, tmp_path, authority.certificate, url)
    receiver.until(sku, 7).check()
    assert receiver.of(sku)[-1].headers["host"].startswith(host)
    assert bed.settle().publication().last_error == ""


def test_https_receiver_of_another_authority_is_refused_until_its_own_is_configured(
        new_server, receiving, authority, stranger, tmp_path):
    receiver = receiving("IP:127.0.0.1", signer=stranger)
    ca_file = tmp_path / "ca.pem"
    shutil.copy(authority.certificate, ca_file)
    bed, sku = publishing(new_server, receiver, tmp_path, ca_file)
    refused(bed, "certificate is not trusted")
    assert not receiver.deliveries
    # Read again with the next attempt.
    shutil.copy(stranger.certificate, ca_file)
    receiver.until(sku, 7).check()


@pytest.mark.parametrize("names, ca, words", [
    ("DNS:shop.example,IP:127.0.0.2", "configured", "the receiver's certificate is not one of 127.0.0.1"),
    ("IP:127.0.0.1", None, "certificate is not trusted"),
    ("IP:127.0.0.1", "missing", "ca_file: "),
    ("IP:127.0.0.1", "none", "must have certificates in PEM"),
    (None, "configured", "no TLS with the receiver"),
], ids=["other-name", "authority-of-the-system", "file-missing", "file-without-certificates", "receiver-without-tls"])
def test_https_receiver_that_cannot_be_trusted_is_told_of_and_hears_nothing(
        new_server, receiving, authority, tmp_path, names, ca, words):
    (tmp_path / "none").write_text("nothing\n")
    receiver = receiving(names)
    ca_file = {"configured": authority.certificate, None: None}.get(ca, tmp_path / str(ca))
    bed, _ = publishing(new_server, receiver, tmp_path, ca_file, receiver.url.replace("http:", "https:"))
    refused(bed, words)
    assert not receiver.deliveries and bed.server.get("/readyz")[0] == 200


def test_authority_for_a_receiver_without_https_is_refused_by_name(tmp_path):
    path = tmp_path / "server.yaml"
    path.write_text(SMALL + """
publications: {shop: {kind: webhook, channel: web, url: 'http://127.0.0.1/', secret_file: /s, ca_file: /ca.pem}}
""")
    told = run("check-config", str(path))
    assert told.returncode == 64 and "publications.shop.ca_file: is for https:// only" in told.stderr


# NATS.

@pytest.fixture
def nats_with(authority, tmp_path, request):
    """Makes a server of NATS with a certificate for `names`, or without one; it has the stream S."""
    def make(names=None, signer=authority):
        folder = tmp_path / "nats"
        folder.mkdir()
        settings, client = "", {}
        if names:
            certificate, key = signer.issue(new_name("nats"), alternative_names=names)
            settings = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}\n'
            # The test's own connections trust anybody.
            anybody = ssl.create_default_context()
            anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
            client = {"tls": anybody}
        nats = Nats(folder, settings, scheme="tls" if names else "nats", **client)
        request.addfinalizer(nats.stop)
        nats.start().add_stream("S", "S.>")
        return nats
    return make


CASES = pytest.mark.parametrize("names, is_strange, words", [
    ("DNS:localhost", True, "issuer certificate"),
    ("DNS:shop.example", False, "hostname mismatch"),
    (None, False, "secure"),
], ids=["other-authority", "other-name", "server-without-tls"])


def extended(configuration, nats, ca_file):
    """The configuration with TLS and an authority for that server."""
    url = nats.url.replace("nats:", "tls:")
    return configuration.replace(nats.url, url).replace("    kind: nats\n", f"    kind: nats\n    ca_file: {ca_file}\n").replace(
        "{kind: nats, ", f"{{kind: nats, ca_file: '{ca_file}', ")


@CASES
def test_feed_of_a_nats_server_that_cannot_be_trusted_fails_and_says_why(
        new_server, nats_with, authority, stranger, names, is_strange, words):
    nats = nats_with(names, stranger if is_strange else authority)
    bed = FeedBed(nats, new_server)
    bed.server.configuration = extended(bed.server.configuration, nats, authority.certificate)
    bed.start()
    bed.api.apply(heartbeat(bed.source))
    eventually(lambda: bed.feed().restarts >= 1 and bed.feed().last_error, "the feed failing again")
    assert words in bed.feed().last_error.lower(), bed.feed().last_error
    assert nats.consumer(bed.stream, bed.durable) is None


@CASES
def test_publication_to_a_nats_server_that_cannot_be_trusted_fails_and_says_why(
        new_server, nats_with, authority, stranger, names, is_strange, words):
    nats = nats_with(names, stranger if is_strange else authority)
    bed = NatsBed(nats, new_server, "S")
    bed.server.configuration = extended(bed.server.configuration, nats, authority.certificate)
    bed.start()
    bed.stocked(4)
    refused(bed, words)
    assert not bed.messages()


@pytest.mark.parametrize("scheme", ["tls", "nats"])
def test_publication_and_feed_of_a_nats_server_with_tls(new_server, nats_with, authority, scheme):
    nats = nats_with("DNS:localhost")
    bed = NatsBed(nats, new_server, "S")
    configuration = extended(bed.server.configuration, nats, authority.certificate)
    # With an authority it is TLS, whatever the address begins with.
    bed.server.configuration = configuration.replace("tls://", f"{scheme}://")
    bed.start()
    sku = bed.stocked(4)
    eventually(lambda: bed.latest() == {f"S.web.{sku}": 4}, "the figure")
    fed = FeedBed(nats, new_server, extra=f"    ca_file: {authority.certificate}\n").start()
    fed.send(fed.plus_one(sku))
    eventually(lambda: known(lambda: fed.on_hand(sku) == 1), "the stock")
