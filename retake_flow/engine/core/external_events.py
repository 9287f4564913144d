"""External events: what a running flow accepts from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from retake_flow.engine.core import timers
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.fields import Declared, read
from retake_flow.flow.graph.exit_entry_sets import reachable_from
from retake_flow.flow.model import Flow
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


def unexpected_error(
    flow: Flow, run: Run, name: str, takers: Collection[str], expected: Collection[str]
) -> EventRefused:
    """The error for an event that a run does not currently expect, with what to do about it.

    `takers` are the paths of the states that have a route for it; `expected` is what the active states have routes for.
    """
    if timers.is_extension(flow, name):
        return EventNotNow("no active state has a timeout that could be extended, or not the one that is named")
    message = f"{run.state!r} does not expect the event {name!r}"
    hint = f"expected: {', '.join(each for each in expected if each in flow.events) or 'nothing from outside'}"
    if name not in flow.events:
        return EventRefused(message, hint=hint)
    asks = any(gate.place == run.state for gate in run.gates.values())
    if not asks and any(path in run.visits for path in {*takers} & reachable_from(flow, run.state)):
        # The run was where the event is taken and may return there by itself, usually when a stream recovers.
        return EventNotNow(message, hint=f"try again in a moment: {_places(takers)} takes it; {hint}")
    return EventNotNow(message, hint=f"{hint}; {_places(takers)} takes it" if takers else hint)


def _places(paths: Collection[str]) -> str:
    return " or ".join(f"{path!r}" for path in paths)
