"""One run's studio before anything is running."""

from __future__ import annotations

import asyncio
import shutil
import stat
from pathlib import Path

import pytest

from retake_flow.errors import NoDisplay, StudioError
from retake_flow.redact import Secret
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.sound import SILENCE
from retake_flow.studio.studio import SOUND_WITHIN, Studio
from retake_flow.studio.work_folder import WorkFolder
from retake_flow.whatif.virtual_time import VirtualLoop, run


def test_without_a_display_nothing_draws_or_captures(tmp_path: Path) -> None:
    """Window manager, content window, encoder and screenshot say that there is no display."""
    stage = Studio(Launcher("run", {"PATH": ""}), WorkFolder(tmp_path / "studio"))

    async def push() -> None:
        async with stage.encoder(Secret("rtmp://127.0.0.1/app/key")):
            pass

    with pytest.raises(NoDisplay):
        stage.window_manager()
    with pytest.raises(NoDisplay):
        stage.content()
    with pytest.raises(NoDisplay):
        asyncio.run(push())
    with pytest.raises(NoDisplay):
        asyncio.run(stage.screenshot(500_000))
    assert stage.health() is None


def test_the_folder_is_private_and_what_is_said_is_in_the_log(tmp_path: Path) -> None:
    """A studio makes its own folder, for its user only, and writes what is said into the stream log there."""
    stage = Studio(Launcher("run", {"PATH": ""}), WorkFolder(tmp_path / "a" / "studio"))
    stage.say("hello")
    assert stat.S_IMODE(stage.folder.path.stat().st_mode) == 0o700
    assert stage.log.path.read_text() == "hello\n"


@pytest.mark.parametrize("what", ["", "stream.log"])
def test_what_vanishes_is_made_again_by_the_next_word(tmp_path: Path, what: str) -> None:
    """The folder, or the log in it, was removed by somebody who cleans up."""
    stage = Studio(Launcher("run", {"PATH": ""}), WorkFolder(tmp_path / "studio"))
    stage.say("before")
    gone = stage.folder.path / what
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    stage.say("after")
    assert stage.log.path.read_text() == "after\n"
    assert stat.S_IMODE(stage.log.path.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """As an error of the studio, which a flow can route, and not as a defect."""
    stage = Studio(Launcher("run", {"PATH": ""}), WorkFolder(tmp_path / "studio"))
    stage.log.path.unlink()
    stage.log.path.mkdir()
    with pytest.raises(StudioError, match=r"stream\.log: Is a directory"):
        stage.say("hello")


def test_a_machine_that_stood_still_does_not_cost_the_sound(tmp_path: Path) -> None:
    """A sound that has died is waited for by steps: a thousand seconds of standing still are one of them."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        studio = Studio(Launcher("run", {}), WorkFolder(tmp_path / "work"))
        studio._restored.clear()
        loop.call_later(1.0, loop.advance, 1000.0)
        began = loop.time()
        assert await studio._audio() is SILENCE
        return loop.time() - began

    assert run(scene()) > 1000.0 + SOUND_WITHIN - 1.5
