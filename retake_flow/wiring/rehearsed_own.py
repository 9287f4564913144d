"""Rehearsed own actions: programs and requests of a flow's own in a rehearsal, which may answer them itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from retake_flow.actions.own.run_program import Programs
from retake_flow.api.http.own_request import OwnRequest, OwnResponse, send
from retake_flow.errors import RequestRefused
from retake_flow.flow.load.functions import called_function
from retake_flow.ports.services import Service
from retake_flow.rehearsal.setup.own_answers import OwnAnswer
from retake_flow.settings import is_loopback
from retake_flow.studio.own_program import OwnProgram, Ran

Answers = Mapping[str, OwnAnswer]


class RehearsedPrograms:
    """Programs of which some are answered by the rehearsal; the others really run.

    Args:
        programs: Starts the others.
        answers: By the name in `command`, or MODULE:FUNCTION.
    """

    def __init__(self, programs: Programs, answers: Answers) -> None:
        self._programs = programs
        self._answers = answers

    async def run(self, program: OwnProgram, timeout: float) -> Ran:
        """End as the rehearsal says, or run."""
        answer = self._answer(program)
        if answer is None:
            return await self._programs.run(program, timeout)
        said = f"{program.shown} ended with status {answer.status or 0}"
        lines = f"; its last lines: {answer.error}" if answer.error else ""
        return Ran(answer.status or 0, answer.output.encode(), said + lines)

    def listen(self, program: OwnProgram, hear: Callable[[bytes], None]) -> AbstractAsyncContextManager[Service]:
        """Write the lines that the rehearsal says, and go on; or run."""
        answer = self._answer(program)
        return self._programs.listen(program, hear) if answer is None else _speaking(answer, hear)

    def _answer(self, program: OwnProgram) -> OwnAnswer | None:
        return self._answers.get(called_function(program.command) or program.command[0])


@asynccontextmanager
async def _speaking(answer: OwnAnswer, hear: Callable[[bytes], None]) -> AsyncIterator[Service]:
    for line in answer.output.splitlines():
        hear(line.encode())
    yield _Silent()


class _Silent:
    value: Mapping[str, Any] = {}

    async def wait(self) -> str:
        """Never end."""
        await asyncio.Event().wait()
        return ""


def sender(answers: Answers) -> Callable[[OwnRequest, float], Awaitable[OwnResponse]]:
    """Sends requests to this machine only; those that the rehearsal answers go nowhere.

    Args:
        answers: By the address, without the query.
    """

    async def send_confined(request: OwnRequest, timeout: float) -> OwnResponse:
        """Send a request, or answer it."""
        answer = answers.get(request.url.partition("?")[0])
        if answer is not None:
            return OwnResponse(request.url, answer.status or 200, {}, answer.output.encode())
        if not is_loopback(urlsplit(request.url).hostname):
            raise RequestRefused(
                f"{request.shown}: a rehearsal asks nobody beyond this machine",
                hint="say how it answers under `own` in --rehearsal-options",
            )
        return await send(request, timeout)

    return send_confined
