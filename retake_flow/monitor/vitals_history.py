"""Vitals history: what a stream measured over time, thinned out as it grows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from retake_flow.run.dates import record_to_run_time
from retake_flow.run.records import Record

#: The measurements that are kept, by the name that results give them.
MEASURED: Final = ("viewers", "bitrate", "fps", "speed")
#: With more points, about half of them are dropped.
MOST_POINTS: Final = 600

#: A measurement: the run's own time, and the value.
Point = tuple[float, float]


class VitalsHistory:
    """The measurements in the records of a run.

    Attributes:
        series: The measurements, the oldest first, by name.
        recoveries: When the stream was brought back, by the run's own time.
    """

    def __init__(self) -> None:
        self.series: Mapping[str, list[Point]] = {name: [] for name in MEASURED}
        self.recoveries: list[float] = []

    def note(self, record: Record) -> None:
        """Take the measurements of a record, if it has any."""
        if record["event"] == "notice" and record.get("kind") == "recovered":
            self.recoveries.append(record_to_run_time(record))
        result = record.get("result")
        if not isinstance(result, dict):
            return
        for name, points in self.series.items():
            value = result.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                points.append((record_to_run_time(record), float(value)))
                _thin(points)

    def precede(self, older: VitalsHistory) -> None:
        """Put older measurements before these."""
        for name, points in self.series.items():
            points[:0] = older.series[name]
            _thin(points)
        self.recoveries[:0] = older.recoveries


def _thin(points: list[Point]) -> None:
    """Halve what has grown too long, evenly over its time; the first and the last point stay."""
    if len(points) <= MOST_POINTS:
        return
    first, *between, last = points
    apart = 2 * (last[0] - first[0]) / MOST_POINTS
    points[:] = [first]
    for point in between:
        if point[0] - points[-1][0] >= apart > 0:
            points.append(point)
    points.append(last)
