"""How the window manager and the content window are started, and what the stream log shows."""

from __future__ import annotations

import shlex
import stat
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.studio.windows import arrangement, xterm
from retake_flow.studio.windows.xterm import COLUMNS, MOST_LINES, StreamLog, display_lines

DISPLAY = {"DISPLAY": ":101", "XAUTHORITY": "/folder/authority"}
GUIDE = "xterm -fa Monospace -fs 12 -bg black -fg '#00ff00' -geometry 160x45+0+0"


def test_the_content_window_is_the_guides() -> None:
    """The command begins with the guide's settings and ends by following the log."""
    command = xterm.content(DISPLAY, Path("/run/stream.log")).command()
    guide = shlex.split(GUIDE)
    assert command[: len(guide)] == guide
    assert command[-6:] == ["-e", "tail", "-n", "+1", "-F", "/run/stream.log"]


def test_a_window_draws_on_its_own_display() -> None:
    """Both programs get the run's display and its key, whatever display the operator works on."""
    for spec in (xterm.content(DISPLAY, Path("log")), arrangement.openbox(DISPLAY, Path("own"))):
        assert DISPLAY.items() <= spec.environment.items()


def test_the_content_window_takes_no_input() -> None:
    """No key and no button does anything, nothing shown commands the terminal, and there is no menu."""
    command = " ".join(xterm.content(DISPLAY, Path("log")).command())
    assert "-xrm XTerm*translations: <KeyPress>: ignore()" in command
    for allowed in ("SendEvents", "WindowOps", "TitleOps", "FontOps", "ColorOps", "TcapOps", "MouseOps"):
        assert f"-xrm XTerm*allow{allowed}: false" in command


def test_the_operators_window_manager_settings_are_left_alone() -> None:
    """Openbox reads and writes in the run's folder only."""
    environment = arrangement.openbox(DISPLAY, Path("/run/openbox")).environment
    assert {environment[f"XDG_{kind}_HOME"] for kind in ("CONFIG", "CACHE", "DATA")} == {"/run/openbox"}


def test_the_log_is_private_and_fresh(tmp_path: Path) -> None:
    """A log starts empty, whatever lay in its place, and only its owner may read it."""
    path = tmp_path / "stream.log"
    path.write_text("from the last run\n")
    log = StreamLog(path)
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.append("hello")
    log.append("again\nand again")
    assert path.read_text() == "hello\nagain\nand again\n"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """A link where the log belongs is replaced; what it points to stays as it is."""
    target = tmp_path / "precious"
    target.write_text("keep me")
    (tmp_path / "stream.log").symlink_to(target)
    StreamLog(tmp_path / "stream.log").append("hello")
    assert target.read_text() == "keep me"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;cm0gLXJm\x1b\\text", "text"),
        ("\x1bP$q\x1b\\text", "text"),
        ("\x9b2Jtext", "text"),
        ("a\x08\x00b\x7f", "ab"),
        ("\x1bcreset", "reset"),
        ("\u202egnp.exe", "gnp.exe"),
        ("höflich ✓ 你好", "höflich ✓ 你好"),
    ],
)
def test_nothing_in_a_text_commands_the_terminal(text: str, shown: str) -> None:
    """Escape sequences and control characters are taken out; ordinary letters of any script stay."""
    assert display_lines(text) == [shown]


@given(st.text())
def test_any_text_becomes_plain_lines_that_fit(text: str) -> None:
    """Whatever is said, no line is too long, none holds a control character, and there are not too many."""
    lines = display_lines(text)
    assert len(lines) <= MOST_LINES
    for line in lines:
        assert len(line) <= COLUMNS
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in line)


def test_long_lines_are_wrapped_between_words() -> None:
    """A long line goes on in the next one; no word is lost."""
    text = " ".join(f"word{number}" for number in range(60))
    lines = display_lines(text)
    assert len(lines) > 1
    assert " ".join(lines) == text
