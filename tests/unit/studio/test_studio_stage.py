"""One run's studio before anything is running."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from retake_flow.errors import NoDisplay
from retake_flow.redact import Secret
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.stage import Stage


def test_without_a_display_nothing_draws_or_captures(tmp_path: Path) -> None:
    """Window manager, content window, encoder and screenshot say that there is no display."""
    stage = Stage(Launcher("run", {"PATH": ""}), tmp_path / "studio")

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
        asyncio.run(stage.screenshot())
    assert stage.progress is None


def test_the_folder_is_private_and_what_is_said_is_in_the_log(tmp_path: Path) -> None:
    """A studio makes its own folder, for its user only, and writes what is said into the stream log there."""
    stage = Stage(Launcher("run", {"PATH": ""}), tmp_path / "a" / "studio")
    stage.say("hello")
    assert stat.S_IMODE(stage.folder.stat().st_mode) == 0o700
    assert (stage.folder / "stream.log").read_text() == "hello\n"
