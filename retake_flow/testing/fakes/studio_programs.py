"""Fake programs: those of a fake studio, with their faults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from retake_flow.errors import NotReady, ProcessFailed, PushClosed, StudioError

#: The parts of the studio by name: the program, and the seconds that it takes to start.
PARTS: Final[Mapping[str, tuple[str, float]]] = {
    "display": ("Xvfb", 0.1),
    "sound": ("pulseaudio", 0.1),
    "window manager": ("openbox", 0.2),
    "content window": ("xterm", 0.4),
    "page": ("chromium", 1.0),
    "terminal": ("xterm", 0.4),
    "program": ("program", 0.4),
    "player": ("mpv", 0.3),
    "encoder": ("ffmpeg", 0.6),
    "screenshot": ("scrot", 0.15),
}
READY_WITHIN = 20.0

Way = Literal["is missing", "gets no memory", "has a defect", "never becomes ready", "fails", "dies"]


@dataclass(slots=True)
class Trouble:
    """A fault of the studio.

    Attributes:
        part: The part that fails, as in `PARTS`.
        way: How it fails.
        after: Seconds from being ready to dying, if it dies.
        times: How many starts are affected; None for all.
        skips: How many starts succeed first.
    """

    part: str
    way: Way
    after: float = 0.0
    times: int | None = 1
    skips: int = 0


@dataclass(eq=False)
class Program:
    """A fake program; a `retake_flow.ports.actions.Service`."""

    part: str
    value: Mapping[str, Any]
    stalled: bool = False
    reason: str = ""
    error: StudioError | None = None
    ready_at: float | None = None
    _dead: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """The name of the real program."""
        return PARTS[self.part][0]

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return not self._dead.is_set()

    def die(self, reason: str) -> None:
        """End it; only the first death counts."""
        if self.alive:
            self.reason = f"{self.name} {reason}"
            self._dead.set()

    def is_thrown_off(self, reason: str) -> None:
        """End it because the ingest has closed its push."""
        if self.alive:
            self.error = PushClosed(f"the platform's ingest has closed the push: {reason}")
        self.die("ended with status 1")

    async def update(self, state: Mapping[str, Any]) -> None:
        """Take a state, as a page does."""

    async def wait(self) -> str:
        """Wait until it ends, and return the reason."""
        await self._dead.wait()
        if self.error is not None:
            raise self.error
        return self.reason


async def become_ready(program: Program, trouble: Trouble | None) -> None:
    """Wait as long as a program takes to start, and fail as its trouble says."""
    way = "" if trouble is None else trouble.way
    seconds = READY_WITHIN if way == "never becomes ready" else PARTS[program.part][1]
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await program.wait()
    if way == "never becomes ready":
        raise NotReady(f"{program.name} was not ready within {seconds:g} s")
    if way == "fails":
        program.die("ended with status 1")
    if not program.alive:
        raise ProcessFailed(f"{program.name} ended before it was ready: {program.reason}")
