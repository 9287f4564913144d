"""Checks a flow against its rules: which apply to each of its states, and which it can break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow.flow.action_spec import Catalogue, names_of
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.model import Flow, State, performers
from retake_flow.flow.rules import load, model_checker
from retake_flow.flow.rules.load import Read
from retake_flow.flow.rules.model import Rule, RuleSet, Term
from retake_flow.flow.rules.model_checker import Breach


def find_breaches(flow: Flow, catalogue: Catalogue) -> tuple[Breach, ...]:
    """The rules that a flow can break, from the platform and from the files that it names."""
    return model_checker.find_breaches(flow, catalogue, _readable(load.read_named(flow, catalogue), catalogue))


def problems(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    """The broken rules of a flow, and problems with its rules files; arguments as for `find_breaches`."""
    own = list(load.read_named(flow, catalogue))
    for read in own:
        yield from read.problems
    for breach in model_checker.find_breaches(flow, catalogue, _readable(own, catalogue)):
        yield problem(breach)


def _readable(own: Iterable[Read], catalogue: Catalogue) -> Iterator[RuleSet]:
    """The platform's rules, and the flow's own that could be read."""
    yield load.platform(catalogue)
    yield from (read.rules for read in own if read.rules is not None)


def rules_of(flow: Flow, catalogue: Catalogue) -> tuple[Rule, ...]:
    """The rules for a flow: the platform's, and its own if they can be read."""
    return tuple(rule for rules in _readable(load.read_named(flow, catalogue), catalogue) for rule in rules.rules)


def subjects(flow: Flow, rules: Iterable[Rule]) -> Mapping[str, tuple[str, ...]]:
    """The names of the rules that apply to each state, by path; states without rules are left out."""
    rules = tuple(rules)
    held = {
        state.path: tuple(rule.name for rule in rules if any(_concerns(term, state, flow) for term in rule.offends))
        for state in flow.states.values()
    }
    return {path: names for path, names in held.items() if names}


def _concerns(term: Term, state: State, flow: Flow) -> bool:
    """Whether a state does what a term names, or has the activity that makes its conditions hold."""
    if term.name:
        named = (each for doing in performers(state) for each in names_of(flow, doing.do, doing.inputs))
        return term.name == state.path or any(name == term.name and _may_fit(term, inputs) for name, inputs in named)
    runs = {condition.runs for condition in term.during if condition.runs}
    running = (each for activity in state.activities.values() for each in names_of(flow, activity.do, {}))
    return any(name in runs for name, _ in running) or any(condition.inside == state.path for condition in term.during)


def _may_fit(term: Term, inputs: Mapping[str, Any]) -> bool:
    """Whether an action may get the inputs in a term; the value of a template is unknown."""
    return all(
        isinstance(inputs.get(key), Expression) or inputs.get(key) == value for key, value in term.inputs.items()
    )


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
