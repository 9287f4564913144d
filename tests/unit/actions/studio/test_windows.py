"""The actions that show or play something beside the stream log."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from retake_flow.actions.studio import windows
from retake_flow.errors import InputError
from retake_flow.ports.actions import Call


def call(do, **inputs):
    """One performance of a service."""
    return Call("run", "place", 1, do, inputs, {}, "key")


EACH = {
    "studio.page": {"folder": "page"},
    "studio.terminal": {"command": ["top"]},
    "studio.log": {},
    "studio.window": {"command": ["xeyes"], "at": "top-right", "on_top": True},
    "studio.film": {"url": "https://example.org/film.mp4"},
    "studio.slides": {"files": ["a.png"], "every": "1m"},
    "studio.music": {"files": ["a.mp3"], "volume": 30},
}


def test_each_is_a_service_that_shows_the_same_result_as_it_declares(play):
    """All of them run side by side on a display."""
    assert {spec.name for spec in windows.SPECS} == EACH.keys()

    async def scene(s):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(s.performer.serve(call("studio.display")))
            values = {}
            for do, inputs in EACH.items():
                values[do] = (await stack.enter_async_context(s.performer.serve(call(do, **inputs)))).value
        return values

    values = play(scene)
    for spec in windows.SPECS:
        assert spec.result.keys() <= values[spec.name].keys()


@pytest.mark.parametrize(
    ("do", "inputs"),
    [
        ("studio.page", {}),
        ("studio.page", {"folder": "page", "url": "https://example.org/"}),
        ("studio.film", {}),
        ("studio.film", {"files": ["a.mp4"], "url": "https://example.org/a.mp4"}),
    ],
)
def test_a_source_is_named_once(play, do, inputs):
    """Neither none nor two: nothing is started then."""

    async def scene(s):
        with pytest.raises(InputError, match="takes either"):
            s.performer.serve(call(do, **inputs))
        return s.studio.started.total()

    assert play(scene) == 0
