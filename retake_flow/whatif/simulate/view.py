"""Shows a simulated run as one JSON object: where it is, what it waits for, and what has happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow.flow.model import FinalState, Flow
from retake_flow.run.gates import Gate
from retake_flow.run.records import plain
from retake_flow.run.run import Run
from retake_flow.whatif.simulate.calls import WaitingCall
from retake_flow.whatif.virtual_time import EPOCH


def view(
    flow: Flow, run: Run, waiting: Iterable[WaitingCall], pauses: Mapping[str, float], *, over: bool, **more: object
) -> dict[str, Any]:
    """Build the object.

    `pauses` says when paused activities continue (seconds since the epoch), by key; `over` that nothing more can
    happen; `more` are further members, inserted after the queue.
    """
    settled = run.state and (not over or isinstance(flow.states[run.state], FinalState))
    seen = {
        "configuration": [run.state] if settled else [],
        "queue": [] if over else [*_calls(waiting), *_gates(run.gates.values()), *_times(run, pauses)],
        **more,
        "ended": run.outcome if over else None,
        "reason": run.reason if over else "",
        "vars": run.vars,
    }
    answer: dict[str, Any] = plain(seen)
    return answer


def milliseconds(seconds: float) -> float:
    """A time to the millisecond."""
    return round(seconds, 3)


def _calls(waiting: Iterable[WaitingCall]) -> Iterator[dict[str, Any]]:
    for each in waiting:
        call = each.call
        common = {"kind": each.kind, "place": call.place, "action": call.do, "attempt": call.attempt}
        yield {**common, **({"ready": each.ready} if each.kind == "service" else {}), "due": _due(each.due)}


def _gates(gates: Iterable[Gate]) -> Iterator[dict[str, Any]]:
    for gate in gates:
        asked = {name: list(fields) for name, fields in gate.decisions.items()}
        words = {"message": gate.message, "decisions": asked, "fields": list(gate.fields)}
        yield {"kind": "gate", "place": gate.place, "gate": gate.id, **words, "due": _due(gate.due)}


def _times(run: Run, pauses: Mapping[str, float]) -> list[dict[str, Any]]:
    found = [_timer(run, place, purpose, due) for (place, purpose), due in run.timers.items()]
    found += [_timer(run, place, "again", due) for place, due in pauses.items() if place in run.activities]
    return sorted(found, key=lambda each: (each["due"], each["place"], each["kind"], each.get("purpose", "")))


def _timer(run: Run, place: str, purpose: str, due: float) -> dict[str, Any]:
    raised = run.delayed.get((place, purpose))
    if raised is not None:
        return {"kind": "event", "place": place, "event": raised.event, "data": raised.data, "due": _due(due)}
    return {"kind": "timer", "place": place, "purpose": purpose, "due": _due(due)}


def _due(due: float | None) -> float | None:
    return None if due is None else milliseconds(due - EPOCH)
