"""Bounded connection: to a PostgreSQL server, on which no call lasts longer than its caller said.

A server that is gone without a word, or a firewall that forgot a connection, leaves a call waiting for as long as the
kernel resends. Neither the driver nor the server ends it, so the wait for an answer shuts the socket.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from math import inf
from os import dup
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.abc import PQGen

T = TypeVar("T")

#: Seconds after a look without an answer within which the next one comes, unless the whole machine was suspended.
_LOOKS_AGAIN = 1.0
#: How many suspensions extend the time of an answer; a machine that seems suspended more often is overloaded.
_SUSPENSIONS = 3


class BoundedConnection(Connection[Any]):
    """A connection of the driver.

    Attributes:
        passed: Whether a call was ended, so that the connection is of no more use.
    """

    _deadline = inf
    _suspensions = 0
    passed = False

    @contextmanager
    def limit_calls(self, seconds: float) -> Iterator[None]:
        """End any call that is not answered within so many seconds from now, while the context lasts."""
        self._deadline, self._suspensions = time.monotonic() + seconds, 0
        try:
            yield
        finally:
            self._deadline = inf

    def wait(self, gen: PQGen[T], *more: Any, **named: Any) -> T:
        """Wait for an answer."""
        return super().wait(self._within(gen), *more, **named)

    def _within(self, gen: PQGen[T]) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                before = time.monotonic()
                ready, looked = (yield wanted), time.monotonic()
                if looked - before > _LOOKS_AGAIN and self._suspensions < _SUSPENSIONS:  # and perhaps the server too
                    self._suspensions += 1
                    self._deadline += looked - before
                if not ready and looked >= self._deadline:  # the driver looks up ten times a second
                    self._shut()
                wanted = gen.send(ready)
        except StopIteration as done:
            found: T = done.value
            return found

    def _shut(self) -> None:
        self.passed = True
        with suppress(OSError), closing(socket.socket(fileno=dup(self.fileno()))) as connection:
            connection.shutdown(socket.SHUT_RDWR)
