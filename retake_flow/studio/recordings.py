"""Recordings: their contents, read with ffprobe, and their contact sheets: pictures of many frames."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from retake_flow.errors import ProcessFailed
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec

READ_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Recording:
    """The contents of a recorded stream.

    Attributes:
        codec: The video codec, such as `h264`; empty without video.
        width: In pixels.
        height: In pixels.
        frames_per_second: The average rate as computed by ffprobe.
        audio_codec: Such as `aac`; empty without sound.
    """

    codec: str
    width: int
    height: int
    pixel_format: str
    frames_per_second: float
    frames: int
    duration_seconds: float
    audio_codec: str
    size_bytes: int

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Recording:
        """Read ffprobe's report."""
        streams: dict[str, dict[str, Any]] = {}
        for stream in report.get("streams", []):
            streams.setdefault(stream.get("codec_type", ""), stream)
        video, audio = streams.get("video", {}), streams.get("audio", {})
        about = report.get("format", {})
        frames = int(video.get("nb_read_packets", 0))
        duration = float(about.get("duration", 0.0))
        return cls(
            codec=video.get("codec_name", ""),
            width=int(video.get("width", 0)),
            height=int(video.get("height", 0)),
            pixel_format=video.get("pix_fmt", ""),
            frames_per_second=_rate(video.get("avg_frame_rate", "")) or (frames / duration if duration else 0.0),
            frames=frames,
            duration_seconds=duration,
            audio_codec=audio.get("codec_name", ""),
            size_bytes=int(about.get("size", 0)),
        )


def _rate(text: str) -> float:
    above, _, below = text.partition("/")
    try:
        return round(float(above) / float(below or 1), 2)
    except (ValueError, ZeroDivisionError):
        return 0.0


def specification(path: Path) -> ProcessSpec:
    """The program that reads a recording."""
    return ProcessSpec(
        argv=(
            "ffprobe",
            *("-v", "error"),
            "-count_packets",  # an FLV file does not store its number of frames
            *("-show_streams", "-show_format"),
            *("-print_format", "json"),
            *("-i", f"file:{path}"),  # always a path, even if it looks like something else
        )
    )


async def probe(launcher: Launcher, path: Path) -> Recording:
    """Read the contents of a recording.

    Raises:
        MissingProgram: ffprobe is not installed.
        ProcessFailed: The file does not exist or is not a recording.
        NotReady: ffprobe did not finish in time.
    """
    completed = await launcher.run(specification(path), timeout=READ_WITHIN)
    if completed.status != 0:
        raise completed.lasting or ProcessFailed(f"{path} cannot be read as a recording: {completed.ending}")
    return Recording.from_report(json.loads(completed.stdout))


COLUMNS: Final = 4
MOST_FRAMES: Final = 24
#: The second of the first frame: until then a display is often black.
FIRST: Final = 2.0
#: The seconds between two frames; more if there would be too many frames.
EVERY: Final = 5.0
DRAWN_WITHIN: Final = 60.0
_WIDTH: Final = 480  # pixels of one frame


def frame_interval(duration: float) -> float:
    """The seconds between two frames on the sheet of a recording, from its duration in seconds."""
    return max(EVERY, math.ceil(duration / MOST_FRAMES))


def sheet_specification(recording: Path, sheet: Path, duration: float) -> ProcessSpec:
    """The program that draws the sheet of a recording."""
    apart = frame_interval(duration)
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


async def draw_sheet(launcher: Launcher, recording: Path, duration: float) -> Path:
    """Draw the contact sheet of a recording next to it.

    `duration` is its length in seconds.

    Raises:
        MissingProgram: ffmpeg is not installed.
        ProcessFailed: The recording cannot be read, or the picture not be written.
        NotReady: It takes too long.
    """
    sheet = recording.with_suffix(".png")
    completed = await launcher.run(sheet_specification(recording, sheet, duration), timeout=DRAWN_WITHIN)
    if completed.status != 0 or not sheet.exists():
        raise completed.lasting or ProcessFailed(f"{recording} has no contact sheet: {completed.ending}")
    return sheet
