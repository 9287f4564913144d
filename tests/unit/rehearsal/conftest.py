"""A rehearsed platform with a clock that tests set, and an event loop on which waiting takes no time."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Platform

TOKEN = "rtk_unit_nightowl_0123456789"


class Clock:
    """Epoch seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.time = 1_750_000_000.0

    def __call__(self) -> float:
        return self.time

    def passes(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Callable[..., Platform]:
    """Makes a platform with the agent Night Owl and the options given."""

    def make(**options: Any) -> Platform:
        agents = (PreparedAgent("Night Owl", Secret(TOKEN), "user_owl"),)
        return Platform(Options(**{"agents": agents, "seed": 7, "lag": 0.5} | options), clock, random.Random(7))

    return make


@pytest.fixture
def platform(make: Callable[..., Platform]) -> Platform:
    """A platform with the agent Night Owl."""
    return make()


@pytest.fixture
def owl(platform: Platform) -> Agent:
    """The agent Night Owl."""
    return platform.agents.by_id("user_owl")


class _InstantSelector(selectors.DefaultSelector):
    """Moves the clock on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.time += timeout
        elif timeout is None:
            raise RuntimeError("nothing will ever happen: the test waits for ever")
        return super().select(0)


class _InstantLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _InstantSelector) -> None:
        super().__init__(selector)
        self._instant = selector

    def time(self) -> float:
        return self._instant.time


@pytest.fixture
def virtually() -> Callable[[Callable[[Callable[[], float]], Coroutine[Any, Any, Any]]], Any]:
    """Runs `main(now)` on a loop whose time passes by itself whenever everybody waits."""

    def run(main: Callable[[Callable[[], float]], Coroutine[Any, Any, Any]]) -> Any:
        selector = _InstantSelector()
        with asyncio.Runner(loop_factory=lambda: _InstantLoop(selector)) as runner:
            return runner.run(main(lambda: selector.time))

    return run
