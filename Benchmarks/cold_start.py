#!/usr/bin/env python3
"""How long from starting the process to the first CheckAvailability answer. Stdlib only.

    Benchmarks/cold_start.py DATA [--config FILE] [--server PATH] [--channel web] [--sku SKU] [--runs 5]

DATA is a store that nobody serves; it is started and stopped. One run that is not counted comes first, so that the last
process before each counted one ended in order and its files are in the page cache. The second line is with the data file
out of the cache, the third after kill -9, when the whole file is checked first. Prints the median and the smallest and
largest of the runs, in milliseconds.
"""
import argparse
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time

from harness import SERVER, free_port

METHOD = "/availability.v1.AvailabilityService/CheckAvailability"
PATIENCE = 120


def field(number, payload):
    """A length-delimited field of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(payload)]) + payload


def request(address, channel, sku):
    """A connection's first bytes: preface, SETTINGS, and one call. No field is indexed or Huffman coded."""
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    headers = [(":method", "POST"), (":scheme", "http"), (":path", METHOD), (":authority", address),
               ("content-type", "application/grpc"), ("te", "trailers")]
    block = b"".join(b"\0" + bytes([len(text)]) + text.encode() if place == 0 else bytes([len(text)]) + text.encode()
                     for pair in headers for place, text in enumerate(pair))
    message = field(1, channel.encode()) + field(2, field(1, sku.encode()))
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, block)
            + frame(0, 1, 1, b"\0" + struct.pack(">I", len(message)) + message))


def first_message(connection):
    """The bytes of the first gRPC message on stream 1."""
    received = bytearray()
    while True:
        while len(received) >= 9:
            length = int.from_bytes(received[:3], "big")
            if len(received) < 9 + length:
                break
            kind, flags, payload = received[3], received[4], bytes(received[9:9 + length])
            del received[:9 + length]
            if kind == 0:
                return payload[5:]
            if kind == 7 or (kind == 1 and flags & 1):
                raise SystemExit(f"the server refused the call: {payload!r}")
        chunk = connection.recv(65_536)
        if not chunk:
            raise SystemExit("the server closed the connection")
        received += chunk


def start_and_ask(options, log, end=signal.SIGTERM):
    """Milliseconds from the start of the process to the first answer. The process is ended by that signal."""
    port = free_port()
    command = [options.server, "serve", "--data", options.data, "--listen", f"127.0.0.1:{port}", "--http",
               "127.0.0.1:0", *(["--config", options.config] if options.config else [])]
    call = request(f"127.0.0.1:{port}", options.channel, options.sku)
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    try:
        while True:
            if process.poll() is not None or time.monotonic() - begin > PATIENCE:
                raise SystemExit(f"the server did not start, see {log.name}")
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                break
            except OSError:
                time.sleep(0.000_5)
        with connection:
            connection.sendall(call)
            answer = first_message(connection)
        elapsed = (time.monotonic() - begin) * 1_000
        if options.sku.encode() not in answer:
            raise SystemExit(f"not the answer to the question: {answer!r}")
        process.send_signal(end)
        if process.wait(PATIENCE) != (0 if end == signal.SIGTERM else -end):
            raise SystemExit(f"the server ended with {process.returncode}, see {log.name}")
        return elapsed
    finally:
        process.kill()
        process.wait()


def drop_from_cache(path):
    """Pages that are clean leave the page cache; those of a server that ended are."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--config")
    parser.add_argument("--server", default=str(SERVER))
    parser.add_argument("--channel", default="web")
    parser.add_argument("--sku", default="SKU-000001")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", prefix="cold-start-", suffix=".log", delete=False) as log:
        start_and_ask(options, log)
        for name, prepare in [("page cache warm", lambda: None),
                              ("data file not cached", lambda: drop_from_cache(options.data / "data.mdb")),
                              ("after kill -9", lambda: start_and_ask(options, log, signal.SIGKILL))]:
            times = []
            for _ in range(options.runs):
                prepare()
                times.append(start_and_ask(options, log))
            print(f"start to first answer, {name}: {statistics.median(times):.0f} ms "
                  f"({min(times):.0f} to {max(times):.0f}, {options.runs} runs)")
    os.unlink(log.name)


if __name__ == "__main__":
    main()
