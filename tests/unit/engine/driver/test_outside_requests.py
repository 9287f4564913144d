"""Requests from outside the flow: what is said on the stream, and what is changed on the stage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from conversation import Actions, Takes

from retake_flow.engine.driver import outside_requests
from retake_flow.engine.driver.execute import Execution
from retake_flow.engine.driver.outside_requests import settle_scene
from retake_flow.errors import NoVoice, StoreError
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.state_parts import Scene
from retake_flow.ports.actions import ActionRunner, Call
from retake_flow.ports.runs import Request
from retake_flow.redact import Secret
from retake_flow.run.run import ActivityState, Run, Work
from retake_flow.whatif import virtual_time

FLOW = load_flow(
    """\
flow: talk
initial: show
states:
  show:
    activities: {content: {do: studio.content}, sound: {do: studio.sound}}
    transitions: {content.exited: over, sound.exited: over, stop: over}
  over: {final: completed}
""",
    "f",
)
RUN = Run("r", "talk", FLOW.digest, {})


def running(**works: tuple[Work, Mapping[str, Any]]) -> Run:
    """A run with these activities."""
    return replace(RUN, activities={f"show:{name}": ActivityState(1, *work) for name, work in works.items()})


def performs(actions: ActionRunner) -> outside_requests.Perform:
    """How the driver performs actions."""
    return Execution(actions, {}, virtual_time.VirtualClock(), lambda event: None).perform


def said(actions: Actions, there: list[str], **data: Any) -> list[dict[str, Any]]:
    """What is journalled when something is to be said."""
    notes: list[dict[str, Any]] = []

    def note(event: str, **fields: Any) -> None:
        notes.append({"event": event, **fields})

    call = Call("r", "say", 1, "", {}, {}, "r/say/7", note)
    request = Request("say", {"text": "hello", "by": "ann", **data}, 7)
    virtual_time.run(outside_requests.say(request, there, call, performs(actions)))
    return notes


@pytest.mark.parametrize(
    ("activities", "ways"),
    [
        ({}, []),
        ({"content": (Work.READY, {}), "sound": (Work.READY, {"speaks": True})}, ["voice", "screen"]),
        ({"content": (Work.READY, {}), "sound": (Work.READY, {"speaks": False})}, ["screen"]),
        ({"content": (Work.STARTING, {}), "sound": (Work.READY, {"speaks": True})}, ["voice"]),
        ({"content": (Work.READY, {}), "sound": (Work.ENDED, {"speaks": True})}, ["screen"]),
    ],
)
def test_what_is_ready_can_say_something(activities: Any, ways: list[str]) -> None:
    """A way is there with its service; a sound that cannot speak is none, and chat is only taken when it is named."""
    assert outside_requests.ready_ways(FLOW, running(**activities)) == ways


def test_it_is_said_in_all_ways_at_once_and_written_before_and_after() -> None:
    """The first record is the one that a crash leaves, so that nothing is said twice; the second tells how it went."""
    actions = Actions(studio_speak=[Takes(3.0)], studio_show=[Takes(0.5)])
    first, last = said(actions, ["voice", "screen"])
    assert first == {
        "event": "say_requested", "request": 7, "by": "ann", "text": "hello", "ways": ["voice", "screen"],
    }  # fmt: skip
    assert (last["event"], last["request"], last["how"], last["failed"]) == ("said", 7, ["voice", "screen"], {})
    assert [(call.do, call.inputs) for call in actions.calls] == [
        ("studio.speak", {"text": "hello"}),
        ("studio.show", {"text": "hello"}),
    ]
    assert {at for at, _ in actions.said} == {0.0}


def test_a_way_that_fails_does_not_keep_the_others() -> None:
    """Each has its reason, also when an action has a defect."""
    actions = Actions(studio_speak=[NoVoice("it is hoarse", hint="wait")], studio_show=[ValueError("odd")])
    last = said(actions, ["voice", "screen"], ways=["voice", "screen", "chat"])[-1]
    assert last["how"] == ["chat"]
    assert last["failed"]["voice"] == "it is hoarse; wait"
    assert "ValueError" in last["failed"]["screen"]
    assert actions.calls[-1].inputs == {"message": "hello"}


@pytest.mark.parametrize(
    ("ways", "failed", "reason"),
    [
        ([], {}, outside_requests.NOT_ON_AIR),
        (["screen"], {"screen": outside_requests.NOT_ON_AIR}, ""),
        (["smoke"], {"smoke": "there is no way 'smoke' to say something"}, ""),
    ],
)
def test_nothing_is_said_where_nobody_would_notice(ways: list[str], failed: dict[str, str], reason: str) -> None:
    """Without a window nothing is shown, and without any way nothing is performed; both are told."""
    actions = Actions()
    last = said(actions, [], ways=ways)[-1]
    assert (last["how"], last["failed"], last["reason"]) == ([], failed, reason)
    assert actions.calls == []


def test_it_is_said_once_no_service_starts_any_more() -> None:
    """As after a hand-over; a service that never becomes ready is waited for only so long."""

    def said_while(**works: tuple[Work, Mapping[str, Any]]) -> tuple[list[dict[str, Any]], float]:
        run, notes = [running(**works)], list[dict[str, Any]]()
        call = Call("r", "say", 1, "", {}, {}, "k", lambda event, **fields: notes.append({"event": event, **fields}))

        async def saying() -> float:
            clock, request = virtual_time.VirtualClock(), Request("say", {"text": "hello", "ways": []}, 7)
            begun = clock.now()

            async def starts() -> None:
                await clock.sleep_until(begun + 5)
                assert notes == []
                run[0] = running(content=(Work.READY, {}), sound=works["sound"])

            starting = asyncio.create_task(starts())
            await outside_requests.say_when_ready(request, FLOW, lambda: run[0], call, performs(Actions()), clock)
            await starting
            return clock.now() - begun

        return notes, virtual_time.run(saying())

    silent = (Work.READY, {"speaks": False})
    notes, took = said_while(content=(Work.STARTING, {}), sound=silent)
    assert (notes[-1]["how"], round(took)) == (["screen"], 5)
    notes, took = said_while(content=(Work.WAITING, {}), sound=(Work.STARTING, {}))
    assert (notes[-1]["how"], round(took)) == (["screen"], 30)


@pytest.mark.parametrize(
    ("ways", "starting", "takes"),
    [
        (["chat"], {"content", "sound"}, 0),
        (["voice"], {"content"}, 0),
        (["voice"], {"sound"}, 30),
        (["screen"], {"sound"}, 0),
        (["chat", "screen"], {"content"}, 30),
        (["smoke"], {"content", "sound"}, 0),
    ],
)
def test_only_the_services_that_it_needs_are_waited_for(ways: list[str], starting: set[str], takes: int) -> None:
    """An answer in the chat needs none, and is not held up by a stream that is starting."""
    works = {name: (Work.STARTING if name in starting else Work.READY, {}) for name in ("content", "sound")}
    call = Call("r", "say", 1, "", {}, {}, "k", lambda event, **fields: None)

    async def saying() -> float:
        clock, request = virtual_time.VirtualClock(), Request("say", {"text": "hello", "ways": ways}, 7)
        begun = clock.now()
        await outside_requests.say_when_ready(request, FLOW, lambda: running(**works), call, performs(Actions()), clock)
        return clock.now() - begun

    assert round(virtual_time.run(saying())) == takes


def test_what_is_broken_off_is_told() -> None:
    """By a process that hands its run over; a run that has ended has written its last record."""

    def cut_off(run: Run) -> list[str]:
        notes: list[str] = []
        call = Call("r", "say", 1, "", {}, {}, "k", lambda event, **fields: notes.append(event))

        async def saying() -> None:
            clock, request = virtual_time.VirtualClock(), Request("say", {"text": "hello"}, 7)
            speaking = Actions(studio_speak=[Takes(60.0)])
            task = asyncio.create_task(
                outside_requests.say_when_ready(request, FLOW, lambda: run, call, performs(speaking), clock)
            )
            await clock.sleep_until(clock.now() + 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        virtual_time.run(saying())
        return notes

    there = running(sound=(Work.READY, {"speaks": True}))
    assert cut_off(there) == ["say_requested", "said"]
    assert cut_off(replace(there, outcome="stopped")) == ["say_requested"]


def test_what_cannot_be_written_down_is_not_said() -> None:
    """The run's own next write tells; saying it unwritten could say it twice."""
    actions = Actions()

    def note(event: str, **fields: Any) -> None:
        raise StoreError("full")

    call = Call("r", "say", 1, "", {}, {}, "k", note)
    asyncio.run(outside_requests.say(Request("say", {"text": "x"}), ["voice"], call, performs(actions)))
    assert actions.calls == []


SHOW = load_flow(
    """\
flow: talk
initial: show
states:
  show: {activities: {content: {do: studio.content}}, transitions: {content.exited: over, stop: over}}
  over: {final: completed}
""",
    "f",
)
SHOWN = ActivityState(1, Work.READY, {"shows": "stage", "pages": True})
ASKED = {"data": {"title": "Hi"}, "for": 60.0, "by": "ann"}


SCENES = replace(SHOW, scenes={"desk": Scene(("terminal",), SHOW.states["show"].position)})
CONTENT = {"show:content": ActivityState(1, Work.READY, {"shows": "log"})}


@pytest.mark.parametrize(("scene", "event"), [("desk", "scene_set"), ("brb", "scene_set"), ("dsek", "scene_refused")])
def test_a_scene_of_the_flow_can_be_set_and_no_other(scene: str, event: str) -> None:
    """Scenes of windows need no stage."""
    run = replace(Run("r", "talk", SCENES.digest, {}), activities=CONTENT)
    name, fields = settle_scene(Request("screen", {"to": scene}, 7), SCENES, run)
    assert name == event
    assert event == "scene_set" or "there are starting, live, brb, ended, desk" in fields["reason"]


@pytest.mark.parametrize(
    ("work", "value", "reason"),
    [
        (Work.READY, {"shows": "stage"}, ""),
        (Work.READY, {"shows": "log"}, "the stream shows its log"),
        (Work.READY, {}, "the stream shows its log"),
        (Work.STARTING, {}, "the run shows no stage"),
        (Work.ENDED, {"shows": "stage"}, "the run shows no stage"),
        (None, {}, "the run shows no stage"),
    ],
)
def test_a_stage_takes_it_and_a_log_does_not(work: Work | None, value: Mapping[str, Any], reason: str) -> None:
    """The record has what was asked, and the reason where it is refused."""
    run = Run("r", "talk", SHOW.digest, {})
    if work is not None:
        run = replace(run, activities={"show:content": ActivityState(1, work, value)})
    event, fields = settle_scene(Request("screen", {**ASKED, "secret": 1}, 7), SHOW, run)
    assert event == ("scene_refused" if reason else "scene_set")
    assert fields["reason"].startswith(reason) if reason else "reason" not in fields
    assert {name: fields[name] for name in ASKED} == ASKED
    assert (fields["request"], "secret" in fields) == (7, False)


@pytest.mark.parametrize(
    ("asked", "content", "reason"),
    [
        ({"data": {"page": "https://example.org/"}}, {"shows": "stage", "pages": True}, ""),
        ({"data": {"page": "https://example.org/"}}, {"shows": "log", "pages": True}, ""),
        ({"data": {"page": "https://example.org/"}}, {"shows": "log", "pages": False}, "pages need Chromium"),
        ({"data": {"page": "https://example.org/"}}, None, "the run shows no stage"),
        ({"clear": True}, {"shows": "log", "pages": True}, ""),
        ({"clear": True}, {"shows": "log", "pages": False}, ""),
    ],
)
def test_a_page_needs_chromium_and_content(
    asked: Mapping[str, Any], content: Mapping[str, Any] | None, reason: str
) -> None:
    """A page covers a log too, and can be taken away again."""
    run = Run("r", "talk", SHOW.digest, {})
    if content is not None:
        run = replace(run, activities={"show:content": ActivityState(1, Work.READY, content)})
    _, fields = settle_scene(Request("screen", asked, 7), SHOW, run)
    assert str(fields.get("reason", "")).startswith(reason)
    assert bool(fields.get("reason")) is bool(reason)


@pytest.mark.parametrize("field", ["title", "note", "ticker", "picture", "page"])
@pytest.mark.parametrize(
    "shape", ["screen-secret-0123456789", "c2NyZWVuLXNlY3JldC0wMTIzNDU2Nzg5", "s c r e e n-secret-0123456789"]
)
def test_a_secret_is_not_shown_and_this_is_told(field: str, shape: str) -> None:
    """Plain or encoded; the stage would show a mask, and nobody would know why."""
    Secret("screen-secret-0123456789")
    run = replace(Run("r", "talk", SHOW.digest, {}), activities={"show:content": SHOWN})
    event, fields = settle_scene(Request("screen", {"data": {field: f"look: {shape}"}}, 7), SHOW, run)
    assert (event, fields["reason"]) == ("scene_refused", "it contains a secret")
