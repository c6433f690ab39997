"""The long forms of the hostile-wire tests: the limits of time as they are in the field, floods of a hundred thousand
frames, ten thousand connections. `make torture` runs them."""
import random
import resource
import time

import pytest

from support.bystander import MEBIBYTE, Bystander, anonymous_bytes
from support.frames import (
    CANCEL, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE, NO_ERROR, PREFACE, RST_STREAM, Peer, frame, message, number,
    settings)
from support.hostile import BODY, STREAM_EVENTS, bystander, server  # noqa: F401 (fixtures)
from test_hostile_http2 import FLOODS, STREAM_ERRORS
from test_wire import Harness

ROUNDS = 100


def rapid_reset(peer):
    return peer.request(path=STREAM_EVENTS, end=False) + frame(RST_STREAM, peer.last_stream, number(CANCEL))


ALL_FLOODS = {
    **{name: (lambda peer, make=make: make(peer) * 100_000) for name, make in FLOODS.items()},
    **{name: (lambda peer, make=make: b"".join(make(peer) for _ in range(2_000)))
       for name, make in {**STREAM_ERRORS, "rapid reset": rapid_reset}.items()},
}


@pytest.mark.parametrize("fault", ALL_FLOODS)
def test_flood_again_and_again_leaves_nothing_behind(server, bystander, fault):
    with bystander.watching(16 * MEBIBYTE):
        for _ in range(ROUNDS):
            with Peer(server.grpc_address) as peer:
                assert peer.ask(BODY).status == 0
                peer.send(ALL_FLOODS[fault](peer))
                goaway = peer.ending()
                # A flood that goes on behind its GOAWAY may lose it: the connection is closed under it.
                assert goaway is None or goaway.code == ENHANCE_YOUR_CALM


@pytest.mark.parametrize("length", [1, 5, 30, 300])
def test_random_frames_for_long(server, bystander, seed, length):
    source = random.Random(seed)
    with bystander.watching(16 * MEBIBYTE):
        for _ in range(1_500):
            with Peer(server.grpc_address) as peer:
                peer.send(peer.request(path=STREAM_EVENTS, end=False), b"".join(
                    frame(source.randrange(12), source.choice((0, 1, 1, 3, 4)),
                          source.randbytes(source.choice((0, 4, 5, 6, 8, 30))), source.randrange(64))
                    for _ in range(length)))


def test_limits_of_time_are_as_stated(server, bystander):
    # All wait at the same time: ten seconds to begin and for a header block, thirty for a reply, five minutes of idling.
    address = server.grpc_address
    idle = Peer(address)
    assert idle.ask(BODY).status == 0
    half_head = Peer(address)
    half_head.send(frame(HEADERS, 1, half_head.head()))
    shut = Peer(address, PREFACE + settings((INITIAL_WINDOW_SIZE, 0)))
    shut.send(shut.request(BODY))
    absent = Peer(address)
    absent.send(absent.request(BODY[:-1], end=False))
    began = time.monotonic()
    with bystander.watching():
        for peer, wanted in ((Peer(address, b""), 10), (Peer(address, PREFACE[:9]), 10), (half_head, 10)):
            while not peer.is_closed:
                peer.hears(1)
            assert wanted - 1 <= time.monotonic() - began <= wanted + 5
        for peer, check in ((shut, lambda answer: answer.reset == CANCEL), (absent, lambda answer: answer.status == 1)):
            assert check(peer.answer(1))
            assert 29 <= time.monotonic() - began <= 30 + 10
        while not idle.is_closed:
            assert time.monotonic() - began < 320
            idle.hears(1)
        assert 299 <= time.monotonic() - began
        assert next(one for one in idle.frames if one.kind == 7).code == NO_ERROR


def test_ten_thousand_connections_and_one_more(new_server):
    count = 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count + 500, "this user may not open so many descriptors: ulimit -Hn"
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, hard))
    server = new_server("--loops", "1").start()
    pid = server.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count + 500, hard))
    bystander = Bystander(server.grpc_address, pid)
    before = anonymous_bytes(pid)
    peers = []
    try:
        with bystander.watching(200 * MEBIBYTE):
            for _ in range(count - 1):
                peers.append(Peer(server.grpc_address))
            assert all(peer.ask(BODY).status == 0 for peer in peers)
            with Peer(server.grpc_address) as late:
                assert late.ending() is None
        print(f"{(anonymous_bytes(pid) - before) / count:.0f} bytes for each connection")
    finally:
        bystander.close()
        for peer in peers:
            peer.socket.close()


def test_slow_readers_by_the_hundred_stay_bounded():
    harness = Harness("--loops", "1", "--stalled", "3000")
    bystander = Bystander(harness.target, harness.process.pid, path="/test.Echo/Inline")
    streams, connections = 200, 20
    bound = connections * streams * (64 + 2 * 50 + 32) * 1_024
    try:
        with bystander.watching(bound):
            peers = [Peer(harness.target, PREFACE + settings((INITIAL_WINDOW_SIZE, 0))) for _ in range(connections)]
            for peer in peers:
                peer.send(*(peer.request(message(b"1000 50000"), path="/test.Echo/ServerStream")
                            for _ in range(streams)))
            for peer in peers:
                assert {peer.answer(stream).status for stream in range(1, 2 * streams, 2)} == {8}
                peer.socket.close()
    finally:
        bystander.close()
        assert harness.stop() == 0
