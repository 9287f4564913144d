"""Pictures wait for what is about to be painted, and not for ever."""

import asyncio

from retake_flow.actions.studio.content import LONGEST_SETTLING, SETTLES, FirstPaint
from retake_flow.whatif.virtual_time import run


def test_a_picture_waits_for_a_page_that_is_being_opened_and_for_its_changes() -> None:
    """Nothing is waited for without a page; a page that changes all the time only for a while."""

    async def scenario() -> None:
        loop, paint = asyncio.get_running_loop(), FirstPaint()
        await paint.wait(10)
        assert loop.time() == 0

        async def opening() -> None:
            with paint.expect():
                assert paint.pending
                await asyncio.sleep(3)

        task = asyncio.create_task(opening())
        await asyncio.sleep(0)
        await paint.wait(1)
        assert loop.time() == 1
        await paint.wait(10)
        assert abs(loop.time() - 3 - SETTLES) < 0.01
        await task

        async def changing() -> None:
            while True:
                paint.changes()
                await asyncio.sleep(0.1)

        changes = asyncio.create_task(changing())
        await asyncio.sleep(0)
        began = loop.time()
        await paint.wait(10)
        assert abs(loop.time() - began - LONGEST_SETTLING) < 0.11
        changes.cancel()

    run(scenario())
