"""Work beside other work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from retake_flow.tasks import Scope, beside, end, first_of, time_limit
from retake_flow.whatif.virtual_time import run


async def for_ever(ended):
    """Work that never ends by itself."""
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(True)


def test_work_beside_ends_with_the_context():
    """However it is left, the work has ended then, and its own error is no one's."""

    async def leave(ended):
        async with beside(for_ever(ended), "work"):
            await asyncio.sleep(0)
            raise ValueError("left")

    async def main():
        ended = []
        with pytest.raises(ValueError, match="left"):
            await leave(ended)
        async with beside(asyncio.sleep(-1, None), "short") as task:
            await task
        failed = asyncio.ensure_future(asyncio.wait_for(asyncio.Event().wait(), 0))
        await asyncio.wait([failed])
        await end(failed)
        return ended

    assert asyncio.run(main()) == [True]


def test_the_first_of_two_is_not_waited_for_longer():
    """The other one is cancelled; without either, the time limit counts."""

    async def main():
        ended = []
        async with first_of(asyncio.sleep(0, "quick"), for_ever(ended)) as (quick, slow):
            found = quick.result(), slow.done()
        async with first_of(for_ever(ended), for_ever(ended), within=0.01) as both:
            neither = [each.done() for each in both]
        return found, neither, ended

    assert asyncio.run(main()) == (("quick", False), [False, False], [True] * 3)


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps when the machine has stood still."""

    stood_still = 0.0

    def time(self):
        return super().time() + self.stood_still


async def work():
    """Work that is not far from its end when the machine stands still."""
    await asyncio.sleep(0)
    asyncio.get_running_loop().stood_still += 40.0
    for _ in range(5):
        await asyncio.sleep(0)
    return "done"


def test_a_machine_that_stands_still_uses_up_no_time_limit():
    """What was about to be done when it stood still is done after it, and not given up."""

    async def main():
        async with first_of(work(), asyncio.Event().wait(), within=20.0) as (worked, _):
            assert worked.done()
        async with time_limit(20.0):
            return await work()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == "done"


def test_a_time_limit_ends_what_takes_longer_and_nothing_else():
    """It raises TimeoutError, and passes on what the work itself raises."""

    async def main():
        ended = []
        with pytest.raises(TimeoutError):
            async with time_limit(0.01):
                await for_ever(ended)
        with pytest.raises(ValueError, match="left"):
            async with time_limit(60.0):
                raise ValueError("left")
        async with time_limit(60.0):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return ended

    assert asyncio.run(main()) == [True]


# --- scopes ---------------------------------------------------------------------------------------------------


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
