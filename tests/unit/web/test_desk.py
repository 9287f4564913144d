"""The desk: one look at a store that is away tells everybody who waits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from retake_flow.errors import StoreAway
from retake_flow.settings import Settings
from retake_flow.web import desk as desk_module
from retake_flow.web.desk import Desk


def test_of_all_who_wait_only_the_first_tries_a_store_that_is_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that hangs for seconds is not repeated for each of them; afterwards the store is tried again."""
    tried: list[str] = []
    at = [0.0]
    monkeypatch.setattr(desk_module, "time", SimpleNamespace(monotonic=lambda: at[0]))

    def look(_desk: Desk) -> str:
        tried.append("look")
        if not at[0]:
            raise StoreAway("it did not answer within 3 s", hint="wait")
        return "found"

    async def ask() -> None:
        desk = Desk(settings)
        failed = await asyncio.gather(*(desk.do(look) for _ in range(5)), return_exceptions=True)
        assert [(str(each), getattr(each, "hint", "")) for each in failed] == [
            ("it did not answer within 3 s", "wait")
        ] * 5
        assert tried == ["look"]
        at[0] = 60.0
        assert await desk.do(look) == "found"
        assert tried == ["look"] * 2
        await desk.close()

    asyncio.run(ask())


def test_an_error_of_one_is_nobody_elses(settings: Settings) -> None:
    """Only a store that is away concerns all."""

    def fail(_desk: Desk) -> None:
        raise ValueError

    async def ask() -> None:
        desk = Desk(settings)
        with pytest.raises(ValueError):  # noqa: PT011
            await desk.do(fail)
        assert await desk.do(lambda _: 1) == 1
        await desk.close()

    asyncio.run(ask())
