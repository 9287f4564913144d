"""What viewers see by default: the stage where it can be shown, otherwise the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from retake_flow.actions.studio.content import ContentActions, FirstPaint
from retake_flow.errors import MissingProgram, NotReady, RetakeFlowError
from retake_flow.ports.actions import Call
from retake_flow.run.records import record
from retake_flow.stage import PAGE
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.whatif import virtual_time


class Shown:
    """Something on the display."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value
        self.states: list[Mapping[str, Any]] = []

    async def update(self, state: Mapping[str, Any]) -> None:
        """Take a state."""
        self.states.append(state)

    async def wait(self) -> str:
        """It ends at once."""
        return "it was closed"


class Display:
    """A display that can show a log, and a page unless that fails."""

    def __init__(self, failure: RetakeFlowError | None = None) -> None:
        self.failure = failure
        self.browses = True
        self.lines: list[str] = []
        self.place: Path | str = ""
        self.page_shown = Shown({"display": ":1", "url": "https://stage.invalid/"})

    @asynccontextmanager
    async def content(self) -> AsyncIterator[Shown]:
        """A log."""
        yield Shown({"display": ":1", "log": "stream.log"})

    def say(self, text: str) -> None:
        """A line."""
        self.lines.append(text)

    async def switch(self, scene: str) -> None:
        """A scene."""

    @asynccontextmanager
    async def page(self, place: Path | str, *options: Any, **more: Any) -> AsyncIterator[Shown]:
        """A page."""
        self.place = place
        if self.failure is not None:
            raise self.failure
        yield self.page_shown


class Talk:
    """Content actions with a display, and what they note."""

    def __init__(self, *, browses: bool = True, failure: RetakeFlowError | None = None) -> None:
        self.seen: list[str] = []
        self.display = Display(failure)
        self.notes: list[tuple[str, Mapping[str, Any]]] = []
        self.feed = Feed("owl", Pictures(PAGE))
        loop = asyncio.get_running_loop
        self.actions = ContentActions(
            self.display,
            self.display,
            self.feed,
            FirstPaint(),
            lambda: loop().time(),
            lambda: browses,
            self.seen.append,
        )

    def saw(self, scene: str) -> None:
        """Viewers see a scene."""
        self.seen.append(scene)

    def call(self, do: str, **inputs: Any) -> Call:
        """A call of an action."""
        return Call("r", "on", 1, do, inputs, {}, "key", lambda event, **fields: self.notes.append((event, fields)))

    def shows(self, **inputs: Any) -> Mapping[str, Any]:
        """The value of the content with these inputs, open for a second."""

        async def opened() -> Mapping[str, Any]:
            async with self.actions.content(self.call("studio.content", **{"as": "auto", **inputs})) as service:
                await asyncio.sleep(1)
                assert await service.wait() == "it was closed"
                return service.value

        return virtual_time.run(opened())


def test_the_stage_is_shown_where_a_page_can_be() -> None:
    """With what the flow gives it; the page gets the state at once."""
    talk = Talk()
    given = {"title": "A radio", "theme": {"accent": "red"}, "data": {"ticker": "next", "title": "old"}}
    assert talk.shows(**given)["shows"] == "stage"
    [state] = talk.display.page_shown.states
    assert (state["title"], state["ticker"], state["theme"]) == ("A radio", ["next"], {"accent": "red"})
    assert (talk.display.place, talk.notes) == (PAGE, [])
    assert talk.shows(folder="my-page")["shows"] == "stage"
    assert talk.display.place == Path("my-page")


@pytest.mark.parametrize(
    ("browses", "inputs", "shows"),
    [(False, {}, "log"), (True, {"as": "log"}, "log"), (False, {"as": "stage"}, "stage"), (True, {}, "stage")],
)
def test_what_is_shown_can_be_chosen(browses: bool, inputs: dict[str, str], shows: str) -> None:
    """By the machine, or by the flow."""
    assert Talk(browses=browses).shows(**inputs)["shows"] == shows


def test_a_stage_that_cannot_be_shown_is_told_once_and_the_log_is_shown() -> None:
    """A stream goes on; only a flow that insists fails."""
    talk = Talk(failure=NotReady("chromium was not ready", hint="no user namespaces"))
    assert [talk.shows()["shows"] for _ in range(3)] == ["log", "log", "log"]
    [(event, fields)] = talk.notes
    assert (event, fields["kind"]) == ("notice", "screen")
    assert "chromium was not ready (no user namespaces)" in fields["message"]
    missing = Talk(failure=MissingProgram("chromium is not installed"))
    with pytest.raises(MissingProgram):
        missing.shows(**{"as": "stage"})


def test_lines_titles_and_scenes_are_records_and_lines_of_the_log() -> None:
    """So that the stage gets them also after a resume, and a log shows what it can."""
    talk = Talk()

    async def perform() -> None:
        await talk.actions.show(talk.call("studio.show", text="Direction: up", title="up"))
        await talk.actions.scene(talk.call("studio.scene", to="brb", data={"note": "a break", "ticker": "x"}))

    virtual_time.run(perform())
    assert talk.display.lines == ["Direction: up", "a break"]
    assert talk.notes == [
        ("scene_set", {"data": {"title": "up"}}),
        ("scene_set", {"to": "brb", "data": {"note": "a break", "ticker": "x"}}),
    ]
    for event, fields in talk.notes:
        talk.feed.on_record(record(event, 0.0, **fields))
    state = talk.feed.state(1.0)
    assert (state["title"], state["note"], state["scene"]) == ("up", "a break", "brb")


def test_the_scene_that_viewers_see_is_told_once_each_time_that_it_changes() -> None:
    """From the moment at which the stage is there; a page over it is opened from an operator's record."""
    talk = Talk()
    hear = [
        record("activity_started", 0.0, activity="on:screen", visit=1, action="studio.content", inputs={}),
        record("activity_ready", 0.0, activity="on:screen", visit=1, value={"shows": "stage"}),
        record("scene_set", 0.1, to="brb"),
        record("scene_set", 0.2, data={"title": "x"}),
        record("scene_set", 0.3, request=1, by="ann", data={"page": "https://example.org/"}),
        record("scene_set", 0.4, to="live"),
    ]

    async def played() -> None:
        async with talk.actions.content(talk.call("studio.content", **{"as": "auto"})):
            for one in hear:
                talk.feed.on_record(one)
                await asyncio.sleep(1)

    virtual_time.run(played())
    assert talk.seen == ["starting", "brb", "live"]
    assert talk.display.place == "https://example.org/"
