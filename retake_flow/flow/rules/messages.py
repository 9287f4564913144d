"""Messages for broken rules, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.rules.model_checker import Breach


def problem(breach: Breach) -> Problem:
    """A broken rule as a mistake of the flow; its hint is the path."""
    hint = f"{breach.what} on this path: {render_path(breach.path)}" if breach.path else ""
    return Problem(breach.position, "RF070", breach.message, hint, tuple(map(_as_json, breach.path)))


def render_path(path: Iterable[Move]) -> str:
    """A path for people: `credentials —found→ verification —done [result.verified]→ broadcast/session`."""
    text = ""
    for move in path:
        if not move.source:
            text = move.target
            continue
        said = [f"not {_in_brackets(guard.text)}" for guard in move.refused]
        if move.route is not None and move.route.when is not None:
            said.append(move.route.when.text)
        guards = f" [{' and '.join(said)}]" if said else ""
        text += f" —{move.occurrence.name or 'always'}{guards}→ {move.target or 'the end'}"
    return text


def _in_brackets(guard: str) -> str:
    return guard if guard.replace(".", "").replace("_", "").isalnum() else f"({guard})"


def _as_json(move: Move) -> dict[str, Any]:
    return {
        "event": move.occurrence.name,
        "from": move.source,
        "refused": [guard.text for guard in move.refused],
        "when": move.route.when.text if move.route is not None and move.route.when is not None else None,
        "left": list(move.left),
        "entered": list(move.entered),
    }
