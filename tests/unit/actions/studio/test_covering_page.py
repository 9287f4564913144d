"""A web page over the content, as an operator wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from retake_flow.actions.studio.content import CoveringPage
from retake_flow.errors import InputError, NotReady, RetakeFlowError
from retake_flow.whatif import virtual_time

A, B = "https://a.invalid/", "https://b.invalid/"


class Shown:
    """A page that lasts as long as it is told."""

    def __init__(self, lasts: float) -> None:
        self.value = {"url": ""}
        self._lasts = lasts

    async def wait(self) -> str:
        """It ends after its time."""
        await asyncio.sleep(self._lasts)
        return "its browser has ended"


class Pages:
    """Pages that need a second to open, and what happens to them."""

    def __init__(self, lasts: float = 1e6, failure: RetakeFlowError | None = None) -> None:
        self.log: list[str] = []
        self.told: list[str] = []
        self._lasts, self._failure = lasts, failure

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Shown]:
        """A page."""
        await asyncio.sleep(1)
        if self._failure is not None:
            raise self._failure
        self.log.append(f"+{url[8]}")
        try:
            yield Shown(self._lasts)
        finally:
            self.log.append(f"-{url[8]}")

    def play(self, *acts: Callable[[CoveringPage], None], pause: float = 3.0) -> list[str]:
        """What happens when these acts come, one after the other."""

        async def played() -> None:
            async with CoveringPage(self.open, self.told.append) as page:
                for act in acts:
                    act(page)
                    await asyncio.sleep(pause)
                self.log.append("left")

        virtual_time.run(played())
        return self.log


def test_a_page_stays_until_the_next_one_is_there_and_goes_when_it_is_taken_away() -> None:
    """So that nothing else is seen between two; the same address again changes nothing."""
    acts = (lambda page: page.show(A), lambda page: page.show(A), lambda page: page.show(B), lambda page: page.show(""))
    assert Pages().play(*acts) == ["+a", "+b", "-a", "-b", "left"]


def test_it_is_gone_with_the_content() -> None:
    """Also one that is still being opened."""
    assert Pages().play(lambda page: page.show(A)) == ["+a", "left", "-a"]
    assert Pages().play(lambda page: page.show(A), pause=0.5) == ["left"]


def test_a_page_that_ends_comes_back_and_this_is_told_once() -> None:
    """Two seconds later."""
    pages = Pages(lasts=1)
    assert pages.play(lambda page: page.show(A), pause=9)[:4] == ["+a", "-a", "+a", "-a"]
    assert pages.told == ["The page over the content is not shown: its browser has ended"]


def test_a_page_that_cannot_be_shown_is_told_once() -> None:
    """One that does not load is tried again; one that cannot be is not. Neither hurts the content."""
    dead = Pages(failure=NotReady("it was not loaded"))
    assert dead.play(lambda page: page.show(A), pause=60) == ["left"]
    assert dead.told == ["The page over the content is not shown: it was not loaded"]
    wrong = Pages(failure=InputError("that is no page"))
    assert wrong.play(lambda page: page.show(A), lambda page: page.show("")) == ["left"]
    assert wrong.told == ["The page over the content is not shown: that is no page"]
