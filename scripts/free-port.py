#!/usr/bin/env python3
"""Prints a TCP port of 127.0.0.1 that nobody has.

It lies below those that Linux gives to connections and to who asks for any port (ip_local_port_range), so that none of them
takes it before whoever asked listens there, or while that one is stopped for a while.
"""
import contextlib
import random
import socket

while True:
    port = random.randrange(10_000, 32_768)
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        print(port)
        break
