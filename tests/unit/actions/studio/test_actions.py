"""The actions of the studio."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from retake_flow.actions.studio.actions import StudioActions
from retake_flow.actions.studio.content import FirstPaint
from retake_flow.errors import InputError, NoDisplay
from retake_flow.ports.actions import Call
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.studio.encoding.progress import Health
from retake_flow.studio.picture import Screenshot


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
            running = [program.part for program in s.studio.alive]
        return running, s.studio.alive

    running, left = play(scene, saved=owl)
    assert running == ["display", "window manager", "content window", "encoder"]
    assert left == []


@pytest.mark.parametrize("target", [None, "rtmp://x/y", {}, {"push_url": "rtmp://x/y"}])
def test_an_encoder_wants_a_fresh_key(play, target):
    """What is not the result of retake.stream_key is refused before anything starts."""

    async def scene(s):
        with pytest.raises(InputError, match=r"retake\.stream_key"):
            s.performer.serve(call("studio.encoder", to=target))
        return s.studio.started.total()

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

        async def screenshot(limit, look):
            return Screenshot(picture, black=False)

        s.studio.screenshot = screenshot
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
        async with s.studio.display("1280x720"):
            return (await s.perform("studio.thumbnail")).value["thumbnail_url"]

    assert play(scene, saved=owl, faults=(Fault("POST /agent/update-thumbnail", status=200, body=""),)) == ""


@pytest.mark.parametrize(
    ("starts_after", "took", "black"), [(0.0, (0.0, 1.0), False), (4.0, (4.0, 5.5), False), (60.0, (10.0, 11.0), True)]
)
def test_a_black_picture_is_not_uploaded_while_the_content_starts(play, owl, starts_after, took, black):
    """The upload waits for something to be seen, ten seconds at most, and then sends what there is."""

    async def scene(s):
        async def show():
            await asyncio.sleep(starts_after)
            async with s.studio.content():
                await asyncio.Event().wait()

        async with s.studio.display("1280x720"):
            showing = asyncio.ensure_future(show())
            await asyncio.sleep(1.0 if starts_after == 0 else 0.0)
            began = s.now()
            done = await s.perform("studio.thumbnail")
            showing.cancel()
            await asyncio.wait([showing])
            return s.now() - began, done.value["black"], len(s.owl.thumbnails)

    seconds, sent_black, sent = play(scene, saved=owl)
    assert took[0] <= seconds <= took[1]
    assert (sent_black, sent) == (black, 1)


@pytest.mark.parametrize(
    ("shows_after", "waits", "max_age", "looked"),
    [
        (0.0, 3.0, 10.0, [False]),
        (2.0, 4.0, 10.0, [False]),
        (9.0, 11.0, 10.0, [False]),
        (0.0, 3.0, 0.0, [False, False]),
        (0.0, 25.0, 10.0, [False, False]),
        (0.0, 45.0, 10.0, [False, True]),
    ],
)
def test_the_first_thumbnail_may_be_taken_ahead(play, owl, shows_after, waits, max_age, looked):
    """It is taken before the stream is live. If it is too old, another is taken, and checked for being black."""

    async def scene(s):
        looks, take = [], s.studio.screenshot

        async def screenshot(limit, look):
            looks.append(look)
            return await take(limit, look)

        s.studio.screenshot = screenshot
        key = await s.perform("retake.stream_key")
        await s.perform("retake.start_stream")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(s.performer.serve(call("studio.display", size="640x360")))
            await stack.enter_async_context(s.performer.serve(call("studio.encoder", to=dict(key.value))))
            await asyncio.sleep(shows_after)
            await stack.enter_async_context(s.performer.serve(call("studio.content")))
            await asyncio.sleep(waits - shows_after if waits > shows_after else 0.0)
            return looks, (await s.perform("studio.thumbnail", max_age=max_age)).value["black"]

    looks, black = play(scene, saved=owl)
    assert (looks, black) == (looked, False)


@pytest.mark.parametrize(
    ("scenes", "limit", "ahead"),
    [
        (["starting"], 500_000, [False]),
        (["starting", "live"], 500_000, [True]),
        (["brb", "live"], 500_000, [True]),
        (["brb", "brb"], 500_000, [False]),
        (["desk", "live"], 500_000, [True, False]),
        (["desk", "live", "desk"], 500_000, [True]),
        (["", "", ""], 20, [True, False]),
    ],
)
def test_a_picture_taken_ahead_shows_the_scene_of_now(play, owl, scenes, limit, ahead):
    """When the scene has changed, or the picture is too large, another is taken; before the start none is taken."""

    async def scene(s):
        taken, take, paint, begun = [], s.studio.screenshot, FirstPaint(), s.now()

        async def screenshot(limit, look):
            taken.append(s.now() < begun + 3.9)
            return await take(limit, look)

        s.studio.screenshot = screenshot
        actions = StudioActions(s.studio, s.access, paint)
        key = await s.perform("retake.stream_key")
        await s.perform("retake.start_stream")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(s.performer.serve(call("studio.display", size="640x360")))
            await stack.enter_async_context(s.performer.serve(call("studio.content")))
            begun = s.now()
            spec = call("studio.encoder", to=dict(key.value), adapt=False)
            paint.change_scene(scenes[0])
            await stack.enter_async_context(actions.encoder(spec))
            for number, name in enumerate(scenes[1:], 1):
                await asyncio.sleep(begun + 2.0 * number - s.now())
                paint.change_scene(name)
            await asyncio.sleep(begun + 4.0 - s.now())
            await actions.thumbnail(call("studio.thumbnail", limit=limit, patience=10, max_age=10))
        return taken

    assert play(scene, saved=owl) == ahead


def test_how_large_a_picture_may_be_is_said_to_the_studio(play, owl):
    """The limit of the flow is the one that the picture is made for; there is one without a word."""

    async def scene(s):
        limits = []

        async def screenshot(limit, look):
            limits.append(limit)
            return await type(s.studio).screenshot(s.studio, limit)

        async with s.studio.display("1280x720"):
            s.studio.screenshot = screenshot
            await s.perform("studio.thumbnail", limit=30_000, patience=0)
            await s.perform("studio.thumbnail", patience=0)
        return limits

    assert play(scene, saved=owl) == [30_000, 500_000]


def test_a_look_tells_for_how_long_nothing_has_changed(play):
    """The seconds are those since it changed last."""

    async def scene(s):
        seen = []
        async with s.studio.display("1280x720"), s.studio.content():
            for look in range(4):
                if look == 1:
                    s.studio.freeze()
                seen.append((await s.perform("studio.picture")).value["still_for"])
                await asyncio.sleep(20)
        return seen

    assert play(scene) == [0.0, 0.0, 20.0, 40.0]


def test_another_display_is_looked_at_anew(play):
    """What was said of the one before is not said of it."""

    async def scene(s):
        seen = []
        for _ in range(2):
            async with s.performer.serve(call("studio.display")):
                for _ in range(2):
                    seen.append((await s.perform("studio.picture")).value["black_for"])
                    await asyncio.sleep(90)
        return seen

    assert play(scene) == [0.0, 90.0, 0.0, 90.0]


def test_a_look_tells_for_how_long_it_is_black(play):
    """Black counts from the first black picture on."""

    async def scene(s):
        seen = []
        async with s.studio.display("1280x720"):
            async with s.studio.content():
                seen.append((await s.perform("studio.picture")).value)
            for _ in range(2):
                await asyncio.sleep(30)
                seen.append((await s.perform("studio.picture")).value)
        return [(value["black"], value["black_for"], value["brightness"] > 0) for value in seen]

    assert play(scene) == [(False, 0.0, True), (True, 0.0, False), (True, 30.0, False)]


def test_a_look_that_is_not_asked_for_starts_nothing(play):
    """Then there need not even be a display."""

    async def scene(s):
        return (await s.perform("studio.picture", look=False)).outcome

    assert play(scene) == "idle"


def test_without_an_encoder_there_is_no_health(play):
    """There is nothing to tell before it runs."""

    async def scene(s):
        return (await s.perform("studio.health")).outcome

    assert play(scene) == "idle"


def test_an_encoder_that_is_slow_for_a_minute_is_an_event_once(play):
    """It is raised when the minute is over, not each time, and again when it has recovered and is slow once more."""
    slow_for = iter([0.0, 59.0, 60.0, 90.0, 0.0, 61.0])

    async def scene(s):
        s.studio.health = lambda: Health(1, 20.0, 900.0, 3, 0.7, 5.0, next(slow_for))
        done = [await s.perform("studio.health") for _ in range(6)]
        return [[name for name, _ in each.raised] for each in done], done[2]

    raised, third = play(scene)
    assert raised == [[], [], ["struggling"], [], [], ["struggling"]]
    assert third.raised == [("struggling", {"speed": 0.7, "fps": 20.0, "slow_for": 60.0, "advice": ""})]
    assert third.value["dropped"] == 3


def test_a_line_is_shown(play):
    """What is to be shown goes to the stream."""

    async def scene(s):
        await s.perform("studio.show", text="hello")
        return s.studio.said

    assert play(scene) == ["hello"]
