"""Ports for servers that bind them later, and again after a restart."""

from __future__ import annotations

import secrets
import socket

# Below the ports that the kernel gives to connections (32768 and up), so that no client takes one meanwhile.
_LOWEST, _COUNT = 12_000, 20_000


def free_port() -> int:
    """A port of 127.0.0.1 that stays free for one server of this test: no other test finds it free."""
    while True:
        port = _LOWEST + secrets.randbelow(_COUNT)
        with socket.socket() as taker:
            try:
                taker.bind(("127.0.0.1", port))
            except OSError:
                continue
            # Bound for as long as this process lives; servers, which set the same option, can bind it as well.
            taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taker.detach()
            return port
