"""Cycles of transitions without an event, which would follow each other without end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from retake_flow.flow.mentions import mentions
from retake_flow.flow.model import Flow, Route
from retake_flow.flow.moves import Move, Moves
from retake_flow.flow.problems import Problem

if TYPE_CHECKING:
    import networkx

_Edge = tuple[str, str]
_Taken = tuple[Move, Route]


def problems(flow: Flow, moves: Moves) -> Iterator[Problem]:
    """The cycles that nothing that happens on the way could break; guards that cannot change may hold."""
    edges = _eventless(flow, moves)
    try:
        TopologicalSorter(_targets(edges)).prepare()
    except CycleError:
        pass
    else:
        return  # the rule, and to import networkx would take longer than the rest of the check
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph(sorted(edges))
    for component in list(networkx.strongly_connected_components(graph)):
        inside = [edge for edge in sorted(edges) if edge[0] in component and edge[1] in component]
        changed = set(_changed(flow, [move for edge in inside for move, _ in edges[edge]]))
        for edge in inside:
            edges[edge] = [taken for taken in edges[edge] if changed.isdisjoint(_read(*taken))]
        graph.remove_edges_from([edge for edge in inside if not edges[edge]])
    for component in list(networkx.strongly_connected_components(graph)):
        cycle = _cycle(graph.subgraph(component))
        if cycle:
            yield _problem(cycle, edges)


def _targets(edges: Iterable[_Edge]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    return targets


def _eventless(flow: Flow, moves: Moves) -> dict[_Edge, list[_Taken]]:
    """The transitions without an event from one innermost state to the next."""
    edges: dict[_Edge, list[_Taken]] = {}
    for state in flow.states.values():
        if state.children or not any(around.always for around in flow.around(state.path)):
            continue
        for move in moves.of(state.path):
            if move.route is not None and not move.occurrence.name:
                edges.setdefault((move.source, move.target), []).append((move, move.route))
    return edges


def _cycle(graph: networkx.DiGraph[str]) -> list[_Edge]:
    import networkx

    try:
        return [(source, target) for source, target, *_ in networkx.find_cycle(graph)]
    except networkx.NetworkXNoCycle:
        return []


def _problem(cycle: list[_Edge], edges: Mapping[_Edge, list[_Taken]]) -> Problem:
    places = [edges[edge][0][1].position for edge in cycle]
    first = places.index(min(places))
    turned = [*cycle[first:], *cycle[:first]]
    way = " → ".join([turned[0][0], *(target for _, target in turned)])
    hint = "let one of them wait for an event, or give it a guard on what changes meanwhile, such as `visits.NAME`"
    return Problem(min(places), "RF064", f"these transitions follow each other without end: {way}", hint)


def _changed(flow: Flow, taken: Iterable[Move]) -> Iterator[tuple[str, str]]:
    """What is set or counted on the way."""
    for move in taken:
        if move.route is not None:
            yield from (("vars", name) for name in move.route.set)
        for path in move.left:
            yield from (("vars", name) for effect in flow.states[path].exit for name in effect.set)
        for path in move.entered:
            state = flow.states[path]
            yield ("visits", state.name)
            yield from (("vars", name) for name in state.set)
            yield from (("vars", name) for effect in state.entry for name in effect.set)


def _read(move: Move, route: Route) -> set[tuple[str, ...]]:
    """What the guards look at that have to hold, or not to hold, for a move."""
    guards = [*move.refused, *([route.when] if route.when is not None else [])]
    return {mention.chain[:2] for guard in guards for mention in mentions(guard)}
