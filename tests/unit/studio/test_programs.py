"""Which programs are missing, and how to install them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.errors import HostError, MissingProgram
from retake_flow.studio import programs
from retake_flow.studio.programs import lasting_failure


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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Unknown input format: 'x11grab'", "this ffmpeg cannot read from x11grab"),
        ("[in#0 @ 0x55] Unknown input format: x11grab", "this ffmpeg cannot read from x11grab"),
        ("Unknown input format: 'pulse'", "this ffmpeg cannot read from pulse"),
        ("Unknown encoder 'libx264'", "this ffmpeg has no encoder libx264"),
        ("[vost#0:0 @ 0x1] Unknown encoder 'aac'", "this ffmpeg has no encoder aac"),
        (
            "[NULL @ 0x1] Requested output format 'flv' is not a suitable output format",
            "this ffmpeg cannot write flv",
        ),
        ("[out#0 @ 0x1] Requested output format 'flv' is not known.", "this ffmpeg cannot write flv"),
        ("•••: Protocol not found", "this ffmpeg cannot send to rtmp:// and rtmps:// addresses"),
        ("[AVFilterGraph @ 0x1] No such filter: 'aresample'", "this ffmpeg has no filter aresample"),
        ("Unrecognized option 'stats_period'.", "this ffmpeg does not know the option -stats_period; 4.4 or newer"),
    ],
)
def test_an_ffmpeg_that_lacks_a_part_is_a_missing_program(line: str, message: str) -> None:
    """The part is named, in the words of any version, and the hint installs one that has it."""
    found = lasting_failure("ffmpeg", 1, ["something before", line, "Conversion failed!"], {})
    assert isinstance(found, MissingProgram)
    assert message in found.message
    assert "apt install ffmpeg" in found.hint


def test_an_ffmpeg_that_comes_before_the_systems_is_named(tmp_path: Path) -> None:
    """Installing another does not help where the first on the PATH is the one that lacks a part."""
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    found = lasting_failure("ffmpeg", 1, ["Unknown encoder 'libx264'"], {"PATH": str(tmp_path)})
    assert found is not None
    assert found.hint.startswith(f"{tmp_path / 'ffmpeg'} comes first in PATH")
    assert "export PATH=/usr/bin:$PATH" in found.hint


@pytest.mark.parametrize(
    ("name", "status", "line", "message", "hint"),
    [
        ("Xvfb", 1, "Could not create lock file in /tmp/.tX99-lock", "cannot write /tmp/.tX99-lock", "chmod 1777 /tmp"),
        ("Xvfb", 1, "XKB: Failed to compile keymap", "no keyboard map", "apt install x11-xkb-utils"),
        ("Xvfb", 1, "could not open default font 'fixed'", "no font fixed", "apt install xfonts-base"),
        ("xterm", 1, 'xterm: cannot match normal font "Monospace"', "no font is installed", "apt install fonts-dejavu"),
        ("xterm", 32, "Reason: get_pty: not enough ptys", "no pseudo terminal", "mount -t devpts"),
        (
            "scrot",
            127,
            "scrot: error while loading shared libraries: libImlib2.so.1: cannot open shared object file",
            "the library libImlib2.so.1 is missing",
            "apt install --reinstall scrot",
        ),
        ("openbox", 126, "setpriv: failed to execute openbox: Permission denied", "may not be executed", "chmod a+rx"),
        ("openbox", 126, "openbox: Exec format error", "for another kind of machine", "apt install openbox"),
        ("ffmpeg", 1, "av_interleaved_write_frame(): No space left on device", "cannot write: No space", "df -h"),
        ("Xvfb", 1, "(EE) mkdir: Read-only file system", "cannot write: Read-only", "--tmpfs /tmp"),
        ("ffmpeg", 1, "pipe: Too many open files", "may not open so many files", "ulimit -n"),
        ("ffmpeg", 1, "x264 [error]: malloc of size 3145728 failed", "gets no memory", "--memory 1g"),
        ("Xvfb", -31, "", "forbidden a system call", "seccomp"),
        ("ffmpeg", -4, "", "instructions that this processor does not have", "--reinstall ffmpeg"),
        ("ffmpeg", -25, "", "limit for the size of a file", "ulimit -f unlimited"),
    ],
)
def test_a_machine_that_does_not_let_it_work(name: str, status: int, line: str, message: str, hint: str) -> None:
    """The reason is told in words, with the command that mends it; it is the operator's to mend."""
    found = lasting_failure(name, status, [line], {})
    assert isinstance(found, HostError)
    assert message in found.message
    assert hint in found.hint
    assert found.fault == "operator"


@pytest.mark.parametrize(
    ("name", "status", "line"),
    [
        ("ffmpeg", 1, "•••: Connection refused"),
        ("ffmpeg", 1, "•••: Input/output error"),
        ("ffmpeg", 1, "[x11grab @ 0x1] Cannot open display :99, error 1."),
        ("ffmpeg", 1, "rtmp server sent error: Permission denied"),
        ("ffmpeg", -9, ""),
        ("ffmpeg", 255, "Exiting normally, received signal 2."),
        ("Xvfb", 1, "Server is already active for display 99"),
        ("brain", 1, "Unknown encoder 'libx264'"),
        ("brain", 1, ""),
    ],
)
def test_what_may_pass_stays_a_failure_that_is_tried_again(name: str, status: int, line: str) -> None:
    """A network, an ingest that refuses, a killed program: the next try may succeed."""
    assert lasting_failure(name, status, [line], {}) is None
