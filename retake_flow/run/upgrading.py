"""Checks whether a run can be resumed with another version of its flow."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.errors import ExpressionError
from retake_flow.flow.check.references import expressions_of
from retake_flow.flow.graph.exit_entry_sets import reachable_from
from retake_flow.flow.model import (
    ActionState,
    CompositeState,
    FinalState,
    Flow,
    QuestionState,
    State,
    SubFlowState,
    WaitState,
)
from retake_flow.flow.names import RETRY, is_within
from retake_flow.flow.state_parts import Ask
from retake_flow.run.gates import Gate
from retake_flow.run.run import Run, Work


def incompatibilities(run: Run, new: Flow) -> list[str]:
    """The reasons why a run cannot be resumed in a flow, in words; none when it can.

    It can if its state and activities exist, the things it waits for fit, and every result used from here on exists or
    is still to come.
    """
    if run.state and run.state not in new.states:
        return [f"there is no state {run.state!r} any more"]
    return [*_state(run, new), *_activities(run, new), *_gates(run, new), *_outputs(run, new)]


def _state(run: Run, new: Flow) -> Iterator[str]:
    if run.state:
        said = _change_of_kind(run, new.states[run.state])
        if said:
            yield f"the state {run.state!r} {said}"
    for path in _failed(run):
        if not _retries(new.states.get(path)):
            yield f"the state {path!r} waits to be re-entered after an error, and no longer has `retry`"
    for root in run.locals:
        if not isinstance(new.states.get(root), SubFlowState):
            yield f"no flow runs in the state {root!r} any more"


def _failed(run: Run) -> list[str]:
    """The paths of the states that contain states and wait to be re-entered after an error."""
    return [path for path, purpose in run.timers if purpose == RETRY and ":" not in path]


def _retries(state: State | None) -> bool:
    return isinstance(state, CompositeState) and state.again is not None


def _change_of_kind(run: Run, state: State) -> str:
    """New work of a state that was entered for other work: it would never begin, and the begun work would not fit."""
    waits = (state.path, "wait") in run.timers
    asked = any(gate.place == state.path for gate in run.gates.values())
    changes = {
        "holds states now": isinstance(state, CompositeState),
        "ends the run now": isinstance(state, FinalState) and not any(is_within(state.ends, p) for p in _failed(run)),
        "performs no action any more": run.attempt is not None and not isinstance(state, ActionState),
        "waits for no time any more": waits and not isinstance(state, WaitState),
        "waits for a time now, which was never set": not waits and isinstance(state, WaitState),
        "asks now, and nobody was asked": not asked and isinstance(state, QuestionState),
    }
    return next((said for said, holds in changes.items() if holds), "")


def _activities(run: Run, new: Flow) -> Iterator[str]:
    known = {activity.key: activity for activity in new.activities()}
    asked = {gate.place for gate in run.gates.values()}
    for key, doing in run.activities.items():
        if key not in known:
            yield f"there is no activity {key!r} any more"
            continue
        question = key in asked or "answered_by" in doing.value
        if doing.work is not Work.ENDED and question == (known[key].ask is None):
            yield f"the activity {key!r} was an action and is a question now, or the other way round"


def _gates(run: Run, new: Flow) -> Iterator[str]:
    asks: dict[str, Ask] = {activity.key: activity.ask for activity in new.activities() if activity.ask}
    asks |= {path: state.ask for path, state in new.states.items() if isinstance(state, QuestionState)}
    for gate in run.gates.values():
        if gate.place in asks and not _fits(gate, asks[gate.place]):
            yield f"{gate.id} is asked with other fields or decisions now"
        elif gate.place not in asks and not isinstance(new.states[gate.place.partition(":")[0]], ActionState):
            yield f"nothing is asked at {gate.place!r} any more"


def _fits(gate: Gate, ask: Ask) -> bool:
    return dict(gate.fields) == dict(ask.fields) and dict(gate.decisions) == dict(ask.decisions)


def _outputs(run: Run, new: Flow) -> Iterator[str]:
    """Results that are used but will never exist."""
    coming = set[str]().union(*(reachable_from(new, path) for path in (run.state or new.initial, *_failed(run))))
    for root in {state.root for state in new.states.values()}:
        paths = {state.name: state.path for state in new.of(root)}
        for name in sorted(_used_outputs(new, root, coming)):
            path = paths.get(name, "")
            if path and path not in run.outputs and path not in coming:
                yield f"the result of {path!r} is used, and the run has not got it"


def _used_outputs(new: Flow, root: str, coming: set[str]) -> set[str]:
    """The names of the states whose results are used from here on."""
    found: set[str] = set()
    for expression in expressions_of(state for state in new.of(root) if state.path in coming):
        try:
            found.update(chain[1] for chain in expression.names() if chain[0] == "outputs" and len(chain) > 1)
        except ExpressionError:
            continue
    return found
