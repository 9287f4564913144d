"""`retake-flow plan`: shows what a flow would do before it runs."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow import printable
from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs
from retake_flow.errors import UsageError
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.load.inputs import origins, resolve
from retake_flow.flow.model import Flow
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings
from retake_flow.whatif.plan import all_paths, planner
from retake_flow.whatif.plan.all_paths import AllPaths, PlannedPath
from retake_flow.whatif.plan.samples import with_samples


def plan(args: argparse.Namespace) -> int:
    """Make a plan. The exit code is 0 when there is a plan, however the plan ends."""
    if args.all_paths and args.assume:
        raise UsageError("--all-paths shows all paths, so it cannot be combined with --assume")
    flow = with_samples(flow_file.open_flow(args.flow, Settings.from_environment(), args.allow_outside))
    document, lines = (_all_paths if args.all_paths else _plan)(args, flow, resolve(flow, pairs(args.set)))
    told = {**document, "next": [f"retake-flow run {shlex.quote(args.flow)} --rehearse --detach --json"]}
    terminal.tell(told, map(printable.text, lines), as_json=args.json)
    return 0


def _plan(args: argparse.Namespace, flow: Flow, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
    from retake_flow.cli import table
    from retake_flow.cli.flow_commands import plan_text

    made = planner.plan(flow, CATALOGUE, inputs, args.assume)
    told = origins(flow, pairs(args.set))
    return plan_text.document(made, told), plan_text.lines(made, told, table.width())


def _all_paths(args: argparse.Namespace, flow: Flow, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
    found = all_paths.all_paths(flow, CATALOGUE, inputs)
    return _document(found), _lines(found, args.flow)


def _document(ways: AllPaths) -> dict[str, Any]:
    """The paths as one JSON object."""
    return {"flow": ways.flow, "ways": [_path_as_json(way) for way in ways.found], "unreached": list(ways.unreached)}


def _path_as_json(way: PlannedPath) -> dict[str, Any]:
    start, *moves = way.moves
    return {
        "to": way.goal,
        "kind": "question" if way.question else "end",
        "start": start.target,
        "path": [
            {"from": move.source, "event": move.occurrence.name, "guards": _conditions(move), "to": move.target}
            for move in moves
        ],
        "assume": None if way.assumed is None else list(way.assumed),
        "tried": way.tried or way.assumed is not None,
    }


def _lines(ways: AllPaths, file: str) -> Iterator[str]:
    """The paths in words, each with the command that plans it."""
    for title, question in (("Ends", False), ("Questions", True)):
        found = [way for way in ways.found if way.question is question]
        if found:
            yield title
        for way in found:
            yield from (
                "",
                f"  {way.goal}",
                f"    {way.moves[0].target}{''.join(map(_step_line, way.moves[1:]))}",
                f"    {_plan_command(way, file)}",
            )
        if found:
            yield ""
    if ways.unreached:
        yield f"No path leads to {', '.join(ways.unreached)}."


def _step_line(move: Move) -> str:
    guards = f"[{' and '.join(_conditions(move))}]" if move.guards else ""
    return f" —{' '.join(part for part in (move.occurrence.name, guards) if part)}→ {move.target}"


def _conditions(move: Move) -> list[str]:
    return [guard.text if held else f"not ({guard.text})" for guard, held in move.guards]


def _plan_command(way: PlannedPath, file: str) -> str:
    if not way.tried and way.assumed is None:
        return "no assumptions were searched for: the flow has too many paths"
    if way.assumed is None:
        return "no assumptions were found that lead there"
    options = "".join(f" --assume {shlex.quote(each)}" for each in way.assumed)
    return one_line(f"$ retake-flow plan {shlex.quote(file)}{options}")
