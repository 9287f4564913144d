"""External events: what a running flow accepts from outside."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from retake_flow.engine.core import timers
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.fields import Declared, read
from retake_flow.flow.graph.exit_entry_sets import reachable_from
from retake_flow.flow.model import Flow
from retake_flow.flow.names import matches
from retake_flow.run.errors import EventNotNow, EventRefused
from retake_flow.run.run import Run


def accepted_events(flow: Flow) -> Mapping[str, Declared]:
    """The events that a flow accepts from outside, besides `stop`, with the fields of their data."""
    limited = any(state.timeout is not None for state in flow.states.values())
    return {**({timers.EXTEND: timers.EXTEND_FIELDS} if limited else {}), **flow.events}


def read_data(flow: Flow, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event, matching its declaration under `events`; texts are converted to the declared types.

    Raises:
        EventRefused: The flow declares no such event, or the data does not fit; the error lists every problem.
    """
    events = accepted_events(flow)
    if name not in events:
        declared = f"its `events`: {', '.join(flow.events) or 'none'}"
        near = did_you_mean(name, flow.events, otherwise=declared)
        raise EventRefused(
            f"the flow {flow.name!r} declares no event {name!r} from outside",
            hint=declared if near == declared else f"{near} {declared}",
        )
    fields = events[name]
    found = read(fields, given)
    problems = [f"the event {name!r} has no field {field!r}" for field in found.unknown]
    problems += [f"the field {field!r} {said}" for field, said in found.unfit.items()]
    problems += [f"the field {field!r} is missing" for field in found.missing]
    if problems:
        taken = " ".join(f"--set {field}=…" for field in fields)
        raise EventRefused("; ".join(problems), hint=f"it takes: {taken}" if taken else "it takes no fields")
    return found.values


def expected_events(flow: Flow, run: Run) -> tuple[str, ...]:
    """The events that the active states have routes for."""
    return tuple(sorted({pattern for state in flow.around(run.state) for pattern in state.routes}))


def expects(flow: Flow, run: Run, name: str, data: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Whether an active state has a route for an event, ignoring guards."""
    if timers.is_extension(flow, name):
        return bool(timers.extended_state(flow, run, data))
    return any(matches(pattern, name) for pattern in expected_events(flow, run))


def require_expected(flow: Flow, run: Run, name: str, data: Mapping[str, Any]) -> None:
    """Require that a run currently expects an event.

    Raises:
        EventRefused: It does not; `EventNotNow` if the flow takes the event in another state.
    """
    if expects(flow, run, name, data):
        return
    if timers.is_extension(flow, name):
        raise EventNotNow("no active state has a timeout that could be extended, or not the one that is named")
    message = f"{run.state!r} does not expect the event {name!r}"
    expected = [each for each in expected_events(flow, run) if each in flow.events]
    hint = f"expected: {', '.join(expected) or 'nothing from outside'}"
    if name not in flow.events:
        raise EventRefused(message, hint=hint)
    states = flow.states.values()
    takers = [state.path for state in states if any(matches(pattern, name) for pattern in state.routes)]
    places = " or ".join(f"{path!r}" for path in takers)
    asks = any(gate.place == run.state for gate in run.gates.values())
    if not asks and any(path in run.visits for path in {*takers} & reachable_from(flow, run.state)):
        # The run was where the event is taken and may return there by itself, usually when a stream recovers.
        raise EventNotNow(message, hint=f"try again in a moment: {places} takes it; {hint}")
    raise EventNotNow(message, hint=f"{hint}; {places} takes it" if takers else hint)
