"""Checks the questions of a flow: their names, their fields, and whether anything reads the answers."""

from __future__ import annotations

from collections.abc import Iterator

from retake_flow.flow.check.references import Chain, all_expressions, mentions
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.fields import flaw, mismatch
from retake_flow.flow.model import Activity, Flow, QuestionState, askers
from retake_flow.flow.state_parts import ANSWERED, Ask

#: Names of events that decisions and ends of sub-flows must not use.
RESERVED = ("timeout", "stop", "error")
_Asker = QuestionState | Activity


def problems(flow: Flow) -> Iterator[Problem]:
    """Problems with questions, and fields that nothing reads."""
    asked = [each for state in flow.states.values() for each in askers(state)]
    for asker, ask in asked:
        yield from _question(asker, ask)
    if asked:
        yield from _unread_fields(flow, asked)


def _question(asker: _Asker, ask: Ask) -> Iterator[Problem]:
    if ask.fields and ask.decisions:
        message = f"{asker.name!r} has both an `answer` and `decisions`"
        yield Problem(asker.position, "RF013", message, "give each decision the fields that belong to it")
    for name in ask.decisions:
        if name in RESERVED:
            message = f"a decision of {asker.name!r} is called {name!r}, which is a built-in event"
            yield Problem(asker.position, "RF046", message, "give it another name")
    for fields in (ask.fields, *ask.decisions.values()):
        for name, schema in fields.items():
            said = f"has a name that answers use: {', '.join(ANSWERED)}" if name in ANSWERED else flaw(schema)
            if not said and "default" in schema:
                said = mismatch(schema["default"], schema)
            if said:
                yield Problem(asker.position, "RF046", f"the field {name!r} of {asker.name!r} {said}")


def _unread_fields(flow: Flow, asked: list[tuple[_Asker, Ask]]) -> Iterator[Problem]:
    """The fields of answers that no expression uses."""
    used: dict[str, set[Chain]] = {}
    for root, expression in all_expressions(flow):
        used.setdefault(root, set()).update(mention.chain for mention in mentions(expression))
    for asker, ask in asked:
        read = _fields_read(flow, asker, used)
        every = {name: schema for fields in (ask.fields, *ask.decisions.values()) for name, schema in fields.items()}
        for name, schema in every.items():
            # An optional field is a remark, which the journal keeps.
            if name not in read and "*" not in read and not schema.get("optional"):
                message = f"nothing reads the field {name!r} that {asker.name!r} asks for"
                base = "result" if isinstance(asker, Activity) else f"outputs.{asker.name}"
                yield Problem(asker.position, "RF054", message, f"use `{base}.{name}`, or do not ask for it")


def _fields_read(flow: Flow, asker: _Asker, used: dict[str, set[Chain]]) -> set[str]:
    """The fields of a question that are used by name, with `*` if an answer is used as a whole."""
    kind = "activities" if isinstance(asker, Activity) else "outputs"
    name, root, inside = asker.name, asker.root, Chain()
    found: set[str] = set()
    while True:
        for base in (("result", *inside), ("event", "result", *inside), (kind, name, *inside)):
            found |= _after(base, used.get(root, set()))
        if not root or isinstance(asker, Activity):
            return found
        state = flow.states[root]
        name, root, inside = state.name, state.root, (name, *inside)


def _after(base: Chain, chains: set[Chain]) -> set[str]:
    """The names that follow a name; `*` if the name, or only the beginning of it, is used."""
    found: set[str] = set()
    for chain in chains:
        if chain == base[: len(chain)]:
            found.add("*")
        elif chain[: len(base)] == base:
            found.add(chain[len(base)])
    return found
