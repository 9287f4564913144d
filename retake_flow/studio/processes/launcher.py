"""Launcher: starts programs and reliably ends them. No other module starts children.

A program is an asynchronous context manager. Entering starts it and waits until it is ready. Leaving, in whatever way,
ends it and everything it started: it is asked to end, then killed, then a sweep finds what got away. Each child carries
the run's marker in its environment, so that processes that outlive even this one can be found again.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import re
import secrets
import signal
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from retake_flow import os_errors
from retake_flow.errors import HostError, MissingProgram, NotReady, ProcessFailed, RetakeFlowError, SecretRefused
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import TOKEN_PREFIX, Secret
from retake_flow.settings import NETWORK, PYTHON, program_environment
from retake_flow.studio import programs
from retake_flow.studio.processes import stragglers
from retake_flow.studio.processes.process import LimitedOutput, Output, Process, ProcessSpec
from retake_flow.tasks import first_of

if TYPE_CHECKING:
    import psutil


RUN_VARIABLE = "RETAKE_FLOW_RUN"
PROCESS_VARIABLE = "RETAKE_FLOW_PROCESS"
LONGEST_OUTPUT: Final = 64 << 20  # bytes, of a program that runs to its end
_SHORTEST_KEY: Final = 8  # characters; a shorter value is not a key, and masking it would mask ordinary words

Probe = Callable[[Process], Awaitable[None]]
T = TypeVar("T")

# Not the process id, which may also be that of a program in another visible PID namespace.
_OURS = secrets.token_hex(6)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Completed:
    """The result of a program that ran to its end.

    Attributes:
        lines: The last lines it wrote elsewhere, free of secrets.
        ending: How it ended, in words for a person.
        lasting: Why it failed, if a retry cannot help; None if one may help, or if it did not fail.
    """

    status: int
    stdout: bytes
    lines: tuple[str, ...]
    ending: str
    lasting: HostError | MissingProgram | None = None


class Launcher:
    """Starts the programs of one run."""

    def __init__(self, marker: str, environment: Mapping[str, str]) -> None:
        """Prepare to start programs.

        Args:
            marker: The run's id, put into each child's environment.
            environment: All variables. A child gets those that every program gets, and those that it is started with;
                our own settings, keys and tokens stay here.

        Attributes:
            environment: The variables of every child.
        """
        self.environment = program_environment(environment)
        self._variables = environment
        self._marker = marker

    @asynccontextmanager
    async def process(
        self,
        spec: ProcessSpec,
        ready: Probe | None = None,
        stdout: Callable[[bytes], object] | None = None,
        line: Callable[[str], object] | None = None,
    ) -> AsyncIterator[Process]:
        """A running program, ready for use. When the context is left, it has ended, with everything it started.

        Args:
            spec: The program to start.
            ready: Returns once the program is ready; without it, the program is ready at once.
            stdout: Receives the program's standard output.
            line: Receives each line that it writes elsewhere, free of secrets.

        Raises:
            MissingProgram: It is not installed, or lacks a part that the stream needs.
            HostError: It ended before it was ready, for a reason that only the operator can fix.
            ProcessFailed: It ended before it was ready.
            NotReady: It was not ready within `spec.ready_within` seconds.
        """
        programs.require(str(spec.argv[0]), self.environment)
        marks = {RUN_VARIABLE: self._marker, PROCESS_VARIABLE: f"{_OURS}-{next(_numbers)}"}
        outputs = _outputs(spec) if spec.detached else {}
        process = Process(spec.name, stdout, line, outputs, spec.pace)
        try:
            await _to_the_end(self._start(spec, process, marks, [outputs[fd].fd for fd in outputs]))
            if ready is not None:
                await self._until_ready(process, spec, ready)
            yield process
        finally:
            await _stop(process, spec, marks)

    async def run(
        self, spec: ProcessSpec, timeout: float, given: bytes = b"", longest: int = LONGEST_OUTPUT
    ) -> Completed:
        """Run a program to its end, within `timeout` seconds; the caller judges its exit status.

        A program that is `fed` is given its standard input; its standard output has at most `longest` bytes.

        Raises:
            MissingProgram: It is not installed.
            HostError: It cannot be started here.
            NotReady: It did not end in time; it was ended.
            ProcessFailed: It wrote too much; it was ended.
        """
        output = LimitedOutput(longest)
        async with self.process(spec, stdout=output.take) as process:
            process.finish(given)
            async with first_of(process.wait(), output.exceeded.wait(), timeout) as (ending, _):
                if output.exceeded.is_set():
                    raise ProcessFailed(f"{spec.name} wrote more than {longest} bytes", hint=spec.hint)
                if not ending.done():
                    raise NotReady(f"{spec.name} did not finish within {timeout:g} s", hint=spec.hint)
                said = ending.result()
            return Completed(process.status or 0, bytes(output.data), process.lines, said, self._lasting(process))

    def _lasting(self, process: Process) -> HostError | MissingProgram | None:
        if not process.status:
            return None
        return programs.lasting_failure(process.name, process.status, process.lines, self.environment)

    async def _start(
        self, spec: ProcessSpec, process: Process, marks: Mapping[str, str], outputs: Sequence[int]
    ) -> None:
        stdout, stderr = outputs or (asyncio.subprocess.PIPE, asyncio.subprocess.PIPE)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: process,
                *confining_prefix(self.environment, shares_memory=spec.shares_memory),
                *spec.command(),
                stdin=asyncio.subprocess.PIPE if spec.fed else asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**self._environment(spec), **marks},
                cwd=spec.folder,
                start_new_session=True,  # its own process group, so that Ctrl-C at our terminal does not reach it
            )
        except OSError as error:
            raise _not_started(spec, error) from None

    def _environment(self, spec: ProcessSpec) -> dict[str, str]:
        """All variables of a program."""
        sources = {**{name: name for name in spec.variables}, **spec.renamed}
        sources = {name: source for name, source in sources.items() if source in self._variables}
        ours = [name for name in sources.values() if name.startswith("RETAKE_")]
        assert not ours, f"{spec.name} is to get {ours}"
        named = {name: self._variables[source] for name, source in sources.items()}
        for name, value in named.items():
            if name in (*NETWORK, *PYTHON):
                continue
            if TOKEN_PREFIX in value:
                raise SecretRefused(
                    f"the variable {sources[name]} holds an access token of retake.tv, so {spec.name} was not started",
                    hint="the token goes to retake.tv only; give the program a key of its own",
                )
            if len(value) >= _SHORTEST_KEY:
                Secret(value)  # a program may print it in its last lines
        return {**self.environment, **named, **spec.environment}

    def is_set(self, variable: str) -> bool:
        """Whether a variable of this process is set and not empty."""
        return bool(self._variables.get(variable))

    def withheld_variables(self, spec: ProcessSpec, lines: Iterable[str]) -> list[str]:
        """The variables that a program names in its last lines, and that are set here but not passed to it."""
        words = dict.fromkeys(word for line in lines for word in re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", line))
        given = self._environment(spec)
        return [
            word for word in words if word in self._variables and word not in given and not word.startswith("RETAKE_")
        ]

    async def _until_ready(self, process: Process, spec: ProcessSpec, ready: Probe) -> None:
        async with first_of(ready(process), process.wait(), spec.ready_within) as (probe, death):
            if not process.alive:
                await death  # and with it for the last lines
                await asyncio.wait({probe}, timeout=0)
                if probe.done() and probe.exception() is not None:
                    await probe  # it has read in them what is wrong
                message = process.with_lines(f"{spec.name} {process.ending} before it was ready")
                known = self._lasting(process) or spec.diagnose(process.lines)
                raise known or ProcessFailed(message, hint=spec.hint)
            if not probe.done():
                raise NotReady(
                    process.with_lines(f"{spec.name} was not ready within {spec.ready_within:g} s"), hint=spec.hint
                )
            await probe


def lacking_hint(names: Sequence[str]) -> str:
    """A hint for the operator whose program asks for variables that it does not get; "" without names."""
    if not names:
        return ""
    listed = ", ".join(names)
    return f"a program gets only the variables that are named for it; next to its command, write variables: [{listed}]"


def sweep(marker: str) -> int:
    """Kill everything left of a run, from any process that drove it.

    Returns:
        The number of processes killed.
    """
    return len(stragglers.kill({RUN_VARIABLE: marker}))


def _outputs(spec: ProcessSpec) -> dict[int, Output]:
    opened: dict[int, Output] = {}
    try:
        for fd in (1, 2):
            opened[fd] = Output()
    except OSError as error:
        for output in opened.values():
            output.close()
        raise _not_started(spec, error) from None
    return opened


def _not_started(spec: ProcessSpec, error: OSError) -> RetakeFlowError:
    doing = f"{spec.name} could not be started"
    if error.errno == errno.EAGAIN:
        return HostError(f"{doing}: the limit on processes is reached", hint=os_errors.PROCESSES)
    return os_errors.host_error(error, doing) or ProcessFailed(f"{doing}: {error.strerror}", hint=spec.hint)


async def _stop(process: Process, spec: ProcessSpec, marks: Mapping[str, str]) -> None:
    try:
        process.send_signal(spec.stop_signal)
        await process.exits_within(within=spec.grace)
    finally:
        # Reached at once when the caller is cancelled again. Nothing is awaited before the sweep ends, so nothing can
        # come between.
        process.send_signal(signal.SIGKILL)
        killed = stragglers.kill(marks)
        await _to_the_end(_let_go(process, killed))


async def _let_go(process: Process, killed: Sequence[psutil.Process]) -> None:
    await stragglers.wait_gone(killed)
    await process.close()


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Finish `work` even if the caller is cancelled meanwhile, any number of times; then raise the cancellation."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not report it as lost
        raise cancelled
    return task.result()


# ffmpeg's x11grab and Imlib2 (scrot) make the display write its picture into System V shared memory that every user of
# the machine may read (mode 0777). Neither has an option against this, and ffmpeg cannot use a server without the
# extension. So the kernel refuses them such memory, and the picture comes over the display's socket, as for any program
# without shared memory. For 1280x720 at 30 frames a second that takes a fiftieth of a processor more.

#: By machine name: the kernel's AUDIT_ARCH number, and the number of the system call shmget.
_SHMGET: Final = {
    "x86_64": (0xC000003E, 29),
    "aarch64": (0xC00000B7, 194),
    "riscv64": (0xC00000F3, 194),
    "loongarch64": (0xC0000102, 194),
}

_START: Final = """\
import ctypes, os, sys
parent, refused, *command = sys.argv[1:]
prctl = ctypes.CDLL(None).prctl
prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() != int(parent):
    sys.exit(137)
if refused:
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]
    code = bytes.fromhex(refused)
    prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which only root may refuse itself anything
    prctl(22, 2, ctypes.byref(Program(len(code) // 8, code)), 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
try:
    os.execvp(command[0], command)
except OSError as error:
    sys.exit(f"failed to execute {command[0]}: {error.strerror}")
"""


def confining_prefix(environment: Mapping[str, str], *, shares_memory: bool) -> tuple[str, ...]:
    """The prefix to put before a command; the process id stays the program's.

    The program is killed when the thread that started it ends, so the event loop has to run on the main thread.

    Args:
        environment: The variables with the PATH of programs.
        shares_memory: Whether it may create System V shared memory. It always may if the kernel cannot refuse it.
    """
    setpriv = programs.find("setpriv", environment)
    if shares_memory and setpriv is not None and setpriv.resolve().name != "busybox":
        return (str(setpriv), "--pdeathsig", "KILL")
    # In Python this takes some 10 ms longer to start.
    refused = "" if shares_memory else _refusal().hex()
    return (sys.executable, "-I", "-S", "-c", _START, str(os.getpid()), refused)


def _refusal() -> bytes:
    """A filter for the kernel (seccomp(2)) that makes shmget fail with EPERM; empty on an unknown machine."""
    if os.uname().machine not in _SHMGET:
        return b""
    machine, shmget = _SHMGET[os.uname().machine]
    return b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 4),  # load the architecture that the system call is for
            (0x15, 0, 3, machine),  # allow it if it is another one
            (0x20, 0, 0, 0),  # load its number
            (0x15, 0, 1, shmget),  # allow it if it is another one
            (0x06, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO with EPERM
            (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        )
    )
