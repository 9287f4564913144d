"""A service that answers a notice without end: the run neither waits for it nor keeps what it says."""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from retake_flow.errors import NoticeFailed
from retake_flow.notices import apprise
from retake_flow.notices.http_limits import LONGEST_ANSWER
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret

NOTICE = Notice("told", "t", "text")
_MOST = 64 * LONGEST_ANSWER


class Talker:
    """A service that takes one post after the other and answers with whatever it is told to.

    Attributes:
        port: Where it listens.
        sent: How many bytes it has got rid of.
        over: Set when it is to be silent.
    """

    def __init__(self, head: bytes, body: Callable[[], Iterator[bytes]]) -> None:
        self._head, self._body = head, body
        self.sent = 0
        self.over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                connection, _ = self._listening.accept()
                with closing(connection):
                    connection.recv(65_536)
                    connection.sendall(self._head)
                    for piece in self._body():
                        connection.sendall(piece)
                        self.sent += len(piece)
                        if self.over.is_set() or self.sent > _MOST:
                            break

    def close(self) -> None:
        """End it."""
        self.over.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._listening.close()
        self._thread.join()

    @property
    def address(self) -> Secret:
        """Where it is, as apprise writes it."""
        return Secret(f"json://127.0.0.1:{self.port}/")


def endless() -> Iterator[bytes]:
    """Bytes for ever."""
    while True:
        yield b"x" * 65_536


PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[Talker]:
    """A service that answers as the test says."""
    serving = Talker(*request.param)
    yield serving
    serving.close()


def chunks() -> Iterator[bytes]:
    """Chunks for ever."""
    while True:
        yield b"8000\r\n" + b"x" * 0x8000 + b"\r\n"


def bomb() -> Iterator[bytes]:
    """What is small until it is unpacked."""
    yield gzip.compress(b" " * 4 * _MOST)


def headers() -> Iterator[bytes]:
    """Headers for ever."""
    while True:
        yield b"X: y\r\n" * 100


@pytest.mark.parametrize(
    "talker",
    [(PLAIN, endless), (CHUNKED, chunks), (PACKED, bomb), (b"HTTP/1.1 200 OK\r\n", headers)],
    indirect=True,
    ids=["endless", "chunks", "packed", "headers"],
)
def test_an_answer_is_read_only_so_far(talker: Talker) -> None:
    """However much a service answers, the notice has failed and nothing of it is kept."""
    (notifier,) = apprise.notifiers([talker.address])
    with pytest.raises(NoticeFailed, match=r"^json did not accept the notice"):
        asyncio.run(notifier.send(NOTICE))
    assert talker.sent < _MOST


def trickle(over: threading.Event) -> Iterator[bytes]:
    """A byte now and then."""
    while not over.wait(0.2):
        yield b"x"


def test_a_service_that_trickles_is_told_nothing_more_and_holds_up_no_end() -> None:
    """It is given up in time, told nothing while it goes on, and neither the loop nor the process waits for it."""
    over = threading.Event()
    talker = Talker(PLAIN, lambda: trickle(over))
    code = f"""
import asyncio
from retake_flow.errors import NoticeFailed
from retake_flow.notices import apprise
from retake_flow.ports.notices import Notice
from retake_flow.redact import Secret
apprise.WITHIN = 0.5
(notifier,) = apprise.notifiers([Secret("json://127.0.0.1:{talker.port}/")])
async def main():
    for _ in range(3):
        try:
            await notifier.send(Notice("told", "t", "text"))
        except NoticeFailed as error:
            print(error.message)
asyncio.run(main())
"""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    finally:
        over.set()
        talker.close()
    busy = "json is still busy with an earlier notice"
    assert done.stdout.splitlines() == ["json did not accept the notice within 0.5 s", busy, busy]
    assert done.stderr == ""
