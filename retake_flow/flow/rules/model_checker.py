"""Model checker: for each rule that a flow can break, finds the shortest path that breaks it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from retake_flow.flow.action_spec import Catalogue, names_of, with_own
from retake_flow.flow.diagnostics import Position
from retake_flow.flow.graph.transition_graph import Move, Moves
from retake_flow.flow.model import Flow
from retake_flow.flow.rules.matching import Reader
from retake_flow.flow.rules.model import RUN, Rule, RuleSet, Term
from retake_flow.flow.rules.propositions import Fact, Facts, Words
from retake_flow.flow.rules.state_space import Edge, Node, StateSpace
from retake_flow.quick_dataclasses import dataclass

#: How many times a path may prove to assume wrong earlier visits before it is accepted.
_DOUBTS = 12
#: Verbs of facts that are matched by a part of a name, or without one.
_BY_PART = ("enters", "leaves", "takes", "settles")
#: The verdict of a rule on a fact that it does not name.
_NOTHING = (False, False, False)
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


@dataclass(frozen=True, slots=True)
class _Violation:
    """The end of a path that breaks a rule."""

    fact: Fact


_Step = tuple[Node, bool] | _Violation


def find_breaches(flow: Flow, catalogue: Catalogue, rule_sets: Iterable[RuleSet]) -> tuple[Breach, ...]:
    """The rules that a flow can break, in order, each with its shortest path."""
    catalogue = with_own(flow, catalogue)
    rules = [rule for each in rule_sets for rule in each.rules if _concerns(flow, rule)]
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


def _concerns(flow: Flow, rule: Rule) -> bool:
    """Whether a flow contains anything that a rule could forbid."""
    doings = {doing.do for doing in flow.performers()} | {undo.do for undo in flow.undos()}
    actions = {name for do in doings for name, _ in names_of(flow, do, {})}
    return any(_possible(term, actions) for term in rule.offends)


def _possible(term: Term, actions: set[str]) -> bool:
    if term.verb in ("begins", "done", "ends"):
        return term.name in actions or term.name == RUN
    running = [condition.runs for condition in term.during]
    return not running or any(action in actions or not action for action in running)


class Monitor:
    """Follows one rule along a path: whether what it forbids is currently allowed."""

    def __init__(self, rule: Rule, reader: Reader) -> None:
        self.rule = rule
        self._reader = reader
        self._known: dict[Fact, tuple[bool, bool, bool]] = {}
        self._names = {term.name for term in rule.terms}

    def verdict(self, fact: Fact) -> tuple[bool, bool, bool]:
        """Whether a fact is forbidden, forbids from then on, or allows from then on."""
        if fact.name not in self._names and fact.verb not in _BY_PART:
            return _NOTHING
        if fact not in self._known:
            self._known[fact] = self._verdict_of(fact)
        return self._known[fact]

    def follow(self, facts: Iterable[Fact], allowed: bool) -> bool | Fact:
        """Whether it is allowed after some facts, or the fact that breaks the rule."""
        for fact in facts:
            offends, forbids, allows = self.verdict(fact)
            if offends and not allowed:
                return fact
            allowed = allows or (allowed and not forbids)
        return allowed

    def _verdict_of(self, fact: Fact) -> tuple[bool, bool, bool]:
        rule, among = self.rule, self._reader.among
        # The outcome of an earlier action says nothing about what has happened since.
        old = bool(rule.forbids) and fact.verb == "shows"
        allows = not old and among(fact, rule.allows, sure=True)
        return among(fact, rule.offends, sure=False), among(fact, rule.forbids, sure=False), allows


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
        if (says := monitor.verdict(fact)) is not _NOTHING:
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
        if isinstance(here, _Violation):
            path = tuple(_back(came, here, origin))[::-1]
            return Breach(rule, path, here.fact.position, _verdict_of(rule), _happens(here.fact))
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
    return _Violation(said) if isinstance(said, Fact) else (edge.after, said)


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
