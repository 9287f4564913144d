"""The page follows the feed."""

import asyncio
from pathlib import Path

from retake_flow.errors import StudioError
from retake_flow.run.records import record
from retake_flow.stage.feed import ALERT_SECONDS, Feed
from retake_flow.stage.presenter import AGAIN, PACE, presenting
from retake_flow.stage.stage_settings import Pictures
from retake_flow.whatif.virtual_time import run

T = 1_796_000_000.0


class Screen:
    """A page that fails a few times."""

    def __init__(self, failures: int = 0) -> None:
        self.states: list[dict] = []
        self.times: list[float] = []
        self.failures = failures

    async def update(self, state) -> None:
        self.times.append(now())
        if self.failures:
            self.failures -= 1
            raise StudioError("the page does not answer")
        self.states.append(state)


def now() -> float:
    """The time of the test."""
    return T + asyncio.get_running_loop().time()


def follow(feed: Feed, screen: Screen) -> None:
    """The records of a tip."""
    feed.on_record(record("chat_message", now(), id="1", author="a", kind="tip", amount=1, text="x"))


def test_a_flood_is_one_update_each_tenth_of_a_second_and_alerts_end_by_themselves():
    """A flood is one update each tenth of a second and alerts end by themselves."""
    screen, feed = Screen(), Feed("owl", Pictures(Path()))

    async def scenario() -> None:
        async with presenting(feed, screen.update, now):
            await asyncio.sleep(1)
            for number in range(1000):
                feed.on_record(record("chat_message", now(), id="1", author="a", kind="message", text=str(number)))
                await asyncio.sleep(0.001)
            assert len(screen.states) < 1 / PACE + 4
            follow(feed, screen)
            await asyncio.sleep(1)
            assert screen.states[-1]["alert"] is not None
            await asyncio.sleep(ALERT_SECONDS)
            assert screen.states[-1]["alert"] is None
        assert feed.changed() is None

    run(scenario())
    assert screen.states[0]["chat"] == []


def test_a_page_that_fails_is_given_the_state_again():
    """A page that fails is given the state again."""
    screen, feed = Screen(failures=3), Feed("owl", Pictures(Path()))

    async def scenario() -> None:
        async with presenting(feed, screen.update, now):
            await asyncio.sleep(4 * AGAIN)

    run(scenario())
    assert len(screen.states) == 1
    assert len(screen.times) == 4
