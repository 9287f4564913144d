"""Contact sheet: a recording at a glance, as one picture of many frames."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from retake_flow.errors import ProcessFailed
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec

COLUMNS: Final = 4
MOST_FRAMES: Final = 24
#: The second of the first frame: until then a display is often black.
FIRST: Final = 2.0
#: A frame every so many seconds, or fewer where there would be too many.
EVERY: Final = 5.0
TIMEOUT_SECONDS: Final = 60.0
_WIDTH: Final = 480  # pixels of one frame


def every(duration: float) -> float:
    """The seconds between two frames of a recording that lasts so many seconds."""
    return max(EVERY, math.ceil(duration / MOST_FRAMES))


def specification(recording: Path, sheet: Path, duration: float) -> ProcessSpec:
    """The program that draws the sheet of a recording."""
    apart = every(duration)
    rows = math.ceil(max(1.0, min(MOST_FRAMES, (duration - FIRST) / apart)) / COLUMNS)
    chosen = f"gte(t,{FIRST:g})*(isnan(prev_selected_t)+gte(t-prev_selected_t,{apart - 0.5:g}))"
    frames = f"select='{chosen}',scale={_WIDTH}:-2"
    return ProcessSpec(
        argv=(
            *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"),
            *("-skip_frame", "nokey"),  # a key frame every two seconds is enough, and quickly read
            *("-i", f"file:{recording}"),
            *("-vf", f"{frames},tile={COLUMNS}x{rows}:padding=8:margin=8:color=black"),
            *("-fps_mode", "vfr", "-frames:v", "1", "-update", "1", f"file:{sheet}"),
        )
    )


async def draw(launcher: Launcher, recording: Path, duration: float) -> Path:
    """Draw the contact sheet of a recording beside it.

    `duration` is its length in seconds.

    Raises:
        MissingProgram: ffmpeg is not installed.
        ProcessFailed: The recording cannot be read, or the picture not be written.
        NotReady: It takes too long.
    """
    sheet = recording.with_suffix(".png")
    completed = await launcher.run(specification(recording, sheet, duration), timeout=TIMEOUT_SECONDS)
    if completed.status != 0 or not sheet.exists():
        raise completed.lasting or ProcessFailed(f"{recording} has no contact sheet: {completed.ending}")
    return sheet
