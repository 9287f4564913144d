"""Paths text: renders the paths through a flow for people and for programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from retake_flow.sanitize import one_line
from retake_flow.whatif.plan.all_paths import AllPaths, PathStep, PlannedPath


def document(ways: AllPaths) -> dict[str, Any]:
    """The paths as one JSON object."""
    return {"flow": ways.flow, "ways": [_path_as_json(way) for way in ways.found], "unreached": list(ways.unreached)}


def _path_as_json(way: PlannedPath) -> dict[str, Any]:
    legs = [{"from": leg.source, "event": leg.event, "guards": list(leg.guards), "to": leg.target} for leg in way.legs]
    return {
        "to": way.goal,
        "kind": "question" if way.question else "end",
        "start": way.start,
        "path": legs,
        "assume": None if way.assumed is None else list(way.assumed),
        "tried": way.tried or way.assumed is not None,
    }


def lines(ways: AllPaths, file: str) -> Iterator[str]:
    """The paths in words, each with the command that plans it.

    Args:
        ways: The paths through a flow.
        file: The flow's name on the command line.
    """
    for title, question in (("Ends", False), ("Questions", True)):
        found = [way for way in ways.found if way.question is question]
        if found:
            yield title
        for way in found:
            yield from (
                "",
                f"  {way.goal}",
                f"    {way.start}{''.join(map(_step_line, way.legs))}",
                f"    {_plan_command(way, file)}",
            )
        if found:
            yield ""
    if ways.unreached:
        yield f"No path leads to {', '.join(ways.unreached)}."


def _step_line(leg: PathStep) -> str:
    guards = f"[{' and '.join(leg.guards)}]" if leg.guards else ""
    return f" —{' '.join(part for part in (leg.event, guards) if part)}→ {leg.target}"


def _plan_command(way: PlannedPath, file: str) -> str:
    if not way.tried and way.assumed is None:
        return "no assumptions were searched for: the flow has too many paths"
    if way.assumed is None:
        return "no assumptions are known with which a plan gets there"
    options = "".join(f" --assume {shlex.quote(each)}" for each in way.assumed)
    return one_line(f"$ retake-flow plan {shlex.quote(file)}{options}")
