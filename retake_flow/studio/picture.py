"""Picture: captures a display as a small grey picture (ffmpeg), or as a screenshot for a thumbnail (scrot)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from retake_flow.errors import ProcessFailed
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import Display, checked_size
from retake_flow.studio.layout import BACKDROP
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec

CAPTURED_WITHIN = 30.0
WIDTH, HEIGHT = 64, 36
#: The brightest grey, of 255, in a picture that counts as black: a single line of text is brighter.
BLACK = 12
#: The grey of a display on which nothing is drawn, and by how much a dot of it may differ once it was encoded.
_EMPTY = round(0.299 * (BACKDROP >> 16) + 0.587 * (BACKDROP >> 8 & 255) + 0.114 * (BACKDROP & 255))
_NOISE = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """A small grey picture.

    Attributes:
        dots: Its dots, line by line, from 0 (black) to 255.
    """

    dots: bytes

    @property
    def black(self) -> bool:
        """Whether the picture counts as black: nothing in it can be seen, or it is the display without any window."""
        return max(self.dots) <= BLACK or max(abs(dot - _EMPTY) for dot in self.dots) <= _NOISE

    @property
    def brightness(self) -> float:
        """The mean brightness, from 0 (black) to 1."""
        return round(sum(self.dots) / len(self.dots) / 255, 3)


def of_display(display: Mapping[str, str], size: str) -> ProcessSpec:
    """The program that captures a display.

    Args:
        display: The variables that let a program in.
        size: The captured part of it, in pixels.
    """
    # Without the mouse pointer, which even an empty display shows.
    pictured = ("-draw_mouse", "0", "-video_size", checked_size(size))
    return _specification(("-f", "x11grab", *pictured, "-i", display["DISPLAY"]), environment=display)


def of_file(file: Path) -> ProcessSpec:
    """The program that reads an image file."""
    return _specification(("-i", file.name), file.parent)


async def capture(launcher: Launcher, spec: ProcessSpec) -> Picture:
    """Capture a display or a file.

    Raises:
        MissingProgram: ffmpeg is not installed.
        ProcessFailed: The display does not exist, or the file is not a picture.
        NotReady: The capture took too long; the display hangs.
    """
    completed = await launcher.run(spec, timeout=CAPTURED_WITHIN)
    if completed.status != 0 or len(completed.stdout) != WIDTH * HEIGHT:
        raise completed.lasting or ProcessFailed(f"the picture could not be captured: {completed.ending}")
    return Picture(completed.stdout)


def _specification(
    source: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> ProcessSpec:
    # Each dot is the mean of a field, so that a change anywhere changes something here.
    small = f"scale={WIDTH}:{HEIGHT}:flags=area,format=gray"
    return ProcessSpec(
        argv=(
            *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin"),
            *source,
            *("-frames:v", "1", "-vf", small, "-f", "rawvideo", "pipe:1"),
        ),
        environment=environment or {},
        folder=folder,
        shares_memory=False,
    )


TAKEN_WITHIN = 15.0
FILE = "screenshot.jpg"
#: The steps by which a picture is shrunk: its greatest width in pixels, and ffmpeg's quality (2 is the best).
SMALLER = ((4096, 5), (1280, 6), (1280, 12), (960, 12), (640, 12), (480, 16), (320, 16), (160, 31))


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture of a display, as a file.

    Attributes:
        black: Whether it counts as black; False when that was not checked.
    """

    path: Path
    black: bool


def scrot(display: Mapping[str, str], folder: Path, file: str) -> ProcessSpec:
    """The program that takes a screenshot; `display` holds the variables that let a program in."""
    # A plain name in the working folder: scrot would expand % and $ in a longer path.
    return ProcessSpec(
        argv=("scrot", "--overwrite", "--silent", "--quality", "85", file),
        environment=display,
        folder=folder,
        shares_memory=False,
    )


def smaller(folder: Path, file: str, target: str, width: int, quality: int) -> ProcessSpec:
    """The program that shrinks a picture; it keeps its shape, and is never made wider."""
    return ProcessSpec(
        argv=(
            *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i", file),
            *("-vf", f"scale='min({width},iw)':-2", "-q:v", str(quality), "-f", "mjpeg", target),
        ),
        folder=folder,
    )


async def take_screenshot(
    launcher: Launcher, display: Display, folder: Path, limit: int, look: bool = True
) -> Screenshot:
    """Take a screenshot into `folder`; the file is complete or does not exist.

    The limit is in bytes. `look` checks if it is black, which takes longer than the picture.

    Raises:
        MissingProgram: scrot or ffmpeg is not installed.
        ProcessFailed: The display does not exist, the folder cannot be written, or the limit is too small.
        NotReady: scrot did not finish in time.
    """
    with tempfile.TemporaryDirectory(prefix="shot", dir=folder) as work:
        taken = Path(work) / FILE
        spec = scrot(display.environment, taken.parent, FILE)
        await _make(launcher, spec, taken, f"screenshot of display {display.name}")
        taken = await within(launcher, taken, limit)
        black = look and (await capture(launcher, of_file(taken))).black
        target = folder / FILE
        os.replace(taken, target)
    return Screenshot(target, black)


async def within(launcher: Launcher, taken: Path, limit: int) -> Path:
    """A picture of at most `limit` bytes: unchanged, or shrunk as little as possible, next to the original.

    Raises:
        ProcessFailed: The picture cannot be made that small.
    """
    small = taken
    for width, quality in SMALLER:
        if small.stat().st_size <= limit:
            return small
        small = taken.with_name(f"smaller{taken.suffix}")
        await _make(launcher, smaller(taken.parent, taken.name, small.name, width, quality), small, "smaller one")
    if small.stat().st_size <= limit:
        return small
    raise ProcessFailed(f"no picture of at most {limit} bytes could be made", hint="allow larger thumbnails")


async def _make(launcher: Launcher, spec: ProcessSpec, file: Path, what: str) -> None:
    completed = await launcher.run(spec, timeout=TAKEN_WITHIN)
    if completed.status != 0 or not file.exists():
        raise completed.lasting or ProcessFailed(f"no {what} was taken: {completed.ending}")
