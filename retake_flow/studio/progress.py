"""What ffmpeg reports about its work (`-progress`)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of the encoder.

    Attributes:
        frame: Frames encoded.
        fps: Frames per second.
        bitrate: What is sent, in kbit/s.
        total_size: Bytes sent.
        drop_frames: Frames dropped.
        speed: Media seconds per second; below 1 the machine is too slow.
        seconds: Media seconds sent.
    """

    frame: int = 0
    fps: float = 0.0
    bitrate: float = 0.0
    total_size: int = 0
    drop_frames: int = 0
    speed: float = 0.0
    seconds: float = 0.0

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Progress:
        """Read a report; what ffmpeg does not know yet (`N/A`) is 0."""
        return cls(
            frame=int(_number(fields, "frame")),
            fps=_number(fields, "fps"),
            bitrate=_number(fields, "bitrate"),
            total_size=int(_number(fields, "total_size")),
            drop_frames=int(_number(fields, "drop_frames")),
            speed=_number(fields, "speed"),
            seconds=_number(fields, "out_time_us") / 1e6,
        )


class ProgressReader:
    """Reads the reports from ffmpeg's output as it comes in."""

    def __init__(self) -> None:
        self.latest: Progress | None = None
        self.sending = asyncio.Event()
        self._partial = b""
        self._fields: dict[str, str] = {}
        self._header_size = 0

    def feed(self, output: bytes) -> None:
        """Take what ffmpeg wrote, cut anywhere."""
        *lines, self._partial = (self._partial + output).split(b"\n")
        for line in lines:
            key, _, value = line.decode(errors="replace").strip().partition("=")
            self._fields[key] = value
            if key == "progress":  # the last line of each report
                self._report(Progress.from_fields(self._fields))
                self._fields = {}

    def _report(self, progress: Progress) -> None:
        self.latest = progress
        # With the first frame the stream's headers are counted as sent, while the frame still waits for its sound.
        if progress.frame and not self._header_size:
            self._header_size = progress.total_size
        elif progress.frame and progress.total_size > self._header_size:
            self.sending.set()


def _number(fields: Mapping[str, str], name: str) -> float:
    match = _NUMBER.match(fields.get(name, ""))
    return float(match[1]) if match else 0.0
