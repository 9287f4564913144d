"""Own programs: a flow's programs, run to their end or read line by line."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from retake_flow.errors import NotReady, ProcessFailed, SettingsError
from retake_flow.flow.load.functions import called_function
from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import scrub
from retake_flow.sanitize import cut
from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio.media import Media
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import PACE, LimitedOutput, ProcessService, ProcessSpec
from retake_flow.studio.programs import command_in
from retake_flow.tasks import first_of

#: The longest standard output of a program, in bytes; of a service, its longest line.
MOST_OUTPUT: Final = 64 * 1024
_LONGEST_SHOWN: Final = 80  # characters of a command in messages


@dataclass(frozen=True, slots=True)
class OwnProgram:
    """A program to run.

    Attributes:
        command: The program and its arguments; a name with a `/` begins at the flow's file.
        env_from: Variables that it gets: the name in the program, and ours.
        folder: Where it runs, relative to the flow's file.
    """

    command: tuple[str, ...]
    given: bytes = b""
    env_from: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."

    @property
    def label(self) -> str:
        """The command, or the function that it calls, for messages."""
        name, *arguments = self.command
        words = called_function(self.command) or " ".join([Path(name).name, *arguments])
        return scrub(cut(words, _LONGEST_SHOWN))


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """How a program ended.

    Attributes:
        message: How it ended, with its last lines, free of secrets.
    """

    status: int
    output: bytes = b""
    message: str = ""


class OwnPrograms:
    """Starts the own programs of one run; `retake_flow.actions.own.run_program.Programs`."""

    def __init__(self, launcher: Launcher, media: Media) -> None:
        self._launcher = launcher
        self._media = media

    async def run(self, program: OwnProgram, timeout: float) -> ProgramResult:
        """Run a program to its end.

        Raises:
            MissingProgram, HostError: It cannot be started.
            SettingsError: A variable that it needs is not set.
            NotReady: It did not end within `timeout` seconds; it was ended.
            ProcessFailed: It wrote more than `MOST_OUTPUT` bytes; it was ended.
        """
        output = LimitedOutput(MOST_OUTPUT)
        async with self._launcher.process(self._spec(program), stdout=output.take) as process:
            process.finish(program.given)
            async with first_of(process.wait(), output.exceeded.wait(), timeout):
                late = process.alive
            if not late:
                await process.wait()  # for the rest of its output
            if output.exceeded.is_set():
                process.send_signal(signal.SIGKILL)
                message = f"{program.label} wrote more than {MOST_OUTPUT // 1024} KiB"
                raise _unsure(ProcessFailed(message, hint="let it write long output to a file"))
            if late:
                message = process.with_lines(f"{program.label} did not end within {timeout:g} s")
                raise _unsure(NotReady(message, hint="give it more time by `timeout`"))
            message = process.with_lines(f"{program.label} {process.ending}")
            return ProgramResult(process.status or 0, bytes(output.data), message)

    @asynccontextmanager
    async def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AsyncIterator[ProcessService]:
        """A program that runs until the context is left; `hear` gets each line of its standard output.

        Raises:
            MissingProgram, HostError: It cannot be started.
            SettingsError: A variable that it needs is not set.
        """
        async with self._launcher.process(self._spec(program), stdout=_Lines(hear).feed) as process:
            process.finish(program.given)
            yield ProcessService(process, {})

    def _spec(self, program: OwnProgram) -> ProcessSpec:
        for source in program.env_from.values():
            if not self._launcher.is_set(source):
                raise SettingsError(
                    f"the variable {source}, which {Path(program.command[0]).name} needs, is not set",
                    hint=f"export {source}=…",
                )
        return ProcessSpec(
            argv=command_in(self._media.home, program.command),
            variables=(*NETWORK, *PYTHON),
            renamed=program.env_from,
            folder=self._media.inside(program.folder),
            fed=True,
            pace=PACE,
        )


class _Lines:
    """Cuts output into lines, each of at most `MOST_OUTPUT` bytes."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._partial = b""

    def feed(self, data: bytes) -> None:
        *whole, rest = (self._partial + data).split(b"\n")
        self._partial = rest[: MOST_OUTPUT + 1]
        for line in whole:
            if line.strip():
                self._hear(line[: MOST_OUTPUT + 1])


def _unsure(error: NotReady | ProcessFailed) -> NotReady | ProcessFailed:
    error.unsure = True
    return error
