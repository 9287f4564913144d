"""Charts: the flow of a run as an SVG, drawn once for each flow, and what its stream measured over time.

Measurements are thinned out as they grow. They are drawn here; the browser only shows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from markupsafe import Markup

from retake_flow.errors import RetakeFlowError
from retake_flow.flow.diagram.diagram import Step, arrows_taken, diagram
from retake_flow.flow.diagram.graphviz import arrow_name, dot
from retake_flow.flow.load.load import load_stored
from retake_flow.flow.model import Flow
from retake_flow.flow.text.bundle import parse
from retake_flow.monitor.run_trace import Way
from retake_flow.ports.runs import Stored
from retake_flow.run.records import Record, record_to_run_time
from retake_flow.wiring.drawing import draw

_MOST = 32
WIDTH: Final = 600
HEIGHT: Final = 80
_UNITS: Final = {"viewers": "", "bitrate": "kbit/s", "fps": "fps", "speed": "×"}
_NAMES: Final = {"viewers": "Viewers", "bitrate": "Bitrate", "fps": "Frames", "speed": "Encoder speed"}
#: The measurements that are kept, by the name that results give them.
MEASURED: Final = ("viewers", "bitrate", "fps", "speed")
#: With more points, about half of them are dropped.
MOST_POINTS: Final = 600
#: A measurement: the run's own time, and the value.
Point = tuple[float, float]


class StateCharts:
    """The flows of runs and their charts, each made once."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._drawn: dict[str, asyncio.Task[Markup]] = {}

    def flow(self, digest: str, text: str) -> Flow:
        """The flow in the text that a run stores.

        Raises:
            RetakeFlowError: It can no longer be read.
        """
        if digest not in self._flows:
            if len(self._flows) >= _MOST:
                self._flows.clear()
            self._flows[digest] = load_stored(parse(text))
        return self._flows[digest]

    def readable(self, stored: Stored) -> Flow | None:
        """The flow of a run; None if it can no longer be read."""
        try:
            return self.flow(stored.run.digest, stored.flow_text)
        except RetakeFlowError:
            return None

    def way(self, stored: Stored, way: Way) -> list[str]:
        """The names of the arrows that a run took; none if its flow cannot be read."""
        flow = self.readable(stored)
        if flow is None:
            return []
        moves = [*way.moves.values(), *((step,) for step in way.steps[-1:])]
        known = [move for move in moves if all(step.path in flow.states for step in move)]
        taken = [ends for move in known for ends in arrows_taken(flow, move)]
        return [arrow_name(*ends) for ends in (*taken, *_initial_arrows(flow, chain.from_iterable(known)))]

    async def chart(self, digest: str, text: str) -> Markup:
        """The chart of a flow; a sentence when it cannot be drawn."""
        if digest not in self._drawn:
            if len(self._drawn) >= _MOST:
                self._drawn.clear()
            self._drawn[digest] = asyncio.create_task(self._draw(digest, text))
        return await asyncio.shield(self._drawn[digest])

    async def _draw(self, digest: str, text: str) -> Markup:
        try:
            graph = dot(diagram(self.flow(digest, text)))
            drawn = (await draw(graph, "svg")).decode()
        except RetakeFlowError as error:
            return Markup('<p class="empty">{}</p>').format(f"{error.message}. {error.hint}".strip())
        # Graphviz escapes texts. The lines before `<svg` are only for files.
        return Markup(drawn[drawn.index("<svg") :])


def _initial_arrows(flow: Flow, steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    """The arrows to the initial states among those of some steps."""
    entered = {state.path for step in steps for state in flow.around(step.path)}
    around = {"": flow.initial, **{path: getattr(flow.states[path], "initial", "") for path in entered}}
    return ((outer, first) for outer, first in around.items() if first in entered)


@dataclass(frozen=True)
class Chart:
    """One measurement over time.

    Attributes:
        line: The points of the line, as `polyline` takes them.
        area: The points of the area below it.
        marks: The recoveries of the stream, from the left.
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
    """A chart of each measurement."""
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
    """Drop every other point of a series that is too long, but not the first and the last."""
    if len(points) <= MOST_POINTS:
        return
    first, *between, last = points
    apart = 2 * (last[0] - first[0]) / MOST_POINTS
    points[:] = [first]
    for point in between:
        if point[0] - points[-1][0] >= apart > 0:
            points.append(point)
    points.append(last)
