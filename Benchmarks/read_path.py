#!/usr/bin/env python3
"""Requests a second and CPU time a request of CheckAvailability, by h2load. Stdlib only.

Each case is run once a round, rounds are interleaved, and the table shows the median with the smallest and the largest
round. CPU time is the server's own (user and system), so it does not depend on how fast the load generator is.
"""
import json
import os
import pathlib
import re
import signal
import statistics
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER = ROOT / ".build/release/availability-server"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
METHOD = "/availability.v1.AvailabilityService/CheckAvailability"

# name, TLS, lines a request, connections, streams a connection, requests a round
CASES = [
    ("1 sku, 4 x 100, cleartext", False, 1, 4, 100, 200_000),
    ("1 sku, 4 x 100, TLS", True, 1, 4, 100, 200_000),
    ("1 sku, 64 x 1, cleartext", False, 1, 64, 1, 60_000),
    ("1 sku, 64 x 1, TLS", True, 1, 64, 1, 60_000),
    ("100 skus, 4 x 100, cleartext", False, 100, 4, 100, 10_000),
]


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def request(lines):
    # Skus spread over the whole catalogue; h2load repeats one body, so each request asks for the same lines.
    skus = [f"SKU-{1 + index * 487 % 50_000:06d}" for index in range(lines)]
    body = field(1, b"web") + b"".join(field(2, field(1, sku.encode())) for sku in skus)
    return b"\0" + struct.pack(">I", len(body)) + body


class Server:
    def __init__(self, directory, tls):
        command = ["taskset", "-c", "0", str(SERVER), "serve", "--loops", "1", "--data", f"{directory}/data",
                   "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-format", "json"]
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-keyout", f"{directory}/key.pem", "-out", f"{directory}/certificate.pem", "-days",
                            "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
            command += ["--tls-certificate", f"{directory}/certificate.pem", "--tls-private-key", f"{directory}/key.pem"]
        self.scheme = "https" if tls else "http"
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if '"listening"' in line:
                self.address = json.loads(line)["grpc"]
                break
        else:
            raise SystemExit("the server did not start")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def run(server, body, connections, streams, requests):
    before = server.cpu_seconds()
    output = subprocess.run(
        ["taskset", "-c", "1", "h2load", "-n", str(requests), "-c", str(connections), "-m", str(streams), "-d", body,
         "-H", "content-type: application/grpc", "-H", "te: trailers", f"{server.scheme}://{server.address}{METHOD}"],
        check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - before
    done = int(re.search(r"requests: .* (\d+) succeeded", output).group(1))
    if done != requests:
        raise SystemExit(f"{requests - done} requests failed:\n{output}")
    return float(re.search(r"([\d.]+) req/s", output).group(1)), used / requests * 1e6


def main():
    with tempfile.TemporaryDirectory() as clear_directory, tempfile.TemporaryDirectory() as tls_directory:
        servers = {False: Server(clear_directory, False), True: Server(tls_directory, True)}
        results = {case[0]: [] for case in CASES}
        try:
            for lines in {case[2] for case in CASES}:
                pathlib.Path(clear_directory, f"{lines}.bin").write_bytes(request(lines))
            for _ in range(ROUNDS):
                for name, tls, lines, connections, streams, requests in CASES:
                    results[name].append(
                        run(servers[tls], f"{clear_directory}/{lines}.bin", connections, streams, requests))
        finally:
            for server in servers.values():
                server.stop()
    print(f"{ROUNDS} interleaved rounds, median (smallest to largest); one server loop on core 0, h2load on core 1")
    print(f"{'case':32} {'requests/s':>30} {'server CPU us/request':>28}")
    for name, rounds in results.items():
        rates, costs = [r[0] for r in rounds], [r[1] for r in rounds]
        rate = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        cost = f"{statistics.median(costs):.2f} ({min(costs):.2f} to {max(costs):.2f})"
        print(f"{name:32} {rate:>30} {cost:>28}")


if __name__ == "__main__":
    main()
