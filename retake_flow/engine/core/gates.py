"""Gates: ask, remind, escalate, answer, expire and withdraw questions to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.engine.core.draft import Draft
from retake_flow.flow.model import ActionState
from retake_flow.flow.state_parts import Ask
from retake_flow.run.answers import as_record
from retake_flow.run.commands import Note
from retake_flow.run.gates import Answer, Gate

#: A person's possible answers about an action that was in progress when the process died.
AFTER_CRASH: Final[Mapping[str, Mapping[str, Any]]] = {"give_up": {}, "again": {}, "done": {}}

_TIMERS = ("timeout", "remind", "escalate")


def ask(draft: Draft, place: str, question: Ask, root: str) -> None:
    """Ask a question: open it and set its timers."""
    lasts = None if question.timeout is None else draft.seconds(question.timeout, root)
    gate = Gate(
        id=f"{place}.{draft.visit(place)}",
        place=place,
        visit=draft.visit(place),
        message=str(draft.fill(question.message, root)),
        fields=question.fields,
        decisions=question.decisions,
        opened_at=draft.now,
        due=None if lasts is None else draft.now + lasts,
    )
    put(draft, gate)
    if gate.due is not None:
        draft.set_timer(place, "timeout", gate.due)
    _next(draft, gate, "remind", [draft.seconds(after, root) for after in question.remind])
    _next(draft, gate, "escalate", [draft.seconds(later.after, root) for later in question.escalate])


def put(draft: Draft, gate: Gate) -> None:
    """Open a gate."""
    draft.run.gates = {**draft.run.gates, gate.id: gate}
    draft.commands.append(Note("gate_opened", as_record(draft.run.id, gate)))


def remind(draft: Draft, place: str, question: Ask, root: str) -> None:
    """Repeat a question that is still open; missed reminders are sent once."""
    gate = gate_at(draft, place)
    if gate is not None:
        draft.commands.append(Note("gate_reminder", as_record(draft.run.id, gate)))
        _next(draft, gate, "remind", [draft.seconds(after, root) for after in question.remind])


def escalate(draft: Draft, place: str, question: Ask, root: str) -> None:
    """Escalate a question that is still open, to the last escalation that is due."""
    gate = gate_at(draft, place)
    if gate is None:
        return
    times = sorted((draft.seconds(later.after, root), later.to) for later in question.escalate)
    come = [to for after, to in times if gate.opened_at + after <= draft.now]
    if come:
        gate = replace(gate, audience=come[-1])
        draft.run.gates = {**draft.run.gates, gate.id: gate}
        draft.commands.append(Note("gate_escalated", as_record(draft.run.id, gate)))
    _next(draft, gate, "escalate", [after for after, _ in times])


def accept_answer(draft: Draft, gate: Gate, answer: Answer) -> Mapping[str, Any]:
    """Close a gate with its answer; returns the part that the flow sees."""
    _drop(draft, gate)
    said = {"gate": gate.id, "by": answer.by, "channel": answer.channel, "decision": answer.decision}
    draft.commands.append(Note("gate_answered", {**said, "fields": gate.visible_fields(answer)}))
    return {
        **answer.fields,
        "decision": answer.decision,
        "answered_by": answer.by,
        "answered_at": answer.at,
        "channel": answer.channel,
    }


def expire(draft: Draft, place: str) -> None:
    """Close a gate whose time has passed without an answer."""
    gate = gate_at(draft, place)
    if gate is not None:
        _drop(draft, gate)
        draft.commands.append(Note("gate_expired", {"gate": gate.id}))


def close(draft: Draft, concerns: Callable[[str], bool]) -> None:
    """Withdraw the questions at some places."""
    for gate in [gate for gate in draft.run.gates.values() if concerns(gate.place)]:
        _drop(draft, gate)
        draft.commands.append(Note("gate_closed", {"gate": gate.id}))


def gate_at(draft: Draft, place: str) -> Gate | None:
    """The gate that is open at a place, if there is one."""
    return next((gate for gate in draft.run.gates.values() if gate.place == place), None)


def _drop(draft: Draft, gate: Gate) -> None:
    draft.run.gates = {key: kept for key, kept in draft.run.gates.items() if key != gate.id}
    state = draft.flow.states.get(gate.place)
    if not isinstance(state, ActionState):  # after a crash, the timers of the state in question stay its own
        draft.forget_timers(gate.place, _TIMERS)


def _next(draft: Draft, gate: Gate, purpose: str, after: list[float]) -> None:
    """Set the next of several timers that count from the question."""
    coming = [gate.opened_at + each for each in sorted(after) if gate.opened_at + each > draft.now]
    if coming and gate.id in draft.run.gates:
        draft.set_timer(gate.place, purpose, coming[0])
