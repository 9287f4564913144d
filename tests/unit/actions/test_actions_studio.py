"""The actions of the studio."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from retake_flow.errors import InputError, NoDisplay
from retake_flow.ports.actions import Call
from retake_flow.rehearsal.faults import Fault


def call(do, **inputs):
    """One performance of a service."""
    return Call("run", "place", 1, do, inputs, {}, "key")


def test_services_are_those_of_the_stage(play, owl):
    """Display, window manager, content window and encoder run together and end together."""

    async def scene(s):
        key = await s.perform("retake.stream_key")
        await s.perform("retake.start_stream")
        async with AsyncExitStack() as stack:
            for do, inputs in (
                ("studio.display", {"size": "640x360"}),
                ("studio.window_manager", {}),
                ("studio.content", {}),
                ("studio.encoder", {"to": dict(key.value)}),
            ):
                service = await stack.enter_async_context(s.performer.serve(call(do, **inputs)))
                assert service.value["display"] == ":99"
            running = [program.part for program in s.stage.alive]
        return running, s.stage.alive

    running, left = play(scene, saved=owl)
    assert running == ["display", "window manager", "content window", "encoder"]
    assert left == []


@pytest.mark.parametrize("target", [None, "rtmp://x/y", {}, {"push_url": "rtmp://x/y"}])
def test_an_encoder_wants_a_fresh_key(play, target):
    """What is not the result of retake.stream_key is refused before anything starts."""

    async def scene(s):
        with pytest.raises(InputError, match=r"retake\.stream_key"):
            s.performer.serve(call("studio.encoder", to=target))
        return s.stage.started.total()

    assert play(scene) == 0


@pytest.mark.parametrize(
    ("name", "media_type"), [("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.jpeg", "image/jpeg")]
)
def test_a_thumbnail_is_sent_as_what_it_is(play, owl, tmp_path, name, media_type):
    """A picture is uploaded with the type of its file; the result says how large it was."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(20) if name == "a.png" else b"\xff\xd8\xff" + bytes(20)

    async def scene(s):
        picture = tmp_path / name
        picture.write_bytes(content)

        async def screenshot():
            return picture

        s.stage.screenshot = screenshot
        done = await s.perform("studio.thumbnail")
        return done.value, [thumbnail.media_type for thumbnail in s.owl.thumbnails]

    value, types = play(scene, saved=owl)
    assert value["bytes"] == len(content)
    assert value["thumbnail_url"].startswith("https://retake.tv/")
    assert types == [media_type]


def test_a_thumbnail_needs_a_display(play, owl):
    """Without a display there is no picture, and nothing is uploaded."""

    async def scene(s):
        with pytest.raises(NoDisplay):
            await s.perform("studio.thumbnail")
        return len(s.calls)

    assert play(scene, saved=owl) == 0


def test_an_empty_answer_to_a_thumbnail_is_good(play, owl):
    """The answer to an upload is not needed for anything."""

    async def scene(s):
        async with s.stage.display("1280x720"):
            return (await s.perform("studio.thumbnail")).value["thumbnail_url"]

    assert play(scene, saved=owl, faults=(Fault("POST /agent/update-thumbnail", status=200, body=""),)) == ""


def test_a_line_is_shown(play):
    """What is to be shown goes to the stream."""

    async def scene(s):
        await s.perform("studio.show", text="hello")
        return s.stage.said

    assert play(scene) == ["hello"]
