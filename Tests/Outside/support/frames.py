"""HTTP/2 frame by frame, without a library that would refuse to send what is wrong (RFC 9113)."""
import select
import socket
import ssl
import time
from dataclasses import dataclass

import hpack

from . import PATIENCE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, \
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW_MAX = (1 << 31) - 1
FRAME_MAX = 16_384
CHECK = "/availability.v1.AvailabilityService/CheckAvailability"


def frame(kind, stream=0, payload=b"", flags=0, length=None):
    """One frame; `length` may lie."""
    count = len(payload) if length is None else length
    return count.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def number(value):
    return value.to_bytes(4, "big")


def settings(*pairs):
    return frame(SETTINGS, 0, b"".join(key.to_bytes(2, "big") + number(value) for key, value in pairs))


def message(body, flag=0, length=None):
    """One gRPC message (PROTOCOL-HTTP2, Length-Prefixed-Message); `length` may lie."""
    return bytes((flag,)) + number(len(body) if length is None else length) + body


def literal(name, value):
    """A header field that leaves the tables alone (RFC 7541 6.2.2), for names and values below 127 bytes."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


# A caller that never holds us back: its windows are as wide as they can be.
WIDE_OPENING = PREFACE + settings((INITIAL_WINDOW_SIZE, WINDOW_MAX)) + frame(
    WINDOW_UPDATE, 0, number(WINDOW_MAX - 65_535))


@dataclass(frozen=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes
    fields: dict

    @property
    def code(self):
        """The error of a RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == GOAWAY else self.payload[:4], "big")

    @property
    def reason(self):
        """A GOAWAY's debug data."""
        return self.payload[8:].decode()


@dataclass
class Answer:
    """One stream as the peer saw it end."""
    headers: dict
    body: bytes = b""
    reset: int | None = None
    is_ended: bool = False

    @property
    def status(self):
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None

    @property
    def text(self):
        return self.headers.get("grpc-message", "")


class Peer:
    """One connection. It acknowledges nothing by itself."""

    def __init__(self, address, opening=PREFACE + settings(), tls=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.frames = []
        self.is_closed = False
        self.next_stream = 1
        self._unread = b""
        self.send(opening)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        """Sends while it reads, so that neither side waits for the other. False when the connection ended first."""
        data = memoryview(b"".join(parts))
        deadline = time.monotonic() + PATIENCE
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLOUT)
        while data and not self.is_closed:
            assert time.monotonic() < deadline, "the server does not read"
            events = sum(found for _, found in poll.poll(1_000))
            if events & ~select.POLLOUT and not isinstance(self.socket, ssl.SSLSocket):
                self._read()
            if events & select.POLLOUT and not self.is_closed:
                try:
                    data = data[self.socket.send(data[:65_536]):]
                except OSError:
                    self.is_closed = True
        return not data

    def send_unread(self, data, seconds):
        """Sends without reading what comes back, until it is gone, refused, or the time is up. How much went."""
        self.socket.settimeout(seconds)
        sent, deadline = 0, time.monotonic() + seconds
        try:
            while sent < len(data) and time.monotonic() < deadline:
                sent += self.socket.send(data[sent:sent + 65_536])
        except OSError:
            pass
        self.socket.settimeout(PATIENCE)
        return sent

    def head(self, path=CHECK, more=(), without=(), **changed):
        """A header block of a gRPC request. `changed` replaces pseudo headers, by names without the colon."""
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "test", "te": "trailers",
                  "content-type": "application/grpc"}
        fields |= {f":{name}": value for name, value in changed.items()}
        kept = [(name, value) for name, value in fields.items() if name not in without]
        return self.encoder.encode(kept + list(more))

    def request(self, body=None, path=CHECK, end=True, stream=None, **head):
        """The frames of a request whose DATA is `body`; its stream is `self.last_stream`."""
        stream = self.open(stream)
        flags = END_HEADERS | (END_STREAM if body is None and end else 0)
        frames = frame(HEADERS, stream, self.head(path, **head), flags)
        if body is None:
            return frames
        last = max(0, len(body) - 1) // FRAME_MAX * FRAME_MAX
        pieces = [frame(DATA, stream, body[start:start + FRAME_MAX]) for start in range(0, last, FRAME_MAX)]
        return frames + b"".join(pieces) + frame(DATA, stream, body[last:], END_STREAM if end else 0)

    def open(self, stream=None):
        """The next stream id, unless one is given."""
        self.last_stream = stream or self.next_stream
        self.next_stream = max(self.next_stream, self.last_stream + 2)
        return self.last_stream

    def ask(self, body, **options):
        """Sends one request and reads its answer."""
        self.send(self.request(body, **options))
        return self.answer(self.last_stream)

    def answer(self, stream):
        """What the server says on one stream; ends with it, with its reset, or with the connection."""
        answer, seen = Answer({}), 0
        while True:
            for one in self.frames[seen:]:
                if one.stream != stream:
                    continue
                answer.headers |= one.fields
                if one.kind == DATA:
                    answer.body += one.payload
                if one.kind == RST_STREAM:
                    answer.reset = one.code
                    return answer
                if one.kind in (DATA, HEADERS) and one.flags & END_STREAM:
                    answer.is_ended = True
                    return answer
            seen = len(self.frames)
            if self.is_closed:
                return answer
            self.wait()

    def wait(self):
        """Reads once."""
        assert self.hears(PATIENCE), "the server says nothing"

    def ending(self):
        """Reads until the server ends the connection: its last GOAWAY, or nothing."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_closed:
            assert time.monotonic() < deadline, "the server does not end the connection"
            self.hears(1)
        return next((one for one in reversed(self.frames) if one.kind == GOAWAY), None)

    def goaway(self):
        """Reads until a GOAWAY with an error comes, or the connection ends; the error's code, or nothing."""
        while not (self.is_closed or any(one.kind == GOAWAY for one in self.frames)):
            self.wait()
        return next((one.code for one in self.frames if one.kind == GOAWAY), None)

    def resets(self):
        return [one for one in self.frames if one.kind == RST_STREAM and one.code != NO_ERROR]

    def hears(self, seconds):
        """Reads once, if something comes within the time; whether it did, the connection's end included."""
        self.socket.settimeout(seconds)
        try:
            return self._read()
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def _read(self):
        try:
            received = self.socket.recv(1 << 20)
        except ConnectionError:
            received = b""
        if not received:
            self.is_closed = True
            return True
        unread, start = self._unread + received, 0
        while len(unread) >= start + 9:
            end = start + 9 + int.from_bytes(unread[start:start + 3], "big")
            if len(unread) < end:
                break
            kind, flags = unread[start + 3], unread[start + 4]
            stream, payload = int.from_bytes(unread[start + 5:start + 9], "big"), unread[start + 9:end]
            # Every header block is decoded, in order, or the table would be lost.
            fields = dict(self.decoder.decode(payload)) if kind == HEADERS else {}
            self.frames.append(Frame(kind, flags, stream, payload, fields))
            start = end
        self._unread = unread[start:]
        return True
