"""Which programs are missing, and how to install them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.errors import MissingProgram
from retake_flow.studio import programs


def installed(folder: Path, *names: str) -> dict[str, str]:
    """An environment in which these programs, and no others, are installed."""
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_each_missing_program_is_named_once(tmp_path: Path) -> None:
    """What is not on the PATH is missing; what is there is not."""
    environment = installed(tmp_path, "Xvfb", "ffmpeg", "ffprobe")
    assert [program.name for program in programs.missing(environment)] == ["openbox", "xterm", "scrot"]
    assert programs.find("Xvfb", environment) == tmp_path / "Xvfb"
    assert programs.find("scrot", environment) is None


def test_what_a_stream_can_do_without_is_not_missing(tmp_path: Path) -> None:
    """Without the programs of the voice nothing is missing; they are named when they are asked for."""
    environment = installed(tmp_path, "Xvfb", "ffmpeg", "ffprobe", "openbox", "xterm", "scrot", "paplay")
    assert programs.missing(environment) == []
    assert [each.name for each in programs.missing(environment, required=False)] == [
        "pulseaudio",
        "espeak-ng",
        "mpv",
        "chromium",
    ]


def test_a_file_that_cannot_be_run_is_no_program(tmp_path: Path) -> None:
    """A file without the right to run it does not count."""
    (tmp_path / "scrot").write_text("")
    assert programs.find("scrot", {"PATH": str(tmp_path)}) is None


@pytest.mark.parametrize(("user", "start"), [(0, "apt install "), (1000, "sudo apt install ")])
def test_the_install_command_is_complete(monkeypatch: pytest.MonkeyPatch, user: int, start: str) -> None:
    """One command installs everything, each package once, with sudo for whoever is not root."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    packages = "xvfb openbox xterm ffmpeg scrot pulseaudio pulseaudio-utils espeak-ng mpv chromium"
    assert programs.install_command(programs.PROGRAMS) == start + packages


def test_a_required_program_that_is_missing_comes_with_its_command(tmp_path: Path) -> None:
    """The error says what the program is for, and the hint how to install it."""
    with pytest.raises(MissingProgram) as raised:
        programs.require("ffprobe", {"PATH": str(tmp_path)})
    assert raised.value.message == "ffprobe is not installed; it is the check of a recording"
    assert raised.value.hint.endswith("apt install ffmpeg")
    assert raised.value.exit_code == 6
