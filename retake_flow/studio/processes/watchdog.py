"""Watchdog: waits for the end of programs, and ends those that are alive but make no progress."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from retake_flow.studio.processes.process import Process
from retake_flow.tasks import beside, first_of

_LOOK_SECONDS = 0.25
_ASKED_EVERY = 1.0  # seconds
_DIES_WITHIN = 1.0  # seconds; a kill is only slow when the kernel itself is stuck

#: A server that is alive but does not answer for this long is ended, before the encoder counts as stalled.
SILENCE_SECONDS = 4.0

Beat = Callable[[], object]


async def wait_while_answering(process: Process, ask: Callable[[], Awaitable[bool]]) -> str:
    """Wait until a server ends or has not answered for `SILENCE_SECONDS`; one that hangs is killed.

    `ask` asks the server once; true when it answers. It may wait for the answer for ever.

    Returns:
        Why it ended, in words for a person.
    """
    unanswered = until_unanswered(SILENCE_SECONDS, ask)
    return await _wait(process, unanswered, f"{process.name} has not answered for {SILENCE_SECONDS:g} s")


async def wait_while_sending(process: Process, within: float, *beats: Beat) -> str:
    """Wait until a program ends or one of `beats` has returned the same value for `within` seconds; then it is killed.

    Returns:
        Why it ended, in words for a person.
    """
    return await _wait(process, until_stalled(within, *beats), f"{process.name} has sent nothing for {within:g} s")


async def until_stalled(within: float, *beats: Beat) -> None:
    """Wait until one of `beats` has returned the same value for `within` seconds.

    Stalls are counted in samples, not seconds, so a suspended process or machine triggers nothing.
    """
    seen = [beat() for beat in beats]
    missed = [0] * len(beats)
    while max(missed) * _LOOK_SECONDS < within:
        await asyncio.sleep(_LOOK_SECONDS)
        for number, beat in enumerate(beats):
            now = beat()
            missed[number] = 0 if now != seen[number] else missed[number] + 1
            seen[number] = now


async def until_unanswered(within: float, ask: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a server that is asked again and again has not answered for `within` seconds."""
    answers = 0

    async def go_on_asking() -> None:
        nonlocal answers
        while True:
            answers += await ask()
            await asyncio.sleep(_ASKED_EVERY)

    async with beside(go_on_asking(), "watchdog"):
        await until_stalled(within, lambda: answers)


async def _wait(process: Process, silence: Coroutine[Any, Any, None], silent: str) -> str:
    async with first_of(process.wait(), silence) as (death, _):
        if death.done():
            return death.result()
        process.send_signal(signal.SIGKILL)  # it would not react to a request to end, nor would those who wait for it
        await process.exits_within(_DIES_WITHIN)  # so that it is dead when the reason is reported
        return silent
