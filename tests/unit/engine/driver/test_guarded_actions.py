"""What nobody foresaw is tried again twice, and then left to a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from retake_flow.engine.driver import execute
from retake_flow.engine.driver.guarded_actions import MOST, GuardedActions
from retake_flow.errors import LastingDefect, RetakeFlowError, Unavailable
from retake_flow.flow.state_parts import Retry
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.run import events
from retake_flow.run.commands import StartActivity
from retake_flow.whatif.virtual_time import VirtualClock, run

Notes = list[tuple[str, dict[str, Any]]]


class Running:
    """A service that lives for a while, and then fails as nobody foresaw."""

    value: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, lives: float) -> None:
        self._lives = lives

    async def wait(self) -> str:
        """Raises after its life."""
        await asyncio.sleep(self._lives)
        raise FileNotFoundError(2, "No such file or directory", "/tmp/gone")


class Actions:
    """Does what it is told, in order; an exception is raised."""

    def __init__(self, *does: Exception | Completion | float) -> None:
        self._does = list(does)
        self.tries = 0

    def _next(self) -> Any:
        self.tries += 1
        does = self._does.pop(0) if len(self._does) > 1 else self._does[0]
        if isinstance(does, Exception):
            raise does
        return does

    async def perform(self, call: Call) -> Completion:
        """A task."""
        done: Completion = self._next()
        return done

    async def verify(self, call: Call) -> Completion | None:
        """A look-up."""
        self._next()
        return None

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """A service, which lives for so many seconds."""

        @asynccontextmanager
        async def served() -> AsyncIterator[Service]:
            yield Running(self._next())

        return served()


def call(notes: Notes, place: str = "on:it") -> Call:
    """A call from a place."""

    def note(event: str, **fields: object) -> None:
        notes.append((event, fields))

    return Call("r", place, 1, "studio.content", {}, {}, "key", note)


def outcomes(actions: Actions, notes: Notes, times: int, place: Callable[[int], str] = lambda _: "on:it") -> list[str]:
    """How so many performances ended: the kinds of their errors, or the outcome."""

    async def scene() -> list[str]:
        watched, found = GuardedActions(actions, VirtualClock(), {}), []
        for number in range(times):
            try:
                found.append((await watched.perform(call(notes, place(number)))).outcome)
            except RetakeFlowError as error:
                found.append(error.kind)
        return found

    return run(scene())


@pytest.mark.parametrize("defect", [FileNotFoundError(2, "gone"), KeyError("x"), RecursionError(), UnicodeError("x")])
def test_the_same_defect_three_times_is_for_a_person(defect: Exception) -> None:
    """It is told once, with the place, and its fault is the operator's, so that nothing is tried again."""
    notes: Notes = []
    assert outcomes(Actions(defect), notes, 5) == ["internal", "internal", "defect", "defect", "defect"]
    ((event, fields),) = notes
    assert (event, fields["kind"]) == ("notice", "defect")
    assert "on:it: studio.content has a defect" in fields["message"]
    assert f"{type(defect).__name__}" in fields["message"]
    assert LastingDefect.fault == "operator"


@pytest.mark.parametrize("between", [Completion(), Unavailable("the platform is down"), ValueError("another")])
def test_what_comes_between_begins_the_count_anew(between: Exception | Completion) -> None:
    """A success, an error that was foreseen, or another defect."""
    notes: Notes = []
    defect = KeyError("x")
    kinds = outcomes(Actions(defect, defect, between, defect, defect, Completion()), notes, 6)
    assert "defect" not in kinds
    assert notes == []


def test_places_are_counted_apart() -> None:
    """A defect here and one there are two."""
    notes: Notes = []
    assert set(outcomes(Actions(KeyError("x")), notes, 4, lambda number: f"on:{number % 2}")) == {"internal"}


def served(actions: Actions, within: float) -> tuple[list[Any], Notes]:
    """What a service with endless patience brings back within so many seconds."""
    notes: Notes = []

    async def scene() -> list[Any]:
        found: list[events.Event] = []
        clock = VirtualClock()
        command = StartActivity("on:it", 1, "studio.content", {}, {}, retry=Retry(600, 1.0, cap=2.0))
        work = execute.Execution(GuardedActions(actions, clock, {}), clock, found.append).service(command, call(notes))
        task = asyncio.get_running_loop().create_task(work)
        await asyncio.wait([task], timeout=within)
        task.cancel()
        await asyncio.wait([task])
        return found

    return run(scene()), notes


@pytest.mark.parametrize("does", [KeyError("x"), 0.0, 5.0], ids=["at its start", "at once", "after a while"])
def test_a_service_with_600_retries_is_no_loop(does: Exception | float) -> None:
    """It is tried three times, not every two seconds for ever, and then its failure is routed."""
    actions = Actions(does)
    found, notes = served(actions, within=3600.0)
    assert actions.tries == MOST
    assert (found[-1].kind, found[-1].again) == ("defect", False)
    assert len(notes) == 1


def test_a_service_that_proved_itself_is_started_again() -> None:
    """One that fails now and then, after minutes, is not given up."""
    actions = Actions(300.0)
    found, notes = served(actions, within=3600.0)
    assert actions.tries > MOST
    assert all(event.again for event in found if isinstance(event, events.ActivityFailed))
    assert notes == []
