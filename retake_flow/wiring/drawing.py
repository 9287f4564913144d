"""Graphviz, when it is installed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from retake_flow.errors import StudioError
from retake_flow.settings import inherited
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.specification import ProcessSpec

_WITHIN = 60.0


async def draw(graph: str, form: str) -> bytes:
    """Lay out a Graphviz graph as `svg` or `png`.

    Raises:
        MissingProgram: Graphviz is not installed.
        StudioError: It refused the graph.
    """
    with tempfile.TemporaryDirectory(prefix="retake-flow-") as folder:
        source = Path(folder) / "flow.dot"
        source.write_text(graph, encoding="utf-8")
        command = ("dot", f"-T{form}", "-Gdpi=96", str(source))
        done = await Launcher("graph", inherited()).run(ProcessSpec(argv=command), _WITHIN)
    if done.status != 0:
        raise StudioError(f"Graphviz could not draw the flow: {done.ending}")
    return done.stdout
