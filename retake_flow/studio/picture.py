"""What can be seen on a display or in a picture file, as a small grey picture: ffmpeg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from retake_flow.errors import ProcessFailed
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import checked_size
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec

TIMEOUT_SECONDS = 10.0
WIDTH, HEIGHT = 64, 36
#: The brightest grey, of 255, of a picture that counts as black: a single line of text is brighter.
BLACK = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """A small grey picture.

    Attributes:
        dots: Its dots, line by line, from 0 (black) to 255.
    """

    dots: bytes

    @property
    def black(self) -> bool:
        """Whether nothing can be seen."""
        return max(self.dots) <= BLACK

    @property
    def brightness(self) -> float:
        """How bright it is on the whole, from 0 (black) to 1."""
        return round(sum(self.dots) / len(self.dots) / 255, 3)


def of_display(display: Mapping[str, str], size: str) -> ProcessSpec:
    """How a display is looked at.

    Args:
        display: What a program needs to be let in.
        size: How much of it, in pixels.
    """
    # Without the mouse's pointer, which a bare display shows too.
    pictured = ("-draw_mouse", "0", "-video_size", checked_size(size))
    return _specification(("-f", "x11grab", *pictured, "-i", display["DISPLAY"]), environment=display)


def of_file(file: Path) -> ProcessSpec:
    """How a picture file is looked at."""
    return _specification(("-i", file.name), file.parent)


async def look(launcher: Launcher, spec: ProcessSpec) -> Picture:
    """Look at a display or a file.

    Raises:
        MissingProgram: ffmpeg is not installed.
        ProcessFailed: There is no such display, or the file is no picture.
        NotReady: It took too long; the display hangs.
    """
    completed = await launcher.run(spec, timeout=TIMEOUT_SECONDS)
    if completed.status != 0 or len(completed.stdout) != WIDTH * HEIGHT:
        last = f": {completed.lines[-1]}" if completed.lines else ""
        raise completed.lasting or ProcessFailed(f"the picture could not be looked at: ffmpeg {completed.ending}{last}")
    return Picture(completed.stdout)


def _specification(
    source: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> ProcessSpec:
    # The mean of each field of dots, so that whatever changes anywhere changes something here.
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
