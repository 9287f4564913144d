"""Ctrl-C and SIGTERM, with real signals to this process."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, cast

import pytest

from retake_flow.cli.interrupts import Interrupts
from retake_flow.engine.runner import Runner


class Told:
    """Stands for a run: notes what it is told."""

    def __init__(self) -> None:
        self.over = False
        self.parked = False
        self.heard: list[str] = []
        self.arrived = asyncio.Event()

    def stop(self, reason: str) -> None:
        self.heard.append(f"stop: {reason}")
        self.arrived.set()

    def suspend(self) -> None:
        self.heard.append("suspend")
        self.arrived.set()

    def kill(self) -> None:
        self.heard.append("kill")
        self.arrived.set()


async def send(told: Told, number: signal.Signals) -> None:
    """Send a signal and wait until the run was told."""
    told.arrived.clear()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(told.arrived.wait(), 5)


def interrupted(interrupts: Interrupts, told: Told) -> Interrupts:
    """Let interruptions be for this run."""
    interrupts.of(cast(Runner, cast(Any, told)))
    return interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_stops_and_the_second_kills(number: signal.Signals) -> None:
    """One interruption asks the run to end in order, each one after it ends the run at once."""

    async def scene() -> tuple[list[str], int]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            for _ in range(3):
                await send(told, number)
        return told.heard, interrupts.count

    assert asyncio.run(scene()) == (["stop: interrupted", "kill", "kill"], 3)


def test_a_run_that_is_ending_can_still_be_killed() -> None:
    """Between a stop and its end the second interruption is heard; after the end nothing is."""

    async def scene() -> list[str]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            await send(told, signal.SIGINT)
            await send(told, signal.SIGINT)
            told.over = True
            interrupts.interrupt()
        return told.heard

    assert asyncio.run(scene()) == ["stop: interrupted", "kill"]


def test_a_run_that_waits_for_a_person_is_left_and_not_stopped() -> None:
    """Where nothing but a person is waited for, the first interruption suspends the run."""

    async def scene() -> list[str]:
        told = Told()
        told.parked = True
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            await send(told, signal.SIGINT)
        return told.heard

    assert asyncio.run(scene()) == ["suspend"]


def test_a_run_that_comes_after_the_interruption_hears_of_it() -> None:
    """Of several runs, one that is taken up later is stopped as well, and not killed by the next interruption alone."""

    async def scene() -> tuple[list[str], list[str]]:
        first, second = Told(), Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, first)
            await send(first, signal.SIGINT)
            interrupted(interrupts, second)
        return first.heard, second.heard

    assert asyncio.run(scene()) == (["stop: interrupted"], ["stop: interrupted"])


def test_before_there_is_a_run_the_preparation_is_broken_off() -> None:
    """An interruption during the preparation ends it, and shows as an interruption, not as a cancelled task."""

    async def scene() -> None:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(scene())


def test_the_signals_are_given_back() -> None:
    """After a run an interruption means again what it meant before."""
    before = signal.getsignal(signal.SIGTERM)

    async def scene() -> None:
        with Interrupts():
            assert signal.getsignal(signal.SIGTERM) is not before

    asyncio.run(scene())
    assert signal.getsignal(signal.SIGTERM) is before
