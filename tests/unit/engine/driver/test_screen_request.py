"""What somebody outside changes on the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from retake_flow.engine.driver.outside_requests import settle_scene
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.state_parts import Scene
from retake_flow.ports.runs import Request
from retake_flow.redact import Secret
from retake_flow.run.run import ActivityState, Run, Work

FLOW = load_flow(
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


SCENES = replace(FLOW, scenes={"desk": Scene(("terminal",), FLOW.states["show"].position)})
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
        (Work.STARTING, {}, "no stage is on"),
        (Work.ENDED, {"shows": "stage"}, "no stage is on"),
        (None, {}, "no stage is on"),
    ],
)
def test_a_stage_takes_it_and_a_log_does_not(work: Work | None, value: Mapping[str, Any], reason: str) -> None:
    """The record has what was asked, and the reason where it is refused."""
    run = Run("r", "talk", FLOW.digest, {})
    if work is not None:
        run = replace(run, activities={"show:content": ActivityState(1, work, value)})
    event, fields = settle_scene(Request("screen", {**ASKED, "secret": 1}, 7), FLOW, run)
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
        ({"data": {"page": "https://example.org/"}}, None, "no stage is on"),
        ({"clear": True}, {"shows": "log", "pages": True}, ""),
        ({"clear": True}, {"shows": "log", "pages": False}, ""),
    ],
)
def test_a_page_needs_chromium_and_content(
    asked: Mapping[str, Any], content: Mapping[str, Any] | None, reason: str
) -> None:
    """A page covers a log too, and can be taken away again."""
    run = Run("r", "talk", FLOW.digest, {})
    if content is not None:
        run = replace(run, activities={"show:content": ActivityState(1, Work.READY, content)})
    _, fields = settle_scene(Request("screen", asked, 7), FLOW, run)
    assert str(fields.get("reason", "")).startswith(reason)
    assert bool(fields.get("reason")) is bool(reason)


@pytest.mark.parametrize("field", ["title", "note", "ticker", "picture", "page"])
@pytest.mark.parametrize(
    "shape", ["screen-secret-0123456789", "c2NyZWVuLXNlY3JldC0wMTIzNDU2Nzg5", "s c r e e n-secret-0123456789"]
)
def test_a_secret_is_not_shown_and_this_is_told(field: str, shape: str) -> None:
    """Plain or encoded; the stage would show a mask, and nobody would know why."""
    Secret("screen-secret-0123456789")
    run = replace(Run("r", "talk", FLOW.digest, {}), activities={"show:content": SHOWN})
    event, fields = settle_scene(Request("screen", {"data": {field: f"look: {shape}"}}, 7), FLOW, run)
    assert (event, fields["reason"]) == ("scene_refused", "it contains a secret")
