"""Of one kind, what follows within a minute is told together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from retake_flow.engine.notify import GATHERED, MOST_TOLD, NoticeThrottle
from retake_flow.ports.notices import Kind, Notice
from retake_flow.whatif.virtual_time import VirtualClock, run

Told = list[tuple[float, Notice]]


def play(scene: Callable[[NoticeThrottle], Awaitable[object]]) -> Told:
    """Play a scene and close; gives what came through, and when. Nothing is left then."""
    told: Told = []

    async def main() -> None:
        floods = NoticeThrottle(VirtualClock(), lambda notice: told.append((now(), notice)))
        await scene(floods)
        await floods.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}, "something is left"

    run(main())
    return told


def now() -> float:
    """The second of virtual time."""
    return round(asyncio.get_running_loop().time(), 3)


def notice(text: str, kind: Kind = "tip") -> Notice:
    """Some notice."""
    return Notice(kind, f"owl: {kind}", text)


def test_the_first_is_told_at_once_and_the_rest_of_the_minute_together() -> None:
    """A minute after the first, the others are one notice, with how many they are in its title."""

    async def scene(floods: NoticeThrottle) -> None:
        for second in range(5):
            floods.put(notice(f"tip {second}"))
            await asyncio.sleep(1)
        await asyncio.sleep(GATHERED)

    (first, one), (later, rest) = play(scene)
    assert (first, one.text) == (0, "tip 0")
    assert (later, rest.title, rest.text) == (GATHERED, "owl: tip (4)", "tip 1\ntip 2\ntip 3\ntip 4")


def test_a_single_one_that_was_gathered_is_told_as_it_is() -> None:
    """It says no number."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("one"))
        floods.put(notice("two"))
        await asyncio.sleep(GATHERED + 1)

    assert [(at, told.title) for at, told in play(scene)] == [(0, "owl: tip"), (GATHERED, "owl: tip")]


def test_a_flood_that_goes_on_is_one_notice_a_minute() -> None:
    """However many come, and of a great many only the first are told word for word."""

    async def scene(floods: NoticeThrottle) -> None:
        for second in range(180):
            floods.put(notice(f"tip {second}"))
            await asyncio.sleep(1)

    told = play(scene)
    assert [at for at, _ in told] == [0, 60, 120, 180]
    assert told[1][1].text.splitlines()[MOST_TOLD:] == ["(49 more)"]


def test_after_a_quiet_minute_the_next_is_told_at_once() -> None:
    """What was told long ago holds nothing back."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("one"))
        await asyncio.sleep(GATHERED + 1)
        floods.put(notice("two"))

    assert [(at, told.text) for at, told in play(scene)] == [(0, "one"), (GATHERED + 1, "two")]


def test_each_kind_is_for_itself() -> None:
    """Trouble does not wait for tips."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("one"))
        floods.put(notice("died", "trouble"))

    assert [at for at, _ in play(scene)] == [0, 0]


def test_trouble_is_told_before_it_is_over() -> None:
    """Who hears that the stream is back has heard of all trouble before."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("died", "trouble"))
        floods.put(notice("again", "trouble"))
        await asyncio.sleep(5)
        floods.put(notice("back", "recovered"))

    assert [(at, told.text) for at, told in play(scene)] == [(0, "died"), (5, "again"), (5, "back")]


@pytest.mark.parametrize("kind", ["gate", "reminder", "escalation", "live", "shared", "warning", "ended"])
def test_what_waits_for_nobody_is_told_at_once(kind: Kind) -> None:
    """Questions, and what is said once, are never gathered."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("one", kind))
        floods.put(notice("two", kind))
        await asyncio.sleep(1)

    assert [(at, told.text) for at, told in play(scene)] == [(0, "one"), (0, "two")]


def test_what_was_gathered_is_told_when_it_is_closed() -> None:
    """Nothing is lost with the end."""

    async def scene(floods: NoticeThrottle) -> None:
        floods.put(notice("one"))
        floods.put(notice("two"))
        await asyncio.sleep(5)

    assert [(at, told.text) for at, told in play(scene)] == [(0, "one"), (5, "two")]
