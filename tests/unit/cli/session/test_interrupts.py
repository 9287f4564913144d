"""Signals, with real ones to this process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from retake_flow.cli.session.interrupts import Interrupts
from retake_flow.engine.driver.runner import Runner


class Told:
    """Stands for a run: notes what it is told."""

    def __init__(self) -> None:
        self.over = False
        self.is_parked = False
        self.heard: list[str] = []
        self.arrived = asyncio.Event()

    def stop(self, reason: str) -> None:
        self.heard.append(f"stop: {reason}")
        self.arrived.set()

    def hand_over(self, reason: str) -> None:
        self.heard.append(f"hand over: {reason}")
        self.arrived.set()

    def suspend(self, reason: str) -> None:
        self.heard.append(f"suspend: {reason}")
        self.arrived.set()

    def kill(self, reason: str) -> None:
        self.heard.append(f"kill: {reason}")
        self.arrived.set()

    def note(self, event: str, message: str) -> None:
        self.heard.append(f"{event}: {message}")
        self.arrived.set()


async def send(told: Told, number: signal.Signals) -> None:
    """Send a signal and wait until the run was told."""
    told.arrived.clear()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(told.arrived.wait(), 60)


def interrupted(interrupts: Interrupts, told: Told) -> Interrupts:
    """Let interruptions be for this run."""
    interrupts.of(cast("Runner", cast("Any", told)))
    return interrupts


@contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    """Have a signal ignored, as nohup and a shell's background do."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "SIGINT (Ctrl-C)"), (signal.SIGTERM, "SIGTERM")], ids=["SIGINT", "SIGTERM"]
)
def test_the_first_stops_and_the_second_kills(number: signal.Signals, name: str) -> None:
    """One interruption asks the run to end cleanly, each one after it ends the run at once; both are named."""

    async def scene() -> tuple[list[str], int]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            for _ in range(3):
                await send(told, number)
        return told.heard, interrupts.count

    killed = f"kill: killed by {name}"
    assert asyncio.run(scene()) == ([f"stop: interrupted by {name}", killed, killed], 3)


@pytest.mark.parametrize(
    ("numbers", "heard"),
    [
        ([signal.SIGHUP, signal.SIGHUP], ["stop: interrupted by SIGHUP"]),
        ([signal.SIGTERM, signal.SIGHUP], ["stop: interrupted by SIGTERM"]),
        ([signal.SIGHUP, signal.SIGTERM], ["stop: interrupted by SIGHUP"]),
        ([signal.SIGHUP, signal.SIGINT, signal.SIGINT], ["stop: interrupted by SIGHUP", "kill: killed by SIGINT"]),
        ([signal.SIGTERM, signal.SIGINT], ["stop: interrupted by SIGTERM", "kill: killed by SIGINT"]),
        ([signal.SIGQUIT], ["kill: killed by SIGQUIT", "stop: interrupted by SIGQUIT"]),
        ([signal.SIGUSR1, signal.SIGUSR2], []),
    ],
)
def test_only_who_insists_kills(numbers: list[signal.Signals], heard: list[str]) -> None:
    """A terminal or a service manager that sends SIGHUP beside another signal does not skip the orderly end."""

    async def scene() -> list[str]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            for number in numbers:
                interrupts._on_signal(number)
        return told.heard

    assert [each.removesuffix(" (Ctrl-C)") for each in asyncio.run(scene())] == heard


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_that_was_ignored_stays_so(number: signal.Signals) -> None:
    """With nohup SIGHUP is ignored, and in a script's background SIGINT and SIGQUIT: that stays so."""

    async def scene() -> list[str]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            os.kill(os.getpid(), number)
            await send(told, _other(number))
            assert signal.getsignal(number) is signal.SIG_IGN
        return told.heard

    with ignored(number):
        [heard] = asyncio.run(scene())
        assert signal.getsignal(number) is signal.SIG_IGN
    assert _other(number).name in heard


def _other(number: signal.Signals) -> signal.Signals:
    return signal.SIGINT if number is not signal.SIGINT else signal.SIGTERM


def test_a_run_that_is_ending_can_still_be_killed() -> None:
    """Between a stop and its end the second interruption is heard; after the end nothing is."""

    async def scene() -> list[str]:
        told = Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            await send(told, signal.SIGTERM)
            await send(told, signal.SIGTERM)
            told.over = True
            interrupts._on_signal(signal.SIGTERM)
        return told.heard

    assert asyncio.run(scene()) == ["stop: interrupted by SIGTERM", "kill: killed by SIGTERM"]


def test_a_run_that_waits_for_a_person_is_left_and_not_stopped() -> None:
    """Where nothing but a person is waited for, the first interruption suspends the run."""

    async def scene() -> list[str]:
        told = Told()
        told.is_parked = True
        with Interrupts() as interrupts:
            interrupted(interrupts, told)
            await send(told, signal.SIGTERM)
        return told.heard

    assert asyncio.run(scene()) == ["suspend: interrupted by SIGTERM"]


def test_a_run_that_comes_after_the_interruption_hears_of_it() -> None:
    """Of several runs, one that is taken up later is stopped as well, and not killed by the next interruption alone."""

    async def scene() -> tuple[list[str], list[str]]:
        first, second = Told(), Told()
        with Interrupts() as interrupts:
            interrupted(interrupts, first)
            await send(first, signal.SIGTERM)
            interrupted(interrupts, second)
        return first.heard, second.heard

    assert asyncio.run(scene()) == (["stop: interrupted by SIGTERM"], ["stop: interrupted by SIGTERM"])


def test_a_run_that_comes_after_a_host_is_drained_is_left_to_others_too() -> None:
    """A driver may hear SIGTERM before it has taken its run up; that is no reason to end the run."""

    async def scene() -> tuple[list[str], list[str]]:
        first, late = Told(), Told()
        with Interrupts(hands_over=True) as interrupts:
            interrupted(interrupts, first)
            await send(first, signal.SIGTERM)
            interrupted(interrupts, late)
        return first.heard, late.heard

    assert asyncio.run(scene()) == (["hand over: asked by SIGTERM"], ["hand over: asked by SIGTERM"])


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
