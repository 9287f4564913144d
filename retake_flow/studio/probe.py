"""Probe: reads the contents of a recording with ffprobe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retake_flow.errors import ProcessFailed
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process_spec import ProcessSpec

TIMEOUT_SECONDS = 120.0


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
    completed = await launcher.run(specification(path), timeout=TIMEOUT_SECONDS)
    if completed.status != 0:
        raise completed.lasting or ProcessFailed(f"{path} cannot be read as a recording: {completed.ending}")
    return Recording.from_report(json.loads(completed.stdout))
