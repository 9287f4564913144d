"""Work beside other work."""

import asyncio

import pytest

from retake_flow.tasks import beside, end, first_of, time_limit


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
