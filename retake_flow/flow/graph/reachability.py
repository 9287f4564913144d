"""Reachability: which states can be reached, and which of them can reach an end of the flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping

from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.graph.exit_entry_sets import entry_set, first
from retake_flow.flow.graph.transition_graph import Moves
from retake_flow.flow.model import FinalState, Flow, HistoryState
from retake_flow.flow.transitions import Route


def problems(flow: Flow, moves: Moves, dead: Iterable[Route], loose: Collection[str]) -> Iterator[Problem]:
    """States that cannot be reached, and states that lead to no end.

    Args:
        flow: The flow.
        moves: Its moves.
        dead: The routes that are never taken, which are reported separately: their targets are not reported.
        loose: The paths of the states with an unrouted outcome, whose onward paths are unknown.
    """
    leads = _onward_targets(flow, moves, dead)
    reached = {around.path for path in leads for around in flow.around(path)}
    for path in leads:
        for around in flow.around(path):
            targets = (route.to for route in around.every_route())
            reached.update(to for to in targets if to and isinstance(flow.states[to], HistoryState))
    for state in flow.states.values():
        initial = state.parent and first(flow, state.parent) == state.path
        if state.path not in reached and (not state.parent or state.parent in reached) and not initial:
            message = f"no path leads to the state {state.path!r}"
            yield Problem(state.position, "RF060", message, "route to it or remove it")
    ends = {state.path for state in flow.states.values() if isinstance(state, FinalState) and not state.ends}
    finals = [path for path in leads if path in ends]
    open_ = [path for path in leads if any(around.path in loose for around in flow.around(path))]
    if not finals and not open_:
        first_state = flow.states[flow.initial]
        hint = "add a state with `final: completed`"
        yield Problem(first_state.position, "RF061", "no path leads to a final state", hint)
    else:
        yield from _trap_problems(flow, leads, [*finals, *open_])


def _onward_targets(flow: Flow, moves: Moves, dead: Iterable[Route]) -> dict[str, set[str]]:
    """The targets of each reachable innermost state; routes that are mistakes count too."""
    astray: dict[str, list[Route]] = {}
    for route in dead:
        if route.to:
            astray.setdefault(route.source, []).append(route)
    found: dict[str, set[str]] = {}
    pending = deque([moves.start().target])
    while pending:
        path = pending.popleft()
        if path in found:
            continue
        found[path] = {move.target for move in moves.distinct(path) if move.target}
        for around in flow.around(path) if astray else ():
            found[path].update(entry_set(flow, route.to, "", {})[-1] for route in astray.get(around.path, ()))
        pending.extend(sorted(found[path] - found.keys()))
    return found


def _trap_problems(flow: Flow, leads: Mapping[str, set[str]], ends: Iterable[str]) -> Iterator[Problem]:
    """States from which no end can be reached; of those that lead to each other, the first in the file."""
    sources: dict[str, list[str]] = {}
    for path, targets in leads.items():
        for target in targets:
            sources.setdefault(target, []).append(path)
    good, pending = set(), list(ends)
    while pending:
        path = pending.pop()
        if path not in good:
            good.add(path)
            pending.extend(sources.get(path, ()))
    trapped = leads.keys() - good
    if not trapped:
        return
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph({path: sorted(leads[path]) for path in sorted(trapped)})
    order = {path: index for index, path in enumerate(flow.states)}
    for component in networkx.attracting_components(graph):
        inside = sorted(component, key=order.__getitem__)
        names = ", ".join(map(repr, inside[:5])) + (", …" if len(inside) > 5 else "")
        message = f"once in {names}, the flow cannot end" if len(inside) == 1 else f"among {names} the flow cannot end"
        hint = "route it to a final state; if it is to last until somebody stops the run, say so: `stop: STATE`"
        yield Problem(flow.states[inside[0]].position, "RF063", message, hint)
