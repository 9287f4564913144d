"""What a state has started, ends when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from retake_flow.engine.driver.scope import Scope
from retake_flow.whatif.virtual_time import run


class Log:
    """Works that note how they end."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def work(self, name: str, cleanup: float = 0.0) -> Coroutine[Any, Any, None]:
        """A work that goes on until it is cancelled and then takes a while to clean up."""

        async def go_on() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.said.append(f"{name} ends")
                try:
                    await asyncio.sleep(cleanup)
                finally:
                    self.said.append(f"{name} ended")

        return go_on()


def _unforeseen(error: BaseException) -> None:
    raise AssertionError(f"nothing should break here: {error!r}")


def test_the_youngest_ends_first_and_is_waited_for() -> None:
    """What was started last may stand on what was started before, so it has ended before that begins to end."""
    log = Log()

    async def scene() -> None:
        scope = Scope(_unforeseen)
        for name in ("display", "encoder"):
            scope.start(log.work(name, cleanup=5), name)
        await asyncio.sleep(1)
        await scope.close()
        assert asyncio.get_running_loop().time() == 11

    run(scene())
    assert log.said == ["encoder ends", "encoder ended", "display ends", "display ended"]


def test_a_cancellation_while_closing_ends_all_at_once_and_waits_for_all() -> None:
    """When the closing is cancelled, every work is told at once, and each is still waited for."""
    log = Log()

    async def closing(scope: Scope) -> None:
        await scope.close()

    async def scene() -> None:
        scope = Scope(_unforeseen)
        for name in ("a", "b"):
            scope.start(log.work(name, cleanup=100), name)
        await asyncio.sleep(1)
        closer = asyncio.create_task(closing(scope))
        await asyncio.sleep(1)
        closer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closer
        assert len(asyncio.all_tasks()) == 1
        assert asyncio.get_running_loop().time() < 10

    run(scene())
    assert sorted(log.said) == ["a ended", "a ends", "b ended", "b ends"]


def test_a_work_that_ended_by_itself_is_not_in_the_way() -> None:
    """Closing a scope whose works are done, or that never had one, is nothing."""

    async def scene() -> None:
        scope = Scope(_unforeseen)
        scope.start(asyncio.sleep(1), "short")
        await asyncio.sleep(2)
        await scope.close()
        await Scope(_unforeseen).close()

    run(scene())


def test_a_work_that_breaks_while_ending_keeps_no_other_from_ending() -> None:
    """An error in the cleanup of one work does not leave the others alone."""
    log = Log()

    async def broken() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("cleanup failed")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        scope = Scope(_unforeseen)
        scope.start(log.work("a"), "a")
        scope.start(broken(), "b")
        await asyncio.sleep(1)
        await scope.close()

    run(scene())
    assert log.said == ["a ends", "a ended"]


def test_what_breaks_by_itself_is_reported() -> None:
    """A work that nobody awaits must not be gone without a word."""
    seen: list[BaseException] = []

    async def breaks() -> None:
        raise RuntimeError("unforeseen")

    async def scene() -> None:
        scope = Scope(seen.append)
        scope.start(breaks(), "b")
        await asyncio.sleep(1)
        await scope.close()

    run(scene())
    assert [str(error) for error in seen] == ["unforeseen"]
