"""Events from outside: what a flow takes from whoever sends it one while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.errors import EventRefused
from retake_flow.flow.fields import read
from retake_flow.flow.model import Flow
from retake_flow.flow.problems import did_you_mean


def fitting(flow: Flow, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event as the flow declares it under `events`; texts are read as the declared types.

    Raises:
        EventRefused: The flow declares no such event, or the data does not fit; all that is wrong is named.
    """
    if name not in flow.events:
        declared = ", ".join(flow.events) or "none"
        hint = did_you_mean(name, flow.events)
        raise EventRefused(
            f"the flow {flow.name!r} takes no event {name!r} from outside",
            hint=f"{hint}; its `events`: {declared}" if hint else f"its `events`: {declared}",
        )
    fields = flow.events[name]
    found = read(fields, given)
    problems = [f"the event {name!r} has no field {field!r}" for field in found.unknown]
    problems += [f"the field {field!r} {said}" for field, said in found.unfit.items()]
    problems += [f"the field {field!r} is missing" for field in found.missing]
    if problems:
        taken = " ".join(f"--set {field}=…" for field in fields)
        raise EventRefused("; ".join(problems), hint=f"it takes: {taken}" if taken else "it takes no fields")
    return found.values
