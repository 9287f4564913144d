"""Fork server: starts the drivers of a worker, each a process of its own that outlives both.

It is forked from the worker before that has threads, and has everything imported that a driver needs. So a driver
starts in a moment, and shares the memory of the program with all others. When the worker is gone, so is the server;
the drivers go on, each with its own lease.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from retake_flow.quick_dataclasses import dataclass

_LARGEST: Final = 16_384  # bytes of a message
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Started:
    """A driver has started.

    Attributes:
        job: What it was started for, as given to `start`.
        pid: Its process id.
    """

    job: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A driver has ended.

    Attributes:
        job: What it was started for.
        code: Its exit code; the negative number of the signal that killed it.
    """

    job: str
    code: int


class ForkServer:
    """The worker's side of it; the process begins at once. Only to be created while the process has one thread.

    Args:
        prepare: Imports what drivers need; called in the server.
        drive: Drives a run, given the order of `start`, and ends the process.
    """

    def __init__(self, prepare: Callable[[], None], drive: Callable[[dict[str, Any]], NoReturn]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            try:
                _serve(theirs, prepare, drive)
            finally:
                os._exit(1)
        theirs.close()
        ours.setblocking(False)
        self._socket = ours

    def fileno(self) -> int:
        """The handle that becomes readable when there is news."""
        return self._socket.fileno()

    def start(self, job: str, order: dict[str, Any]) -> None:
        """Start a driver.

        Args:
            job: Names it in the news.
            order: What it is to do, as JSON data.

        Raises:
            OSError: The server is gone, or has too much to do.
        """
        self._socket.send(json.dumps({"job": job, "order": order}).encode())

    def news(self) -> list[Started | Ended]:
        """What has happened since the last call.

        Raises:
            EOFError: The server is gone.
        """
        found: list[Started | Ended] = []
        with suppress(BlockingIOError):
            while True:
                message = self._socket.recv(_LARGEST)
                if not message:
                    raise EOFError
                data = json.loads(message)
                found.append(Ended(**data) if "code" in data else Started(**data))
        return found

    def close(self) -> None:
        """End the server; its drivers go on."""
        self._socket.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _serve(worker: socket.socket, prepare: Callable[[], None], drive: Callable[[dict[str, Any]], NoReturn]) -> None:
    _show("retake-flow worker: starts its drivers")
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _IGNORED}  # the end of the worker ends us
    prepare()
    drivers: dict[int, tuple[int, str]] = {}  # by the handle of the process
    with selectors.DefaultSelector() as selector:
        selector.register(worker, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not worker:
                    selector.unregister(key.fileobj)
                    pid, job = drivers.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    _tell(worker, {"job": job, "code": code})
                    continue
                message = worker.recv(_LARGEST)
                if not message:
                    os._exit(0)
                data = json.loads(message)
                pid = os.fork()
                if pid == 0:
                    _show(f"retake-flow drive {data['job']}")
                    _become_driver(worker, list(drivers), before)
                    drive(data["order"])
                handle = os.pidfd_open(pid)
                drivers[handle] = pid, data["job"]
                selector.register(handle, selectors.EVENT_READ)
                _tell(worker, {"job": data["job"], "pid": pid})


def _become_driver(worker: socket.socket, handles: list[int], before: dict[signal.Signals, Any]) -> None:
    """Be a session of its own, with the usual signals, and without what belongs to the server."""
    os.setsid()
    worker.close()
    for handle in handles:
        os.close(handle)
    for number, usual in before.items():
        signal.signal(number, usual)


def _show(title: str) -> None:
    """Have `ps` show this process by a title in place of the worker's command line, as far as that is long enough."""
    with suppress(OSError, ValueError, IndexError):
        about = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(about[45]), int(about[46])  # where its arguments are (proc(5))
        if 0 < begin < end:
            ctypes.memmove(begin, title.encode()[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)


def _tell(worker: socket.socket, data: dict[str, Any]) -> None:
    with suppress(OSError):  # the worker is gone, as the next look shows
        worker.send(json.dumps(data).encode())
