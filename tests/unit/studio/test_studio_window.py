"""How the window manager and the content window are started."""

from __future__ import annotations

import shlex
from pathlib import Path

from retake_flow.studio import window

GUIDE = "xterm -fa Monospace -fs 12 -bg black -fg '#00ff00' -geometry 160x45+0+0"


def test_the_content_window_is_the_guides() -> None:
    """The command begins with the guide's settings and ends by following the log."""
    command = window.xterm(":99", Path("/run/stream.log")).command()
    guide = shlex.split(GUIDE)
    assert command[: len(guide)] == guide
    assert command[-6:] == ["-e", "tail", "-n", "+1", "-F", "/run/stream.log"]


def test_a_window_draws_on_its_own_display() -> None:
    """Both programs get the run's display, whatever display the operator works on."""
    assert window.xterm(":101", Path("log")).environment["DISPLAY"] == ":101"
    assert window.openbox(":101", Path("own")).environment["DISPLAY"] == ":101"


def test_the_operators_window_manager_settings_are_left_alone() -> None:
    """Openbox reads and writes in the run's folder only."""
    environment = window.openbox(":99", Path("/run/openbox")).environment
    assert {environment[f"XDG_{kind}_HOME"] for kind in ("CONFIG", "CACHE", "DATA")} == {"/run/openbox"}
