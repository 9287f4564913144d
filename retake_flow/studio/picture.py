"""Picture: captures a display or an image file as a small grey picture, with ffmpeg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from retake_flow.errors import ProcessFailed
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import checked_size
from retake_flow.studio.layout import BACKDROP
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec

TIMEOUT_SECONDS = 10.0
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
    completed = await launcher.run(spec, timeout=TIMEOUT_SECONDS)
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
