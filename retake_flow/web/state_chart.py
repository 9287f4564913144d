"""State chart: the flow of a run as an SVG. It is drawn once for each flow; where a run is, its script marks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import chain

from markupsafe import Markup

from retake_flow.errors import RetakeFlowError
from retake_flow.flow.diagram.diagram import Step, arrows_taken, diagram
from retake_flow.flow.diagram.graphviz import arrow_name, dot
from retake_flow.flow.load.load import load_stored
from retake_flow.flow.model import Flow
from retake_flow.flow.text.bundle import parse
from retake_flow.monitor.run_trace import Way
from retake_flow.ports.runs import Stored
from retake_flow.wiring.drawing import draw

_MOST = 32


class StateCharts:
    """The flows of runs and their charts, each made once."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._drawn: dict[str, asyncio.Task[Markup]] = {}

    def flow(self, digest: str, text: str) -> Flow:
        """A flow.

        Args:
            digest: Its digest.
            text: Its text, as a run keeps it.

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
        return [arrow_name(*ends) for ends in (*taken, *_begun(flow, chain.from_iterable(known)))]

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
        # Graphviz escapes what it draws. What comes before the picture is for files.
        return Markup(drawn[drawn.index("<svg") :])


def _begun(flow: Flow, steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    """The arrows to the initial states among those of some steps."""
    entered = {state.path for step in steps for state in flow.around(step.path)}
    around = {"": flow.initial, **{path: getattr(flow.states[path], "initial", "") for path in entered}}
    return ((outer, first) for outer, first in around.items() if first in entered)
