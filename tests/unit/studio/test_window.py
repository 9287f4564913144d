"""How the window manager and the content window are started."""

from __future__ import annotations

import shlex
from pathlib import Path

from retake_flow.studio import window

DISPLAY = {"DISPLAY": ":101", "XAUTHORITY": "/folder/authority"}
GUIDE = "xterm -fa Monospace -fs 12 -bg black -fg '#00ff00' -geometry 160x45+0+0"


def test_the_content_window_is_the_guides() -> None:
    """The command begins with the guide's settings and ends by following the log."""
    command = window.xterm(DISPLAY, Path("/run/stream.log")).command()
    guide = shlex.split(GUIDE)
    assert command[: len(guide)] == guide
    assert command[-6:] == ["-e", "tail", "-n", "+1", "-F", "/run/stream.log"]


def test_a_window_draws_on_its_own_display() -> None:
    """Both programs get the run's display and its key, whatever display the operator works on."""
    for spec in (window.xterm(DISPLAY, Path("log")), window.openbox(DISPLAY, Path("own"))):
        assert DISPLAY.items() <= spec.environment.items()


def test_the_content_window_takes_no_input() -> None:
    """No key and no button does anything, nothing shown commands the terminal, and there is no menu."""
    command = " ".join(window.xterm(DISPLAY, Path("log")).command())
    assert "-xrm XTerm*translations: <KeyPress>: ignore()" in command
    for allowed in ("SendEvents", "WindowOps", "TitleOps", "FontOps", "ColorOps", "TcapOps", "MouseOps"):
        assert f"-xrm XTerm*allow{allowed}: false" in command


def test_the_operators_window_manager_settings_are_left_alone() -> None:
    """Openbox reads and writes in the run's folder only."""
    environment = window.openbox(DISPLAY, Path("/run/openbox")).environment
    assert {environment[f"XDG_{kind}_HOME"] for kind in ("CONFIG", "CACHE", "DATA")} == {"/run/openbox"}
