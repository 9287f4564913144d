"""Finds expressions that can read a value before it exists, over all paths of a flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from retake_flow.flow.check.dataflow.analysis import Walk
from retake_flow.flow.check.dataflow.symbols import Declarations, Schema, fields, inside
from retake_flow.flow.check.references import Chain, mentions
from retake_flow.flow.diagnostics import Problem, did_you_mean
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.graph.transition_graph import Occurrence
from retake_flow.quick_dataclasses import dataclass, field

#: The most paths to search for in one flow; each search goes through all its moves.
_MOST_SEARCHED = 2_000
_LONGEST_SHOWN = 8


@dataclass(slots=True)
class Evaluation:
    """One evaluation of an expression.

    Attributes:
        occurrences: The occurrences that lead to it; None stands for any.
    """

    root: str
    certain: int
    occurrences: dict[Occurrence | None, None] = field(default_factory=dict)


def evaluations(walk: Walk) -> dict[Expression, Evaluation]:
    """Every evaluation of an expression on some path."""
    found: dict[Expression, Evaluation] = {}

    def see(value: Any, root: str, facts: int, now: Occurrence | None) -> None:
        for expression in templates(value) if value else ():
            if (evaluation := found.get(expression)) is None:
                evaluation = found[expression] = Evaluation(root, facts)
            evaluation.certain &= facts
            evaluation.occurrences[now] = None

    walk.see_certain(see)
    return found


def problems(walk: Walk, seen: Mapping[Expression, Evaluation], declarations: Declarations) -> Iterator[Problem]:
    """Values that are used before they exist, or where nothing provides them."""
    missing = {each: found for each, evaluation in seen.items() if (found := _missing(walk, each, evaluation))}
    if not missing:
        return
    possible = dict.fromkeys(missing, 0)

    def see(value: Any, root: str, facts: int, now: Occurrence | None) -> None:
        for expression in templates(value):
            if expression in possible:
                possible[expression] |= facts

    walk.see_possible(see)
    searches = max(1, _MOST_SEARCHED // len(walk.certain))
    for expression, mentioned in missing.items():
        for chain, (needed, conditional) in mentioned.items():
            never = bool(needed & ~possible[expression])
            if conditional and not never:
                continue
            searches -= 1
            path = walk.path_without(needed, expression) if searches >= 0 and not never else ()
            yield _problem(expression, chain, seen[expression], never, path, declarations)


def _missing(walk: Walk, expression: Expression, evaluation: Evaluation) -> dict[Chain, tuple[int, bool]]:
    """The names that may be missing: their uncertain facts, and whether the name is always read."""
    found: dict[Chain, tuple[int, bool]] = {}
    for mention in mentions(expression):
        missing = walk.facts.of_name(evaluation.root, mention.chain) & ~evaluation.certain
        if missing and not mention.optional:
            conditional = found.get(mention.chain, (0, True))[1] and mention.conditional
            found[mention.chain] = missing, conditional
    return found


def _problem(
    expression: Expression,
    chain: Chain,
    evaluation: Evaluation,
    never: bool,
    path: tuple[str, ...],
    known: Declarations,
) -> Problem:
    name, kind = ".".join(chain), chain[0]
    default = f"give it a default, `{name}|default(…)`"
    if kind in ("event", "result"):
        if never:
            message = f"no event that leads here carries {name!r}"
            return Problem(expression.position, "RF031", message, _hint(chain, evaluation, known) or default)
        message = f"not every event that leads here carries {name!r}"
        return Problem(expression.position, "RF034", message, default)
    if never:
        message = f"{name!r} is never set when this is evaluated"
        return Problem(expression.position, "RF034", message, "use it only after it has been set")
    shown = path if len(path) <= _LONGEST_SHOWN else (*path[:2], "…", *path[2 - _LONGEST_SHOWN :])
    way = f": {' → '.join(shown)}" if path else ""
    hint = f"{default}, or set it on every path before"
    return Problem(expression.position, "RF034", f"{name!r} is not set on every path{way}", hint)


def _hint(chain: Chain, evaluation: Evaluation, declarations: Declarations) -> str:
    """The fields that a result has instead."""
    results = [declarations.result(now) for now in evaluation.occurrences if now is not None]
    names = {name for result in results if result is not None for name in fields(result)}
    return did_you_mean(chain[1], names) if chain[0] == "result" and chain[1:] and names else ""


def lookup(evaluation: Evaluation, declarations: Declarations, chain: Chain) -> Schema:
    """The declared type of a name at an evaluation; {} when unknown."""
    if chain[0] not in ("result", "event"):
        return declarations.of(evaluation.root, chain) or {}
    found: list[Schema] = []
    for now in evaluation.occurrences:
        brought = _event(now, declarations) if chain[0] == "event" else declarations.result(now) if now else None
        found.append((inside(brought, chain[1:]) or {}) if brought is not None else {})
    agreed = found[0] if found and all(each == found[0] for each in found) else {}
    return agreed or declarations.of(evaluation.root, chain) or {}


def _event(now: Occurrence | None, declarations: Declarations) -> Schema | None:
    return {"type": "object", "properties": declarations.event(now)} if now is not None else None
