"""Model checker: which rules apply to each state of a flow, and the shortest path that breaks each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from retake_flow.flow.action_spec import Catalogue, names_of, with_own
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.graph.transition_graph import Move, Moves
from retake_flow.flow.model import Flow, State, performers
from retake_flow.flow.names import is_called
from retake_flow.flow.rules import load
from retake_flow.flow.rules.matching import NOTHING, Monitor, Reader, matches_inputs
from retake_flow.flow.rules.model import RUN, Rule, Term
from retake_flow.flow.rules.propositions import Fact, Facts, Words
from retake_flow.flow.rules.state_space import Edge, Node, StateSpace
from retake_flow.quick_dataclasses import dataclass

#: How many times a path may prove to assume wrong earlier visits before it is accepted.
_DOUBTS = 12
#: The most nodes for all rules together; beyond that, each rule is checked alone.
_MOST_TOGETHER = 20_000
#: The most nodes for a single rule.
_MOST = 200_000


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a flow can break.

    Attributes:
        path: The moves of the shortest path that breaks it, from the start of a run.
        position: The position in the flow of the forbidden occurrence.
        what: The forbidden occurrence at the end of the path, in words.
    """

    rule: Rule
    path: tuple[Move, ...]
    position: Position
    message: str
    what: str = ""


#: Where a path is, and whether the rule allows what it forbids; or the fact that breaks the rule, which ends the path.
_Step = tuple[Node, bool] | Fact


def problems(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    """The rules that a flow can break, the platform's and its own, and problems with its rules files."""
    rules = [*load.platform(catalogue)]
    for read in load.read_named(flow, catalogue):
        yield from read.problems
        rules += read.rules
    yield from map(problem, find_breaches(flow, catalogue, rules))


def find_breaches(flow: Flow, catalogue: Catalogue, rules: Iterable[Rule]) -> tuple[Breach, ...]:
    """The rules that a flow can break, in order, each with its shortest path."""
    catalogue = with_own(flow, catalogue)
    doings = {doing.do for doing in flow.performers()} | {undo.do for undo in flow.undos()}
    actions = {name for do in doings for name, _ in names_of(flow, do, {})}
    rules = [rule for rule in rules if any(_possible(term, actions) for term in rule.offends)]
    moves = Moves.of_flow(flow, catalogue)
    facts = Facts(flow, catalogue, Words(rules))
    reader = Reader(flow, moves, catalogue)
    plain = StateSpace(flow, moves, facts)
    found: list[Breach] = []
    for monitor in _suspects(plain, [Monitor(rule, reader) for rule in rules]):
        space, watched = plain, frozenset[str]()
        for _ in range(_DOUBTS):
            breach = _shortest(space, monitor)
            doubtful = space.doubtful(breach.path) - watched if breach is not None else frozenset()
            if not doubtful:
                break
            watched |= doubtful
            space = plain.watch(watched)
        if breach is not None:
            found.append(breach)
    return tuple(found)


def _possible(term: Term, actions: set[str]) -> bool:
    """Whether a flow that performs some actions can do what a rule forbids."""
    if term.verb in ("begins", "done", "ends"):
        return term.name in actions or term.name == RUN
    running = [condition.runs for condition in term.during]
    return not running or any(action in actions or not action for action in running)


def _suspects(space: StateSpace, monitors: list[Monitor]) -> list[Monitor]:
    """The rules that may be broken, all followed at once, with one bit per rule for whether it allows."""
    masks: dict[Fact, tuple[int, int, int]] = {}
    broken, start = 0, space.start()
    pending = [(start, sum(monitor.rule.allowed << place for place, monitor in enumerate(monitors)))]
    seen: set[tuple[Node, int]] = set()
    while pending and len(seen) < _MOST_TOGETHER:
        edge, allowed = pending.pop()
        for fact in edge.facts:
            if fact not in masks:
                masks[fact] = _masks(fact, monitors)
            offends, forbids, allows = masks[fact]
            broken |= offends & ~allowed
            allowed = (allowed & ~forbids) | allows
        here = (edge.after, allowed | broken)
        if here not in seen:
            seen.add(here)
            pending += [(onward, here[1]) for onward in space.of(edge.after)]
    return [monitor for place, monitor in enumerate(monitors) if pending or broken >> place & 1]


def _masks(fact: Fact, monitors: list[Monitor]) -> tuple[int, int, int]:
    offends = forbids = allows = 0
    for place, monitor in enumerate(monitors):
        if (says := monitor.verdict(fact)) is not NOTHING:
            offends |= says[0] << place
            forbids |= says[1] << place
            allows |= says[2] << place
    return offends, forbids, allows


def _shortest(space: StateSpace, monitor: Monitor) -> Breach | None:
    rule, start, origin = monitor.rule, space.start(), (Node(""), monitor.rule.allowed)
    first = _step(start, monitor.follow(start.facts, rule.allowed))
    came: dict[_Step, tuple[_Step, Edge]] = {first: (origin, start)}
    moves = {first: 1}
    pending = deque([first])
    while pending:
        here = pending.popleft()
        if isinstance(here, Fact):
            path = tuple(_back(came, here, origin))[::-1]
            return Breach(rule, path, here.position, _verdict_of(rule), _happens(here))
        if len(came) > _MOST:
            return Breach(
                rule, (), rule.position, f"the flow has too many paths to find out whether it {_verdict_of(rule)}"
            )
        node, allowed = here
        for edge in space.of(node):
            there = _step(edge, monitor.follow(edge.facts, allowed))
            length = moves[here] + (edge.move is not None)
            if length < moves.get(there, length + 1):
                moves[there], came[there] = length, (here, edge)
                # Steps that are not moves do not lengthen a path, so they are explored before moves.
                pending.append(there) if edge.move is not None else pending.appendleft(there)
    return None


def _step(edge: Edge, said: bool | Fact) -> _Step:
    return said if isinstance(said, Fact) else (edge.after, said)


def _back(came: dict[_Step, tuple[_Step, Edge]], step: _Step, origin: _Step) -> Iterator[Move]:
    while step != origin:
        step, edge = came[step]
        if edge.move is not None:
            yield edge.move


def _verdict_of(rule: Rule) -> str:
    owner = "the platform's rule" if rule.owner == "platform" else "the rule"
    of = "" if rule.owner == "platform" else f" of {rule.owner}"
    return f"breaks {owner} {rule.name}{of}: {rule.because}"


def _happens(fact: Fact) -> str:
    said = {
        "begins": f"{fact.name} begins",
        "ends": "the run ends" if fact.name == RUN else f"{fact.name} ends",
        "enters": f"{fact.name} is entered",
        "leaves": f"{fact.name} is left",
        "takes": f"{fact.name} is taken",
    }
    return said.get(fact.verb, f"the run stays in {fact.at}")


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


def rules_of(flow: Flow, catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules for a flow: the platform's, and its own if they can be read."""
    return (*load.platform(catalogue), *(rule for read in load.read_named(flow, catalogue) for rule in read.rules))


def subjects(flow: Flow, rules: Iterable[Rule], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """The names of the rules that apply to each state, by path; states without rules are left out."""
    rules, catalogue = tuple(rules), with_own(flow, catalogue)
    held = {
        state.path: tuple(
            rule.name for rule in rules if any(_applies(term, state, flow, catalogue) for term in rule.offends)
        )
        for state in flow.states.values()
    }
    return {path: names for path, names in held.items() if names}


def _applies(term: Term, state: State, flow: Flow, catalogue: Catalogue) -> bool:
    """Whether a state does what a term names, or has the activity that makes its conditions hold."""
    if term.verb in ("enters", "leaves"):
        return is_called(state.path, term.name)
    if term.name:
        named = (each for doing in performers(state) for each in names_of(flow, doing.do, doing.inputs))
        spec = catalogue.get(term.name)
        return any(name == term.name and matches_inputs(inputs, term, spec, sure=False) for name, inputs in named)
    running = {name for each in state.activities.values() if each.do for name, _ in names_of(flow, each.do, {})}
    return any(each.runs in running or (each.inside and is_called(state.path, each.inside)) for each in term.during)
