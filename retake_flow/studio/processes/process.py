"""Process: a program to start, as data, and a running one seen from outside: its state, its last lines, its end."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from retake_flow.errors import RetakeFlowError
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import Secret, scrub
from retake_flow.sanitize import strip_controls
from retake_flow.tasks import elapse, first_of

#: How many bytes are read a second from programs of the operator, so that a flood of output costs the stream nothing.
PACE: Final = 64 * 1024.0


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program to start.

    Attributes:
        argv: The command line; secrets in it are revealed to the program only.
        wrapper: Words before the command line: a program that becomes the one to start, such as with another user.
        environment: Variables in addition to those that every program has.
        variables: Names of variables that are passed on from our environment.
        renamed: Variables that are passed on under another name: the name in the program, and ours.
        folder: The working folder, or None for the current one.
        shares_memory: Whether it may create System V shared memory. Programs that capture a display must not.
        fed: Whether it reads data from standard input; otherwise its standard input is empty.
        detached: Whether it keeps running while we are stopped (SIGSTOP, a suspended container), whatever it writes:
            its output goes into files in memory instead of pipes that would fill up.
        pace: How many bytes of its outputs are read a second; if it writes more, it has to wait. None for all.
        ready_within: The time until it has to be ready, in seconds.
        stop_signal: The signal that asks it to end.
        grace: The time to end after being asked, in seconds; then it is killed.
        hint: What the operator can do when it does not start.
        diagnose: Finds in its last lines why it ended before it was ready; None when they do not say.
    """

    argv: tuple[str | Secret, ...]
    wrapper: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    shares_memory: bool = True
    fed: bool = False
    detached: bool = False
    pace: float | None = None
    ready_within: float = 20.0
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 3.0
    hint: str = ""
    diagnose: Callable[[Sequence[str]], RetakeFlowError | None] = lambda lines: None

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(str(self.argv[0])).name

    def command(self) -> list[str]:
        """The command line with its secrets revealed, only for starting the program."""
        return [*self.wrapper, *(part.reveal() if isinstance(part, Secret) else part for part in self.argv)]


#: The bytes read at once; of more, only the end is read, so that a reader catches up quickly after a suspension.
LONGEST_UNREAD: Final = 64 * 1024
#: The bytes kept after reading, before their space is freed; a multiple of the size of a page.
_FREED: Final = 64 * 1024


class Output:
    """A file in memory that a program appends to."""

    def __init__(self) -> None:
        """Create the file.

        Raises:
            OSError: This machine does not allow such a file.
        """
        self.fd = os.memfd_create("output", os.MFD_CLOEXEC)
        fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_APPEND)
        self._at = 0
        self._freed = 0

    def read(self) -> bytes:
        """The output since the last call; of a lot, only the last lines."""
        if self.fd < 0:
            return b""
        size = os.fstat(self.fd).st_size
        if size < self._at:  # the program emptied it
            self._at = self._freed = 0
        skipped = size - self._at - LONGEST_UNREAD
        if skipped > 0:
            self._at += skipped
        data = os.pread(self.fd, LONGEST_UNREAD, self._at)
        self._at += len(data)
        self._free()
        return data.partition(b"\n")[2] if skipped > 0 else data

    def _free(self) -> None:
        """Free the memory of what was read; the file keeps its length, so that nothing written meanwhile is lost."""
        read = (self._at - self._freed) // _FREED * _FREED
        if read:
            with suppress(OSError, ValueError), mmap.mmap(self.fd, read, offset=self._freed) as done:
                done.madvise(mmap.MADV_REMOVE)
            self._freed += read

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1


class LimitedOutput:
    """The standard output of a program, up to a length in bytes; `exceeded` is set once there is more."""

    def __init__(self, longest: int) -> None:
        self.data = bytearray()
        self.exceeded = asyncio.Event()
        self._longest = longest

    def take(self, data: bytes) -> None:
        """Keep more output."""
        self.data += data
        if len(self.data) > self._longest:
            del self.data[self._longest :]
            self.exceeded.set()


KEPT_LINES = 20
_TOLD_LINES = 3
LONGEST_LINE = 300
# A program that never ends its line must not fill our memory.
LONGEST_PARTIAL = 64 * 1024
# A program's last output may arrive after the news of its end; a grandchild may hold the pipe open for ever.
DRAIN_SECONDS = 0.5
# ffmpeg says this when it may not share memory (`launcher.confining_prefix`), which is intended.
_UNSHARED: Final = "Could not get shared memory buffer"
# How often (seconds) an output that is not a pipe is checked: often while a program starts and the caller waits for it.
_LOOKS_SOON, _LOOKS = 0.02, 0.2
_STARTS_WITHIN = 10.0


#: The ids of the processes that asyncio waits for.
watched: Final[set[int]] = set()


class Process(asyncio.SubprocessProtocol):
    """A started program.

    Only the event loop calls the methods of `asyncio.SubprocessProtocol`.
    """

    def __init__(
        self,
        name: str,
        stdout: Callable[[bytes], object] | None = None,
        line: Callable[[str], object] | None = None,
        outputs: Mapping[int, Output] | None = None,
        pace: float | None = None,
    ) -> None:
        """Prepare to watch a program.

        Args:
            name: Its name, for messages.
            stdout: Receives its standard output; without it, that output counts as lines like any other.
            line: Receives each line.
            outputs: Its outputs that are not pipes, by descriptor; they are closed with it.
            pace: How many bytes are read a second from each pipe; None for all.
        """
        self.name = name
        self._stdout = stdout
        self._line = line
        self._outputs = outputs or {}
        self._pace = pace
        self._looking: asyncio.TimerHandle | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._partial = {1: b"", 2: b""}
        self._exited = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group; 0 when it never started."""
        return (self._transport.get_pid() or 0) if self._transport else 0

    @property
    def status(self) -> int | None:
        """The exit status, negative for the signal that killed it; None while it runs."""
        return self._transport.get_returncode() if self._transport else None

    @property
    def alive(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._transport is not None and self.status is None

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines it wrote, free of secrets."""
        return tuple(self._lines)

    @property
    def ending(self) -> str:
        """How it ended, without its name: `ended with status 1`, `was killed by signal 9`."""
        status = self.status or 0
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"

    def with_lines(self, sentence: str) -> str:
        """A sentence about it, with its last lines, if there are any."""
        lines = self.lines[-_TOLD_LINES:]
        return f"{sentence}; its last lines: {' / '.join(lines)}" if lines else sentence

    async def wait(self) -> str:
        """Wait until the program ends.

        Returns:
            Why, in words for a person, free of secrets.
        """
        await self._exited.wait()
        await _at_most(DRAIN_SECONDS, self._closed)
        last = f": {self._lines[-1]}" if self._lines and (self.status or 0) >= 0 else ""
        return f"{self.name} {self.ending}{last}"

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its process group, if it still lives."""
        # Once it is reaped, another process may get its id; the sweep finds the rest of the group.
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def write(self, data: bytes) -> None:
        """Write to its standard input. This has no effect once the program no longer reads."""
        pipe = self._transport.get_pipe_transport(0) if self._transport else None
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.WriteTransport", pipe).write(data)

    def finish(self, data: bytes) -> None:
        """Write to its standard input and close it. This has no effect once the program no longer reads."""
        pipe = self._transport.get_pipe_transport(0) if self._transport else None
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.WriteTransport", pipe).write(data)
            pipe.close()  # pending data is written first

    async def exits_within(self, within: float) -> bool:
        """Wait at most `within` seconds for its end, and return whether it came."""
        return not self.alive or await _at_most(within, self._exited)

    async def close(self) -> None:
        """Close the outputs of a killed program."""
        if self._looking is not None:
            self._looking.cancel()
        for output in self._outputs.values():
            output.close()
        if self._transport is None:
            return
        await _at_most(DRAIN_SECONDS, self._closed)
        self._transport.close()
        await _at_most(DRAIN_SECONDS, self._closed)

    def read_output(self) -> None:
        """Read the output that does not come through a pipe now, and not only at the next interval."""
        for fd, output in self._outputs.items():
            if data := output.read():
                self.pipe_data_received(fd, data)

    # --- called by the event loop ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called when the program has started."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        watched.add(self.pid)
        if self._outputs:
            self._look(asyncio.get_running_loop().time() + _STARTS_WITHIN)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Called with output of the program."""
        if self._pace is not None and self.alive:
            self._pause(fd, len(data) / self._pace)
        if fd == 1 and self._stdout is not None:
            self._stdout(data)
            return
        *whole, rest = re.split(rb"[\r\n]+", self._partial[fd] + data)
        self._partial[fd] = rest[:LONGEST_PARTIAL]
        for line in whole:
            self._keep(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Called when the program closes an output."""
        if fd in self._partial:
            self._keep(self._partial[fd])
            self._partial[fd] = b""

    def process_exited(self) -> None:
        """Called when the program has ended."""
        watched.discard(self.pid)
        for fd in self._partial:
            self._resume(fd)
        self.read_output()
        for fd in self._outputs:
            self.pipe_connection_lost(fd, None)
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called when the program has ended and all its outputs are closed."""
        self._closed.set()

    def _pause(self, fd: int, seconds: float) -> None:
        """Read nothing more for some time, so that the program waits and others have the processor."""
        pipe = self._transport.get_pipe_transport(fd) if self._transport else None
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.ReadTransport", pipe).pause_reading()
            asyncio.get_running_loop().call_later(seconds, self._resume, fd)

    def _resume(self, fd: int) -> None:
        pipe = self._transport.get_pipe_transport(fd) if self._transport else None
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.ReadTransport", pipe).resume_reading()

    def _look(self, started: float) -> None:
        self.read_output()
        if self.alive:
            loop = asyncio.get_running_loop()
            pause = _LOOKS_SOON if loop.time() < started else _LOOKS
            self._looking = loop.call_later(pause, self._look, started)

    def _keep(self, line: bytes) -> None:
        # Scrubbed before it is cut, so that no part of a secret remains.
        text = scrub(strip_controls(line.decode(errors="replace"))).replace("\n", " ").strip()[:LONGEST_LINE]
        if text and _UNSHARED not in text:
            self._lines.append(text)
            if self._line is not None:
                self._line(text)


async def _at_most(seconds: float, event: asyncio.Event) -> bool:
    async with first_of(event.wait(), elapse(seconds)):
        return event.is_set()


@dataclass(frozen=True, slots=True)
class ProcessService:
    """A running program with its data for others; a `retake_flow.ports.actions.Service`."""

    process: Process
    value: Mapping[str, Any]

    async def wait(self) -> str:
        """Wait until the program ends, and return why."""
        return await self.process.wait()
