"""Programs: the programs that the studio needs, and how to install them."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from retake_flow.errors import MissingProgram
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the studio.

    Attributes:
        required: Whether a stream is impossible without it.
        when_used: Whether a flow that uses it cannot run without it.
    """

    name: str
    package: str
    purpose: str
    required: bool = True
    when_used: bool = True


# The required packages are those of the guide's one-time set-up (section 4).
PROGRAMS = (
    Program("Xvfb", "xvfb", "the virtual display"),
    Program("openbox", "openbox", "the window manager on the display"),
    Program("xterm", "xterm", "the content window that shows the stream log"),
    Program("ffmpeg", "ffmpeg", "the encoder"),
    Program("ffprobe", "ffmpeg", "the check of a recording"),
    Program("scrot", "scrot", "the screenshots for thumbnails"),
    Program("pulseaudio", "pulseaudio", "the sound, without which a stream is silent", required=False, when_used=False),
    Program("paplay", "pulseaudio-utils", "what plays speech", required=False, when_used=False),
    Program("espeak-ng", "espeak-ng", "the voice, unless another is set", required=False, when_used=False),
    Program("mpv", "mpv", "films, slides and music on stream", required=False),
    Program("chromium", "chromium", "web pages on stream", required=False),
)


def command_in(folder: Path, command: Sequence[str]) -> tuple[str, ...]:
    """A command line; a program whose name has a `/` is looked up from a folder."""
    name, *arguments = command
    return (str((folder / name).absolute()) if "/" in name else name, *arguments)


def find(name: str, environment: Mapping[str, str]) -> Path | None:
    """The path of a program on the environment's PATH, or None."""
    place = shutil.which(name, path=environment.get("PATH", os.defpath))
    return Path(place) if place else None


def missing(environment: Mapping[str, str], *, required: bool = True) -> list[Program]:
    """The programs that are not installed: either those that a stream needs, or the others."""
    sought = (program for program in PROGRAMS if program.required is required)
    return [program for program in sought if find(program.name, environment) is None]


def install_command(programs: Iterable[Program]) -> str:
    """The exact command with which an operator installs `programs`.

    The command is only shown and never run: system packages are the operator's step (platform.md, rule 8).
    """
    packages = list(dict.fromkeys(program.package for program in programs))
    return " ".join([*([] if os.geteuid() == 0 else ["sudo"]), "apt install", *packages])


def require(name: str, environment: Mapping[str, str]) -> Path:
    """The path of a program.

    Raises:
        MissingProgram: It is not installed; the hint is the command that installs it. Or it is no program.
    """
    place = find(name, environment)
    if place is not None:
        return place
    if "/" in name:
        raise _no_program(Path(name))
    known = [program for program in PROGRAMS if program.name == name]
    if not known:
        raise MissingProgram(f"{name} is not installed", hint="install it, or add its folder to PATH")
    raise MissingProgram(f"{name} is not installed; it is {known[0].purpose}", hint=f"run: {install_command(known)}")


def _no_program(place: Path) -> MissingProgram:
    if place.is_dir():
        return MissingProgram(f"{place} is a folder, not a program")
    if place.exists():
        return MissingProgram(f"{place} may not be executed", hint=f"run: chmod +x {shlex.quote(str(place))}")
    return MissingProgram(f"there is no program {place}", hint="a name with a / begins at the flow's file")
