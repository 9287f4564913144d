"""Ports for servers that bind them later, and again after a restart."""

from __future__ import annotations

import secrets
import socket

# Below the ports that the kernel gives to connections (32768 and up), so that no client takes one meanwhile.
_LOWEST, _COUNT = 12_000, 20_000


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    while True:
        port = _LOWEST + secrets.randbelow(_COUNT)
        with socket.socket() as taker:
            try:
                taker.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
