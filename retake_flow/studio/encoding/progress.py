"""Encoder progress: reads ffmpeg's reports (`-progress`) and judges the encoder's health."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping

from retake_flow.quick_dataclasses import dataclass

#: The span over which the pace is measured, in seconds; ffmpeg's own figure is the pace since its start.
PACE_SECONDS = 10.0
#: An encoder below this share of the expected pace is slow.
SLOW = 0.9
_KEPT_EVERY = 1.0
_AT_ONCE = 0.05  # seconds
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of the encoder.

    Attributes:
        total_size: Bytes sent.
        speed: Media seconds per second; below 1 the machine is too slow.
        seconds: Media seconds sent.
    """

    frame: int = 0
    total_size: int = 0
    drop_frames: int = 0
    speed: float = 0.0
    seconds: float = 0.0

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Progress:
        """Read a report. A value that ffmpeg does not know yet (`N/A`) is 0."""
        return cls(
            frame=int(_number(fields, "frame")),
            total_size=int(_number(fields, "total_size")),
            drop_frames=int(_number(fields, "drop_frames")),
            speed=_number(fields, "speed"),
            seconds=_number(fields, "out_time_us") / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Health:
    """The health of the encoder.

    Attributes:
        frames: Frames sent since its start.
        fps: Frames per second, lately.
        bitrate: The bitrate sent, lately, in kbit/s.
        dropped: Frames dropped since its start.
        speed: Media seconds per second, lately, or the share of the expected frames if that is lower;
            below 1 the machine is too slow.
        seconds: Media seconds sent since its start.
        slow_for: The seconds for which the speed has been below `SLOW`.
    """

    frames: int
    fps: float
    bitrate: float
    dropped: int
    speed: float
    seconds: float
    slow_for: float


class ProgressReader:
    """Reads the reports from ffmpeg's output as it arrives."""

    def __init__(self, framerate: int = 30, clock: Callable[[], float] = time.monotonic) -> None:
        self.latest: Progress | None = None
        self.sending = asyncio.Event()
        self._framerate = framerate
        self._clock = clock
        self._partial = b""
        self._fields: dict[str, str] = {}
        self._header_size = 0
        self._past: deque[tuple[float, Progress]] = deque()
        self._slow_since: float | None = None

    def feed(self, output: bytes) -> None:
        """Process output of ffmpeg, cut anywhere."""
        *lines, self._partial = (self._partial + output).split(b"\n")
        for line in lines:
            key, _, value = line.decode(errors="replace").strip().partition("=")
            self._fields[key] = value
            if key == "progress":  # the last line of each report
                self._report(Progress.from_fields(self._fields))
                self._fields = {}

    def health(self) -> Health:
        """The present health of the encoder."""
        latest, now = self.latest or Progress(), self._clock()
        at, before = self._past[0] if self._past else (now, latest)
        passed = now - at
        if passed < _KEPT_EVERY:  # only its pace since the start is known
            before, passed = Progress(), max(latest.seconds / (latest.speed or 1.0), 1e-3)
        frames, seconds = latest.frame - before.frame, latest.seconds - before.seconds
        speed = min(seconds / passed, frames / passed / self._framerate)
        return Health(
            frames=latest.frame,
            fps=round(frames / passed, 1),
            bitrate=round((latest.total_size - before.total_size) * 8 / 1000 / passed, 1),
            dropped=latest.drop_frames,
            speed=round(speed, 2),
            seconds=round(latest.seconds, 1),
            slow_for=0.0 if self._slow_since is None else round(now - self._slow_since, 1),
        )

    def _report(self, progress: Progress) -> None:
        self.latest = progress
        # With the first frame, the stream's headers count as sent, while the frame still waits for its sound.
        if progress.frame and not self._header_size:
            self._header_size = progress.total_size
        elif progress.frame and progress.total_size > self._header_size:
            self.sending.set()
            self._keep(progress)

    def _keep(self, progress: Progress) -> None:
        """Keep one report for each second, as far back as the pace is measured."""
        now = self._clock()
        if self._past and now - self._past[-1][0] > PACE_SECONDS:
            self._past.clear()  # nothing was read for a long time: the old reports say nothing about the present
            self._slow_since = None
        if len(self._past) == 1 and now - self._past[0][0] < _AT_ONCE:
            self._past.clear()  # read together, so they say nothing about the pace
        if self._past and now - self._past[-1][0] < _KEPT_EVERY:
            return
        self._past.append((now, progress))
        while now - self._past[0][0] > PACE_SECONDS:
            self._past.popleft()
        if now - self._past[0][0] < PACE_SECONDS / 2:
            return  # too early to tell: frames that waited at the start come in a burst
        if self.health().speed >= SLOW:
            self._slow_since = None
        elif self._slow_since is None:
            self._slow_since = self._past[0][0]


def _number(fields: Mapping[str, str], name: str) -> float:
    match = _NUMBER.match(fields.get(name, ""))
    return float(match[1]) if match else 0.0
