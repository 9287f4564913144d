"""Fake programs of a flow: none starts; each ends as the test says, else with status 0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from retake_flow.flow.load.functions import called_function
from retake_flow.studio.own_program import OwnProgram, Ran


@dataclass
class FakePrograms:
    """Programs in place of a flow's; a `retake_flow.actions.own.run_program.Programs`.

    Attributes:
        ends: How they end, by the name in `command`, or MODULE:FUNCTION.
        writes: The lines that they write as services, by the same.
        started: The programs that were started.
    """

    ends: Mapping[str, Ran] = field(default_factory=dict)
    writes: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    started: list[OwnProgram] = field(default_factory=list)

    async def run(self, program: OwnProgram, timeout: float) -> Ran:
        """End at once."""
        self.started.append(program)
        return self.ends.get(_named(program), Ran(0, message=f"{program.shown} ended with status 0"))

    @asynccontextmanager
    async def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AsyncIterator[_Running]:
        """Write all lines at once, and run on."""
        self.started.append(program)
        for line in self.writes.get(_named(program), ()):
            hear(line)
        yield _Running()


def _named(program: OwnProgram) -> str:
    return called_function(program.command) or program.command[0]


class _Running:
    value: Mapping[str, Any] = {}

    async def wait(self) -> str:
        """Never end."""
        await asyncio.Event().wait()
        return ""
