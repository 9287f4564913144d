"""Drawing: lays out graphs with Graphviz, if it is installed."""

from __future__ import annotations

from retake_flow.errors import MissingProgram, StudioError
from retake_flow.settings import variables
from retake_flow.studio import programs
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.work_folder import work_folder

_WITHIN = 60.0
_HINT = "run: " + programs.install_command([programs.Program("dot", "graphviz", "diagrams")])


async def draw(graph: str, form: str) -> bytes:
    """Lay out a Graphviz graph as `svg` or `png`.

    Raises:
        MissingProgram: Graphviz is not installed.
        StudioError: Graphviz refused the graph.
    """
    with work_folder() as folder:
        source = folder.path / "flow.dot"
        source.write_text(graph, encoding="utf-8")
        command = ("dot", f"-T{form}", *(("-Gdpi=96",) if form == "png" else ()), str(source))
        try:
            done = await Launcher("graph", variables()).run(ProcessSpec(argv=command), _WITHIN)
        except MissingProgram:
            raise MissingProgram(
                "Graphviz is not installed", hint=f"{_HINT}; --format mermaid and dot work without it"
            ) from None
    if done.status != 0:
        raise StudioError(f"Graphviz could not draw the flow: {done.ending}")
    return done.stdout
