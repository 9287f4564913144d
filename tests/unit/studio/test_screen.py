"""The windows of a run, before anything is started."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from retake_flow.errors import InputError, NoDisplay
from retake_flow.studio.layout import Area
from retake_flow.studio.media import Media
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.studio import Studio
from retake_flow.studio.windows import player, xterm
from retake_flow.studio.work_folder import WorkFolder

AREA = Area(10, 20, 640, 360)


@pytest.fixture
def stage(tmp_path: Path) -> Studio:
    """A studio without a display, whose flow is in a folder with some files."""
    for name in ("b.png", "a.png", "c[1].png", "sub/d.png"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / name).touch()
    return Studio(Launcher("run", dict(os.environ)), WorkFolder(tmp_path / "work"), home=tmp_path / "home")


def test_files_are_found_from_the_flow_on(stage: Studio, tmp_path: Path) -> None:
    """Those of a wildcard by name; a file whose name looks like one is itself; addresses stay."""
    home = tmp_path / "home"
    found = stage.screen.media.files(["sub/d.png", "?.png", "c[1].png", "https://example.org/*.png"])
    paths = [str(home / name) for name in ("sub/d.png", "a.png", "b.png", "c[1].png")]
    assert found == [*paths, "https://example.org/*.png"]
    for missing in ("x.png", "x*.png", "sub", "av://lavfi:mandelbrot", "memory://x", "https:// a.png"):
        with pytest.raises(InputError, match="there is no file"):
            stage.screen.media.files([missing])


def test_a_flow_shows_files_of_its_own_folder_only(stage: Studio, tmp_path: Path) -> None:
    """Those of a link and of a wildcard too; a folder has a page in it; what is allowed may be elsewhere."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "index.html").touch()
    (home / "out.html").symlink_to(elsewhere / "index.html")
    (home / "out").symlink_to(elsewhere)
    for name in (str(elsewhere / "index.html"), "../elsewhere/*.html", "out.html", "ou?.html", "/etc/hostname"):
        with pytest.raises(InputError, match="outside of the flow's folder"):
            stage.screen.media.files([name])
    for name, said in (("out", "outside"), ("../elsewhere", "outside"), ("none", "no folder"), ("sub", "no index")):
        with pytest.raises(InputError, match=said):
            stage.screen.media.folder(name)
    allowing = Media(home, (str(elsewhere),))
    assert allowing.folder("../elsewhere").samefile(elsewhere)
    assert allowing.files(["out.html"]) == [str(home / "out.html")]


def test_windows_need_a_display(stage: Studio, tmp_path: Path) -> None:
    """Whatever is to be shown."""

    async def scene() -> None:
        for opening in (stage.screen.page("https://example.org/"), stage.screen.page(tmp_path)):
            with pytest.raises(NoDisplay):
                await opening.__aenter__()
        with pytest.raises(NoDisplay):
            stage.screen.terminal(["top"])

    asyncio.run(scene())


def test_a_player_plays_what_it_is_told_and_nothing_else() -> None:
    """A name that looks like an option is a file, and no configuration, script or socket has a say."""
    spec = player.film({}, {"PULSE_SINK": "stream"}, AREA, ["--really"], loop=True, volume=40, duck=True)
    command = spec.command()
    assert command[command.index("--") + 1 :] == ["--really"]
    assert {"--no-config", "--ytdl=no", "--load-scripts=no", "--volume=40", "--loop-playlist=inf"} <= set(command)
    assert "--geometry=640x360+10+20" in command
    assert spec.environment == {"PULSE_SINK": "stream", "PULSE_PROP": "media.role=video"}
    once = player.music({}, ["a"], loop=False, volume=100, duck=False)
    assert "--loop-playlist=inf" not in once.command()
    assert once.environment == {}


def test_a_single_slide_stays() -> None:
    """Without a change there is no gap between it and itself."""
    for places, shown in ((["a"], "inf"), (["a", "b"], "3")):
        command = player.slides({}, AREA, places, loop=True, every=3).command()
        assert f"--image-display-duration={shown}" in command


def test_terminals_obey_nothing_in_the_text_that_they_show() -> None:
    """That of the stream log, and any other."""
    for spec in (xterm.content({}, Path("log")), xterm.xterm({}, AREA, ["top"])):
        command = " ".join(spec.command())
        for resource in ("allowWindowOps: false", "allowTitleOps: false", "translations: <KeyPress>: ignore()"):
            assert resource in command
