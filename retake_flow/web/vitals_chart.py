"""Vitals chart: measurements over time as lines of an SVG, computed here so that the browser only shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retake_flow.monitor.vitals_history import Point, VitalsHistory

WIDTH: Final = 600
HEIGHT: Final = 80
_UNITS: Final = {"viewers": "", "bitrate": "kbit/s", "fps": "fps", "speed": "×"}
_NAMES: Final = {"viewers": "Viewers", "bitrate": "Bitrate", "fps": "Frames", "speed": "Encoder speed"}


@dataclass(frozen=True)
class Chart:
    """One measurement over time.

    Attributes:
        line: The points of the line, as `polyline` takes them.
        area: The points of the area below it.
        marks: Where the stream was brought back, from the left.
        lasting: How long it was measured, in seconds.
    """

    name: str
    unit: str
    now: str
    least: str
    most: str
    line: str
    area: str
    marks: tuple[str, ...]
    lasting: float


def charts(history: VitalsHistory) -> list[Chart]:
    """The measurements that there are."""
    return [_chart(name, points, history.recoveries) for name, points in history.series.items() if len(points) > 1]


def _chart(name: str, points: Sequence[Point], recoveries: Sequence[float]) -> Chart:
    begin, end = points[0][0], points[-1][0]
    values = [value for _, value in points]
    most = max(values) or 1.0
    lasting = max(end - begin, 1.0)

    def across(at: float) -> str:
        return f"{WIDTH * (at - begin) / lasting:.1f}"

    line = " ".join(f"{across(at)},{HEIGHT - 4 - (HEIGHT - 8) * value / most:.1f}" for at, value in points)
    return Chart(
        _NAMES[name],
        _UNITS[name],
        f"{values[-1]:.4g}",
        f"{min(values):.4g}",
        f"{max(values):.4g}",
        line,
        f"0,{HEIGHT} {line} {across(end)},{HEIGHT}",
        tuple(across(at) for at in recoveries if begin <= at <= end),
        lasting,
    )
