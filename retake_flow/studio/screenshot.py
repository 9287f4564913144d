"""Screenshots of a display, for thumbnails: scrot."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from retake_flow.errors import ProcessFailed
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.specification import ProcessSpec

TIMEOUT_SECONDS = 15.0
LARGEST_PNG = 1_000_000  # bytes; a larger picture is sent as JPEG


def specification(display: str, folder: Path, file: str) -> ProcessSpec:
    """How a screenshot is taken; the ending of `file` says PNG or JPEG."""
    # A plain name in the working folder: scrot would expand % and $ in a longer path.
    return ProcessSpec(
        argv=("scrot", "--overwrite", "--silent", "--quality", "85", file),
        environment={"DISPLAY": display},
        folder=folder,
    )


async def take(launcher: Launcher, display: str, folder: Path) -> Path:
    """Take a screenshot into `folder`; the file is there as a whole or not at all.

    Returns:
        `screenshot.png`, or `screenshot.jpg` when the PNG would be larger than a megabyte.

    Raises:
        MissingProgram: scrot is not installed.
        ProcessFailed: There is no such display, or the folder cannot be written.
        NotReady: scrot did not finish in time.
    """
    with tempfile.TemporaryDirectory(prefix="shot", dir=folder) as work:
        png = await _take(launcher, display, Path(work), "screenshot.png")
        picture = (
            png if png.stat().st_size <= LARGEST_PNG else await _take(launcher, display, Path(work), "screenshot.jpg")
        )
        target = folder / picture.name
        os.replace(picture, target)
    return target


async def _take(launcher: Launcher, display: str, folder: Path, file: str) -> Path:
    completed = await launcher.run(specification(display, folder, file), timeout=TIMEOUT_SECONDS)
    picture = folder / file
    if completed.status != 0 or not picture.exists():
        raise ProcessFailed(f"no screenshot of display {display} was taken: {completed.ending}")
    return picture
