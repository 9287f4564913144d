"""Gates: ask, remind, escalate, answer, expire and withdraw questions to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.engine.core.moment import Moment
from retake_flow.flow.model import ActionState
from retake_flow.flow.question import Ask
from retake_flow.run.commands import Note
from retake_flow.run.gate_prompt import as_record
from retake_flow.run.gates import Answer, Gate

#: A person's possible answers about an action that was in progress when the process died.
AFTER_CRASH: Final[Mapping[str, Mapping[str, Any]]] = {"give_up": {}, "again": {}, "done": {}}

_TIMERS = ("timeout", "remind", "escalate")


def ask(moment: Moment, place: str, question: Ask, root: str) -> None:
    """Ask a question: open it and set its timers."""
    lasts = None if question.timeout is None else moment.seconds(question.timeout, root)
    gate = Gate(
        id=f"{place}.{moment.visit(place)}",
        place=place,
        visit=moment.visit(place),
        message=str(moment.filled(question.message, root)),
        fields=question.fields,
        decisions=question.decisions,
        opened_at=moment.now,
        due=None if lasts is None else moment.now + lasts,
    )
    put(moment, gate)
    if gate.due is not None:
        moment.set_timer(place, "timeout", gate.due)
    _next(moment, gate, "remind", [moment.seconds(after, root) for after in question.remind])
    _next(moment, gate, "escalate", [moment.seconds(later.after, root) for later in question.escalate])


def put(moment: Moment, gate: Gate) -> None:
    """Open a gate."""
    moment.run.gates = {**moment.run.gates, gate.id: gate}
    moment.commands.append(Note("gate_opened", as_record(moment.run.id, gate)))


def remind(moment: Moment, place: str, question: Ask, root: str) -> None:
    """Repeat a question that is still open; missed reminders are sent once."""
    gate = of(moment, place)
    if gate is not None:
        moment.commands.append(Note("gate_reminder", as_record(moment.run.id, gate)))
        _next(moment, gate, "remind", [moment.seconds(after, root) for after in question.remind])


def escalate(moment: Moment, place: str, question: Ask, root: str) -> None:
    """Escalate a question that is still open, to the last escalation that is due."""
    gate = of(moment, place)
    if gate is None:
        return
    times = sorted((moment.seconds(later.after, root), later.to) for later in question.escalate)
    come = [to for after, to in times if gate.opened_at + after <= moment.now]
    if come:
        gate = replace(gate, audience=come[-1])
        moment.run.gates = {**moment.run.gates, gate.id: gate}
        moment.commands.append(Note("gate_escalated", as_record(moment.run.id, gate)))
    _next(moment, gate, "escalate", [after for after, _ in times])


def answered(moment: Moment, gate: Gate, answer: Answer) -> Mapping[str, Any]:
    """Close a gate with its answer; returns the part that the flow sees."""
    _drop(moment, gate)
    said = {"gate": gate.id, "by": answer.by, "channel": answer.channel, "decision": answer.decision}
    moment.commands.append(Note("gate_answered", {**said, "fields": _shown(gate, answer)}))
    return {
        **answer.fields,
        "decision": answer.decision,
        "answered_by": answer.by,
        "answered_at": answer.at,
        "channel": answer.channel,
    }


def expire(moment: Moment, place: str) -> None:
    """Close a gate that nobody has answered in time."""
    gate = of(moment, place)
    if gate is not None:
        _drop(moment, gate)
        moment.commands.append(Note("gate_expired", {"gate": gate.id}))


def close(moment: Moment, concerns: Callable[[str], bool]) -> None:
    """Withdraw the questions at some places."""
    for gate in [gate for gate in moment.run.gates.values() if concerns(gate.place)]:
        _drop(moment, gate)
        moment.commands.append(Note("gate_closed", {"gate": gate.id}))


def of(moment: Moment, place: str) -> Gate | None:
    """The gate that is open at a place, if there is one."""
    return next((gate for gate in moment.run.gates.values() if gate.place == place), None)


def _drop(moment: Moment, gate: Gate) -> None:
    moment.run.gates = {key: kept for key, kept in moment.run.gates.items() if key != gate.id}
    state = moment.flow.states.get(gate.place)
    if not isinstance(state, ActionState):  # after a crash, the timers of the state in question stay its own
        moment.forget_timers(gate.place, _TIMERS)


def _next(moment: Moment, gate: Gate, purpose: str, after: list[float]) -> None:
    """Set the next of several timers that count from the question."""
    coming = [gate.opened_at + each for each in sorted(after) if gate.opened_at + each > moment.now]
    if coming and gate.id in moment.run.gates:
        moment.set_timer(gate.place, purpose, coming[0])


def _shown(gate: Gate, answer: Answer) -> dict[str, Any]:
    hidden = gate.secrets_of(answer.decision)
    return {name: "•••" if name in hidden else value for name, value in answer.fields.items()}
