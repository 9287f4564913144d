"""Reachability: states that no path leads to, states that lead to no end, and cycles that go on without end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from retake_flow.flow.check.references import mentions
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.exit_entry_sets import Enter, Perform, entry_set, explore, first
from retake_flow.flow.graph.transition_graph import Move, Moves
from retake_flow.flow.model import ActionState, FinalState, Flow, HistoryState, WaitState, askers
from retake_flow.flow.names import RETRY, matches
from retake_flow.flow.state_parts import Route

if TYPE_CHECKING:
    import networkx


def problems(flow: Flow, moves: Moves, dead: Iterable[Route], loose: Collection[str]) -> Iterator[Problem]:
    """States that cannot be reached, and states that lead to no end.

    The targets of `dead` routes, which are reported separately, are not reported, nor are states around the `loose`
    ones: those with an unrouted outcome, whose onward paths are unknown.
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


def _onward_targets(flow: Flow, moves: Moves, dead: Iterable[Route]) -> Mapping[str, Iterable[str]]:
    """The targets of each reachable innermost state; routes that are mistakes count too."""
    astray: dict[str, list[str]] = {}
    for route in dead:
        if route.to:
            astray.setdefault(route.source, []).append(entry_set(flow, route.to, "", {})[-1])

    def targets(path: str) -> list[str]:
        mistaken = (to for around in flow.around(path) for to in astray.get(around.path, ())) if astray else ()
        return [*(move.target for move in moves.distinct(path) if move.target), *mistaken]

    return explore([moves.start().target], targets)


def _trap_problems(flow: Flow, leads: Mapping[str, Iterable[str]], ends: Iterable[str]) -> Iterator[Problem]:
    """States from which no end can be reached; of those that lead to each other, the first in the file."""
    sources: dict[str, list[str]] = {}
    for path, targets in leads.items():
        for target in targets:
            sources.setdefault(target, []).append(path)
    trapped = leads.keys() - explore(ends, lambda path: sources.get(path, ()))
    if not trapped:
        return
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph({path: sorted(leads[path]) for path in sorted(trapped)})
    order = {path: index for index, path in enumerate(flow.states)}
    for component in networkx.attracting_components(graph):
        inside = sorted(component, key=order.__getitem__)
        names = ", ".join(map(repr, inside[:5])) + (", …" if len(inside) > 5 else "")
        message = f"once in {names}, the flow cannot end" if len(inside) == 1 else f"among {names} the flow cannot end"
        hint = "route it to a final state; if it should last until the run is stopped, add `stop: STATE`"
        yield Problem(flow.states[inside[0]].position, "RF063", message, hint)


_Edge = tuple[str, str]
#: A guard that reads one of these may count the tries or measure their time.
_COUNTED = frozenset({"visits", "vars", "now"})


def endless_cycles(flow: Flow, moves: Moves) -> Iterator[Problem]:
    """The cycles that nothing along them can break; guards that cannot change are assumed to hold."""
    yield from _endless_transitions(flow, moves)
    yield from _silent_retries(flow, moves)


def _endless_transitions(flow: Flow, moves: Moves) -> Iterator[Problem]:
    edges = _eventless(flow, moves)
    try:
        TopologicalSorter(_targets(edges)).prepare()
    except CycleError:
        pass
    else:
        return  # the usual case; importing networkx would take longer than the rest of the check
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph(sorted(edges))
    for component in list(networkx.strongly_connected_components(graph)):
        inside = [edge for edge in sorted(edges) if edge[0] in component and edge[1] in component]
        changed = set(_changed_names(flow, [move for edge in inside for move in edges[edge]]))
        for edge in inside:
            edges[edge] = [move for move in edges[edge] if changed.isdisjoint(_names_read(_guards(move)))]
        graph.remove_edges_from([edge for edge in inside if not edges[edge]])
    for component in list(networkx.strongly_connected_components(graph)):
        cycle = _cycle(graph.subgraph(component))
        if cycle:
            hint = (
                "let one of them wait for an event, or give it a guard on what changes meanwhile, such as `visits.NAME`"
            )
            yield _problem("RF064", "these transitions follow each other endlessly", hint, cycle, edges)


def _targets(edges: Iterable[_Edge]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    return targets


def _eventless(flow: Flow, moves: Moves) -> dict[_Edge, list[Move]]:
    edges: dict[_Edge, list[Move]] = {}
    for state in flow.states.values():
        if not state.can_be_innermost or not any(around.always for around in flow.around(state.path)):
            continue
        for move in moves.of(state.path):
            if move.route is not None and not move.occurrence.name:
                edges.setdefault((move.source, move.target), []).append(move)
    return edges


def _cycle(graph: networkx.DiGraph[str]) -> list[_Edge]:
    import networkx

    try:
        return [(source, target) for source, target, *_ in networkx.find_cycle(graph)]
    except networkx.NetworkXNoCycle:
        return []


def _silent_retries(flow: Flow, moves: Moves) -> Iterator[Problem]:
    """Failures that are retried for as long as they last while nobody is notified or asked."""
    edges = _silent_moves(flow, moves)
    while True:
        try:
            return TopologicalSorter(_targets(edges)).prepare()
        except CycleError as error:
            cycle = list(pairwise(reversed(error.args[1])))
        if any(_is_failure(flow, move) for edge in cycle for move in edges[edge]):
            hint = "notify or ask a person after some tries: `{when: visits.NAME > 5, to: …}`"
            yield _problem("RF065", "a failure here is retried endlessly without a notice", hint, cycle, edges)
        for edge in cycle:
            del edges[edge]


def _silent_moves(flow: Flow, moves: Moves) -> dict[_Edge, list[Move]]:
    """The automatic transitions after a failure or a pause that are neither counted nor reported."""
    edges: dict[_Edge, list[Move]] = {}
    for state in flow.states.values():
        for move in moves.distinct(state.path) if state.can_be_innermost and not isinstance(state, FinalState) else ():
            route = move.route
            if route is not None and route.to and _is_automatic(flow, move) and not _is_noticed(flow, move, route):
                edges.setdefault((move.source, move.target), []).append(move)
    return edges


def _is_automatic(flow: Flow, move: Move) -> bool:
    if move.occurrence.name == RETRY:
        return False  # its retry counts
    return not move.occurrence.name or isinstance(flow.states[move.source], WaitState) or _is_failure(flow, move)


def _is_failure(flow: Flow, move: Move) -> bool:
    """Whether the action of a state has failed or has missed its purpose."""
    name, state = move.occurrence.name, flow.states[move.source]
    polls = isinstance(state, ActionState) and state.poll is not None
    return move.occurrence.place == move.source and (matches("error", name) or (name == "timeout" and polls))


def _is_noticed(flow: Flow, move: Move, route: Route) -> bool:
    """Whether people are notified of a move, now or later."""
    effects = (*route.effects, *(effect for path in move.entered for effect in flow.states[path].entry))
    around = tuple(flow.around(move.target))
    asks = (ask for state in around for _, ask in askers(state))
    leaving = (each.when for state in around for each in state.always if each.when is not None)
    counted = any(name[0] in _COUNTED for name in _names_read((*_guards(move), *leaving)))
    return counted or any(each.tell or each.raises for each in effects) or any(asks)


def _problem(code: str, message: str, hint: str, cycle: list[_Edge], edges: Mapping[_Edge, list[Move]]) -> Problem:
    places = [route.position for edge in cycle if (route := edges[edge][0].route) is not None]
    first = places.index(min(places))
    turned = [*cycle[first:], *cycle[:first]]
    way = " → ".join([turned[0][0], *(target for _, target in turned)])
    return Problem(min(places), code, f"{message}: {way}", hint)


def _changed_names(flow: Flow, taken: Iterable[Move]) -> Iterator[tuple[str, str]]:
    """The names that a move sets or counts."""
    for step in chain.from_iterable(move.steps for move in taken):
        match step:
            case Enter(path):
                yield ("visits", flow.states[path].name)
            case Perform(effects):
                yield from (("vars", name) for effect in effects for name in effect.set)


def _guards(move: Move) -> Iterator[Expression]:
    return (guard for guard, _ in move.guards)


def _names_read(expressions: Iterable[Expression]) -> set[tuple[str, ...]]:
    """The names that expressions read, such as `vars.tries`."""
    return {mention.chain[:2] for expression in expressions for mention in mentions(expression)}
