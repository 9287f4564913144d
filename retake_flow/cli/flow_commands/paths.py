"""`retake-flow paths`: shows the shortest path through each transition of a flow, in words or as scenarios."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from retake_flow import printable
from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs
from retake_flow.cli.flow_commands.test import find_features, play
from retake_flow.flow.model import Flow, HistoryState
from retake_flow.flow.state_parts import Route
from retake_flow.settings import Settings
from retake_flow.testing.gherkin.coverage import Coverage, guard, words
from retake_flow.testing.gherkin.suite import Suite, UnderTest
from retake_flow.testing.paths.paths import Path, Paths
from retake_flow.testing.paths.skeletons import feature, skeletons


def paths(args: argparse.Namespace) -> int:
    """Show the paths of a flow."""
    flow = flow_file.open_flow(args.flow, Settings.from_environment(), args.allow_outside)
    inputs = pairs(args.set)
    UnderTest(flow, inputs).check()
    routes = _routes(flow, inputs, args.uncovered, python=args.python)
    if args.gherkin:
        return _gherkin(flow, inputs, routes, args.json)
    known = Paths(flow)
    for route in routes:
        way = next(iter(known.along(route)), None)
        if args.json:
            terminal.emit(_as_json(route, way))
            continue
        terminal.say(printable.text(f"{route.position}: {words(route)}"))
        terminal.say(printable.text(f"    {_as_text(way)}"))
    if not args.json:
        for line in _unreached_lines(flow, known):
            terminal.say(line)
    return 0


def _routes(flow: Flow, inputs: dict[str, str], features: Sequence[str] | None, *, python: bool) -> list[Route]:
    if features is None:
        return Coverage(flow).routes

    suite = Suite(UnderTest(flow, inputs))
    play(suite, find_features(flow.file, features), python=python)
    return suite.coverage.missed_routes


def _gherkin(flow: Flow, inputs: dict[str, str], routes: Sequence[Route], as_json: bool) -> int:
    written = list(skeletons(flow, inputs, routes))
    if as_json:
        for skeleton in written:
            title = words(skeleton.route)
            lines = list(skeleton.lines(title))
            terminal.emit({"transition": title, "scenario": "\n".join(lines), "missing": skeleton.missing})
        return 0
    for line in feature(flow, written):
        terminal.say(line)
    return 0


def _as_json(route: Route, way: Path | None) -> dict[str, Any]:
    steps = None
    if way is not None:
        steps = [{"from": source, "event": event, "to": target} for source, event, target in way.steps]
    where = {"file": route.position.file, "line": route.position.line, "column": route.position.column}
    return {"state": route.source, "on": route.event, "to": route.to, "when": guard(route), **where, "path": steps}


def _as_text(way: Path | None) -> str:
    if way is None:
        return "no path leads there"
    legs = [f" —{event}→ {target or 'the end'}" if event else f" → {target}" for _, event, target in way.steps]
    return way.states[0] + "".join(legs)


def _unreached_lines(flow: Flow, known: Paths) -> Iterator[str]:
    for state in flow.states.values():
        if not isinstance(state, HistoryState) and known.to(state.path) is None:
            yield f"{state.position}: no path leads to {state.path}"
