"""Producers of events that wait until each is durable: on a StreamEvents call, in Redis Streams, or into a NATS stream.
Everything is made before the clock runs, and HTTP/2, RESP and NATS are spoken by hand: the client is not what is measured.
As a program it prints one line of JSON.

    producers.py stream PORT MODE SECONDS POSITIONS     MODE: one | pipelined | batched
    producers.py redis  PORT MODE SECONDS POSITIONS
    producers.py nats   PORT COUNT 0 POSITIONS          fills the stream BENCH, subject bench.stock

Stdlib only.
"""
import json
import os
import random
import socket
import sys
import time

import watchers

BATCH, IN_FLIGHT, BATCHES_IN_FLIGHT = 1_000, 1_000, 4
# Beyond it a run of the seconds given would have nothing left to send.
EVENTS_PER_SECOND_MAX = {"one": 5_000, "pipelined": 60_000, "batched": 80_000}


def events(count, positions):
    """CYCLE_COUNTs of random positions, as fields of StreamEventsRequest."""
    run, choose = f"{time.time_ns() & 0xFFFFFFFF:08x}", random.Random(time.time_ns())
    for number in range(count):
        position = choose.randrange(positions)
        yield watchers.count_event(position, f"{run}{number:012x}", 5 + position * 7919 % 997)


def chunks(items, size):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield b"".join(batch)
            batch = []


def shape(mode):
    """Events a message, and messages in flight."""
    return {"one": (1, 1), "pipelined": (1, IN_FLIGHT), "batched": (BATCH, BATCHES_IN_FLIGHT)}[mode]


def run(messages, in_flight, seconds, send, receive, per_message):
    """Keeps so many messages without an answer. `receive` blocks, and gives how many answers came."""
    sent = answered = 0
    began = now = time.monotonic()
    slowest, marks = 0.0, {}
    while now - began < seconds and answered < len(messages):
        most = min(len(messages), answered + in_flight)
        while sent < most:
            marks[sent] = time.monotonic()
            taken = send(messages[sent:most])
            if not taken:
                break
            for number in range(sent, sent + taken):
                marks[number] = marks.get(sent)
            sent += taken
        came = receive()
        now = time.monotonic()
        for number in range(answered, answered + came):
            slowest = max(slowest, now - marks.pop(number))
        answered += came
    print(json.dumps({"events": answered * per_message, "seconds": now - began, "slowest_ms": slowest * 1e3,
                      "events_per_second": answered * per_message / (now - began), "ran_out": answered == len(messages)}))


def stream(port, mode, seconds, positions):
    per_message, in_flight = shape(mode)
    count = EVENTS_PER_SECOND_MAX[mode] * seconds
    messages = [watchers.message(body) for body in chunks(events(count, positions), per_message)]
    connection = watchers.Connection(port)
    call = connection.open("InventoryFeedService/StreamEvents")
    longest = 16_384

    def send(some):
        data, taken = bytearray(), 0
        for body in some:
            if not connection.takes(call, len(body)):
                break
            for at in range(0, len(body), longest):
                data += watchers.frame(watchers.DATA, call, body[at:at + longest])
            taken += 1
        if data:
            connection.socket.sendall(data)
        return taken

    def receive():
        return sum(1 for _ in connection.receive())

    run(messages, in_flight, seconds, send, receive, per_message)


def redis(port, mode, seconds, positions):
    """XADD of what a consumer would need of each event."""
    per_message, in_flight = shape(mode)
    count = EVENTS_PER_SECOND_MAX[mode] * seconds
    name = f"{time.time_ns():x}".encode()
    choose = random.Random(time.time_ns())

    def command(number):
        position = choose.randrange(positions)
        words = [b"XADD", b"events", b"*", b"id", name + b"%d" % number, b"type", b"CYCLE_COUNT", b"time",
                 b"%d" % time.time_ns(), b"sku", b"SKU-%07d" % position, b"location", b"WH1", b"quantity",
                 b"%d" % (5 + position * 7919 % 997)]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    messages = list(chunks((command(number) for number in range(count)), per_message))
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = 0

    def send(some):
        peer.sendall(b"".join(some))
        return len(some)

    def receive():
        nonlocal lines
        data = peer.recv(1 << 18)
        if not data or b"-" == data[:1]:
            raise SystemExit(f"Redis: {data[:200]!r}")
        # Each answer is an id: $LENGTH and the id, two lines.
        before = lines
        lines += data.count(b"\n")
        return lines // 2 // per_message - before // 2 // per_message

    run(messages, in_flight, seconds, send, receive, per_message)


class Nats:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.rest = b""
        self.line()
        self.inbox = f"_INBOX.{os.getpid()}"
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB %s 1\r\n' % self.inbox.encode())

    def line(self):
        while b"\r\n" not in self.rest:
            self.rest += self.socket.recv(1 << 16)
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def request(self, subject, body):
        data = json.dumps(body).encode() if body else b""
        self.socket.sendall(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), self.inbox.encode(), len(data), data))
        while True:
            words = self.line().split()
            if words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] == b"MSG":
                while len(self.rest) < int(words[-1]) + 2:
                    self.rest += self.socket.recv(1 << 16)
                answer, self.rest = self.rest[:int(words[-1])], self.rest[int(words[-1]) + 2:]
                return json.loads(answer)


def nats(port, count, _, positions):
    peer = Nats(port)
    made = peer.request("$JS.API.STREAM.CREATE.BENCH", {"name": "BENCH", "subjects": ["bench.*"], "storage": "file"})
    if "error" in made:
        raise SystemExit(made)
    head = b"NATS/1.0\r\nContent-Type: application/x-protobuf\r\n\r\n"
    sent = 0
    for body in events(int(count), positions):
        # The one field of StreamEventsRequest: its tag and a length of one byte or two come first.
        body = body[2:] if body[1] < 0x80 else body[3:]
        peer.socket.sendall(b"HPUB bench.stock %d %d\r\n%s%s\r\n" % (len(head), len(head) + len(body), head, body))
        sent += 1
        if sent % 5_000 == 0:
            # As often as this, so that the server's buffer for the connection stays small.
            peer.request("$JS.API.STREAM.INFO.BENCH", None)
    while peer.request("$JS.API.STREAM.INFO.BENCH", None)["state"]["messages"] < sent:
        time.sleep(0.05)
    print(json.dumps({"events": sent}))


if __name__ == "__main__":
    what, port, mode, seconds, positions = sys.argv[1:]
    {"stream": stream, "redis": redis, "nats": nats}[what](int(port), mode, int(seconds), int(positions))
