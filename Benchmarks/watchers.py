"""A caller that opens thousands of WatchAvailability streams, and one that publishes at a rate: HTTP/2 by hand, since a
gRPC library would be what is measured. As a program it is one of the two, told by its arguments; it prints JSON lines.

    watchers.py watch PORT WATCHERS LINES SKUS SEED     then reads commands: `reset`, `report`, `wait N AVAILABLE`
    watchers.py publish PORT RATE SECONDS SKUS FIRST    CYCLE_COUNTs, one a message, all on one stream

Stdlib only.
"""
import json
import random
import select
import socket
import sys
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
WINDOW_MAX = (1 << 31) - 1
STREAMS_PER_CONNECTION = 250
CYCLE_COUNT = 8


# Protobuf and HPACK, as far as it takes.

def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(field, value):
    data = value if isinstance(value, bytes) else value.encode()
    return bytes((field << 3 | 2,)) + varint(len(data)) + data


def integer(field, value):
    return bytes((field << 3,)) + varint(value)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of each field: integers and bytes."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        yield tag >> 3, value


def literal(name, value):
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def frame(kind, stream, payload, flags=0):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def message(body):
    return b"\0" + len(body).to_bytes(4, "big") + body


class Connection:
    """One HTTP/2 connection with windows as wide as they can be."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.streams = 0
        # What the peer takes of each stream, and in all (stream 0), in bytes: RFC 9113, section 5.2.
        self.windows = {0: 65_535}
        self.stream_window = 65_535
        self.rest = b""
        self.partial = {}
        self.socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + frame(SETTINGS, 0, (4).to_bytes(2, "big") + WINDOW_MAX.to_bytes(4, "big"))
            + frame(WINDOW_UPDATE, 0, (WINDOW_MAX - 65_535).to_bytes(4, "big")))

    def open(self, method, body=None):
        """Opens a call; with its one message, or for several with `send`."""
        stream = 2 * self.streams + 1
        self.streams += 1
        headers = b"\x83\x86" + literal(":path", f"/availability.v1.{method}") + literal(":authority", "bench") + literal(
            "content-type", "application/grpc") + literal("te", "trailers")
        data = frame(HEADERS, stream, headers, 4)
        if body is not None:
            data += frame(DATA, stream, message(body), 1)
        self.socket.sendall(data)
        self.windows[stream] = self.stream_window
        return stream

    def send(self, stream, body):
        self.socket.sendall(frame(DATA, stream, message(body)))

    def receive(self):
        """(stream, message) of each whole message that has come."""
        received = self.socket.recv(1 << 18)
        if not received:
            raise SystemExit("the server closed a connection")
        data, at = self.rest + received, 0
        while len(data) - at >= 9:
            length = int.from_bytes(data[at:at + 3], "big")
            if len(data) - at < 9 + length:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5:at + 9], "big")
            payload = data[at + 9:at + 9 + length]
            at += 9 + length
            if kind == DATA:
                yield from self.messages(stream, payload)
            elif kind in (RST_STREAM, GOAWAY) or kind == HEADERS and flags & 1:
                raise SystemExit(f"stream {stream} ended: frame {kind} {payload!r}")
            elif kind == WINDOW_UPDATE:
                self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
            elif kind in (SETTINGS, PING) and not flags & 1:
                self.take_settings(payload if kind == SETTINGS else b"")
                self.socket.sendall(frame(kind, 0, payload if kind == PING else b"", 1))
        self.rest = data[at:]

    def take_settings(self, payload):
        for at in range(0, len(payload), 6):
            value = int.from_bytes(payload[at + 2:at + 6], "big")
            if payload[at:at + 2] == b"\x00\x04":
                for stream in self.windows.keys() - {0}:
                    self.windows[stream] += value - self.stream_window
                self.stream_window = value

    def takes(self, stream, size):
        """Whether the peer takes so many bytes more; then they count as sent."""
        if min(self.windows[0], self.windows[stream]) < size:
            return False
        self.windows[0] -= size
        self.windows[stream] -= size
        return True

    def messages(self, stream, payload):
        data = self.partial.pop(stream, b"") + payload
        at = 0
        while len(data) - at >= 5:
            length = int.from_bytes(data[at + 1:at + 5], "big")
            if len(data) - at < 5 + length:
                break
            yield stream, data[at + 5:at + 5 + length]
            at += 5 + length
        if at < len(data):
            self.partial[stream] = data[at:]


# The two callers.

def sku(number):
    return f"SKU-{number:07d}"


def asked(skus):
    return text(1, "web") + b"".join(text(2, text(1, sku(number))) for number in skus)


def watch(port, watchers, lines, skus, seed):
    """Sku 0 is watched by all, so that one event reaches everybody."""
    choose = random.Random(seed)
    deal = list(range(1, skus))
    choose.shuffle(deal)
    connections, order = [], iter(deal)
    ended = 0
    poll = select.epoll()
    by_descriptor = {}
    began = time.monotonic()
    for number in range(watchers):
        if number % STREAMS_PER_CONNECTION == 0:
            connections.append(Connection(port))
            by_descriptor[connections[-1].socket.fileno()] = connections[-1]
            poll.register(connections[-1].socket, select.EPOLLIN)
        mine = [0]
        while len(mine) < lines:
            one = next(order, None)
            if one is None:
                order = iter(deal)
                continue
            mine.append(one)
        connections[-1].open("AvailabilityService/WatchAvailability", asked(mine))
        if number % 50 == 49:
            for descriptor, _ in poll.poll(0):
                ended += sum(dict(fields(body)).get(5) == 2 for _, body in by_descriptor[descriptor].receive())
    while ended < watchers:
        for descriptor, _ in poll.poll():
            ended += sum(dict(fields(body)).get(5) == 2 for _, body in by_descriptor[descriptor].receive())
    print(json.dumps({"snapshot_seconds": time.monotonic() - began}), flush=True)
    follow(poll, by_descriptor)


def follow(poll, by_descriptor):
    poll.register(sys.stdin, select.EPOLLIN)
    times, messages, waited = {}, 0, None
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == sys.stdin.fileno():
                words = sys.stdin.readline().split()
                if not words:
                    return
                if words[0] == "report":
                    print(json.dumps({"times": times, "messages": messages}), flush=True)
                elif words[0] == "wait":
                    waited = [int(words[1]), int(words[2])]
                times, messages = {}, 0
                continue
            for _, body in by_descriptor[descriptor].receive():
                now = time.monotonic_ns()
                messages += 1
                for number, line in fields(body):
                    if number != 1:
                        continue
                    available = dict(fields(line)).get(3, 0)
                    times.setdefault(available, now)
                    if waited and available == waited[1]:
                        waited[0] -= 1
                        if waited[0] == 0:
                            print(json.dumps({"at": now}), flush=True)
                            waited = None


def count_event(number, id, quantity):
    now = time.time_ns()
    stamp = integer(1, now // 10**9) + integer(2, now % 10**9)
    return text(1, text(1, id) + text(2, "bench") + integer(4, CYCLE_COUNT) + text(5, stamp)
                + text(6, sku(number)) + text(7, "WH1") + integer(10, quantity))


def publish(port, rate, seconds, skus, first):
    """Sets the stock so that 4 × the event's number may be sold, by the policy of availability-server.yaml."""
    connection = Connection(port)
    stream = connection.open("InventoryFeedService/StreamEvents")
    run = f"{time.time_ns():x}"
    choose = random.Random(first)
    acknowledged, sent, total = {}, 0, rate * seconds
    began = time.monotonic()
    order = []
    while len(acknowledged) < total:
        due = min(total, int((time.monotonic() - began) * rate) + 1)
        batch = bytearray()
        while sent < due:
            number = choose.randrange(1, skus) if skus > 1 else 0
            data = message(count_event(number, f"{run}-{sent}", 3 + 5 * (first + sent)))
            if not connection.takes(stream, len(data)):
                break
            batch += frame(DATA, stream, data)
            order.append(first + sent)
            sent += 1
        if batch:
            connection.socket.sendall(batch)
        wait = max(0.0002, sent / rate - (time.monotonic() - began)) if sent < total else 1
        if select.select([connection.socket], [], [], wait)[0]:
            for _, body in connection.receive():
                now = time.monotonic_ns()
                for number, _ in fields(body):
                    if number == 1:
                        acknowledged[4 * order[len(acknowledged)]] = now
    print(json.dumps({"times": acknowledged, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    {"watch": watch, "publish": publish}[sys.argv[1]](*map(int, sys.argv[2:]))
