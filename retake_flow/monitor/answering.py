"""Answering: stores the answer to a question of a run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from retake_flow.errors import Damaged
from retake_flow.monitor.following import Polling
from retake_flow.monitor.requests import ending, why_undriven
from retake_flow.ports.runs import Runs
from retake_flow.redact import Secret
from retake_flow.run import answers
from retake_flow.run.errors import GateUnknown, RunEnded
from retake_flow.run.gates import Answer, Gate


@dataclass
class GivenAnswer:
    """An answer before it is compared with the question.

    Attributes:
        gate: The gate as the user named it; "" when omitted.
        fields: The fields from the command line.
        document: The JSON object from standard input, if it was read.
        channel: The channel of the answer.
    """

    gate: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] | None = None
    channel: str = "command"

    def answer_to(self, gate: Gate, decision: str) -> tuple[str, dict[str, Any]]:
        """The decision and the fields for a gate. The command line takes precedence."""
        document = dict(self.document or {})
        declared = {name for fields in (gate.fields, *gate.decisions.values()) for name in fields}
        chosen = document.pop("decision") if "decision" in document and "decision" not in declared else ""
        if document.keys() == {"fields"} and isinstance(document["fields"], dict) and "fields" not in declared:
            document = document["fields"]
        return decision or (chosen if isinstance(chosen, str) else json.dumps(chosen)), {**document, **self.fields}


def store_answer(store: Runs, run: str, said: GivenAnswer, decision: str, by: str) -> tuple[Gate, Answer]:
    """Store an answer.

    Raises:
        AlreadyAnswered: Another answer came first.
        AnswerInvalid: The answer is invalid; the error lists everything that is wrong.
        GateUnknown: No question has that name, or several match it.
        RunEnded: The run has ended.
    """
    before = store.load(run).run  # queried first, so that a gate missing from the next query is known to be answered
    if before.has_ended:
        raise RunEnded(ending(before))
    asked = {one.gate.id: one for one in store.open_gates(run)}
    waiting = {name: one.gate for name, one in asked.items()}
    name, now = _match_gate(run, said.gate, waiting, before.gates) or _last_asked(store, run, said.gate), time.time()
    gate = waiting.get(name)
    if gate is not None and (damage := asked[name].damage):
        raise Damaged(damage, hint=f"`retake-flow resume {run}` restores it from the run")
    if gate is None:
        gate = _asked_again(store, run, name, Answer("", {}, by, said.channel, now), waiting)
    chosen, fields = said.answer_to(gate, decision)
    _hide_secrets(gate, fields)
    kept = answers.answer(gate, fields, decision=chosen, by=by, channel=said.channel, at=now)
    store.answer(run, gate.id, kept)
    return gate, kept


def wait_until_taken(store: Runs, run: str, gate: Gate, within: float) -> bool:
    """Wait until a run takes the answer to a gate, and return whether it has; False without a process."""
    polling = Polling(within)
    while True:
        waits = not why_undriven(store, run)
        if gate.id not in store.load(run).run.gates:
            return True
        if not waits or not polling.wait_for_next():
            return False


def _match_gate(run: str, name: str, waiting: Mapping[str, Gate], asked: Mapping[str, Gate]) -> str:
    """The id of the gate that a name means, waiting gates before answered ones; "" when none matches."""
    found = _matching(name, {**asked, **waiting})
    found = [gate for gate in found if gate in waiting] or found
    if len(found) > 1:
        raise GateUnknown(
            f"more than one question may be meant: {', '.join(found)}", hint="write the name of one of them after RUN"
        )
    if not found and not name:
        raise GateUnknown(f"{run} has no open question")
    return found[0] if found else ""


def _last_asked(store: Runs, run: str, name: str) -> str:
    """The id of the last gate in the journal that matches a name; the name itself when none matches."""
    asked = [record["gate"] for _, record in store.journal(run, events=("gate_opened",)) if "gate" in record]
    found = _matching(name, asked)
    return found[-1] if found else name


def _asked_again(store: Runs, run: str, name: str, answer: Answer, waiting: Mapping[str, Gate]) -> Gate:
    """The new gate of an activity's question that was withdrawn and asked again in the meantime."""
    again = (gate for gate in waiting.values() if ":" in gate.place and gate.place == name.rpartition(".")[0])
    try:
        _refuse(store, run, name, answer, waiting)
    except GateUnknown:
        if (gate := next(again, None)) is None:
            raise
        return gate


def _refuse(store: Runs, run: str, gate: str, answer: Answer, waiting: Mapping[str, Gate]) -> NoReturn:
    """Raise the error that says who answered a gate that is not waiting, or why it is not waiting."""
    try:
        store.answer(run, gate, answer)
    except GateUnknown as error:
        raise GateUnknown(error.message, hint=f"it asks: {', '.join(waiting)}" if waiting else "") from None
    raise GateUnknown(f"{run} does not ask {gate!r}")


def _hide_secrets(gate: Gate, fields: Mapping[str, Any]) -> None:
    """Mask the secret fields in all further output, including messages about an invalid answer."""
    for name in frozenset().union(*(gate.secrets_of(decision) for decision in gate.decisions or [""])):
        if name in fields:
            for form in (str(fields[name]), repr(fields[name])[1:-1]):
                Secret(form)


#: The ways in which a name may match a gate, by its id and its place, the strictest first.
_WAYS: tuple[Callable[[str, str, str], bool], ...] = (
    lambda name, gate, place: name == gate,
    lambda name, gate, place: name == place,
    lambda name, gate, place: place.endswith((f"/{name}", f":{name}")),
    lambda name, gate, place: gate.endswith((f"/{name}", f":{name}")),
    lambda name, gate, place: name in place,
)


def _matching(name: str, gates: Iterable[str]) -> list[str]:
    """The ids (`PLACE.VISIT`) that match a name: by id or place, the end of either, or a part of the place.

    Only the strictest kind of match that finds a gate counts. All of them match "".
    """
    known = list(gates)
    if not name:
        return known
    for means in _WAYS:
        found = [gate for gate in known if means(name, gate, gate.rpartition(".")[0])]
        if found:
            return found
    return []
