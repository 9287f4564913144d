"""Checks names: each expression can be read, each name in it means one thing, and each scene that is set exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow.errors import ExpressionError
from retake_flow.flow.check.dataflow.symbols import EVENT, Declarations, fields
from retake_flow.flow.check.references import Chain, expressions_of
from retake_flow.flow.diagnostics import Position, Problem, did_you_mean
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.model import Flow, State, SubFlowState
from retake_flow.flow.names import SEPARATOR
from retake_flow.flow.state_parts import scene_names


def problems(flow: Flow, declarations: Declarations) -> Iterator[Problem]:
    """Problems with expressions, the names in them, and those of scenes."""
    for root in ("", *(state.path for state in flow.states.values() if isinstance(state, SubFlowState))):
        yield from _within(flow, root, declarations)
    yield from _scenes(flow)


def _within(flow: Flow, root: str, declarations: Declarations) -> Iterator[Problem]:
    """The problems of the flow itself, or of one sub-flow, which has its own names."""
    states = list(flow.of(root))
    names = Counter(state.name for state in states)
    shared = {name for name, times in names.items() if times > 1}
    known: dict[str, Iterable[str]] = {
        "inputs": declarations.inputs(root),
        "outputs": names,
        "visits": names,
        "activities": declarations.activities(root),
        "vars": {name for state in states for values in state.sets() for name in values},
        "run": ("id", "state", "stats"),
        "now": (),
        "event": {*EVENT, "result", *_data(flow, states), *declarations.in_events},
        "in": [state.path.removeprefix(root + SEPARATOR if root else "") for state in states],
    }
    for expression in expressions_of(states):
        try:
            used = expression.names()
        except ExpressionError as error:
            yield Problem(expression.position, "RF030", error.message, error.hint)
            continue
        for chain in sorted(used):
            yield from _name(chain, expression.position, known)
            if chain[0] in ("outputs", "visits") and chain[1:] and chain[1] in shared:
                name = ".".join(chain[:2])
                message = f"several states are called {chain[1]!r}, so {name!r} could be any of them"
                yield Problem(expression.position, "RF033", message, "give the state that you mean a unique name")
            elif chain[0] in ("outputs", "activities") or chain[:2] == ("run", "stats"):
                yield from _part(root, chain, expression, declarations)


def _data(flow: Flow, states: Iterable[State]) -> set[str]:
    """The data fields of events that the flow raises or that come from outside."""
    declared = {name for data in flow.events.values() for name in data}
    return declared | {name for state in states for each in state.raises() for name in each.data}


def _name(chain: Chain, position: Position, known: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    base, rest = chain[0], chain[1:]
    if base in known and rest and rest[0] not in known[base]:
        hint = did_you_mean(rest[0], known[base])
        yield Problem(position, "RF031", f"there is nothing called {'.'.join(chain[:2])!r}", hint)


def _part(root: str, chain: Chain, expression: Expression, declarations: Declarations) -> Iterator[Problem]:
    """Fields that a result does not declare."""
    for length in range(2, len(chain) + 1):
        if declarations.of(root, chain[:length]) is not None:
            continue
        name = ".".join(chain[:length])
        if length == 2:
            yield Problem(expression.position, "RF031", f"the state {chain[1]!r} has no result, so no {name!r}")
        else:
            hint = did_you_mean(chain[length - 1], fields(declarations.of(root, chain[: length - 1]) or {}))
            yield Problem(expression.position, "RF031", f"there is nothing called {name!r}", hint)
        return


def _scenes(flow: Flow) -> Iterator[Problem]:
    """Scenes that do not exist, and activities in them that do not."""
    known = scene_names(flow.scenes)
    for position, wanted in _scenes_set(flow):
        if wanted not in known:
            yield Problem(position, "RF014", f"there is no scene {wanted!r}", did_you_mean(wanted, known))
    activities = sorted({activity.name for activity in flow.activities()})
    for name, scene in flow.scenes.items():
        for activity in scene.activities:
            if activity not in activities:
                message = f"the scene {name!r} shows {activity!r}, which is not an activity of this flow"
                yield Problem(scene.position, "RF014", message, did_you_mean(activity, activities))


def _scenes_set(flow: Flow) -> Iterator[tuple[Position, str]]:
    """The scenes that a flow sets, as far as they are written."""
    for state in flow.states.values():
        yield from ((each.position or state.position, each.scene) for each in state.effects() if each.scene)
    for doing in flow.performers():
        scene: Any = doing.inputs.get("to")
        if doing.do == "studio.scene" and isinstance(scene, str):
            yield doing.position, scene
