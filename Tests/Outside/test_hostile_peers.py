"""Callers that stall, that do not read, or that are too many, against the real server.

The limits of time are shorter here than in the field; `torture/test_torture_wire.py` has the real ones. Each fault leaves
another connection on the same event loop answered within 100 ms and the memory bounded (`bystander.watching`).
"""
import os
import resource
import socket
import ssl
import time

import pytest

from support import PATIENCE
from support.bystander import MEBIBYTE, Bystander, processor_seconds
from support.frames import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR,
    PING, PREFACE, WIDE_OPENING, Peer, frame, literal, message, settings)
from support.hostile import BODY, STREAM_EVENTS, bystander  # noqa: F401 (fixtures)
from support.server import SMALL, Server, eventually

HANDSHAKE, IDLE, STALLED, KEEPALIVE, KEEPALIVE_TIMEOUT = 0.4, 1.2, 0.8, 0.6, 0.3
CONNECTIONS_MAX = 30
LIMITS = f"""
limits:
  handshake: {HANDSHAKE * 1000:.0f}ms
  idle: {IDLE * 1000:.0f}ms
  stalled: {STALLED * 1000:.0f}ms
  keepalive: {KEEPALIVE * 1000:.0f}ms
  keepalive_timeout: {KEEPALIVE_TIMEOUT * 1000:.0f}ms
  connections_max: {CONNECTIONS_MAX}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("impatient"), "--loops", "1", configuration=SMALL + LIMITS)
    try:
        yield server.start()
    finally:
        server.stop()


def seconds_until_closed(peer):
    began = time.monotonic()
    goaway = peer.ending()
    return time.monotonic() - began, goaway


def all_taken(peer, parts, pause):
    """Whether all of it, each part that many seconds after the one before, was sent before the connection ended."""
    for part in parts:
        if not peer.send(part):
            return False
        time.sleep(pause)
    return True


# Callers that stall.

STALLED_BEGINNINGS = {
    "nothing": b"",
    "half a preface": PREFACE[:10],
    "preface without SETTINGS": PREFACE,
    "half a frame header": PREFACE + settings()[:5],
}


@pytest.mark.parametrize("fault", STALLED_BEGINNINGS)
def test_connection_that_does_not_begin_is_closed(server, bystander, fault):
    with bystander.watching(), Peer(server.grpc_address, STALLED_BEGINNINGS[fault]) as peer:
        seconds, _ = seconds_until_closed(peer)
    assert seconds >= HANDSHAKE * 0.9


def test_preface_byte_by_byte_does_not_gain_time(server, bystander):
    began = time.monotonic()
    with bystander.watching(), Peer(server.grpc_address, b"") as peer:
        assert not all_taken(peer, [bytes((byte,)) for byte in PREFACE], pause=0.1)
        peer.ending()
    assert time.monotonic() - began >= HANDSHAKE * 0.9


def test_header_block_that_does_not_end_closes_the_connection(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        assert peer.ask(BODY).status == 0
        peer.send(frame(HEADERS, 3, peer.head()))
        seconds, _ = seconds_until_closed(peer)
    assert seconds >= HANDSHAKE * 0.9


def test_half_a_headers_frame_closes_the_connection(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        assert peer.ask(BODY).status == 0
        peer.send(frame(HEADERS, 3, peer.head(), END_HEADERS)[:-3])
        seconds, _ = seconds_until_closed(peer)
    assert seconds >= HANDSHAKE * 0.9


def test_continuations_one_by_one_do_not_gain_time(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        peer.send(frame(HEADERS, 1, peer.head()))
        assert not all_taken(peer, [frame(CONTINUATION, 1, literal("x-more", "v"))] * 7, pause=0.3)
        peer.ending()


@pytest.mark.parametrize("trailer", [("X-Upper", "v"), (":path", "/")])
def test_bad_trailers_do_not_count_as_a_stalled_header_block(server, trailer):
    with Peer(server.grpc_address) as peer:
        peer.send(peer.request(BODY, end=False),
                  frame(HEADERS, 1, peer.encoder.encode([trailer]), END_HEADERS | END_STREAM))
        assert peer.answer(1).reset is not None
        time.sleep(HANDSHAKE * 1.5)
        assert peer.ask(BODY).status == 0


def test_idle_connection_is_told_and_closed(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        assert peer.ask(BODY).status == 0
        seconds, goaway = seconds_until_closed(peer)
    assert seconds >= IDLE * 0.9 and goaway.code == NO_ERROR


def test_request_that_does_not_come_is_given_up(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        peer.send(peer.request(BODY[:-1], end=False))
        answer = peer.answer(1)
        assert answer.status == 1 and "did not come" in answer.text
        assert peer.ask(BODY).status == 0


def test_silent_caller_is_asked_whether_it_lives_and_then_closed(server, bystander):
    with bystander.watching(), Peer(server.grpc_address) as peer:
        peer.send(peer.request(path=STREAM_EVENTS, end=False))
        seconds, goaway = seconds_until_closed(peer)
        assert any(one.kind == PING for one in peer.frames)
    assert seconds >= (KEEPALIVE + KEEPALIVE_TIMEOUT) * 0.9 and goaway is None


def test_silent_caller_that_answers_lives_on(server):
    with Peer(server.grpc_address) as peer:
        peer.send(peer.request(path=STREAM_EVENTS, end=False))
        for count in range(1, 4):
            pings = []
            while len(pings) < count:
                assert not peer.is_closed
                peer.wait()
                pings = [one for one in peer.frames if one.kind == PING]
            peer.send(frame(PING, 0, pings[-1].payload, ACK))
        peer.send(frame(DATA, 1, b"", END_STREAM))
        assert peer.answer(1).status == 0


@pytest.fixture
def tls(new_server, authority):
    certificate, key = authority.issue("server")
    server = new_server("--loops", "1", configuration=SMALL + LIMITS, environment={
        "AVAILABILITY_TLS_CERTIFICATE": str(certificate), "AVAILABILITY_TLS_PRIVATE_KEY": str(key)}).start()
    bystander = Bystander(server.grpc_address, server.process.pid, authority=authority.certificate)
    yield server, bystander
    bystander.close()


def client_hello(authority):
    """What a TLS client says first."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()


def test_tls_handshake_that_stalls_is_closed(tls, authority):
    server, bystander = tls
    hello = client_hello(authority)
    # Nothing; a part; the whole, with the answer never answered.
    for opening in (b"", hello[:3], hello[:-10], hello):
        with bystander.watching():
            with Peer(server.grpc_address, b"") as peer:
                peer.socket.sendall(opening)
                began = time.monotonic()
                while peer.socket.recv(65_536):
                    pass
        assert time.monotonic() - began >= HANDSHAKE * 0.9


def test_garbage_instead_of_tls_is_closed(tls):
    server, bystander = tls
    for opening in (b"GET / HTTP/1.1\r\n\r\n", PREFACE + settings(), bytes(100), b"\x16\x03\x01\xff\xff" + bytes(70_000)):
        with bystander.watching(), socket.create_connection(server.grpc_address.split(":"), timeout=PATIENCE) as raw:
            try:
                raw.sendall(opening)
                while raw.recv(65_536):
                    pass
            except ConnectionError:
                pass


# Callers that do not read.

def many_lines(count):
    """A check of 100 skus has an answer of some kilobytes."""
    line = b"\x12\x12\x0a\x10" + b"UNKNOWN-SKU-0001"
    return message(b"\x0a\x03web" + line * count)


def test_replies_that_nobody_takes_are_given_up(server, bystander):
    # The windows stay shut: every reply waits on its stream, none longer than the limit. Over a hundred such streams
    # would end the connection (`ownResetsMax`).
    with bystander.watching(), Peer(server.grpc_address, PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as peer:
        peer.send(*(peer.request(many_lines(100)) for _ in range(90)))
        answers = [peer.answer(stream) for stream in range(1, 180, 2)]
        assert {answer.reset for answer in answers} == {CANCEL}
        assert {answer.body for answer in answers} == {b""}


def test_connection_that_takes_no_bytes_is_closed(server, bystander):
    peer = Peer(server.grpc_address, b"")
    with peer, bystander.watching():
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.socket.sendall(WIDE_OPENING)
        requests = b"".join(peer.request(many_lines(100)) for _ in range(4_000))
        sent = peer.send_unread(requests, seconds=STALLED * 2)
        # The server stopped reading when its own bytes were not taken: most of it never went.
        assert sent < len(requests)
        seconds_until_closed(peer)


def test_stream_of_replies_keeps_64_kib_for_a_slow_reader(echo_server):
    harness, bystander = echo_server
    text = message(b"1000 50000")
    streams = 100
    # For each stream: what may wait, the message that went over it, and the slot's own buffers.
    bound = streams * (64 + 2 * 50 + 32) * 1_024 + 4 * MEBIBYTE
    with bystander.watching(bound), Peer(harness.target, PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as peer:
        peer.send(*(peer.request(text, path="/test.Echo/ServerStream") for _ in range(streams)))
        answers = [peer.answer(stream) for stream in range(1, 2 * streams, 2)]
        assert {answer.status for answer in answers} == {8}
        assert all("does not take" in answer.text for answer in answers)


def test_replies_of_one_connection_are_bounded_whatever_the_application_sends(echo_server):
    harness, bystander = echo_server
    # 200 streams that ignore back pressure, 7 MB each: below what one stream may have waiting.
    text = message(b"70 100000 regardless")
    with bystander.watching(160 * MEBIBYTE), Peer(harness.target, PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) as peer:
        peer.send(*(peer.request(text, path="/test.Echo/ServerStream") for _ in range(200)))
        answers = [peer.answer(stream) for stream in range(1, 400, 2)]
        # Some replies wait for the caller until its time is up; the others are refused.
        refused = [answer for answer in answers if "too many reply bytes" in answer.text]
        assert {answer.status for answer in refused} == {8} and len(refused) >= 180


def test_data_beyond_the_window_ends_that_stream_alone(echo_server):
    harness, bystander = echo_server
    # The application pauses after each message, and the window of 256 KiB is not given back meanwhile.
    with bystander.watching(), Peer(harness.target) as peer:
        peer.send(peer.request(path="/test.Echo/SlowReader", end=False), frame(DATA, 1, message(bytes(16_000))) * 40)
        assert peer.answer(1).reset == FLOW_CONTROL_ERROR
        assert peer.ask(message(b"x"), path="/test.Echo/Inline").status == 0


@pytest.fixture
def echo_server():
    from test_wire import Harness
    harness = Harness("--loops", "1", "--stalled", "700")
    bystander = Bystander(harness.target, harness.process.pid, path="/test.Echo/Inline")
    yield harness, bystander
    bystander.close()
    assert harness.stop() == 0


# Callers that are too many.

def test_connections_over_the_limit_are_closed_and_taken_again_later(server, bystander):
    with bystander.watching():
        # The bystander has one of the places.
        peers = [Peer(server.grpc_address) for _ in range(CONNECTIONS_MAX + 10)]
        asked = [peer.ask(BODY).status for peer in peers[:CONNECTIONS_MAX - 1]]
        assert asked == [0] * (CONNECTIONS_MAX - 1)
        for peer in peers[CONNECTIONS_MAX - 1:]:
            assert peer.ending() is None
        assert peers[0].ask(BODY).status == 0
        for peer in peers:
            peer.socket.close()

        def is_taken():
            with Peer(server.grpc_address) as peer:
                return peer.ask(BODY).status == 0
        eventually(is_taken, "a connection after others have gone")


def test_calls_over_the_limit_in_flight_are_refused_and_counted_out(new_server):
    # Two loops, one call at a time: they get in each other's way now and then, the more so when
    # they read from the store, and a place taken is given back.
    policy = "{sourcing: [WH1], throttle: {calls_in_flight_max: 1}}"
    server = new_server(
        "--loops", "2", "--hot-table-enabled", "false",
        configuration=SMALL.replace("{sourcing: [WH1, WH2, WH3, WH4], buffer: 2}", policy))
    server.start()
    peers = [Peer(server.grpc_address, WIDE_OPENING) for _ in range(8)]
    statuses, question = [], many_lines(1_000)
    for _ in range(200):
        for peer in peers:
            peer.send(*(peer.request(question) for _ in range(20)))
        for peer in peers:
            statuses += [peer.answer(stream).status for stream in range(peer.last_stream - 38, peer.next_stream, 2)]
            peer.frames.clear()
        if 8 in statuses:
            break
    assert set(statuses) == {0, 8}
    assert peers[0].ask(BODY).status == 0
    for peer in peers:
        peer.socket.close()


def test_exhausted_descriptors_neither_spin_nor_last(new_server):
    server = new_server("--loops", "1").start()
    pid = server.process.pid
    bystander = Bystander(server.grpc_address, pid)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    peers = []
    try:
        with bystander.watching():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 5, hard))
            peers = [Peer(server.grpc_address) for _ in range(40)]
            time.sleep(0.2)
            before = processor_seconds(pid)
            time.sleep(1)
            spent = processor_seconds(pid) - before
        # The bystander's questions are part of it; a spinning loop would take the whole second.
        assert spent < 0.5
        waiting = [peer for peer in peers if not peer.hears(0.05)]
        assert len(waiting) >= 30
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert all(peer.ask(BODY).status == 0 for peer in waiting)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        bystander.close()
        for peer in peers:
            peer.socket.close()

