"""Which display is taken, and how its server is started."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
from pathlib import Path

import pytest

from retake_flow.errors import HostError, InputError
from retake_flow.studio import display
from retake_flow.studio.launcher import Launcher

NOBODY = 2**31 - 1  # larger than any process id


@pytest.fixture
def x_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /tmp, with no display in it."""
    (tmp_path / ".X11-unix").mkdir()
    monkeypatch.setattr(display, "FOLDER", tmp_path)
    return tmp_path


def test_the_server_is_started_as_the_guide_says() -> None:
    """The command begins with the guide's; what is added only keeps the display steady and private."""
    command = display.specification(99, "1280x720").command()
    guide = shlex.split("Xvfb :99 -screen 0 1280x720x24 -ac")
    assert command[: len(guide)] == guide
    assert command[len(guide) :] == ["-noreset", "-nolisten", "tcp"]


def test_the_guides_display_comes_first() -> None:
    """:99 is tried before any other number."""
    assert display.NUMBERS[0] == 99


def test_a_number_without_a_trace_is_free(x_folder: Path) -> None:
    """A display nobody holds or listens on is free."""
    assert not display.taken(99)


def test_a_lock_of_a_living_server_is_respected(x_folder: Path) -> None:
    """A display whose lock names a living process is taken."""
    (x_folder / ".X99-lock").write_text(f"{os.getpid():>10}\n")
    assert display.taken(99)


@pytest.mark.parametrize("lock", [f"{NOBODY:>10}\n", "", "rubbish"])
def test_a_stale_lock_takes_nothing(x_folder: Path, lock: str) -> None:
    """A lock that names no living process does not hold a display; the server itself clears it."""
    (x_folder / ".X99-lock").write_text(lock)
    assert not display.taken(99)


@pytest.mark.parametrize("abstract", [False, True])
def test_a_display_somebody_listens_on_is_taken(x_folder: Path, abstract: bool) -> None:
    """A server without a lock is noticed by its socket, in the file system or abstract."""
    address = str(x_folder / ".X11-unix" / "X99")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{address}" if abstract else address)
        server.listen()
        assert display.taken(99)
    assert not display.taken(99)


@pytest.mark.parametrize("size", ["1280x720", "16x16", "3840x2160"])
def test_a_size_is_taken_as_it_is(size: str) -> None:
    """A size in even numbers can be used."""
    assert display.checked_size(size) == size


@pytest.mark.parametrize("size", ["", "1280", "1281x720", "1280x719", "8x8", "99999x2", "1280 x 720", "1280x720x24"])
def test_a_size_that_cannot_be_encoded_is_refused(size: str) -> None:
    """What is no size, or has odd numbers, is refused with an example of a good one."""
    with pytest.raises(InputError) as raised:
        display.checked_size(size)
    assert "1280x720" in raised.value.hint


def test_when_all_numbers_are_taken_the_operator_is_asked_to_end_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying again would find them taken again."""
    monkeypatch.setattr(display, "NUMBERS", range(99, 101))
    monkeypatch.setattr(display, "taken", lambda number: True)

    async def opened() -> None:
        async with display.open_display(Launcher("run", {"PATH": ""})):
            raise AssertionError("there is no number")

    with pytest.raises(HostError, match="the displays :99 to :100 are all taken") as raised:
        asyncio.run(opened())
    assert "pgrep -a Xvfb" in raised.value.hint
