#!/usr/bin/env python3
"""Prints a TCP port of 127.0.0.1 that nobody listens on."""
import socket

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1])
