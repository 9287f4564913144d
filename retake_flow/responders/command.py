"""Command responder: a program of the operator's answers chat.

It reads one JSON line for each batch of messages and answers each with one JSON line, `{"replies": ["…"]}`. An answer
counts as a whole or not at all, so there is no reply to a batch that has to be sent again.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from retake_flow.errors import MissingProgram, ResponderFailed, RetakeFlowError
from retake_flow.flow import duration
from retake_flow.ports.responders import Answer, Batch
from retake_flow.responders import replies
from retake_flow.responders.schema import THINKS
from retake_flow.sanitize import one_line
from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher, lacking_hint
from retake_flow.studio.processes.process import PACE, Process, ProcessSpec
from retake_flow.tasks import first_of

MOST_NOTES = 20  # lines of standard error per batch in the journal

_HINT = (
    f"it answers each line with one line, {replies.FORM}, at once and not buffered; "
    "other words belong on standard error"
)
_PLACES = (
    "`command` names it from the folder of the flow's file when there is a `/` in it, else it is looked up on the PATH"
)

_RUNS = "the program in `command` runs in the folder of the flow's file, so a script is named from there"
_SCRIPTS = (".py", ".sh", ".js")
_PATHS = ("/", "./", "../")

Note = Callable[..., None]


@asynccontextmanager
async def open_responder(
    launcher: Launcher, folder: Path, settings: Mapping[str, Any], note: Note
) -> AsyncIterator[CommandResponder]:
    """The program that a flow names, started at the first request and restarted after it ends; it ends with this
    context.
    """
    named = map(str, settings.get("variables", ()))
    spec = ProcessSpec(
        argv=tuple(map(str, settings["command"])),
        variables=(*NETWORK, *PYTHON, *named),
        folder=folder,
        fed=True,
        pace=PACE,
        hint=_HINT,
    )
    responder = CommandResponder(launcher, spec, duration.seconds(settings.get("timeout", THINKS)), note)
    try:
        yield responder
    finally:
        await responder.end()


def program(name: str, folder: Path, environment: Mapping[str, str]) -> str:
    """The program under a name: a name with a `/` is relative to the folder, others are on the PATH.

    Raises:
        MissingProgram: It does not exist.
    """
    place = str((folder / name).absolute()) if "/" in name else name
    if programs.find(place, environment) is None:
        problem = "does not exist or may not be executed" if "/" in name else "is not installed"
        raise MissingProgram(f"the responder's program {one_line(place)} {problem}", hint=_PLACES)
    return place


def script(arguments: Sequence[object], folder: Path) -> None:
    """Make sure that the script of a command exists: its first argument that is not an option.

    An argument counts as a script by its ending or, if it comes first, by starting like a path. Others may be anything,
    such as the name of a model or a file that is yet to be written.

    Raises:
        MissingProgram: It does not exist.
    """
    words = [word for word in arguments if not (isinstance(word, str) and word.startswith("-"))]
    if not words or not isinstance(words[0], str) or "{{" in words[0]:
        return
    named, path_like = words[0], words[0] is arguments[0] and words[0].startswith(_PATHS)
    if (named.endswith(_SCRIPTS) and not any(map(str.isspace, named))) or path_like:
        place = (folder / named).absolute()
        if not os.path.exists(place):
            raise MissingProgram(f"the responder's script {one_line(str(place))} does not exist", hint=_RUNS)


class CommandResponder:
    """Asks the program; a `retake_flow.ports.responders.Responder`."""

    def __init__(self, launcher: Launcher, spec: ProcessSpec, within: float, note: Note) -> None:
        self._launcher = launcher
        self._spec = spec
        self._within = within
        self._note = note
        self._process: Process | None = None
        self._running = AsyncExitStack()
        self._answers = _Lines()
        self._said: list[str] = []
        self._more = 0

    async def respond(self, batch: Batch) -> Answer:
        """The program's replies to new messages.

        Raises:
            ResponderFailed: It did not answer in time, ended, or gave something else; it is restarted next time.
            MissingProgram: It cannot be found.
        """
        try:
            async with asyncio.timeout(self._within):
                process = await self._start()
                process.write(json.dumps(asdict(batch), ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                return replies.read(await self._answers.next(process), process.name, _HINT)
        except TimeoutError:
            await self.end()
            message = f"{self._spec.name} gave no answer within {duration.exact(self._within)}"
            raise ResponderFailed(message, hint=_HINT) from None
        except RetakeFlowError as error:
            error.hint = self._lacking() or error.hint
            await self.end()
            raise
        finally:
            self._tell()

    async def end(self) -> None:
        """End the program, if it runs."""
        self._process = None
        await self._running.aclose()

    async def _start(self) -> Process:
        """The running program, without leftover output."""
        if self._process is not None and not self._process.alive:
            self._hear(f"{await self._process.wait()}; it is started again")
            await self.end()
        if self._process is None:
            self._answers = _Lines()
            opening = self._launcher.process(self._find_program(), stdout=self._answers.hear, line=self._hear)
            self._process = await self._running.enter_async_context(opening)
        for line in self._answers.take_all():
            self._hear(f"not asked: {replies.excerpt(line)}")
        return self._process

    def _find_program(self) -> ProcessSpec:
        """The command to start, once it is known to exist."""
        name, *arguments = map(str, self._spec.argv)
        folder = self._spec.folder or Path()
        if not folder.is_dir():
            raise ResponderFailed(f"the folder {one_line(str(folder))}, where {name} is to run, is not there any more")
        return replace(self._spec, argv=(program(name, folder, self._launcher.environment), *arguments))

    def _lacking(self) -> str:
        lines = self._process.lines if self._process else ()
        return lacking_hint(self._launcher.withheld_variables(self._spec, lines))

    def _hear(self, line: str) -> None:
        """Keep the program's other output, up to the limit of what is recorded."""
        if len(self._said) < MOST_NOTES:
            self._said.append(line)
        else:
            self._more += 1

    def _tell(self) -> None:
        """Record the program's other output."""
        lines = [*self._said, *([f"and {self._more} more lines"] if self._more else [])]
        self._said, self._more = [], 0
        for line in lines:
            self._note("responder_said", text=line)


class _Lines:
    """The output of a program, line by line."""

    def __init__(self) -> None:
        self._whole: deque[bytes] = deque()
        self._partial = b""
        self._news = asyncio.Event()

    def hear(self, data: bytes) -> None:
        *whole, self._partial = (self._partial + data).split(b"\n")
        if len(self._partial) > replies.LONGEST:
            whole, self._partial = [*whole, self._partial], b""
        self._whole.extend(whole[: MOST_NOTES - len(self._whole)])  # more is not needed
        if whole:
            self._news.set()

    def take_all(self) -> list[bytes]:
        """Remove and return the lines that answer no request."""
        lines = [line for line in self._whole if line.strip()]
        self._whole.clear()
        self._news.clear()
        return lines

    async def next(self, process: Process) -> bytes:
        """The next line, once it has arrived."""
        async with first_of(self._news.wait(), process.wait()) as (_, death):
            if not self._whole:
                raise ResponderFailed(f"{await death} before it answered", hint=_HINT)
        return self._whole.popleft()
