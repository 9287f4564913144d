"""Screenshots of a display, for thumbnails: scrot takes them, and ffmpeg shrinks pictures that are too large."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from retake_flow.errors import ProcessFailed
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio import picture
from retake_flow.studio.display import Display
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec

TIMEOUT_SECONDS = 15.0
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


def specification(display: Mapping[str, str], folder: Path, file: str) -> ProcessSpec:
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


async def take(launcher: Launcher, display: Display, folder: Path, limit: int, look: bool = True) -> Screenshot:
    """Take a screenshot into `folder`; the file is complete or does not exist.

    The limit is in bytes. `look` checks if it is black, which takes longer than the picture.

    Raises:
        MissingProgram: scrot or ffmpeg is not installed.
        ProcessFailed: The display does not exist, the folder cannot be written, or the limit is too small.
        NotReady: scrot did not finish in time.
    """
    with tempfile.TemporaryDirectory(prefix="shot", dir=folder) as work:
        taken = Path(work) / FILE
        spec = specification(display.environment, taken.parent, FILE)
        await _capture(launcher, spec, taken, f"screenshot of display {display.name}")
        taken = await within(launcher, taken, limit)
        black = look and (await picture.capture(launcher, picture.of_file(taken))).black
        target = folder / FILE
        os.replace(taken, target)
    return Screenshot(target, black)


async def within(launcher: Launcher, taken: Path, limit: int) -> Path:
    """A picture of at most `limit` bytes: unchanged, or shrunk as little as possible, beside the original.

    Raises:
        ProcessFailed: The picture cannot be made that small.
    """
    small = taken
    for width, quality in SMALLER:
        if small.stat().st_size <= limit:
            return small
        small = taken.with_name(f"smaller{taken.suffix}")
        await _capture(launcher, smaller(taken.parent, taken.name, small.name, width, quality), small, "smaller one")
    if small.stat().st_size <= limit:
        return small
    raise ProcessFailed(f"no picture of at most {limit} bytes could be made", hint="allow larger thumbnails")


async def _capture(launcher: Launcher, spec: ProcessSpec, file: Path, what: str) -> None:
    completed = await launcher.run(spec, timeout=TIMEOUT_SECONDS)
    if completed.status != 0 or not file.exists():
        raise completed.lasting or ProcessFailed(f"no {what} was taken: {completed.ending}")
