"""Hostile HTTP/2 against the real server, frame by frame.

Each fault has its outcome, and meanwhile another connection on the same event loop is answered within 100 ms and the
server's memory stays bounded (`bystander.watching`).
"""
import itertools
import random

import pytest

from support.bystander import MEBIBYTE
from support.frames import (
    ACK, CANCEL, CHECK, COMPRESSION_ERROR, CONTINUATION, DATA, ENABLE_PUSH, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
    NO_ERROR, PADDED, PING, PREFACE, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS,
    STREAM_CLOSED, WINDOW_MAX, WINDOW_UPDATE, WITH_PRIORITY, Peer, frame, literal, message, number, settings)
from support.hostile import BODY, STREAM_EVENTS, bystander, server  # noqa: F401 (fixtures)


@pytest.fixture
def peer(server):
    with Peer(server.grpc_address) as peer:
        yield peer


def calls_started(server, path):
    service, method = path.strip("/").split("/")
    return server.metric("grpc_server_started_total", grpc_service=service, grpc_method=method)


def works(server):
    """A connection opened now is answered."""
    with Peer(server.grpc_address) as peer:
        return peer.ask(BODY).status == 0


# Resets.

@pytest.mark.parametrize("path,body", [(STREAM_EVENTS, None), (CHECK, BODY), (CHECK, None)],
                         ids=["open stream", "whole request", "headers only"])
def test_rapid_reset_ends_the_connection_within_200_resets(server, bystander, peer, path, body):
    before = calls_started(server, path)
    burst = b"".join(peer.request(body, path, end=body is not None)
                     + frame(RST_STREAM, peer.last_stream, number(CANCEL)) for _ in range(5_000))
    with bystander.watching():
        peer.send(burst)
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_resets")
    # The bucket holds 200 and gains 20 a second; the bystander's own calls are checks as well.
    started = calls_started(server, path) - before
    if path != CHECK:
        assert 200 < started <= 300
    assert int.from_bytes(goaway.payload[:4], "big") < 2 * 300


def request_and(payload_of):
    """The frames of one open request, and what `payload_of(peer, stream)` puts after them."""
    def make(peer):
        opened = peer.request(end=False)
        return opened + payload_of(peer, peer.last_stream)
    return make


STREAM_ERRORS = {
    "window overflow": request_and(lambda peer, stream: frame(WINDOW_UPDATE, stream, number(WINDOW_MAX))),
    "content-length too small": lambda peer: peer.request(BODY, more=[("content-length", "1")]),
    "content-length too large": lambda peer: peer.request(BODY, more=[("content-length", "999")]),
    "content-length without a body": lambda peer: peer.request(None, more=[("content-length", "5")]),
    "upper-case name": lambda peer: peer.request(BODY, more=[("X-Upper", "v")]),
    "connection-specific field": lambda peer: peer.request(BODY, more=[("connection", "close")]),
    "te other than trailers": lambda peer: peer.request(BODY, without=["te"], more=[("te", "gzip")]),
    "line break in a value": lambda peer: peer.request(BODY, more=[("x-split", "a\r\nb: c")]),
    "pseudo field twice": lambda peer: peer.request(BODY, more=[(":path", CHECK)]),
    "pseudo field after others": lambda peer: peer.request(BODY, without=[":path"], more=[(":path", CHECK)]),
    "unknown pseudo field": lambda peer: peer.request(BODY, more=[(":odd", "v")]),
    "response pseudo field": lambda peer: peer.request(BODY, more=[(":status", "200")]),
    "no path": lambda peer: peer.request(BODY, without=[":path"]),
    "no method": lambda peer: peer.request(BODY, without=[":method"]),
    "trailers that do not end": request_and(
        lambda peer, stream: frame(HEADERS, stream, peer.encoder.encode([("x-more", "v")]), END_HEADERS)),
    "pseudo field in trailers": request_and(
        lambda peer, stream: frame(HEADERS, stream, peer.encoder.encode([(":path", "/")]), END_HEADERS | END_STREAM)),
}


@pytest.mark.parametrize("fault", STREAM_ERRORS)
def test_resets_that_a_caller_makes_us_send_are_bounded(server, bystander, peer, fault):
    burst = b"".join(STREAM_ERRORS[fault](peer) for _ in range(1_000))
    with bystander.watching():
        peer.send(burst)
        goaway = peer.ending()
    # The bucket holds 100 and gains 10 a second.
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_resets")
    assert len(peer.resets()) <= 130
    # What one read brings is bounded by the streams that may be open.
    assert 2 * 100 <= int.from_bytes(goaway.payload[:4], "big") < 2 * 257


@pytest.mark.parametrize("fault", STREAM_ERRORS)
def test_one_stream_error_ends_that_stream_alone(server, peer, fault):
    peer.send(STREAM_ERRORS[fault](peer))
    assert peer.answer(peer.last_stream).reset in (PROTOCOL_ERROR, FLOW_CONTROL_ERROR)
    assert peer.ask(BODY).status == 0


def test_streams_beyond_the_limit_are_refused(server, bystander, peer):
    with bystander.watching():
        # The server's SETTINGS are not acknowledged: it must bear what was sent before they were seen.
        peer.send(*(peer.request(end=False, path=STREAM_EVENTS) for _ in range(300)))
        refused = [peer.answer(stream).reset for stream in range(2 * 256 + 1, 2 * 300, 2)]
    assert refused == [REFUSED_STREAM] * 44


# Floods.

def test_continuation_flood_ends_the_connection_by_the_ninth_frame(server, bystander, peer):
    block = peer.head()
    frames = [frame(HEADERS, 1, block)] + [frame(CONTINUATION, 1, literal("x-more", "v" * 100))] * 5_000
    with bystander.watching():
        peer.send(*frames)
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_continuations")


@pytest.mark.parametrize("count,is_taken", [(8, True), (9, False)])
def test_eight_continuations_are_taken(peer, count, is_taken):
    peer.send(frame(HEADERS, peer.open(), peer.head(), END_STREAM), *[frame(CONTINUATION, 1)] * (count - 1),
              frame(CONTINUATION, 1, b"", END_HEADERS))
    if is_taken:
        assert peer.answer(1).status == 12
    else:
        assert peer.ending().code == ENHANCE_YOUR_CALM


def test_third_early_ping_is_too_many(server, bystander, peer):
    with bystander.watching():
        for count in range(3):
            peer.send(frame(PING, 0, number(count) * 2))
        while sum(one.kind == PING for one in peer.frames) < 3:
            peer.wait()
        peer.send(frame(PING, 0, bytes(8)))
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_pings")


def test_pings_beside_calls_are_welcome(peer):
    for _ in range(50):
        peer.send(frame(PING, 0, bytes(8)))
        assert peer.ask(BODY).status == 0


FLOODS = {
    "SETTINGS": lambda peer: settings((INITIAL_WINDOW_SIZE, 65_535)),
    "PRIORITY": lambda peer: frame(PRIORITY, 99, number(0) + b"\x0f"),
    "WINDOW_UPDATE of the connection": lambda peer: frame(WINDOW_UPDATE, 0, number(1)),
    "WINDOW_UPDATE of a stream": lambda peer: frame(WINDOW_UPDATE, 1, number(1)),
    "unknown frames": lambda peer: frame(0xEE, 0, b"what is this"),
    "RST_STREAM of closed streams": lambda peer: frame(RST_STREAM, 1, number(CANCEL)),
    "PING acknowledgements": lambda peer: frame(PING, 0, bytes(8), ACK),
}


@pytest.mark.parametrize("fault", FLOODS)
def test_control_frames_have_a_bucket_of_a_thousand(server, bystander, peer, fault):
    assert peer.ask(BODY).status == 0
    with bystander.watching():
        peer.send(FLOODS[fault](peer) * 900)
        # The thousand is not reached: the connection goes on, and its answers count in its favour.
        assert peer.ask(BODY).status == 0
        peer.send(FLOODS[fault](peer) * 5_000)
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_control_frames")


@pytest.mark.parametrize("one", [settings(), frame(PING, 0, bytes(8))], ids=["SETTINGS", "PING"])
def test_acknowledgements_that_nobody_reads_are_bounded(server, bystander, peer, one):
    with bystander.watching():
        peer.send_unread(one * 200_000, seconds=2)
        goaway = peer.ending()
    assert goaway.code == ENHANCE_YOUR_CALM


EMPTY_DATA = {
    "empty": frame(DATA, 1),
    "padding only": frame(DATA, 1, b"\x07" + bytes(7), PADDED),
    "zero padding": frame(DATA, 1, b"\0", PADDED),
}


@pytest.mark.parametrize("fault", EMPTY_DATA)
def test_the_eleventh_empty_data_frame_ends_the_connection(server, bystander, peer, fault):
    with bystander.watching():
        peer.send(peer.request(path=STREAM_EVENTS, end=False), EMPTY_DATA[fault] * 10, frame(DATA, 1, b"\0"))
        peer.send(EMPTY_DATA[fault] * 10, frame(PING, 0, bytes(8)))
        while not any(one.kind == PING for one in peer.frames):
            peer.wait()
        peer.send(EMPTY_DATA[fault])
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "too_many_empty_frames")


# Stream ids.

@pytest.mark.parametrize("opened,late", [([1, 7], 3), ([1, 7], 5), ([5], 1), ([*range(1, 400, 4)], 3)])
def test_opening_a_skipped_stream_is_a_connection_error(peer, opened, late):
    for stream in opened:
        assert peer.ask(BODY, stream=stream).status == 0
    peer.send(peer.request(BODY, stream=late))
    assert peer.ending().code == PROTOCOL_ERROR


def test_trailers_of_an_open_stream_are_not_out_of_order(peer):
    peer.send(peer.request(BODY, stream=3, end=False))
    assert peer.ask(BODY, stream=9).status == 0
    peer.send(frame(HEADERS, 3, peer.encoder.encode([("x-trailer", "v")]), END_HEADERS | END_STREAM))
    assert peer.answer(3).status == 0


# Header bombs.

def fields(count, size):
    return [(f"x-{index}", "v" * size) for index in range(count)]


@pytest.mark.parametrize("more", [fields(1, 9_000), fields(101, 1), fields(2, 30_000), fields(1_000, 20)],
                         ids=["one too long", "101 fields", "60 KB", "1,000 fields"])
def test_header_bombs_are_refused_and_the_table_survives(server, bystander, peer, more):
    # The fields go into the peer's table, so that the next request only decodes if the server kept up.
    with bystander.watching(MEBIBYTE):
        block = peer.head(more=more)
        stream = peer.open()
        pieces = [block[start:start + 16_000] for start in range(0, len(block), 16_000)]
        kinds = itertools.chain([HEADERS], itertools.repeat(CONTINUATION))
        for index, (kind, piece) in enumerate(zip(kinds, pieces)):
            flags = (END_STREAM if kind == HEADERS else 0) | (END_HEADERS if index == len(pieces) - 1 else 0)
            peer.send(frame(kind, stream, piece, flags))
        answer = peer.answer(stream)
        assert answer.status == 8 and "headers" in answer.text
        assert peer.ask(BODY, more=[("x-kept", "v")]).status == 0
        assert peer.ask(BODY, more=[("x-kept", "v")]).status == 0


def test_header_list_just_within_the_limits_is_taken(peer):
    # Six fields of the request itself; each field counts 32 beside its bytes.
    assert peer.ask(BODY, more=fields(94, 1)).status == 0
    assert peer.ask(BODY, more=fields(1, 7_500)).status == 0


def test_table_bomb_is_not_unpacked(server, bystander, peer):
    # One entry that fills the table, then one byte for each repetition: 64 MB of header list in one frame.
    entry = b"\x40\x01x" + b"\x7f\xc1\x1e" + b"v" * 4_032
    with bystander.watching(MEBIBYTE):
        block = peer.head() + entry + b"\xbe" * 12_000
        peer.send(frame(HEADERS, peer.open(), block, END_HEADERS | END_STREAM))
        goaway = peer.ending()
    assert (goaway.code, goaway.reason) == (ENHANCE_YOUR_CALM, "header_list_too_large")


TABLE_ABUSE = {
    "index beyond the table": b"\xff\xff\x03",
    "table size over what was agreed": b"\x3f\xe1\xff\x03",
    "table size after a field": b"\x82\x20",
    "integer that never ends": b"\xff" + b"\xff" * 20,
    "string longer than the block": b"\x40\x7f\xff\xff\xff\x07",
    "bad Huffman code": b"\x40\x84\xff\xff\xff\xff\x01v",
    "index zero": b"\x80",
}


@pytest.mark.parametrize("fault", TABLE_ABUSE)
def test_header_compression_errors_end_the_connection(bystander, peer, fault):
    with bystander.watching():
        peer.send(frame(HEADERS, 1, TABLE_ABUSE[fault], END_HEADERS | END_STREAM))
        assert peer.ending().code == COMPRESSION_ERROR


def test_our_table_does_not_grow_with_what_the_caller_offers(bystander, server):
    with bystander.watching(MEBIBYTE), Peer(server.grpc_address) as peer:
        for size in [WINDOW_MAX, 0, 4_096] * 30:
            peer.decoder.max_allowed_table_size = 1 << 16
            peer.send(settings((HEADER_TABLE_SIZE, size)))
            assert peer.ask(BODY).status == 0


# Framing violations (RFC 9113).

VIOLATIONS = {
    "frame over the maximum size": (frame(DATA, 1, bytes(16_385)), FRAME_SIZE_ERROR),
    "frame of 16 MB announced": (frame(HEADERS, 1, b"", END_HEADERS, length=(1 << 24) - 1), FRAME_SIZE_ERROR),
    "DATA on stream 0": (frame(DATA, 0, b"x"), PROTOCOL_ERROR),
    "DATA on an idle stream": (frame(DATA, 9, b"x"), PROTOCOL_ERROR),
    "DATA padded beyond its length": (frame(DATA, 1, b"\x05ab", PADDED), PROTOCOL_ERROR),
    "DATA padded without the length": (frame(DATA, 1, b"", PADDED), PROTOCOL_ERROR),
    "HEADERS on stream 0": (frame(HEADERS, 0, literal("x", "y"), END_HEADERS), PROTOCOL_ERROR),
    "HEADERS on an even stream": (frame(HEADERS, 2, literal("x", "y"), END_HEADERS), PROTOCOL_ERROR),
    "HEADERS padded beyond its length": (frame(HEADERS, 3, b"\xff\x82", END_HEADERS | PADDED), PROTOCOL_ERROR),
    "HEADERS too short for its priority": (frame(HEADERS, 3, b"\0\0", END_HEADERS | WITH_PRIORITY), FRAME_SIZE_ERROR),
    "HEADERS that depends on itself": (
        frame(HEADERS, 3, number(3) + b"\0\x82", END_HEADERS | WITH_PRIORITY), PROTOCOL_ERROR),
    "HEADERS interrupted by DATA": (frame(HEADERS, 3, b"\x82") + frame(DATA, 1, b"x"), PROTOCOL_ERROR),
    "HEADERS interrupted by another stream": (
        frame(HEADERS, 3, b"\x82") + frame(CONTINUATION, 5, b"\x82", END_HEADERS), PROTOCOL_ERROR),
    "HEADERS interrupted by an unknown frame": (frame(HEADERS, 3, b"\x82") + frame(0xEE, 0), PROTOCOL_ERROR),
    "CONTINUATION of nothing": (frame(CONTINUATION, 1, b"\x82", END_HEADERS), PROTOCOL_ERROR),
    "CONTINUATION on stream 0": (frame(CONTINUATION, 0, b"\x82", END_HEADERS), PROTOCOL_ERROR),
    "PRIORITY on stream 0": (frame(PRIORITY, 0, number(1) + b"\0"), PROTOCOL_ERROR),
    "PRIORITY of four bytes": (frame(PRIORITY, 3, number(1)), FRAME_SIZE_ERROR),
    "RST_STREAM on stream 0": (frame(RST_STREAM, 0, number(CANCEL)), PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (frame(RST_STREAM, 9, number(CANCEL)), PROTOCOL_ERROR),
    "RST_STREAM of three bytes": (frame(RST_STREAM, 1, b"\0\0\0"), FRAME_SIZE_ERROR),
    "SETTINGS on a stream": (frame(SETTINGS, 1), PROTOCOL_ERROR),
    "SETTINGS of five bytes": (frame(SETTINGS, 0, bytes(5)), FRAME_SIZE_ERROR),
    "SETTINGS acknowledgement with content": (frame(SETTINGS, 0, bytes(6), ACK), FRAME_SIZE_ERROR),
    "ENABLE_PUSH of two": (settings((ENABLE_PUSH, 2)), PROTOCOL_ERROR),
    "INITIAL_WINDOW_SIZE over the maximum": (settings((INITIAL_WINDOW_SIZE, WINDOW_MAX + 1)), FLOW_CONTROL_ERROR),
    "MAX_FRAME_SIZE below the minimum": (settings((MAX_FRAME_SIZE, 16_383)), PROTOCOL_ERROR),
    "MAX_FRAME_SIZE over the maximum": (settings((MAX_FRAME_SIZE, 1 << 24)), PROTOCOL_ERROR),
    "PUSH_PROMISE from a client": (
        frame(PUSH_PROMISE, 1, number(2) + literal("x", "y"), END_HEADERS), PROTOCOL_ERROR),
    "PING on a stream": (frame(PING, 1, bytes(8)), PROTOCOL_ERROR),
    "PING of seven bytes": (frame(PING, 0, bytes(7)), FRAME_SIZE_ERROR),
    "GOAWAY on a stream": (frame(GOAWAY, 1, bytes(8)), PROTOCOL_ERROR),
    "GOAWAY of seven bytes": (frame(GOAWAY, 0, bytes(7)), FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of zero": (frame(WINDOW_UPDATE, 0, number(0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE of zero on a stream": (frame(WINDOW_UPDATE, 1, number(0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE that overflows": (frame(WINDOW_UPDATE, 0, number(WINDOW_MAX)), FLOW_CONTROL_ERROR),
    "WINDOW_UPDATE on an idle stream": (frame(WINDOW_UPDATE, 9, number(1)), PROTOCOL_ERROR),
    "WINDOW_UPDATE of three bytes": (frame(WINDOW_UPDATE, 0, bytes(3)), FRAME_SIZE_ERROR),
}


@pytest.mark.parametrize("fault", VIOLATIONS)
def test_framing_violation_ends_the_connection_and_nothing_else(server, bystander, peer, fault):
    frames, code = VIOLATIONS[fault]
    before = server.metric("availability_protocol_errors_total")
    with bystander.watching(MEBIBYTE):
        peer.send(peer.request(path=STREAM_EVENTS, end=False), frames)
        goaway = peer.ending()
    assert goaway is not None and goaway.code == code
    assert server.metric("availability_protocol_errors_total") > before


def test_data_after_the_end_of_a_request_ends_the_connection(bystander, peer):
    with bystander.watching():
        # An open reply: the caller's half is closed, ours is not.
        peer.send(peer.request(message(b""), path="/grpc.health.v1.Health/Watch"), frame(DATA, 1, b"x"))
        assert peer.ending().code == STREAM_CLOSED


@pytest.mark.parametrize("opening", [
    b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", bytes(64),
    PREFACE[:-1] + b"x" + settings(), PREFACE + frame(PING, 0, bytes(8)), PREFACE + frame(SETTINGS, 0, b"", ACK),
], ids=["HTTP/1.1", "TLS", "zeroes", "preface with a flaw", "no SETTINGS first", "acknowledgement first"])
def test_what_does_not_begin_as_http2_is_ended(server, bystander, opening):
    with bystander.watching(MEBIBYTE), Peer(server.grpc_address, opening) as peer:
        assert peer.ending().code == PROTOCOL_ERROR


def test_goaway_of_the_caller_lets_its_calls_finish(peer):
    peer.send(peer.request(BODY[:-1], end=False), frame(GOAWAY, 0, bytes(8)), frame(DATA, 1, BODY[-1:], END_STREAM))
    assert peer.answer(1).status == 0


def test_random_frames_hurt_nobody_else(server, bystander, seed):
    source = random.Random(seed)
    with bystander.watching():
        for _ in range(150):
            with Peer(server.grpc_address) as peer:
                peer.send(peer.request(path=STREAM_EVENTS, end=False), b"".join(
                    frame(source.randrange(12), source.choice((0, 1, 1, 3, 4)),
                          source.randbytes(source.choice((0, 4, 5, 6, 8, 30))), source.randrange(64))
                    for _ in range(20)))
    assert works(server)
