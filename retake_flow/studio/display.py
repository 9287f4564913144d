"""Display: Xvfb on a free display number, open to this run alone by a cookie (Xsecurity(7))."""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
import socket
import stat
import struct
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final

from retake_flow import os_errors, private_file
from retake_flow.errors import HostError, InputError, ProcessFailed, StudioError
from retake_flow.flow import formats
from retake_flow.locks import Lock, is_held
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.studio.processes import watchdog
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec

NUMBERS = range(99, 163)  # the guide's :99 first
# Used when those are taken: too many to occupy them all, in an unpredictable order.
_BEYOND = range(100_000, 2_000_000_000)
_MOST_BEYOND = 16
FOLDER = Path("/tmp")  # fixed by X for all programs, whatever TMPDIR says

_WELCOME: Final = 1
_LOCK_SIZE: Final = 11  # bytes
_LOCK_TEXT: Final = re.compile(rb" *([1-9][0-9]{0,8})\n")  # ten digits are not a process id

_UNMAPPED: Final = 65534  # the user that a user namespace shows for everybody outside it


def socket_of(name: str) -> Path:
    """The socket of a display, such as `:99`."""
    return _socket(int(name.removeprefix(":")))


@dataclass(frozen=True, slots=True)
class Display:
    """A running display.

    Attributes:
        name: Its name for X programs, such as `:99`.
        size: Width and height in pixels, such as `1280x720`.
    """

    name: str
    size: str
    process: Process
    authority: Authority

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that let a program in.

        Raises:
            HostError, StudioError: The cookie file cannot be written.
        """
        return {"DISPLAY": self.name, "XAUTHORITY": str(self.authority.ensure_file())}

    @property
    def value(self) -> Mapping[str, Any]:
        """Its name and size."""
        return {"display": self.name, "size": self.size}

    async def wait(self) -> str:
        """Wait until the server ends or does not answer any more, and return why."""
        number = int(self.name.removeprefix(":"))
        return await watchdog.wait_while_answering(
            self.process, lambda: _accepts_clients(number, self.process.pid, self.authority)
        )


def specification(number: int, size: str, authority: Path) -> ProcessSpec:
    """The start of the server of display `:number`, for programs with the cookie in the file `authority`.

    Raises:
        InputError: `size` is invalid.
    """
    return ProcessSpec(
        argv=(
            "Xvfb",
            f":{number}",
            *("-screen", "0", f"{checked_size(size)}x24"),
            # Instead of the guide's -ac, which lets every user of this machine see the screen and type.
            *("-auth", str(authority)),
            "-noreset",  # otherwise it restarts whenever the last program leaves, just as the next one comes
            *("-nolisten", "tcp"),
            *("-nolisten", "local"),  # the abstract socket, which is open to every container on the same network
        ),
        detached=True,
        hint="check that /tmp is writable and has room",
    )


def checked_size(size: str) -> str:
    """A size such as `1280x720`, unchanged.

    Raises:
        InputError: The text is not a size that can be encoded.
    """
    try:
        return formats.size(size)
    except ValueError as error:
        raise InputError(f"the size {size!r} cannot be used", hint=str(error)) from None


@asynccontextmanager
async def open_display(launcher: Launcher, folder: Path, size: str) -> AsyncIterator[Display]:
    """A display of its own: `:99`, or the next free number.

    A lock decides which of two runs gets a number. Other servers hold theirs by their own lock files.

    Nobody else may write in `folder`, which holds the cookie file.

    Raises:
        MissingProgram: Xvfb is not installed.
        HostError: Another user could take its place, or this machine does not let it start.
        ProcessFailed, NotReady: It does not start.
    """
    require_sockets()
    remove_remains()
    for number in _numbers():
        async with AsyncExitStack() as stack:
            if not stack.enter_context(_try_claim(number)) or is_taken(number):
                continue
            authority = stack.enter_context(authority_in(folder))
            try:
                process = await stack.enter_async_context(_server(launcher, number, size, authority))
            except _Obstructed:
                continue
            except (ProcessFailed, HostError):
                if any(map(os.path.lexists, _leftover_paths(number))):
                    continue  # another process was faster
                raise
            require_sockets()  # the server has created the folder, or another process meanwhile
            yield Display(f":{number}", size, process, authority)
            return
    raise ProcessFailed("other programs took each display first", hint=f"see what is in {FOLDER}: ls -la {FOLDER}/.X*")


def remove_remains() -> None:
    """Remove what killed runs have left of their displays: claim, lock and socket."""
    for file in FOLDER.glob(_claim("*")):
        number = file.name.removeprefix(".X").partition("-")[0]
        if number.isdecimal() and not is_held(file):
            with suppress(HostError, OSError), _try_claim(int(number)) as ours:
                if ours:
                    _remove_leftovers(int(number))


class _Obstructed(ProcessFailed):
    """Another program has put something in the place of a server's files as it started."""


def require_sockets() -> None:
    """Make sure that nobody else can put a socket in the place of a server's and be taken for it.

    Raises:
        HostError: Another user can do so.
    """
    folder = _socket(0).parent
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return  # the server creates it
    anyones = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in _trusted_owners() or anyones:
        raise HostError(
            f"no display can be opened: {folder} belongs to another user, who could impersonate the display",
            hint=f"let root own it: sudo rm -r {folder} && sudo install -d -m 1777 {folder}",
        )


def is_taken(number: int) -> bool:
    """Whether a server holds or listens on a display number, even in another PID namespace.

    A number is also taken if another user's files are in its place: a server could not remove those.
    """
    return _is_obstructed(number) or _held_here(number) or _is_listened_on(number)


def _is_obstructed(number: int) -> bool:
    return any(map(_is_foreign, _leftover_paths(number)))


def _trusted_owners() -> set[int]:
    """The users who may own the folder: ourselves, root, and the machine's root as seen in a container without it."""
    try:
        contained = Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
    except OSError:
        contained = False
    return {0, os.getuid()} | ({_UNMAPPED} if contained else set())


def _numbers() -> Iterable[int]:
    return chain(NUMBERS, (random.SystemRandom().choice(_BEYOND) for _ in range(_MOST_BEYOND)))


def _is_foreign(path: Path) -> bool:
    """Whether the file at a path is another user's, or neither a file nor a socket."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError:  # its folder is another user's, or no folder any more
        return True
    return found.st_uid != os.getuid() or not (stat.S_ISREG(found.st_mode) or stat.S_ISSOCK(found.st_mode))


@contextmanager
def _try_claim(number: int) -> Iterator[bool]:
    """Lock a display number against other runs, and say whether that succeeded.

    X servers themselves rely on process ids, and take the number of a server that starts in another PID namespace.
    """
    file = FOLDER / _claim(number)
    try:
        lock = Lock.on_new(file)
    except (FileExistsError, BlockingIOError):
        yield False
        return
    except OSError as error:
        refused = os_errors.host_error(error, "no display can be opened")
        if refused is not None and not _is_foreign(file):
            raise refused from None
        yield False
        return
    if _is_foreign(file):  # another user has planted it, and only that user may remove it
        lock.release()
        yield False
        return
    with socket.socket(socket.AF_UNIX) as unheard:
        try:
            # Clients try the abstract address first. Bound by us without listening, nobody else can catch them there.
            unheard.bind(_abstract(number))
            free = True
        except OSError:
            free = False
        try:
            yield free
        finally:
            with suppress(OSError):  # its folder may have become another's
                file.unlink()
            lock.release()


def _claim(number: int | str) -> str:
    return f".X{number}-retake-flow-{os.getuid()}"


@asynccontextmanager
async def _server(launcher: Launcher, number: int, size: str, authority: Authority) -> AsyncIterator[Process]:
    started = set[int]()

    async def answers(process: Process) -> None:
        started.add(process.pid)
        while not await _accepts_clients(number, process.pid, authority):
            # The server would wait for ever in a pipe that was put in place of its lock since we looked.
            if _is_obstructed(number):
                raise _Obstructed(f"another program took display :{number} while Xvfb started")
            await asyncio.sleep(0.01)

    try:
        async with launcher.process(specification(number, size, authority.ensure_file()), answers) as process:
            yield process
    finally:
        _remove_leftovers(number, started)


async def _accepts_clients(number: int, pid: int, authority: Authority) -> bool:
    """Whether the server `pid`, and no other, completes the X handshake on this display."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, str(_socket(number)))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if struct.unpack("3i", credentials)[0] != pid:
                return False
            await loop.sock_sendall(connection, authority.greeting)
            answer = await loop.sock_recv(connection, 8)
        except OSError:
            return False
    return answer[:1] == bytes([_WELCOME])


def _held_here(number: int) -> bool:
    import psutil

    holder = _holder(_lock(number))
    return holder is not None and psutil.pid_exists(holder)


def _is_listened_on(number: int) -> bool:
    # Other servers also listen on an abstract address, and only there when they may not create the folder.
    return any(map(_listens, (str(_socket(number)), _abstract(number))))


def _listens(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.setblocking(False)
        return connection.connect_ex(address) == 0


def _remove_leftovers(number: int, started: Collection[int] = ()) -> None:
    # A killed server leaves its lock and socket. A living one keeps them, whatever process has the id in the lock: a
    # server in another PID namespace shows only by its socket.
    if _holder(_lock(number)) is not None and not (_held_here(number) or _is_listened_on(number)):
        _socket(number).unlink(missing_ok=True)
        _lock(number).unlink(missing_ok=True)
    # One that is killed before it has its lock leaves this, for which the next server would wait.
    begun = FOLDER / f".tX{number}-lock"
    if not _is_foreign(begun) and _holder(begun) in started:
        begun.unlink(missing_ok=True)


def _holder(lock: Path) -> int | None:
    """The process that a lock names; None without a lock, or when it is not in the form that servers write."""
    try:
        handle = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Never from a pipe or a device, which may give nothing for ever.
        text = os.read(handle, _LOCK_SIZE + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
    finally:
        os.close(handle)
    named = _LOCK_TEXT.fullmatch(text)
    return int(named[1]) if named else None


def _leftover_paths(number: int) -> tuple[Path, Path, Path]:
    """The files of a server, in the order in which it creates them."""
    return (FOLDER / f".tX{number}-lock", _lock(number), _socket(number))


def _abstract(number: int) -> str:
    return f"\0{_socket(number)}"


def _lock(number: int) -> Path:
    return FOLDER / f".X{number}-lock"


def _socket(number: int) -> Path:
    return FOLDER / ".X11-unix" / f"X{number}"


_METHOD: Final = b"MIT-MAGIC-COOKIE-1"
_WILD: Final = 0xFFFF  # the entry for any address and display
_LITTLE_ENDIAN: Final = ord("l")


@dataclass(frozen=True, slots=True)
class Authority:
    """A cookie, and the file that gives it to the server and its clients."""

    path: Path
    cookie: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def ensure_file(self) -> Path:
        """The file, written again if it is gone, which only its owner can read.

        Raises:
            HostError, StudioError: The file cannot be written.
        """
        if not self.path.exists():  # it may have been removed with its folder
            entry = struct.pack(">H", _WILD) + b"".join(map(_with_length, (b"", b"", _METHOD, self.cookie)))
            try:
                private_file.replace(self.path, entry)
            except OSError as error:
                doing = "the key of the display cannot be kept"
                raise os_errors.host_error(error, doing) or StudioError(f"{doing}: {error.strerror}") from None
        return self.path

    @property
    def greeting(self) -> bytes:
        """The set-up request of the X protocol, version 11.0, with the cookie."""
        lengths = struct.pack("<BxHHHHxx", _LITTLE_ENDIAN, 11, 0, len(_METHOD), len(self.cookie))
        return lengths + _pad(_METHOD) + _pad(self.cookie)


@contextmanager
def authority_in(folder: Path) -> Iterator[Authority]:
    """A new cookie whose file in the folder is removed afterwards."""
    authority = Authority(folder / f"authority-{secrets.token_hex(4)}")
    try:
        yield authority
    finally:
        private_file.remove(authority.path)


def _with_length(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def _pad(text: bytes) -> bytes:
    return text + bytes(-len(text) % 4)
