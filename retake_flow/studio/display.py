"""The display: Xvfb on a number nobody else uses."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from retake_flow.errors import HostError, InputError, ProcessFailed
from retake_flow.flow import formats
from retake_flow.locks import Lock, remove_abandoned
from retake_flow.studio import pulse
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.process import Process
from retake_flow.studio.specification import ProcessSpec

SIZE = "1280x720"  # the guide's, section 4
NUMBERS = range(99, 163)  # the guide's :99 first
FOLDER = Path("/tmp")  # fixed by X for all programs, whatever TMPDIR says

# Set-up request of the X protocol: little-endian, version 11.0, no authorization.
_HELLO = struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0)
_WELCOME = 1

# A server that lives but does not answer for so long is given up.
SILENCE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Display:
    """A running display.

    Attributes:
        name: Its name for X programs, such as `:99`.
        size: Width and height in pixels, such as `1280x720`.
        process: Its server.
    """

    name: str
    size: str
    process: Process

    @property
    def value(self) -> Mapping[str, Any]:
        """Its name and size."""
        return {"display": self.name, "size": self.size}

    async def ended(self) -> str:
        """Wait until the server ends, or has not answered for `SILENCE_SECONDS`, and say why."""
        number = int(self.name.removeprefix(":"))
        unanswered = pulse.unanswered(SILENCE_SECONDS, lambda: _greets(number, self.process.pid))
        return await pulse.ended(self.process, unanswered, f"Xvfb has not answered for {SILENCE_SECONDS:g} s")


def specification(number: int, size: str) -> ProcessSpec:
    """How the server of display `:number` is started.

    Raises:
        InputError: `size` is not a size.
    """
    return ProcessSpec(
        argv=(
            "Xvfb",
            f":{number}",
            *("-screen", "0", f"{checked_size(size)}x24"),
            "-ac",  # required for X programs to connect (guide)
            "-noreset",  # it would start over whenever the last program leaves, while the next one comes
            *("-nolisten", "tcp"),  # with -ac nobody from outside may reach it
        ),
        hint="see whether /tmp is writable and has room",
    )


def checked_size(size: str) -> str:
    """A size such as `1280x720` as it is given.

    Raises:
        InputError: It is none that can be encoded.
    """
    try:
        return formats.size(size)
    except ValueError as error:
        raise InputError(f"the size {size!r} cannot be used", hint=str(error)) from None


@asynccontextmanager
async def open_display(launcher: Launcher, size: str = SIZE) -> AsyncIterator[Display]:
    """A display of its own: `:99`, or the next number that is free.

    Which of two runs gets a number is settled by a lock; a server of somebody else's by its own lock file.

    Raises:
        MissingProgram: Xvfb is not installed.
        HostError: All numbers are taken, or this machine lets it not start.
        ProcessFailed, NotReady: It does not start.
    """
    remove_abandoned(FOLDER.glob(_claim("*")))
    for number in NUMBERS:
        async with AsyncExitStack() as stack:
            if not stack.enter_context(_claimed(number)) or taken(number):
                continue
            try:
                process = await stack.enter_async_context(_server(launcher, number, size))
            except (ProcessFailed, HostError):
                if _lock(number).exists() or _socket(number).exists():
                    continue  # somebody was faster
                raise
            yield Display(f":{number}", size, process)
            return
    require_free()
    raise ProcessFailed("other programs took each display first")


def require_free() -> None:
    """Make sure that a display is free.

    Raises:
        HostError: All numbers are taken.
    """
    if all(taken(number) for number in NUMBERS):
        raise HostError(
            f"the displays :{NUMBERS[0]} to :{NUMBERS[-1]} are all taken",
            hint="end X servers that nobody needs: pgrep -a Xvfb",
        )


def taken(number: int) -> bool:
    """Whether a server holds or listens on a display number, also one in another PID namespace."""
    return _held_here(number) or _is_listened_on(number)


@contextmanager
def _claimed(number: int) -> Iterator[bool]:
    """Hold a display number against our own kind, and say whether that succeeded.

    X servers themselves go by process ids, and take the number of one that starts in another PID namespace.
    """
    file = FOLDER / _claim(number)
    try:
        lock = Lock.on_new(file)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def _claim(number: int | str) -> str:
    return f".X{number}-retake-flow-{os.getuid()}"


@asynccontextmanager
async def _server(launcher: Launcher, number: int, size: str) -> AsyncIterator[Process]:
    async def answers(process: Process) -> None:
        while True:
            if await _greets(number, process.pid):
                return
            await asyncio.sleep(0.01)

    try:
        async with launcher.process(specification(number, size), answers) as process:
            yield process
    finally:
        _remove_leftovers(number)


async def _greets(number: int, pid: int) -> bool:
    """Whether the server `pid`, and no other, completes the X handshake on this display."""
    loop = asyncio.get_running_loop()
    for address in _addresses(number):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, address)
                credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                if struct.unpack("3i", credentials)[0] != pid:
                    continue
                await loop.sock_sendall(connection, _HELLO)
                answer = await loop.sock_recv(connection, 8)
            except OSError:
                continue
            if answer[:1] == bytes([_WELCOME]):
                return True
    return False


def _held_here(number: int) -> bool:
    holder = _holder(number)
    return holder is not None and psutil.pid_exists(holder)


def _is_listened_on(number: int) -> bool:
    return any(_listens(address) for address in _addresses(number))


def _listens(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        return connection.connect_ex(address) == 0


def _remove_leftovers(number: int) -> None:
    # A server that was killed leaves its lock and socket. One that lives keeps them, whoever's process id it is that
    # the lock names: a server in another PID namespace is seen only by its socket.
    if _holder(number) is not None and not (_held_here(number) or _is_listened_on(number)):
        _socket(number).unlink(missing_ok=True)
        _lock(number).unlink(missing_ok=True)


def _holder(number: int) -> int | None:
    try:
        return int(_lock(number).read_text())
    except (OSError, ValueError):
        return None


def _addresses(number: int) -> tuple[str, str]:
    # Linux servers also listen on an abstract address, and on nothing else when they may not create the folder.
    return (str(_socket(number)), f"\0{_socket(number)}")


def _lock(number: int) -> Path:
    return FOLDER / f".X{number}-lock"


def _socket(number: int) -> Path:
    return FOLDER / ".X11-unix" / f"X{number}"
