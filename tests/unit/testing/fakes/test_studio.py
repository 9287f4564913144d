"""The studio without programs: takes its time, pushes like an encoder, and breaks down when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from retake_flow.errors import HostError, MissingProgram, NoDisplay, NotReady, ProcessFailed, PushClosed, PushRefused
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.testing.fakes.studio import FakeStudio
from retake_flow.testing.fakes.studio_programs import Program, Trouble
from retake_flow.whatif.virtual_time import VirtualClock, run

Play = Callable[[FakeStudio, Platform], Awaitable[Any]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    """Plays a scene on a stage beside a platform with one agent, in virtual time."""

    def play(scene: Play, *troubles: Trouble) -> Any:
        async def main() -> Any:
            agents = (PreparedAgent("owl", Secret("rtk_stage_owl_1"), "user_owl"),)
            platform = Platform(Options(agents=agents, lag=0.3, seed=3), VirtualClock().now, Random(3))
            stage = FakeStudio(platform, tmp_path, troubles)
            outcome = await scene(stage, platform)
            assert stage.alive == []
            return outcome

        return run(main())

    return play


def push_url(platform: Platform) -> Secret:
    """A fresh key of the agent, with a session for it."""
    owl = platform.agents.by_id("user_owl")
    key = platform.issue_key(owl)
    platform.start(owl)
    return Secret(f"{platform.ingest_url}/{key.value.reveal()}")


def encoding(stage: FakeStudio, target: Secret) -> AbstractAsyncContextManager[Program]:
    """An encoder as the flow starts it."""
    return stage.encoder(target)


def test_the_encoder_makes_the_stream_live(play):
    """While it runs the platform sees video; when it is left the push is over."""

    async def scene(stage, platform):
        owl = platform.agents.by_id("user_owl")
        async with (
            stage.display("1280x720"),
            encoding(stage, push_url(platform)) as encoder,
        ):
            await asyncio.sleep(10)
            live, value, frames = platform.is_live(owl), encoder.value, platform.publications[0].frames
        return live, value["display"], frames, platform.is_live(owl), platform.publications[0].closed_by

    live, display, frames, after, closed_by = play(scene)
    assert (live, display, after, closed_by) == (True, ":99", False, "the publisher went away")
    assert 270 <= frames <= 360


def test_an_old_key_is_refused(play):
    """The encoder does not start with a key that is not the newest."""

    async def scene(stage, platform):
        old = push_url(platform)
        push_url(platform)
        async with stage.display("1280x720"):
            with pytest.raises(PushRefused, match="refuses the push"):
                async with encoding(stage, old):
                    pass
        return platform.refused_pushes

    assert play(scene) == 1


def test_the_encoder_dies_when_the_platform_hangs_up(play):
    """A newer key or a stopped session ends the push, and with it the encoder."""

    async def scene(stage, platform):
        async with (
            stage.display("1280x720"),
            encoding(stage, push_url(platform)) as encoder,
        ):
            platform.issue_key(platform.agents.by_id("user_owl"))
            with pytest.raises(PushClosed) as closed:
                await encoder.wait()
            return closed.value.message

    assert play(scene) == "the platform's ingest has closed the push: a newer stream key was issued"


def test_a_stalled_encoder_lives_and_sends_nothing(play):
    """The platform takes the stream off the air although the program goes on."""

    async def scene(stage, platform):
        owl = platform.agents.by_id("user_owl")
        async with (
            stage.display("1280x720"),
            encoding(stage, push_url(platform)) as encoder,
        ):
            await asyncio.sleep(5)
            before = platform.is_live(owl)
            stage.stall()
            await asyncio.sleep(5)
            return before, encoder.alive, platform.is_live(owl)

    assert play(scene) == (True, True, False)


def test_all_go_with_their_display(play):
    """What is shown on a display dies when the display does."""

    async def scene(stage, platform):
        async with (
            stage.display("1280x720") as display,
            stage.window_manager() as manager,
            stage.content() as window,
            encoding(stage, push_url(platform)) as encoder,
        ):
            stage.kill("display")
            return [await program.wait() for program in (display, manager, window, encoder)]

    assert play(scene) == [
        "Xvfb was killed",
        "openbox lost its display",
        "xterm lost its display",
        "ffmpeg lost its display",
    ]


@pytest.mark.parametrize("start", ["window_manager", "content", "screenshot"])
def test_nothing_works_without_a_display(play, start):
    """What needs a display fails at once when there is none."""

    async def scene(stage, platform):
        with pytest.raises(NoDisplay):
            await stage.screenshot(1) if start == "screenshot" else getattr(stage, start)()
        return stage.started.total()

    assert play(scene) == 0


@pytest.mark.parametrize(
    ("way", "error", "seconds"),
    [
        ("is missing", MissingProgram, 0.0),
        ("gets no memory", HostError, 0.0),
        ("never becomes ready", NotReady, 20.0),
        ("fails", ProcessFailed, 0.1),
    ],
)
def test_a_program_fails_as_it_is_told_to(play, way, error, seconds):
    """Each way to fail takes its time and raises what the real studio would."""

    async def scene(stage, platform):
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(error):
            async with stage.display("1280x720"):
                pass
        took = loop.time() - began
        async with stage.display("1280x720"):
            pass
        return took

    assert seconds <= play(scene, Trouble("display", way)) <= seconds + 0.2


def test_a_missing_program_is_named_with_its_package(play):
    """The error says how a person installs it."""

    async def scene(stage, platform):
        with pytest.raises(MissingProgram) as raised:
            async with stage.display("1280x720"):
                pass
        return raised.value

    error = play(scene, Trouble("display", "is missing"))
    assert error.message == "Xvfb is not installed"
    assert error.hint.endswith("apt install xvfb")


def test_a_program_dies_after_its_time(play):
    """A mortal program is ready first, and dies when it was told to."""

    async def scene(stage, platform):
        async with stage.display("1280x720") as display:
            before = asyncio.get_running_loop().time()
            reason = await display.wait()
            return asyncio.get_running_loop().time() - before, reason

    took, reason = play(scene, Trouble("display", "dies", after=5.0))
    assert took == pytest.approx(5.0)
    assert reason == "Xvfb was killed"


def test_ending_takes_a_moment_unless_it_is_cut_short(play):
    """A program that is asked to end takes a while; a second cancellation kills it."""

    async def scene(stage, platform):
        async def serve():
            async with stage.display("1280x720") as display:
                await display.wait()

        took = []
        for cancellations in (1, 2):
            task = asyncio.get_running_loop().create_task(serve())
            await asyncio.sleep(1)
            began = asyncio.get_running_loop().time()
            for _ in range(cancellations):
                task.cancel()
                await asyncio.sleep(0.01)
            await asyncio.wait([task])
            took.append(asyncio.get_running_loop().time() - began)
        return took

    in_order, at_once = play(scene)
    assert in_order == pytest.approx(0.2)
    assert at_once <= 0.03


def test_a_picture_is_a_png(play, tmp_path):
    """A screenshot is a whole PNG file."""

    async def scene(stage, platform):
        async with stage.display("1280x720"):
            return await stage.screenshot(500_000)

    picture = play(scene)
    assert picture.path.parent == tmp_path
    assert picture.path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_what_does_not_run_cannot_be_killed(play):
    """A test that kills the wrong thing is told so."""

    async def scene(stage, platform):
        with pytest.raises(LookupError, match="no encoder"):
            stage.kill("encoder")

    play(scene)


def test_a_display_is_black_until_the_content_window_is_ready(play):
    """What the screenshot and a look say of it is the same."""

    async def scene(stage, platform):
        seen = []
        async with stage.display("1280x720"):
            seen += [(await stage.screenshot(1)).black, (await stage.picture()).black]
            async with stage.content():
                seen += [(await stage.screenshot(1)).black, (await stage.picture()).black]
            seen += [(await stage.picture()).black]
        return seen

    assert play(scene) == [True, True, False, False, True]


def test_a_picture_changes_until_its_display_freezes(play):
    """Two looks differ; after it froze they are the same, until there is another display."""

    async def scene(stage, platform):
        async with stage.display("1280x720"), stage.content():
            moving = [await stage.picture(), await asyncio.sleep(1), await stage.picture()]
            stage.freeze()
            frozen = [await stage.picture(), await asyncio.sleep(1), await stage.picture()]
        async with stage.display("1280x720"), stage.content():
            anew = [await stage.picture(), await asyncio.sleep(1), await stage.picture()]
        return moving, frozen, anew

    moving, frozen, anew = play(scene)
    assert moving[0] != moving[2]
    assert frozen[0] == frozen[2]
    assert anew[0] != anew[2]


def test_a_slow_encoder_is_as_slow_as_it_was_told_to_be(play):
    """Its health counts the seconds from then on; without an encoder there is none."""

    async def scene(stage, platform):
        health = [stage.health()]
        async with stage.display("1280x720"), encoding(stage, push_url(platform)):
            await asyncio.sleep(20)
            health.append(stage.health())
            stage.slow_down(0.5)
            await asyncio.sleep(70)
            health.append(stage.health())
        return [*health, stage.health()]

    before, well, slow, after = play(scene)
    assert before is after is None
    assert (well.speed, well.slow_for) == (1.0, 0.0)
    assert (slow.speed, slow.slow_for, slow.bitrate) == (0.5, 70.0, 750.0)
    assert slow.frames > well.frames > 0
